"""When numbers over the matches of a span are within bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.rules.episodes.axis import Ints
from siemstress.rules.episodes.model import Followed, Number, Threshold
from siemstress.rules.episodes.percentiles import COMPARE, within_percentile
from siemstress.rules.episodes.rows import Bools, Moments, Rows, summed

Floats = npt.NDArray[np.float64]

LARGEST = 2.0**53
"""Numbers that are larger, or less than it below zero, count as this."""
_LIMB = 2.0**26
_FINE = 1e9


def number(rows: Rows, kind: Number, span: int) -> Moments:
    """The matches up to and with which the number is within its bounds.

    All matches of one time count together. An event that several parts match counts once, or once
    for each value that they have of it.
    """
    low = rows.first(rows.g, rows.t - span)
    past = rows.upto + 1
    if kind.of == "events":
        met = _within(rows.before[past] - rows.before[low], kind.threshold)
    elif kind.of == "values":
        met = _within(_distinct(rows, span), kind.threshold)
    else:
        met = _of_numbers(rows, kind, low, past)
    return Moments(rows.g[met], rows.t[met], rows.t[low[met]])


def followed(rows: Rows, kind: Followed, span: int) -> Moments:
    """The matches of part 1 that follow more than the limit of part 0."""
    counted = rows.part == 0
    before = summed(np.where(counted, rows.counts, 0))
    low = rows.first(rows.g, rows.t - span)
    past = rows.upto + 1
    met = (rows.part == 1) & (before[past] - before[low] > kind.limit)
    # The first of those counted: the next one from the window's begin on.
    places = np.flatnonzero(counted)
    first = places[np.searchsorted(places, low[met])]
    return Moments(rows.g[met], rows.t[met], rows.t[first])


def _within(found: npt.NDArray[Any], threshold: Threshold) -> Bools:
    met = np.ones(len(found), bool)
    for op, bound in threshold.bounds:
        met &= COMPARE[op](found, bound)
    return met


def _distinct(rows: Rows, span: int) -> Ints:
    """How many distinct values each match sees in its span.

    A match is seen, for its value, from its own time until the next match of the same value in
    the group, or until it is older than the span.
    """
    valued = rows.frame["value"].is_not_null().to_numpy()
    at = np.flatnonzero(valued)
    if not len(at):
        return np.zeros(len(rows), np.int64)
    value = rows.frame["value"].gather(pl.Series(at)).rank("dense").to_numpy().astype(np.int64)
    order = np.lexsort((at, value, rows.g[at]))
    same = np.zeros(len(at), bool)
    same[:-1] = (rows.g[at][order][1:] == rows.g[at][order][:-1]) & (
        value[order][1:] == value[order][:-1]
    )
    following = np.full(len(at), len(rows), np.int64)
    following[order[:-1]] = np.where(same[:-1], at[order[1:]], len(rows))
    # All events of one time count together, so a match is seen from the first row of its time.
    begin = rows.tie[at]
    expires = rows.past(rows.g[at], rows.t[at] + span)
    next_begin = np.where(
        following < len(rows),
        rows.tie[np.minimum(following, len(rows) - 1)],
        expires,
    )
    until = np.minimum(expires, next_begin)
    delta = np.zeros(len(rows) + 1, np.int64)
    np.add.at(delta, begin, 1)
    np.add.at(delta, np.maximum(until, begin), -1)
    return np.cumsum(delta)[:-1]


def _of_numbers(rows: Rows, kind: Number, low: Ints, past: Ints) -> Bools:
    """Where the sum, average or percentile of the numbers from `low` to `past` is within bounds.

    What is no finite number is none; where there is none, no bound is met.
    """
    read = rows.frame["value"].str.strip_chars().cast(pl.Float64, strict=False)
    numbers = read.fill_null(np.nan).to_numpy().clip(-LARGEST, LARGEST)
    same = rows.again.copy()
    same[1:] &= numbers[1:] == numbers[:-1]
    is_number = np.isfinite(read.fill_null(np.nan).to_numpy()) & ~same
    have = summed(is_number)
    count = have[past] - have[low]
    if kind.of == "percentile":
        some = numbers[is_number]
        return within_percentile(some, have[low], have[past], kind.percentile, kind.threshold)
    found = _sums(np.where(is_number, numbers, 0.0), low, past)
    if kind.of == "avg":
        found = found / np.maximum(count, 1)
    return (count > 0) & _within(found, kind.threshold)


def _sums(numbers: Floats, low: Ints, past: Ints) -> Floats:
    """The sums of the numbers from `low` to `past`, to a billionth.

    Added up as whole numbers, so that a sum depends on nothing that stands before.
    """
    whole = np.floor(numbers)
    parts = (whole // _LIMB, whole % _LIMB, np.rint((numbers - whole) * _FINE))
    upper, lower, fine = (summed(part.astype(np.int64)) for part in parts)
    found: Floats = (upper[past] - upper[low]) * _LIMB + (lower[past] - lower[low])
    return found + (fine[past] - fine[low]) / _FINE
