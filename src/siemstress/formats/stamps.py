"""Time stamps in bytes to microseconds, a batch at a time.

Lines that follow one another mostly bear the same stamp, so stamps are decoded only where they
change. `exact` says where the stamp's bytes are just what `layout` writes for the decoded time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from siemstress.formats import years
from siemstress.formats.clock import DAY, Clock
from siemstress.formats.years import SECOND, date_ok, epoch, guess_year, year_ok
from siemstress.sources.lines import Ints, Lines, Mask

Bytes = npt.NDArray[np.uint8]

NO_TIME = years.NO_TIME
NO_ZONE = -9999
ZULU = 9999  # written as Z, which is +00:00

# The year 2, in µs since 1970: earlier moments are no times of events.
EARLIEST = -62_104_060_800 * SECOND
_MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
_MONTH_CODES = np.array(
    [int.from_bytes(_MONTHS[i : i + 3].lower(), "big") for i in range(0, 36, 3)], np.int64
)


@dataclass(frozen=True)
class Stamps:
    """Decoded stamps, one a line.

    `time` is µs since 1970 in UTC or NO_TIME, `zone` minutes east of UTC (int16), NO_ZONE or
    ZULU, `length` the stamp's length in bytes; `ok` where there is a stamp.
    """

    ok: Mask
    time: Ints
    zone: npt.NDArray[np.int16]
    exact: Mask
    length: Ints

    def take(self, rows: Ints) -> Stamps:
        """Those of some lines."""
        return Stamps(
            self.ok[rows], self.time[rows], self.zone[rows], self.exact[rows], self.length[rows]
        )


def _changes(lines: Lines, at: Ints, offsets: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Where the words at `offsets` behind `at` differ from the line before; and each row's run."""
    changed = np.zeros(len(at), bool)
    changed[:1] = True
    for offset in offsets:
        word = lines.words[at + offset]
        changed[1:] |= word[1:] != word[:-1]
    return np.flatnonzero(changed), np.cumsum(changed) - 1


def _number(digits: Bytes, *columns: int) -> Ints:
    """The decimal number in some columns of a matrix of digits (as 0..9)."""
    value = np.zeros(len(digits), np.int64)
    for column in columns:
        value = value * 10 + digits[:, column]
    return value


def _month(name: Bytes) -> tuple[Ints, Mask]:
    """The month (1 to 12) of three letters in any case, and whether it is one."""
    letters = name.astype(np.int64) | 0x20
    code = (letters[:, 0] << 16) | (letters[:, 1] << 8) | letters[:, 2]
    hit = code[:, None] == _MONTH_CODES
    return hit.argmax(axis=1) + 1, hit.any(axis=1)


def bsd(lines: Lines, at: Ints, clock: Clock) -> Stamps:
    """`Mmm dd hh:mm:ss` (RFC 3164, section 4.1.2), a day below ten led by a space or a zero."""
    rows, run = _changes(lines, at, (0, 7))
    text = lines.buffer[at[rows][:, None] + np.arange(15)]
    digits = text - np.uint8(48)
    month, known = _month(text[:, :3])
    blank = text[:, 4] == 32
    digits[blank, 4] = 0
    day = _number(digits, 4, 5)
    hour, minute, second = (_number(digits, c, c + 1) for c in (7, 10, 13))
    ok = known & (digits[:, [4, 5, 7, 8, 10, 11, 13, 14]] <= 9).all(axis=1)
    ok &= (text[:, [3, 6]] == 32).all(axis=1) & (text[:, [9, 12]] == 58).all(axis=1)
    ok &= (hour < 24) & (minute < 60) & (second <= 60)
    local = np.zeros(len(rows), np.int64)
    of_day = hour * 3600 + minute * 60 + second
    local[ok], dated = guess_year(month[ok], day[ok], of_day[ok], clock)
    ok[ok] = dated
    canonical = (second < 60) & (blank == (day < 10))
    canonical &= (text[:, 0] < 97) & (text[:, 1] >= 97) & (text[:, 2] >= 97)
    return _spread(ok, local, canonical, run, clock, np.full(len(at), 15, np.int64))


