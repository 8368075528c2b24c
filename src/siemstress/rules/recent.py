"""The alerts that stand from some time on, kept in memory: at every look only news are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from siemstress.rules import raised
from siemstress.rules.raised import Standing
from siemstress.rules.tables import ALERT_LOG
from siemstress.store.base import Store
from siemstress.store.history import LogTooShort

# Alerts of so much time (µs) before what is asked for are read as well, so that it is seldom done.
_AHEAD = 86_400_000_000
_EVER = 2**62
# So many more alerts than at first, and those that ended long ago are let go.
_MORE = 50_000

_Version = tuple[str | None, int | None]


class Recent:
    """The alerts of some rules in one table, as they stand."""

    def __init__(self, store: Store, out_table: str, rules: Iterable[str]) -> None:
        self._store = store
        self._out_table = out_table
        self._rules = frozenset(rules)
        self._since = _EVER
        """Alerts with any moment (µs) from then on are known, and all that go on."""
        self._most = 0
        self._known: dict[str, Standing] = {}
        self._heirs: dict[str, set[str]] = {}
        """Alerts that wait for one that is to take their place, by its id."""
        self._opened: _Version | None = None
        """As of which versions of the tables that is; None: nothing was read yet."""
        self._logged: _Version = (None, None)

    def standing(self, rules: Iterable[str], low: int, high: int) -> dict[str, list[Standing]]:
        """By the rules' names their alerts of which any moment lies between two times (µs)."""
        self._sync(low)
        found: dict[str, list[Standing]] = {name: [] for name in rules}
        for alert in self._known.values():
            if alert.rule in found and alert.last >= low and alert.start <= high:
                found[alert.rule].append(alert)
        return found

    def ongoing(self, rules: Iterable[str]) -> list[Standing]:
        """The rules' alerts whose end was not told yet."""
        self._sync(None)
        some = set(rules)
        return [a for a in self._known.values() if a.ongoing and a.current and a.rule in some]

    def _sync(self, low: int | None) -> None:
        opened, logged = self._version(self._out_table), self._version(ALERT_LOG)
        wide = low is not None and low < self._since
        if wide or len(self._known) > self._most or not self._goes_on(opened, logged):
            since = self._since if low is None else low - _AHEAD
            self._load(since, opened, logged)
            return
        try:
            self._read(opened, logged)
        except LogTooShort:
            self._load(self._since, opened, logged)

    def _goes_on(self, opened: _Version, logged: _Version) -> bool:
        """Whether the tables are those of before; a table that was not there may come."""
        if self._opened is None:
            return False
        pairs = ((self._opened, opened), (self._logged, logged))
        return all(before[0] in (None, now[0]) for before, now in pairs)

    def _version(self, table: str) -> _Version:
        return self._store.identity(table), self._store.version(table)

    def _load(self, since: int, opened: _Version, logged: _Version) -> None:
        """Read all from a time on."""
        lasting = raised.ongoing(self._store, self._out_table, self._rules)
        by_rule = raised.standing(self._store, self._out_table, self._rules, since, _EVER)
        found = [*lasting, *(alert for some in by_rule.values() for alert in some)]
        self._known = {alert.id: alert for alert in found}
        self._heirs.clear()
        for alert in found:
            self._awaits(alert)
        self._since, self._opened, self._logged = since, opened, logged
        self._most = len(self._known) + _MORE

    def _read(self, opened: _Version, logged: _Version) -> None:
        """Read what is new."""
        store, out_table = self._store, self._out_table
        if self._opened is not None and opened != self._opened:
            for alert in raised.opened_since(store, out_table, self._opened[1], opened[1]):
                self._add(alert)
        if logged != self._logged:
            changes = raised.changes_since(store, self._logged[1], logged[1])
            self._follow([row for row in changes if row["source_rule"] in self._rules])
        self._opened, self._logged = opened, logged

    def _add(self, alert: Standing) -> None:
        if alert.rule in self._rules:
            self._known.setdefault(alert.id, alert)
        for old in self._heirs.pop(alert.id, ()):
            if self._known[old].heir == alert.id:
                self._known[old] = replace(self._known[old], current=False)

    def _follow(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Bring alerts to what entries of the log say of them."""
        store, out_table = self._store, self._out_table
        # Alerts that ended before what is known here, and go on now.
        unknown = {row["alert_id"] for row in changes} - self._known.keys()
        heirs = {row["note"] for row in changes if row["change"] == "superseded"} - {None}
        there = raised.stored(store, out_table, heirs - self._known.keys()) | self._known.keys()
        for row in changes:
            if row["alert_id"] in unknown:
                continue
            alert = raised.after(self._known[row["alert_id"]], row)
            if alert.heir in there:
                alert = replace(alert, current=False)
            self._known[alert.id] = alert
            self._awaits(alert)
        for alert in raised.as_they_stand(store, out_table, unknown):
            self._known[alert.id] = alert
            self._awaits(alert)

    def _awaits(self, alert: Standing) -> None:
        if alert.heir and alert.current:
            self._heirs.setdefault(alert.heir, set()).add(alert.id)
