"""Bytes to lines: files, pipes, compressed files, and where in them we are."""
