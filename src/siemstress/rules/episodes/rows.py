"""Matches in order, group by group, and quick ways to find rows by time within a group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.rules.episodes.axis import NEVER, Axis, Ints, in_order, numbered
from siemstress.rules.episodes.model import EPISODES

Bools = npt.NDArray[np.bool_]

IDS_MAX = 1000
"""How many of an episode's events are named by their id."""


class Rows:
    """Matches sorted by group (or what `by` names), time and id.

    `g` numbers the groups from 0, `t` is the time (µs), `part` the part of the rule; all have one
    entry for each match.
    """

    def __init__(self, matches: pl.DataFrame, by: tuple[str, ...] = ("group",)) -> None:
        g, t, part = numbered(matches, by), _ints(matches["t"]), _ints(matches["part"])
        ids = _ints(matches["id"].fill_null(-1))
        order = in_order(g, t, ids, part)
        self.frame = matches[pl.Series(order)]
        self.g: Ints = g[order]
        self.t: Ints = t[order]
        self.part: Ints = part[order]
        self.ids: Ints = ids[order]
        self.counts: Ints = _ints(self.frame["count"].fill_null(1))
        self.tie: Ints = self._ties()
        """The first row of the same group and time."""
        self.again: Bools = self._again()
        """Whether the event stands in the row before, too, as a match of another part."""
        self.before: Ints = summed(np.where(self.again, 0, self.counts))
        """How many events stand in the rows before each, and in all."""

    def __len__(self) -> int:
        return len(self.t)

    @cached_property
    def last(self) -> Ints:
        """The time of the last event of each row."""
        return _ints(self.frame["last"].fill_null(self.frame["t"]))

    def first(self, g: Ints, at: Ints) -> Ints:
        """The first row of each group `g` at or after the time `at`, or the one past its rows."""
        return np.searchsorted(self._places, self._axis.places(g, at), "left").astype(np.int64)

    def past(self, g: Ints, at: Ints) -> Ints:
        """The row after the last one of each group `g` at or before the time `at`."""
        wanted = self._axis.places(g, at, "right")
        return np.searchsorted(self._places, wanted, "right").astype(np.int64)

    def latest(self, values: Ints) -> Ints:
        """The largest value (NEVER: none) in the group's rows up to each row and its time."""
        # Groups come one after the other on an axis, so that one running maximum does for all.
        axis = Axis(values[values != NEVER], self._groups)
        running = np.maximum.accumulate(axis.places(self.g, values))
        return axis.times(self.g, running)[self.upto]

    def only(self, rows: Bools) -> Rows:
        """Some of the rows by themselves; their groups are numbered anew."""
        return Rows(self.frame.filter(pl.Series(rows)))

    def _ties(self) -> Ints:
        self._groups = int(self.g.max(initial=0)) + 1
        self._axis = Axis(self.t, self._groups)
        self._places = self._axis.places(self.g, self.t)
        new = np.ones(len(self), bool)
        new[1:] = self._places[1:] != self._places[:-1]
        begins = np.append(np.flatnonzero(new), len(self))
        which = np.cumsum(new) - 1
        self.upto: Ints = begins[which + 1] - 1
        """The last row of the same group and time."""
        ties: Ints = begins[which]
        return ties

    def _again(self) -> Bools:
        again = np.zeros(len(self), bool)
        # Of rows that stand for several events it is not known which.
        same = (self.tie[1:] == self.tie[:-1]) & (self.ids[1:] == self.ids[:-1])
        same &= self.ids[1:] != -1
        again[1:] = same & (self.counts[1:] == 1) & (self.counts[:-1] == 1)
        return again


@dataclass(frozen=True)
class Moments:
    """Times at which the condition was met: of which group, when the first event behind it
    happened, and up to when it is met (None: `t`). In order of group and time."""

    g: Ints
    t: Ints
    opened: Ints
    until: Ints | None = None


def chained(rows: Rows, moments: Moments, joins: int) -> pl.DataFrame:
    """Moments as episodes: see `rules.episodes.model.EPISODES`."""
    g, t = moments.g, moments.t
    if not len(t):
        return pl.DataFrame(schema=EPISODES)
    until = t if moments.until is None else moments.until
    begins = np.flatnonzero(apart(g, t, until, joins))
    group, start, opened = g[begins], t[begins], moments.opened[begins]
    last = np.maximum.reduceat(until, begins)
    low = rows.first(group, opened)
    past = rows.past(group, t[np.append(begins[1:], len(t)) - 1])
    return pl.DataFrame(
        {
            "group": rows.frame["group"].gather(pl.Series(low)),
            "start": start,
            "last": last,
            "opened": opened,
            "events": rows.before[past] - rows.before[low],
            "ids": named(rows, np.flatnonzero(~rows.again), low, past),
            "value": pl.repeat(None, len(start), dtype=pl.String, eager=True),
            "ongoing": pl.repeat(None, len(start), dtype=pl.Boolean, eager=True),
        },
        schema=EPISODES,
    ).sort("start", "group")


def apart(g: Ints, t: Ints, until: Ints, joins: int) -> Bools:
    """Which moments begin an episode: those of a group further apart than `joins` from before."""
    new = np.ones(len(t), bool)
    new[1:] = (g[1:] != g[:-1]) | (t[1:] - until[:-1] > joins)
    return new


def named(rows: Rows, some: Ints, low: Ints, past: Ints) -> pl.Series:
    """The ids of the first of some rows in each stretch from `low` to before `past`."""
    low, past = np.searchsorted(some, low), np.searchsorted(some, past)
    sizes = np.minimum(past - low, IDS_MAX)
    ends = np.cumsum(sizes)
    within = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
    ids = rows.frame["id"].gather(pl.Series(some[np.repeat(low, sizes) + within]))
    episode = pl.Series("episode", np.repeat(np.arange(len(sizes)), sizes))
    return (
        pl.DataFrame({"episode": episode, "id": ids})
        .group_by("episode", maintain_order=True)
        .agg("id")["id"]
    )


def summed(values: npt.NDArray[Any]) -> Ints:
    """The sums of what stands before each place, and of all."""
    return np.concatenate([[0], np.cumsum(values, dtype=np.int64)])


def _ints(column: pl.Series) -> Ints:
    return column.to_numpy().astype(np.int64, copy=False)
