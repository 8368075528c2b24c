"""Days and years on a clock; years that stamps do not say."""

from __future__ import annotations

import numpy as np

from siemstress.formats.clock import DAY, SLACK, Clock
from siemstress.sources.lines import Ints, Mask

NO_TIME = np.iinfo(np.int64).min
SECOND = 1_000_000
_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
# Lines follow one another within so many days, or a step back from one to the next is no turn of
# the year; but lines may change places by a few days about it.
_LONGEST_PAUSE = 100
_DISORDER = 5


def _is_leap(year: Ints) -> Mask:
    leap: Mask = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return leap


def year_ok(year: Ints) -> Mask:
    """Whether a local year, and in UTC too, is one that every store keeps: 1 to 9999."""
    fits: Mask = (year > 1) & (year < 9999)
    return fits


def date_ok(year: Ints, month: Ints, day: Ints) -> Mask:
    """Whether there is such a day."""
    fits: Mask = (month >= 1) & (month <= 12) & (day >= 1)
    fits &= day <= _DAYS[np.clip(month, 1, 12) - 1]
    fits &= (month != 2) | (day < 29) | _is_leap(year)
    return fits


def epoch(year: Ints, month: Ints, day: Ints, second_of_day: Ints) -> Ints:
    """µs since 1970 on the clock that the date is of."""
    months = (year - 1970) * 12 + (month - 1)
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1
    return (days * 86_400 + second_of_day) * SECOND


def year_of(reference: int) -> int:
    """The year of a moment in µs since 1970."""
    return int(np.datetime64(reference, "us").astype("datetime64[Y]").astype(np.int64)) + 1970


def guess_year(month: Ints, day: Ints, second_of_day: Ints, clock: Clock) -> tuple[Ints, Mask]:
    """Local times of stamps without a year, and where there is such a day.

    A line cannot be younger than its reference: of the years about it the latest is taken that
    puts the stamp not later than a day after it. February 29 goes to the last leap year. Lines
    that step back over the turn of a year, and never else, are of several years.
    """
    reference = clock.local_reference()
    newest = year_of(reference) + 1
    result = np.full(len(month), NO_TIME, np.int64)
    for back in range(9):
        year = np.full(len(month), newest - back, np.int64)
        todo = (result == NO_TIME) & date_ok(year, month, day)
        if not todo.any():
            if (result != NO_TIME).all() or (back > 2 and not (day == 29).any()):
                break
            continue
        local = epoch(year[todo], month[todo], day[todo], second_of_day[todo])
        result[todo] = np.where(local <= reference + SLACK, local, NO_TIME)
    if clock.in_order:
        result = _over_years(result, month, day, second_of_day)
    return result, result != NO_TIME


def _over_years(guessed: Ints, month: Ints, day: Ints, second_of_day: Ints) -> Ints:
    """Times in the order of their lines, where these go over the turns of years."""
    rows = np.flatnonzero(guessed != NO_TIME)
    if not (np.diff(month[rows]) < 0).any():
        return guessed
    months, days = month[rows], day[rows]
    leap = np.full(len(rows), 2000, np.int64)
    ordinal = epoch(leap, months, days, np.zeros(len(rows), np.int64)) // DAY
    step = np.diff(ordinal)
    turns = step < _LONGEST_PAUSE - 366
    if not turns.any() or ((step < -_DISORDER) & ~turns).any():
        return guessed
    turn = turns.astype(np.int64) - (step > 366 - _DISORDER)
    later = np.append(np.cumsum(turn[::-1])[::-1], 0)
    year = year_of(int(guessed[rows[-1]])) - later
    if not date_ok(year, months, days).all():
        return guessed
    result = guessed.copy()
    result[rows] = epoch(year, months, days, second_of_day[rows])
    return result
