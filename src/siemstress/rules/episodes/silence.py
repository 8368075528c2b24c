"""When groups have gone silent."""

from __future__ import annotations

import numpy as np
import polars as pl

from siemstress.rules.episodes.axis import NEVER, Ints
from siemstress.rules.episodes.model import EPISODES, Silent
from siemstress.rules.episodes.percentiles import largest
from siemstress.rules.episodes.rows import Rows, apart, summed


def silent(rows: Rows, kind: Silent, span: int, joins: int, now: int | None) -> pl.DataFrame:
    """The times in which groups were silent for longer than they may be, as of `now`.

    An episode that goes on ends, for now, where it began. What is of the future at `now` counts
    as not yet seen: a clock that is ahead must not hide that a host is silent.
    """
    at = int(rows.last.max(initial=NEVER)) if now is None else now
    seen = rows.only(rows.t <= at) if (rows.t > at).any() else rows
    parts = [_never_seen(seen, kind, span, at)]
    if len(seen):
        parts.append(_gone(seen, kind, span, joins, at))
    return pl.concat(parts).sort("start", "group")


def _gone(rows: Rows, kind: Silent, span: int, joins: int, at: int) -> pl.DataFrame:
    last = np.minimum(rows.latest(rows.last), at)
    start = last + _allowed(rows, kind, span, last)
    places = np.arange(len(rows))
    following = np.minimum(places + 1, len(rows) - 1)
    returns = (following > places) & (rows.g[following] == rows.g)
    until = np.where(returns, rows.t[following], start)
    silent = np.flatnonzero(np.where(returns, start < until, start < at))
    if not len(silent):
        return pl.DataFrame(schema=EPISODES)
    begins = np.flatnonzero(apart(rows.g[silent], start[silent], until[silent], joins))
    ends = np.append(begins[1:], len(silent)) - 1
    some, final = silent[begins], silent[ends]
    row = rows.frame[pl.Series(some)]
    return pl.DataFrame(
        {
            "group": row["group"],
            "start": start[some],
            "last": until[final],
            "opened": last[some],
            "events": ends - begins + 1,
            "ids": row.select(pl.concat_list("id"))["id"],
            "value": pl.repeat(None, len(some), dtype=pl.String, eager=True),
            "ongoing": ~returns[final],
        },
        schema=EPISODES,
    )


def _allowed(rows: Rows, kind: Silent, span: int, last: Ints) -> Ints:
    """How long (µs) the silence after each row may be."""
    places = np.arange(len(rows))
    gap = np.zeros(len(rows), np.int64)
    gap[1:] = np.where(rows.g[1:] == rows.g[:-1], np.maximum(rows.t[1:] - last[:-1], 0), 0)
    # Both ends of a time between two matches lie in what is learned from, and all rows there are
    # one after the other. The first row's own gap is one to a match before.
    low = np.minimum(_reaching(rows, last, last - kind.learn), places)
    before = summed(rows.counts)
    gaps = before[places + 1] - before[low] - 1
    several = places > low
    longest = np.zeros(len(rows), np.int64)
    longest[several] = largest(gap, low[several] + 1, places[several] + 1)
    own = np.minimum(kind.factor * longest, 2.0**60).astype(np.int64)
    return np.where(gaps >= kind.least, np.maximum(own, span), span)


def _reaching(rows: Rows, last: Ints, at: Ints) -> Ints:
    """The first row of each row's group with an event at or after a time."""
    # `last` grows with the rows of a group.
    times, rank = np.unique(last, return_inverse=True)
    width = len(times) + 1
    wanted = rows.g * width + np.searchsorted(times, at)
    return np.searchsorted(rows.g * width + rank, wanted).astype(np.int64)


def _never_seen(rows: Rows, kind: Silent, span: int, at: int) -> pl.DataFrame:
    """Listed groups that were not seen since they are listed."""
    since = at if kind.since is None else kind.since
    start = since + span
    first = rows.frame.group_by("group").agg(pl.col("t").min().alias("first"))
    return (
        pl.Series("group", kind.listed if start < at else (), pl.String)
        .to_frame()
        .join(first, on="group", how="left")
        .filter(pl.col("first").is_null() | (pl.col("first") > start))
        .select(
            "group",
            start=pl.lit(start),
            last=pl.col("first").fill_null(start),
            opened=pl.lit(since),
            events=pl.lit(0),
            ids=pl.lit([], pl.List(pl.Int64)),
            value=pl.lit(None, pl.String),
            ongoing=pl.col("first").is_null(),
        )
        .select(pl.col(name).cast(type_) for name, type_ in EPISODES.items())
    )
