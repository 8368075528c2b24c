"""Gentoo's emerge.log: seconds since 1970, a colon, what was done."""

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.syslog import without_return
from siemstress.sources.lines import Lines, Mask


def _read(lines: Lines, _clock: Clock) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    start = lines.starts
    head = lines.number(start, np.full(len(lines), 8))
    tail = lines.number(start + 8, np.full(len(lines), 2))
    ok = (head >= 0) & (tail >= 0) & (ends - start >= 12)
    ok &= (lines.byte(start + 10) == 58) & (lines.byte(start + 11) == 32)
    rows = np.flatnonzero(ok)
    seconds = head[rows] * 100 + tail[rows]
    part = lines.take(rows)
    exact = lines.byte(start[rows]) != 48
    if returned is not None:
        exact &= ~returned[rows]
    header = Header(
        lines=part,
        format="emerge",
        message=Span(part.starts + 12, ends[rows] - part.starts - 12),
        time=seconds * 1_000_000,
        zone=np.zeros(len(part), np.int16),
        rebuilt=exact,
    )
    return ok, header


EMERGE = Format(
    name="emerge",
    read=_read,
    rank=60,
    samples=(
        Sample(
            "1522965713: Started emerge on: Apr 05, 2018 22:01:53",
            {"time": "2018-04-05T22:01:53", "message": "Started emerge on: Apr 05, 2018 22:01:53"},
        ),
    ),
)
