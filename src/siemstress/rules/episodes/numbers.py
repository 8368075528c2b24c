"""When numbers over the matches of a span are within bounds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.rules.episodes.model import Followed, Number, Threshold
from siemstress.rules.episodes.rows import Ints, Moments, Rows

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "=": operator.eq, "!=": operator.ne,
}  # fmt: skip


def number(rows: Rows, kind: Number, span: int) -> Moments:
    """The matches up to and with which the number is within its bounds."""
    low = rows.first(rows.g, rows.t - span)
    past = rows.past(rows.g, rows.t)
    if kind.of == "events":
        found: npt.NDArray[Any] = rows.before[past] - rows.before[low]
    elif kind.of == "values":
        found = _distinct(rows, span)
    else:
        found = _of_numbers(rows, kind, low, past)
    met = _within(found, kind.threshold)
    return Moments(rows.g[met], rows.t[met], rows.t[low[met]])


def followed(rows: Rows, kind: Followed, span: int) -> Moments:
    """The matches of part 1 that follow more than the limit of part 0."""
    counted = rows.part == 0
    before = np.concatenate([[0], np.cumsum(counted)])
    low = rows.first(rows.g, rows.t - span)
    past = rows.past(rows.g, rows.t)
    met = (rows.part == 1) & (before[past] - before[low] > kind.limit)
    # The first of those counted: the next one from the window's begin on.
    places = np.flatnonzero(counted)
    first = places[np.searchsorted(places, low[met])]
    return Moments(rows.g[met], rows.t[met], rows.t[first])


def _within(found: npt.NDArray[Any], threshold: Threshold) -> npt.NDArray[np.bool_]:
    met = np.ones(len(found), bool)
    for op, bound in threshold.bounds:
        met &= _COMPARE[op](found, bound)
    if found.dtype.kind == "f":
        met &= ~np.isnan(found)
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
    begin = rows.first(rows.g[at], rows.t[at])
    expires = rows.past(rows.g[at], rows.t[at] + span)
    next_begin = np.where(
        following < len(rows),
        rows.first(rows.g[at], rows.t[np.minimum(following, len(rows) - 1)]),
        expires,
    )
    until = np.minimum(expires, next_begin)
    delta = np.zeros(len(rows) + 1, np.int64)
    np.add.at(delta, begin, 1)
    np.add.at(delta, np.maximum(until, begin), -1)
    return np.cumsum(delta)[:-1]


def _of_numbers(rows: Rows, kind: Number, low: Ints, past: Ints) -> npt.NDArray[np.float64]:
    """Sum, average or percentile of the values in each match's span; NaN without any number."""
    numbers = rows.frame["value"].str.strip_chars().cast(pl.Float64, strict=False).to_numpy()
    is_number = np.isfinite(numbers)
    have = np.concatenate([[0], np.cumsum(is_number)])
    count = (have[past] - have[low]).astype(np.float64)
    nothing = count == 0
    if kind.of == "percentile":
        found = _percentiles(numbers, low, past, kind.percentile)
    else:
        sums = np.concatenate([[0.0], np.cumsum(np.where(is_number, numbers, 0.0))])
        found = sums[past] - sums[low]
        if kind.of == "avg":
            found = found / np.where(nothing, 1, count)
    return np.where(nothing, np.nan, found)


def _percentiles(
    numbers: npt.NDArray[np.float64], low: Ints, past: Ints, percentile: float
) -> npt.NDArray[np.float64]:
    """Interpolated between the nearest two, of the numbers in rows `low` to `past`."""
    sizes = past - low
    found = np.full(len(low), np.nan)
    step = 2_000_000
    ends = np.cumsum(sizes)
    first = 0
    while first < len(low):
        base = ends[first] - sizes[first]
        upto = max(first + 1, int(np.searchsorted(ends, base + step, "right")))
        some = slice(first, upto)
        total = ends[upto - 1] - base
        within = np.arange(total) - np.repeat(ends[some] - sizes[some] - base, sizes[some])
        values = pl.Series(numbers[np.repeat(low[some], sizes[some]) + within]).fill_nan(None)
        which = pl.Series(np.repeat(np.arange(upto - first), sizes[some]))
        answer = (
            pl.DataFrame({"which": which, "value": values})
            .group_by("which", maintain_order=True)
            .agg(pl.col("value").quantile(percentile / 100, "linear"))
        )
        found[first + answer["which"].to_numpy()] = answer["value"].fill_null(np.nan).to_numpy()
        first = upto
    return found
