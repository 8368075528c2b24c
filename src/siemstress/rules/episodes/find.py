"""The episodes of a window among matches."""

from __future__ import annotations

import polars as pl

from siemstress.rules.episodes.model import (
    EPISODES,
    Each,
    Followed,
    Number,
    Ordered,
    Together,
    Window,
)
from siemstress.rules.episodes.numbers import followed, number
from siemstress.rules.episodes.parts import is_positive, ordered, together
from siemstress.rules.episodes.rows import Moments, Rows, chained


def episodes(matches: pl.DataFrame, window: Window, now: int | None = None) -> pl.DataFrame:
    """The episodes among matches, in order of their start.

    `matches` has the columns of `rules.episodes.model.MATCHES`, the result those of `EPISODES`.
    What can only be known when time has passed is told up to `now` (µs); None: all of it.
    """
    if not len(matches):
        return pl.DataFrame(schema=EPISODES)
    rows = Rows(matches)
    return chained(rows, _moments(rows, window, now), window.joins)


def reach(window: Window) -> int:
    """How far before and after a match (µs) it can change what moments there are."""
    return 2 * window.span + window.joins


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
