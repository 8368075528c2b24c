"""Values of YAML documents, checked: whatever else stands there is one line of complaint."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any as Anything

MICROSECONDS = 1_000_000
_SPAN = re.compile(r"(\d{1,9})(s|m|h|d|w|M|y)")
_DAY = re.compile(r"(\d{4})[-/](\d\d?)[-/](\d\d?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2629746, "y": 31556952}
_LONGEST = 10 * 366 * 86400


class Wrong(ValueError):
    """Something in a rule is not as it must be; the message says what, and what would be right."""


def mapping(value: Anything, what: str) -> Mapping[str, Anything]:
    """A mapping whose keys are texts."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Wrong(f"{what} must be a mapping of keys and values")
    return value


def known(given: Mapping[str, Anything], keys: Iterable[str], what: str) -> None:
    """Complain of keys that do not exist."""
    there = sorted(keys)
    for key in given:
        if key not in there:
            raise Wrong(f"{what}: there is no {key[:60]!r}; there are: {', '.join(there)}")


def text(value: Anything, what: str) -> str:
    """A text, of one line."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise Wrong(f"{what} must be a text")
    return " ".join(str(value).split())


def texts(value: Anything, what: str) -> tuple[str, ...]:
    """A text, or a list of them."""
    if value is None:
        return ()
    some = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(text(one, what) for one in some))


def span(value: Anything, what: str) -> int:
    """A time span as Sigma writes it (`30s`, `5m`, `2h`, `7d`), in µs."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST:
        raise Wrong(f"{what} must be a time span (30s, 5m, 2h, 7d), up to ten years")
    return seconds * MICROSECONDS


def number(value: Anything, what: str, least: float, most: float) -> float:
    """A number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Wrong(f"{what} must be a number from {least:g} to {most:g}")
    return value


def whole(value: Anything, what: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Wrong(f"{what} must be a whole number from {least} to {most}")
    return value


def day(value: Anything, what: str) -> int:
    """The begin of a day (`2026-01-31`), in µs since 1970."""
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    with contextlib.suppress(ValueError):
        if found:
            moment = datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC)
            return round(moment.timestamp()) * MICROSECONDS
    raise Wrong(f"{what} must be a day (2026-01-31)")
