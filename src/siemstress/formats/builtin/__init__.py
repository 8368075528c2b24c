"""The log formats that come with siemstress."""
