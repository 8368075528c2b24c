"""From new events to alerts: every rule sees every event once, every episode has one alert.

How far a rule has seen a table (the table's version) is a consumer's position in the table that
its alerts go to, and moves in the commit that holds them. A commit also takes a *ticket*, a number
that counts the commits of all siemtriggers to that table: of two that evaluate at once, one is
refused and looks again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from siemstress.errors import Conflict, Failure, StoreError, Unavailable
from siemstress.rules import alerts as alert_rows
from siemstress.rules.alerts import Alert
from siemstress.rules.model import Rule, Window
from siemstress.rules.raised import ids_of, overlapping
from siemstress.rules.ticks import answers
from siemstress.rules.windows import Fresh, Progress, arrived, new_episodes, screen
from siemstress.store.base import Advance, Staged, Store
from siemstress.store.history import LogTooShort

TICKET = "siemtrigger"
_ATTEMPTS = 50
# Alerts that are worked out, and written, at a time; of each rule, those that are told of.
_CHUNK = 1000
# Positions are kept in memory between commits that hold alerts; seconds until they are saved.
_SAVE_SECONDS = 60.0


@dataclass
class _State:
    """What is known of the positions in one table of alerts.

    `stored` are those in the store, `seen` those reached; `worth` says that events, not only
    versions, lie between.
    """

    key: tuple[str | None, int | None] | None = None
    stored: dict[str, int | None] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    worth: bool = False
    saved: float = field(default_factory=time.monotonic)

    @property
    def ticket(self) -> int | None:
        return self.key[1] if self.key else None


@dataclass
class _Work:
    """One rule's share of a pass: its tables, where it stands, what it found in the new events."""

    rule: Rule
    tables: list[Progress]
    reached: dict[str, int]
    fresh: list[Fresh] = field(default_factory=list)
    failed: bool = False


