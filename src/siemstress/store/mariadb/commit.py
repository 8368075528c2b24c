"""A commit: rows, positions and the table's new version in one transaction of SQL.

Rows are sent first, beside those of other commits. Then, in its turn, a commit locks the table's
row in `siemstress_tables`, which puts commits into an order, and does the rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from siemstress.errors import Conflict, StoreError, Unavailable
from siemstress.store.base import Advance
from siemstress.store.mariadb.connection import Connection
from siemstress.store.mariadb.definition import ensured, lacking
from siemstress.store.mariadb.load import NotTaken, insert, load
from siemstress.store.mariadb.pool import Pool
from siemstress.store.mariadb.staging import StagedRows
from siemstress.store.mariadb.tables import COMMITS, POSITIONS, TABLES, Table, entry, where

# Others' locks were in the way in a manner that only one's going back solves: deadlocks, and rows
# that changed under a snapshot.
AGAIN = frozenset({1213, 1020})
_ATTEMPTS = 8

# What a commit is known by when the same call is made again.
_Key = tuple[object, ...]


class _Again(Exception):
    """The transaction went back, and had better be made once more."""


def hashed(consumer: str) -> bytes:
    """The key of a consumer's position."""
    return hashlib.sha256(encoded(consumer)).digest()


def encoded(consumer: str) -> bytes:
    """A consumer's name as it is stored; it may hold what no text may."""
    return consumer.encode("utf-8", "surrogatepass")


