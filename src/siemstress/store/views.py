"""Names that stand for files: the views over which DuckDB answers a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from siemstress.store.columns import DUCKDB
from siemstress.store.history import VERSION

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp


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
    for name, relation in relations.items():
        _add_view(connection, name, relation)


def _add_view(connection: duckdb.DuckDBPyConnection, name: str, relation: Relation) -> None:
    import duckdb

    parts = [p for p in (relation.whole, relation.by_row) if p]
    try:
        # The usual case: every column is in some file. Asking first would read all footers twice.
        connection.execute(view(name, relation, [None for _ in parts]))
    except duckdb.BinderException:
        connection.execute(view(name, relation, [_columns_of(connection, p) for p in parts]))


def _columns_of(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> set[str]:
    from sqlglot import exp

    rows = connection.execute(
        exp.Describe(this=exp.select("*").from_(_files(paths))).sql("duckdb")
    ).fetchall()
    return {row[0].lower() for row in rows}


def view(name: str, relation: Relation, present: Sequence[set[str] | None]) -> str:
    """The statement that makes a view of a relation.

    `present` are the columns that the whole files, and those read by row, have; None: all.
    """
    from sqlglot import exp

    rows = _source(relation, present)
    source = seen_through(rows, list(relation.types), relation.derived, relation.where)
    made = exp.Create(this=exp.to_identifier(name, quoted=True), kind="VIEW", expression=source)
    return made.sql("duckdb")


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


def _source(relation: Relation, present: Sequence[set[str] | None]) -> exp.Query:
    from sqlglot import exp

    known = list(present)
    parts: list[exp.Query] = []
    if relation.whole:
        parts.append(_columns(relation.types, known.pop(0)).from_(_files(relation.whole)))
    if relation.by_row:
        version = exp.column(VERSION, quoted=True)
        rows = _columns(relation.types, known.pop(0)).from_(_files(relation.by_row))
        parts.append(rows.where(version > relation.after, version <= relation.upto))
    if not parts:
        return _columns(relation.types, set()).where(exp.false())
    return parts[0] if len(parts) == 1 else exp.union(*parts, distinct=False)


def _columns(types: Mapping[str, str], present: set[str] | None) -> exp.Select:
    """The columns, those that are not present as nulls of their type."""
    from sqlglot import exp

    return exp.select(
        *(
            exp.column(name, quoted=True)
            if present is None or name.lower() in present
            else exp.alias_(exp.cast(exp.null(), DUCKDB.get(delta, "VARCHAR")), name, quoted=True)
            for name, delta in types.items()
        )
    )


def _files(paths: Sequence[str]) -> exp.Expression:
    from sqlglot import exp

    names = exp.Array(expressions=[exp.Literal.string(path) for path in paths])
    union = exp.PropertyEQ(this=exp.to_identifier("union_by_name"), expression=exp.true())
    return exp.Anonymous(this="read_parquet", expressions=[names, union])
