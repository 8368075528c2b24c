"""From new events to alerts: every rule sees every event once, every episode has one alert.

First the new events become matches, then new matches become alerts, rules over alerts after the
rules that raise them. Each step is stored in one commit with how far it has come (see
`rules.positions`), so that a process may be killed at any moment and any number may run at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TypeVar

from siemstress.errors import Conflict, StoreError, Unavailable
from siemstress.query import times
from siemstress.rules import alerts as alert_rows
from siemstress.rules import matches
from siemstress.rules.alerts import Alert
from siemstress.rules.asked import asked
from siemstress.rules.clocks import in_time
from siemstress.rules.feeds import Feed
from siemstress.rules.life import Lives
from siemstress.rules.model import Rule, since_epoch
from siemstress.rules.positions import Positions, source_of
from siemstress.rules.raising import Touched, outcomes, touched
from siemstress.rules.recent import Recent
from siemstress.rules.reconcile import Went
from siemstress.rules.scan import Scanner
from siemstress.rules.shelf import Shelf
from siemstress.rules.tables import MATCHES
from siemstress.store.base import Staged, Store

_ATTEMPTS = 50
# Alerts that are worked out, and written, at a time; of each rule, those that are told of.
_CHUNK = 1000
_T = TypeVar("_T")


@dataclass
class Raised:
    """Alerts that were raised: how many, and of each rule the first thousand without ids.

    Those that only take the place of others are not among them.
    """

    count: int = 0
    alerts: list[Alert] = field(default_factory=list)

    def add(self, chunk: Sequence[Alert]) -> None:
        """Count more alerts of the same rule."""
        told = max(0, _CHUNK - len(self.alerts))
        self.count += len(chunk)
        self.alerts += [replace(alert, ids="") for alert in chunk[:told]]

    def join(self, other: Raised) -> None:
        """Count another rule's alerts too."""
        self.count += other.count
        self.alerts += other.alerts


class Engine:
    """Evaluates rules on a store. `say` is told, once, of rules that cannot be evaluated."""

    def __init__(self, store: Store, rules: Sequence[Rule], say: Callable[[str], None]) -> None:
        self._store = store
        self._say = say
        self._rules = list(rules)
        self._levels = in_order(rules)
        self._scanner = Scanner(store, (f for r in rules for f in r.feeds), self._cannot)
        outs = dict.fromkeys(rule.out_table for rule in rules)
        self._positions = {out: Positions(store, out, "rules") for out in outs}
        names = {out: [rule.name for rule in rules if rule.out_table == out] for out in outs}
        self._recent = {out: Recent(store, out, names[out]) for out in outs}
        self._lives = {out: Lives(store, out, rules) for out in outs}
        self._shelf = Shelf(store)
        self._complaints: set[str] = set()
        self.failed_rules: set[str] = set()

    def run(self, *, save: bool = False) -> Raised:
        """Evaluate what is new, once through all rules, those that feed others first.

        Gives the alerts that were raised and stored. With `save` positions are stored even if
        there are no alerts.

        Raises:
            Unavailable: the store cannot be reached, or has no room, for now.
            StoreError: it cannot be read or written. Nothing is lost in either case, run again.

        """
        raised = Raised()
        self.failed_rules.clear()
        for out_table, rules in self._levels:
            self._again(MATCHES, lambda: self._scanner.run(save=save))
            step = partial(self._settle, out_table, rules, save=save)
            raised.join(self._again(out_table, step))
        return raised

    def save(self) -> None:
        """Store the positions reached, so that the next start need not look again."""
        self._scanner.save()
        for positions in self._positions.values():
            positions.save()

    # One step ---------------------------------------------------------------------------------

    def _again(self, table: str, step: Callable[[], _T]) -> _T:
        """Take a step, again where another siemtrigger was quicker."""
        for attempt in range(_ATTEMPTS):
            try:
                return step()
            except Conflict:
                time.sleep(random.uniform(0, 0.02 * min(attempt + 1, 10)))  # noqa: S311 - no secret
        raise StoreError(f"too many siemtriggers write to {table} at once")

    def _settle(self, out_table: str, rules: Sequence[Rule], *, save: bool) -> Raised:
        """Raise the alerts of what is new to some rules, in one commit with how far it was seen."""
        positions = self._positions[out_table]
        positions.sync()
        staged: list[Staged] = []
        pass_ = _Pass(self._store, out_table, staged)
        try:
            self._of_windows(positions, [r for r in rules if r.windowed is not None], pass_)
            self._of_queries(positions, [r for r in rules if r.windowed is None], pass_)
            positions.commit(staged, pass_.reached, save=save, worth=pass_.worth)
        except BaseException:
            self._store.discard(staged)
            positions.forget()
            raise
        self._lives[out_table].began(pass_.ongoing)
        self._lives[out_table].close(_now())
        return pass_.raised

    def _of_windows(self, positions: Positions, rules: Sequence[Rule], pass_: _Pass) -> None:
        source = source_of(self._store, MATCHES)
        if source is None or not rules:
            return
        now = _now()
        by_member = {rule.member: rule for rule in rules}
        by_position: dict[int | None, list[Rule]] = {}
        for member, after in positions.of(source, by_member).items():
            by_position.setdefault(after, []).append(by_member[member])
        concerned: list[Touched] = []
        for after, some in by_position.items():
            if after != source.version:
                fresh = matches.fresh(self._store, after, source.version)
                concerned += touched(some, fresh)
        pass_.worth = pass_.worth or bool(concerned)
        concerned, clocks = in_time(positions, rules, concerned, now)
        pass_.reached |= clocks
        lives, recent = self._lives[positions.target], self._recent[positions.target]
        found = outcomes(self._shelf, recent, concerned, source.version, now)
        went: list[Went] = []
        for _, outcome in found:
            went += outcome.went
            pass_.open(outcome.opened)
        pass_.stage()
        lives.went(went)
        if set(by_position) != {source.version}:
            pass_.reached[positions.consumer(source, by_member)] = source.version

    def _of_queries(self, positions: Positions, rules: Sequence[Rule], pass_: _Pass) -> None:
        for rule in rules:
            work = asked(self._store, positions, rule)
            if work is None:
                continue
            before = len(pass_.staged)
            try:
                pass_.open(work.alerts)
                pass_.stage()
            except Unavailable:
                raise  # No rule is at fault.
            except StoreError as e:
                pass_.drop(before)
                self._complain(rule, e)
                continue
            pass_.worth = pass_.worth or work.arrived
            pass_.reached |= work.reached

    def _cannot(self, feed: Feed, error: StoreError) -> None:
        for rule in self._rules:
            if feed in rule.feeds:
                self._complain(rule, error)

    def _complain(self, rule: Rule, error: StoreError) -> None:
        self.failed_rules.add(rule.name)
        text = f"{rule.file} [{rule.name}]: cannot be evaluated: {error}"
        if text not in self._complaints:
            self._complaints.add(text)
            self._say(text)


