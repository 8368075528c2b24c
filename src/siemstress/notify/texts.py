"""Text of events on its way to somebody else: in one line, without what steers, not too long."""

from __future__ import annotations

from siemstress.render.text import visible

LONGEST = 2000
_ELLIPSIS = "…"


def one_line(text: object, longest: int = LONGEST) -> str:
    """A text in one line, what could steer a terminal or hide text made visible."""
    some = str(text)[: longest * 2]
    return cut(" ".join(visible(some).split()), longest)


def cut(text: str, longest: int) -> str:
    """A text that is no longer than it may be."""
    return text if len(text) <= longest else text[: longest - 1] + _ELLIPSIS


def without(text: str, secrets: tuple[str, ...]) -> str:
    """A text in which secrets are not shown."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _ELLIPSIS)
    return text
