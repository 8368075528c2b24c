"""Stamps of any kind at the beginnings of lines: what real programs write, whatever the locale.

Each kind is a linear-time expression whose groups are the parts of a time. Lines that one kind
reads are not asked about by those behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.formats.clock import DAY, MINUTE, Clock
from siemstress.formats.plain import ascii_only
from siemstress.formats.stamps import (
    EARLIEST,
    NO_ZONE,
    ZULU,
    Stamps,
)
from siemstress.formats.years import NO_TIME, SECOND, date_ok, epoch, guess_year, year_ok
from siemstress.formats.zones import ZONES, month
from siemstress.sources.lines import Ints, Lines, Mask, clipped

# What of a line is looked at.
_SEEN = 120
_DIGITS = "[0-9][0-9]"
_NAMES = "|".join(sorted(ZONES, key=len, reverse=True))
_ZONE = rf"(?: ?(?<z>[Zz]|[+-]\d\d(?::?\d\d)?)|\s\(?(?<n>{_NAMES})\)?)?"
_TIME = r"(?<H>[ 0-2]?\d):(?<M>\d\d):(?<S>\d\d)"
_FRACTION = r"(?:[.,](?<f>\d{1,9}))?"
_WORD = "[A-Za-z\u00c0-\u017e]"
_WEEKDAY = rf"(?:{_WORD}{{2,9}}\.?,?\s+)?"
_MONTH = rf"(?<b>{_WORD}{{3,10}})\.?"
_DAY = r"(?<d>[ 0-3]?\d)"
_YEAR = r"(?<y>[12]\d{3})"
_NOON = r"(?:\s(?<p>[AaPp])\.?[Mm]\.?)?"

KINDS: Mapping[str, str] = {
    # 2026-10-14 04:11:37,123 +0200; the comma may be a colon or a full stop.
    "iso": (
        rf"{_WEEKDAY}{_YEAR}[-/.:](?<m>\d\d)[-/.:](?<d>\d\d)[Tt_\s-]+{_TIME}(?:[.,:](?<f>\d{{1,9}}))?"
        rf"{_NOON}{_ZONE}"
    ),
    # [Wed] Oct 14 [2026] 04:11:37[.123] [CEST] [2026]
    "month": (
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+(?:{_YEAR},?\s+)?{_TIME}{_FRACTION}{_NOON}{_ZONE}"
        r"(?:\s(?<y2>[12]\d{3}))?(?:\s(?<z2>[+-]\d{4}))?"
    ),
    # 2026 Oct 14 04:11:37
    "year_month": (rf"{_YEAR}[\s-]{_MONTH}[\s-]+{_DAY}\s+{_TIME}{_FRACTION}{_ZONE}"),
    # [Wed,] 14-Oct-2026 04:11:37, 14/Oct/2026:04:11:37 +0200, 14 October 2026 04:11:37
    "day_month": (
        rf"{_WEEKDAY}{_DAY}[\s/.-]+{_MONTH}[\s/-]+(?<y>[12]\d{{3}}|\d\d)[\s:,T]+{_TIME}{_FRACTION}"
        rf"{_NOON}{_ZONE}"
    ),
    # Oct-14-26 04:11:37
    "month_day_year": (
        rf"{_MONTH}-{_DAY}-(?<y>[12]\d{{3}}|\d\d)[\s-]{_TIME}{_FRACTION}{_NOON}{_ZONE}"
    ),
    # 20261014-4:11:37:123, where nothing is filled up with zeros
    "compact_ms": (
        r"(?<y>20\d\d)(?<m>[01]\d)(?<d>[0-3]\d)-(?<H>\d\d?):(?<M>\d\d?):(?<S>\d\d?):(?<ms>\d{1,3})"
    ),
    # 20261014 04:11:37, 20261014-04:11:37.123, 20261014T041137Z, I20261014 04:11:37.123456
    "compact": (
        r"[IWEFD]?(?<y>20\d\d)(?<m>[01]\d)(?<d>[0-3]\d)[T\s_-]?"
        rf"(?<H>[ 0-2]\d):?(?<M>\d\d):?(?<S>\d\d){_FRACTION}{_ZONE}"
    ),
    # 261014  4:11:37, 261014 041137
    "short": (r"(?<y>\d\d)(?<m>[01]\d)(?<d>[0-3]\d)\s(?<H>[ 0-2]\d):?(?<M>\d\d):?(?<S>\d\d)"),
    # I1014 04:11:37.123456
    "klog": (rf"[IWEFD](?<m>[01]\d)(?<d>[0-3]\d)\s{_TIME}\.(?<f>\d{{6}})"),
    # 10/14/2026 04:11:37 PM, 14.10.2026 - 04:11:37, 26/10/14 04:11:37
    "numbers": (
        rf"(?<q1>\d\d?)(?<s>[/.-])(?<q2>\d\d?)[/.-](?<q3>[12]\d{{3}}|\d\d),?[\s:T-]+{_TIME}{_FRACTION}"
        rf"{_NOON}{_ZONE}"
    ),
    # 10.14 04:11:37, 10-14 04:11:37.123
    "month_day": (rf"(?<q1>\d\d)(?<s>[.-])(?<q2>\d\d)\s{_TIME}{_FRACTION}"),
    # Seconds since 1970, or ms, µs, ns.
    "since_1970": (r"(?<e>1\d{9}(?:\d{3}|\d{6}|\d{9})?)(?:\.(?<f>\d{1,9}))?"),
    # TAI64N, as multilog writes it.
    "tai64n": (r"@(?<t>[0-9a-f]{16})(?<x>[0-9a-f]{8})"),
    # 04:11:37.123
    "time": (r"(?<H>[0-2]\d):(?<M>\d\d):(?<S>\d\d)(?:[.,](?<f>\d{3,9}))?"),
}
"""Expressions of stamps by the names of their kinds, the surest first."""

KIND: Mapping[str, int] = {name: number for number, name in enumerate(KINDS)}
"""Numbers of kinds."""

# What may stand before a stamp: a level or a number in brackets, a sign of where it is from.
_OPENING = (
    r"(?:<[A-Z]>|[\[(][\w:.-]{1,32}[\])]:?\s?|L\s|[A-Z]{3,9}:?\s|<?\w{1,8}(?:\s\w{1,8})?=)?"
    r"[\[(<\"'*.]?"
)
_NO_SUCH_ZONE = NO_ZONE - 1
_JOINING = np.frombuffer(b".+-", np.uint8)
_CLOSING = r"[\])>\"']?(?:[:,|;]|\s-)?[ \t]*"
_PATTERNS = {
    name: ascii_only(rf"^(?<open>{_OPENING})(?<stamp>{kind})(?<close>{_CLOSING})")
    for name, kind in KINDS.items()
}


@dataclass(frozen=True)
class Found:
    """Stamps found at the beginnings of parts of lines.

    `start` is where each stamp begins, `behind` where what follows it does; `kind` is the number
    of one of KINDS, -1 where there is no stamp.
    """

    stamps: Stamps
    start: Ints
    behind: Ints
    kind: Ints

    def take(self, rows: Ints) -> Found:
        """Those of some lines."""
        return Found(self.stamps.take(rows), self.start[rows], self.behind[rows], self.kind[rows])


def find(
    lines: Lines, at: Ints, ends: Ints, clock: Clock, kinds: Sequence[str] = tuple(KINDS)
) -> Found:
    """The stamps that parts of lines begin with."""
    count = len(lines)
    found = _Parts(count, at)
    length = clipped(lines, at, np.maximum(np.minimum(ends - at, _SEEN), 0))
    rows = np.flatnonzero(length > 7)
    text = lines.text(at[rows], length[rows])
    # There is no stamp without two digits in a row.
    maybe = text.str.contains(_DIGITS)
    rows, text = rows[maybe.to_numpy()], text.filter(maybe)
    for name in kinds:
        if not len(rows):
            break
        pattern = _PATTERNS[name]
        hit = text.str.contains(pattern)
        some = hit.arg_true().to_numpy().astype(np.int64)
        if not len(some):
            continue
        groups = text.gather(some).str.extract_groups(pattern).struct.unnest()
        good = _read(found, KIND[name], rows[some], at[rows[some]], groups, lines, clock)
        left = np.ones(len(rows), bool)
        left[some[good]] = False
        rows, text = rows[left], text.filter(pl.Series(left))
    found.behind = np.minimum(found.behind, np.maximum(ends, at))
    return found.result()


class _Parts:
    """What is found, while it is."""

    def __init__(self, count: int, at: Ints) -> None:
        self.time = np.full(count, NO_TIME, np.int64)
        self.zone = np.full(count, NO_ZONE, np.int16)
        self.length = np.zeros(count, np.int64)
        self.start = at.copy()
        self.behind = at.copy()
        self.kind = np.full(count, -1, np.int64)

    def result(self) -> Found:
        ok = self.kind >= 0
        stamps = Stamps(ok, self.time, self.zone, np.zeros(len(ok), bool), self.length)
        return Found(stamps, self.start, self.behind, self.kind)


def _read(
    into: _Parts, kind: int, rows: Ints, at: Ints, groups: pl.DataFrame, lines: Lines, clock: Clock
) -> Mask:
    """Put the times of some rows in place; tells which have one."""
    start = at + _lengths(groups["open"])
    length = _lengths(groups["stamp"])
    end = start + length
    # A stamp may not go on as a number, a word or a zone that is none.
    joined = np.isin(lines.byte(end), _JOINING)
    ok = ~_in_word(lines.byte(end)) & ~(joined & _in_word(lines.byte(end + joined)))
    local, micro, utc = _moment(groups, clock, ok)
    zone = _zones(groups)
    ok &= zone != _NO_SUCH_ZONE
    time = np.full(len(rows), NO_TIME, np.int64)
    named = ok & (zone != NO_ZONE)
    minutes = np.where(zone == ZULU, 0, zone)
    time[named] = local[named] - minutes[named] * MINUTE
    open_ = ok & (zone == NO_ZONE) & ~utc
    time[open_], zone[open_] = clock.to_utc(local[open_])
    time[utc & ok], zone[utc & ok] = local[utc & ok], 0
    time[ok] += micro[ok]
    ok &= time >= EARLIEST
    good = rows[ok]
    into.time[good], into.zone[good] = time[ok], zone[ok].astype(np.int16)
    into.length[good], into.start[good] = length[ok], start[ok]
    into.behind[good] = end[ok] + _lengths(groups["close"])[ok]
    into.kind[good] = kind
    return ok


def _in_word(byte: npt.NDArray[np.uint8]) -> Mask:
    letter = (byte | 0x20) - np.uint8(97)
    return (byte - np.uint8(48) <= 9) | (letter <= 25)


def _lengths(text: pl.Series) -> Ints:
    return text.str.len_bytes().fill_null(0).to_numpy().astype(np.int64)


def _number(text: pl.Series) -> Ints:
    """A group as numbers, -1 where it is empty."""
    number = text.str.strip_chars().cast(pl.Int64, strict=False)
    return number.fill_null(-1).to_numpy().astype(np.int64)


def _numbers(groups: pl.DataFrame, name: str) -> Ints | None:
    """A group as numbers; None where there is no such group."""
    return _number(groups[name]) if name in groups.columns else None


def _moment(groups: pl.DataFrame, clock: Clock, ok: Mask) -> tuple[Ints, Ints, Mask]:
    """Local times in µs without fractions, fractions in µs, and which are of UTC; narrows `ok`."""
    count = len(groups)
    micro = _fractions(groups)
    if "t" in groups.columns:
        return _tai(groups, ok)
    seconds = _numbers(groups, "e")
    if seconds is not None:
        return _since_1970(groups["e"], seconds, micro)
    hour, minute, second = (_number(groups[name]) for name in "HMS")
    if "p" in groups.columns:
        half = groups["p"].str.to_lowercase().fill_null("")
        hour = np.where((half == "p").to_numpy() & (hour < 12), hour + 12, hour)
        hour = np.where((half == "a").to_numpy() & (hour == 12), 0, hour)
    ok &= (hour >= 0) & (hour < 24) & (minute < 60) & (second <= 60)
    of_day = (hour * 60 + minute) * 60 + second
    local = np.zeros(count, np.int64)
    year, month_, day = _date(groups, clock)
    if day is None:
        reference = clock.local_reference()
        midnight = reference - reference % DAY
        local = midnight + of_day * SECOND
        local = np.where(local > reference, local - DAY, local)
    elif year is None:
        local[ok], dated = guess_year(month_[ok], day[ok], of_day[ok], clock)
        ok[ok] = dated
    else:
        with_year = year >= 0
        ok &= ~with_year | (date_ok(year, month_, day) & year_ok(year))
        rows = np.flatnonzero(ok & with_year)
        local[rows] = epoch(year[rows], month_[rows], day[rows], of_day[rows])
        rows = np.flatnonzero(ok & ~with_year)
        local[rows], dated = guess_year(month_[rows], day[rows], of_day[rows], clock)
        ok[rows] = dated
    return local, micro, np.zeros(count, bool)


def _fractions(groups: pl.DataFrame) -> Ints:
    if "ms" in groups.columns:
        return groups["ms"].cast(pl.Int64).to_numpy().astype(np.int64) * 1000
    if "f" not in groups.columns:
        return np.zeros(len(groups), np.int64)
    text = groups["f"].fill_null("0").str.pad_end(9, "0")
    return text.cast(pl.Int64).to_numpy().astype(np.int64) // 1000


def _since_1970(text: pl.Series, number: Ints, micro: Ints) -> tuple[Ints, Ints, Mask]:
    digits = _lengths(text)
    time = np.select(
        [digits == 10, digits == 13, digits == 16],
        [number * SECOND, number * 1000, number],
        number // 1000,
    )
    return time, np.where(digits == 10, micro, 0), np.ones(len(text), bool)


def _tai(groups: pl.DataFrame, ok: Mask) -> tuple[Ints, Ints, Mask]:
    """TAI64N labels: seconds since 1970 from 2^62 on, ten seconds ahead as the programs do it."""
    seconds = groups["t"].str.to_integer(base=16, strict=False, dtype=pl.UInt64)
    nano = groups["x"].str.to_integer(base=16, strict=False, dtype=pl.Int64).fill_null(0)
    shifted = seconds.fill_null(0).to_numpy().astype(np.uint64) - np.uint64(1 << 62)
    ok &= (shifted < np.uint64(1 << 33)) & (nano < 1_000_000_000).to_numpy()
    time = np.where(ok, shifted.astype(np.int64) - 10, 0) * SECOND
    return time, np.where(ok, nano.to_numpy() // 1000, 0), np.ones(len(ok), bool)


def _date(groups: pl.DataFrame, clock: Clock) -> tuple[Ints | None, Ints, Ints | None]:
    """Years (-1 where there is none, None where no line has one), months, days (None: no date)."""
    count = len(groups)
    if "q1" in groups.columns:
        return _by_order(groups, clock)
    day = _numbers(groups, "d")
    if day is None:
        return None, np.zeros(count, np.int64), None
    if "b" in groups.columns:
        names = groups["b"].unique().to_list()
        numbers = {name: month(name) or 0 for name in names}
        found = groups["b"].replace_strict(numbers, return_dtype=pl.Int64)
        months = found.to_numpy().astype(np.int64)
    else:
        months = _number(groups["m"])
    year = _numbers(groups, "y")
    if year is not None:
        later = _numbers(groups, "y2")
        if later is not None:
            year = np.where(year < 0, later, year)
        year = np.where((year >= 0) & (year < 100), year + np.where(year < 70, 2000, 1900), year)
    return year, months, day


# Orders of the parts of a date, by what stands between them: the usual ones first.
_SHORT = ("ymd", "mdy", "dmy")
_ORDERS = {"/": ("mdy", "dmy"), "-": ("dmy", "mdy"), ".": ("dmy", "mdy")}


def _by_order(groups: pl.DataFrame, clock: Clock) -> tuple[Ints | None, Ints, Ints]:
    """Dates of numbers alone, in that order which fits all lines that are written alike."""
    first, second = _number(groups["q1"]), _number(groups["q2"])
    third = _numbers(groups, "q3")
    count = len(first)
    if third is None:
        months_first = bool(((first <= 12) & (second <= 31)).all())
        pair = (first, second) if months_first else (second, first)
        return None, *pair
    year, months, day = (np.zeros(count, np.int64) for _ in range(3))
    latest = clock.local_reference() // (365 * DAY) + 1971
    for mark, orders in _ORDERS.items():
        for short in (True, False):
            rows = np.flatnonzero((groups["s"] == mark).to_numpy() & ((third < 100) == short))
            if not len(rows):
                continue
            values = [part[rows] for part in (first, second, third)]
            found = _in_order(_SHORT if short else orders, values, latest)
            year[rows], months[rows], day[rows] = found
    return year, months, day


def _in_order(
    orders: Sequence[str], values: Sequence[Ints], latest: int
) -> tuple[Ints, Ints, Ints]:
    """Years, months and days of dates that may be written in several orders.

    Where more than one fits, it is the one that other dates show to be in use, else the usual.
    """
    dates, fits = [], []
    for order in orders:
        year, month_, day = (values[order.index(part)] for part in "ymd")
        year = year + np.where(year < 70, 2000, 1900) * (year < 100)
        dates.append((year, month_, day))
        fits.append(date_ok(year, month_, day) & (year <= latest))
    several = np.sum(fits, axis=0) > 1
    shown = [bool((fit & ~several).any()) for fit in fits]
    first = shown.index(True) if sum(shown) == 1 else 0
    ranked = sorted(range(len(orders)), key=lambda i: i != first)
    choice = np.full(len(values[0]), ranked[0])
    for number in reversed(ranked):
        choice[fits[number]] = number
    parts = (np.choose(choice, [date[i] for date in dates]) for i in range(3))
    year, month_, day = parts
    return year, month_, day


def _zones(groups: pl.DataFrame) -> Ints:
    """Minutes east of UTC, NO_ZONE where none is named."""
    zone = np.full(len(groups), NO_ZONE, np.int64)
    for name in ("z", "z2", "n"):
        if name not in groups.columns or groups[name].null_count() == len(groups):
            continue
        known = {text: _minutes(text) for text in groups[name].unique().drop_nulls().to_list()}
        found = groups[name].replace_strict(known, default=NO_ZONE, return_dtype=pl.Int64)
        zone = np.where(zone == NO_ZONE, found.fill_null(NO_ZONE).to_numpy(), zone)
    return zone


def _minutes(text: str) -> int:
    if text in ("Z", "z"):
        return ZULU
    if text in ZONES:
        return ZONES[text]
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        return _NO_SUCH_ZONE
    return (-1 if text[0] == "-" else 1) * (hours * 60 + minutes)