class _Pass:
    """What one step raises into one table."""

    def __init__(self, store: Store, out_table: str, staged: list[Staged]) -> None:
        self._store = store
        self._out_table = out_table
        self.staged = staged
        self.raised = Raised()
        self.reached: dict[str, int] = {}
        self.worth = False
        self.ongoing: list[Alert] = []
        self._taken: list[Alert] = []

    def open(self, found: Iterable[Alert]) -> None:
        """Take the alerts of a rule; with `stage` they are staged, those of many rules together."""
        raised = Raised()
        alerts = iter(found)
        while chunk := list(islice(alerts, _CHUNK)):
            self._taken += chunk
            if len(self._taken) >= _CHUNK:
                self.stage()
            raised.add([alert for alert in chunk if not alert.supersedes])
        self.raised.join(raised)

    def drop(self, before: int) -> None:
        """Forget what was taken, and what was staged after so many pieces."""
        self._taken = []
        self._store.discard(self.staged[before:])
        del self.staged[before:]

    def stage(self) -> None:
        """Stage what was taken."""
        if not self._taken:
            return
        frame = alert_rows.frame(self._taken, self._store.take_ids(len(self._taken)))
        self.staged += self._store.stage(self._out_table, frame)
        self.ongoing += [replace(alert, ids="") for alert in self._taken if alert.ongoing]
        self._taken = []


def in_order(rules: Iterable[Rule]) -> list[tuple[str, list[Rule]]]:
    """The rules by the table of their alerts, each after the rules whose alerts it watches."""
    rules = list(rules)
    outs = {rule.out_table for rule in rules}
    if not any(table in outs for rule in rules for table in rule.tables):
        return [
            (out, [r for r in rules if r.out_table == out])
            for out in dict.fromkeys(r.out_table for r in rules)
        ]
    levels = {rule.name: _level(rule, rules, frozenset()) for rule in rules}
    groups: dict[tuple[int, str], list[Rule]] = {}
    for rule in sorted(rules, key=lambda r: levels[r.name]):
        groups.setdefault((levels[rule.name], rule.out_table), []).append(rule)
    return [(out_table, some) for (_, out_table), some in groups.items()]


def _level(rule: Rule, rules: Sequence[Rule], above: frozenset[str]) -> int:
    """How many rules, one feeding the other, come before this one; circles count once."""
    above |= {rule.name}
    feeders = (
        r
        for r in rules
        if r.out_table in rule.tables and r.name not in above and r.out_table not in r.tables
    )
    return max((_level(r, rules, above) + 1 for r in feeders), default=0)


def _now() -> int:
    return since_epoch(times.now())
