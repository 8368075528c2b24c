"""When matches of several parts come together, in whatever order or in their own."""

from __future__ import annotations

import numpy as np

from siemstress.rules.episodes.axis import NEVER, Ints
from siemstress.rules.episodes.model import (
    Both,
    Either,
    Need,
    Ordered,
    Part,
    Together,
    Without,
)
from siemstress.rules.episodes.rows import Bools, Moments, Rows, summed

_NONE: frozenset[int] = frozenset()
# Conditions with more are no person's.
_MOST_WAYS = 256


def together(rows: Rows, kind: Together, span: int, now: int | None) -> Moments:
    """The matches with which the parts that are needed have come within the span.

    That is looked at for each alternative by itself. The window is the latest that holds its
    parts: it begins with the match without which one would be missing. What may not be there is
    looked for in the whole span from there on.
    """
    latest: dict[int, Ints] = {}
    opened = np.full(len(rows), NEVER, np.int64)
    for wanted, unwanted in alternatives(kind.need):
        begins = _least([_latest(rows, part, latest) for part in sorted(wanted)])
        met = begins != NEVER
        met[met] = rows.t[met] - begins[met] <= span
        if unwanted:
            at = np.flatnonzero(met)
            met[at] = ~_any(
                [_present(rows, part, rows.g[at], begins[at], span) for part in sorted(unwanted)]
            )
            if now is not None:
                met &= begins + span <= now
        opened[met] = np.maximum(opened[met], begins[met])
    met = opened != NEVER
    return Moments(rows.g[met], rows.t[met], opened[met])


def alternatives(need: Need) -> list[tuple[frozenset[int], frozenset[int]]]:
    """The ways to meet a need: parts that must be there, and parts that may not.

    Ways without a part that must be there are left out: no match meets them.
    """
    return [(wanted, unwanted) for wanted, unwanted in _ways(need, holds=True) if wanted]


def can_hold_empty(need: Need) -> bool:
    """Whether a window without any match meets a need."""
    return any(not wanted for wanted, _ in _ways(need, holds=True))


def _ways(need: Need, *, holds: bool) -> list[tuple[frozenset[int], frozenset[int]]]:
    """The ways in which a need holds, or does not."""
    match need:
        case Part(number):
            one = frozenset((number,))
            return [(one, _NONE) if holds else (_NONE, one)]
        case Without(inner):
            return _ways(inner, holds=not holds)
        case Both(needs) | Either(needs):
            some = [_ways(inner, holds=holds) for inner in needs]
            if isinstance(need, Either) is holds:
                return list(dict.fromkeys(way for ways in some for way in ways))
    found: list[tuple[frozenset[int], frozenset[int]]] = [(_NONE, _NONE)]
    for ways in some:
        pairs = ((x[0] | y[0], x[1] | y[1]) for x in found for y in ways)
        found = list(dict.fromkeys(way for way in pairs if not way[0] & way[1]))
        if len(found) > _MOST_WAYS:
            raise ValueError(f"there are more than {_MOST_WAYS} ways to meet it")
    return found


def ordered(rows: Rows, kind: Ordered, span: int) -> Moments:
    """The matches of the last part to which the others lead, in order, within the span.

    Matches of one time are in whatever order is needed, as clocks may tell no more than seconds;
    but one event is not two, one after the other.
    """
    begins = np.where(rows.part == 0, rows.t, NEVER)
    for part in range(1, kind.parts):
        begins = np.where(rows.part == part, _led_to(rows, begins), NEVER)
    # Matches of one time are one moment.
    latest = np.full(len(rows), NEVER, np.int64)
    np.maximum.at(latest, rows.tie, begins)
    begins = np.where(begins == NEVER, NEVER, latest[rows.tie])
    met = begins != NEVER
    met[met] = rows.t[met] - begins[met] <= span
    return Moments(rows.g[met], rows.t[met], begins[met])


def _led_to(rows: Rows, begins: Ints) -> Ints:
    """The latest begin of what leads to each match, of those before it and others of its time."""
    before = np.maximum(rows.tie - 1, 0)
    has = (rows.tie > 0) & (rows.g[before] == rows.g)
    earlier = np.where(has, rows.latest(begins)[before], NEVER)
    # Of its own time a row takes the best of the others: that of the event with the best of all,
    # or, where that is its own, the second best.
    best = np.full(len(rows), NEVER, np.int64)
    np.maximum.at(best, rows.tie, begins)
    whose = np.full(len(rows), NEVER, np.int64)
    is_best = (begins == best[rows.tie]) & (begins != NEVER)
    np.maximum.at(whose, rows.tie[is_best], rows.ids[is_best])
    second = np.full(len(rows), NEVER, np.int64)
    others = rows.ids != whose[rows.tie]
    np.maximum.at(second, rows.tie[others], begins[others])
    own = np.where(others, best[rows.tie], second[rows.tie])
    return np.maximum(earlier, own)


def is_positive(need: Need) -> bool:
    """Whether more matches can only help."""
    return not _has_without(need)


def _latest(rows: Rows, part: int, known: dict[int, Ints]) -> Ints:
    """When, up to each match, the latest match of a part was."""
    if part not in known:
        known[part] = rows.latest(np.where(rows.part == part, rows.t, NEVER))
    return known[part]


def _present(rows: Rows, part: int, g: Ints, begins: Ints, span: int) -> Bools:
    """Whether windows that begin at some times have a match of a part."""
    before = summed(rows.part == part)
    found: Bools = before[rows.past(g, begins + span)] > before[rows.first(g, begins)]
    return found


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


def _any(some: list[Bools]) -> Bools:
    found = some[0]
    for other in some[1:]:
        found = found | other
    return found
