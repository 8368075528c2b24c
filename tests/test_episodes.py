"""Windows over matches: the quick ones find what the plain ones do, whatever comes when."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plain_episodes import Match, frame, plain, rolled, told
from siemstress.rules.episodes.find import episodes, monotone, reach
from siemstress.rules.episodes.model import (
    EPISODES,
    Both,
    Each,
    Either,
    First,
    Followed,
    Kind,
    Need,
    Number,
    Operator,
    Ordered,
    Part,
    Rare,
    Silent,
    Spike,
    Threshold,
    Together,
    Window,
    Without,
)

quick = settings(max_examples=50, deadline=None)
DAY = 86_400_000_000
HOUR = 3_600_000_000

OPERATORS: list[Operator] = ["<", "<=", ">", ">=", "=", "!="]
BOUNDS = st.tuples(st.sampled_from(OPERATORS), st.sampled_from([0, 1, 2, 2.5, 3, 5]))
THRESHOLDS = st.lists(BOUNDS, min_size=1, max_size=2).map(lambda b: Threshold(tuple(b)))
PARTS = st.integers(0, 2).map(Part)
NEEDS: st.SearchStrategy[Need] = st.one_of(
    st.just(Both((Part(0), Part(1)))),
    st.just(Both((Part(0), Part(1), Part(2)))),
    st.just(Both((Part(0), Either((Part(1), Part(2)))))),
    st.just(Either((Part(0), Both((Part(1), Part(2)))))),
    st.just(Both((Part(0), Without(Part(1))))),
    st.just(Both((Part(0), Part(1), Without(Part(2))))),
    st.just(Either((Both((Part(0), Without(Part(1)))), Part(2)))),
    st.just(Both((Part(0), Without(Both((Part(1), Part(2))))))),
)
KINDS: dict[str, st.SearchStrategy[Kind]] = {
    "each": st.just(Each()),
    "number": st.builds(
        Number,
        st.sampled_from(["events", "values", "sum", "avg", "percentile"]),
        THRESHOLDS,
        st.sampled_from([0, 12.5, 50, 75, 95, 100]),
    ),
    "together": st.builds(Together, NEEDS),
    "ordered": st.builds(Ordered, st.integers(1, 3)),
    "followed": st.builds(Followed, st.integers(0, 3)),
    "first": st.builds(First, st.integers(0, 20)),
    "rare": st.builds(Rare, st.integers(1, 3), st.integers(0, 20)),
    "silent": st.builds(
        Silent,
        st.sampled_from([1.0, 1.5, 2.0]),
        st.integers(5, 60),
        st.integers(0, 4),
        st.just(("a", "z")),
        st.sampled_from([None, 10, 50]),
    ),
}
VALUES = st.sampled_from([None, "", "x", "1", "2", "3", "-4", "7", "1e999", "nan"])


SPANS = st.integers(1, 30)
FIRST = st.just(First(0))


def windows(kind: str) -> st.SearchStrategy[Window]:
    joins = st.integers(0, 12)
    return st.builds(Window, KINDS[kind], SPANS, joins, joins)


@st.composite
def matches(draw: st.DrawFn, most: int = 25) -> list[Match]:
    """Matches, some of them of one event in several parts, in any order."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 100),
                st.integers(0, 2),
                st.sampled_from(["a", "a", "b\x1e", ""]),
                VALUES,
                st.booleans(),
            ),
            max_size=most,
        )
    )
    ids = draw(st.permutations(range(1, len(rows) + 1)))
    found = []
    for (t, part, group, value, twice), id_ in zip(rows, ids, strict=True):
        found.append(Match(t, id_, part, group, value))
        if twice:
            found.append(Match(t, id_, (part + 1) % 3, group, value))
    return found


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("first", "rare", "silent")])
def test_what_the_plain_ones_find(kind: str) -> None:
    @quick
    @given(some=matches(), window=windows(kind), now=st.none() | st.integers(0, 140))
    def check(some: list[Match], window: Window, now: int | None) -> None:
        assert told(episodes(frame(some), window, now)) == plain(some, window, now)

    check()


@pytest.mark.parametrize("kind", ["first", "rare", "silent"])
def test_what_the_plain_ones_find_of_single_parts(kind: str) -> None:
    @quick
    @given(some=matches(), window=windows(kind), now=st.none() | st.integers(0, 140))
    def check(some: list[Match], window: Window, now: int | None) -> None:
        single = list({m.id: m for m in some}.values())
        assert told(episodes(frame(single), window, now)) == plain(single, window, now)

    check()


