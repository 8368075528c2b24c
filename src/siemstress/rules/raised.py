"""What alerts there are already, and how far each has come since it opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from siemstress.query.mysql import timestamp
from siemstress.rules.model import Rule, clamped, since_epoch
from siemstress.rules.tables import ALERT_LOG
from siemstress.store.base import Bounds, Scan, Store, rows

_RULE = "source_rule"
# Names that are asked for in one query.
_AT_ONCE = 500


# Changes after which an alert is none any more, and those that tell how far it has come.
GONE = frozenset({"superseded", "withdrawn"})
COMES = frozenset({"extended", "over"})


@dataclass(frozen=True)
class Standing:
    """An alert as it stands: from its start to its last moment so far; times in µs since 1970.

    `ongoing` says that its end was not told yet, `current` that it is neither withdrawn nor
    superseded by another that is stored.
    """

    id: str
    rule: str
    group: str
    start: int
    last: int
    events: int
    ongoing: bool
    current: bool = True


def standing(
    store: Store, out_table: str, rules: Iterable[str], low: int, high: int
) -> dict[str, list[Standing]]:
    """By the rules' names their alerts of which any moment lies between two times (µs)."""
    columns = store.columns(out_table)
    if _RULE not in columns:
        return {}
    names = sorted(set(rules))
    found: dict[str, Standing] = {}
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        began = exp.column("time", quoted=True) <= timestamp(clamped(high))
        mine = exp.and_(_in(_RULE, some), began)
        late = exp.column("last_time", quoted=True) >= timestamp(clamped(low))
        bounds = Bounds(time_max=clamped(high))
        _add(found, _opened(store, out_table, exp.and_(mine, late), bounds))
        ids = [i for i in _moved(store, some, low) if i not in found]
        for part in range(0, len(ids), _AT_ONCE):
            wanted = exp.and_(mine.copy(), _in("alert_id", ids[part : part + _AT_ONCE]))
            _add(found, _opened(store, out_table, wanted, bounds))
    _follow(store, out_table, found)
    by_rule: dict[str, list[Standing]] = {}
    for alert in found.values():
        if alert.last >= low:
            by_rule.setdefault(alert.rule, []).append(alert)
    return by_rule


def ongoing(store: Store, out_table: str, rules: Iterable[str]) -> list[Standing]:
    """The rules' alerts whose end was not told yet."""
    if "ongoing" not in store.columns(out_table):
        return []
    found: dict[str, Standing] = {}
    names = sorted(set(rules))
    for first in range(0, len(names), _AT_ONCE):
        mine = _in(_RULE, names[first : first + _AT_ONCE])
        wanted = exp.and_(mine, exp.column("ongoing", quoted=True))
        _add(found, _opened(store, out_table, wanted, Bounds()))
    _follow(store, out_table, found)
    return [alert for alert in found.values() if alert.ongoing and alert.current]


def ids_of(store: Store, out_table: str, rule: Rule) -> set[str]:
    """The ids of all alerts that a rule has raised."""
    if _RULE not in store.columns(out_table):
        return set()
    own = exp.column(_RULE, quoted=True).eq(exp.Literal.string(rule.name))
    query = exp.select(exp.column("alert_id", quoted=True)).from_(exp.to_table("alerts"))
    reader = store.select(query.where(own), {"alerts": Scan(out_table)})
    return {row["alert_id"] for row in rows(reader)}


def _opened(
    store: Store, out_table: str, wanted: exp.Expr, bounds: Bounds
) -> Iterator[dict[str, Any]]:
    present = store.columns(out_table)
    names = ["alert_id", _RULE, "group_key", "time", "last_time", "event_count", "ongoing"]
    columns = [exp.column(c, quoted=True) for c in names if c in present]
    query = exp.select(*columns).from_(exp.to_table("alerts")).where(wanted)
    return rows(store.select(query, {"alerts": Scan(out_table, bounds)}))


def _moved(store: Store, names: Sequence[str], low: int) -> list[str]:
    """The ids of the rules' alerts that came, after they opened, to or beyond a time (µs)."""
    if ALERT_LOG not in store.tables():
        return []
    late = exp.column("last_time", quoted=True) >= timestamp(clamped(low))
    query = exp.select(exp.column("alert_id")).distinct().from_(exp.to_table("log"))
    query = query.where(exp.and_(_in(_RULE, names), late))
    return [row["alert_id"] for row in rows(store.select(query, {"log": Scan(ALERT_LOG)}))]


def _follow(store: Store, out_table: str, found: dict[str, Standing]) -> None:
    """Bring alerts to what the log says of them."""
    if not found or ALERT_LOG not in store.tables():
        return
    ids = sorted(found)
    names = ["id", "alert_id", "change", "last_time", "event_count", "note"]
    newest: dict[str, dict[str, Any]] = {}
    for first in range(0, len(ids), _AT_ONCE):
        query = exp.select(*(exp.column(c, quoted=True) for c in names))
        query = query.from_(exp.to_table("log")).where(
            _in("alert_id", ids[first : first + _AT_ONCE]), _in("change", sorted(GONE | COMES))
        )
        for row in rows(store.select(query, {"log": Scan(ALERT_LOG)})):
            before = newest.get(row["alert_id"])
            if before is None or before["id"] < row["id"]:
                newest[row["alert_id"]] = row
    successors = {row["note"] for row in newest.values() if row["change"] == "superseded"}
    there = _stored(store, out_table, sorted(filter(None, successors)))
    for alert_id, row in newest.items():
        alert = found[alert_id]
        if row["change"] in COMES:
            last, events = since_epoch(row["last_time"]), row["event_count"] or alert.events
            is_over = row["change"] == "over"
            found[alert_id] = replace(alert, last=last, events=events, ongoing=not is_over)
        elif row["change"] == "withdrawn" or row["note"] in there:
            # Of one whose successor was not stored after all nothing has become.
            found[alert_id] = replace(alert, current=False)


def _stored(store: Store, out_table: str, ids: Sequence[str]) -> set[str]:
    """Which of some ids are those of stored alerts."""
    there: set[str] = set()
    for first in range(0, len(ids), _AT_ONCE):
        wanted = _in("alert_id", ids[first : first + _AT_ONCE])
        there |= {row["alert_id"] for row in _opened(store, out_table, wanted, Bounds())}
    return there


def _add(found: dict[str, Standing], opened: Iterable[Mapping[str, Any]]) -> None:
    for row in opened:
        found[row["alert_id"]] = Standing(
            id=row["alert_id"],
            rule=row[_RULE],
            group=row["group_key"] or "{}",
            start=since_epoch(row["time"]),
            last=since_epoch(row["last_time"]),
            events=row["event_count"] or 0,
            ongoing=bool(row.get("ongoing")),
        )


def _in(column: str, values: Sequence[str]) -> exp.Expr:
    return exp.column(column, quoted=True).isin(*(exp.Literal.string(v) for v in values))
