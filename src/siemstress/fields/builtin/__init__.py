"""The message tables that come with siemstress."""
