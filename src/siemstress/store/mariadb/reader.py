"""Reading from the server: one snapshot for all of a question, stopped whenever it is wanted."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import duckdb

from siemstress.config import Server
from siemstress.errors import StoreError
from siemstress.store.base import Limits
from siemstress.store.columns import DUCKDB, MAP
from siemstress.store.jobs import too_long
from siemstress.store.mariadb.connection import Connection

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

# The server gives a reader up that does not take its rows for so long, in seconds: `less` may be
# left standing over night. Meanwhile columns cannot be added to the tables that it reads.
_READER_SECONDS = 12 * 3600
# How long the server is given to stop a query.
_STOP_SECONDS = 2.0
# What is read from the socket at once, and how many bytes of rows become a batch.
_PIECE = 1 << 18
_BATCH = 8 << 20
# The server's number for a query that took longer than max_statement_time.
_TIMED_OUT = 1969


class Reader:
    """A connection that reads in one transaction; nothing that others do meanwhile is seen."""

    def __init__(self, server: Server, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._connection: Connection | None = None
        self._reading = False
        self._stopper: threading.Thread | None = None

    @property
    def connection(self) -> Connection:
        """The connection, opened when it is first wanted."""
        if self._connection is None:
            settings: dict[str, object] = {"net_write_timeout": _READER_SECONDS}
            if self._limits.seconds is not None:
                settings["max_statement_time"] = self._limits.seconds
            connection = Connection(self._server, settings=settings, answer_seconds=None)
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            # The first read makes the snapshot: one made before would not know a table that comes
            # in between.
            connection.execute("START TRANSACTION READ ONLY")
            self._connection = connection
        return self._connection

    def batches(
        self, sql: str, values: Sequence[object], binary: Sequence[bool], rows: int
    ) -> Iterator[list[pa.Array]]:
        """The columns of an answer, as text or bytes, of up to so many rows at a time.

        Raises:
            Unavailable: the connection broke.
            StoreError: the server refuses.
            QueryError: it took longer than it may.

        """
        from siemstress.store.mariadb import wire

        connection = self.connection
        pieces = connection.pieces(sql, values, _PIECE)
        self._reading = True
        try:
            yield from wire.batches(pieces, binary, connection.failed, rows, _BATCH)
        except StoreError as e:
            self._reading = connection.lost
            if e.code == _TIMED_OUT:
                raise too_long() from e
            raise
        self._reading = False

    def stop(self) -> None:
        """Have the server give up what it does; any thread may call this, again and again."""
        connection = self._connection
        if connection is None:
            return
        if self._stopper is None:
            self._stopper = threading.Thread(
                target=_kill, args=(self._server, connection.id), daemon=True
            )
            self._stopper.start()
            self._stopper.join(_STOP_SECONDS)
        connection.hang_up()

    def close(self) -> None:
        """Let go of the connection; a query that is not read to its end is stopped."""
        if self._connection is not None:
            if self._reading:
                self.stop()
            self._connection.close()


def _kill(server: Server, number: int) -> None:
    with contextlib.suppress(StoreError):
        connection = Connection(server)
        try:
            # The number comes from the driver; KILL takes no placeholder that is prepared.
            connection.execute("KILL QUERY %s", (number,))
        finally:
            connection.close()


def typed(
    database: duckdb.DuckDBPyConnection,
    arrays: Sequence[pa.Array],
    types: Sequence[str],
    names: Sequence[str],
) -> duckdb.DuckDBPyRelation:
    """Columns as the server sends them, with names and with DuckDB's types."""
    import pyarrow as pa
    from sqlglot import exp

    places = [f"c{n}" for n in range(len(arrays))]
    columns = (
        exp.alias_(_cast(exp.column(place), kind), name, quoted=True).sql("duckdb")
        for place, kind, name in zip(places, types, names, strict=True)
    )
    return database.from_arrow(pa.table(list(arrays), names=places)).project(", ".join(columns))


def _cast(column: exp.Expr, kind: str) -> exp.Expr:
    from sqlglot import exp

    if kind in ("VARCHAR", "BLOB"):
        return column
    if kind == DUCKDB[MAP]:
        column = exp.cast(column, "JSON", dialect="duckdb")
    return exp.cast(column, kind, dialect="duckdb")
