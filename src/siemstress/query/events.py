"""Questions about events as SELECTs: over one table or several, as one answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sqlglot import exp

from siemstress import schema
from siemstress.errors import QueryError
from siemstress.query.conditions import column, map_value
from siemstress.query.filters import Filter
from siemstress.store.base import Bounds, Scan, Store

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "table"
"""The column that says which table an event is in."""

FIELD = "fields."
"""In front of a name: the value of that field."""

COUNT = "count"
BATCH_ROWS = 20_000

_SQL_TYPES: Mapping[schema.Kind, str] = {
    "int64": "BIGINT",
    "int32": "INT",
    "int8": "TINYINT",
    "time": "TIMESTAMP",
    "text": "VARCHAR",
    "binary": "BLOB",
    "bool": "BOOLEAN",
    "map": "MAP(VARCHAR, VARCHAR)",
}


@dataclass(frozen=True)
class Events:
    """The events of some tables that pass a filter.

    `more` are conditions beside the filter's; their columns are the event's.
    """

    store: Store
    tables: Sequence[str]
    wanted: Filter = field(default_factory=Filter)
    more: Sequence[exp.Expr] = ()

    @cached_property
    def _columns_of(self) -> Mapping[str, Sequence[str]]:
        return {table: self.store.columns(table) or list(schema.ALL) for table in self.tables}

    @cached_property
    def columns(self) -> list[str]:
        """Every column that one of the tables has; with several tables, `table` comes first."""
        present = {name for names in self._columns_of.values() for name in names}
        if not any(self.store.columns(table) for table in self.tables):
            present = {c.name for c in schema.EVENT}
        ours = [name for name in schema.ALL if name in present]
        others = sorted(present - set(ours) - {TABLE})
        return [*([TABLE] if len(self.tables) > 1 else []), *ours, *others]

    def column_name(self, spelling: str, flag: str) -> str:
        """The column, or `fields.NAME`, that a user means.

        Raises:
            QueryError: there is none; `key` is the flag.

        """
        text = spelling.strip()
        name = schema.column_name(text)
        if name is not None:
            return name
        if text.lower() == TABLE or (text.startswith(FIELD) and len(text) > len(FIELD)):
            return text.lower() if text.lower() == TABLE else text
        named = {name.lower(): name for name in self.columns}
        if text.lower() in named:
            return named[text.lower()]
        raise QueryError(
            f"there is no column {text[:40]!r}; there are: {', '.join(self.columns)}, fields.NAME",
            key=flag,
        )

    def scans(self, columns: Iterable[str], bounds: Bounds | None = None) -> dict[str, Scan]:
        """What the tables' names in a SELECT stand for, when these columns are asked for."""
        derived = derived_columns() if "raw" in columns else {}
        limits = self.wanted.bounds() if bounds is None else bounds
        return {table: Scan(table, bounds=limits, derived=derived) for table in self.tables}

    def select(self, columns: Sequence[str]) -> exp.Select:
        """The wanted events' columns, in no order; what a table lacks is null."""
        parts = [self._from(table, columns) for table in self.tables]
        if len(parts) == 1:
            return parts[0]
        union = exp.union(*parts, distinct=False)
        names = [column(name) for name in columns]
        return exp.select(*names).from_(union.subquery(exp.to_identifier("events", quoted=True)))

    def count_by(self, columns: Sequence[str], limit: int | None, *, rarest: bool) -> exp.Select:
        """How many events have the same values in these columns, most frequent first."""
        names = [column(name) for name in columns]
        count = exp.alias_(exp.Count(this=exp.Star()), COUNT, quoted=True)
        query = exp.select(*names, count).from_(self.select(columns).subquery("events"))
        places = [exp.Literal.number(n + 1) for n in range(len(names))]
        last = exp.Literal.number(len(names) + 1)
        query = query.group_by(*places).order_by(exp.Ordered(this=last, desc=not rarest), *places)
        return query if limit is None else query.limit(limit)

    def ask(
        self, query: exp.Query, columns: Iterable[str], bounds: Bounds | None = None
    ) -> pa.RecordBatchReader:
        """Run a SELECT made here, for which these columns of the tables are asked for."""
        return self.store.select(query, self.scans(columns, bounds), batch_rows=BATCH_ROWS)

    def _from(self, table: str, columns: Sequence[str]) -> exp.Select:
        present = set(self._columns_of[table])
        values = [self._value(table, present, name) for name in columns]
        query = exp.select(*values).from_(exp.Table(this=exp.to_identifier(table, quoted=True)))
        conditions = [c for c in (self.wanted.condition(), *self.more) if c is not None]
        return query.where(*conditions) if conditions else query

    def _value(self, table: str, present: set[str], name: str) -> exp.Expr:
        if name in present:
            return column(name)
        value: exp.Expr = exp.null()
        if name == TABLE:
            value = exp.Literal.string(table)
        elif name.startswith(FIELD):
            value = map_value("fields", name.removeprefix(FIELD))
        elif name in schema.ALL:
            value = exp.cast(exp.null(), _SQL_TYPES[schema.ALL[name].kind], dialect="duckdb")
        return exp.alias_(value, name, quoted=True)


def derived_columns() -> dict[str, exp.Expr]:
    """The columns that are worked out on reading: `raw`, which is stored only where it must be."""
    from siemstress.formats.layout import raw_expression

    return {"raw": raw_expression()}
