"""Any line that begins with an ISO 8601 date and time, in brackets or not: the rest is message."""

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.stamps import iso
from siemstress.formats.syslog import without_return
from siemstress.sources.lines import Lines, Mask

_OPEN, _CLOSE, _BLANK, _COMMA = 91, 93, 32, 44


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, _ = without_return(lines)
    opened = (lines.byte(lines.starts) == _OPEN) & (ends - lines.starts > 21)
    at = lines.starts + opened
    close = lines.find(at, np.minimum(at + 40, ends), "]")
    limit = np.where(opened & (close > 0), at + close, ends)
    stamps = iso(lines, at, limit, clock)
    # `2016-09-28 04:30:30, Info`: a comma behind the seconds belongs to the stamp's surroundings.
    comma = ~stamps.ok & (limit - at > 20) & (lines.byte(np.minimum(at + 19, limit)) == _COMMA)
    again = iso(lines, at, np.where(comma, at + 19, limit), clock)
    ok = stamps.ok | (comma & again.ok)
    time = np.where(stamps.ok, stamps.time, again.time)
    zone = np.where(stamps.ok, stamps.zone, again.zone)
    behind = at + np.where(stamps.ok, stamps.length, 19) + opened + (comma & ~stamps.ok)
    behind = np.minimum(np.where(ok, behind, at), ends)
    behind = np.minimum(behind + (lines.byte(behind) == _BLANK), ends)
    rows = np.flatnonzero(ok)
    header = Header(
        lines=lines,
        format="stamped",
        message=Span(behind, ends - behind),
        time=time,
        zone=zone,
        program="stamped",
    )
    return ok, header.take(rows)


STAMPED = Format(
    name="stamped",
    read=_read,
    rank=90,
    samples=(
        Sample(
            "2015-10-18 18:01:47,978 INFO [main] org.example.Main: started",
            {"time": "2015-10-18T18:01:47.978", "message": "INFO [main] org.example.Main: started"},
        ),
        Sample(
            "[2024-05-01T10:00:00+02:00] app.ERROR: no such user",
            {"time": "2024-05-01T08:00:00", "message": "app.ERROR: no such user"},
        ),
        Sample(
            "2016-09-28 04:30:30, Info                  CBS    Loaded",
            {"time": "2016-09-28T04:30:30", "message": "Info                  CBS    Loaded"},
        ),
    ),
)
