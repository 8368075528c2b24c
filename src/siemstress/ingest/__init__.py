"""The way from lines to stored events."""
