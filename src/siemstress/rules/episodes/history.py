"""What is new or rare, and what is unusually much, against what was before.

All look back no further than a fixed time, so that the matches of that time decide alone. Rows
may stand for several events, which is what keeps long looks back small: then a row is met at its
first event. The result is that of single events, except where a row reaches across the edge of a
span, which then counts as a whole.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from siemstress.rules.episodes.axis import NEVER, Ints
from siemstress.rules.episodes.model import EPISODES, First, Rare, Spike
from siemstress.rules.episodes.rows import Bools, Moments, Rows, apart, chained, named, summed

_DAY = 86_400_000_000


def first_or_rare(rows: Rows, kind: First | Rare, span: int, joins: int) -> pl.DataFrame:
    """The values of each group that it has not had in the span before, or hardly ever.

    A group is known well enough at a match if it had one between `learn` and `learn` and the span
    before. An episode is of one value of a group, and its events are those that were new or rare.
    Of several of one time the first by id comes first.
    """
    known = _known(rows, kind.learn, span)
    frame = rows.frame.with_columns(known=pl.Series(known))
    of = Rows(frame.filter(pl.col("value").is_not_null()), ("group", "value"))
    if not len(of):
        return pl.DataFrame(schema=EPISODES)
    # Of the value's rows those from `low` on reach into the span before.
    places = np.arange(len(of))
    low = _reaching(of, of.t - span)
    before = summed(of.counts)
    most = kind.most if isinstance(kind, Rare) else 1
    left = most - (before[places] - before[np.minimum(low, places)])
    is_met = of.frame["known"].to_numpy() & (left > 0)
    if isinstance(kind, First):
        is_met &= low >= places
    events = np.minimum(of.counts, left)
    until = np.where(events == of.counts, of.last, of.t)
    if isinstance(kind, First):
        events, until = np.ones(len(of), np.int64), of.t
    return _of_values(of, np.flatnonzero(is_met), events, until, joins)


def _of_values(of: Rows, at: Ints, events: Ints, until: Ints, joins: int) -> pl.DataFrame:
    """The episodes of some rows, so many of whose events are new or rare, each up to a time."""
    if not len(at):
        return pl.DataFrame(schema=EPISODES)
    begins = np.flatnonzero(apart(of.g[at], of.t[at], until[at], joins))
    ends = np.append(begins[1:], len(at))
    start = of.t[at[begins]]
    first = of.frame[pl.Series(at[begins])]
    return pl.DataFrame(
        {
            "group": first["group"],
            "start": start,
            "last": np.maximum.reduceat(until[at], begins),
            "opened": start,
            "events": np.add.reduceat(events[at], begins),
            "ids": named(of, at, at[begins], at[ends - 1] + 1),
            "value": first["value"],
            "ongoing": pl.repeat(None, len(start), dtype=pl.Boolean, eager=True),
        },
        schema=EPISODES,
    ).sort("start", "group", "value")


def _reaching(rows: Rows, at: Ints) -> Ints:
    """The first row of each row's group of which an event is at or after a time."""
    # Rows of one value do not overlap, so that at most the one before reaches so far.
    low = rows.first(rows.g, at)
    before = np.maximum(low - 1, 0)
    reaches = (low > 0) & (rows.g[before] == rows.g) & (rows.last[before] >= at)
    return np.where(reaches, before, low)


def _known(rows: Rows, learn: int, span: int) -> Bools:
    """Whether each match's group had one between `learn` and `learn` and the span before."""
    past = rows.past(rows.g, rows.t - learn)
    before = np.maximum(past - 1, 0)
    has = (past > 0) & (rows.g[before] == rows.g)
    latest = np.where(has, rows.latest(rows.last)[before], NEVER)
    found: Bools = has & (latest >= rows.t - learn - span)
    return found


def spike(rows: Rows, kind: Spike, joins: int) -> pl.DataFrame:
    """The buckets of time in which a group had many more matches than on the days before.

    They are met from the match on with which there were too many. Days on which the group was not
    known yet do not count, of those of the last `days`.
    """
    bucket = rows.t // kind.bucket
    bound = _bounds(rows, kind, bucket)
    new = np.ones(len(rows), bool)
    new[1:] = (rows.g[1:] != rows.g[:-1]) | (bucket[1:] != bucket[:-1])
    begin = np.flatnonzero(new)[np.cumsum(new) - 1]
    before = summed(np.where(rows.again, 0, rows.counts))
    so_far = before[rows.upto + 1] - before[begin]
    met = (so_far > bound) & (so_far >= kind.least)
    moments = Moments(rows.g[met], rows.t[met], rows.t[begin[met]], rows.last[met])
    return chained(rows, moments, joins)


def _bounds(rows: Rows, kind: Spike, bucket: Ints) -> np.typing.NDArray[np.float64]:
    """How many events of each row's group are no spike yet; infinite where that is not known."""
    a_day = _DAY // kind.bucket
    low = bucket - bucket.min(initial=0) + 1 + kind.days * a_day
    width = int(low.max(initial=0)) + 1
    keys = rows.g * width + low
    distinct, begins, inverse = np.unique(keys, return_index=True, return_inverse=True)
    before = np.append(rows.before[begins], rows.before[-1])
    totals = np.append(np.diff(before), 0)
    usual = np.zeros(len(distinct), np.int64)
    for day in range(1, kind.days + 1):
        place = np.searchsorted(distinct, distinct - day * a_day)
        usual += np.where(distinct[place] == distinct - day * a_day, totals[place], 0)
    # The oldest bucket that is not older than the days.
    oldest = np.searchsorted(distinct, distinct - kind.days * a_day)
    days = np.minimum((distinct - distinct[oldest]) // a_day, kind.days)
    bound = np.where(days >= kind.least_days, kind.factor * usual / np.maximum(days, 1), np.inf)
    found: np.typing.NDArray[np.float64] = bound[inverse]
    return found
