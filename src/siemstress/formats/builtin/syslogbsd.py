"""BSD syslog as files hold it (RFC 3164): stamp, host, tag, message; also without the host."""

import numpy as np

from siemstress.formats.base import LOOSE, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.stamps import Stamps, bsd
from siemstress.formats.syslog import is_level, read
from siemstress.sources.lines import Ints, Lines, Mask


def _stamps(lines: Lines, at: Ints, _ends: Ints, clock: Clock) -> Stamps:
    return bsd(lines, at, clock)


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    return read(lines, clock, _stamps, name="syslogbsd", host=True)


def _read_without_host(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ok, header = read(lines, clock, _stamps, name="nohost", host=False)
    process = header.spans["process"]
    repeated = np.flatnonzero(header.begins("last message repeated ") & (process.length > 0))
    if len(repeated):
        # What stands in front of that is the host.
        host = Span(process.start, np.full(len(header), -1, np.int64))
        host.length[repeated], process.length[repeated] = process.length[repeated], -1
        header.spans["host"] = host
        if header.rebuilt is not None:
            header.rebuilt[repeated] = False
    # `Info: a(b): c` is a level and a tag.
    level = is_level(lines, process.start, process.length)
    if not level.any():
        return ok, header
    ok[np.flatnonzero(ok)[level]] = False
    return ok, header.take(np.flatnonzero(~level))


BSD = Format(
    name="syslogbsd",
    aliases=("syslog",),
    read=_read,
    rank=10,
    samples=(
        Sample(
            "Aug 23 06:15:38 host1 sshd[1234]: Failed password",
            {"time": "2017-08-23T06:15:38", "host": "host1", "process": "sshd", "pid": 1234,
             "message": "Failed password", "zone": "+00:00"},
        ),
        Sample(
            "<34>Oct  1 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
            {"time": "2017-10-01T22:14:15", "host": "mymachine", "process": "su", "pid": None,
             "facility": "auth", "severity": 2},
        ),
        Sample(
            "Jun 19 04:09:11 combo syslogd 1.4.1: restart.",
            {"host": "combo", "process": "syslogd 1.4.1", "pid": None, "message": "restart."},
        ),
        Sample(
            "Jan  1 00:00:00 fe80::1 last message repeated 2 times",
            {"host": "fe80::1", "process": None, "message": "last message repeated 2 times"},
        ),
    ),
)  # fmt: skip
NO_HOST = Format(
    name="nohost",
    aliases=("syslognohost",),
    read=_read_without_host,
    rank=LOOSE,
    samples=(
        Sample(
            "Aug 23 06:15:38 sshd[1]: hi",
            {"time": "2017-08-23T06:15:38", "host": None, "process": "sshd", "pid": 1,
             "message": "hi"},
        ),
        Sample(
            "Mar  8 15:18:40 host1: last message repeated 11 times",
            {"host": "host1", "process": None, "message": "last message repeated 11 times"},
        ),
    ),
)  # fmt: skip
