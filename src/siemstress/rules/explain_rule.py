"""Why a rule raised an alert, and why it raised none for an event."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from siemstress.errors import QueryError
from siemstress.query.conditions import column, timestamp
from siemstress.query.times import now
from siemstress.rules.alert_states import CURRENT, Wanted, states
from siemstress.rules.episodes.model import First, Rare
from siemstress.rules.explain import Clause, explained
from siemstress.rules.feeds import Feed, Windowed
from siemstress.rules.matches import Stretch, between, by_feed, parted
from siemstress.rules.model import Rule, Statement, clamped, since_epoch
from siemstress.rules.part_matches import groups_of, margin, matches_of
from siemstress.rules.raising import alerts_of, computed
from siemstress.rules.scan import found
from siemstress.rules.tables import MATCHES
from siemstress.store.base import Bounds, Scan, Store

if TYPE_CHECKING:
    from sqlglot import exp

    from siemstress.rules.settings import Settings
    from siemstress.rules.sigma.condition import Condition

Names = Mapping["Condition", str]


@dataclass(frozen=True)
class Met:
    """How far an event meets the condition of a part of a rule. `part` is its name."""

    part: str
    feed: Feed
    clause: Clause


def rule_named(rules: Sequence[Rule], name: str) -> Rule:
    """The rule of a name, id, or the beginning of one.

    Raises:
        QueryError: there is none, or there are several.

    """
    text = name.strip().lower()
    for exact in (True, False):
        meant = [
            rule
            for rule in rules
            for known in {rule.name.lower(), rule.id.lower()}
            if text and known and (known == text if exact else known.startswith(text))
        ]
        if len(meant) == 1:
            return meant[0]
        if len(meant) > 1:
            some = ", ".join(rule.name for rule in meant[:3])
            raise QueryError(f"{name[:60]!r} is the beginning of {len(meant)} rules: {some}")
    near = difflib.get_close_matches(name, [rule.name for rule in rules], 3)
    more = f"; there is: {', '.join(near)}" if near else "; see siemtrigger --rules"
    raise QueryError(f"there is no rule {name[:60]!r}{more}")


def names_of(settings: Settings, rule: Rule) -> Names:
    """What parts of a rule's conditions are called: which log sources they are about."""
    if not settings.sigma or rule.windowed is None:
        return {}
    from siemstress.rules.sigma.cache import folder
    from siemstress.rules.sigma.load import load
    from siemstress.rules.sigma.taxonomy import events_of

    loaded = load(
        settings.sigma, pipelines=settings.pipelines, mappings=settings.mappings, cache=folder()
    )
    conditions = [feed.condition for feed in rule.feeds]
    read = [*loaded.rules, *(c.among for c in loaded.correlations if c.among is not None)]
    named: dict[Condition, str] = {}
    for one in read:
        among = events_of(one.source) if one.condition in conditions else None
        if among is not None:
            parts = (one.source.product, one.source.category, one.source.service)
            named[among] = f"an event of {'/'.join(part for part in parts if part)}"
    return named


def met_by(
    store: Store, rule: Rule, table: str, ids: Sequence[int], names: Names
) -> dict[int, list[Met]]:
    """How far events of a table meet the conditions of each part of a rule that watches it."""
    met: dict[int, list[Met]] = {number: [] for number in ids}
    if isinstance(rule.match, Statement):
        feed = Feed(rule.tables, rule.match.touches)
        parts = [("", feed)] if rule.match.touches is not None else []
    else:
        parts = list(parts_of(_windows(rule)))
    for name, feed in parts:
        if table in feed.tables:
            for number, clause in explained(store, feed, table, ids, names).items():
                met[number].append(Met(name, feed, clause))
    return met


def parts_of(windowed: Windowed) -> Iterator[tuple[str, Feed]]:
    """The parts of windows that are about events, also within others, each feed once."""
    seen: set[str] = set()
    for part in windowed.parts:
        inner = [(part.name, part.source)] if isinstance(part.source, Feed) else ()
        for name, feed in inner or parts_of(part.source):  # type: ignore[arg-type] # a feed is inner
            if feed.digest not in seen:
                seen.add(feed.digest)
                yield name, feed


