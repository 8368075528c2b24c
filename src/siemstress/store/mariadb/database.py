"""A MariaDB database as a store: a table of SQL for each kind of log, and few of our own."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from siemstress.config import Server
from siemstress.store.base import (
    Advance,
    Bounds,
    Change,
    Claim,
    Expired,
    Limits,
    Part,
    Repaired,
    Scan,
    Staged,
    TableStatus,
    check_advances,
)
from siemstress.store.mariadb import claims, definition, numbers, upkeep
from siemstress.store.mariadb.commit import Commits, check_staged, hashed
from siemstress.store.mariadb.pool import Pool
from siemstress.store.mariadb.staging import StagedRows, stage
from siemstress.store.mariadb.tables import POSITIONS, Table, find, listed

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from sqlglot import exp

_NO_BOUNDS = Bounds()
_NO_LIMITS = Limits()

# Seconds: for a lock that others hold, on a row and on a table. And until the server takes back a
# transaction of which nothing more is heard; its locks would hold up others.
_PATIENT = {"lock_wait_timeout": 30, "max_statement_time": 0}
_SETTINGS = {
    **_PATIENT,
    "innodb_lock_wait_timeout": 30,
    "idle_transaction_timeout": 120,
}


class MariaDB:
    """Keeps events in a MariaDB database. Threads and processes may use one at once."""

    lanes = 2

    def __init__(self, server: Server) -> None:
        """Nothing is connected or made yet."""
        self.server = server
        self._pool = Pool(server, _SETTINGS)
        # Upkeep may take its time.
        self._patient = Pool(server, _PATIENT, answer_seconds=None)
        self._commits = Commits(self._pool)

    @property
    def notes(self) -> list[str]:
        """Lines that a user may want to see of how the store works, once it has."""
        if not self._commits.inserts:
            return []
        return ["the server takes no LOAD DATA LOCAL (local_infile=OFF); INSERT is slower"]

    def stage(self, table: str, events: pl.DataFrame) -> Sequence[Staged]:
        """Prepare rows for a commit, in memory; see `Store.stage`."""
        known = self._find(table)
        return stage(table, known.identity if known else None, events)

    def commit(
        self,
        table: str,
        staged: Sequence[Staged],
        advances: Sequence[Advance] = (),
        *,
        turn: Callable[[], None] | None = None,
    ) -> int:
        """Make staged rows and positions part of the table; see `Store.commit`."""
        rows = check_staged(table, staged)
        check_advances(advances)
        version = self._commits.make(table, rows, advances, turn)
        for part in rows:
            part.let_go("committed")
        return version

    def discard(self, staged: Sequence[Staged]) -> None:
        """Forget staged rows."""
        for part in staged:
            if isinstance(part, StagedRows) and part.state == "staged":
                part.let_go("discarded")

    def take_ids(self, count: int) -> int:
        """The first of `count` ids in a row that no one else gets."""
        with self._pool.connection() as connection:
            return numbers.take_ids(connection, count)

    def position(self, table: str, consumer: str) -> int | None:
        """Where a consumer is; None when the table or the consumer is unknown."""
        with self._pool.connection() as connection:
            known = find(connection, table)
            if known is None:
                return None
            position: int | None = connection.value(
                f"SELECT position FROM {POSITIONS} WHERE number = %s AND hash = %s",
                (known.number, hashed(consumer)),
            )
            return position

    def version(self, table: str) -> int | None:
        """The table's version; None without a table."""
        known = self._find(table)
        return known.version if known else None

    def claim(self, name: str) -> Claim | None:
        """Be the only one with a name; see `Store.claim`."""
        return claims.claimed(self.server, name)

    def pulse(self, tables: Iterable[str]) -> Hashable:
        """The tables' identities and versions; see `Store.pulse`."""
        wanted = frozenset(tables)
        with self._pool.connection() as connection:
            known = listed(connection)
        return frozenset((t.identity, t.version) for t in known if t.name in wanted)

    def identity(self, table: str) -> str | None:
        """Tells a table from another that came in its place; None without a table."""
        known = self._find(table)
        return known.identity if known else None

    def _find(self, table: str) -> Table | None:
        with self._pool.connection() as connection:
            return find(connection, table)

    def tables(self) -> list[str]:
        """Names of the tables that exist, sorted."""
        with self._pool.connection() as connection:
            return [table.name for table in listed(connection)]

    def columns(self, table: str) -> list[str]:
        """Names of a table's columns; the empty list without a table."""
        known = self._find(table)
        return list(known.types) if known else []

    def status(self, table: str) -> TableStatus | None:
        """A table in numbers; None without a table."""
        with self._pool.connection() as connection:
            # The first read makes the snapshot, as with a Reader.
            connection.execute("START TRANSACTION READ ONLY")
            return upkeep.status(connection, table)

    def select(
        self,
        query: exp.Query,
        scans: Mapping[str, Scan],
        *,
        batch_rows: int = 50_000,
        limits: Limits = _NO_LIMITS,
    ) -> pa.RecordBatchReader:
        """Run a query over the scans; see `Store.select`."""
        from siemstress.store.mariadb.answer import answer

        return answer(self.server, query, scans, batch_rows, limits)

    def select_typed(
        self,
        sql: str,
        scans: Mapping[str, Scan],
        *,
        batch_rows: int = 50_000,
        limits: Limits = _NO_LIMITS,
    ) -> pa.RecordBatchReader:
        """Run one SELECT that a user typed; see `Store.select_typed`."""
        from siemstress.store.mariadb.answer import answer_typed

        return answer_typed(self.server, sql, scans, batch_rows, limits)

    def drop(self, table: str) -> None:
        """Delete a table with its rows and positions; nothing happens without a table."""
        with self._patient.connection() as connection:
            definition.drop(connection, table)

    def expire(self, table: str, before: datetime) -> Expired:
        """Delete older events, some at a time; see `Store.expire`."""
        with self._patient.connection() as connection:
            return upkeep.expire(connection, table, before)

    def shrink(self, table: str, size: int) -> Expired:
        """Delete the oldest events of a table that is too large; see `Store.shrink`."""
        from siemstress.store.mariadb.shrink import shrink

        with self._patient.connection() as connection:
            return shrink(connection, table, size)

    def excess(self, table: str, size: int) -> datetime | None:
        """The time before which events are too many; see `Store.excess`."""
        from siemstress.store.mariadb.shrink import excess

        with self._patient.connection() as connection:
            return excess(connection, table, size)

    def parts(self, table: str, bounds: Bounds = _NO_BOUNDS) -> Iterator[Part]:
        """Ranges of ids; see `Store.parts`."""
        from siemstress.store.mariadb.replace import parts

        return parts(self._patient, table, bounds)

    def read(self, part: Part) -> Iterator[pl.DataFrame]:
        """The rows of a range of ids; see `Store.read`."""
        from siemstress.store.mariadb.replace import read

        return read(self.server, self._patient, part)

    def replace(self, part: Part, change: Change) -> tuple[int, Part]:
        """Replace rows of a range of ids; see `Store.replace`."""
        from siemstress.store.mariadb.replace import replace

        return replace(self.server, self._patient, part, change)

    def load_text(self, name: str) -> str | None:
        """A text that was saved in the database; see `Store.load_text`."""
        with self._pool.connection() as connection:
            return numbers.load_text(connection, name)

    def save_text(self, name: str, text: str) -> None:
        """Save a text in the database; see `Store.save_text`."""
        with self._pool.connection() as connection:
            numbers.save_text(connection, name, text)

    def compact(self, table: str) -> Mapping[str, int]:
        """Finish deletions, shorten the list of commits, renew statistics."""
        with self._patient.connection() as connection:
            return upkeep.compact(connection, table)

    def repair(self, table: str) -> Repaired:
        """Have the server look the table through; see `Store.repair`."""
        with self._patient.connection() as connection:
            return upkeep.repair(connection, table)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
        self._patient.close()
