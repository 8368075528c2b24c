"""The message for what stands in the ledger, from the alert as it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp

from siemstress.notify.ledger import Entry, Ledger
from siemstress.notify.message import SUMMARY, Message, message_id, of_alert, of_many
from siemstress.notify.plan import alerts_by_id
from siemstress.query.conditions import column
from siemstress.rules.tables import ALERT_LOG
from siemstress.store.base import Scan, Store, rows

_SHOWN = 1000
_GONE = "the alert is not stored any more"


def compose(
    store: Store, ledger: Ledger, tables: Sequence[str], entry: Entry, parts: Sequence[Entry]
) -> Message | str:
    """The message for an entry, or why there is none.

    `parts` are what a summary sums up, where that is not in the ledger yet.
    """
    name = message_id(entry.notifier, entry.about)
    if entry.what == SUMMARY:
        some = [e.alert_id for e in parts or ledger.parts(entry) if e.alert_id is not None]
        ids = list(dict.fromkeys(some))[:_SHOWN]
        found = alerts_by_id(store, tables, ids)
        return of_many(name, entry.event_count, [found[i] for i in ids if i in found])
    if entry.alert_id is None or entry.about_table is None:
        return _GONE
    if entry.about_table != ALERT_LOG:
        tables = [entry.about_table]
    alert = alerts_by_id(store, tables, [entry.alert_id]).get(entry.alert_id)
    if alert is None:
        return _GONE
    change = _logged(store, entry.about) if entry.about_table == ALERT_LOG else None
    return of_alert(name, entry.what, alert, change)


def _logged(store: Store, number: int) -> Mapping[str, Any] | None:
    query = exp.select("*").from_(exp.to_table("log"))
    query = query.where(exp.EQ(this=column("id"), expression=exp.Literal.number(number)))
    return next(rows(store.select(query, {"log": Scan(ALERT_LOG)})), None)
