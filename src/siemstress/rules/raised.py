"""What alerts there are already, and how far each has come since it opened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import Any

from sqlglot import exp

from siemstress.query.mysql import timestamp
from siemstress.rules.matches import SEPARATOR
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
    superseded by another that is stored. `heir` is the alert that is to take its place.
    """

    id: str
    rule: str
    group: str
    start: int
    last: int
    events: int
    ongoing: bool
    current: bool = True
    heir: str = ""

    def is_among(self, names: Sequence[str], groups: frozenset[str] | None) -> bool:
        """Whether its group is one of some, as matches name them; None: any."""
        return groups is None or self.key(names) in groups

    def key(self, names: Sequence[str]) -> str | None:
        """Its group as matches name it; None where it has other names than these."""
        if self._names != tuple(names):
            return None
        return SEPARATOR.join(map(str, self._values.values()))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(self._values)

    @cached_property
    def _values(self) -> dict[str, object]:
        return dict(json.loads(self.group))


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
        scan = Scan(out_table, Bounds(time_max=clamped(high)))
        _add(found, _opened(store, scan, exp.and_(mine, late)))
        ids = [i for i in _moved(store, some, low) if i not in found]
        for part in range(0, len(ids), _AT_ONCE):
            wanted = exp.and_(mine.copy(), _in("alert_id", ids[part : part + _AT_ONCE]))
            _add(found, _opened(store, scan, wanted))
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
    scans = {"alerts": Scan(out_table)}
    wanted: exp.Expr = exp.column("ongoing", quoted=True)
    if ALERT_LOG in store.tables():
        scans["log"] = Scan(ALERT_LOG)
        ended = exp.column("alert_id", quoted=True).isin(query=_ended())
        wanted = exp.and_(wanted, exp.not_(ended))
    some = frozenset(rules)
    query = _as_opened(store, out_table).where(wanted)
    opened = (_standing(row) for row in rows(store.select(query, scans)))
    found = {alert.id: alert for alert in opened if alert.rule in some}
    _follow(store, out_table, found)
    return [alert for alert in found.values() if alert.ongoing and alert.current]


def _ended() -> exp.Select:
    """The ids of alerts of which the log says last that they are over, or none any more."""
    number = exp.column("id", quoted=True)
    ends = exp.Case(ifs=[exp.If(this=_in("change", ["over", "withdrawn"]), true=number)])
    return (
        exp.select(exp.column("alert_id", quoted=True))
        .from_(exp.to_table("log"))
        .where(_in("change", sorted(GONE | COMES)))
        .group_by(exp.column("alert_id", quoted=True))
        .having(exp.Max(this=ends).eq(exp.Max(this=number.copy())))
    )


def ids_of(store: Store, out_table: str, rule: Rule) -> set[str]:
    """The ids of all alerts that a rule has raised."""
    if _RULE not in store.columns(out_table):
        return set()
    own = exp.column(_RULE, quoted=True).eq(exp.Literal.string(rule.name))
    query = exp.select(exp.column("alert_id", quoted=True)).from_(exp.to_table("alerts"))
    reader = store.select(query.where(own), {"alerts": Scan(out_table)})
    return {row["alert_id"] for row in rows(reader)}


def _opened(store: Store, scan: Scan, wanted: exp.Expr) -> Iterator[dict[str, Any]]:
    query = _as_opened(store, scan.table).where(wanted)
    return rows(store.select(query, {"alerts": scan}))


def _as_opened(store: Store, out_table: str) -> exp.Select:
    """Asks for alerts as they opened."""
    present = store.columns(out_table)
    names = ["alert_id", _RULE, "group_key", "time", "last_time", "event_count", "ongoing"]
    columns = [exp.column(c, quoted=True) for c in names if c in present]
    return exp.select(*columns).from_(exp.to_table("alerts"))


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
    for first in range(0, len(ids), _AT_ONCE):
        for row in _changes(store, Scan(ALERT_LOG), _in("alert_id", ids[first : first + _AT_ONCE])):
            found[row["alert_id"]] = after(found[row["alert_id"]], row)
    there = stored(store, out_table, {alert.heir for alert in found.values() if alert.heir})
    found |= {a.id: replace(a, current=False) for a in found.values() if a.heir in there}


def after(alert: Standing, row: Mapping[str, Any]) -> Standing:
    """An alert as an entry of the log leaves it, if its heir is not stored."""
    if row["change"] in COMES:
        last, events = since_epoch(row["last_time"]), row["event_count"] or alert.events
        is_over = row["change"] == "over"
        return replace(alert, last=last, events=events, ongoing=not is_over, current=True, heir="")
    if row["change"] == "superseded":
        return replace(alert, heir=row["note"] or "")
    return replace(alert, current=False)


def opened_since(
    store: Store, out_table: str, version: int | None, upto: int | None
) -> list[Standing]:
    """The alerts, as they opened, that came later than a version of their table."""
    if _RULE not in store.columns(out_table):
        return []
    wanted = exp.column(_RULE, quoted=True).is_(exp.null()).not_()
    scan = Scan(out_table, after=version, upto=upto)
    return [_standing(row) for row in _opened(store, scan, wanted)]


def opened_of(store: Store, out_table: str, ids: Iterable[str]) -> list[Standing]:
    """The alerts of some ids as they opened."""
    names = sorted(ids)
    return [
        _standing(row)
        for first in range(0, len(names), _AT_ONCE)
        for row in _opened(store, Scan(out_table), _in("alert_id", names[first:][:_AT_ONCE]))
    ]


def as_they_stand(store: Store, out_table: str, ids: Iterable[str]) -> list[Standing]:
    """The alerts of some ids."""
    found = {alert.id: alert for alert in opened_of(store, out_table, ids)}
    _follow(store, out_table, found)
    return list(found.values())


def changes_since(store: Store, version: int | None, upto: int | None) -> list[dict[str, Any]]:
    """Entries of the log, later than a version of it, that `after` knows; in order."""
    return _changes(store, Scan(ALERT_LOG, after=version, upto=upto), exp.true())


def _changes(store: Store, scan: Scan, wanted: exp.Expr) -> list[dict[str, Any]]:
    names = ["id", "alert_id", "source_rule", "change", "last_time", "event_count", "note"]
    query = exp.select(*(exp.column(c, quoted=True) for c in names)).from_(exp.to_table("log"))
    query = query.where(wanted, _in("change", sorted(GONE | COMES)))
    return sorted(rows(store.select(query, {"log": scan})), key=itemgetter("id"))


def stored(store: Store, out_table: str, ids: Iterable[str]) -> set[str]:
    """Which of some ids are those of stored alerts."""
    return {alert.id for alert in opened_of(store, out_table, ids)}


def _add(found: dict[str, Standing], opened: Iterable[Mapping[str, Any]]) -> None:
    for row in opened:
        found[row["alert_id"]] = _standing(row)


def _standing(row: Mapping[str, Any]) -> Standing:
    return Standing(
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
