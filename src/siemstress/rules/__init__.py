"""Rules to alerts."""
