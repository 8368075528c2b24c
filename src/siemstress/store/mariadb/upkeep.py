"""What an operator wants of a table now and then: numbers, retention, upkeep, a look for damage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from siemstress.errors import StoreError, Unavailable
from siemstress.store.base import Expired, Repaired, TableStatus
from siemstress.store.mariadb.connection import Connection, quoted
from siemstress.store.mariadb.definition import finish
from siemstress.store.mariadb.relation import coalesced
from siemstress.store.mariadb.tables import (
    COMMITS,
    POSITIONS,
    TABLES,
    Table,
    find,
    listed,
    where,
)

DEADLOCK = 1213
# Positions that are the store's own business: the count of replacements, the bytes of a row.
REPLACED = "upkeep"
ROW_BYTES = "bytes of a row"
OWN = frozenset({REPLACED, ROW_BYTES})
# Rows that one transaction deletes: nobody waits long for one.
_BATCH = 5_000
# For so long it is known to the version what is new; of what is older, to the day.
KEPT = timedelta(days=30)


def status(connection: Connection, name: str) -> TableStatus | None:
    """A table in numbers; None without a table."""
    table = find(connection, name)
    if table is None:
        return None
    here = quoted(table.name)
    ((time_min, time_max),) = connection.rows(f"SELECT min(time), max(time) FROM {here}")
    size = connection.value(
        "SELECT data_length + index_length FROM information_schema.tables"
        " WHERE table_schema = database() AND table_name = %s",
        (table.name,),
    )
    positions = connection.rows(
        f"SELECT consumer, position FROM {POSITIONS} WHERE number = %s",
        (table.number,),
    )
    consumers = {bytes(c).decode("utf-8", "surrogatepass"): at for c, at in positions}
    return TableStatus(
        table=table.name,
        rows=table.rows,
        bytes=int(size or 0),
        files=1,
        version=table.version,
        time_min=time_min,
        time_max=time_max,
        received_max=table.received_max,
        consumers={name: at for name, at in sorted(consumers.items()) if name not in OWN},
    )


def expire(connection: Connection, name: str, before: datetime) -> Expired:
    """Delete older events, some at a time; see `Store.expire`."""
    table = find(connection, name)
    connection.rollback()
    if table is None:
        return Expired()
    return Expired(delete_oldest(connection, table, before))


def delete_oldest(
    connection: Connection, table: Table, before: datetime, most: int | None = None
) -> int:
    """Delete rows from before a time, the oldest `most` of them, in many transactions; how many.

    A row without a time goes by when it was received.
    """
    # By a key each: a time that is null stands before all others.
    total = 0
    received: datetime | None = None
    for condition in ("time IS NULL AND received < %s", "time < %s"):
        left = None if most is None else most - total
        rows, latest = _delete_while(connection, table, condition, before, left)
        total += rows
        received = max((r for r in (received, latest) if r), default=None)
    if received and table.received_max and received >= table.received_max:
        _measure_received(connection, table.name)
    return total


def _delete_while(
    connection: Connection, table: Table, condition: str, before: datetime, most: int | None
) -> tuple[int, datetime | None]:
    """Delete rows; how many, and when the last of them was received."""
    here = quoted(table.name)
    total = 0
    latest: datetime | None = None
    while True:
        # Found without a lock, then locked one by one: not what lies between them, where others
        # may be about to put rows.
        batch = _BATCH if most is None else min(_BATCH, most - total)
        found = connection.rows(
            f"SELECT id, received FROM {here} WHERE {condition} ORDER BY time, id LIMIT {batch}",
            (before,),
        )
        connection.commit()
        if not found:
            return total, latest
        try:
            count = delete(connection, table, [id_ for id_, _ in found])
        except Unavailable as e:
            if e.code != DEADLOCK:
                raise
            connection.rollback()
            continue
        total += count
        latest = max((r for _, r in [*found, (0, latest)] if r), default=None)


def _measure_received(connection: Connection, name: str) -> None:
    """Look up anew when the last row was received, unless rows come in that are later anyway."""
    connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    table = find(connection, name)
    if table is not None:
        received = connection.value(f"SELECT max(received) FROM {quoted(name)}")
        connection.rollback()
        connection.execute(
            f"UPDATE {TABLES} SET received_max = %s WHERE number = %s AND version = %s",
            (received, table.number, table.version),
        )
        connection.commit()


def delete(connection: Connection, table: Table, ids: Sequence[int]) -> int:
    """Delete rows in a transaction of their own; how many of them were still there."""
    rows = delete_rows(connection, table, ids)
    changed = connection.execute(
        f"UPDATE {TABLES} SET row_count = row_count - %s WHERE number = %s AND NOT dropped",
        (rows, table.number),
    )
    if not changed:
        raise StoreError("has just been deleted", file=where(connection, table.name))
    connection.commit()
    return rows


def delete_rows(connection: Connection, table: Table, ids: Sequence[int]) -> int:
    """Delete rows; how many of them were there."""
    here = quoted(table.name)
    # Each row by its key: given as a condition, the server may go through all rows, and wait for
    # those of others.
    listed_ids = "json_table(%s, '$[*]' COLUMNS (id bigint PATH '$')) AS old"
    return connection.execute(
        f"DELETE {here} FROM {listed_ids} STRAIGHT_JOIN {here} ON {here}.id = old.id",
        (json.dumps(ids),),
    )


def compact(connection: Connection, name: str, kept: timedelta = KEPT) -> Mapping[str, int]:
    """Finish deletions, shorten the list of commits, renew statistics; counts for the user."""
    for left in listed(connection, dropped=True):
        finish(connection, left.name)
    table = find(connection, name)
    connection.rollback()
    if table is None:
        return {}
    forgotten = _shorten(connection, table, kept)
    analyze(connection, table)
    return {"log_entries": forgotten, "analyzed": 1}


def analyze(connection: Connection, table: Table) -> None:
    """Have the server renew what it knows of a table's size and values."""
    for *_, kind, text in connection.rows(f"ANALYZE TABLE {quoted(table.name)}"):
        if str(kind).lower() == "error":
            raise StoreError(f"ANALYZE TABLE: {text}", file=where(connection, table.name))
    connection.commit()


