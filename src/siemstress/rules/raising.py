"""From matches to alerts: the windows that new matches bear on are computed again, exactly.

Around new matches the windows of the groups concerned are computed from all stored matches, as
far as stored alerts reach in there; what comes out takes the place of what was. So the alerts are
those of the matches, in whatever order they came, and a backtest gives the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from siemstress.rules import alerts as alert_rows
from siemstress.rules.alerts import Alert, Episode
from siemstress.rules.episodes.find import monotone, reach
from siemstress.rules.episodes.model import First, Rare, Silent
from siemstress.rules.feeds import Feed, Windowed
from siemstress.rules.matches import Stretch, parted, values_of
from siemstress.rules.model import Rule, clamped
from siemstress.rules.part_matches import episodes_of, groups_of, margin
from siemstress.rules.raised import Standing
from siemstress.rules.recent import Recent
from siemstress.rules.reconcile import Outcome, reconciled
from siemstress.rules.shelf import Shelf

# Groups of one rule that are told apart; with more new ones all its groups are computed.
_GROUPS = 5_000
# Matches that are read at a time, about.
_ROWS = 1_000_000
_ROUNDS = 20


@dataclass
class Touched:
    """What is new of a rule: from `low` to `high` (µs), in some groups (None: any).

    `came` are the groups in which matches came, where not in all of `groups`.
    """

    rule: Rule
    low: int
    high: int
    groups: frozenset[str] | None
    rows: int
    came: frozenset[str] | None = None


def touched(rules: Sequence[Rule], fresh: pl.DataFrame) -> Iterator[Touched]:
    """Of each rule what new matches (`rules.matches.fresh`) bear on; others are left out."""
    by_feed = parted(fresh)
    for rule in rules:
        windowed = rule.windowed
        parts = {f.digest: by_feed[f.digest] for f in rule.feeds if f.digest in by_feed}
        if windowed is None or not parts:
            continue
        all_parts = pl.concat(list(parts.values()))
        groups: frozenset[str] | None = None
        # Groups of what is new or rare have a value more than is known here.
        if len(all_parts) <= _GROUPS and not isinstance(windowed.window.kind, First | Rare):
            names = [groups_of(windowed, feed, part) for feed, part in parts.items()]
            groups = frozenset(pl.concat(names).to_list())
            if not groups:
                continue
        low, high, rows = all_parts.select(
            pl.col("low").min(), pl.col("high").max(), pl.col("rows").sum()
        ).row(0)
        yield Touched(rule, low, high, groups, rows, groups)


def outcomes(
    shelf: Shelf, recent: Recent, some: Sequence[Touched], upto: int, now: int
) -> Iterator[tuple[Rule, Outcome]]:
    """What new matches make of the alerts of each rule that they bear on.

    `shelf` has the matches, `recent` the alerts. `upto` is the version of the matches; `now` (µs)
    tells what is over.
    """
    for chunk in _chunks(some):
        stored = _zones(recent, chunk)
        stretches = [
            Stretch(feed.digest, t.low - margin(_of(t)), t.high + margin(_of(t)))
            for t in chunk
            for feed in t.rule.feeds
        ]
        found = shelf.between(stretches, upto)
        for t in chunk:
            yield t.rule, _outcome(t, found, stored.get(t.rule.name, []), now)


def computed(
    rule: Rule,
    found: Mapping[str, pl.DataFrame],
    low: int | None,
    now: int | None,
    groups: Collection[str] | None = None,
) -> pl.DataFrame:
    """The episodes of a rule among matches by feed, from `low` (µs) on; see `episodes_of`."""
    assert rule.windowed is not None  # noqa: S101 - by the caller's choice
    return episodes_of(rule.windowed, found, low, now, groups)


def alerts_of(rule: Rule, runs: pl.DataFrame) -> Iterator[Alert]:
    """The alerts of a rule's episodes."""
    for group, start, last, opened, events, ids, goes_on in runs.select(
        "group", "start", "last", "opened", "events", "ids", "ongoing"
    ).iter_rows():
        yield alert_rows.of_episode(
            rule,
            Episode(
                group=values_of(group, rule.group_names),
                start=clamped(start),
                last=clamped(last),
                opened=clamped(opened),
                events=events,
                ids=str(ids)[1:-1],
                ongoing=goes_on,
            ),
        )


