"""Windows events as agents send them by syslog: the source as the tag, then the event's number."""

from dataclasses import replace

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.builtin.syslogbsd import BSD
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.sources.lines import Lines, Mask

_HEAD = int.from_bytes(b"Microsof", "little")


def _claims(header: Header) -> Mask:
    process = header.spans["process"]
    same: Mask = header.lines.words[process.start] == np.uint64(_HEAD)
    return same & (process.length > 8)


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    read, header = BSD.read(lines, clock)
    return read, replace(header, format="windowsrsyslog", program="windowsrsyslog")


WINDOWS = Format(
    name="windowsrsyslog",
    read=_read,
    refines="syslogbsd",
    claims=_claims,
    samples=(
        Sample(
            "Apr  5 10:11:12 WIN1 Microsoft-Windows-Security-Auditing: 4625: An account failed "
            "to log on.",
            {"time": "2017-04-05T10:11:12", "host": "WIN1",
             "process": "Microsoft-Windows-Security-Auditing",
             "message": "4625: An account failed to log on.", "fields.event_id": "4625"},
        ),
    ),
)  # fmt: skip
