"""Trials: siemstress is killed, halted, flooded and starved, and must lose nothing."""
