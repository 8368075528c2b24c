"""What an old rule's query amounts to: a window over single events, or a query to ask in time.

The plain form, `SELECT … FROM t WHERE time >= now() - interval n minute AND condition`, counts
events in a window that ends now, and so becomes a window over every event's time. Any other query
stays a query and is asked at the ticks of a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlglot import exp

from siemstress.query import mysql
from siemstress.query.mysql import fixed_interval
from siemstress.query.mysql_nodes import is_now
from siemstress.rules.model import MICROSECOND, Statement, Window

_CLAUSES_OF_A_WINDOW = frozenset({"expressions", "from_", "where", "order"})
_ZERO = timedelta(0)


def match_of(query: exp.Query) -> Window | Statement:
    """What the rule with this translated query matches."""
    return window_of(query) or Statement(query, lookback(query), touching(query))


def window_of(query: exp.Query) -> Window | None:
    """The window that the query counts in, if it has the plain form."""
    if not isinstance(query, exp.Select) or not _is_single(query):
        return None
    if any(v for k, v in query.args.items() if k not in _CLAUSES_OF_A_WINDOW):
        return None
    if any(isinstance(n, exp.AggFunc) for e in query.expressions for n in e.walk()):
        return None
    spans: list[timedelta] = []
    others: list[exp.Expr] = []
    for part in _conjuncts(query):
        span = _since(part)
        if span is not None:
            spans.append(span)
        elif not _until_now(part):
            others.append(part)
    if not spans or min(spans) < _ZERO or any(_speaks_of_now(part) for part in others):
        return None
    condition = exp.and_(*others) if others else None
    return Window(_unqualified(condition) if condition else None, (), min(spans))


def lookback(query: exp.Query) -> timedelta:
    """How far before now the query looks: the longest interval that is taken from now."""
    longest = _ZERO
    for node in query.find_all(exp.Sub):
        if any(is_now(n) for n in node.this.walk()):
            # Months have no fixed length: the longest that there are.
            length = fixed_interval(node.expression) or _longest(node.expression)
            longest = max(longest, length)
    return longest


def touching(query: exp.Query) -> exp.Expr | None:
    """What holds for every event that can change the query's answer; None: nothing is known."""
    if not isinstance(query, exp.Select) or not _is_single(query):
        return None
    plain = [
        part
        for part in _conjuncts(query)
        if not _speaks_of_now(part) and not any(part.find_all(exp.Query))
    ]
    return _unqualified(exp.and_(*plain)) if plain else None


def at_tick(statement: Statement, tick: datetime) -> exp.Query:
    """The query as it is to be asked at `tick`, when no later event had happened yet."""
    query = mysql.at(statement.query, tick)
    for table in list(query.find_all(exp.Table)):
        if not table.meta.get("stored"):
            continue
        rows = exp.select("*").from_(exp.Table(this=table.this.copy()))
        rows = rows.where(exp.column("time", quoted=True) <= mysql.timestamp(tick))
        name = table.alias or table.name
        alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
        table.replace(exp.Subquery(this=rows, alias=alias))
    return query


def _is_single(query: exp.Select) -> bool:
    """Whether one stored table, and nothing else, is read."""
    source = query.args.get("from_")
    return (
        source is not None
        and isinstance(source.this, exp.Table)
        and bool(source.this.meta.get("stored"))
        and not query.args.get("joins")
        and len(list(query.find_all(exp.Query))) == 1
    )


def _conjuncts(query: exp.Select) -> Sequence[exp.Expr]:
    where = query.args.get("where")
    return _parts(where.this) if where else []


def _parts(node: exp.Expr) -> list[exp.Expr]:
    bare = node.unnest()
    if isinstance(bare, exp.And):
        return [*_parts(bare.this), *_parts(bare.expression)]
    return [node]


def _since(node: exp.Expr) -> timedelta | None:
    """Of `time >= now - span` (either way round) the span; of `>` a microsecond less."""
    for larger, smaller, strict in _ordered(node):
        if _is_time(larger) and isinstance(smaller, exp.Sub) and is_now(smaller.this.unnest()):
            span = fixed_interval(smaller.expression)
            if span is not None:
                return span - MICROSECOND if strict else span
    return None


def _until_now(node: exp.Expr) -> bool:
    """Whether it is `time <= now` or `time < now`."""
    return any(is_now(larger) and _is_time(smaller) for larger, smaller, _ in _ordered(node))


def _ordered(node: exp.Expr) -> list[tuple[exp.Expr, exp.Expr, bool]]:
    """A comparison as (larger, smaller, strictly)."""
    bare = node.unnest()
    if not isinstance(bare, exp.GT | exp.GTE | exp.LT | exp.LTE):
        return []
    left, right = bare.this.unnest(), bare.expression.unnest()
    strict = isinstance(bare, exp.GT | exp.LT)
    if isinstance(bare, exp.GT | exp.GTE):
        return [(left, right, strict)]
    return [(right, left, strict)]


def _is_time(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and node.name == "time"


def _speaks_of_now(node: exp.Expr) -> bool:
    return any(is_now(n) for n in node.walk())


def _unqualified(condition: exp.Expr) -> exp.Expr:
    """The condition with its columns named without a table."""
    copy = condition.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy


def _longest(interval: exp.Expr) -> timedelta:
    if not isinstance(interval, exp.Interval):
        return _ZERO
    days = {"MONTH": 31, "QUARTER": 92, "YEAR": 366}[str(interval.args["unit"]).upper()]
    return timedelta(days=days * int(interval.this.this))
