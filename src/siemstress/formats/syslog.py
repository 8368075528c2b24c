"""Heads of syslog lines: priority, stamp, host and tag, found a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from siemstress.formats.clock import Clock
from siemstress.formats.header import Codes, Header, Span
from siemstress.formats.stamps import Stamps
from siemstress.sources.lines import Ints, Lines, Mask, clipped

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
    "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3",
    "local4", "local5", "local6", "local7",
)  # fmt: skip
"""RFC 5424, table 1, by the names that syslog.conf uses."""

Decoder = Callable[[Lines, Ints, Ints, Clock], Stamps]


_OPENINGS = np.uint64(0x5B5B5B5B5B5B5B5B)
_LOW_SEVEN = np.uint64(0x7F7F7F7F7F7F7F7F)

# Tags with a version are not longer than this.
_LONGEST_TAG = 64


@dataclass(frozen=True)
class Priority:
    """`<PRI>` in front of lines: where the rest starts, codes (-1: none), and how it is written."""

    start: Ints
    facility: Codes | None
    severity: Codes | None
    exact: Mask | None


def priority(lines: Lines) -> Priority:
    """Read `<PRI>` (RFC 5424, section 6.2.1: 0 to 191) where lines start with it."""
    start = lines.starts
    marked = lines.byte(start) == 60
    if not marked.any():
        return Priority(start, None, None, None)
    room = lines.ends - start
    close = np.zeros(len(lines), np.int64)
    for at in (4, 3, 2):
        close[(lines.byte(start + at) == 62) & (room > at)] = at
    value = lines.number(start + 1, np.where(marked, close - 1, 0))
    known = (value >= 0) & (value <= 191)
    exact = ~known | (close - 1 == 1 + (value > 9) + (value > 99))
    return Priority(
        np.where(known, start + close + 1, start),
        np.where(known, value >> 3, -1).astype(np.int8),
        np.where(known, value & 7, -1).astype(np.int8),
        exact,
    )


def without_return(lines: Lines) -> tuple[Ints, Mask | None]:
    """Ends of lines before a carriage return, and where there is one (None: nowhere)."""
    returned = (lines.buffer[np.maximum(lines.ends - 1, 0)] == 13) & (lines.ends > lines.starts)
    if not returned.any():
        return lines.ends, None
    return lines.ends - returned, returned


@dataclass(frozen=True)
class Tag:
    """`process[pid]: ` in front of messages; lengths are -1 where there is no such thing."""

    process: Span
    pid: Ints
    message: Ints
    exact: Mask


def tag(lines: Lines, start: Ints, ends: Ints) -> Tag:
    """Split what stands behind the host into process, pid and the start of the message.

    A tag is a word that ends in a colon (RFC 3164, section 4.1.3, and what is in real use).
    """
    width = lines.find(start, ends, " ")
    alone = width < 0
    width = np.where(alone, np.maximum(ends - start, 0), width)
    named = (width > 1) & (lines.byte(start + np.maximum(width - 1, 0)) == 58)
    inner = np.where(named, width - 1, 0)
    bracketed = named & (lines.byte(start + np.maximum(inner - 1, 0)) == 93)
    opening = inner - 2 - _digits_before(lines, np.maximum(start + inner - 1, 8))
    bracketed &= (opening > 0) & (lines.byte(start + np.maximum(opening, 0)) == 91)
    digits = np.where(bracketed, inner - opening - 2, 0)
    pid = lines.number(start + opening + 1, digits)
    zero_led = (lines.byte(start + opening + 1) == 48) & (digits > 1)
    bracketed &= pid >= 0
    process = Span(start, np.where(named, np.where(bracketed, opening, inner), -1))
    message = np.where(named, start + width + np.where(alone, 0, 1), start)
    exact = ~(named & alone) & ~(bracketed & zero_led)
    rows = np.flatnonzero(~(named | alone))
    rows = rows[lines.byte(start[rows] + width[rows] + 1) - np.uint8(48) <= 9]
    if len(rows):
        _with_version(lines, rows, ends, process, message)
    return Tag(process, np.where(bracketed, pid, -1), message, exact)


def _with_version(lines: Lines, rows: Ints, ends: Ints, process: Span, message: Ints) -> None:
    """Tags of a name and a version: `syslogd 1.4.1: restart.`"""
    start = process.start[rows]
    text = lines.text(start, clipped(lines, start, np.minimum(ends[rows] - start, _LONGEST_TAG)))
    tag = text.str.extract(r"^([A-Za-z][A-Za-z0-9_-]* \d[\w.-]*): ").str.len_bytes()
    length = tag.cast(pl.Int64).fill_null(-1).to_numpy()
    process.length[rows] = length
    message[rows] = np.where(length > 0, start + length + 2, start)


def _digits_before(lines: Lines, close: Ints) -> Ints:
    """How many bytes stand between the last `[` and each `]`; 8 or more count as 8."""
    word = lines.words[close - 8] ^ _OPENINGS
    # Zero bytes, exactly: "Determine if a word has a zero byte", Hacker's Delight, section 6-1.
    zeros = ~(((word & _LOW_SEVEN) + _LOW_SEVEN) | word | _LOW_SEVEN)
    # Only bits 7, 15 ... are set, so that the exponent of a float says which is the highest.
    _, exponent = np.frexp(zeros.astype(np.float64))
    return np.where(zeros == 0, 8, 8 - ((exponent + 7) >> 3)).astype(np.int64)


def read(
    lines: Lines, clock: Clock, decode: Decoder, *, name: str, host: bool
) -> tuple[Mask, Header]:
    """Read `[<PRI>]stamp [host] [process[pid]:] message`.

    Returns which lines are so, and the header of these.
    """
    ends, returned = without_return(lines)
    mark = priority(lines)
    stamps = decode(lines, mark.start, ends, clock)
    at = mark.start + stamps.length
    ok = stamps.ok & (at < ends) & (lines.byte(np.minimum(at, ends)) == 32)
    at = np.where(ok, at + 1, ends)
    host_length = np.full(len(lines), -1, np.int64)
    host_start = at
    if host:
        host_length = lines.find(at, ends, " ")
        ok &= (host_length > 0) & (lines.byte(at + np.maximum(host_length - 1, 0)) != 58)
        at = np.where(ok, at + host_length + 1, ends)
    rows = None if ok.all() else np.flatnonzero(ok)
    found = tag(lines, at, ends)
    rebuilt = stamps.exact & found.exact
    if mark.exact is not None:
        rebuilt &= mark.exact
    if returned is not None:
        rebuilt &= ~returned
    spans = {"process": found.process}
    if host:
        spans["host"] = Span(host_start, host_length)
    header = Header(
        lines=lines,
        format=name,
        message=Span(found.message, ends - found.message),
        time=stamps.time,
        zone=stamps.zone,
        spans=spans,
        pid=found.pid,
        facility=mark.facility,
        severity=mark.severity,
        rebuilt=rebuilt,
    )
    return ok, header if rows is None else header.take(rows)
