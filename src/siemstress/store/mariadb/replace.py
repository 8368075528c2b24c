"""Other rows in the place of some, on a server: deleted and put there anew, in one transaction.

What is new since a version goes by ids, and these stay. A counter among the positions says
whether somebody else has replaced rows between reading and writing; rows that were deleted since
are missed by their number.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from siemstress.config import Server
from siemstress.errors import Conflict, StoreError, Unavailable
from siemstress.store.base import Advance, Bounds, Change, Limits, Part, Scan
from siemstress.store.mariadb.commit import AGAIN, hashed, move
from siemstress.store.mariadb.connection import Connection, quoted
from siemstress.store.mariadb.definition import ensured
from siemstress.store.mariadb.load import insert, load
from siemstress.store.mariadb.pool import Pool
from siemstress.store.mariadb.staging import StagedRows, stage
from siemstress.store.mariadb.tables import POSITIONS, Table, entry, find, where
from siemstress.store.mariadb.upkeep import REPLACED, delete_rows

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from sqlglot import exp

# Rows that are replaced in one transaction.
_ROWS = 131_072
# A frame has no more bytes than this, about.
_FRAME_BYTES = 128 << 20
_BATCH_ROWS = 4_096
_ATTEMPTS = 8


def parts(pool: Pool, name: str, bounds: Bounds) -> Iterator[Part]:
    """Ranges of ids, from the first row within the bounds to the last one."""
    with pool.connection() as connection:
        table = find(connection, name)
        first, last = _edges(connection, table, bounds) if table else (None, None)
        connection.rollback()
    while first is not None and last is not None and first <= last:
        with pool.connection() as connection:
            end = connection.value(
                f"SELECT id FROM {quoted(name)} WHERE id >= %s AND id <= %s"
                f" ORDER BY id LIMIT 1 OFFSET {_ROWS - 1}",
                (first, last),
            )
            connection.rollback()
        yield Part(name, (first, last if end is None else end), _ROWS)
        first = last + 1 if end is None else end + 1


def _edges(connection: Connection, table: Table, bounds: Bounds) -> tuple[int | None, int | None]:
    """The least and largest id of the rows within the bounds."""
    limits = {
        "time >= %s": bounds.time_min,
        "time <= %s": bounds.time_max,
        "id >= %s": bounds.id_min,
        "id <= %s": bounds.id_max,
    }
    wanted = {condition: value for condition, value in limits.items() if value is not None}
    condition = " AND ".join(wanted) or "true"
    ((first, last),) = connection.rows(
        f"SELECT min(id), max(id) FROM {quoted(table.name)} WHERE {condition}",
        list(wanted.values()),
    )
    return first, last


def read(server: Server, pool: Pool, part: Part) -> Iterator[pl.DataFrame]:
    """The rows of a range of ids; see `Store.read`."""
    _seen(pool, part)
    yield from _frames(server, part)


def _frames(server: Server, part: Part) -> Iterator[pl.DataFrame]:
    from siemstress.store.mariadb.answer import answer

    scans = {"rows": Scan(part.table)}
    batches: list[pa.RecordBatch] = []
    for batch in answer(server, _query(part), scans, _BATCH_ROWS, Limits()):
        batches.append(batch)
        if sum(b.nbytes for b in batches) > _FRAME_BYTES:
            yield _frame(batches)
            batches = []
    if batches:
        yield _frame(batches)


def _query(part: Part) -> exp.Query:
    from sqlglot import exp

    first, last = _range(part)
    key = exp.column("id", quoted=True)
    wanted = exp.Between(this=key, low=exp.Literal.number(first), high=exp.Literal.number(last))
    return exp.select("*").from_("rows").where(wanted)


def _frame(batches: Sequence[pa.RecordBatch]) -> pl.DataFrame:
    import polars as pl
    import pyarrow as pa

    return cast(pl.DataFrame, pl.from_arrow(pa.Table.from_batches(batches))).sort("id")


def replace(server: Server, pool: Pool, part: Part, change: Change) -> tuple[int, Part]:
    """Replace rows of a range of ids; see `Store.replace`."""
    table, position = _seen(pool, part)
    changed = []
    for frame in _frames(server, part):
        new = change(frame)
        if new.height:
            changed.append(_whole(frame, new))
    staged = [rows for frame in changed for rows in stage(table.name, table.identity, frame)]
    ids = [i for frame in changed for i in frame["id"].to_list()]
    if not staged:
        return 0, part
    types = {column: kind for rows in staged for column, kind in rows.types.items()}
    for attempt in range(_ATTEMPTS):
        try:
            with pool.connection() as connection:
                ensured(connection, table.name, types, lambda: None)
                _write(connection, table, staged, ids, position)
        except StoreError as e:
            if e.code not in AGAIN:
                raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        else:
            return len(ids), part
    raise Unavailable("too many others write at once", file=table.name)


def _seen(pool: Pool, part: Part) -> tuple[Table, int | None]:
    """The table, and the counter of replacements, before any row is read."""
    with pool.connection() as connection:
        table = find(connection, part.table)
        if table is None:
            raise Conflict("the table is gone", file=part.table)
        position: int | None = connection.value(
            f"SELECT position FROM {POSITIONS} WHERE number = %s AND hash = %s",
            (table.number, hashed(REPLACED)),
        )
        connection.rollback()
        return table, position


def _write(
    connection: Connection,
    table: Table,
    staged: Sequence[StagedRows],
    ids: Sequence[int],
    position: int | None,
) -> None:
    """Delete the rows and send others, all or nothing.

    Raises:
        Conflict: some are not there any more, or somebody else has replaced rows.

    """
    try:
        if delete_rows(connection, table, ids) != len(ids):
            raise Conflict(
                "another process has deleted some of the rows",
                file=where(connection, table.name),
            )
        for rows in staged:
            if not load(connection, rows):
                insert(connection, rows)
        now = entry(connection, table.name, lock=True)
        if now is None or now.dropped or now.number != table.number:
            raise Conflict("the table has been deleted", file=where(connection, table.name))
        moved = Advance(REPLACED, position, (position or 0) + 1)
        move(connection, now, [moved], now.version)
        connection.commit()
    except StoreError:
        if not connection.lost:
            connection.rollback()
        raise


def _whole(frame: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The new rows, with the columns that they do not give as they were."""
    others = ["id", *(name for name in frame.columns if name not in new.columns)]
    whole = new.join(frame.select(others), on="id", how="inner")
    if whole.height != new.height or new["id"].is_duplicated().any():
        raise ValueError("rows are replaced under ids that they do not have")
    return whole


def _range(part: Part) -> tuple[int, int]:
    if isinstance(part.place, str):
        raise TypeError("a part of another store")
    return part.place