@quick
@given(
    some=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5), st.integers(0, 59)), max_size=40),
    kind=st.builds(
        Spike,
        st.sampled_from([1.0, 1.5, 3.0]),
        st.integers(1, 4),
        st.integers(1, 4),
        st.integers(1, 3),
        st.just(HOUR),
    ),
    joins=st.sampled_from([0, HOUR, 2 * HOUR]),
)
def test_spikes(some: list[tuple[int, int, int]], kind: Spike, joins: int) -> None:
    found = [
        Match(day * DAY + hour // 2 * HOUR + minute * HOUR // 60, n)
        for n, (day, hour, minute) in enumerate(some)
    ]
    window = Window(kind, HOUR, joins)
    assert told(episodes(frame(found), window)) == plain(found, window)


ALL = st.sampled_from(list(KINDS)).flatmap(windows)


@quick
@given(some=matches(), window=ALL, now=st.none() | st.integers(0, 140), seed=st.integers(0, 9))
def test_the_order_of_arrival_does_not_matter(
    some: list[Match], window: Window, now: int | None, seed: int
) -> None:
    whole = frame(some)
    shuffled = frame(Random(seed).sample(some, len(some)))
    if len(some):
        assert episodes(whole, window, now).equals(episodes(shuffled, window, now))
    assert episodes(whole, window, now).schema == EPISODES


@quick
@given(old=matches(), new=matches(most=4), window=ALL)
def test_far_from_new_matches_everything_stays(
    old: list[Match], new: list[Match], window: Window
) -> None:
    old = [Match(m.t * 7, m.id, m.part, m.group, m.value) for m in old]
    new = [Match(300 + m.t // 10, m.id + 1000, m.part, m.group, m.value) for m in new]
    if not new:
        return
    now = 2000
    low = min(m.t for m in new) - reach(window)
    high = max(m.t for m in new) + reach(window)
    before = told(episodes(frame(old), window, now))
    after = told(episodes(frame([*old, *new]), window, now))
    # Episodes that touch where something may have changed are looked at as a whole.
    for found in (before, after):
        for one in sorted(found, key=lambda f: -f.start):
            if one.last >= low - window.joins and one.start <= high + window.joins:
                low, high = min(low, one.start), max(high, one.last)
    far = [f for f in before if f.last < low or f.start > high]
    assert far == [f for f in after if f.last < low or f.start > high]
    # And what is near enough suffices for those.
    edge, end = low - 2 * reach(window), high + 2 * reach(window)
    near = [m for m in [*old, *new] if edge <= m.t <= end]
    wanted = [f for f in after if f.last >= low and f.start <= high and f.events]
    again = told(episodes(frame(near), window, now))
    assert [f for f in again if f.last >= low and f.start <= high and f.events] == wanted


@quick
@given(old=matches(), new=matches(most=5), window=ALL)
def test_more_matches_only_add_moments_where_it_is_said(
    old: list[Match], new: list[Match], window: Window
) -> None:
    if not monotone(window):
        return
    new = [Match(m.t, m.id + 1000, m.part, m.group, m.value) for m in new]
    spans = [(f.group, f.start, f.last) for f in told(episodes(frame([*old, *new]), window))]
    for f in told(episodes(frame(old), window)):
        assert any(g == f.group and s <= f.start and f.last <= e for g, s, e in spans)


@quick
@given(some=matches(), window=st.sampled_from([k for k in KINDS if k != "silent"]).flatmap(windows))
def test_times_may_lie_as_far_apart_as_dates_can(some: list[Match], window: Window) -> None:
    far = 2**55
    kind = window.kind
    if isinstance(kind, First | Rare):
        kind = replace(kind, learn=kind.learn * far)
    longer = Window(kind, window.span * far, window.gap * far, window.suppress * far)
    moved = [replace(m, t=m.t * far) for m in some]
    found = [
        replace(f, start=f.start // far, last=f.last // far, opened=f.opened // far)
        for f in told(episodes(frame(moved), longer))
    ]
    assert found == told(episodes(frame(some), window))


@quick
@given(
    some=matches(),
    window=st.builds(Window, FIRST, SPANS, st.just(0)) | windows("silent"),
    roll=st.integers(1, 6),
)
def test_rolled_rows_give_the_same(some: list[Match], window: Window, roll: int) -> None:
    single = [Match(m.t, m.id, 0, m.group, m.value) for m in {m.id: m for m in some}.values()]
    if isinstance(window.kind, Silent):
        # The times within a piece are no longer known, so that only longer ones can count.
        if window.span < window.kind.factor * roll or window.kind.least:
            return
        single = [Match(m.t, m.id, 0, m.group) for m in single]
    elif window.span < roll:
        return
    whole, pieces = (told(episodes(f, window)) for f in (frame(single), rolled(single, roll)))
    assert [(f.group, f.start, f.value) for f in whole] == [
        (f.group, f.start, f.value) for f in pieces
    ]
