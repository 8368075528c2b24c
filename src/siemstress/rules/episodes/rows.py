"""Matches in order, group by group, and quick ways to find rows by time within a group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.rules.episodes.model import EPISODES

Ints = npt.NDArray[np.int64]

IDS_MAX = 1000
"""How many of an episode's events are named by their id."""
NEVER = np.iinfo(np.int64).min
"""A time before all others."""


class Rows:
    """Matches sorted by group, time and id.

    `g` numbers the groups from 0, `t` is the time (µs), `part` the part of the rule; all have one
    entry for each match.
    """

    def __init__(self, matches: pl.DataFrame) -> None:
        frame = matches.sort("group", "t", "id")
        codes = frame.select(pl.col("group").rle_id())["group"]
        self.frame = frame
        self.g: Ints = codes.to_numpy().astype(np.int64)
        self.t: Ints = frame["t"].to_numpy().astype(np.int64)
        self.part: Ints = frame["part"].to_numpy().astype(np.int64)
        self._times, rank = np.unique(self.t, return_inverse=True)
        self._width = len(self._times) + 1
        self._keys: Ints = self.g * self._width + rank
        counts = frame["count"].fill_null(1).to_numpy().astype(np.int64)
        self.before: Ints = np.concatenate([[0], np.cumsum(counts)])
        """How many events stand in the rows before each, and in all."""

    def __len__(self) -> int:
        return len(self.t)

    def first(self, g: Ints, at: Ints) -> Ints:
        """The first row of each group `g` at or after the time `at`, or the one past its rows."""
        rank = np.searchsorted(self._times, at, "left")
        return np.searchsorted(self._keys, g * self._width + rank, "left").astype(np.int64)

    def past(self, g: Ints, at: Ints) -> Ints:
        """The row after the last one of each group `g` at or before the time `at`."""
        rank = np.searchsorted(self._times, at, "right") - 1
        return np.searchsorted(self._keys, g * self._width + rank, "right").astype(np.int64)

    def only(self, rows: npt.NDArray[np.bool_]) -> Rows:
        """Some of the rows by themselves; their groups are numbered anew."""
        return Rows(self.frame.filter(pl.Series(rows)))


@dataclass(frozen=True)
class Moments:
    """Times at which the condition was met: of which group, and when the first event behind it
    happened. In order of group and time."""

    g: Ints
    t: Ints
    opened: Ints


def chained(rows: Rows, moments: Moments, joins: int) -> pl.DataFrame:
    """Moments as episodes: see `rules.episodes.model.EPISODES`."""
    g, t = moments.g, moments.t
    if not len(t):
        return pl.DataFrame(schema=EPISODES)
    new = np.ones(len(t), bool)
    new[1:] = (g[1:] != g[:-1]) | (t[1:] - t[:-1] > joins)
    begins = np.flatnonzero(new)
    group, start, opened = g[begins], t[begins], moments.opened[begins]
    last = t[np.append(begins[1:], len(t)) - 1]
    low, past = rows.first(group, opened), rows.past(group, last)
    return pl.DataFrame(
        {
            "group": _names(rows, low),
            "start": start,
            "last": last,
            "opened": opened,
            "events": rows.before[past] - rows.before[low],
            "ids": _ids(rows, low, past),
            "value": pl.repeat(None, len(start), dtype=pl.String, eager=True),
            "ongoing": pl.repeat(None, len(start), dtype=pl.Boolean, eager=True),
        },
        schema=EPISODES,
    ).sort("start", "group")


def _names(rows: Rows, some: Ints) -> pl.Series:
    return rows.frame["group"].gather(pl.Series(some))


def _ids(rows: Rows, low: Ints, past: Ints) -> pl.Series:
    """The ids of the first rows of each stretch."""
    sizes = np.minimum(past - low, IDS_MAX)
    ends = np.cumsum(sizes)
    within = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
    ids = rows.frame["id"].gather(pl.Series(np.repeat(low, sizes) + within))
    episode = pl.Series("episode", np.repeat(np.arange(len(sizes)), sizes))
    return (
        pl.DataFrame({"episode": episode, "id": ids})
        .group_by("episode", maintain_order=True)
        .agg("id")["id"]
    )
