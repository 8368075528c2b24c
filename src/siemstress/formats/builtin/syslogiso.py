"""Syslog with ISO 8601 stamps, as rsyslog and syslog-ng write it on request."""

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.formats.stamps import iso
from siemstress.formats.syslog import read
from siemstress.sources.lines import Lines, Mask


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    return read(lines, clock, iso, name="syslogiso", host=True)


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