@dataclass(frozen=True)
class Around:
    """What there is of a rule around an event that meets its condition.

    `grouped` says whether the event has all values of the rule's groups, `alerts` are those of
    which it is part: their ids, and whether each is stored. `matches` are those of its groups.
    """

    grouped: bool
    alerts: Mapping[str, bool]
    matches: pl.DataFrame


def around(store: Store, rule: Rule, event: int, t: int) -> Around:
    """What a rule finds around an event at a time (µs).

    Raises:
        StoreError: the store cannot be read.

    """
    windowed = _windows(rule)
    low, high = t - margin(windowed), t + margin(windowed)
    mine = _matches(store, rule, event, low, high)
    matches = matches_of(windowed, mine, low, None)
    groups = _groups(windowed, mine, event)
    is_part = pl.col("ids").list.contains(event)
    if not isinstance(windowed.window.kind, First | Rare):
        within = (pl.col("opened") <= t) & (pl.col("last") >= t)
        is_part |= pl.col("group").is_in(groups) & within
    runs = computed(rule, mine, low, since_epoch(now())).filter(is_part)
    ids = [alert.id for alert in alerts_of(rule, runs)]
    stored = states(store, Wanted(ids=ids, states=CURRENT))["alert_id"].to_list() if ids else []
    return Around(
        grouped=len(groups) > 0,
        alerts={alert: alert in stored for alert in ids},
        matches=matches.filter(pl.col("group").is_in(groups)),
    )


def behind(store: Store, rule: Rule, alert: str, first: int, last: int) -> list[int]:
    """The ids of the events behind a rule's alert between two times (µs), also such as came later.

    None are given where it is no alert of the rule as it is now, or where that cannot be told.
    """
    windowed = rule.windowed
    if windowed is None or MATCHES not in store.tables():
        return []
    low, high = first - margin(windowed), last + margin(windowed)
    stored = between(store, [Stretch(feed.digest, low, high) for feed in rule.feeds], None)
    if not len(stored):
        return []
    runs = computed(rule, parted(stored), low, since_epoch(now()))
    for number, one in enumerate(alerts_of(rule, runs)):
        if one.id == alert:
            return list(runs["ids"][number])
    return []


def _groups(windowed: Windowed, mine: Mapping[str, pl.DataFrame], event: int) -> list[str]:
    """The groups that an event belongs to."""
    found: set[str] = set()
    for feed, frame in mine.items():
        own = frame.filter(pl.col("event") == event)
        if len(own):
            found |= set(groups_of(windowed, feed, own).to_list())
    return sorted(found)


def _matches(store: Store, rule: Rule, event: int, low: int, high: int) -> dict[str, pl.DataFrame]:
    """The matches of a rule between two times: those that are stored, if the event is there."""
    if MATCHES in store.tables():
        stretches = [Stretch(feed.digest, low, high) for feed in rule.feeds]
        stored = between(store, stretches, None)
        if event in stored["event"]:
            return parted(stored)
    time: exp.Expr = column("time")
    within = (time >= timestamp(clamped(low))).and_(time.copy() <= timestamp(clamped(high)))
    bounds = Bounds(time_min=clamped(low), time_max=clamped(high))
    return by_feed(
        frame
        for table in dict.fromkeys(table for feed in rule.feeds for table in feed.tables)
        if store.columns(table)
        for frame in found(
            store,
            Scan(table, bounds, where=within),
            tuple(feed for feed in rule.feeds if table in feed.tables),
            _fails,
        )
    )


def _fails(_feed: Feed, error: Exception) -> None:
    raise error


def _windows(rule: Rule) -> Windowed:
    assert rule.windowed is not None  # noqa: S101 - by the caller's choice
    return rule.windowed
