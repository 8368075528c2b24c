"""Which clauses of a condition in SQL events meet: every one is asked of the store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp

from siemstress.rules.explain import ALL, NOT, ONE, TEST, Clause, id_bounds, of_ids
from siemstress.rules.explain_words import quoted
from siemstress.rules.feeds import Feed
from siemstress.rules.sql_feeds import derived, present_only
from siemstress.store.base import Scan, Store, rows

_KINDS: Mapping[type, str] = {exp.And: ALL, exp.Or: ONE, exp.Not: NOT}
_FIELD = re.compile(r'"(fields\.[^"]+)"')


def explained_in_sql(store: Store, feed: Feed, table: str, ids: Sequence[int]) -> dict[int, Clause]:
    """How far events of a table meet the condition of a feed; see `rules.explain.explained`."""
    scan = Scan(table, id_bounds(ids), derived=derived([feed]))
    condition = feed.condition if isinstance(feed.condition, exp.Expr) else exp.true()
    return of_condition(store, scan, condition, ids)


def of_condition(
    store: Store, scan: Scan, condition: exp.Expr, ids: Sequence[int]
) -> dict[int, Clause]:
    """How far some events of a scan meet a condition."""
    present = set(store.columns(scan.table))
    nodes = list(_nodes(condition))
    columns: list[exp.Expr] = [exp.column("id", quoted=True)]
    for number, node in enumerate(nodes):
        met = exp.Case(ifs=[exp.If(this=present_only(node, present), true=_number(1))])
        columns.append(exp.alias_(met, f"n{number}"))
        if _kind(node) == TEST:
            value = _value(node)
            shown = exp.null() if value is None else exp.cast(present_only(value, present), "text")
            columns.append(exp.alias_(exp.cast(shown, "text"), f"v{number}"))
    query = exp.select(*columns).from_(exp.to_table("events")).where(of_ids(ids))
    found = rows(store.select(query, {"events": scan}))
    return {row["id"]: _Tree(row).of(condition) for row in found}


class _Tree:
    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self._next = 0

    def of(self, node: exp.Expr) -> Clause:
        node = node.unnest()
        number = self._next
        self._next += 1
        met = self._row[f"n{number}"] == 1
        kind = _kind(node)
        if kind != TEST:
            return Clause(kind, met, tuple(self.of(part) for part in _parts(node)))
        about = _value(node)
        return Clause(
            TEST,
            met,
            about="" if about is None else _bare(about),
            text=_text(node),
            value=self._row[f"v{number}"],
        )


def _nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    yield node
    if _kind(node) != TEST:
        for part in _parts(node):
            yield from _nodes(part)


def _kind(node: exp.Expr) -> str:
    if _excluded(node) is not None:
        return NOT
    if _is_there(node) is not None or _is_not_alike(node):
        return TEST
    return _KINDS.get(type(node), TEST)


def _parts(node: exp.Expr) -> list[exp.Expr]:
    excluded = _excluded(node)
    if excluded is not None:
        return [excluded]
    if isinstance(node, exp.Not):
        return [node.this]
    left, right = node.this.unnest(), node.expression.unnest()
    found: list[exp.Expr] = []
    for part in (left, right):
        found += _parts(part) if type(part) is type(node) else [part]
    return found


def _excluded(node: exp.Expr) -> exp.Expr | None:
    """What must not hold, where the condition is that, or that there is no value."""
    if not isinstance(node, exp.Or):
        return None
    absent, other = node.this.unnest(), node.expression.unnest()
    is_absent = isinstance(absent, exp.Is) and isinstance(absent.expression, exp.Null)
    if not is_absent or not isinstance(other, exp.Not):
        return None
    inner: exp.Expr = other.this.unnest()
    return inner


def _is_there(node: exp.Expr) -> exp.Expr | None:
    """The value that must be there, where that is what a condition says."""
    if not isinstance(node, exp.Not):
        return None
    inner = node.this.unnest()
    if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
        value: exp.Expr = inner.this
        return value
    return None


def _is_not_alike(node: exp.Expr) -> bool:
    return isinstance(node, exp.Not) and isinstance(node.this.unnest(), exp.NullSafeEQ)


def _value(node: exp.Expr) -> exp.Expr | None:
    """The first column, or field, that a test is about."""
    found = next(iter(node.find_all(exp.Column)), None)
    if found is None:
        return None
    return found.parent if isinstance(found.parent, exp.Bracket) else found


def _text(node: exp.Expr) -> str:
    """A test as SQL says it, or simpler."""
    value = _is_there(node)
    if value is not None:
        inner = _value(value)
        return f"{_bare(value if inner is None else inner)} is there"
    if _is_not_alike(node):
        pair = node.this.unnest()
        return f"{_bare(pair.this)} is not {pair.expression.sql('duckdb')}"
    return _in_words(node) or _bare(node)


def _in_words(node: exp.Expr) -> str | None:
    """A comparison of one value with texts or numbers, as flags and rules' keys make them."""
    if isinstance(node, exp.Escape):
        node = node.this
    value = node.this if isinstance(node, exp.Binary | exp.In) else None
    value = None if value is None else _unfolded(value)
    if not isinstance(value, exp.Column | exp.Bracket):
        return None
    literals = node.expressions if isinstance(node, exp.In) else [node.expression]
    if isinstance(node, exp.EQ | exp.In) and literals:
        texts = [_literal(literal) for literal in literals]
        if None in texts:
            return None
        known = [text for text in texts if text is not None]
        listed = known[0] if len(known) == 1 else f"one of {', '.join(known)}"
        return f"{_bare(value)} is {listed}"
    pattern = _literal(literals[0]) if isinstance(node, exp.Like | exp.ILike) else None
    return None if pattern is None else f"{_bare(value)} is like {pattern}"


def _unfolded(value: exp.Expr) -> exp.Expr:
    """A value without what makes texts alike."""
    if isinstance(value, exp.Lower):
        return _unfolded(value.this)
    if isinstance(value, exp.Anonymous) and value.name.lower() == "strip_accents":
        return _unfolded(value.expressions[0])
    return value


def _literal(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Lower):
        node = node.this
    if isinstance(node, exp.Boolean):
        return "true" if node.this else "false"
    if not isinstance(node, exp.Literal):
        return None
    return quoted(node.name) if node.is_string else node.name


def _bare(node: exp.Expr) -> str:
    """SQL with names as people write them, and fields as `fields.NAME`."""

    def simple(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Bracket) and isinstance(part.this, exp.Column):
            return exp.column(f"{part.this.name}.{part.expressions[0].name}")
        if isinstance(part, exp.Column):
            return exp.column(part.name)
        return part

    return _FIELD.sub(r"\1", node.copy().transform(simple).sql("duckdb"))


def _number(number: int) -> exp.Expr:
    return exp.Literal.number(number)