def _outcome(
    t: Touched, found: Mapping[str, pl.DataFrame], stored: Sequence[Standing], now: int
) -> Outcome:
    rule, windowed = t.rule, _of(t)
    edge = t.low - margin(windowed)
    part = {
        feed.digest: found[feed.digest].filter(
            pl.col("t").is_between(edge, t.high + margin(windowed))
        )
        for feed in rule.feeds
        if feed.digest in found
    }
    runs = computed(rule, part, edge, now, t.groups).filter(
        pl.col("last") >= t.low, pl.col("start") <= t.high
    )
    if t.groups is not None:
        runs = runs.filter(pl.col("group").is_in(list(t.groups)))
        stored = [alert for alert in stored if alert.is_among(windowed.group_by, t.groups)]
    # Episodes of other windows may become one, so that there are fewer of them.
    grows = monotone(windowed.window) and all(isinstance(p.source, Feed) for p in windowed.parts)
    joins = windowed.window.joins
    runs, stored = _changed(windowed, runs, stored, now)
    return reconciled(list(alerts_of(rule, runs)), stored, joins, now, grows=grows)


def _changed(
    windowed: Windowed, runs: pl.DataFrame, stored: Sequence[Standing], now: int
) -> tuple[pl.DataFrame, Sequence[Standing]]:
    """Episodes and stored alerts without those that are as they were."""
    known = {(s.key(windowed.group_by), s.start): s for s in stored if s.current}
    same: set[str] = set()
    changed: list[bool] = []
    of = runs.select("group", "start", "last", "events", "ongoing")
    for group, start, last, events, ongoing in of.iter_rows():
        old = known.get((group, start))
        goes_on = ongoing if ongoing is not None else last + windowed.window.joins >= now
        if old is not None and (old.last, old.events, old.ongoing) == (last, events, goes_on):
            same.add(old.id)
        changed.append(old is None or old.id not in same)
    return runs.filter(pl.Series(changed, dtype=pl.Boolean)), [
        alert for alert in stored if alert.id not in same
    ]


def _zones(recent: Recent, some: Sequence[Touched]) -> dict[str, list[Standing]]:
    """Widen what is touched to where moments may have changed, and to whole stored alerts.

    Gives these alerts by the names of their rules.
    """
    for t in some:
        t.low -= reach(_of(t).window)
        t.high += reach(_of(t).window)
    _reach_back(recent, some)
    stored: dict[str, list[Standing]] = {}
    for _ in range(_ROUNDS):
        low = min(t.low - _of(t).window.joins for t in some)
        high = max(t.high + _of(t).window.joins for t in some)
        stored = recent.standing([t.rule.name for t in some], low, high)
        grew = [_grown(t, stored.get(t.rule.name, [])) for t in some]
        if not any(grew):
            break
    return {
        t.rule.name: [
            s for s in stored.get(t.rule.name, []) if s.last >= t.low and s.start <= t.high
        ]
        for t in some
    }


def _grown(t: Touched, stored: Sequence[Standing]) -> bool:
    """Widen what is touched by alerts that reach into it; whether it grew."""
    joins, names = _of(t).window.joins, _of(t).group_by
    before = (t.low, t.high)
    for alert in stored:
        near = alert.last >= t.low - joins and alert.start <= t.high + joins
        if near and alert.is_among(names, t.groups):
            t.low, t.high = min(t.low, alert.start), max(t.high, alert.last)
    return before != (t.low, t.high)


def _reach_back(recent: Recent, some: Sequence[Touched]) -> None:
    """Widen what is touched to silences that end now, however long ago they began."""
    of = {t.rule.name: t for t in some if isinstance(_of(t).window.kind, Silent)}
    of = {name: t for name, t in of.items() if t.came is None or t.came}
    for alert in recent.ongoing(of) if of else ():
        t = of[alert.rule]
        if alert.is_among(_of(t).group_by, t.came):
            t.low = min(t.low, alert.start)


def _chunks(some: Sequence[Touched]) -> Iterator[list[Touched]]:
    """Rules whose matches are read together: those of about one time, and not too many."""
    chunk: list[Touched] = []
    rows = 0
    for t in sorted(some, key=lambda t: reach(_of(t).window)):
        if chunk and (rows + t.rows > _ROWS or len(chunk) >= 100):
            yield chunk
            chunk, rows = [], 0
        chunk.append(t)
        rows += t.rows
    if chunk:
        yield chunk


def _of(t: Touched) -> Windowed:
    assert t.rule.windowed is not None  # noqa: S101 - only such are touched
    return t.rule.windowed
