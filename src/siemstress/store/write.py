"""From a frame to Parquet files on disk that a commit can make part of a table."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from siemstress.store.columns import stored
from siemstress.store.folder import failure, failure_of

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP = 131_072
# Files that are written as lines come in, and files that compaction writes: for these it may
# take longer. Level 3 makes a file of the first kind 1 % smaller.
QUICK_COMPRESSION = 1
COMPRESSION_LEVEL = 3
PREFIX = "part-"

# Columns with statistics in the log. Of each: least value, largest, and number of nulls.
MEASURED = ("id", "time", "received")
Edges = tuple[int | None, int | None, int]

# Stamps further from the rest of their batch than a day (in microseconds) go to another file.
NEAR = 86_400_000_000

# The years 1 to 9999: others have no spelling in the log, and their files no statistics.
_EPOCH = datetime(1970, 1, 1)
_LOWEST = -(2**63) + 1


@dataclass
class StagedFile:
    """A Parquet file on disk that no table knows yet.

    `modified` is in milliseconds since 1970. `state` says what became of it; uncertain is a file
    whose commit failed in a way that leaves open whether it happened.
    """

    table: str
    path: Path
    rows: int
    size: int
    sha256: str
    stats: str
    types: dict[str, str]
    modified: int = 0
    state: Literal["staged", "uncertain", "committed"] = "staged"


def stage(folder: Path, table: str, events: pl.DataFrame) -> list[StagedFile]:
    """Write a frame to files in a table's folder, each synced to disk.

    Rows keep their order. Rows whose time is far from the others' get files of their own, so
    that they spoil no one's statistics.

    Raises:
        StoreError: a column cannot be stored, or the disk is full, or not writable.

    """
    if not events.height:
        return []
    events, types = stored(events)
    # A column without a value costs as much to write as one with few; readers see it as null.
    events = events.select([c for c in events if c.null_count() < len(c) or c.name in MEASURED])
    files: list[StagedFile] = []
    try:
        for part in split_by_time(events):
            path = folder / f"{PREFIX}{uuid.uuid4().hex}.parquet"
            # Listed before it is written: what is left half-way must be deleted as well.
            files.append(StagedFile(table, path, part.height, 0, "", statistics(part), types))
            files[-1].size, files[-1].sha256 = _write(part, path)
            files[-1].modified = time.time_ns() // 1_000_000
    except BaseException:
        discard(files)
        raise
    return files


def discard(files: list[StagedFile]) -> None:
    """Delete staged files, unless a commit has taken them, or may have."""
    for file in files:
        if file.state == "staged":
            with contextlib.suppress(OSError):
                file.path.unlink(missing_ok=True)


def _write(frame: pl.DataFrame, path: Path) -> tuple[int, str]:
    """Write and sync a file; its size in bytes and SHA-256."""
    import polars as pl

    try:
        frame.write_parquet(
            path,
            compression="zstd",
            compression_level=QUICK_COMPRESSION,
            row_group_size=ROW_GROUP,
            statistics=True,
            metadata=_as_text(frame),
        )
        return seal(path)
    except OSError as e:
        raise failure(e, path.parent) from e
    except pl.exceptions.PolarsError as e:
        raise failure_of(f"cannot be written: {e}", path.parent) from e


_SCHEMA = "ARROW:schema"


def _as_text(frame: pl.DataFrame) -> dict[str, str]:
    """Parquet metadata that tell readers to take enumerations for the plain text that they are."""
    import polars as pl

    plain = {
        name: pl.String() if isinstance(kind, pl.Enum) else kind
        for name, kind in frame.schema.items()
    }
    if plain == frame.schema:
        return {}
    return {_SCHEMA: _arrow_schema(tuple(plain.items()))}


@cache
def _arrow_schema(columns: tuple[tuple[str, pl.DataType], ...]) -> str:
    """Arrow's schema of these columns as Parquet files hold it."""
    import polars as pl

    file = io.BytesIO()
    pl.DataFrame(schema=dict(columns)).write_parquet(file)
    file.seek(0)
    return pl.read_parquet_metadata(file)[_SCHEMA]


def seal(path: Path) -> tuple[int, str]:
    """Sync a file to disk; its size in bytes and its SHA-256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return file.tell(), digest


def split_by_time(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """The frame, apart from rows that happened long before, and long after, most of the others.

    Long is beyond the middle nine tenths by more than a day and more than their own span.
    """

    if "time" not in frame.columns:
        return [frame]
    time = frame.get_column("time").to_physical()
    first, last = _number(time.min()), _number(time.max())
    if first is None or last is None or last - first <= NEAR:
        return [frame]
    low, high = (_number(time.quantile(q, "nearest")) for q in (0.05, 0.95))
    if low is None or high is None:
        return [frame]
    margin = max(NEAR, high - low)
    early = (time < max(low - margin, _LOWEST)).fill_null(value=False)
    late = (time > min(high + margin, -_LOWEST)).fill_null(value=False)
    parts = (frame.filter(~(early | late)), frame.filter(early), frame.filter(late))
    return [part for part in parts if part.height]


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def statistics(frame: pl.DataFrame) -> str:
    """Delta's statistics of a frame's `id`, `time` and `received`, as JSON."""
    edges: dict[str, Edges] = {}
    for name in MEASURED:
        if name in frame.columns:
            column = frame.get_column(name)
            numbers = column.to_physical()
            edges[name] = (_number(numbers.min()), _number(numbers.max()), column.null_count())
    return statistics_of(frame.height, edges)


def statistics_of(rows: int, edges: Mapping[str, Edges]) -> str:
    """Delta's statistics as JSON, of columns' least and largest values and counts of nulls."""
    low: dict[str, int | str] = {}
    high: dict[str, int | str] = {}
    nulls = dict.fromkeys(MEASURED, rows)
    for name, (first, last, missing) in edges.items():
        nulls[name] = missing
        if first is None or last is None:
            continue
        if name == "id":
            low[name], high[name] = first, last
        elif first >= _FIRST and last <= _LAST:
            low[name], high[name] = stamp(first), stamp(last)
    found = {"numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls}
    return json.dumps(found)


def microseconds(time: datetime) -> int:
    """Microseconds from 1970 to a time in UTC without a zone."""
    return (time - _EPOCH) // timedelta(microseconds=1)


_FIRST, _LAST = microseconds(datetime.min), microseconds(datetime.max)


def stamp(number: int) -> str:
    """A time since 1970 as Delta's statistics write it."""
    return (_EPOCH + timedelta(microseconds=number)).isoformat(timespec="microseconds")
