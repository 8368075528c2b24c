"""Windows over matches of several rules, beside a plain model of what they mean."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from siemstress.rules.episodes.find import episodes
from siemstress.rules.episodes.model import (
    MATCHES,
    Both,
    Either,
    Kind,
    Need,
    Ordered,
    Part,
    Together,
    Window,
    Without,
)
from siemstress.rules.episodes.parts import alternatives, can_hold_empty

# A match: when, of which part, of which group.
Match = tuple[int, int, str]
SPAN = 5
NEEDS = st.recursive(
    st.integers(0, 2).map(Part),
    lambda inner: st.one_of(
        inner.map(Without),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: Both(tuple(some))),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: Either(tuple(some))),
    ),
    max_leaves=6,
)
SOME = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2), st.sampled_from("xy")))


def moments(kind: Kind, found: Sequence[Match], now: int | None = None) -> set[tuple[str, int]]:
    """The group and time of all moments at which a condition is met."""
    rows = [
        {"t": 2 * t, "id": n, "part": part, "group": group, "count": 1, "last": 2 * t}
        for n, (t, part, group) in enumerate(found)
    ]
    frame = pl.DataFrame(rows, schema=MATCHES)
    # Moments that do not join are an episode each.
    some = episodes(frame, Window(kind, 2 * SPAN, 1), None if now is None else 2 * now)
    assert (some["start"] == some["last"]).all()
    return {(group, start // 2) for group, start in some.select("group", "start").iter_rows()}


def holds(need: Need, there: frozenset[int]) -> bool:
    match need:
        case Part(number):
            return number in there
        case Without(inner):
            return not holds(inner, there)
        case Both(needs):
            return all(holds(one, there) for one in needs)
        case Either(needs):
            return any(holds(one, there) for one in needs)


EVERY = [frozenset(n for n in range(3) if some >> n & 1) for some in range(8)]


@given(NEEDS)
def test_alternatives_are_all_there_is_to_a_need(need: Need) -> None:
    ways = alternatives(need)
    assert can_hold_empty(need) == holds(need, frozenset())
    for there in EVERY:
        way = any(wanted <= there and not unwanted & there for wanted, unwanted in ways)
        # Alternatives without a part that must be there are left out.
        assert way == holds(need, there) or can_hold_empty(need)


def model(need: Need, found: Sequence[Match], now: int | None) -> set[tuple[str, int]]:
    """Each alternative: its parts have come, and the latest window with them has nothing else."""
    met = set()
    for at, _, group in found:
        times = {n: [t for t, p, g in found if p == n and g == group] for n in range(3)}
        for wanted, unwanted in alternatives(need):
            last = [max((t for t in times[n] if t <= at), default=-99) for n in wanted]
            begin = min(last)
            late = now is not None and begin + SPAN > now
            if at - begin > SPAN or (unwanted and late):
                continue
            if not any(begin <= t <= begin + SPAN for n in unwanted for t in times[n]):
                met.add((group, at))
    return met


@given(NEEDS, SOME, st.none() | st.integers(0, 25))
def test_parts_come_together(need: Need, found: list[Match], now: int | None) -> None:
    assert moments(Together(need), found, now) == model(need, found, now)


@given(SOME)
def test_parts_come_in_order(found: list[Match]) -> None:
    met = {
        (g2, t2)
        for t0, p0, g0 in found
        for t1, p1, g1 in found
        for t2, p2, g2 in found
        if (p0, p1, p2) == (0, 1, 2) and g0 == g1 == g2 and t0 <= t1 <= t2 <= t0 + SPAN
    }
    assert moments(Ordered(3), found) == met


def test_what_is_missing_is_known_when_the_time_is_over() -> None:
    need = Both((Part(0), Without(Part(1))))
    found = [(3, 0, "x")]
    assert moments(Together(need), found, 7) == set()
    assert moments(Together(need), found, 8) == {("x", 3)}
    assert moments(Together(need), [*found, (8, 1, "x")], 20) == set()
    assert moments(Together(need), [*found, (9, 1, "x"), (8, 1, "y")], 20) == {("x", 3)}


def test_one_way_does_not_stand_in_the_way_of_another() -> None:
    apart = Either((Both((Part(2), Without(Part(1)))), Both((Part(0), Part(2)))))
    assert moments(Together(apart), [(0, 0, "x"), (3, 2, "x"), (4, 1, "x")]) == {("x", 3), ("x", 4)}
    within = Both((Either((Part(0), Without(Part(1)))), Part(2)))
    assert moments(Together(within), [(3, 2, "x")]) == {("x", 3)}
