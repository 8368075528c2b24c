"""From a frame to bytes that LOAD DATA reads, in memory."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from siemstress.errors import StoreError
from siemstress.store.columns import MAP, stored

if TYPE_CHECKING:
    import duckdb
    import polars as pl

# A value that all rows have is sent once, if it is no longer than this.
_CONSTANT = 255
# The years 1 to 9999.
_FIRST = datetime(1, 1, 1)
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999999)

_THREAD = threading.local()


@dataclass
class StagedRows:
    """Rows as CSV: text in double quotes, these doubled; binary columns in hexadecimal; NULL.

    `columns` are the CSV's, `constants` other columns with one value for all rows; a column in
    neither is null. `identity` is the table's when they were staged (None: there was none).
    `received_max` is the latest time of receipt. `state` says what became of the rows.
    """

    table: str
    identity: str | None
    rows: int
    types: dict[str, str]
    columns: list[str]
    constants: dict[str, object]
    data: bytes
    id_min: int
    id_max: int
    received_max: datetime | None
    state: Literal["staged", "discarded", "committed"] = "staged"

    def let_go(self, state: Literal["discarded", "committed"]) -> None:
        """Forget the rows."""
        self.state = state
        self.data = b""


def stage(table: str, identity: str | None, events: pl.DataFrame) -> list[StagedRows]:
    """Make a frame ready to be sent, sorted by id, which the server takes most quickly.

    Raises:
        StoreError: a column cannot be stored.

    """
    if not events.height:
        return []
    events, types = stored(events)
    if "id" not in events or events["id"].null_count():
        raise StoreError("every event needs an id", file=table)
    events = events.sort("id")
    events = events.select([c for c in events if c.null_count() < len(c)])
    for column in events:
        _check(column)
    # Beside a few rows the statement itself is what takes the time; it may hold large values.
    constants = _constants(events) if events.height > 1 else {}
    rows = events.drop(constants)
    ids = events["id"]
    received = events["received"].max() if "received" in events else None
    return [
        StagedRows(
            table,
            identity,
            events.height,
            types,
            rows.columns,
            constants,
            _csv(rows, types),
            int(ids[0]),
            int(ids[-1]),
            received if isinstance(received, datetime) else None,
        )
    ]


def _constants(events: pl.DataFrame) -> dict[str, object]:
    """Columns that have one value in all rows, and the value."""
    import polars as pl

    plain_types = (pl.String, pl.Enum, pl.Boolean, pl.Datetime)
    found: dict[str, object] = {}
    for column in events:
        plain = column.dtype.is_integer() or column.dtype in plain_types
        if not plain or column.null_count() or column[0] != column[-1]:
            continue
        value = column[0]
        if (not isinstance(value, str) or len(value) <= _CONSTANT) and (column == value).all():
            found[column.name] = value
    return found


def _csv(rows: pl.DataFrame, types: dict[str, str]) -> bytes:
    import polars as pl

    casts = []
    for column in rows:
        kind = types[column.name]
        if kind == "boolean":
            casts.append(column.cast(pl.Int8))
        elif kind == "binary":
            casts.append(column.bin.encode("hex"))
        elif kind == MAP:
            casts.append(_json(column))
        elif isinstance(column.dtype, pl.Enum):
            casts.append(column.cast(pl.String))
    out = io.BytesIO()
    rows.with_columns(casts).write_csv(
        out, include_header=False, quote_style="non_numeric", null_value="NULL"
    )
    return out.getvalue()


def _check(column: pl.Series) -> None:
    """Raise StoreError for what MariaDB has no way to keep."""
    import polars as pl

    if column.dtype.is_float() and not column.is_finite().all():
        raise StoreError(f"column {column.name!r}: MariaDB keeps no numbers but finite ones")
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        last = _LAST.date() if column.dtype == pl.Date else _LAST
        first = _FIRST.date() if column.dtype == pl.Date else _FIRST
        if not ((column >= first) & (column <= last)).all():
            raise StoreError(
                f"column {column.name!r}: MariaDB keeps no times but of the years 1 to 9999"
            )


def _json(column: pl.Series) -> pl.Series:
    """Maps as JSON objects, in text."""
    import polars as pl

    connection = _duckdb()
    frame = pl.select(maps=column).to_arrow()
    connection.register("frame", frame)
    try:
        found = connection.sql("SELECT to_json(maps)::VARCHAR AS json FROM frame")
        return pl.Series(column.name, found.to_arrow_table()["json"], dtype=pl.String)
    finally:
        connection.unregister("frame")


def _duckdb() -> duckdb.DuckDBPyConnection:
    """This thread's DuckDB, which takes no other threads."""
    import duckdb

    connection: duckdb.DuckDBPyConnection | None = getattr(_THREAD, "duckdb", None)
    if connection is None:
        connection = _THREAD.duckdb = duckdb.connect(":memory:", config={"threads": 1})
    return connection


_FIELD = re.compile(rb'(?:"((?:[^"]|"")*+)"|([^,\n]*))([,\n])')


def parsed(data: bytes) -> Iterator[list[str | None]]:
    """The rows of such a CSV, each value as text."""
    row: list[str | None] = []
    for field in _FIELD.finditer(data):
        quoted, bare, end = field.groups()
        if quoted is not None:
            row.append(quoted.replace(b'""', b'"').decode())
        else:
            row.append(None if bare == b"NULL" else bare.decode())
        if end == b"\n":
            yield row
            row = []
