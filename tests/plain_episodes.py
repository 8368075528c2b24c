"""Windows and episodes in the plainest words, slowly: what the quick ones are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise

import polars as pl

from siemstress.rules.episodes.model import (
    MATCHES,
    Both,
    Each,
    Either,
    First,
    Followed,
    Need,
    Number,
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

DAY = 86_400_000_000


@dataclass(frozen=True)
class Match:
    """One event that a part of a rule is about."""

    t: int
    id: int
    part: int = 0
    group: str = "a"
    value: str | None = None


@dataclass(frozen=True)
class Found:
    """An episode, of all that there is to say about it."""

    group: str
    start: int
    last: int
    opened: int
    events: int
    ids: tuple[int, ...]
    value: str | None = None
    ongoing: bool | None = None


# A moment: when, and the time of the first event behind it.
Moment = tuple[int, int]


def frame(matches: Iterable[Match]) -> pl.DataFrame:
    """Matches as windows take them."""
    rows = [(m.t, m.id, m.part, m.group, m.value, 1, m.t) for m in matches]
    return pl.DataFrame(rows, schema=MATCHES, orient="row")


def told(episodes: pl.DataFrame) -> list[Found]:
    """What the quick ones found, in an order."""
    return in_order(
        Found(
            row["group"], row["start"], row["last"], row["opened"], row["events"],
            tuple(row["ids"]), row["value"], row["ongoing"],
        )
        for row in episodes.iter_rows(named=True)
    )  # fmt: skip


def in_order(found: Iterable[Found]) -> list[Found]:
    """Episodes by group, start and value."""
    return sorted(found, key=lambda f: (f.group, f.start, f.value or ""))


def plain(matches: Sequence[Match], window: Window, now: int | None = None) -> list[Found]:
    """The episodes of a window, a group at a time."""
    found: list[Found] = []
    kind = window.kind
    latest = max((m.t for m in matches), default=0)
    at = latest if now is None else now
    by_group: dict[str, list[Match]] = {}
    for m in sorted(matches, key=lambda m: (m.t, m.id, m.part)):
        by_group.setdefault(m.group, []).append(m)
    if isinstance(kind, Silent):
        names = [*by_group, *(name for name in kind.listed if name not in by_group)]
        for group in names:
            found += _silent(group, by_group.get(group, []), kind, window, at)
        return in_order(found)
    for group, some in by_group.items():
        if isinstance(kind, First | Rare):
            found += _of_values(group, some, kind, window)
            continue
        moments = _moments(some, kind, window.span, now)
        for run in _runs(moments, window.joins):
            opened, last = run[0][1], run[-1][0]
            events = dict.fromkeys(m.id for m in some if opened <= m.t <= last)
            found.append(Found(group, run[0][0], last, opened, len(events), tuple(events)))
    return in_order(found)


def _moments(some: Sequence[Match], kind: object, span: int, now: int | None) -> list[Moment]:
    found: set[Moment] = set()
    for t in sorted({m.t for m in some}):
        within = [m for m in some if t - span <= m.t <= t]
        opened = _opened(t, within, some, kind, span, now)
        if opened is not None:
            found.add((t, opened))
    return sorted(found)


def _opened(
    t: int,
    within: Sequence[Match],
    some: Sequence[Match],
    kind: object,
    span: int,
    now: int | None,
) -> int | None:
    """When the first event was that is behind a moment, if it is one."""
    match kind:
        case Each():
            return t
        case Number():
            return within[0].t if holds(_number(within, kind), kind.threshold) else None
        case Followed(limit):
            counted = [m.t for m in within if m.part == 0]
            ends = any(m.part == 1 and m.t == t for m in within)
            return counted[0] if ends and len(counted) > limit else None
        case Together(need):
            return _together(t, some, need, span, now)
        case Ordered(parts):
            return _ordered(t, within, parts)
        case Spike():
            return _spiked(t, some, kind)
    raise AssertionError(kind)


def holds(number: Fraction | None, threshold: Threshold) -> bool:
    """Whether a number is within bounds."""
    compare: dict[str, Callable[[Fraction, Fraction], bool]] = {
        "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b, "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
    }  # fmt: skip
    return number is not None and all(
        compare[op](number, Fraction(bound)) for op, bound in threshold.bounds
    )


def _number(within: Sequence[Match], kind: Number) -> Fraction | None:
    if kind.of == "events":
        return Fraction(len({m.id for m in within}))
    if kind.of == "values":
        return Fraction(len({m.value for m in within if m.value is not None}))
    pairs = {(m.id, m.value) for m in within if m.value is not None}
    numbers = sorted(Fraction(value) for _, value in pairs if value.lstrip("-").isdigit())
    if not numbers:
        return None
    if kind.of == "percentile":
        position = (len(numbers) - 1) * Fraction(kind.percentile) / 100
        place, share = int(position), position - int(position)
        over = numbers[min(place + 1, len(numbers) - 1)]
        return numbers[place] + share * (over - numbers[place])
    return sum(numbers, Fraction()) / (1 if kind.of == "sum" else len(numbers))


def _together(t: int, some: Sequence[Match], need: Need, span: int, now: int | None) -> int | None:
    """The latest begin of a window in which the need was met at `t` by what had come."""
    opened = None
    for begin in sorted({m.t for m in some if t - span <= m.t <= t}):
        had = {m.part for m in some if begin <= m.t <= t}
        whole = {m.part for m in some if begin <= m.t <= begin + span}
        for wanted, unwanted in _ways(need):
            # The window begins with one that it needs.
            firsts = {m.part for m in some if m.t == begin}
            tightest = not wanted <= {m.part for m in some if begin < m.t <= t}
            decided = not unwanted or now is None or begin + span <= now
            is_one = firsts & wanted and wanted <= had and tightest
            if is_one and decided and not unwanted & whole:
                opened = begin
    return opened


def _ways(need: Need) -> list[tuple[set[int], set[int]]]:
    """Which parts there must be, and which not, in each way to meet a need."""
    parts = sorted(_parts(need))
    found = []
    for bits in range(1 << len(parts)):
        there = {part for n, part in enumerate(parts) if bits >> n & 1}
        if _holds(need, there):
            found.append((there, set(parts) - there))
    # A part that makes no difference is not asked for.
    merged = True
    while merged:
        merged = False
        for x in found:
            for y in found:
                differ = x[0] ^ y[0]
                if len(differ) == 1 and x[1] ^ y[1] == differ:
                    both = (x[0] & y[0], x[1] & y[1])
                    if both not in found:
                        found.append(both)
                        merged = True
    return [
        x
        for x in found
        if x[0] and not any(y != x and y[0] <= x[0] and y[1] <= x[1] for y in found)
    ]


def _parts(need: Need) -> set[int]:
    match need:
        case Part(number):
            return {number}
        case Without(inner):
            return _parts(inner)
        case Both(needs) | Either(needs):
            return set().union(*map(_parts, needs))


def _holds(need: Need, there: set[int]) -> bool:
    match need:
        case Part(number):
            return number in there
        case Without(inner):
            return not _holds(inner, there)
        case Both(needs):
            return all(_holds(one, there) for one in needs)
        case Either(needs):
            return any(_holds(one, there) for one in needs)


def _ordered(t: int, within: Sequence[Match], parts: int) -> int | None:
    """The latest begin of a chain that ends at `t`, no event following itself."""

    def begins(part: int, end: Match) -> int | None:
        if part == 0:
            return end.t
        found = [
            begins(part - 1, m)
            for m in within
            if m.part == part - 1 and m.t <= end.t and m.id != end.id
        ]
        return max((b for b in found if b is not None), default=None)

    ends = [begins(parts - 1, m) for m in within if m.part == parts - 1 and m.t == t]
    return max((b for b in ends if b is not None), default=None)


def _spiked(t: int, some: Sequence[Match], kind: Spike) -> int | None:
    def count(bucket: int, until: int) -> int:
        return len({m.id for m in some if m.t // kind.bucket == bucket and m.t <= until})

    bucket, a_day = t // kind.bucket, DAY // kind.bucket
    known = [
        day
        for day in range(1, kind.days + 1)
        if any(
            bucket - kind.days * a_day <= m.t // kind.bucket <= bucket - day * a_day for m in some
        )
    ]
    if len(known) < kind.least_days:
        return None
    usual = Fraction(sum(count(bucket - day * a_day, t) for day in known), max(1, len(known)))
    number = count(bucket, t)
    if number < kind.least or number <= Fraction(kind.factor) * usual:
        return None
    return min(m.t for m in some if m.t // kind.bucket == bucket)


def _of_values(
    group: str, some: Sequence[Match], kind: First | Rare, window: Window
) -> Iterable[Found]:
    for value in sorted({m.value for m in some if m.value is not None}):
        mine = [m for m in some if m.value == value]
        most = kind.most if isinstance(kind, Rare) else 1
        met = []
        for n, m in enumerate(mine):
            before = [other for other in mine[:n] if other.t >= m.t - window.span]
            known = any(
                m.t - kind.learn - window.span <= other.t <= m.t - kind.learn for other in some
            )
            if known and len(before) < most:
                met.append(m)
        for run in _chains(met, window.joins):
            ids = tuple(m.id for m in run)
            yield Found(group, run[0].t, run[-1].t, run[0].t, len(run), ids, value)


def _silent(
    group: str, some: Sequence[Match], kind: Silent, window: Window, at: int
) -> Iterable[Found]:
    some = [m for m in some if m.t <= at]
    found: list[Found] = []
    start = (kind.since or 0) + window.span
    if group in kind.listed and kind.since is not None and start < at:
        first = some[0].t if some else None
        if first is None or first > start:
            yield Found(group, start, first or start, kind.since, 0, (), None, first is None)
    for n, m in enumerate(some):
        learned = [other.t for other in some[: n + 1] if other.t >= m.t - kind.learn]
        gaps = [b - a for a, b in pairwise(learned)]
        allowed = window.span
        if len(gaps) >= kind.least and gaps:
            allowed = max(allowed, int(kind.factor * max(gaps)))
        start, following = m.t + allowed, some[n + 1].t if n + 1 < len(some) else None
        if start < (at if following is None else following):
            last = start if following is None else following
            found.append(Found(group, start, last, m.t, 1, (m.id,), None, following is None))
    joined: list[Found] = []
    for one in found:
        before = joined[-1] if joined else None
        if before is not None and one.start - before.last <= window.joins:
            joined[-1] = Found(
                group, before.start, one.last, before.opened, before.events + 1, before.ids,
                None, one.ongoing,
            )  # fmt: skip
        else:
            joined.append(one)
    yield from joined


def _runs(moments: Sequence[Moment], joins: int) -> list[list[Moment]]:
    runs: list[list[Moment]] = []
    for moment in moments:
        if runs and moment[0] - runs[-1][-1][0] <= joins:
            runs[-1].append(moment)
        else:
            runs.append([moment])
    return runs


def _chains(met: Sequence[Match], joins: int) -> list[list[Match]]:
    runs: list[list[Match]] = []
    for m in met:
        if runs and m.t - runs[-1][-1].t <= joins:
            runs[-1].append(m)
        else:
            runs.append([m])
    return runs


def rolled(matches: Sequence[Match], roll: int) -> pl.DataFrame:
    """Matches of one group, part and value in a piece of time as one row."""
    ordered = sorted(matches, key=lambda m: (m.group, m.part, m.value or "", m.t, m.id))
    rows = []
    for _, piece in groupby(ordered, key=lambda m: (m.group, m.part, m.value, m.t // roll)):
        some = list(piece)
        one = some[0]
        rows.append((one.t, one.id, one.part, one.group, one.value, len(some), some[-1].t))
    return pl.DataFrame(rows, schema=MATCHES, orient="row")
