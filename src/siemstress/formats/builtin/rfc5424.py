"""The syslog protocol of RFC 5424."""

from dataclasses import replace

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.found import Found
from siemstress.formats.header import Header, Span, unread
from siemstress.formats.stamps import NO_TIME, NO_ZONE, iso
from siemstress.formats.structured import REGISTERED, WHOLE, take_apart
from siemstress.formats.syslog import Priority, priority, without_return
from siemstress.sources.lines import Ints, Lines, Mask

_HYPHEN, _BLANK, _OPEN, _SMALL_Z, _T = 45, 32, 91, 122, 84
_BOM = 0xBFBBEF
_FIRST = int.from_bytes(b"1 ", "little")
# How long the words of a head may be (section 6).
_WORDS = {"host": 255, "process": 48, "pid": 128, "msgid": 32}


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
    if len(rows):
        text = lines.text(at[rows], ends[rows] - at[rows]).str.extract(WHOLE)
        length[rows] = text.str.len_bytes().fill_null(0).to_numpy()
    return length, length > 0


def _head(lines: Lines, ends: Ints, mark: Priority) -> tuple[Mask, Mask, Ints]:
    """Where lines may be of the format, which have a version, and where their stamps begin.

    Behind `<PRI>` a version must stand, without it one may.
    """
    at = mark.start
    marked = at > lines.starts
    digits, stamp = _word(lines, at, ends)
    version = lines.number(at, digits)
    versioned = (version >= 1) & (digits <= 3)
    return versioned | ~marked, versioned, np.where(versioned, stamp, at)


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    mark = priority(lines)
    marked = mark.start > lines.starts
    ok, versioned, at = _head(lines, ends, mark)
    if not ok.any():
        return ok, unread(lines.take(np.empty(0, np.int64)))
    stamp_length, behind = _word(lines, at, ends)
    stamps = iso(lines, at, ends, clock)
    unknown = _nil(lines, at, stamp_length) < 0
    capital = (lines.byte(at + 10) == _T) & (lines.byte(np.maximum(behind - 2, 0)) != _SMALL_Z)
    ok &= (stamps.ok & capital) | (unknown & marked)
    time = np.where(stamps.ok, stamps.time, NO_TIME)
    zone = np.where(stamps.ok, stamps.zone, NO_ZONE).astype(np.int16)
    spans = {}
    for name, longest in _WORDS.items():
        ok &= behind < ends
        length, following = _word(lines, behind, ends)
        ok &= (length > 0) & (length <= longest)
        spans[name] = Span(behind, _nil(lines, behind, length))
        behind = following
    length, sound = _structured(lines, behind, ends)
    ok &= sound
    structured = Span(behind, _nil(lines, behind, length))
    _leave_others(lines, ok, marked, versioned, structured)
    message = np.minimum(behind + length + 1, ends)
    ok &= (behind + length == ends) | (lines.byte(np.minimum(behind + length, ends)) == _BLANK)
    bom = (lines.half_words[message] & np.uint32(0xFFFFFF) == _BOM) & (message + 3 <= ends)
    message = message + np.where(bom, 3, 0)
    number = spans.pop("pid")
    pid = lines.number(number.start, number.length)
    exact = marked & (lines.half_words[mark.start] & np.uint32(0xFFFF) == _FIRST)
    exact &= stamps.exact & (structured.length < 0) & ~bom & (behind + length < ends)
    exact &= (number.length < 0) | ((pid >= 0) & _canonical(lines, number))
    exact &= np.ones(len(lines), bool) if mark.exact is None else mark.exact
    if returned is not None:
        exact &= ~returned
    fields = {
        "msgid": spans.pop("msgid"),
        "procid": Span(number.start, np.where(pid >= 0, -1, number.length)),
    }
    header = Header(
        lines=lines, format="rfc5424", message=Span(message, ends - message), time=time,
        zone=zone, spans=spans, fields=fields, pid=pid, facility=mark.facility,
        severity=mark.severity, rebuilt=exact,
    )  # fmt: skip
    return _with_parameters(header, ok, structured)


def _leave_others(lines: Lines, ok: Mask, marked: Mask, versioned: Mask, data: Span) -> None:
    """Without `<PRI>` and version, only data that is nothing else tells lines from others."""
    rows = np.flatnonzero(ok & ~marked & ~versioned)
    if len(rows):
        text = lines.text(data.start[rows], data.length[rows])
        ok[rows] = text.str.contains(REGISTERED).fill_null(value=False).to_numpy()


def _with_parameters(header: Header, ok: Mask, data: Span) -> tuple[Mask, Header]:
    """The header of the lines that are of the format, its structured data taken apart."""
    rows = np.flatnonzero(ok & (data.length > 0))
    if not len(rows):
        return ok, header.take(np.flatnonzero(ok))
    good, leaves = take_apart(header.lines.text(data.start[rows], data.length[rows]))
    ok[rows[~good]] = False
    number = np.cumsum(ok) - 1
    leaves = replace(leaves, row=number[rows[good]][leaves.row])
    header = header.take(np.flatnonzero(ok))
    names = [name.lower() for name in leaves.names]
    found = Found(header.lines, leaves, {"": names})
    return ok, replace(header, lines=found.lines, extra=found.rest())


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
             "fields.a@1.k": "v] x", "fields.structured_data": None},
        ),
        Sample(
            '<165>1 2003-10-11T22:14:15.003Z 2001:db8::7 evntslog - ID47 [exampleSDID@32473 iut="3"'
            ' eventSource="a \\"b\\\\" path="C:\\x"][origin ip="192.0.2.1" ip="192.0.2.2"]',
            {"host": "2001:db8::7", "process": "evntslog", "message": "", "fields.msgid": "ID47",
             "fields.exampleSDID@32473.iut": "3",
             "fields.exampleSDID@32473.eventSource": 'a "b\\',
             "fields.exampleSDID@32473.path": "C:\\x", "fields.origin.ip": "192.0.2.1,192.0.2.2"},
        ),
        Sample(
            "1 2003-10-11T22:14:15.003Z host1 su 12 - - 'su root' failed",
            {"time": "2003-10-11T22:14:15.003", "host": "host1", "process": "su", "pid": 12,
             "facility": None, "message": "'su root' failed"},
        ),
        Sample(
            '2003-10-11T22:14:15.003Z host1 su - - [meta sequenceId="29"] hi',
            {"host": "host1", "process": "su", "message": "hi", "fields.meta.sequenceId": "29"},
        ),
        Sample(
            "<14>1 - - - - - -",
            {"host": None, "process": None, "message": "", "facility": "user", "severity": 6},
        ),
    ),
)  # fmt: skip
