"""Rows of the server's tables in a database of DuckDB's, for what only DuckDB can answer.

A question is first bound on empty tables, which says what it wants to know: which columns of which
tables. Those are pulled, and only rows that it can want.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from siemstress.store.columns import DUCKDB
from siemstress.store.engines import DATABASE
from siemstress.store.mariadb.narrowing import Wanted
from siemstress.store.mariadb.reader import Reader, typed
from siemstress.store.mariadb.relation import Relation
from siemstress.store.mariadb.translated import Sql, build, joined, name
from siemstress.store.views import seen_through

SCHEMA = "pulled"
# What must not happen for DuckDB to tell which columns it reads: it would leave empty tables out,
# and name the columns of some conditions elsewhere.
_TELLING = "statistics_propagation,empty_result_pullup,filter_pushdown"
CHANGEABLE = ("disabled_optimizers",)

_BATCH_ROWS = 20_000


@dataclass(frozen=True)
class Pulled:
    """A relation's place in the database: the table `pulled.NAME`, and a view on top of it."""

    name: str
    table: str
    relation: Relation


def add_tables(
    database: duckdb.DuckDBPyConnection, relations: Mapping[str, Relation]
) -> list[Pulled]:
    """Make names stand for relations without rows."""
    database.execute(f"CREATE SCHEMA {SCHEMA}")
    places = [Pulled(name, f"t{n}", r) for n, (name, r) in enumerate(relations.items())]
    for place in places:
        _make(database, place, place.relation.types)
    return places


def wanted(
    database: duckdb.DuckDBPyConnection, sql: str, places: Sequence[Pulled]
) -> dict[str, list[str]]:
    """The columns that a query reads, of each table that it reads."""
    database.execute(f"SET disabled_optimizers = '{_TELLING}'")
    try:
        plan = database.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchall()
    finally:
        database.execute("SET disabled_optimizers = ''")
    types = {f"{DATABASE}.{SCHEMA}.{place.table}": place.relation.types for place in places}
    found: dict[str, set[str]] = {}
    for node in _nodes(json.loads(plan[0][1])):
        about = node.get("extra_info", {})
        table = about.get("Table") if isinstance(about, dict) else None
        if table in types:
            read = about.get("Projections") or []
            named = {read} if isinstance(read, str) else set(read)
            if not named <= set(types[table]):
                named = set(types[table])
            found.setdefault(table, set()).update(named)
    return {
        table.rpartition(".")[2]: [name for name in types[table] if name in named]
        for table, named in found.items()
    }


def _nodes(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in plan:
        yield node
        yield from _nodes(node.get("children", []))


def pull(
    database: duckdb.DuckDBPyConnection,
    reader: Reader,
    place: Pulled,
    columns: Sequence[str],
    rows: Wanted,
) -> None:
    """Fill a relation's table with these columns of some rows."""
    for _ in pieces(database, reader, place, columns, rows):
        pass


def pieces(
    database: duckdb.DuckDBPyConnection,
    reader: Reader,
    place: Pulled,
    columns: Sequence[str],
    rows: Wanted,
) -> Iterator[None]:
    """Fill a relation's table with these columns of some rows, a piece with every step."""
    relation = place.relation
    if relation.table is None:
        return
    # Rows are counted by their ids.
    kinds = {name: relation.types[name] for name in columns or ["id"]}
    _make(database, place, kinds)
    sql, values = _rows(relation.table, list(kinds), rows).statement()
    types = [DUCKDB[kind] for kind in kinds.values()]
    binary = [kind == "BLOB" for kind in types]
    for arrays in reader.batches(sql, values, binary, _BATCH_ROWS):
        typed(database, arrays, types, list(kinds)).insert_into(f"{SCHEMA}.{place.table}")
        yield


def empty(database: duckdb.DuckDBPyConnection, place: Pulled) -> None:
    """Delete what a relation's table holds."""
    database.execute(f"TRUNCATE {SCHEMA}.{place.table}")


def _rows(table: str, columns: Sequence[str], rows: Wanted) -> Sql:
    names = joined((name(column) for column in columns), ", ")
    selected = build("SELECT {} FROM {}", names, name(table))
    return build("{} WHERE {} {}", selected, rows.condition, rows.rest)


def _make(database: duckdb.DuckDBPyConnection, place: Pulled, columns: Mapping[str, str]) -> None:
    """Make an empty table of these columns, and the view on it, whose other columns are null."""
    relation = place.relation
    fields = [
        exp.ColumnDef(this=exp.to_identifier(column, quoted=True), kind=_type(kind))
        for column, kind in columns.items()
    ]
    table = exp.table_(place.table, db=SCHEMA, quoted=True)
    made = exp.Create(
        this=exp.Schema(this=table.copy(), expressions=fields), kind="TABLE", replace=True
    )
    database.execute(made.sql("duckdb"))
    values = (
        exp.column(column, quoted=True)
        if column in columns
        else exp.alias_(exp.Cast(this=exp.null(), to=_type(kind)), column, quoted=True)
        for column, kind in relation.types.items()
    )
    rows = exp.select(*values).from_(table)
    source = seen_through(rows, list(relation.types), relation.derived, relation.where)
    view = exp.to_identifier(place.name, quoted=True)
    made = exp.Create(this=view, kind="VIEW", expression=source, replace=True)
    database.execute(made.sql("duckdb"))


def _type(kind: str) -> exp.DataType:
    return exp.DataType.build(DUCKDB[kind], dialect="duckdb")
