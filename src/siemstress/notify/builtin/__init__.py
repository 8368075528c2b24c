"""The kinds of notifier that come with siemstress."""