class Commits:
    """Makes a store's commits, several at once if need be.

    `inserts` tells whether rows go by INSERT because the server takes no LOAD DATA LOCAL.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.inserts = False
        self._lock = threading.Lock()
        # Connections that hold rows and wait for their turn.
        self._parked: dict[str, set[Connection]] = {}
        # Commits whose COMMIT got no answer: the numbers of their tables, and their versions.
        self._uncertain: dict[_Key, tuple[int, int]] = {}

    def make(
        self,
        name: str,
        staged: Sequence[StagedRows],
        advances: Sequence[Advance],
        turn: Callable[[], None] | None,
    ) -> int:
        """Make a commit; see `Store.commit`."""
        key = (name, tuple(advances), tuple((rows.id_min, rows.id_max) for rows in staged))
        work = _Commit(name, staged, advances, turn, key)
        for attempt in range(_ATTEMPTS):
            try:
                with self._pool.connection() as connection:
                    version = self._landed(connection, work)
                    return self._attempt(connection, work) if version is None else version
            except _Again:
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
            except StoreError as e:
                if e.code not in AGAIN or work.stopped:
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        raise Unavailable("too many others write at once", file=name)

    def _landed(self, connection: Connection, work: _Commit) -> int | None:
        """The version of this very commit, if it was made before and nobody heard of it."""
        made = self._uncertain.get(work.key)
        if made is None:
            return None
        # Whoever made it may still be at it: it holds the table's row until it has ended.
        entry(connection, work.name, lock=True)
        found: set[tuple[object, ...]] = set()
        if work.staged:
            rows = connection.rows(
                f"SELECT id_min, id_max FROM {COMMITS} WHERE number = %s AND version = %s",
                made,
            )
            wanted: set[tuple[object, ...]] = {(s.id_min, s.id_max) for s in work.staged}
        else:
            rows = connection.rows(
                f"SELECT hash, position FROM {POSITIONS} WHERE number = %s AND version = %s",
                made,
            )
            wanted = {(hashed(a.consumer), a.to) for a in work.advances}
        found.update(rows)
        connection.rollback()
        del self._uncertain[work.key]
        return made[1] if wanted and wanted <= found else None

    def _attempt(self, connection: Connection, work: _Commit) -> int:
        types = {column: kind for s in work.staged for column, kind in s.types.items()}
        table = ensured(connection, work.name, types, lambda: self._make_way(work.name))
        work.check(connection, table)
        try:
            for rows in work.staged:
                if self.inserts or not load(connection, rows):
                    self.inserts = True
                    insert(connection, rows)
        except NotTaken:
            # Of two who bring in the same, the second finds its rows there already.
            connection.rollback()
            _expected(connection, table, work.advances)
            raise
        if not work.turned:
            with self._parking(connection, work.name):
                work.take_turn()
            if connection.lost:
                raise _Again
        now = entry(connection, work.name, lock=True)
        if now is None or now.dropped or now.number != table.number or lacking(now, types):
            connection.rollback()
            raise _Again
        version = now.version + 1
        move(connection, now, work.advances, version)
        _record(connection, now, work.staged, version)
        self._finish(connection, work, (now.number, version))
        return version

    def _finish(self, connection: Connection, work: _Commit, made: tuple[int, int]) -> None:
        self._uncertain[work.key] = made
        try:
            connection.commit()
        except BaseException:
            # Nobody knows what became of it; a connection is no help any more.
            connection.close()
            raise
        del self._uncertain[work.key]

    @contextlib.contextmanager
    def _parking(self, connection: Connection, name: str) -> Iterator[None]:
        """While a commit waits for its turn, its connection may be closed to make way."""
        with self._lock:
            parked = self._parked.setdefault(name, set())
            parked.add(connection)
        try:
            yield
        finally:
            with self._lock:
                parked.discard(connection)

    def _make_way(self, name: str) -> None:
        """Take back commits that wait, perhaps for the one that has to change the table."""
        with self._lock:
            for connection in self._parked.get(name, ()):
                connection.close()


@dataclass
class _Commit:
    """What a commit is to do, and whether its turn has come, or never will."""

    name: str
    staged: Sequence[StagedRows]
    advances: Sequence[Advance]
    turn: Callable[[], None] | None
    key: _Key
    turned: bool = False
    stopped: bool = False

    def take_turn(self) -> None:
        """Wait for the turn, once."""
        self.stopped = True
        if self.turn is not None:
            self.turn()
        self.turned, self.stopped = True, False

    def check(self, connection: Connection, table: Table) -> None:
        """Raise StoreError if rows do not fit, or their table has been deleted since."""
        for rows in self.staged:
            lacking(table, rows.types)
        if any(s.identity not in (None, table.identity) for s in self.staged):
            raise StoreError(
                "the table that these rows were staged for has been deleted",
                file=where(connection, self.name),
            )


def move(connection: Connection, table: Table, advances: Sequence[Advance], version: int) -> None:
    """Move consumers that are where they are expected, in a transaction.

    Raises:
        Conflict: one is not.

    """
    hashes = _expected(connection, table, advances)
    if not hashes:
        return
    values = [
        value
        for key, a in hashes.items()
        for value in (table.number, key, encoded(a.consumer), a.to, version)
    ]
    connection.execute(
        f"INSERT INTO {POSITIONS} (number, hash, consumer, position, version) VALUES "
        + ", ".join(["(%s, %s, %s, %s, %s)"] * len(hashes))
        + " ON DUPLICATE KEY UPDATE position = values(position), version = values(version)",
        values,
    )


def _expected(
    connection: Connection, table: Table, advances: Sequence[Advance]
) -> dict[bytes, Advance]:
    """The moves by the keys of their consumers, which are locked.

    Raises:
        Conflict: one is not where it is expected.

    """
    hashes = {hashed(a.consumer): a for a in advances}
    if not hashes:
        return {}
    marks = ", ".join(["%s"] * len(hashes))
    rows = connection.rows(
        f"SELECT hash, position FROM {POSITIONS}"
        f" WHERE number = %s AND hash IN ({marks}) FOR UPDATE",
        (table.number, *hashes),
    )
    known: dict[bytes, int] = {bytes(key): at for key, at in rows}
    for key, advance in hashes.items():
        if known.get(key) != advance.expected:
            raise Conflict(
                f"another process has moved {advance.consumer[:200]!r}",
                file=where(connection, table.name),
            )
    return hashes


def _record(
    connection: Connection, table: Table, staged: Sequence[StagedRows], version: int
) -> None:
    """Write down the table's new version, and which rows came with it."""
    if staged:
        values = [v for s in staged for v in (table.number, version, s.id_min, s.id_max)]
        connection.execute(
            f"INSERT INTO {COMMITS} (number, version, id_min, id_max, committed) VALUES "
            + ", ".join(["(%s, %s, %s, %s, utc_timestamp())"] * len(staged)),
            values,
        )
    received = max((s.received_max for s in staged if s.received_max), default=None)
    connection.execute(
        f"UPDATE {TABLES} SET version = %s, row_count = row_count + %s, received_max ="
        " greatest(coalesce(received_max, %s), coalesce(%s, received_max)) WHERE number = %s",
        (version, sum(s.rows for s in staged), received, received, table.number),
    )


def check_staged(name: str, staged: Sequence[object]) -> list[StagedRows]:
    """The staged rows, if they are of this kind of store and table, and not committed yet.

    Raises:
        StoreError: they are not.

    """
    checked = []
    for rows in staged:
        if not isinstance(rows, StagedRows) or rows.table != name or rows.state != "staged":
            raise StoreError(f"these rows were not staged for {name}, or are committed already")
        checked.append(rows)
    return checked
