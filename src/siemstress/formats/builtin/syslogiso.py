"""Syslog with ISO 8601 stamps, as rsyslog and syslog-ng write it on request."""

from dataclasses import replace

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.formats.stamps import Stamps, iso
from siemstress.formats.syslog import read
from siemstress.sources.lines import Ints, Lines, Mask

# In either case, the letter between date and time.
_T, _LOWER = 116, 0x20

# What stands behind the host where a line is of RFC 5424 without its priority: program, process
# id, message id and structured data.
_RFC5424 = r'^\S{1,48} (?:-|\d+) \S{1,32} (?:-(?: |$)|\[[^ =\]"]{1,32}[ \]])'


def _stamps(lines: Lines, at: Ints, ends: Ints, clock: Clock) -> Stamps:
    """Only with a T: what has a blank there is mostly no syslog, but a program's own log."""
    stamps = iso(lines, at, ends, clock)
    return replace(stamps, ok=stamps.ok & (lines.byte(at + 10) | _LOWER == _T))


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ok, header = read(lines, clock, _stamps, name="syslogiso", host=True, levels=True)
    nameless = np.flatnonzero(header.spans["process"].length < 0)
    if not len(nameless):
        return ok, header
    message = header.message.take(nameless)
    other = lines.text(message.start, message.length).str.contains(_RFC5424).to_numpy()
    if not other.any():
        return ok, header
    kept = np.ones(len(header), bool)
    kept[nameless[other]] = False
    ok[np.flatnonzero(ok)[~kept]] = False
    return ok, header.take(np.flatnonzero(kept))


ISO = Format(
    name="syslogiso",
    read=_read,
    rank=12,
    samples=(
        Sample(
            "2017-08-23T06:15:38.123-04:00 host1 sshd[12]: hi",
            {"time": "2017-08-23T10:15:38.123", "zone": "-04:00", "host": "host1",
             "process": "sshd", "pid": 12, "message": "hi"},
        ),
        Sample(
            "2017-08-23T06:15:38Z host1 kernel: up",
            {"time": "2017-08-23T06:15:38", "zone": "Z", "process": "kernel", "message": "up"},
        ),
    ),
)  # fmt: skip
