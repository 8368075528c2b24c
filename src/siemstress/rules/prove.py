"""Shows that a rule can be evaluated: its SQL is run on an empty table with the event's columns."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlglot import exp

from siemstress import schema
from siemstress.errors import QueryError
from siemstress.rules.model import GroupKey, Rule, Statement
from siemstress.rules.sql_feeds import group_value, holds
from siemstress.rules.statement import at_tick

if TYPE_CHECKING:
    import duckdb

_TYPES = {
    "int64": "bigint",
    "int32": "int",
    "int8": "tinyint",
    "time": "timestamp",
    "text": "text",
    "binary": "blob",
    "bool": "boolean",
    "map": "map(text, text)",
}
_EMPTY = "siemstress_no_events"
_SOME_TIME = datetime(2026, 1, 1)


def prove(rule: Rule) -> None:
    """Run the rule's SQL on no events.

    Raises:
        QueryError: it cannot be run; says why.

    """
    queries: list[exp.Query] = []
    if isinstance(rule.match, Statement):
        queries.append(at_tick(rule.match, _SOME_TIME))
    for feed in rule.feeds:
        if feed.of_sigma is None:
            values = [group_value(GroupKey(name)) for name in feed.keep]
            some = exp.select(*(values or [exp.Star()])).from_(exp.to_table("source"))
            queries.append(some.where(holds(feed, set(schema.ALL))))
    for query in queries:
        _prove(rule, query)


def _prove(rule: Rule, query: exp.Query) -> None:
    import duckdb

    tables = [t for t in query.find_all(exp.Table) if t.name in (*rule.tables, "source")]
    for table in tables:
        table.replace(exp.to_table(_EMPTY).as_(table.alias or table.name, quoted=True))
    # An engine that finds no event reads no regular expression either.
    patterns = [c.expressions[1].copy() for c in query.find_all(exp.Anonymous) if _is_regexp(c)]
    tries = [exp.select(exp.func("regexp_matches", exp.Literal.string(""), p)) for p in patterns]
    try:
        for statement in (*tries, query):
            _connection().execute(statement.sql("duckdb")).fetchall()
    except duckdb.Error as e:
        text = str(e).split("\n\nLINE ", 1)[0].split("\n", 1)[0]
        raise QueryError(f"cannot be run: {text}") from e


def _is_regexp(call: exp.Anonymous) -> bool:
    return call.name.lower() == "regexp_matches"


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(
        ":memory:", config={"enable_external_access": False, "lock_configuration": True}
    )
    columns = ", ".join(f'"{c.name}" {_TYPES[c.kind]}' for c in schema.ALL.values())
    connection.execute(f"CREATE TABLE {_EMPTY} ({columns})")
    return connection
