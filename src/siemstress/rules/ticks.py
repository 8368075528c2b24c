"""Queries asked in time: at which instants, and what they answered.

Such a rule is asked at the multiples of its interval since 1970, in event time: at every one that
a new event can bear on, as though no later event had happened yet.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from siemstress import schema
from siemstress.query.conditions import microseconds
from siemstress.rules.episodes.rows import IDS_MAX
from siemstress.rules.model import EPOCH, MICROSECOND, NO_GROUP, Rule, Statement, alert_id
from siemstress.rules.sql_feeds import present_only
from siemstress.rules.statement import at_tick
from siemstress.store.base import Bounds, Scan, Store, rows

_ANY_TIME = Bounds()


@dataclass(frozen=True)
class Progress:
    """Up to which version a rule has seen a table (None: nothing), and which is the newest.

    `bounds` and `where` say which rows there are for the rule at all, as a scan's do.
    """

    table: str
    after: int | None
    upto: int
    bounds: Bounds = _ANY_TIME
    where: exp.Expr | None = None

    def fresh(self, derived: Mapping[str, exp.Expr]) -> Scan:
        """The rows that are new."""
        return Scan(self.table, self.bounds, self.after, self.upto, derived, self.where)

    def known(self, derived: Mapping[str, exp.Expr]) -> Scan:
        """All rows."""
        return Scan(self.table, self.bounds, None, self.upto, derived, self.where)


@dataclass(frozen=True)
class Answer:
    """More rows than the limit at a tick. `latest` is the newest event's time up to then."""

    tick: datetime
    latest: datetime
    events: int
    ids: str


def answers(
    store: Store,
    rule: Rule,
    tables: Sequence[Progress],
    grown: Sequence[Progress],
    raised: Container[str],
) -> Iterator[Answer]:
    """The ticks that new events bear on at which the rule is over its limit.

    `tables` are all that the rule reads, `grown` those with new events. Ticks whose alert's id is
    in `raised` are left out.
    """
    statement = rule.match
    assert isinstance(statement, Statement)  # noqa: S101 - by the caller's choice
    scans = {p.table: p.known(rule.derived) for p in tables}
    for table in rule.tables:
        scans.setdefault(table, Scan(table))
    for tick, latest in sorted(touched(store, rule, grown).items()):
        if alert_id(rule.key, NO_GROUP, tick) in raised:
            continue
        count, ids = _ask(store, at_tick(statement, tick), scans)
        if count > rule.limit:
            yield Answer(tick, latest, count, ids)


def _ask(store: Store, query: exp.Query, scans: Mapping[str, Scan]) -> tuple[int, str]:
    """How many rows a query gives, and the first ids among them."""
    count = 0
    ids: list[int] = []
    for batch in store.select(query, scans):
        count += batch.num_rows
        for name in batch.schema.names:
            if schema.column_name(name) == "id" and len(ids) < IDS_MAX:
                wanted = batch.column(name).slice(0, IDS_MAX - len(ids)).to_pylist()
                ids += [v for v in wanted if isinstance(v, int)]
                break
    return count, json.dumps(ids)[1:-1]


def touched(store: Store, rule: Rule, tables: Sequence[Progress]) -> dict[datetime, datetime]:
    """The ticks that new events bear on, and the newest of those events up to each."""
    statement = rule.match
    assert isinstance(statement, Statement)  # noqa: S101 - by the caller's choice
    step = rule.interval // MICROSECOND
    back = statement.lookback // MICROSECOND
    ticks: dict[int, int] = {}
    for progress in tables:
        for low, high in _buckets(store, rule, statement, progress, step):
            first = -(-low // step) * step
            # The tick that follows an event bears on it even where the query looks back nowhere.
            for tick in range(first, max(first, high + back) + 1, step):
                ticks[tick] = max(ticks.get(tick, high), high)
    return {
        EPOCH + tick * MICROSECOND: EPOCH + min(latest, tick) * MICROSECOND
        for tick, latest in ticks.items()
    }


def _buckets(
    store: Store, rule: Rule, statement: Statement, progress: Progress, step: int
) -> Iterator[tuple[int, int]]:
    """First and last time (µs) of the new events between one tick and the next."""
    time = microseconds("time")
    size = exp.Literal.number(step)
    # Rounded up: an event on a tick belongs to it.
    bucket = exp.func("ceil", exp.Div(this=time.copy(), expression=size))
    query = (
        exp.select(
            exp.alias_(exp.Min(this=time.copy()), "low"),
            exp.alias_(exp.Max(this=time.copy()), "high"),
        )
        .from_(exp.to_table("fresh"))
        .where(_bears(statement, rule, set(store.columns(progress.table))))
        .group_by(bucket)
    )
    scan = progress.fresh(rule.derived)
    for row in rows(store.select(query, {"fresh": scan})):
        yield row["low"], row["high"]


def _bears(statement: Statement, rule: Rule, present: set[str]) -> exp.Expr:
    """What holds for an event that can change the answer: it is no alert of the rule itself."""
    parts: list[exp.Expr] = [exp.column("time", quoted=True).is_(exp.null()).not_()]
    if statement.touches is not None:
        parts.append(exp.paren(statement.touches.copy()))
    own = exp.NullSafeEQ(
        this=exp.column("source_rule", quoted=True), expression=exp.Literal.string(rule.name)
    )
    parts.append(exp.Not(this=own))
    return present_only(exp.and_(*parts), present)
