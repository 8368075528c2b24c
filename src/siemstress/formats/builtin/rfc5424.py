"""The syslog protocol of RFC 5424."""

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.stamps import NO_TIME, NO_ZONE, iso
from siemstress.formats.syslog import priority, without_return
from siemstress.sources.lines import Ints, Lines, Mask

_HYPHEN, _BLANK, _OPEN, _BACKSLASH = 45, 32, 91, 92
_BOM = 0xBFBBEF
# How often an escaped bracket is passed over in search of where structured data ends.
_ESCAPES = 64


def _word(lines: Lines, at: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """A word's length, and where the next begins; nothing is left behind a line's end."""
    length = lines.find(at, ends, " ")
    length = np.where(length < 0, ends - at, length)
    return length, np.minimum(at + length + 1, ends)


def _nil(lines: Lines, at: Ints, length: Ints) -> Ints:
    """Lengths, with -1 for the nil value."""
    return np.where((length == 1) & (lines.byte(at) == _HYPHEN), -1, length)


def _structured(lines: Lines, at: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """Length of the structured data at `at` (section 6.3), and where it is well-formed."""
    nil = (lines.byte(at) == _HYPHEN) & (at < ends)
    length = np.where(nil, 1, 0)
    rows = np.flatnonzero(~nil & (lines.byte(at) == _OPEN) & (at < ends))
    begin = at[rows]
    for _ in range(_ESCAPES):
        if not len(rows):
            break
        close = lines.find(begin, ends[rows], "] ")
        close = np.where(close < 0, ends[rows] - begin - 1, close)
        place = begin + close
        escaped = (lines.byte(np.maximum(place - 1, 0)) == _BACKSLASH) & (place + 1 < ends[rows])
        good = ~escaped & (lines.byte(np.maximum(place, 0)) == 93)
        length[rows[good]] = place[good] + 1 - at[rows[good]]
        rows, begin = rows[escaped], place[escaped] + 1
    return length, length > 0


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    mark = priority(lines)
    at = mark.start
    digits, stamp = _word(lines, at, ends)
    version = lines.number(at, digits)
    ok = (at > lines.starts) & (version >= 1) & (digits <= 3)
    first = (version == 1) & (digits == 1)
    at = stamp
    stamp_length, behind = _word(lines, at, ends)
    stamps = iso(lines, at, ends, clock)
    unknown = _nil(lines, at, stamp_length) < 0
    ok &= stamps.ok | unknown
    time = np.where(stamps.ok, stamps.time, NO_TIME)
    zone = np.where(stamps.ok, stamps.zone, NO_ZONE).astype(np.int16)
    spans = {}
    filled = np.ones(len(lines), bool)  # Two blanks in a row are not what is written again.
    for name in ("host", "process", "pid", "msgid"):
        ok &= behind < ends
        length, following = _word(lines, behind, ends)
        spans[name] = Span(behind, _nil(lines, behind, length))
        filled &= length > 0
        behind = following
    length, sound = _structured(lines, behind, ends)
    ok &= sound
    structured = Span(behind, _nil(lines, behind, length))
    message = np.minimum(behind + length + 1, ends)
    ok &= (behind + length == ends) | (lines.byte(np.minimum(behind + length, ends)) == _BLANK)
    marked = (lines.half_words[message] & np.uint32(0xFFFFFF) == _BOM) & (message + 3 <= ends)
    message = message + np.where(marked, 3, 0)
    number = spans.pop("pid")
    pid = lines.number(number.start, number.length)
    exact = (
        first & filled & stamps.exact & (structured.length < 0) & ~marked & (behind + length < ends)
    )
    exact &= (number.length < 0) | ((pid >= 0) & _canonical(lines, number))
    exact &= np.ones(len(lines), bool) if mark.exact is None else mark.exact
    if returned is not None:
        exact &= ~returned
    fields = {
        "msgid": spans.pop("msgid"),
        "procid": Span(number.start, np.where(pid >= 0, -1, number.length)),
        "structured_data": structured,
    }
    header = Header(
        lines=lines, format="rfc5424", message=Span(message, ends - message), time=time,
        zone=zone, spans=spans, fields=fields, pid=pid, facility=mark.facility,
        severity=mark.severity, rebuilt=exact,
    )  # fmt: skip
    return ok, header.take(np.flatnonzero(ok))


def _canonical(lines: Lines, number: Span) -> Mask:
    led: Mask = (number.length > 1) & (lines.byte(number.start) == 48)
    return ~led


RFC5424 = Format(
    name="rfc5424",
    read=_read,
    rank=5,
    samples=(
        Sample(
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed",
            {"time": "2003-10-11T22:14:15.003", "host": "mymachine.example.com", "process": "su",
             "pid": None, "facility": "auth", "severity": 2, "message": "'su root' failed",
             "fields.msgid": "ID47"},
        ),
        Sample(
            '<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - '
            '[a@1 k="v\\] x"][b@1] It is time',
            {"time": "2003-08-24T12:14:15.000003", "host": "192.0.2.1", "process": "myproc",
             "pid": 8710, "message": "It is time",
             "fields.structured_data": '[a@1 k="v\\] x"][b@1]'},
        ),
        Sample(
            "<14>1 - - - - - -",
            {"host": None, "process": None, "message": "", "facility": "user", "severity": 6},
        ),
    ),
)  # fmt: skip
