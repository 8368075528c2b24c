"""Lines that relays put a head of their own in front of, and heads that go on in the message.

`Aug 23 06:15:38 relay Aug 23 06:15:37 host1 sshd[7]: hi`, also with `<PRI>` in front of the second
stamp, or with `Message forwarded from host1:` (AIX); the host and the time are those of the
machine where it happened, the relay is a field.
"""

from dataclasses import replace

import numpy as np

from siemstress.formats.base import SYSLOGS, Format, Sample
from siemstress.formats.builtin.syslogbsd import BSD
from siemstress.formats.builtin.syslogiso import ISO
from siemstress.formats.builtin.syslogodd import ODD
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.syslog import tag
from siemstress.sources.lines import Ints, Lines, Mask

_MONTHS = ("Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ",
           "Dec ")  # fmt: skip
_FORWARDED = "Message forwarded from "


def _claims(header: Header) -> Mask:
    """No tag, but what may be another head; none of it where all have tags."""
    bare = header.spans["process"].length < 0
    rows = np.flatnonzero(bare)
    if not len(rows):
        return bare
    part = header.take(rows)
    first = header.lines.byte(part.message.start)
    marked = (first == ord("<")) | (first == ord("2"))
    bare[rows] = marked | part.begins(*_MONTHS, _FORWARDED)
    return bare


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    lines = header.lines
    ends = header.message.start + header.message.length
    forwarded = header.begins(_FORWARDED)
    ok = np.zeros(len(header), bool)
    better = replace(
        header, format="relayed", rebuilt=None, time=header.time.copy(), zone=header.zone.copy(),
        pid=np.full(len(header), -1, np.int64), spans=dict(header.spans),
        fields=dict(header.fields),
    )  # fmt: skip
    outer = header.spans.get("host")
    for known in (BSD, ISO, ODD):
        left = np.flatnonzero(~ok & ~forwarded)
        if not len(left) or known.read is None:
            continue
        part = Lines(lines.buffer, header.message.start[left], ends[left])
        read, inner = known.read(part, clock)
        # Without a host it is a message that begins with a stamp.
        has = np.flatnonzero(inner.spans["host"].length > 0)
        rows, inner = left[read][has], inner.take(has)
        ok[rows] = True
        better.time[rows], better.zone[rows] = inner.time, inner.zone
        _put(better, rows, inner.message, inner.spans["host"], inner.spans["process"], inner.pid)
    rows = np.flatnonzero(forwarded)
    start = header.message.start[rows] + len(_FORWARDED)
    length = lines.find(start, ends[rows], ": ")
    rows, start, length = rows[length > 0], start[length > 0], length[length > 0]
    if len(rows):
        found = tag(lines.take(rows), start + length + 2, ends[rows])
        message = Span(found.message, ends[rows] - found.message)
        _put(better, rows, message, Span(start, length), found.process, found.pid)
        ok[rows] = True
    if outer is not None:
        better.fields["relay"] = Span(outer.start, np.where(ok, outer.length, -1))
    return ok, better.take(np.flatnonzero(ok))


def _put(
    header: Header, rows: Ints, message: Span, host: Span, process: Span, pid: Ints | None
) -> None:
    """Put what inner heads say in place of what the outer ones do."""
    count = len(header)
    for name, inner in (("message", message), ("host", host), ("process", process)):
        span = header.message if name == "message" else header.spans.get(name)
        span = span or Span(np.zeros(count, np.int64), np.full(count, -1, np.int64))
        span = Span(span.start.copy(), span.length.copy())
        span.start[rows], span.length[rows] = inner.start, inner.length
        if name == "message":
            header.message = span
        else:
            header.spans[name] = span
    if header.pid is not None and pid is not None:
        header.pid[rows] = pid


RELAYED = Format(
    name="relayed",
    rank=70,
    refines=SYSLOGS,
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "Aug 23 06:15:38 relay1 Aug 23 06:15:37 host1 sshd[7]: hi",
            {"time": "2017-08-23T06:15:37", "host": "host1", "process": "sshd", "pid": 7,
             "message": "hi", "fields.relay": "relay1"},
        ),
        Sample(
            "Aug 23 06:15:38 relay1 <38>2017-08-23T08:15:37+02:00 host1 su: hi",
            {"time": "2017-08-23T06:15:37", "zone": "+02:00", "host": "host1", "process": "su",
             "pid": None, "message": "hi", "fields.relay": "relay1"},
        ),
        Sample(
            "Aug 23 06:15:38 192.0.2.1 Message forwarded from host1: sshd[7]: hi",
            {"time": "2017-08-23T06:15:38", "host": "host1", "process": "sshd", "pid": 7,
             "message": "hi", "fields.relay": "192.0.2.1"},
        ),
    ),
)  # fmt: skip
