"""What becomes of alerts after they opened, as the engine tells it to the log of alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from siemstress.rules.alert_log import Entry, append
from siemstress.rules.alerts import Alert
from siemstress.rules.episodes.model import Silent
from siemstress.rules.model import Rule, clamped, since_epoch
from siemstress.rules.raised import Standing, ongoing
from siemstress.rules.reconcile import Went
from siemstress.store.base import Store


class Lives:
    """The alerts of some rules in one table, as far as their end was not told yet."""

    def __init__(self, store: Store, out_table: str, rules: Iterable[Rule]) -> None:
        self._store = store
        self._out_table = out_table
        self._joins = {
            rule.name: rule.windowed.window.joins
            for rule in rules
            if rule.windowed is not None
            and rule.out_table == out_table
            # A silence is over when it ends, and that is seen.
            and not isinstance(rule.windowed.window.kind, Silent)
        }
        self._ongoing: dict[str, Standing] | None = None

    def went(self, changes: Sequence[Went]) -> None:
        """Tell what became of alerts. The same may be told again after a crash, to no harm."""
        append(self._store, [_entry(w) for w in changes])
        for change in changes:
            alert = replace(change.alert, last=change.last, events=change.events)
            if change.change == "extended":
                self._known[alert.id] = alert
            else:
                self._known.pop(alert.id, None)

    def began(self, alerts: Iterable[Alert]) -> None:
        """Know of alerts that were opened and may go on."""
        for alert in alerts:
            if alert.rule.name not in self._joins:
                continue
            self._known[alert.id] = Standing(
                id=alert.id,
                rule=alert.rule.name,
                group=alert.group_key,
                start=since_epoch(alert.time),
                last=since_epoch(alert.last),
                events=alert.events,
                ongoing=True,
            )

    def close(self, now: int) -> None:
        """Tell of those that nothing can extend any more, at a time (µs), that they are over."""
        over = [a for a in self._known.values() if a.last + self._joins[a.rule] < now]
        if over:
            self.went([Went(alert, "over", alert.last, alert.events) for alert in over])

    @property
    def _known(self) -> dict[str, Standing]:
        if self._ongoing is None:
            found = ongoing(self._store, self._out_table, self._joins)
            self._ongoing = {alert.id: alert for alert in found}
        return self._ongoing


def _entry(went: Went) -> Entry:
    return Entry(
        alert_id=went.alert.id,
        change=went.change,
        rule=went.alert.rule,
        last_time=clamped(went.last),
        event_count=went.events,
        note=went.by or None,
    )
