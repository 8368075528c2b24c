"""Sigma rules: read, compiled, and evaluated on batches of events."""
