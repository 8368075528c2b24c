"""Apache HTTP Server's error log (ErrorLogFormat), of versions 2.2 and 2.4."""

import numpy as np
import polars as pl

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Codes, Header, Span
from siemstress.formats.stamps import ctime
from siemstress.formats.syslog import without_return
from siemstress.sources.lines import Ints, Lines, Mask, clipped

_OPEN, _CLOSE, _BLANK = 91, 93, 32
# Apache's levels by syslog's severities; what it calls trace1 to trace8 is debug here.
_LEVELS = {
    "emerg": 0, "alert": 1, "crit": 2, "error": 3, "warn": 4, "notice": 5, "info": 6, "debug": 7,
}  # fmt: skip


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, _ = without_return(lines)
    ok = (ends - lines.starts > 28) & (lines.byte(lines.starts) == _OPEN)
    # After the weekday and a blank.
    stamps = ctime(lines, np.where(ok, lines.starts + 5, lines.starts), clock)
    close = lines.starts + 5 + stamps.length
    ok &= stamps.ok & (close + 2 < ends)
    close = np.where(ok, close, lines.starts)
    ok &= (lines.byte(close) == _CLOSE) & (lines.byte(close + 1) == _BLANK)
    ok &= lines.byte(close + 2) == _OPEN
    rows = np.flatnonzero(ok)
    level = close + 3
    length = lines.find(level, ends, "]")
    message = np.minimum(np.where(length >= 0, level + length + 1, close + 2), ends)
    message = np.minimum(message + (lines.byte(message) == _BLANK), ends)
    header = Header(
        lines=lines, format="apacheerror", message=Span(message, ends - message),
        time=stamps.time, zone=stamps.zone, severity=_severity(lines, level, length, rows),
        program="apacheerror",
    )  # fmt: skip
    return ok, header.take(rows)


def _severity(lines: Lines, start: Ints, length: Ints, rows: Ints) -> Codes:
    """The level, with or without a module in front of it, as syslog's severity; -1: none."""
    size = clipped(lines, start[rows], np.clip(length[rows], -1, 64))
    text = lines.text(start[rows], size)
    word = text.str.replace("^.*:", "").str.replace("^trace[1-8]$", "debug")
    code = word.replace_strict(_LEVELS, default=-1, return_dtype=pl.Int8)
    severity = np.full(len(lines), -1, np.int8)
    severity[rows] = code.fill_null(-1).to_numpy()
    return severity


APACHE = Format(
    name="apacheerror",
    read=_read,
    rank=25,
    samples=(
        Sample(
            "[Sun Dec 04 04:51:18 2005] [error] [client 203.0.113.9] File does not exist: /a",
            {"time": "2005-12-04T04:51:18", "severity": 3, "source_host": "203.0.113.9",
             "message": "[client 203.0.113.9] File does not exist: /a"},
        ),
        Sample(
            "[Fri Sep 09 10:42:29.902022 2011] [core:notice] [pid 35708:tid 432] AH00094: up",
            {"time": "2011-09-09T10:42:29.902022", "severity": 5,
             "message": "[pid 35708:tid 432] AH00094: up"},
        ),
    ),
)  # fmt: skip
