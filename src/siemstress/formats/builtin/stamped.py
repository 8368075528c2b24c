"""Any line that begins with a date and time that is read for sure, in brackets or not."""

import numpy as np

from siemstress.formats import layouts
from siemstress.formats.base import LOOSE, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.stamps import iso
from siemstress.formats.syslog import without_return
from siemstress.formats.wild import find
from siemstress.formats.zones import ZONES
from siemstress.sources.lines import Ints, Lines, Mask

_OPEN, _BLANK = 91, 32
_SIGNS = np.frombuffer(b"+-", np.uint8)
_ZERO_ONE = 0x30
_ZONES = np.unique([int.from_bytes(name[:3].encode(), "little") for name in ZONES])


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, _ = without_return(lines)
    opened = (lines.byte(lines.starts) == _OPEN) & (ends - lines.starts > 21)
    at = lines.starts + opened
    close = lines.find(at, np.minimum(at + 40, ends), "]")
    limit = np.where(opened & (close > 0), at + close, ends)
    stamps = iso(lines, at, limit, clock)
    ok, time, zone = stamps.ok.copy(), stamps.time.copy(), stamps.zone.copy()
    behind = np.minimum(np.where(ok, at + stamps.length + opened, at), ends)
    behind = np.minimum(behind + (lines.byte(behind) == _BLANK), ends)
    rows = np.flatnonzero(~ok | _zone_follows(lines, behind))
    if len(rows):
        found = find(lines.take(rows), lines.starts[rows], ends[rows], clock)
        rows, found = rows[found.stamps.ok], found.take(np.flatnonzero(found.stamps.ok))
        ok[rows] = True
        time[rows], zone[rows] = found.stamps.time, found.stamps.zone
        behind[rows] = found.behind
    rows = np.flatnonzero(ok)
    part, ends = lines.take(rows), ends[rows]
    layout = layouts.find(part, behind[rows], ends)
    header = Header(
        lines=part,
        format="stamped",
        message=Span(layout.behind, ends - layout.behind),
        time=time[rows],
        zone=zone[rows],
        severity=layout.severity,
        pid=layout.pid,
        fields=layout.fields,
        program="stamped",
    )
    return ok, header


def _zone_follows(lines: Lines, at: Ints) -> Mask:
    """Where the first letters of a zone's name, or an offset, may stand."""
    word = lines.half_words[at]
    signed = np.isin(word & np.uint32(0xFF), _SIGNS) & ((word >> 8 & np.uint32(0xFE)) == _ZERO_ONE)
    follows: Mask = np.isin(word & np.uint32(0xFFFFFF), _ZONES) | signed
    return follows


def _sample(stamp: str, time: str, zone: str = "+00:00") -> Sample:
    line = f"{stamp} no such user"
    return Sample(line, {"time": time, "zone": zone, "message": "no such user"})


STAMPED = Format(
    name="stamped",
    read=_read,
    rank=LOOSE + 9,
    samples=(
        Sample(
            "2015-10-18 18:01:47,978 INFO [main] org.example.Main: started",
            {
                "time": "2015-10-18T18:01:47.978",
                "message": "started",
                "severity": 6,
                "fields.thread": "main",
                "fields.logger": "org.example.Main",
            },
        ),
        Sample(
            "[2024-05-01T10:00:00+02:00] app.ERROR: no such user",
            {"time": "2024-05-01T08:00:00", "message": "app.ERROR: no such user"},
        ),
        Sample(
            "2016-09-28 04:30:30, Info                  CBS    Loaded",
            {
                "time": "2016-09-28T04:30:30",
                "message": "Loaded",
                "severity": 6,
                "fields.logger": "CBS",
            },
        ),
        Sample(
            "2015-07-29 17:41:44,747 - WARN  [Peer[myid=1]/0:0:0:0:0:0:0:0:2181] - timed out",
            {
                "message": "timed out",
                "severity": 4,
                "fields.thread": "Peer[myid=1]/0:0:0:0:0:0:0:0:2181",
            },
        ),
        Sample(
            "081109 203615 148 INFO dfs.DataNode$Responder: block ends",
            {
                "time": "2008-11-09T20:36:15",
                "message": "block ends",
                "pid": 148,
                "fields.logger": "dfs.DataNode$Responder",
            },
        ),
        Sample(
            "20171223-22:15:29:606|Step_LSC|3000|onStandStepChanged 3579",
            {"message": "onStandStepChanged 3579", "pid": 3000, "fields.logger": "Step_LSC"},
        ),
        _sample("2017-05-01 10:00:00 CEST", "2017-05-01T08:00:00", "+02:00"),
        _sample("[2017-05-01 10:00:00.123-0700]", "2017-05-01T17:00:00.123", "-07:00"),
        _sample("2017-05-01 10:00:00|", "2017-05-01T10:00:00"),
        _sample("2017:05:01-10:00:00:", "2017-05-01T10:00:00"),
        _sample("2017/05/01  8:00:01", "2017-05-01T08:00:01"),
        _sample("<W>2017-05-01 10:00:00.018", "2017-05-01T10:00:00.018"),
        _sample("(W) 2017-05-01T10:00:00 -", "2017-05-01T10:00:00"),
        _sample("Mon May  1 10:00:00 UTC 2017", "2017-05-01T10:00:00", "+00:00"),
        _sample("[Mon May 01 10:00:00.123456 2017]", "2017-05-01T10:00:00.123456"),
        _sample("[May  1 10:00:00]", "2017-05-01T10:00:00"),
        _sample("[01-May-2017 13:02:34 -0500]:", "2017-05-01T18:02:34", "-05:00"),
        _sample("01-May-2017 13:02:34.372", "2017-05-01T13:02:34.372"),
        _sample("Mon, 1 May 2017 13:02:34 +0200", "2017-05-01T11:02:34", "+02:00"),
        _sample("May-01-17 07:08:36", "2017-05-01T07:08:36"),
        _sample("L 05/13/2017 - 01:25:17:", "2017-05-13T01:25:17"),
        _sample("13/05/2017 03:50:41 PM", "2017-05-13T15:50:41"),
        _sample("03.07.2017 23:07:20", "2017-07-03T23:07:20"),
        _sample("03-07-2017 23:07:20", "2017-07-03T23:07:20"),
        _sample("17/06/09 20:10:40", "2017-06-09T20:10:40"),
        _sample("20170501-10:00:00:606|", "2017-05-01T10:00:00.606"),
        _sample("20170501-10:0:7:6|", "2017-05-01T10:00:07.006"),
        _sample("I20170501 10:00:00.411655", "2017-05-01T10:00:00.411655"),
        _sample("W0501 10:00:00.411655", "2017-05-01T10:00:00.411655"),
        _sample("170501  8:24:09", "2017-05-01T08:24:09"),
        _sample("170501 100000", "2017-05-01T10:00:00"),
        _sample("[10.30 16:49:06]", "2017-10-30T16:49:06"),
        _sample("1493632800.123", "2017-05-01T10:00:00.123"),
        _sample("1493632800123", "2017-05-01T10:00:00.123"),
        _sample("@400000005907052a0c85ba04", "2017-05-01T09:51:28.210090"),
        _sample("12:57:32.907", "2017-12-31T12:57:32.907"),
        _sample("août 19 11:08:37", "2017-08-19T11:08:37"),
        _sample("Mo 01. Mai 2017 11:08:37", "2017-05-01T11:08:37"),
    ),
)
