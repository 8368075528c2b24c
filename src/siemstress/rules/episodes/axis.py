"""Numbers for matches that sort and are found as group and time do."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]

NEVER = np.iinfo(np.int64).min
"""A time before all others."""
_MOST = 2**62


class Axis:
    """One axis on which groups lie one after the other, each with all times between two.

    Where that would be too long, with the times that there are instead. A place is where a time
    of a group is; the place before all times of a group stands for NEVER.
    """

    def __init__(self, times: Ints, groups: int) -> None:
        self._low, high = (int(times.min()), int(times.max())) if len(times) else (0, 0)
        self._high = high
        self._width = high - self._low + 3
        self._times: Ints | None = None
        if self._width * max(groups, 1) >= _MOST:
            self._times = np.unique(times)
            self._width = len(self._times) + 2

    def places(self, g: Ints, at: Ints, side: Literal["left", "right"] = "left") -> Ints:
        """Where times of groups are; of a time that is not there the next (`right`: the last)."""
        if self._times is None:
            within = np.clip(at, self._low - 1, self._high + 1) - (self._low - 1)
        else:
            within = np.searchsorted(self._times, at, side) + (side == "left")
            within = np.where(at == NEVER, 0, within)
        places: Ints = g * self._width + within
        return places

    def times(self, g: Ints, places: Ints) -> Ints:
        """The times at places of groups."""
        within = places - g * self._width
        if self._times is None:
            found = within + (self._low - 1)
        else:
            found = np.concatenate([[NEVER], self._times])[within]
        return np.where(within == 0, NEVER, found)


def numbered(matches: pl.DataFrame, by: tuple[str, ...]) -> Ints:
    """Numbers from 0 for what columns say together, in their order."""
    found = np.zeros(len(matches), np.int64)
    count = 1
    for column in by:
        some = matches.select(column)
        names = some.unique().sort(column).with_row_index("n")
        numbers = some.join(names, on=column, how="left", nulls_equal=True, maintain_order="left")
        found = found * len(names) + numbers["n"].to_numpy()
        count *= len(names)
    if len(by) > 1:
        found = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return found


def in_order(g: Ints, t: Ints, ids: Ints, part: Ints) -> Ints:
    """The order of rows by group, time, id and part."""
    places = Axis(t, int(g.max(initial=0)) + 1).places(g, t)
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    tied = np.zeros(len(order), bool)
    tied[1:] = ordered[1:] == ordered[:-1]
    tied[:-1] |= tied[1:]
    at = np.flatnonzero(tied)
    some = order[at]
    order[at] = some[np.lexsort((part[some], ids[some], ordered[at]))]
    return order
