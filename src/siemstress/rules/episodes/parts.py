"""When matches of several parts come together, in whatever order or in their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from siemstress.rules.episodes.model import (
    Both,
    Either,
    Need,
    Ordered,
    Part,
    Together,
    Without,
)
from siemstress.rules.episodes.rows import NEVER, Ints, Moments, Rows

Bools = npt.NDArray[np.bool_]

_EVER = np.iinfo(np.int64).max


def together(rows: Rows, kind: Together, span: int, now: int | None) -> Moments:
    """The matches with which the parts that are needed have come within the span.

    The window is the latest that holds them: it begins with the match without which one would be
    missing. What may not be there is looked for in the whole span from there on.
    """
    latest: dict[int, Ints] = {}
    begins = _begins(rows, kind.need, latest)
    met = (begins != NEVER) & (begins != _EVER)
    met[met] = rows.t[met] - begins[met] <= span
    if _has_without(kind.need):
        at = np.flatnonzero(met)
        holds = _present(rows, kind.need, rows.g[at], begins[at], span)
        if now is not None:
            holds &= begins[at] + span <= now
        met[at] = holds
    return Moments(rows.g[met], rows.t[met], begins[met])


def ordered(rows: Rows, kind: Ordered, span: int) -> Moments:
    """The matches of the last part to which the others lead, in order, within the span.

    Matches of one time are in whatever order is needed.
    """
    begins = np.where(rows.part == 0, rows.t, NEVER)
    for part in range(1, kind.parts):
        reached = _running(rows, begins)
        begins = np.where(rows.part == part, reached, NEVER)
    met = begins != NEVER
    met[met] = rows.t[met] - begins[met] <= span
    return Moments(rows.g[met], rows.t[met], begins[met])


def is_positive(need: Need) -> bool:
    """Whether more matches can only help."""
    return not _has_without(need)


def _begins(rows: Rows, need: Need, latest: dict[int, Ints]) -> Ints:
    """When the latest window begins that, up to each match, has all that is needed."""
    match need:
        case Part(number):
            if number not in latest:
                latest[number] = _running(rows, np.where(rows.part == number, rows.t, NEVER))
            return latest[number]
        case Both(needs):
            return _least([_begins(rows, one, latest) for one in needs])
        case Either(needs):
            begins = [_begins(rows, one, latest) for one in needs]
            return _most([np.where(b == _EVER, NEVER, b) for b in begins])
        case Without():
            return np.full(len(rows), _EVER, np.int64)


def _running(rows: Rows, values: Ints) -> Ints:
    """The largest value in the group's rows up to each row's time."""
    # Groups come one after the other: a larger offset for each makes one running maximum do.
    known = values != NEVER
    rank = np.zeros(len(rows), np.int64)
    times = np.unique(values[known])
    rank[known] = np.searchsorted(times, values[known]) + 1
    width = len(times) + 1
    running = np.maximum.accumulate(rows.g * width + rank) - rows.g * width
    running = running[rows.past(rows.g, rows.t) - 1]
    return np.where(running > 0, times[np.maximum(running, 1) - 1] if len(times) else NEVER, NEVER)


def _present(rows: Rows, need: Need, g: Ints, begins: Ints, span: int) -> Bools:
    """Whether windows that begin at some times have what is needed, and nothing else."""
    match need:
        case Part(number):
            before = np.concatenate([[0], np.cumsum(rows.part == number)])
            return before[rows.past(g, begins + span)] > before[rows.first(g, begins)]
        case Both(needs):
            every: list[Bools] = [_present(rows, n, g, begins, span) for n in needs]
            return ~_any([~one for one in every])
        case Either(needs):
            some: list[Bools] = [_present(rows, n, g, begins, span) for n in needs]
            return _any(some)
        case Without(inner):
            return ~_present(rows, inner, g, begins, span)


def _has_without(need: Need) -> bool:
    match need:
        case Part():
            return False
        case Without():
            return True
        case Both(needs) | Either(needs):
            return any(_has_without(one) for one in needs)


def _least(some: list[Ints]) -> Ints:
    found = some[0]
    for other in some[1:]:
        found = np.minimum(found, other)
    return found


def _most(some: list[Ints]) -> Ints:
    found = some[0]
    for other in some[1:]:
        found = np.maximum(found, other)
    return found


def _any(some: list[Bools]) -> Bools:
    found = some[0]
    for other in some[1:]:
        found = found | other
    return found
