"""Staged rows into a table, within a transaction: by LOAD DATA, or by INSERT without it."""

from __future__ import annotations

from collections.abc import Iterator

from siemstress.errors import StoreError
from siemstress.store.mariadb.connection import Connection, quoted
from siemstress.store.mariadb.staging import StagedRows, parsed
from siemstress.store.mariadb.tables import where

# What a server says that does not take LOAD DATA LOCAL.
_NOT_ALLOWED = frozenset({1148, 3948, 4166})
_DUPLICATE = 1062
# An INSERT has this many rows and bytes, about, at the most.
_ROWS = 1000
_BYTES = 1 << 18

# No character ends a text early or stands for another: see StagedRows.
_FORMAT = (
    "CHARACTER SET binary FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
    " LINES TERMINATED BY '\\n'"
)


class NotTaken(StoreError):
    """Rows that the server did not take as they are."""


def load(connection: Connection, staged: StagedRows) -> bool:
    """Send rows by LOAD DATA; False where the server does not take it, and nothing was sent.

    Raises:
        NotTaken: not every row was taken as it is.
        StoreError: nothing could be sent.

    """
    names = [f"@value{n}" if staged.types[c] == "binary" else quoted(c, beside_values=True)
             for n, c in enumerate(staged.columns)]  # fmt: skip
    assigned = [
        f"{quoted(column, beside_values=True)} = unhex(@value{n})"
        for n, column in enumerate(staged.columns)
        if staged.types[column] == "binary"
    ]
    assigned += [f"{quoted(column, beside_values=True)} = %s" for column in staged.constants]
    table = quoted(staged.table, beside_values=True)
    sql = f"LOAD DATA LOCAL INFILE %s INTO TABLE {table} {_FORMAT} ({', '.join(names)})"
    if assigned:
        sql += f" SET {', '.join(assigned)}"
    try:
        count = connection.load(sql, ["rows", *staged.constants.values()], staged.data)
    except StoreError as e:
        if e.code in _NOT_ALLOWED:
            return False
        raise
    _check(connection, staged, count)
    return True


def insert(connection: Connection, staged: StagedRows) -> None:
    """Send rows by INSERT.

    Raises:
        NotTaken: not every row was taken as it is.
        StoreError: nothing could be sent.

    """
    columns = [*staged.columns, *staged.constants]
    names = ", ".join(quoted(column, beside_values=True) for column in columns)
    marks = ", ".join("unhex(%s)" if staged.types[c] == "binary" else "%s" for c in columns)
    head = f"INSERT INTO {quoted(staged.table, beside_values=True)} ({names}) VALUES "
    constants = list(staged.constants.values())
    count = 0
    # Escaping may double a value.
    for rows in _batches(staged, min(_BYTES, connection.largest // 3)):
        values = [value for row in rows for value in (*row, *constants)]
        sql = head + ", ".join([f"({marks})"] * len(rows))
        try:
            count += connection.execute(sql, values)
        except StoreError as e:
            if e.code == _DUPLICATE:
                raise NotTaken(e.message, file=where(connection, staged.table)) from e
            raise
    _check(connection, staged, count)


def _batches(staged: StagedRows, most: int) -> Iterator[list[list[str | None]]]:
    """Rows that together have up to so many bytes, or one that has more."""
    besides = 10 * len(staged.types) + sum(len(str(v)) for v in staged.constants.values())
    batch: list[list[str | None]] = []
    size = 0
    for row in parsed(staged.data):
        length = besides + sum(len(value.encode()) for value in row if value)
        if batch and (len(batch) == _ROWS or size + length > most):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def _check(connection: Connection, staged: StagedRows, count: int) -> None:
    """Raise NotTaken unless all rows are there, and whole.

    LOAD DATA LOCAL leaves out rows whose id is there already, and what it cannot store it
    stores otherwise, with a warning.
    """
    warnings = connection.warnings() if connection.warning_count else []
    warnings = [text for text in warnings if not text.startswith("Note")]
    if not warnings and count == staged.rows:
        return
    reason = warnings[0] if warnings else f"{staged.rows - count} of {staged.rows} left out"
    if "max_allowed_packet" in reason:
        reason = "an event is larger than the server takes: raise its max_allowed_packet"
    raise NotTaken(f"rows were not taken: {reason}", file=where(connection, staged.table))
