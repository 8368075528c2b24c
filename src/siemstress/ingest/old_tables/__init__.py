"""Tables that the original siemstress made: found, read, and made events of."""
