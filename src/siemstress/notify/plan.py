"""From new alerts to what is to be told, in one commit with how far alerts were looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp

from siemstress.notify import worker
from siemstress.notify.ledger import PLANNED, SKIPPED, Entry, Ledger, moment
from siemstress.notify.message import OPEN
from siemstress.notify.settings import Receiver
from siemstress.query.conditions import column, timestamp
from siemstress.query.times import before
from siemstress.rules.alert_states import in_texts
from siemstress.rules.tables import ALERT_LOG
from siemstress.store.base import Scan, Store, rows

SUPERSEDED = "superseded"
_OPENED = frozenset({OPEN, SUPERSEDED})
_AT_ONCE = 500
Row = Mapping[str, Any]


def plan(
    store: Store, ledger: Ledger, receivers: Sequence[Receiver], tables: Sequence[str]
) -> tuple[list[Entry], dict[str, int]]:
    """What receivers are to be told of what is new in tables of alerts, and positions after it.

    The ledger is in sync.
    """
    planned: list[Entry] = []
    reached: dict[str, int] = {}
    found = _Found(store, tables)
    for table in (*tables, ALERT_LOG):
        identity, version = store.identity(table), store.version(table)
        if identity is None or version is None:
            continue
        for receiver in receivers:
            if table == ALERT_LOG and not receiver.on - _OPENED:
                continue
            consumer = f"notify:{receiver.name.lower()}:{table}@{identity}"
            at = ledger.position(consumer)
            if at == version:
                continue
            scan = Scan(table, after=at, upto=version)
            if table == ALERT_LOG:
                planned += _changes(receiver, found, scan)
            else:
                planned += _opened(ledger, receiver, found, scan)
            reached[consumer] = version
    return planned, reached


def alerts_by_id(store: Store, tables: Sequence[str], ids: Sequence[str]) -> dict[str, Row]:
    """The rows of alerts, as far as they are there; of each with its `table`."""
    found: dict[str, Row] = {}
    for table in tables:
        for first in range(0, len(ids), _AT_ONCE):
            query = exp.select("*").from_(exp.to_table("alerts"))
            query = query.where(in_texts("alert_id", ids[first : first + _AT_ONCE]))
            for row in rows(store.select(query, {"alerts": Scan(table)})):
                found.setdefault(row["alert_id"], {**row, "table": table})
    return found


class _Found:
    """What was read of tables, once for all receivers."""

    def __init__(self, store: Store, tables: Sequence[str]) -> None:
        self.store = store
        self.tables = tables
        self._read: dict[object, list[Row]] = {}

    def fresh(self, scan: Scan, receiver: Receiver) -> list[Row]:
        """Rows of a scan about alerts that went on not too long ago, in the order of ids."""
        key = (scan.table, scan.after, scan.upto, receiver.max_age)
        if key not in self._read:
            query = exp.select("*").from_(exp.to_table("fresh")).order_by("id")
            query = query.where(_is_alert(), _young(receiver))
            self._read[key] = list(rows(self.store.select(query, {"fresh": scan})))
        return self._read[key]

    def too_old(self, scan: Scan, receiver: Receiver) -> int:
        """How many alerts of a scan had ended too long ago."""
        count = exp.alias_(exp.Count(this=exp.Star()), "count", quoted=True)
        query = exp.select(count).from_(exp.to_table("fresh"))
        query = query.where(_is_alert(), exp.not_(_young(receiver)))
        return int(next(iter(rows(self.store.select(query, {"fresh": scan}))))["count"])


def _opened(ledger: Ledger, receiver: Receiver, found: _Found, scan: Scan) -> Iterator[Entry]:
    fresh = [row for row in found.fresh(scan, receiver) if receiver.wants(row)]
    fresh = list({row["alert_id"]: row for row in reversed(fresh)}.values())[::-1]
    concerned = {row["alert_id"] for row in fresh}
    concerned |= {one for row in fresh for one in superseded_by(row)}
    known = ledger.known(receiver.name, sorted(concerned))
    for row in fresh:
        if row["alert_id"] in known:
            continue  # It was stored twice.
        told = [one for one in superseded_by(row) if one in known]
        known.add(row["alert_id"])
        what = SUPERSEDED if told else OPEN
        if what in receiver.on:
            yield _entry(receiver, scan.table, row, what, None)
        elif told:
            # Known of, so that what takes its place in turn is not told either.
            yield _entry(receiver, scan.table, row, what, f"takes the place of {told[0]}")
    if old := found.too_old(scan, receiver):
        # One line for all of them: there may be very many.
        first = found.store.take_ids(1)
        yield Entry(
            notifier=receiver.name,
            about=first,
            about_table=scan.table,
            alert_id=None,
            what=OPEN,
            state=SKIPPED,
            since=moment(),
            event_count=min(old, 2**31 - 1),
            error=f"older than max_age, {old} alerts",
        )


def _changes(receiver: Receiver, found: _Found, scan: Scan) -> Iterator[Entry]:
    wanted = receiver.on - _OPENED
    fresh = [row for row in found.fresh(scan, receiver) if row["change"] in wanted]
    ids = sorted({row["alert_id"] for row in fresh})
    alerts = alerts_by_id(found.store, found.tables, ids)
    for row in fresh:
        alert = alerts.get(row["alert_id"])
        if alert is not None and receiver.wants(alert):
            yield _entry(receiver, scan.table, row, row["change"], None)


def _entry(receiver: Receiver, table: str, row: Row, what: str, skipped: str | None) -> Entry:
    now = moment()
    return Entry(
        notifier=receiver.name,
        about=row["id"],
        about_table=table,
        alert_id=row["alert_id"],
        what=what,
        state=PLANNED if skipped is None else SKIPPED,
        since=now,
        next_try=now if skipped is None else None,
        worker=worker.this(),
        error=skipped,
    )


def superseded_by(row: Row) -> list[str]:
    """The ids of the alerts whose place one takes, by its row."""
    try:
        found = json.loads(row.get("supersedes") or "[]")
    except ValueError:
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _is_alert() -> exp.Expr:
    return exp.not_(exp.Is(this=column("alert_id"), expression=exp.null()))


def _young(receiver: Receiver) -> exp.Expr:
    edge = timestamp(before(moment(), receiver.max_age))
    last = exp.Coalesce(this=column("last_time"), expressions=[column("time")])
    return exp.GTE(this=last, expression=edge)
