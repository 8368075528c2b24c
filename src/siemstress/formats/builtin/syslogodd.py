"""Syslog with heads that are not quite as a standard has them: what devices and relays really send.

Behind `<PRI>` and a count of octets, if there are any, stands a stamp of any kind, a host or none,
a tag or none. Without `<PRI>` a line counts as syslog only if host and tag are where they belong.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from siemstress.formats.base import LOOSE, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.keys import FACILITY_NUMBERS, LEVELS
from siemstress.formats.plain import ascii_only
from siemstress.formats.stamps import NO_TIME, NO_ZONE
from siemstress.formats.syslog import Priority, priority, without_return
from siemstress.formats.wild import KIND, Found, find
from siemstress.sources.lines import Ints, Lines, Mask, clipped

# What of the text behind a stamp is looked at.
_SEEN = 256
# Kinds of stamps that syslog bears; those with names of months are hardly ever anything else.
_STAMPS = ("iso", "month", "year_month", "day_month", "since_1970")
_MONTHS = (KIND["month"], KIND["year_month"])
_LEVELS = "|".join(name for name in LEVELS if name.isalpha())
_HOST = r"(?<host>[\w][\w.-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*[0-9A-Fa-f]|\[[0-9A-Fa-f:.]+\])"
_TAG = r"(?<tag>[A-Za-z_/(][\w./@()+-]*|%[A-Z0-9_]+(?:-[A-Z0-9_]+)?-[0-7]-\w+)"
_PID = r"(?:\s?\[(?<pid>\d{1,8})\])"

# Each with what it needs: a sure kind of stamp or `<PRI>` (1), `<PRI>` (2), or nothing (0). The
# groups `before` and `between` are what stands in front of host and tag.
_LEVELLED = r"(?<before>(?:<(?<facility>[a-z0-9]+)\.(?<level>[a-z]+)> )?)"
_FORMS: tuple[tuple[int, str], ...] = (
    # ESXi and vCenter: a level or a priority, the program's name and its number.
    (
        0,
        rf"(?<between>(?:(?<level>(?i:{_LEVELS}))|[A-Z][a-z]\((?<pri>\d{{1,3}})\)) )"
        rf"{_TAG}{_PID}:? ",
    ),
    (0, rf"{_LEVELLED}{_HOST}(?<between>[: ]\s?){_TAG}{_PID}(?::\s|:$|\s)"),
    (1, rf"{_LEVELLED}{_HOST}(?<between> (?::\s?)?){_TAG}(?::\s|:$)"),
    (1, rf"(?<between>(?<level>(?i:{_LEVELS})): ){_TAG}{_PID}?:\s"),
    (1, rf"{_LEVELLED}{_TAG}{_PID}?(?::\s|:$)"),
    (1, rf"{_LEVELLED}{_HOST}(?<between>: ){_TAG}{_PID}?(?::\s|:$)"),
    (2, rf"(?<before>){_HOST}(?::? |$)"),
    (2, r""),
)
_PLAIN = tuple((needed, ascii_only(form)) for needed, form in _FORMS)
_SEQUENCE = r"^(?<sequence>\d{1,10}): (?:(?<device>[\w.-]{1,64}): )?"
_COUNTED = r"^(\d{1,6}) <\d{1,3}>"
_BARE = rf"{_TAG}{_PID}?:\s"
_JOURNAL = r"^-- (?:Reboot|Boot [0-9a-f]{32}|Logs begin at .*|Journal begins at .*|No entries) ?--$"


@dataclass
class _Head:
    """What is found of some lines, while it is: a column's start and length, or a number."""

    count: int

    def __post_init__(self) -> None:
        none = np.full(self.count, -1, np.int64)
        self.start = {name: np.zeros(self.count, np.int64) for name in _NAMES}
        self.length = {name: none.copy() for name in _NAMES}
        self.pid, self.facility, self.severity = none.copy(), none.copy(), none.copy()
        self.behind = np.zeros(self.count, np.int64)
        self.ok = np.zeros(self.count, bool)

    def span(self, name: str) -> Span:
        return Span(self.start[name], self.length[name])


_NAMES = ("host", "process", "sequence", "device")


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, _ = without_return(lines)
    head = _Head(len(lines))
    at = _uncounted(lines, ends)
    mark = priority(lines, at)
    marked = mark.start > at
    at = _numbered(lines, mark.start, ends, head, marked)
    rows = np.flatnonzero(ends - at > 7)
    stamps = find(lines.take(rows), at[rows], ends[rows], clock, _STAMPS)
    time = np.full(len(lines), NO_TIME, np.int64)
    zone = np.full(len(lines), NO_ZONE, np.int16)
    # Nothing but a bracket or a sign may stand in front of it.
    has = np.flatnonzero(stamps.stamps.ok & (stamps.start <= at[rows] + 1))
    time[rows[has]], zone[rows[has]] = stamps.stamps.time[has], stamps.stamps.zone[has]
    _behind_stamps(lines, rows[has], ends, stamps.take(has), marked, head)
    bare = np.flatnonzero(marked & (time == NO_TIME))
    _bare(lines, bare, at, ends, head)
    _of_journal(lines, ends, head)
    _priorities(mark, marked, head)
    ok = head.ok
    header = Header(
        lines=lines, format="syslogodd", message=Span(head.behind, ends - head.behind), time=time,
        zone=zone, spans={name: head.span(name) for name in ("host", "process")},
        fields={name: head.span(name) for name in ("sequence", "device")}, pid=head.pid,
        facility=head.facility.astype(np.int8), severity=head.severity.astype(np.int8),
    )  # fmt: skip
    return ok, header.take(np.flatnonzero(ok))


