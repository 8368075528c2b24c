"""Names that stand for files: the views over which DuckDB answers a query."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from siemstress.store.columns import DUCKDB
from siemstress.store.history import VERSION

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

T = TypeVar("T")

# With as many files it is quicker to read what each holds than to try without.
_FEW = 64


@dataclass(frozen=True)
class Relation:
    """What a name stands for: files, columns with Delta's types, derived columns, a condition.

    `whole` are read as they are, of `by_row` only the rows with `after` < version <= `upto`.
    """

    types: Mapping[str, str]
    whole: Sequence[str] = ()
    by_row: Sequence[str] = ()
    after: int = -1
    upto: int = 0
    derived: Mapping[str, exp.Expr] = field(default_factory=dict)
    where: exp.Expr | None = None

    @property
    def files(self) -> list[str]:
        """All files."""
        return [*self.whole, *self.by_row]


def add_views(connection: duckdb.DuckDBPyConnection, relations: Mapping[str, Relation]) -> None:
    """Make names stand for relations."""

    def make(rows: Mapping[str, str]) -> None:
        for name, sql in rows.items():
            connection.execute(f"CREATE OR REPLACE VIEW {name} AS {sql}")

    _trying(relations, make)


def over(
    connection: duckdb.DuckDBPyConnection, query: str, relations: Mapping[str, Relation]
) -> duckdb.DuckDBPyRelation:
    """The answer, not begun yet, to a query over relations; nothing is made in the database."""

    def ask(rows: Mapping[str, str]) -> duckdb.DuckDBPyRelation:
        named = ", ".join(f"{name} AS NOT MATERIALIZED ({sql})" for name, sql in rows.items())
        if query.startswith("WITH "):
            return connection.sql(f"WITH {named}, {query.removeprefix('WITH ')}")
        return connection.sql(f"WITH {named} {query}" if named else query)

    return _trying(relations, ask)


def _trying(relations: Mapping[str, Relation], tried: Callable[[Mapping[str, str]], T]) -> T:
    """What comes of the relations' rows, by quoted names.

    With nulls in the place of columns that no file of a relation has.
    """
    import duckdb

    if sum(len(relation.files) for relation in relations.values()) > _FEW:
        # The usual case: every column is in some file. Asking first would read all footers twice.
        with contextlib.suppress(duckdb.BinderException):
            return tried({_quoted(name): _rows(r, known=False) for name, r in relations.items()})
    return tried({_quoted(name): _rows(r, known=True) for name, r in relations.items()})


def _columns_of(paths: Sequence[str]) -> frozenset[str]:
    """The columns that any of some files has."""
    return frozenset[str]().union(*map(_columns_in, paths))


@lru_cache(maxsize=10_000)
def _columns_in(path: str) -> frozenset[str]:
    """The columns of a file, in lower case. Files never change."""
    import pyarrow.parquet as pq

    return frozenset(name.lower() for name in pq.read_schema(path).names)


def _quoted(name: str) -> str:
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _rows(relation: Relation, *, known: bool) -> str:
    """The rows of a relation; without `known` all columns are taken to be in some file."""
    from sqlglot import exp

    source = _source(relation, known=known)
    if relation.where is None and not relation.derived:
        return source
    inner = exp.select("*").from_(exp.to_table("stored"))
    seen = seen_through(inner, list(relation.types), relation.derived, relation.where)
    return f"WITH stored AS NOT MATERIALIZED ({source}) {seen.sql('duckdb')}"


def seen_through(
    rows: exp.Query,
    columns: Sequence[str],
    derived: Mapping[str, exp.Expr],
    where: exp.Expr | None,
) -> exp.Query:
    """A scan's rows, given those of its table with these columns."""
    from sqlglot import exp

    if where is not None:
        rows = exp.select("*").from_(rows.subquery("rows")).where(where.copy())
    if not derived:
        return rows
    worked_out = {column.lower(): e for column, e in derived.items()}
    names = {column.lower(): column for column in (*columns, *derived)}
    values = (
        exp.alias_(worked_out[low].copy(), column, quoted=True)
        if low in worked_out
        else exp.column(column, quoted=True)
        for low, column in names.items()
    )
    return exp.select(*values).from_(rows.subquery("rows"))


def _source(relation: Relation, *, known: bool) -> str:
    """The rows that stand in the files."""
    types = tuple(relation.types.items())

    def part(files: Sequence[str]) -> str:
        columns = _columns(types, _columns_of(files) if known else None)
        return f"SELECT {columns} FROM {_files(files)}"  # noqa: S608 - names and paths are quoted

    parts = []
    if relation.whole:
        parts.append(part(relation.whole))
    if relation.by_row:
        since = f"{VERSION} > {relation.after} AND {VERSION} <= {relation.upto}"
        parts.append(f"{part(relation.by_row)} WHERE {since}")
    nothing = f"SELECT {_columns(types, frozenset())} WHERE FALSE"
    return " UNION ALL ".join(parts) or nothing


@lru_cache(maxsize=256)
def _columns(types: tuple[tuple[str, str], ...], present: frozenset[str] | None) -> str:
    """The columns, those that are not present as nulls of their type."""
    from sqlglot import exp

    columns = (
        exp.column(name, quoted=True)
        if present is None or name.lower() in present
        else exp.alias_(exp.cast(exp.null(), DUCKDB.get(delta, "VARCHAR")), name, quoted=True)
        for name, delta in types
    )
    return ", ".join(column.sql("duckdb") for column in columns)


def _files(paths: Sequence[str]) -> str:
    from sqlglot import exp

    names = exp.Array(expressions=[exp.Literal.string(path) for path in paths])
    return f"read_parquet({names.sql('duckdb')}, union_by_name = true)"