@dataclass
class Raised:
    """Alerts that were raised: how many, and of each rule the first thousand without ids."""

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
        self._groups = in_order(rules)
        self._states: dict[str, _State] = {}
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
        for out_table, rules in self._groups:
            raised.join(self._settle(out_table, rules, save=save))
        return raised

    def save(self) -> None:
        """Store the positions reached, so that the next start need not look again."""
        for out_table, state in self._states.items():
            if state.worth and state.key is not None:
                try:
                    self._commit(out_table, state, [], state.seen)
                except Failure:
                    state.key = None  # Nothing is lost: the next start looks again.

    def _settle(self, out_table: str, rules: Sequence[Rule], *, save: bool) -> Raised:
        for attempt in range(_ATTEMPTS):
            state = self._synced(out_table)
            staged: list[Staged] = []
            try:
                raised, seen = self._evaluate(out_table, state, rules, staged)
                overdue = time.monotonic() - state.saved > _SAVE_SECONDS
                if staged or (state.worth and (save or overdue)):
                    self._commit(out_table, state, staged, {**state.seen, **seen})
            except Conflict:
                self._store.discard(staged)
                state.key = None
                time.sleep(random.uniform(0, 0.02 * min(attempt + 1, 10)))  # noqa: S311
                continue
            except BaseException:
                self._store.discard(staged)
                state.key = None
                raise
            state.seen.update(seen)
            return raised
        raise StoreError(f"too many siemtriggers write to {out_table} at once")

    def _synced(self, out_table: str) -> _State:
        """The state of a table of alerts, read again where somebody else has moved it."""
        state = self._states.get(out_table)
        key = (self._store.identity(out_table), self._store.position(out_table, TICKET))
        if state is None or state.key != key:
            state = self._states[out_table] = _State(key)
        return state

    def _commit(
        self, out_table: str, state: _State, staged: Sequence[Staged], seen: Mapping[str, int]
    ) -> None:
        ticket = 0 if state.ticket is None else state.ticket + 1
        advances = [Advance(TICKET, state.ticket, ticket)]
        for consumer, to in seen.items():
            stored = state.stored.get(consumer)
            if stored != to:
                advances.append(Advance(consumer, stored, to))
        self._store.commit(out_table, staged, advances)
        state.key = (self._store.identity(out_table), ticket)
        state.stored.update(seen)
        state.worth = False
        state.saved = time.monotonic()

    # One pass ---------------------------------------------------------------------------------

    def _evaluate(
        self, out_table: str, state: _State, rules: Sequence[Rule], staged: list[Staged]
    ) -> tuple[Raised, dict[str, int]]:
        """Stage the alerts of what is new; gives them, and the positions that are reached."""
        works = self._works(out_table, state, rules)
        self._screen([w for w in works if isinstance(w.rule.match, Window)])
        raised = Raised()
        seen: dict[str, int] = {}
        for work in works:
            if work.failed:
                continue
            before = len(staged)
            found = Raised()
            try:
                alerts = iter(self._alerts(out_table, state, work))
                while chunk := list(islice(alerts, _CHUNK)):
                    first_id = self._store.take_ids(len(chunk))
                    frame = alert_rows.frame(chunk, first_id)
                    staged += self._store.stage(out_table, frame)
                    found.add(chunk)
            except Unavailable:
                raise  # No rule is at fault.
            except StoreError as e:
                self._store.discard(staged[before:])
                del staged[before:]
                self._complain(work, e)
                continue
            raised.join(found)
            seen |= work.reached
            self.failed_rules.discard(work.rule.name)
        return raised, seen

    def _works(self, out_table: str, state: _State, rules: Sequence[Rule]) -> list[_Work]:
        """The rules that have something new to see."""
        store = self._store
        versions: dict[str, tuple[str | None, int | None]] = {}
        for table in dict.fromkeys(t for rule in rules for t in rule.tables):
            versions[table] = (store.identity(table), store.version(table))
        works = []
        for rule in rules:
            work = _Work(rule, [], {})
            moved = False
            for table in rule.tables:
                identity, version = versions[table]
                if identity is None or version is None:
                    continue
                consumer = rule.consumer(table, identity)
                if consumer not in state.seen:
                    stored = store.position(out_table, consumer)
                    state.stored[consumer] = stored
                    if stored is not None:
                        state.seen[consumer] = stored
                after = state.seen.get(consumer)
                moved = moved or after != version
                work.tables.append(Progress(table, after, version))
                work.reached[consumer] = version
            if moved:
                works.append(work)
        return works

    def _screen(self, works: Sequence[_Work]) -> None:
        """Find out, a table at a time, which rules match any of its new events."""
        by_progress: dict[Progress, list[_Work]] = {}
        for work in works:
            for progress in work.tables:
                if progress.after != progress.upto:
                    by_progress.setdefault(progress, []).append(work)
        for progress, some in by_progress.items():
            try:
                found = list(screen(self._store, progress, [w.rule for w in some]))
            except Unavailable:
                raise
            except StoreError:
                # One of them is at fault, or the log is too short for all: ask one by one.
                self._screen_singly(progress, some)
                continue
            for work, fresh in zip(some, found, strict=True):
                work.fresh.append(fresh)

    def _screen_singly(self, progress: Progress, works: Sequence[_Work]) -> None:
        for work in works:
            try:
                work.fresh += screen(self._store, progress, [work.rule])
            except LogTooShort:
                # The positions are too old: all that is stored is new to the rule.
                work.tables = [replace(p, after=None) for p in work.tables]
                anew = (screen(self._store, p, [work.rule]) for p in work.tables)
                work.fresh = [fresh for found in anew for fresh in found]
            except Unavailable:
                raise
            except StoreError as e:
                self._complain(work, e)

    def _alerts(self, out_table: str, state: _State, work: _Work) -> Iterator[Alert]:
        if isinstance(work.rule.match, Window):
            return self._of_windows(out_table, state, work)
        return self._of_ticks(out_table, state, work)

    def _of_windows(self, out_table: str, state: _State, work: _Work) -> Iterator[Alert]:
        state.worth = state.worth or any(f.events for f in work.fresh)
        lows = [f.low for f in work.fresh if f.low is not None]
        highs = [f.high for f in work.fresh if f.high is not None]
        if not lows or not highs:
            return
        found = new_episodes(self._store, work.rule, work.tables, min(lows), max(highs))
        while chunk := list(islice(found, _CHUNK)):
            alerts = [alert_rows.of_episode(work.rule, episode) for episode in chunk]
            # Where a rule was changed, or sees a table anew, episodes may have alerts already.
            yield from overlapping(self._store, out_table, work.rule, alerts)

    def _of_ticks(self, out_table: str, state: _State, work: _Work) -> Iterator[Alert]:
        tables = [p for p in work.tables if p.after != p.upto]
        try:
            grown = [p for p in tables if arrived(self._store, p)]
        except LogTooShort:
            grown = [replace(p, after=None) for p in work.tables]
        if not grown:
            return
        state.worth = True
        known = ids_of(self._store, out_table, work.rule)
        for answer in answers(self._store, work.rule, work.tables, grown, known):
            yield alert_rows.of_answer(work.rule, answer)

    def _complain(self, work: _Work, error: StoreError) -> None:
        work.failed = True
        rule = work.rule
        self.failed_rules.add(rule.name)
        text = f"{rule.file} [{rule.name}]: cannot be evaluated: {error}"
        if text not in self._complaints:
            self._complaints.add(text)
            self._say(text)


def in_order(rules: Iterable[Rule]) -> list[tuple[str, list[Rule]]]:
    """The rules by the table of their alerts, each after the rules whose alerts it watches."""
    rules = list(rules)
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