def _text(lines: Lines, rows: Ints, at: Ints, ends: Ints) -> pl.Series:
    """Some parts of lines, as far as they are looked at."""
    start = at[rows]
    size = np.maximum(np.minimum(ends[rows] - start, _SEEN), 0)
    return lines.text(start, clipped(lines, start, size))


def _uncounted(lines: Lines, ends: Ints) -> Ints:
    """Where lines begin behind a count of the octets that follow (RFC 6587, section 3.4.1)."""
    at = lines.starts.copy()
    rows = np.flatnonzero((lines.byte(at) - np.uint8(48) <= 9) & (ends - at > 5))
    if len(rows):
        digits = _text(lines, rows, at, ends).str.extract(_COUNTED)
        size = digits.cast(pl.Int64).fill_null(-1).to_numpy()
        begin = at[rows] + digits.str.len_bytes().fill_null(0).to_numpy() + 1
        left = lines.ends[rows] - begin
        whole = (size >= left) & (size <= left + 1)
        at[rows[whole]] = begin[whole]
    return at


def _numbered(lines: Lines, at: Ints, ends: Ints, head: _Head, marked: Mask) -> Ints:
    """Where lines go on behind a sequence number and a device's name, as Cisco's have them."""
    at = at.copy()
    rows = np.flatnonzero(marked & (lines.byte(at) - np.uint8(48) <= 9))
    if len(rows):
        found = _text(lines, rows, at, ends).str.extract_groups(_SEQUENCE).struct.unnest()
        at[rows] += _place(found, rows, at, head, {"sequence": "sequence", "device": "device"})
    return at


def _place(
    found: pl.DataFrame, rows: Ints, at: Ints, head: _Head, names: dict[str, str]
) -> Ints:  # fmt: skip
    """Note where numbers and names stand that are each followed by a colon and a blank."""
    moved = np.zeros(len(rows), np.int64)
    for group, name in names.items():
        size = found[group].str.len_bytes().cast(pl.Int64).fill_null(-1).to_numpy()
        head.start[name][rows] = at[rows] + moved
        head.length[name][rows] = size
        moved = moved + np.where(size > 0, size + 2, 0)
    return moved


def _behind_stamps(
    lines: Lines, rows: Ints, ends: Ints, stamps: Found, marked: Mask, head: _Head
) -> None:
    """Find host and tag behind stamps, in the first form that fits."""
    sure = np.isin(stamps.kind, _MONTHS).astype(np.int64)
    rank = np.where(marked[rows], 2, sure)
    at = stamps.behind
    full = np.zeros(len(lines), np.int64)
    full[rows] = at
    left = np.arange(len(rows))
    for needed, form in _PLAIN:
        some = left[rank[left] >= needed]
        if not len(some):
            continue
        text = _text(lines, rows[some], full, ends)
        fits = text.str.contains(f"^{form}").to_numpy()
        if not fits.any():
            continue
        groups = text.filter(pl.Series(fits)).str.extract_groups(f"^(?<whole>{form})")
        good = _put(rows[some[fits]], full, groups.struct.unnest(), head)
        left = np.setdiff1d(left, some[fits][good])


def _put(rows: Ints, at: Ints, groups: pl.DataFrame, head: _Head) -> Mask:
    """Put what a form has found in its place; a level is no host."""
    good = np.ones(len(rows), bool)
    if "host" in groups.columns:
        good = ~groups["host"].str.to_lowercase().is_in(list(LEVELS)).fill_null(False).to_numpy()
        groups, rows = groups.filter(pl.Series(good)), rows[good]
    head.ok[rows] = True
    place = at[rows].copy()
    for group, name in (("before", ""), ("host", "host"), ("between", ""), ("tag", "process")):
        if group in groups.columns:
            size = groups[group].str.len_bytes().cast(pl.Int64).fill_null(-1).to_numpy()
            if name:
                head.start[name][rows], head.length[name][rows] = place, size
            place += np.maximum(size, 0)
    if "pid" in groups.columns:
        head.pid[rows] = groups["pid"].cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
    _codes(groups, rows, head)
    head.behind[rows] = at[rows] + groups["whole"].str.len_bytes().cast(pl.Int64).to_numpy()
    return good


