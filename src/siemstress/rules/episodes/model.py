"""What a rule asks of the events that match it, over time; all in event time.

A *match* is an event that one of the rule's parts is about. Windows are computed over matches, a
group at a time, and know nothing of stores, of rule files or of how matches were found. The same
matches give the same episodes, in whatever order they came.

An *episode* is a run of moments at which the condition was met, each within `gap` of the one
before. It starts at the first of them. All times and spans are whole microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

Operator = Literal["<", "<=", ">", ">=", "=", "!="]

MATCHES: dict[str, pl.DataType] = {
    "t": pl.Int64(),
    "id": pl.Int64(),
    "part": pl.Int32(),
    "group": pl.String(),
    "value": pl.String(),
    "count": pl.Int64(),
    "last": pl.Int64(),
}
"""The columns of matches: when (µs since 1970), which event, of which part of the rule (from 0),
its group, the value that is counted or added up (null: none). A row may stand for `count` events
of one group and value between `t` and `last`, of which `id` is the first; that is for First, Rare,
Spike and Silent alone. An event that several parts are about comes as a row for each."""

EPISODES: dict[str, pl.DataType] = {
    "group": pl.String(),
    "start": pl.Int64(),
    "last": pl.Int64(),
    "opened": pl.Int64(),
    "events": pl.Int64(),
    "ids": pl.List(pl.Int64()),
    "value": pl.String(),
    "ongoing": pl.Boolean(),
}
"""The columns of episodes: the first and last moment at which the condition was met, when the
first event behind it happened, how many events are behind it and the first thousand of their ids
in order of time; `value` is what is new or rare. `ongoing` says, where it is known, whether it
goes on: a silence without an end has its start as its last moment."""


@dataclass(frozen=True)
class Threshold:
    """Bounds of a number, all of which hold."""

    bounds: tuple[tuple[Operator, float], ...]


@dataclass(frozen=True)
class Each:
    """Every match meets the condition by itself."""


@dataclass(frozen=True)
class Number:
    """A number over the matches within the span up to and with each match.

    `of` is how many events, how many distinct values, or of the values as numbers their sum,
    average or percentile (`percentile` in percent, interpolated between the nearest two).
    """

    of: Literal["events", "values", "sum", "avg", "percentile"]
    threshold: Threshold
    percentile: float = 50


@dataclass(frozen=True)
class Part:
    """A part of the rule has a match in the window."""

    number: int


@dataclass(frozen=True)
class Both:
    """All of these."""

    needs: tuple[Need, ...]


@dataclass(frozen=True)
class Either:
    """One of these."""

    needs: tuple[Need, ...]


@dataclass(frozen=True)
class Without:
    """Not this: no such match in the window."""

    need: Need


Need = Part | Both | Either | Without


@dataclass(frozen=True)
class Together:
    """Matches of several parts lie within the span, in whatever order.

    Of each way to meet `need`, a window begins at the latest match with which all its parts have
    come, and is as long as the span; where it has a Without, it is known to hold only when the
    window is over.
    """

    need: Need


@dataclass(frozen=True)
class Ordered:
    """A match of each part, in the order of the parts (`parts` of them), within the span.

    Matches of one time are in any order that is needed, but one event is not two of them.
    """

    parts: int


@dataclass(frozen=True)
class Followed:
    """More than `limit` matches of part 0 within the span, and within the span of the first of
    them a match of part 1, at which the condition is met. A match of both parts counts for both;
    such events come as two rows."""

    limit: int


@dataclass(frozen=True)
class First:
    """A value that the group has not had in the span before. An episode is of one value.

    Of a group that had no match between `learn` and the span before that nothing is new.
    """

    learn: int


@dataclass(frozen=True)
class Rare:
    """A value that the group has had at most `most` times in the span before, itself counted.

    An episode is of one value.

    Of a group that had no match between `learn` and the span before that nothing is rare.
    """

    most: int
    learn: int


@dataclass(frozen=True)
class Spike:
    """So many more events than usual within an hour of the clock (`bucket` µs long).

    Usual is the average of the same bucket of the `days` days before, of which there must be at
    least `least_days` since the group was first seen. Met where there are at least `least` events
    and more than `factor` times the usual.
    """

    factor: float
    least: int
    days: int
    least_days: int
    bucket: int = 3_600_000_000


@dataclass(frozen=True)
class Silent:
    """A group has gone silent: no match for longer than it may be.

    That is the span, or longer for one whose own rhythm is slower: `factor` times the longest
    time between two of its matches in the `learn` before, of which there are at least `least`.
    The episode starts when the silence becomes too long and lasts until the next match. `listed`
    groups are known beforehand: one that was never seen is silent since `since`.
    """

    factor: float
    learn: int
    least: int
    listed: tuple[str, ...] = ()
    since: int | None = None


Kind = Each | Number | Together | Ordered | Followed | First | Rare | Spike | Silent


@dataclass(frozen=True)
class Window:
    """A condition over matches, the span (µs) that it looks at, and what makes one episode.

    Moments at which the condition is met belong to one episode as long as each is within `gap`
    of the one before. `suppress`, where it is longer than `gap`, takes its place.
    """

    kind: Kind
    span: int
    gap: int
    suppress: int = 0

    @property
    def joins(self) -> int:
        """How far apart two moments of one episode may be."""
        return max(self.gap, self.suppress)
