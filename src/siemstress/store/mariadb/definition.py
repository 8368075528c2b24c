"""Tables of events: made, widened and deleted, each under a lock of the server's.

DDL waits until nobody is in the midst of a transaction with the table, and who comes after it
waits for the DDL. A commit may stand in its transaction for long, waiting for its turn; so DDL
waits for short spells only, again and again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping

from siemstress.errors import StoreError, Unavailable
from siemstress.store.columns import EVENT_TYPES, MAP
from siemstress.store.mariadb.connection import Connection, quoted
from siemstress.store.mariadb.tables import (
    COMMITS,
    FOLDED,
    FOLDED_COLUMNS,
    MARK,
    OPTIONS,
    POSITIONS,
    TABLES,
    Table,
    entry,
    make_own,
    where,
)

# How MariaDB calls the kinds of columns. FLOAT would come back rounded to six digits.
TYPES = {
    "long": "bigint",
    "integer": "int",
    "short": "smallint",
    "byte": "tinyint",
    "float": "double",
    "double": "double",
    "timestamp_ntz": "datetime(6)",
    "date": "date",
    "string": "longtext",
    "binary": "longblob",
    "boolean": "boolean",
    MAP: "json",
}
# Texts are indexed by so many characters.
_PREFIX = 40
_KEYS = ("time", "host", "process", "source_host")

_LOCK_WAIT_TIMEOUT = 1205
# Seconds: one wait for those who use the table, all waits, and the wait for other DDL on it.
_SPELL = 2
_PATIENCE = 60
_LOCK_SECONDS = 60
# Rows that are deleted at once.
_BATCH = 10_000


def ensured(
    connection: Connection,
    name: str,
    wanted: Mapping[str, str],
    make_way: Callable[[], None] = lambda: None,
) -> Table:
    """The table, made if it is missing, widened by the wanted columns that it lacks.

    `make_way` is called when others are in the way of that.

    Raises:
        StoreError: a wanted column does not fit, or the database cannot be changed.
        Unavailable: others are in the way.

    """
    table = entry(connection, name)
    connection.rollback()
    if table is not None and not table.dropped and not lacking(table, wanted):
        return table
    make_own(connection)
    with _alone(connection, name):
        table = entry(connection, name)
        if table is not None and table.dropped:
            finish_drop(connection, table, make_way)
            table = None
        if table is None:
            types = {**EVENT_TYPES, **wanted}
            _check_names(types)
            return _make(connection, name, types)
        missing = lacking(table, wanted)
        if missing:
            _check_names(missing)
            _widen(connection, table, missing, make_way)
        connection.commit()
        return entry(connection, name) or table


def lacking(table: Table, wanted: Mapping[str, str]) -> dict[str, str]:
    """The wanted columns that a table has not.

    Raises:
        StoreError: it has one of another type, or one whose name differs in case only.

    """
    folded = {column.lower(): column for column in table.types}
    missing = {}
    for column, kind in wanted.items():
        known = table.types.get(column)
        if known is not None and known != kind:
            raise StoreError(
                f"column {column!r} is of type {known} in the table, not {kind}", file=table.name
            )
        if known is None and column.lower() in folded:
            raise StoreError(
                f"column {column!r} is called {folded[column.lower()]!r} in the table",
                file=table.name,
            )
        if known is None:
            missing[column] = kind
    return missing


def drop(connection: Connection, name: str) -> None:
    """Delete a table with its rows and positions; nothing happens without one."""
    table = entry(connection, name)
    connection.rollback()
    if table is None:
        return
    # Who may not drop tables learns so here, before anything has changed.
    connection.execute(f"DROP TABLE IF EXISTS {TABLES}_none")
    with _alone(connection, name):
        table = entry(connection, name, lock=True)
        if table is not None:
            connection.execute(
                f"UPDATE {TABLES} SET dropped = true WHERE number = %s",
                (table.number,),
            )
            connection.commit()
            finish_drop(connection, table)


def finish(connection: Connection, name: str) -> bool:
    """Finish what somebody began who was deleting a table; whether there was anything."""
    with _alone(connection, name):
        table = entry(connection, name)
        if table is None or not table.dropped:
            return False
        finish_drop(connection, table)
        return True


def finish_drop(
    connection: Connection, table: Table, make_way: Callable[[], None] = lambda: None
) -> None:
    """Delete what is left of a table that is marked as dropped."""
    connection.rollback()
    if _mark(connection, table.name) == MARK + table.identity:
        _change(connection, f"DROP TABLE IF EXISTS {quoted(table.name)} WAIT", make_way)
    for own in (COMMITS, POSITIONS):
        sql = f"DELETE FROM {own} WHERE number = %s LIMIT {_BATCH}"
        while connection.execute(sql, (table.number,)):
            connection.commit()
    connection.execute(f"DELETE FROM {TABLES} WHERE number = %s", (table.number,))
    connection.commit()


def _make(connection: Connection, name: str, types: Mapping[str, str]) -> Table:
    """Make a table; it is there for others once it has had a commit."""
    mark = _mark(connection, name)
    if mark is not None:
        _make_room(connection, name, mark)
    identity = uuid.uuid4().hex
    columns = [_column(column, kind) for column, kind in types.items()]
    keys = [_key(column, types[column]) for column in _KEYS]
    parts = ", ".join([*columns, "PRIMARY KEY (`id`)", *keys])
    connection.execute(
        f"CREATE TABLE {quoted(name, beside_values=True)} ({parts}) {OPTIONS} ROW_FORMAT = DYNAMIC"
        " COMMENT = %s",
        (MARK + identity,),
    )
    connection.execute(
        f"INSERT INTO {TABLES} (name, identity, columns) VALUES (%s, %s, %s)",
        (name, identity, json.dumps(types)),
    )
    connection.commit()
    table = entry(connection, name)
    connection.rollback()
    if table is None:
        raise StoreError("has just been made, and is gone", file=where(connection, name))
    return table


def _make_room(connection: Connection, name: str, mark: str) -> None:
    """Delete an empty table that somebody left who was making one; anything else stays."""
    if not mark.startswith(MARK):
        raise StoreError(
            "is a table that siemstress has not made; RENAME it, and siemmanage import-old will"
            " bring in its rows",
            file=where(connection, name),
        )
    left = connection.value(f"SELECT 1 FROM {quoted(name)} LIMIT 1")
    known = connection.value(
        f"SELECT name FROM {TABLES} WHERE identity = %s",
        (mark.removeprefix(MARK),),
    )
    connection.rollback()
    if left is not None or known is not None:
        raise StoreError(
            f"is in the database, but not in {TABLES}"
            + (f": it is {known}, as names are the same in any case here" if known else ""),
            file=where(connection, name),
        )
    connection.execute(f"DROP TABLE IF EXISTS {quoted(name)}")


def _widen(
    connection: Connection,
    table: Table,
    missing: Mapping[str, str],
    make_way: Callable[[], None],
) -> None:
    added = ", ".join(
        f"ADD COLUMN IF NOT EXISTS {_column(column, kind, values=False)}"
        for column, kind in missing.items()
    )
    connection.rollback()
    _change(connection, f"ALTER TABLE {quoted(table.name)} WAIT", make_way, rest=added)
    # One that was there already is somebody else's, or of a widening that was broken off.
    rows = connection.rows(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = database() AND table_name = %s",
        (table.name,),
    )
    there = {str(name).lower(): str(kind).lower() for name, kind in rows}
    for column, kind in missing.items():
        wanted = {"json": "longtext", "boolean": "tinyint"}.get(TYPES[kind], TYPES[kind])
        if there.get(column.lower()) != wanted.split("(")[0]:
            raise StoreError(
                f"has a column {column!r} of another type that siemstress has not made",
                file=where(connection, table.name),
            )
    connection.execute(
        f"UPDATE {TABLES} SET columns = %s WHERE number = %s",
        (json.dumps({**table.types, **missing}), table.number),
    )


def _change(
    connection: Connection, statement: str, make_way: Callable[[], None], *, rest: str = ""
) -> None:
    """Run a statement that changes a table, once nobody is in the way."""
    end = time.monotonic() + _PATIENCE
    spell = 0
    while True:
        try:
            connection.execute(f"{statement} {spell} {rest}")
        except Unavailable as e:
            if e.code != _LOCK_WAIT_TIMEOUT or time.monotonic() > end:
                raise
            make_way()
            spell = _SPELL
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311
        else:
            return


@contextlib.contextmanager
def _alone(connection: Connection, name: str) -> Iterator[None]:
    """Keep others from making, widening and deleting a table of this name."""
    # Names of locks are the whole server's, and of 64 characters; tables' names may be the same
    # in any case.
    text = f"{connection.server.database}.{name}".lower()
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    lock = (f"siemstress {digest}",)
    if connection.value("SELECT get_lock(%s, %s)", (*lock, _LOCK_SECONDS)) != 1:
        raise Unavailable("others are changing the table", file=where(connection, name))
    # What was read before may be older than what the lock's last holder did.
    connection.rollback()
    try:
        yield
    finally:
        if not connection.lost:
            with contextlib.suppress(StoreError):
                connection.rollback()
                connection.value("SELECT release_lock(%s)", lock)


def _mark(connection: Connection, name: str) -> str | None:
    """The comment of a table in the database, which marks ours; None without one."""
    comment = connection.value(
        "SELECT table_comment FROM information_schema.tables"
        " WHERE table_schema = database() AND table_name = %s",
        (name,),
    )
    return None if comment is None else str(comment)


def _column(name: str, kind: str, *, values: bool = True) -> str:
    column = quoted(name, beside_values=values)
    collation = f"COLLATE {FOLDED} " if name in FOLDED_COLUMNS else ""
    return f"{column} {TYPES[kind]} {collation}{'NOT NULL' if name == 'id' else 'NULL'}"


def _key(column: str, kind: str) -> str:
    name = quoted(column, beside_values=True)
    return f"KEY {name} ({name}{f'({_PREFIX})' if kind == 'string' else ''})"


def _check_names(types: Mapping[str, str]) -> None:
    for name in types:
        if not 0 < len(name) <= 64 or name.endswith(" ") or "\0" in name or max(name) > "\uffff":
            raise StoreError(f"MariaDB has no columns with names such as {name[:80]!r}")
