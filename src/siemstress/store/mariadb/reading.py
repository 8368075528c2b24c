"""The text of a query as a tree, where sqlglot is known to read it as DuckDB does."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

# Times that are worked out from the clock and literals.
_CLOCKS = (exp.CurrentTimestamp, exp.CurrentDate, exp.Interval)
_MOMENTS = (exp.Add, exp.Sub, exp.Cast, exp.TimestampTrunc, exp.Anonymous, *_CLOCKS[:2])
_PARTS_OF_MOMENTS = (exp.Interval, exp.Literal, exp.DataType, exp.Var, exp.Paren, exp.Neg)

# Nodes that a reader could take to reach further or less far than DuckDB does.
_BOUND = (exp.Binary, exp.Unary, exp.Between, exp.In, exp.Escape, exp.Connector)
_ANYHOW = (exp.Paren, exp.Dot, exp.Alias)
_CLOSE = (exp.Escape, exp.Filter, exp.Window, exp.IgnoreNulls)
_PLACES = ("query_location", "query_location_length")
# What DuckDB has a name of its own for, and sqlglot writes with NOT.
_NEGATED = {"operator_is_not_null": "operator_is_null", "!~~": "~~", "!~~*": "~~*"}


def tree(database: duckdb.DuckDBPyConnection, sql: str, *, check: bool) -> exp.Query | None:
    """The query; None where it cannot be read or, with `check`, where DuckDB reads it otherwise."""
    try:
        found = sqlglot.parse_one(sql, dialect="duckdb")
    except Exception:
        # Some texts make the parser itself fail, in one way or another.
        return None
    try:
        if not isinstance(found, exp.Query) or (check and not _same(database, sql, found)):
            return None
    except (SqlglotError, RecursionError, ValueError):
        return None
    return _with_moments(database, found)


def _with_moments(database: duckdb.DuckDBPyConnection, query: exp.Query) -> exp.Query:
    """The query with literal times in place of those that are worked out, as `now() - ...` is."""
    for node in list(query.find_all(*_MOMENTS, bfs=True)):
        inner = list(node.walk())
        if not any(map(_is_clock, inner)) or not all(map(_is_constant, inner)):
            continue
        sql = exp.select(exp.cast(node.copy(), "TIMESTAMP", dialect="duckdb")).sql("duckdb")
        try:
            moment = database.execute(sql).fetchall()[0][0]
        except (duckdb.Error, OverflowError):
            continue
        if isinstance(moment, datetime):
            text = exp.Literal.string(moment.isoformat(sep=" ", timespec="microseconds"))
            node.replace(exp.cast(text, "TIMESTAMP", dialect="duckdb"))
    return query


def _is_constant(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return _is_clock(node)
    return isinstance(node, (*_MOMENTS, *_CLOCKS, *_PARTS_OF_MOMENTS))


def _is_clock(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in ("now", "today") and not node.expressions
    return isinstance(node, _CLOCKS)


def _same(database: duckdb.DuckDBPyConnection, sql: str, found: exp.Query) -> bool:
    read = _structure(database, sql)
    if read is None:
        return False
    written = _in_parentheses(found)
    if read == _structure(database, written.sql("duckdb")):
        return True
    # An interval can be one text, too, which sqlglot takes apart.
    for interval in list(written.find_all(exp.Interval)):
        if isinstance(interval.this, exp.Literal) and interval.unit is not None:
            text = exp.Literal.string(f"{interval.this.this} {interval.unit.name}")
            interval.replace(exp.cast(text, "INTERVAL", dialect="duckdb"))
    return bool(read == _structure(database, written.sql("duckdb")))


def _in_parentheses(query: exp.Query) -> exp.Query:
    """The query with so many parentheses that its text can be read in one way only."""
    copy = query.copy()
    for node in list(copy.walk(bfs=False)):
        is_bound = isinstance(node, _BOUND) and not isinstance(node, _ANYHOW)
        if is_bound and not isinstance(node.parent, _CLOSE):
            wrapped = exp.Paren()
            node.replace(wrapped)
            wrapped.set("this", node)
    return copy


def _structure(database: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """What DuckDB reads in a text; None where it cannot say."""
    text = database.execute("SELECT json_serialize_sql(CAST(? AS VARCHAR))", [sql]).fetchall()
    read = json.loads(text[0][0])
    return None if read.get("error") else _bare(read)


def _bare(value: Any) -> Any:
    """A structure without what only says where and how something is written."""
    if isinstance(value, list):
        return [_bare(v) for v in value]
    if not isinstance(value, dict):
        # sqlglot writes names of functions and units in capitals.
        return value.lower() if isinstance(value, str) else value
    bare = {key: _bare(v) for key, v in value.items() if key not in _PLACES}
    if "literal" in bare:
        # sqlglot puts the numbers of intervals in quotes.
        bare["literal"] = bare["literal"].get("text")
    for key in ("type", "function_name"):
        if (positive := _NEGATED.get(str(bare.get(key)))) is not None:
            if key == "function_name":
                bare["qualified_name"] = {"path": [positive]}
            inner = {**bare, key: positive, "alias": ""}
            outer = {"class": "operator", "type": "operator_not", "alias": bare["alias"]}
            return {**outer, "children": [inner]}
    return bare