def _shorten(connection: Connection, table: Table, kept: timedelta) -> int:
    """Make one of the old commits of each day, where no other's rows are between theirs.

    Whoever knows the table up to a version among them sees the day's rows once more: none is
    missed. Gives how many entries there are fewer.
    """
    days = connection.rows(
        f"SELECT DATE(committed), max(version) FROM {COMMITS} WHERE number = %s"
        " AND committed < date_sub(utc_timestamp(), INTERVAL %s SECOND)"
        " GROUP BY 1 HAVING count(DISTINCT version) > 1",
        (table.number, int(kept.total_seconds())),
    )
    connection.rollback()
    return sum(_shorten_day(connection, table, day, version) for day, version in days)


def _shorten_day(connection: Connection, table: Table, day: object, version: int) -> int:
    # Commits lock the table's row; none comes between.
    connection.rows(
        f"SELECT number FROM {TABLES} WHERE number = %s FOR UPDATE",
        (table.number,),
    )
    of_day = "number = %s AND committed >= %s AND committed < %s + INTERVAL 1 DAY"
    key = (table.number, day, day)
    first, last, committed, count = connection.rows(
        f"SELECT min(id_min), max(id_max), max(committed), count(*) FROM {COMMITS} WHERE {of_day}",
        key,
    )[0]
    if not count:
        return 0
    known = connection.rows(
        f"SELECT committed >= %s AND committed < %s + INTERVAL 1 DAY, id_min, id_max"
        f" FROM {COMMITS} WHERE number = %s AND id_max >= %s AND id_min <= %s"
        " ORDER BY id_min, id_max",
        (day, day, table.number, first, last),
    )
    ranges = list(coalesced((bool(wanted), a, b) for wanted, a, b in known))
    connection.execute(f"DELETE FROM {COMMITS} WHERE {of_day}", key)
    connection.execute(
        f"INSERT INTO {COMMITS} (number, version, id_min, id_max, committed) VALUES "
        + ", ".join(["(%s, %s, %s, %s, %s)"] * len(ranges)),
        [v for low, high in ranges for v in (table.number, version, low, high, committed)],
    )
    connection.commit()
    return int(count) - len(ranges)


def repair(connection: Connection, name: str) -> Repaired:
    """Have the server look a table through, and count its rows."""
    table = find(connection, name)
    connection.rollback()
    if table is None:
        return Repaired()
    answers = connection.rows(f"CHECK TABLE {quoted(table.name)}")
    connection.rollback()
    lost = [str(text) for *_, kind, text in answers if str(kind).lower() in ("error", "warning")]
    if lost:
        return Repaired((), [f"CHECK TABLE: {text}" for text in lost])
    connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    table = find(connection, name)
    if table is None:
        return Repaired()
    there = int(connection.value(f"SELECT count(*) FROM {quoted(name)}"))
    connection.rollback()
    if there == table.rows:
        return Repaired()
    connection.execute(
        f"UPDATE {TABLES} SET row_count = row_count + %s WHERE number = %s",
        (there - table.rows, table.number),
    )
    connection.commit()
    return Repaired([f"counted its rows anew: {there:,}, not {table.rows:,}"])
