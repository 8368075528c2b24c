"""Alerts that take the place of others: who inherits what from whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from json import JSONDecodeError, loads
from typing import Any

from sqlglot import exp

from siemstress.query.conditions import column
from siemstress.rules.tables import ALERT_LOG
from siemstress.store.base import Scan, Store, rows

# From what is least done with to what is done with.
_RANKS = {"open": 0, "acknowledged": 1, "closed": 2}


@dataclass(frozen=True)
class Said:
    """What people have said of an alert last. `judged` and `assigned` are the ids of the entries
    of the log that say so; None: nobody has."""

    judged: int | None = None
    state: str = "open"
    verdict: str | None = None
    assigned: int | None = None
    assignee: str | None = None


@dataclass(frozen=True)
class Heirs:
    """Of each alert that took the place of others these; and all alerts that are stored and of
    which the log says that they did."""

    parents: Mapping[str, Sequence[str]]
    stored: frozenset[str]


def heirs(store: Store, tables: Sequence[str]) -> Heirs:
    """Which alerts of some tables took the place of which."""
    parents: dict[str, dict[str, None]] = {}
    stored: set[str] = set()
    has_log = ALERT_LOG in store.tables()
    for table in tables:
        if "supersedes" in store.columns(table):
            for row in _told(store, table):
                parents.setdefault(row["alert_id"], {}).update(dict.fromkeys(_ids(row)))
        if has_log:
            for row in _logged(store, table):
                stored.add(row["note"])
                parents.setdefault(row["note"], {}).setdefault(row["alert_id"])
    return Heirs({heir: list(old) for heir, old in parents.items()}, frozenset(stored))


def ancestors(ids: Iterable[str], parents: Mapping[str, Sequence[str]]) -> set[str]:
    """Some alerts, and all whose place they took, directly or not."""
    found = set(ids)
    waiting = list(found)
    while waiting:
        fresh = set(parents.get(waiting.pop(), ())) - found
        found |= fresh
        waiting += fresh
    return found


def inherited(own: Mapping[str, Said], parents: Mapping[str, Sequence[str]]) -> dict[str, Said]:
    """What is said of every alert: of itself, or else of those whose place it took.

    The newest counts. An alert of which nobody has said anything is in the state of the one, of
    those whose place it took, that is least done with.
    """
    found: dict[str, Said] = dict(own)
    done: set[str] = set()
    for heir in parents:
        for alert in _oldest_first(heir, parents, done):
            old = [found.get(parent, Said()) for parent in parents.get(alert, ())]
            found[alert] = _of(own.get(alert, Said()), old)
    return found


def _oldest_first(heir: str, parents: Mapping[str, Sequence[str]], done: set[str]) -> Iterator[str]:
    """An alert after all whose place it took; those that are done are left out."""
    waiting = [(heir, False)]
    entered: set[str] = set()
    while waiting:
        alert, is_ready = waiting.pop()
        if is_ready:
            done.add(alert)
            yield alert
        elif alert not in done and alert not in entered:
            entered.add(alert)
            waiting.append((alert, True))
            waiting += [(parent, False) for parent in parents.get(alert, ())]


def _of(own: Said, old: Sequence[Said]) -> Said:
    judged = [said for said in (own, *old) if said.judged is not None]
    assigned = [said for said in (own, *old) if said.assigned is not None]
    newest = Said()
    if own.judged is not None:
        newest = max(judged, key=lambda said: said.judged or 0)
    elif old:
        newest = min(old, key=lambda said: (_RANKS[said.state], -(said.judged or 0)))
    if not assigned:
        return newest
    last = max(assigned, key=lambda said: said.assigned or 0)
    return replace(newest, assigned=last.assigned, assignee=last.assignee)


def _told(store: Store, table: str) -> Iterator[dict[str, Any]]:
    """The alerts that say themselves whose place they took."""
    query = exp.select(column("alert_id"), column("supersedes")).from_(exp.to_table("alerts"))
    query = query.where(exp.not_(exp.Is(this=column("supersedes"), expression=exp.null())))
    return rows(store.select(query, {"alerts": Scan(table)}))


def _logged(store: Store, table: str) -> Iterator[dict[str, Any]]:
    """What the log says of it, where the heir is in a table."""
    there = exp.select(column("alert_id")).from_(exp.to_table("alerts"))
    query = (
        exp.select(column("alert_id"), column("note"))
        .distinct()
        .from_(exp.to_table("log"))
        .where(
            exp.EQ(this=column("change"), expression=exp.Literal.string("superseded")),
            exp.In(this=column("note"), query=there.subquery()),
        )
    )
    return rows(store.select(query, {"log": Scan(ALERT_LOG), "alerts": Scan(table)}))


def _ids(row: Mapping[str, Any]) -> list[str]:
    try:
        found = loads(row["supersedes"])
    except JSONDecodeError:
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
