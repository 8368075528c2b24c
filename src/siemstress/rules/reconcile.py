"""What the episodes of a rule make of its alerts: new ones, such that went on, such that are none.

The alerts that are current are those of the episodes, whatever came when. A late event may move
the start of an episode: then its alert is another one, which takes the place of the old.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from siemstress.rules.alerts import Alert
from siemstress.rules.model import since_epoch
from siemstress.rules.raised import Standing


@dataclass(frozen=True)
class Went:
    """What became of a stored alert: `change` is extended, over, superseded (by the alert of the
    id `by`) or withdrawn. Times in µs since 1970."""

    alert: Standing
    change: str
    last: int
    events: int
    by: str = ""


@dataclass
class Outcome:
    """Alerts to open, and what became of others."""

    opened: list[Alert] = field(default_factory=list)
    went: list[Went] = field(default_factory=list)


def reconciled(
    alerts: Sequence[Alert], stored: Iterable[Standing], joins: int, now: int, *, grows: bool
) -> Outcome:
    """Compare the alerts that there should be with those that are stored, of one rule.

    `stored` are all that lie in the part of time that was looked at. `joins` is how far apart
    moments of one episode may be; what had none for longer at `now` is over. All in µs. With
    `grows` nothing that came can end an episode, so that none is withdrawn.
    """
    known = {alert.id: alert for alert in stored}
    wanted = {alert.id for alert in alerts}
    by_group: dict[str, list[Standing]] = {}
    for old in known.values():
        if old.current and old.id not in wanted:
            by_group.setdefault(old.group, []).append(old)
    outcome = Outcome()
    replaced: set[str] = set()
    for alert in alerts:
        start, last = since_epoch(alert.time), since_epoch(alert.last)
        inside = [
            old
            for old in by_group.get(alert.group_key, ())
            if old.start <= last and start <= old.last and old.id not in replaced
        ]
        replaced |= {old.id for old in inside}
        outcome.went += [Went(old, "superseded", old.last, old.events, alert.id) for old in inside]
        is_over = last + joins < now if alert.ongoing is None else not alert.ongoing
        before = known.get(alert.id)
        if before is None:
            old_ids = tuple(sorted(old.id for old in inside))
            outcome.opened.append(replace(alert, supersedes=old_ids, ongoing=not is_over))
        elif (
            not before.current
            or (before.last, before.events) != (last, alert.events)
            or before.ongoing == is_over
        ):
            outcome.went.append(Went(before, "over" if is_over else "extended", last, alert.events))
    if not grows:
        outcome.went += [
            Went(old, "withdrawn", old.last, old.events)
            for group in by_group.values()
            for old in group
            if old.id not in replaced
        ]
    return outcome
