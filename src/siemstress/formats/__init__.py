"""Lines to events: log formats, each in a file of its own."""
