"""A limit to a table's size on a server: where it is passed, the oldest events are deleted.

InnoDB gives no room back to the disk, it fills it again; so what is counted is what the rows take:
their number, which is known, times what one takes on the average. That is measured by ANALYZE
TABLE, which looks up how many pages the table and its indexes have just now.
"""

from __future__ import annotations

from datetime import timedelta

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


def shrink(connection: Connection, name: str, size: int) -> Expired:
    """Delete the oldest rows of a table that takes more than `size` bytes; see `Store.shrink`."""
    table = find(connection, name)
    connection.rollback()
    if table is None or not table.rows:
        return Expired()
    analyze(connection, table)
    each = _row_bytes(connection, table)
    if table.rows * each <= size:
        return Expired()
    most = table.rows - (size - size // ROOM) // each
    last = connection.value(
        f"SELECT time FROM {quoted(name)} WHERE time IS NOT NULL"
        f" ORDER BY time, id LIMIT 1 OFFSET {most - 1}"
    ) or connection.value(f"SELECT max(coalesce(time, received)) FROM {quoted(name)}")
    connection.rollback()
    if last is None:
        return Expired()
    rows = delete_oldest(connection, table, last + _STEP, most)
    return Expired(rows, rows * each, last if rows else None)


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
