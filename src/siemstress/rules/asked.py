"""What new events bring to a rule that is a query asked in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from siemstress.rules import alerts as alert_rows
from siemstress.rules.alerts import Alert
from siemstress.rules.model import Rule
from siemstress.rules.positions import Positions, source_of
from siemstress.rules.raised import ids_of
from siemstress.rules.sql_feeds import arrived
from siemstress.rules.ticks import Progress, answers
from siemstress.store.base import Store
from siemstress.store.history import LogTooShort


@dataclass(frozen=True)
class Asked:
    """Alerts, which are worked out as they are taken, and the positions reached with them.

    `arrived` says whether there were new events at all.
    """

    alerts: Iterator[Alert]
    reached: Mapping[str, int]
    arrived: bool


def asked(store: Store, positions: Positions, rule: Rule) -> Asked | None:
    """What is new to a rule; None where no table that it reads has grown."""
    tables: list[Progress] = []
    reached: dict[str, int] = {}
    for table in rule.tables:
        source = source_of(store, table)
        if source is None:
            continue
        consumer = rule.consumer(table, source.identity)
        tables.append(Progress(table, positions.single(consumer), source.version))
        reached[consumer] = source.version
    grown = [p for p in tables if p.after != p.upto]
    if not grown:
        return None
    try:
        grown = [p for p in grown if arrived(store, p.fresh({}))]
    except LogTooShort:
        grown = [replace(p, after=None) for p in tables]
    return Asked(_alerts(store, positions.target, rule, tables, grown), reached, bool(grown))


def _alerts(
    store: Store, out_table: str, rule: Rule, tables: Sequence[Progress], grown: Sequence[Progress]
) -> Iterator[Alert]:
    if not grown:
        return
    known = ids_of(store, out_table, rule)
    for answer in answers(store, rule, tables, grown, known):
        yield alert_rows.of_answer(rule, answer)
