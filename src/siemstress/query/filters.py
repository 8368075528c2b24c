"""Which events are wanted: the flags of siemquery, and of limit rules, as one object.

The same object gives the SQL condition and the bounds by which a store leaves out files. The same
flag twice means either, different flags must all hold. A flag with an `r` in front filters out,
and keeps events that have nothing in the column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from siemstress.errors import QueryError
from siemstress.schema import EVENT, Column
from siemstress.store.base import Bounds

if TYPE_CHECKING:
    from sqlglot import exp

Value = str | int

SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""RFC 5424, table 2, by the names that syslog.conf uses; the place in the list is the number."""

_SEVERITY_NAMES = {name: number for number, name in enumerate(SEVERITIES)} | {
    "panic": 0, "emergency": 0, "critical": 2, "error": 3, "warn": 4, "informational": 6,
}  # fmt: skip
_LARGEST = {"int64": 2**63 - 1, "int32": 2**31 - 1}
_TRUE = ("", "yes", "true", "on", "1")
_FALSE = ("no", "false", "off", "0")


def _columns() -> dict[str, tuple[Column, ...]]:
    found: dict[str, tuple[Column, ...]] = {}
    for column in EVENT:
        if column.flag and column.kind != "time":
            found[column.flag] = (*found.get(column.flag, ()), column)
        if column.name == "action":
            found["category"] = (column,)
    return found


COLUMNS: Mapping[str, tuple[Column, ...]] = _columns()
"""The columns that each flag looks at, by the flag without dashes and without an `r` in front."""


@dataclass(frozen=True)
class Filter:
    """Which events are wanted.

    `include` and `exclude` hold the values of each flag, by its name in COLUMNS. Times are UTC
    without a zone, both inclusive; None: no limit.
    """

    include: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    exclude: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    time_min: datetime | None = None
    time_max: datetime | None = None

    def condition(self) -> exp.Expr | None:
        """The condition in the house dialect, its columns quoted; None: all events."""
        from siemstress.query import conditions

        return conditions.of(self)

    def bounds(self) -> Bounds:
        """The limits of time and id that follow from the filter."""
        ids = [value for value in self.include.get("id", ()) if isinstance(value, int)]
        return Bounds(
            time_min=self.time_min,
            time_max=self.time_max,
            id_min=min(ids, default=None),
            id_max=max(ids, default=None),
        )


def parse_flags(flags: Mapping[str, Sequence[str]]) -> Filter:
    """The filter that flags and their values ask for; names without dashes.

    Raises:
        QueryError: no such flag, or a value that it cannot take; `key` is the flag.

    """
    include: dict[str, Sequence[Value]] = {}
    exclude: dict[str, Sequence[Value]] = {}
    for flag, texts in flags.items():
        name = base_name(flag)
        if name is None:
            raise QueryError("no such filter", key=flag)
        values = [value for text in texts for value in _values(flag, name, text)]
        if values:
            (include if name == flag else exclude)[name] = tuple(dict.fromkeys(values))
    return Filter(include, exclude)


def base_name(flag: str) -> str | None:
    """The flag in COLUMNS that a flag stands for, with an `r` in front or without; or None."""
    return next((name for name in (flag, flag.removeprefix("r")) if name in COLUMNS), None)


def _values(flag: str, name: str, text: str) -> Iterator[Value]:
    """The values that one text stands for: most flags take it as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise QueryError("is not UTF-8 text", key=flag) from None
    if name == "severity":
        yield from _severities(flag, text)
    elif name == "facility":
        yield _facility(flag, text.strip())
    elif name == "category":
        yield _category(flag, text.strip().lower())
    elif name == "unparsed":
        if _switch(flag, text.strip().lower()):
            yield 1
    elif name == "field":
        if not text.partition("=")[0].strip() or "=" not in text:
            raise QueryError(f"must be NAME=VALUE, not {text[:40]!r}", key=flag)
        yield text
    elif COLUMNS[name][0].kind in _LARGEST:
        largest = 65535 if name in ("sport", "dport") else _LARGEST[COLUMNS[name][0].kind]
        yield number(flag, text, largest)
    else:
        yield text


def number(flag: str, text: str, largest: int) -> int:
    """A text as a number from 0 to `largest`.

    Raises:
        QueryError: it is none; `key` is the flag.

    """
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,20}", digits) or int(digits) > largest:
        raise QueryError(f"must be a number from 0 to {largest}, not {text[:40]!r}", key=flag)
    return int(digits)


def _severities(flag: str, text: str) -> Iterator[int]:
    """Severities given as `3`, `err`, `0-3`, `emerg-err`, several of them with commas."""
    for part in text.lower().split(","):
        edges = [_severity(edge.strip()) for edge in part.split("-")]
        first, last = edges[0], edges[-1]
        if first is None or last is None or len(edges) > 2 or first > last:
            known = ", ".join(SEVERITIES)
            raise QueryError(
                f"must be 0 to 7, a range like 0-3, or a name of {known}; not {text[:40]!r}",
                key=flag,
            )
        yield from range(first, last + 1)


def _severity(text: str) -> int | None:
    if text in _SEVERITY_NAMES:
        return _SEVERITY_NAMES[text]
    return int(text) if re.fullmatch("[0-7]", text) else None


def _facility(flag: str, text: str) -> str:
    if not text.isdecimal():
        return text
    from siemstress.formats.syslog import FACILITIES

    return FACILITIES[number(flag, text, len(FACILITIES) - 1)]


def _category(flag: str, text: str) -> str:
    from siemstress.fields.actions import CATEGORIES

    if text not in CATEGORIES:
        known = ", ".join(CATEGORIES)
        raise QueryError(f"must be one of {known}; not {text[:40]!r}", key=flag)
    return text


def _switch(flag: str, text: str) -> bool:
    if text not in _TRUE and text not in _FALSE:
        raise QueryError(f"must be yes or no, not {text[:40]!r}", key=flag)
    return text in _TRUE