def _codes(groups: pl.DataFrame, rows: Ints, head: _Head) -> None:
    """Severity and facility by name, or both by number."""
    for group, into, known in (
        ("level", head.severity, LEVELS), ("facility", head.facility, FACILITY_NUMBERS),
    ):  # fmt: skip
        if group in groups.columns:
            code = groups[group].str.to_lowercase()
            into[rows] = code.replace_strict(known, default=-1, return_dtype=pl.Int64).fill_null(-1)
    if "pri" in groups.columns:
        number = groups["pri"].cast(pl.Int64).fill_null(-1).to_numpy()
        known_ = (number >= 0) & (number < 192)
        head.facility[rows[known_]] = number[known_] >> 3
        head.severity[rows[known_]] = number[known_] & 7


def _bare(lines: Lines, rows: Ints, at: Ints, ends: Ints, head: _Head) -> None:
    """`<PRI>` and a tag, without a stamp."""
    if not len(rows):
        return
    text = _text(lines, rows, at, ends)
    fits = text.str.contains(f"^{_BARE}").to_numpy()
    groups = text.filter(pl.Series(fits)).str.extract_groups(f"^(?<whole>{_BARE})")
    _put(rows[fits], at, groups.struct.unnest(), head)


def _of_journal(lines: Lines, ends: Ints, head: _Head) -> None:
    """What journalctl says between the lines: `-- Reboot --`."""
    rows = np.flatnonzero((lines.half_words[lines.starts] & 0xFFFFFF == 0x202D2D) & ~head.ok)
    if len(rows):
        fits = _text(lines, rows, lines.starts, ends).str.contains(_JOURNAL).to_numpy()
        head.ok[rows[fits]] = True
        head.behind[rows[fits]] = lines.starts[rows[fits]]


def _priorities(mark: Priority, marked: Mask, head: _Head) -> None:
    if mark.facility is not None and mark.severity is not None:
        head.facility = np.where(marked, mark.facility.astype(np.int64), head.facility)
        head.severity = np.where(marked, mark.severity.astype(np.int64), head.severity)


def _sample(line: str, **expect: object) -> Sample:
    return Sample(line, expect)


ODD = Format(
    name="syslogodd",
    read=_read,
    rank=LOOSE + 1,
    samples=(
        _sample("Aug 3 06:15:38 host1 sshd[12]: hi", time="2017-08-03T06:15:38", host="host1",
                process="sshd", pid=12, message="hi"),
        _sample("Aug 23 2017 06:15:38.123 host1 sshd[12]: hi", time="2017-08-23T06:15:38.123",
                host="host1", process="sshd", pid=12, message="hi"),
        _sample("Aug 23 06:15:38.123456 host1 kernel: up", time="2017-08-23T06:15:38.123456",
                host="host1", process="kernel", message="up"),
        _sample("Wed Aug 23 06:15:38 2017 host1 su: hi", time="2017-08-23T06:15:38",
                host="host1", process="su", message="hi"),
        _sample("2017 Aug 23 06:15:38 host1 su: hi", time="2017-08-23T06:15:38", host="host1",
                process="su", message="hi"),
        _sample("2017-08-23 06:15:38.123456-0700  localhost screensharingd[35]: hi",
                time="2017-08-23T13:15:38.123456", zone="-07:00", host="localhost",
                process="screensharingd", pid=35, message="hi"),
        _sample("Wed 2017-08-23 06:15:38 CEST host1 cron[7]: hi", time="2017-08-23T04:15:38",
                zone="+02:00", host="host1", process="cron", pid=7, message="hi"),
        _sample("1503468938.123456 host1 cron[7]: hi", time="2017-08-23T06:15:38.123456",
                host="host1", process="cron", pid=7, message="hi"),
        _sample("[Aug 23 06:15:38] <auth.info> host1 sshd[7]: hi", time="2017-08-23T06:15:38",
                host="host1", process="sshd", facility="auth", severity=6, message="hi"),
        _sample("2017-08-23T06:15:38.051Z In(30) init[10013]: up", host=None, process="init",
                pid=10013, facility="daemon", severity=6, message="up"),
        _sample("2017-08-23T06:15:38.194Z info vpxd[45715] [Originator@6876] hi", host=None,
                process="vpxd", pid=45715, severity=6, message="[Originator@6876] hi"),
        _sample("<189>45: *Aug 23 06:15:38.123: app: Configured", severity=5,
                time="2017-08-23T06:15:38.123", process="app", message="Configured",
                facility="local7", host=None) ,
        _sample("<166>Aug 23 2017 06:15:38: app: Built", process="app",
                time="2017-08-23T06:15:38", host=None, message="Built", severity=6),
        _sample("<166>Aug 23 2017 06:15:38 fw1 : app: Built", process="app",
                host="fw1", message="Built"),
        _sample("36 <13>Aug 23 2017 06:15:38 h1 a[1]: hi", host="h1", process="a", pid=1,
                severity=5, message="hi"),
        _sample("<13>2017-08-23 06:15:38 host1 something is up", host="host1", process=None,
                time="2017-08-23T06:15:38", message="something is up"),
        _sample("<30>dnsmasq[123]: query[A] www.example.com", process="dnsmasq", pid=123,
                facility="daemon", severity=6, message="query[A] www.example.com"),
        _sample("-- Reboot --", process=None, host=None, message="-- Reboot --", parsed=True),
    ),
)  # fmt: skip
