"""What a config adds to events as they arrive: places, marks, owners; and what it masks."""
