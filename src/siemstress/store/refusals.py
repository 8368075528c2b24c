"""What Delta says when it refuses a commit, or cannot read."""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# What it says when somebody else was faster, and trying again is all there is to do.
_HARMLESS = (
    "Metadata changed",
    "Concurrent transaction",
    "already exists",
    "Protocol changed",
    "commit attempts",
    "max_commit_retries",
    "Concurrent",
)


def plain(error: Exception) -> str:
    """What Delta says, on one line and without its colours."""
    return " ".join(_COLOUR.sub("", str(error)).split()) or type(error).__name__


def is_harmless(text: str) -> bool:
    """Whether a refusal means that somebody else was faster, and nothing else."""
    return any(words in text for words in _HARMLESS)


def is_cut(error: Exception) -> bool:
    """Whether the log was cut meanwhile: what a state has listed is gone when it is read."""
    return "not found" in str(error)