def _spread(ok: Mask, local: Ints, exact: Mask, run: Ints, clock: Clock, length: Ints) -> Stamps:
    """From local times where stamps change to UTC on every row."""
    time = np.full(len(ok), NO_TIME, np.int64)
    zone = np.full(len(ok), NO_ZONE, np.int16)
    utc, offset = clock.to_utc(local[ok])
    time[ok] = utc
    zone[ok] = offset
    # A local time that a clock change skips would be written differently.
    exact = exact & ok
    exact[ok] &= (local[ok] - utc) == offset * 60 * SECOND
    return Stamps(ok[run], time[run], zone[run], exact[run], length)


def iso(lines: Lines, at: Ints, ends: Ints, clock: Clock) -> Stamps:
    """`YYYY-MM-DDThh:mm:ss[.fraction][zone]` (RFC 3339, ISO 8601), up to the next blank.

    A blank or a slash in the date, a comma before the fraction and zones as +0500, +05 and UTC's
    Z are read as well. More than six digits of a fraction are cut off.
    """
    length = lines.find(np.minimum(at + 19, ends), ends, " ")
    length = np.where(length < 0, ends - at, length + 19)
    length = np.where((ends - at) < 19, 0, length)
    rows, run = _changes(lines, at, (0, 8, 16, 24, 29))
    # The same bytes up to another length are another stamp only if the line ends in the stamp.
    text = lines.buffer[at[rows][:, None] + np.arange(19)]
    digits = text - np.uint8(48)
    year, month, day = _number(digits, 0, 1, 2, 3), _number(digits, 5, 6), _number(digits, 8, 9)
    hour, minute, second = (_number(digits, c, c + 1) for c in (11, 14, 17))
    ok = (digits[:, [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]] <= 9).all(axis=1)
    ok &= ((text[:, [4, 7]] == 45).all(axis=1)) | ((text[:, [4, 7]] == 47).all(axis=1))
    ok &= (text[:, [13, 16]] == 58).all(axis=1) & np.isin(text[:, 10], np.frombuffer(b"Tt ", "u1"))
    ok &= (hour < 24) & (minute < 60) & (second <= 60) & date_ok(year, month, day)
    ok &= year_ok(year) & (length[rows] >= 19) & (length[rows] <= 36)
    exact = (text[:, 4] == 45) & (text[:, 10] == 84) & (second < 60)
    local = np.zeros(len(rows), np.int64)
    of_day = hour * 3600 + minute * 60 + second
    local[ok] = epoch(year[ok], month[ok], day[ok], of_day[ok])
    return _with_tails(lines, at, rows, run, length, ok, local, exact, clock)


def _with_tails(
    lines: Lines, at: Ints, rows: Ints, run: Ints, length: Ints,
    ok: Mask, local: Ints, exact: Mask, clock: Clock,
) -> Stamps:  # fmt: skip
    """Add what stands behind the seconds: fraction and zone."""
    micro = np.zeros(len(rows), np.int64)
    zone = np.full(len(rows), NO_ZONE, np.int64)
    tail_length = length[rows] - 19
    for size in np.unique(tail_length[ok & (tail_length > 0)]):
        of_size = np.flatnonzero(ok & (tail_length == size))
        tail = lines.buffer[at[rows[of_size]][:, None] + np.arange(19, 19 + size)]
        good, part, offset, plain = _tail(tail)
        ok[of_size] &= good
        micro[of_size] = part
        zone[of_size] = offset
        exact[of_size] &= plain
    time = np.full(len(rows), NO_TIME, np.int64)
    known = ok & (zone != NO_ZONE)
    minutes = np.where(zone == ZULU, 0, zone)
    time[known] = local[known] - minutes[known] * 60 * SECOND
    open_ = ok & (zone == NO_ZONE)
    time[open_], zone[open_] = clock.to_utc(local[open_])
    time[ok] += micro[ok]
    exact &= ok & known
    return Stamps(ok[run], time[run], zone[run].astype(np.int16), exact[run], length)


