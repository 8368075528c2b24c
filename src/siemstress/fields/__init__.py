"""Messages to fields: what programs say, by program."""
