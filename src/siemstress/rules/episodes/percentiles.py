"""Where a percentile of the numbers in each window is within bounds.

What the percentile is need not be known: how many numbers of a window are less than a bound, or
equal to it, says on which side of the bound it is. Only where it lies between one number below and
one above the bound are these two looked for. So windows may be long, and many.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from siemstress.rules.episodes.axis import Ints
from siemstress.rules.episodes.model import Threshold
from siemstress.rules.episodes.rows import Bools, summed

Floats = npt.NDArray[np.float64]

COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "=": operator.eq, "!=": operator.ne,
}  # fmt: skip


def within_percentile(
    numbers: Floats, low: Ints, past: Ints, percentile: float, threshold: Threshold
) -> Bools:
    """Whether the percentile of the numbers from each `low` to before `past` is within bounds.

    It is interpolated between the nearest two in order, as by SQL's percentile_cont and by Sigma's
    backends. Where there are no numbers, no bound is met.
    """
    met = past > low
    for op, bound in threshold.bounds:
        at = np.flatnonzero(met)
        side = _side(numbers, low[at], past[at], percentile / 100, bound)
        met[at] = COMPARE[op](side, 0)
    return met


def _side(numbers: Floats, low: Ints, past: Ints, fraction: float, bound: float) -> Ints:
    """-1, 0 or 1: whether the percentile is less than the bound, equal or more."""
    position = (past - low - 1) * fraction
    place = np.floor(position).astype(np.int64)
    share = position - place
    below, upto = summed(numbers < bound), summed(numbers <= bound)
    less, least = below[past] - below[low], upto[past] - upto[low]
    # The two nearest, each less than the bound, equal or more.
    one = _of_place(place, less, least)
    other = np.where(share > 0, _of_place(place + 1, less, least), one)
    side = np.where(one == 0, other, one)
    between = np.flatnonzero((one < 0) & (other > 0))
    if len(between):
        under = largest(np.where(numbers < bound, numbers, -np.inf), low[between], past[between])
        over = -largest(np.where(numbers > bound, -numbers, -np.inf), low[between], past[between])
        found = under + (over - under) * share[between]
        side[between] = np.sign(found - bound).astype(np.int64)
    return side


def _of_place(place: Ints, less: Ints, least: Ints) -> Ints:
    """On which side of a bound the number in a place is, of so many `less` and `least` equal."""
    return np.where(place < less, -1, np.where(place < least, 0, 1))


def largest(numbers: npt.NDArray[Any], low: Ints, past: Ints) -> npt.NDArray[Any]:
    """The largest of the numbers from each `low` to before `past`, which must be more.

    Two overlapping stretches of a length that is a power of 2 make up any.
    """
    power = np.frexp((past - low).astype(np.float64))[1] - 1
    found = numbers[low]
    stretch = numbers
    for n in range(int(power.max(initial=0)) + 1):
        if n:
            half = 1 << (n - 1)
            stretch = np.maximum(stretch[:-half], stretch[half:])
        at = np.flatnonzero(power == n)
        found[at] = np.maximum(stretch[low[at]], stretch[past[at] - (1 << n)])
    return found
