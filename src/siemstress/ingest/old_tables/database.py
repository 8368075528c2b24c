"""The original's database: which of its tables are the original's, and their rows, by id.

Nothing is written but by `rename`; a user who may only read is enough for the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from siemstress.config import Server
from siemstress.errors import InputError, StoreError
from siemstress.store.mariadb.connection import Connection, quoted
from siemstress.store.mariadb.tables import MARK

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["events", "alerts", "rules", "helpers"]

# Columns that only a table of a kind has all of, folded; the first kind that fits is the one.
_SIGNS: Sequence[tuple[Kind, frozenset[str]]] = (
    ("helpers", frozenset({"varname", "regexp"})),
    ("rules", frozenset({"sqlquery", "eventlimit"})),
    ("alerts", frozenset({"id", "datestamp", "sourcerule"})),
    ("events", frozenset({"id", "datestamp", "message"})),
    ("events", frozenset({"id", "datestamp", "rawtext"})),
)
_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_SHAPES = frozenset(
    {
        *("geometry", "point", "linestring", "polygon", "geometrycollection"),
        *("multipoint", "multilinestring", "multipolygon"),
    }
)
_MOMENTS = frozenset({"timestamp", "datetime"})
# In front of a column's name: the moment that it means where its server stands, in µs since 1970.
MOMENT = "\0moment "
# Bytes of rows that are taken at once, at the most, and what is read from the socket at once.
_BATCH = 32 << 20
_PIECE = 1 << 18


@dataclass(frozen=True)
class OldTable:
    """A table of the original's, with its columns and their types, in their order.

    `problem` says why its rows cannot be read, if so.
    """

    name: str
    kind: Kind
    columns: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def base(self) -> str:
        """Its name before it was renamed."""
        return re.sub(r"_old\d*\Z", "", self.name) or self.name

    @property
    def id(self) -> str:
        """The name of its column `id`."""
        return next(name for name in self.columns if folded(name) == "id")


def folded(name: str) -> str:
    """A column's name without what the original's releases spell differently."""
    return name.lower().replace("_", "")


class OldDatabase:
    """A database with tables of the original's; not for two threads at once."""

    def __init__(self, server: Server) -> None:
        """Nothing is connected yet."""
        self.server = server
        self._open: Connection | None = None

    @property
    def _connection(self) -> Connection:
        """The connection, made anew where it was lost.

        It is in the server's own time zone: that is how the original wrote its stamps.
        """
        if self._open is None or self._open.lost:
            self._open = Connection(self.server)
            self._open.execute("SET SESSION time_zone = @@global.time_zone")
        return self._open

    def close(self) -> None:
        """End the connection."""
        if self._open is not None:
            self._open.close()

    def place(self) -> tuple[object, ...]:
        """What tells this database from any other."""
        sql = "SELECT @@hostname, @@port, @@datadir, database()"
        return tuple(self._rows(sql)[0])

    def tables(self) -> list[OldTable]:
        """Every table that looks like one of the original's, by kind and name.

        Raises:
            StoreError: the database cannot be read.

        """
        found: dict[str, list[tuple[str, str, str]]] = {}
        rows = self._rows(
            "SELECT c.table_name, c.column_name, c.data_type, c.column_key"
            " FROM information_schema.columns c JOIN information_schema.tables t"
            " ON t.table_schema = c.table_schema AND t.table_name = c.table_name"
            " WHERE c.table_schema = database() AND t.table_type <> 'VIEW'"
            f" AND t.table_comment NOT LIKE '{MARK}%'"
            " ORDER BY c.table_name, c.ordinal_position"
        )
        for table, *column in rows:
            found.setdefault(table, []).append(tuple(map(str, column)))  # type: ignore[arg-type]
        listed = [t for name, columns in found.items() if (t := _recognized(name, columns))]
        order = ["events", "alerts", "rules", "helpers"]
        return sorted(listed, key=lambda table: (order.index(table.kind), table.name))

    def count(self, table: OldTable) -> tuple[int, int]:
        """How many rows a table has, and its highest id (-1 without one), at one moment."""
        name = quoted(table.name)
        ((count, highest),) = self._rows(f"SELECT count(*), max({quoted(table.id)}) FROM {name}")
        return int(count), -1 if highest is None else int(highest)

    def fingerprint(self, table: OldTable) -> str:
        """Tells a table from others of its name elsewhere: a checksum of its first row."""
        columns = [name for name in table.columns if folded(name) in _FIRST]
        # Moments as numbers: as texts they would change with the server's time zone.
        parts = ", ".join(
            f"unix_timestamp({quoted(name)})"
            if table.columns[name] == "timestamp"
            else _text(name, table.columns[name])
            for name in columns
        )
        order = quoted(table.id)
        rows = self._rows(f"SELECT {parts} FROM {quoted(table.name)} ORDER BY {order} LIMIT 1")
        text = "\0".join("" if value is None else str(value) for row in rows for value in row)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]

    def chunk(self, table: OldTable, after: int, upto: int, rows: int) -> Iterator[pl.DataFrame]:
        """The next rows behind an id, up to another: texts, in the columns of the table.

        Columns with a moment come a second time, as whole numbers, under MOMENT and their name.
        """
        import polars as pl

        from siemstress.store.mariadb import wire

        expressions = {name: _text(name, kind) for name, kind in table.columns.items()}
        for name, kind in table.columns.items():
            if kind in _MOMENTS:
                seconds = f"unix_timestamp({quoted(name)})"
                expressions[MOMENT + name] = f"CAST(CAST({seconds} * 1000000 AS SIGNED) AS CHAR)"
        number = quoted(table.id)
        read = f"SELECT {', '.join(expressions.values())} FROM {quoted(table.name)}"
        # A % in a name is written twice where values follow.
        sql = (
            f"{read.replace('%', '%%')} WHERE {number} > %s AND {number} <= %s"
            f" ORDER BY {number} LIMIT %s"
        )
        connection = self._connection
        pieces = connection.pieces(sql, (after, upto, rows), _PIECE)
        binary = [False] * len(expressions)
        for arrays in wire.batches(pieces, binary, connection.failed, rows, _BATCH):
            series = [
                pl.Series(name, pl.from_arrow(array)).cast(pl.String)
                for name, array in zip(expressions, arrays, strict=True)
            ]
            yield pl.DataFrame(series)
        connection.rollback()

    def entries(self, table: OldTable) -> list[dict[str, Any]]:
        """All rows of a small table, by column."""
        columns = ", ".join(map(quoted, table.columns))
        rows = self._rows(f"SELECT {columns} FROM {quoted(table.name)}")
        return [dict(zip(table.columns, map(_plain, row), strict=True)) for row in rows]

    def rename(self, names: Mapping[str, str]) -> None:
        """Give tables other names, all at once."""
        pairs = ", ".join(f"{quoted(old)} TO {quoted(new)}" for old, new in names.items())
        self._connection.execute(f"RENAME TABLE {pairs}")

    def free_name(self, name: str) -> str:
        """A name for a table that has to make room: `Auth_old`, or the first that is free."""
        taken = {str(n).lower() for (n,) in self._rows("SHOW TABLES")}
        stem = name[:58]
        names = [f"{stem}_old", *(f"{stem}_old{n}" for n in range(2, 100))]
        return next(n for n in names if n.lower() not in taken)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of an answer, with no transaction left open."""
        connection = self._connection
        try:
            return connection.rows(sql)
        finally:
            with suppress(StoreError):
                connection.rollback()


_FIRST = frozenset({"id", "datestamp", "message", "rawtext", "sourcerule"})


def _recognized(name: str, columns: Sequence[tuple[str, str, str]]) -> OldTable | None:
    """What a table is; None where it is none of the original's."""
    names = {folded(column) for column, _, _ in columns}
    found = next((kind for kind, signs in _SIGNS if signs <= names), None)
    if found is None:
        return None
    types = {column: kind for column, kind, _ in columns if kind not in _SHAPES}
    problem = None
    if found in ("events", "alerts"):
        # Two columns `id` and `Id` cannot be in one table.
        data_type, key = next((d, k) for column, d, k in columns if folded(column) == "id")
        if data_type not in _NUMBERS or key not in ("PRI", "UNI"):
            problem = "its column id is no number that only one row has"
    return OldTable(name, found, types, problem)


def _text(name: str, kind: str) -> str:
    """A column's value as text, whatever it is."""
    column = quoted(name)
    if kind in _TEXTS:
        return column
    if kind in _BYTES:
        return f"convert({column} USING utf8mb4)"
    if kind == "bit":
        column = f"{column} + 0"
    return f"CAST({column} AS CHAR)"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, (int, str)) else str(value)


def named(tables: Sequence[OldTable], names: Sequence[str]) -> list[OldTable]:
    """Of some tables those that are named, in that order; all without a name.

    Raises:
        InputError: one is not among them.

    """
    if not names:
        return list(tables)
    known = {table.name: table for table in tables}
    for name in names:
        if name not in known:
            there = ", ".join(known) or "none"
            raise InputError(f"no table of the original's called {name!r}; there are: {there}")
    return [known[name] for name in dict.fromkeys(names)]
