"""From named values to the header of an event, whatever way the values were written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.formats import moments
from siemstress.formats.clock import Clock
from siemstress.formats.found import Found
from siemstress.formats.header import Codes, Extra, Header, Span
from siemstress.formats.keys import FACILITY_NUMBERS, LEVELS
from siemstress.formats.stamps import NO_TIME, NO_ZONE
from siemstress.sources.lines import Ints, Lines

_TEXTS = ("host", "process", "source_host", "dest_host", "protocol", "user_name", "action")
_PORTS = ("source_port", "dest_port")
OUTCOMES = {"success": "success", "failure": "failure"}
"""Words that are an outcome."""


def event(
    found: Found,
    base: Header,
    clock: Clock,
    name: str,
    *,
    actions: Mapping[str, str] | None = None,
    outcomes: Mapping[str, str] = OUTCOMES,
    levels: Mapping[str, int] = LEVELS,
) -> Header:
    """The header of lines in which named values were found.

    `base` is the header of the same lines as far as it was known before: what was found takes the
    place of what it has, and completes it. What fills no column goes into the fields. `actions`
    and `outcomes`, by the words found in lower case, say what these columns hold; a word that is
    not there stays a field (without `actions` any word is one). `levels` are severities by name.
    """
    for column in _PORTS:
        found.numbers(column, 65_535)
    values = {"outcome": found.mapped("outcome", outcomes)}
    if actions is not None:
        values["action"] = found.mapped("action", actions)
    time, zone = _times(found, base, clock)
    pid = found.numbers("pid", 99_999_999)
    severity = found.codes("severity", levels)
    facility = found.codes("facility", FACILITY_NUMBERS)
    texts = _TEXTS if actions is None else tuple(name for name in _TEXTS if name != "action")
    spans = {column: found.span(column) for column in (*texts, *_PORTS)}
    return replace(
        base,
        lines=found.lines,
        format=name,
        message=_completed(found.span("message"), base.message),
        time=time,
        zone=zone,
        spans=base.spans | {n: _completed(s, base.spans.get(n)) for n, s in spans.items() if s},
        values=base.values | {n: text for n, text in values.items() if text is not None},
        pid=_known(pid, base.pid),
        severity=_codes(_known(severity, base.severity)),
        facility=_codes(_known(facility, base.facility)),
        rebuilt=None,
        extra=_both(found.lines, base.extra, found.rest()),
        parsed=True,
    )  # fmt: skip


def _completed(first: Span | None, second: Span | None) -> Span:
    """The first where it is there."""
    if first is None or second is None:
        found = first or second
        assert found is not None  # noqa: S101 - asked for where there is one
        return found
    has = first.length >= 0
    return Span(
        np.where(has, first.start, second.start), np.where(has, first.length, second.length)
    )


def _known(first: Ints | None, second: Ints | Codes | None) -> Ints | None:
    if first is None or second is None:
        return first if second is None else second.astype(np.int64)
    return np.where(first >= 0, first, second)


def _codes(numbers: Ints | None) -> Codes | None:
    return None if numbers is None else numbers.astype(np.int8)


def _times(found: Found, base: Header, clock: Clock) -> tuple[Ints, npt.NDArray[np.int16]]:
    """Times and zones: what was found, else what is known."""
    count = len(found.lines)
    time, zone = base.time.copy(), base.zone.copy()
    named = found.text("zone")
    span = found.span("time")
    if span is None:
        found.leave("zone", np.arange(count))
        return time, zone
    rows = np.flatnonzero(span.length >= 0)
    stamps, zoned = moments.read(found.lines, span.take(rows), named.gather(rows), clock)
    good = rows[stamps.ok]
    time[good] = stamps.time[stamps.ok]
    zone[good] = stamps.zone[stamps.ok]
    found.leave("time", rows[~stamps.ok])
    without = np.ones(count, bool)
    without[rows[zoned]] = False
    found.leave("zone", np.flatnonzero(without))
    return time, zone


def _both(lines: Lines, first: Extra | None, second: Extra | None) -> Extra | None:
    """Fields of two finds; of two with one name in a line the second counts."""
    if first is None or second is None:
        return first or second
    row = np.concatenate([second.row, first.row])
    name, value = (
        Span(*(np.concatenate([b, a]) for a, b in (
            (getattr(first, part).start, getattr(second, part).start),
            (getattr(first, part).length, getattr(second, part).length),
        )))
        for part in ("name", "value")
    )  # fmt: skip
    distinct = pl.DataFrame({"row": row, "name": lines.text(name.start, name.length)})
    kept = distinct.with_row_index("at").unique(["row", "name"], keep="first")["at"].to_numpy()
    kept = kept[np.argsort(row[kept], kind="stable")].astype(np.int64)
    return Extra(row[kept], name.take(kept), value.take(kept))


def untimed(lines: Lines, rows: Ints, ends: Ints, name: str) -> Header:
    """The header of some whole lines of which nothing is known yet; all of them is message."""
    count = len(rows)
    return Header(
        lines=lines.take(rows),
        format=name,
        message=Span(lines.starts[rows], ends[rows] - lines.starts[rows]),
        time=np.full(count, NO_TIME, np.int64),
        zone=np.full(count, NO_ZONE, np.int16),
    )
