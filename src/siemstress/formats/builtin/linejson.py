"""JSON logs: an object a line, or an array of objects (see `sources.arrays`).

Keys that are known (see `formats.keys`) fill columns, all others go into the fields. The message
of an object that has none under a known key is the object itself.
"""

from functools import partial

import numpy as np

from siemstress.formats import moments
from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.found import Found
from siemstress.formats.header import Codes, Header, Span, unread
from siemstress.formats.keys import FACILITY_NUMBERS, LEVELS, pointers
from siemstress.formats.objects import Leaves, take_apart
from siemstress.formats.stamps import NO_TIME, NO_ZONE, Stamps
from siemstress.formats.syslog import without_return
from siemstress.sources.arrays import ArrayLines
from siemstress.sources.lines import Ints, Lines, Mask

_OPEN, _BLANK, _TAB = 123, 32, 9
_TEXTS = ("host", "process", "source_host", "dest_host", "protocol", "user_name", "action")
_PORTS = ("source_port", "dest_port")
_OUTCOMES = {"success": 0, "failure": 1}
_OF_ALL = tuple(pointers())


def _read(lines: Lines, clock: Clock, name: str) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    ok = _opened(lines, ends)
    rows = np.flatnonzero(ok)
    if not len(rows):
        return ok, unread(lines.take(rows))
    text = lines.text(lines.starts[rows], ends[rows] - lines.starts[rows])
    good, leaves = take_apart(text, _OF_ALL)
    ok[rows[~good]] = False
    rows = rows[good]
    number = np.cumsum(good) - 1
    leaves = Leaves(number[leaves.row], leaves.name, leaves.names, leaves.text)
    found = Found(lines.take(rows), leaves)
    whole = Span(lines.starts[rows], ends[rows] - lines.starts[rows])
    header = _header(found, whole, clock, name)
    if returned is not None and header.rebuilt is not None:
        header.rebuilt &= ~returned[rows]
    return ok, header


def _opened(lines: Lines, ends: Ints) -> Mask:
    """Lines that begin with a brace, perhaps behind blanks."""
    first = lines.byte(lines.starts)
    ok: Mask = (first == _OPEN) & (ends > lines.starts)
    led = np.flatnonzero(((first == _BLANK) | (first == _TAB)) & (ends > lines.starts))
    if len(led):
        text = lines.text(lines.starts[led], ends[led] - lines.starts[led])
        ok[led] = text.str.contains(r"^[ \t]+\{").to_numpy()
    return ok


def _header(found: Found, whole: Span, clock: Clock, name: str) -> Header:
    for column in _PORTS:
        found.numbers(column, 65_535)
    found.codes("outcome", _OUTCOMES)
    stamps = _times(found, clock)
    pid = found.numbers("pid", 99_999_999)
    severity, facility = found.codes("severity", LEVELS), found.codes("facility", FACILITY_NUMBERS)
    spans = {column: found.span(column) for column in (*_TEXTS, *_PORTS, "outcome")}
    message = found.span("message") or Span(whole.start, np.full(len(found.lines), -1))
    has = message.length >= 0
    return Header(
        lines=found.lines,
        format=name,
        message=Span(
            np.where(has, message.start, whole.start), np.where(has, message.length, whole.length)
        ),
        time=stamps.time,
        zone=stamps.zone,
        spans={column: span for column, span in spans.items() if span is not None},
        pid=pid,
        severity=_codes(severity),
        facility=_codes(facility),
        rebuilt=~has,
        extra=found.rest(),
    )


def _codes(numbers: Ints | None) -> Codes | None:
    return None if numbers is None else numbers.astype(np.int8)


def _times(found: Found, clock: Clock) -> Stamps:
    count = len(found.lines)
    none = np.zeros(count, bool)
    result = Stamps(
        none, np.full(count, NO_TIME, np.int64), np.full(count, NO_ZONE, np.int16), none,
        np.zeros(count, np.int64),
    )  # fmt: skip
    zone = found.text("zone")
    span = found.span("time")
    if span is None:
        found.leave("zone", np.arange(count))
        return result
    rows = np.flatnonzero(span.length >= 0)
    stamps, zoned = moments.read(found.lines, span.take(rows), zone.gather(rows), clock)
    result.time[rows] = np.where(stamps.ok, stamps.time, NO_TIME)
    result.zone[rows] = np.where(stamps.ok, stamps.zone, NO_ZONE)
    found.leave("time", rows[~stamps.ok])
    without = np.ones(count, bool)
    without[rows[zoned]] = False
    found.leave("zone", np.flatnonzero(without))
    return result


LINES = Format(
    name="linejson",
    read=partial(_read, name="linejson"),
    rank=15,
    samples=(
        Sample(
            '{"@timestamp":"2017-08-23T06:15:38.5Z","host":{"name":"web1"},"process":{"name":'
            '"sshd","pid":12},"log":{"level":"warning"},"message":"Failed password for root from '
            '203.0.113.9 port 4022 ssh2","labels":{"rack":7},"tags":["a","b"]}',
            {"time": "2017-08-23T06:15:38.500", "zone": "Z", "host": "web1", "process": "sshd",
             "pid": 12, "severity": 4, "user_name": "root", "source_host": "203.0.113.9",
             "message": "Failed password for root from 203.0.113.9 port 4022 ssh2",
             "fields.labels.rack": "7", "fields.tags": '["a","b"]', "fields.method": "password"},
        ),
        Sample(
            '{"__REALTIME_TIMESTAMP":"1534860261221373","PRIORITY":"3","_HOSTNAME":"imx6",'
            '"SYSLOG_FACILITY":"10","SYSLOG_IDENTIFIER":"su","_PID":"184","_UID":"0",'
            '"MESSAGE":"FAILED SU (to root) bob on pts/2"}',
            {"time": "2018-08-21T14:04:21.221373", "zone": "+00:00", "host": "imx6",
             "process": "su", "pid": 184, "facility": "authpriv", "severity": 3,
             "user_name": "bob", "outcome": "failure", "fields._UID": "0"},
        ),
        Sample(
            '{"ts":1761019822.3152757,"level":"info","logger":"admin","request":'
            '{"remote_ip":"192.0.2.7"}}',
            {"time": "2025-10-21T04:10:22.315276", "severity": 6, "host": None,
             "message": '{"ts":1761019822.3152757,"level":"info","logger":"admin","request":'
                        '{"remote_ip":"192.0.2.7"}}',
             "fields.logger": "admin", "fields.request.remote_ip": "192.0.2.7"},
        ),
        Sample(
            '{"DateStamp":"20170823061538","TZone":"-0400","SourceHost":"h","Process":"cron",'
            '"PID":"7","Message":"hi"}',
            {"time": "2017-08-23T10:15:38", "zone": "-04:00", "host": "h", "process": "cron",
             "pid": 7, "message": "hi"},
        ),
    ),
)  # fmt: skip
ARRAY = Format(
    name="sojson",
    read=partial(_read, name="sojson"),
    unpack=ArrayLines,
    rank=None,
    samples=(
        Sample(
            '{"timestamp":"2017-08-23T06:15:38+02:00","src_ip":"192.0.2.7","src_port":4022,'
            '"dest_ip":"192.0.2.1","dest_port":22,"proto":"TCP","event_type":"alert"}',
            {"time": "2017-08-23T04:15:38", "zone": "+02:00", "source_host": "192.0.2.7",
             "source_port": 4022, "dest_host": "192.0.2.1", "dest_port": 22, "protocol": "tcp",
             "fields.event_type": "alert"},
        ),
    ),
)  # fmt: skip