def _tail(tail: Bytes) -> tuple[Mask, Ints, Ints, Mask]:
    """Of tails of one length: which are right, µs, zone, and which are written as we would."""
    count, width = tail.shape
    good = np.zeros(count, bool)
    micro = np.zeros(count, np.int64)
    zone = np.full(count, NO_ZONE, np.int64)
    plain = np.zeros(count, bool)
    point = (tail[:, 0] == 46) | (tail[:, 0] == 44)
    is_digit = (tail >= 48) & (tail <= 57)
    run = np.logical_and.accumulate(is_digit[:, 1:], axis=1).sum(axis=1) if width > 1 else 0
    digits = np.where(point, run, -1)
    for n in np.unique(digits):
        rows = np.flatnonzero(digits == n)
        if n == 0 or n > 9:
            continue
        part = tail[rows]
        behind = 0 if n < 0 else n + 1
        value = np.zeros(len(rows), np.int64)
        for column in range(1, 7):
            value = value * 10
            if column <= n:
                value += part[:, column] - np.uint8(48)
        fits, offset, usual = _zone(part[:, behind:])
        good[rows] = fits
        micro[rows] = value
        zone[rows] = offset
        wanted = np.where(value == 0, -1, np.where(value % 1000 == 0, 3, 6))
        plain[rows] = usual & (wanted == n) & (part[:, 0] != 44)
    return good, micro, zone, plain


def _zone(text: Bytes) -> tuple[Mask, Ints, Mask]:
    """Zones of one length: which are right, minutes east, and which are written as `+05:00`."""
    count, width = text.shape
    none = np.zeros(count, bool)
    if width == 0:
        return ~none, np.full(count, NO_ZONE, np.int64), none
    if width == 1:
        zulu = (text[:, 0] | 0x20) == 122
        return zulu, np.full(count, ZULU, np.int64), text[:, 0] == 90
    places = {3: (1, 2), 5: (1, 2, 3, 4), 6: (1, 2, 4, 5)}.get(width)
    if places is None:
        return none, np.full(count, NO_ZONE, np.int64), none
    digits = text - np.uint8(48)
    good = ((text[:, 0] == 43) | (text[:, 0] == 45)) & (digits[:, places] <= 9).all(axis=1)
    if width == 6:
        good &= text[:, 3] == 58
    hours = _number(digits, *places[:2])
    minutes = _number(digits, *places[2:])
    good &= (hours < 24) & (minutes < 60)
    offset = np.where(text[:, 0] == 45, -1, 1) * (hours * 60 + minutes)
    usual = good & (width == 6) & ~((offset == 0) & (text[:, 0] == 45))
    return good, offset, usual


