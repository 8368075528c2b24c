"""What rules would have raised: the way of the engine, over a part of history.

The same feeds and windows as live, on all events of a range at once; so the alerts, and their ids,
are those that a live run over these events gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import polars as pl
from sqlglot import exp

from siemstress.errors import Conflict, StoreError
from siemstress.query.mysql import timestamp
from siemstress.rules import alerts as alert_rows
from siemstress.rules.alerts import Alert
from siemstress.rules.feeds import Feed
from siemstress.rules.matches import by_feed
from siemstress.rules.model import Rule, since_epoch
from siemstress.rules.positions import Positions
from siemstress.rules.raised import Standing, standing
from siemstress.rules.raising import alerts_of, computed
from siemstress.rules.reconcile import reconciled
from siemstress.rules.scan import found
from siemstress.rules.ticks import Progress, answers
from siemstress.store.base import Bounds, Scan, Staged, Store

_ATTEMPTS = 20
_CHUNK = 1000
_EVER = 2**62


@dataclass(frozen=True)
class Tested:
    """An alert of a backtest; `stored` says that there is one of its id, or in its place."""

    alert: Alert
    stored: bool


class Backtest:
    """Rules over the events of a store between two times, both included; None: without end.

    `failed` is told of rules that cannot be evaluated.
    """

    def __init__(
        self,
        store: Store,
        rules: Sequence[Rule],
        first: datetime | None,
        last: datetime | None,
        failed: Callable[[Rule, StoreError], None],
    ) -> None:
        self._store = store
        self._rules = rules
        self._bounds = Bounds(time_min=first, time_max=last)
        self._failed = failed

    def run(self, now: int) -> Iterator[Tested]:
        """The alerts, rule by rule, in order of time; `now` (µs) is when the range ends at most."""
        last = self._bounds.time_max
        if last is not None:
            now = min(now, since_epoch(last))
        matches = self._matches()
        for rule in self._rules:
            try:
                if rule.windowed is None:
                    alerts = list(self._asked(rule))
                else:
                    alerts = list(alerts_of(rule, computed(rule, matches, None, now)))
            except StoreError as e:
                self._failed(rule, e)
                continue
            known = self._stored(rule, alerts)
            for alert in alerts:
                yield Tested(alert, _is_there(alert, known))

    def commit(self, tested: Sequence[Tested], now: int) -> int:
        """Store the alerts that are not there yet; gives how many.

        Raises:
            StoreError: they cannot be stored; none is then, of a table.

        """
        count = 0
        for out_table in dict.fromkeys(rule.out_table for rule in self._rules):
            fresh = [
                t.alert for t in tested if t.alert.rule.out_table == out_table and not t.stored
            ]
            if fresh:
                count += self._committed(out_table, fresh, now)
        return count

    def _committed(self, out_table: str, alerts: Sequence[Alert], now: int) -> int:
        positions = Positions(self._store, out_table, "rules")
        for _ in range(_ATTEMPTS):
            positions.sync()
            wanted: list[Alert] = []
            for rule in dict.fromkeys(alert.rule.name for alert in alerts):
                mine = [alert for alert in alerts if alert.rule.name == rule]
                known = self._stored(mine[0].rule, mine)
                mine = [alert for alert in mine if not _is_there(alert, known)]
                wanted += reconciled(mine, (), _joins(mine), now, grows=True).opened
            staged: list[Staged] = []
            try:
                remaining = iter(wanted)
                while chunk := list(islice(remaining, _CHUNK)):
                    frame = alert_rows.frame(chunk, self._store.take_ids(len(chunk)))
                    staged += self._store.stage(out_table, frame)
                positions.commit(staged, {}, save=False, worth=False)
            except Conflict:
                self._store.discard(staged)
                continue
            except BaseException:
                self._store.discard(staged)
                raise
            return len(wanted)
        raise StoreError(f"too many siemtriggers write to {out_table} at once")

    def _matches(self) -> dict[str, pl.DataFrame]:
        """The matches of all feeds."""
        by_table: dict[str, dict[str, Feed]] = {}
        for rule in self._rules:
            for feed in rule.feeds:
                for table in feed.tables:
                    by_table.setdefault(table, {})[feed.digest] = feed
        return by_feed(
            frame
            for table, feeds in by_table.items()
            if self._store.version(table) is not None
            for frame in self._found(table, tuple(feeds.values()))
        )

    def _found(self, table: str, feeds: Sequence[Feed]) -> Iterator[pl.DataFrame]:
        scan = Scan(table, self._bounds, where=self._within())
        return found(self._store, scan, feeds, self._cannot)

    def _asked(self, rule: Rule) -> Iterator[Alert]:
        tables = [
            Progress(table, None, version, self._bounds, self._within())
            for table in rule.tables
            if (version := self._store.version(table)) is not None
        ]
        for answer in answers(self._store, rule, tables, tables, frozenset()):
            yield alert_rows.of_answer(rule, answer)

    def _cannot(self, feed: Feed, error: StoreError) -> None:
        for rule in self._rules:
            if feed in rule.feeds:
                self._failed(rule, error)

    def _within(self) -> exp.Expr | None:
        time = exp.column("time", quoted=True)
        parts: list[exp.Expr] = []
        if self._bounds.time_min is not None:
            parts.append(time >= timestamp(self._bounds.time_min))
        if self._bounds.time_max is not None:
            parts.append(time.copy() <= timestamp(self._bounds.time_max))
        return exp.and_(*parts) if parts else None

    def _stored(self, rule: Rule, alerts: Sequence[Alert]) -> list[Standing]:
        if not alerts:
            return []
        low, high = -_EVER, _EVER
        if rule.windowed is not None:
            low = min(since_epoch(alert.time) for alert in alerts)
            high = max(since_epoch(alert.last) for alert in alerts)
        return standing(self._store, rule.out_table, [rule.name], low, high).get(rule.name, [])


def _is_there(alert: Alert, known: Sequence[Standing]) -> bool:
    start, last = since_epoch(alert.time), since_epoch(alert.last)
    return any(
        old.id == alert.id
        or (
            # Queries are told apart by their ticks alone.
            alert.rule.windowed is not None
            and old.current
            and old.group == alert.group_key
            and old.start <= last
            and start <= old.last
        )
        for old in known
    )


def _joins(alerts: Sequence[Alert]) -> int:
    windowed = alerts[0].rule.windowed if alerts else None
    return 0 if windowed is None else windowed.window.joins
