"""Heads of syslog lines: priority, stamp, host and tag, found a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from siemstress.formats.clock import Clock
from siemstress.formats.header import Codes, Header, Span
from siemstress.formats.stamps import Stamps
from siemstress.formats.zones import ZONES
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

_ODD_NUMBER = (
    r"^(?<whole>(?<name>[A-Za-z_/][\w./-]*)(?:\[(?<pid>\d{1,8})\] | \[(?<pid2>\d{1,8})\]: ))"
)
_NO_NAME = r"^(?:(?:19|20)\d\d|[A-Z][a-z]\(\d{1,3}\))$"
# Tags with a version are not longer than this.
_LONGEST_TAG = 64


@dataclass(frozen=True)
class Priority:
    """`<PRI>` in front of lines: where the rest starts, codes (-1: none), and how it is written."""

    start: Ints
    facility: Codes | None
    severity: Codes | None
    exact: Mask | None


def priority(lines: Lines, start: Ints | None = None) -> Priority:
    """Read `<PRI>` (RFC 5424, section 6.2.1: 0 to 191) where lines, or parts, start with it."""
    start = lines.starts if start is None else start
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
    pid = np.where(bracketed, pid, -1)
    rows = np.flatnonzero(~(named | alone))
    behind = lines.byte(start[rows] + width[rows] + 1)
    digit = behind - np.uint8(48) <= 9
    if digit.any():
        _with_version(lines, rows[digit], ends, process, message)
    closed = (lines.byte(start[rows] + np.maximum(width[rows] - 1, 0)) == 93) & (width[rows] > 3)
    odd = rows[closed | (behind == 91)]
    if len(odd):
        _with_odd_number(lines, odd, ends, process, pid, message)
        exact[odd] &= process.length[odd] < 0
    return Tag(process, pid, message, exact)


def _with_odd_number(
    lines: Lines, rows: Ints, ends: Ints, process: Span, pid: Ints, message: Ints
) -> None:
    """Tags without a colon, or with a blank before the number: `cron[12] a`, `cron [12]: a`."""
    start = process.start[rows]
    text = lines.text(start, clipped(lines, start, np.minimum(ends[rows] - start, _LONGEST_TAG)))
    found = text.str.extract_groups(_ODD_NUMBER).struct.unnest()
    length = found["name"].str.len_bytes().cast(pl.Int64).fill_null(-1).to_numpy()
    hit = length > 0
    rows, found = rows[hit], found.filter(pl.Series(hit))
    process.length[rows] = length[hit]
    pid[rows] = found["pid"].fill_null(found["pid2"]).cast(pl.Int64).to_numpy()
    message[rows] = process.start[rows] + found["whole"].str.len_bytes().cast(pl.Int64).to_numpy()


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


_LEVELS = (
    "emerg", "alert", "crit", "critical", "err", "error", "warn", "warning", "notice", "info",
    "debug", "trace", "verbose", "fatal", "panic", "severe",
)  # fmt: skip
# What stands where a host should, and is none: zones and levels. Years and ESXi's `In(30)`
# are no names either.
_NO_HOSTS = frozenset({*ZONES, *(f(n) for n in _LEVELS for f in (str, str.upper, str.title))})
_LONGEST_NO_HOST = 8
_SMALL = 97


def is_level(lines: Lines, start: Ints, length: Ints) -> Mask:
    """Which words are names of severities."""
    found = np.zeros(len(start), bool)
    rows = np.flatnonzero((length > 2) & (length <= _LONGEST_NO_HOST))
    text = lines.text(start[rows], length[rows]).str.to_lowercase()
    found[rows] = text.is_in(_LEVELS).to_numpy()
    return found


def _leave_no_hosts(lines: Lines, rows: Ints, start: Ints, length: Ints, ok: Mask) -> None:
    """Leave lines with a year, a zone or a level in the host's place to other formats."""
    rows = rows[(length[rows] > 2) & (length[rows] <= _LONGEST_NO_HOST)]
    rows = rows[ok[rows]]
    if len(rows):
        text = lines.text(start[rows], length[rows])
        ok[rows] = ~(text.is_in(list(_NO_HOSTS)) | text.str.contains(_NO_NAME)).to_numpy()


def _without_host(lines: Lines, rows: Ints, spans: dict[str, Span], found: Tag) -> Ints:
    """Put right `name [123]: message`, where the name is no host's; tells which rows are so."""
    process, host = spans["process"], spans["host"]
    close = process.start[rows] + process.length[rows] - 1
    rows = rows[(process.length[rows] > 2) & (lines.byte(np.maximum(close, 0)) == 93)]
    number = lines.number(process.start[rows] + 1, process.length[rows] - 2)
    rows, number = rows[number >= 0], number[number >= 0]
    process.start[rows], process.length[rows] = host.start[rows], host.length[rows]
    found.pid[rows] = number
    host.length[rows] = -1
    return rows


def read(
    lines: Lines, clock: Clock, decode: Decoder, *, name: str, host: bool, levels: bool = False
) -> tuple[Mask, Header]:
    """Read `[<PRI>]stamp [host] [process[pid]:] message`.

    A line is not so if there is a year or a zone in the host's place, or, where `levels` may stand
    there, a level. Returns which lines are so, and the header of these.
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
        doubted = np.arange(len(lines)) if levels else np.flatnonzero(lines.byte(at) < _SMALL)
        _leave_no_hosts(lines, doubted, at, host_length, ok)
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
        odd = np.flatnonzero(lines.byte(found.process.start) == 91)
        if len(odd):
            rebuilt[_without_host(lines, odd, spans, found)] = False
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