def access(lines: Lines, at: Ints) -> Stamps:
    """`dd/Mmm/yyyy:hh:mm:ss +zzzz` (Apache HTTP Server, mod_log_config, %t), 26 bytes."""
    rows, run = _changes(lines, at, (0, 8, 16, 18))
    text = lines.buffer[at[rows][:, None] + np.arange(26)]
    digits = text - np.uint8(48)
    month, known = _month(text[:, 3:6])
    day, year = _number(digits, 0, 1), _number(digits, 7, 8, 9, 10)
    hour, minute, second = (_number(digits, c, c + 1) for c in (12, 15, 18))
    places = [0, 1, 7, 8, 9, 10, 12, 13, 15, 16, 18, 19]
    ok = known & (digits[:, places] <= 9).all(axis=1) & (text[:, 20] == 32)
    ok &= (text[:, [2, 6]] == 47).all(axis=1) & (text[:, [11, 14, 17]] == 58).all(axis=1)
    ok &= (hour < 24) & (minute < 60) & (second <= 60) & year_ok(year)
    ok &= date_ok(year, month, day)
    fits, offset, _ = _zone(text[:, 21:])
    ok &= fits
    time = np.full(len(rows), NO_TIME, np.int64)
    of_day = hour * 3600 + minute * 60 + second
    local = epoch(year[ok], month[ok], day[ok], of_day[ok])
    time[ok] = local - offset[ok] * 60 * SECOND
    exact = ok & (second < 60) & ~((offset == 0) & (text[:, 21] == 45))
    exact &= (text[:, 3] < 97) & (text[:, 4] >= 97) & (text[:, 5] >= 97)
    zone = np.where(ok, offset, NO_ZONE).astype(np.int16)
    return Stamps(ok[run], time[run], zone[run], exact[run], np.full(len(at), 26, np.int64))


def time_of_day(lines: Lines, at: Ints, clock: Clock) -> Stamps:
    """`hh:mm:ss.ffffff`, on the last day that does not make it later than the reference."""
    text = lines.buffer[at[:, None] + np.arange(15)]
    digits = text - np.uint8(48)
    hour, minute, second = (_number(digits, c, c + 1) for c in (0, 3, 6))
    micro = _number(digits, 9, 10, 11, 12, 13, 14)
    ok = (digits[:, [0, 1, 3, 4, 6, 7, 9, 10, 11, 12, 13, 14]] <= 9).all(axis=1)
    ok &= (text[:, [2, 5]] == 58).all(axis=1) & (text[:, 8] == 46)
    ok &= (hour < 24) & (minute < 60) & (second < 60)
    reference = clock.local_reference()
    midnight = reference - reference % DAY
    local = midnight + ((hour * 60 + minute) * 60 + second) * SECOND + micro
    local = np.where(local > reference, local - DAY, local)
    run = np.arange(len(at))
    return _spread(ok, local, ok.copy(), run, clock, np.full(len(at), 15, np.int64))


def ctime(lines: Lines, at: Ints, clock: Clock) -> Stamps:
    """`Mmm dd hh:mm:ss[.ffffff] yyyy` (C's asctime, behind the weekday), 20 or 27 bytes."""
    rows = np.arange(len(at))
    text = lines.buffer[at[:, None] + np.arange(27)]
    digits = text - np.uint8(48)
    month, known = _month(text[:, :3])
    digits[text[:, 4] == 32, 4] = 0
    day = _number(digits, 4, 5)
    hour, minute, second = (_number(digits, c, c + 1) for c in (7, 10, 13))
    fraction = text[:, 15] == 46
    micro = np.where(fraction, _number(digits, 16, 17, 18, 19, 20, 21), 0)
    long = _number(digits, 23, 24, 25, 26)
    year = np.where(fraction, long, _number(digits, 16, 17, 18, 19))
    ok = known & (digits[:, [4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 18, 19]] <= 9).all(axis=1)
    ok &= ~fraction | (digits[:, [20, 21, 23, 24, 25, 26]] <= 9).all(axis=1)
    ok &= (text[:, [3, 6]] == 32).all(axis=1) & (text[:, [9, 12]] == 58).all(axis=1)
    ok &= text[rows, np.where(fraction, 22, 15)] == 32
    ok &= (hour < 24) & (minute < 60) & (second <= 60) & (year >= 1) & (year <= 9999)
    ok[ok] = date_ok(year[ok], month[ok], day[ok])
    local = np.zeros(len(at), np.int64)
    of_day = hour * 3600 + minute * 60 + second
    local[ok] = epoch(year[ok], month[ok], day[ok], of_day[ok]) + micro[ok]
    return _spread(ok, local, ok.copy(), rows, clock, np.where(fraction, 27, 20))
