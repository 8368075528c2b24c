"""siemstress: log lines in, events stored, questions answered, alerts raised."""

__version__ = "0.1.0"
