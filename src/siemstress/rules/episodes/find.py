"""The episodes of a window among matches."""

from __future__ import annotations

import polars as pl

from siemstress.rules.episodes.history import first_or_rare, spike
from siemstress.rules.episodes.model import (
    EPISODES,
    Each,
    First,
    Followed,
    Number,
    Ordered,
    Rare,
    Silent,
    Spike,
    Together,
    Window,
)
from siemstress.rules.episodes.numbers import followed, number
from siemstress.rules.episodes.parts import is_positive, ordered, together
from siemstress.rules.episodes.rows import Moments, Rows, chained
from siemstress.rules.episodes.silence import silent

_DAY = 86_400_000_000


def episodes(matches: pl.DataFrame, window: Window, now: int | None = None) -> pl.DataFrame:
    """The episodes among matches, in order of their start.

    `matches` has the columns of `rules.episodes.model.MATCHES`, the result those of `EPISODES`.
    What can only be known when time has passed is told up to `now` (µs); None: all of it.
    """
    kind = window.kind
    if not len(matches) and not (isinstance(kind, Silent) and now is not None):
        return pl.DataFrame(schema=EPISODES)
    rows = Rows(matches)
    match kind:
        case First() | Rare():
            return first_or_rare(rows, kind, window.span, window.joins)
        case Spike():
            return spike(rows, kind, window.joins)
        case Silent():
            return silent(rows, kind, window.span, window.joins, now)
    return chained(rows, _moments(rows, window, now), window.joins)


def reach(window: Window) -> int:
    """How far before and after a match (µs) it can change what moments there are."""
    match window.kind:
        case First(learn) | Rare(_, learn):
            return 2 * (window.span + learn) + window.joins
        case Spike(days=days, bucket=bucket):
            return (days + 1) * _DAY + 2 * bucket + window.joins
        case Silent(factor=factor, learn=learn):
            return max(window.span, round(factor * learn)) + learn
    return 2 * window.span + window.joins


def timed(window: Window) -> bool:
    """Whether the passing of time alone can meet the condition."""
    match window.kind:
        case Silent():
            return True
        case Together(need):
            return not is_positive(need)
    return False


def monotone(window: Window) -> bool:
    """Whether more matches only ever add moments."""
    match window.kind:
        case Number(of, threshold):
            return of in ("events", "values") and all(
                op in (">", ">=") for op, _ in threshold.bounds
            )
        case Together(need):
            return is_positive(need)
        case Each() | Ordered() | Followed():
            return True
    return False


def _moments(rows: Rows, window: Window, now: int | None) -> Moments:
    match window.kind:
        case Each():
            return Moments(rows.g, rows.t, rows.t)
        case Number():
            return number(rows, window.kind, window.span)
        case Together():
            return together(rows, window.kind, window.span, now)
        case Ordered():
            return ordered(rows, window.kind, window.span)
        case Followed():
            return followed(rows, window.kind, window.span)
    raise NotImplementedError(type(window.kind).__name__)
