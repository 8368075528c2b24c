"""A limit to a table's size on a server: where it is passed, the oldest events are deleted.

InnoDB gives no room back to the disk, it fills it again; so what is counted is what the rows take:
their number, which is known, times what one takes on the average. That is measured by ANALYZE
TABLE, which looks up how many pages the table and its indexes have just now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from siemstress.store.base import Expired
from siemstress.store.mariadb.commit import encoded, hashed
from siemstress.store.mariadb.connection import Connection, quoted
from siemstress.store.mariadb.tables import POSITIONS, Table, find
from siemstress.store.mariadb.upkeep import ROW_BYTES, analyze, delete_oldest

# This share of the limit is freed beyond it.
ROOM = 20
# Deleted rows take pages until the server has purged them, for as long as somebody reads. What a
# row takes is believed to grow by no more than this share from one look to the next.
_GROWTH = 100
_STEP = timedelta(microseconds=1)


@dataclass(frozen=True)
class _Excess:
    """How many of a table's rows are too many, the time of the last of them, the bytes of each."""

    table: Table
    rows: int
    last: datetime
    each: int


def shrink(connection: Connection, name: str, size: int) -> Expired:
    """Delete the oldest rows of a table that takes more than `size` bytes; see `Store.shrink`."""
    found = _excess(connection, name, size)
    if found is None:
        return Expired()
    rows = delete_oldest(connection, found.table, found.last + _STEP, found.rows)
    return Expired(rows, rows * found.each, found.last if rows else None)


def excess(connection: Connection, name: str, size: int) -> datetime | None:
    """The time of the last row that is too much; see `Store.excess`."""
    found = _excess(connection, name, size)
    return found.last + _STEP if found else None


def _excess(connection: Connection, name: str, size: int) -> _Excess | None:
    table = find(connection, name)
    connection.rollback()
    if table is None or not table.rows:
        return None
    analyze(connection, table)
    each = _row_bytes(connection, table)
    if table.rows * each <= size:
        return None
    rows = table.rows - (size - size // ROOM) // each
    last = connection.value(
        f"SELECT time FROM {quoted(name)} WHERE time IS NOT NULL"
        f" ORDER BY time, id LIMIT 1 OFFSET {rows - 1}"
    ) or connection.value(f"SELECT max(coalesce(time, received)) FROM {quoted(name)}")
    connection.rollback()
    return _Excess(table, rows, last, each) if last else None


def _bytes(connection: Connection, table: Table) -> int:
    """The bytes of the pages that a table and its indexes have."""
    size = connection.value(
        "SELECT data_length + index_length FROM information_schema.tables"
        " WHERE table_schema = database() AND table_name = %s",
        (table.name,),
    )
    connection.rollback()
    return int(size or 0)


def _row_bytes(connection: Connection, table: Table) -> int:
    """What a row takes, in bytes; kept for the next time."""
    measured = max(1, -(-_bytes(connection, table) // table.rows))
    key = hashed(ROW_BYTES)
    known = connection.value(
        f"SELECT position FROM {POSITIONS} WHERE number = %s AND hash = %s", (table.number, key)
    )
    if known is not None:
        measured = min(measured, known + known // _GROWTH + 1)
    if measured != known:
        connection.execute(
            f"INSERT INTO {POSITIONS} (number, hash, consumer, position, version)"
            " VALUES (%s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE position = values(position)",
            (table.number, key, encoded(ROW_BYTES), measured, table.version),
        )
    connection.commit()
    return measured
