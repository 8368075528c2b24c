"""Many small files into one, in order of time, a slice of it in memory at once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.errors import StoreError
from siemstress.store.columns import polars_types
from siemstress.store.files import LiveFile
from siemstress.store.folder import failure
from siemstress.store.history import MERGED, VERSION
from siemstress.store.write import (
    COMPRESSION_LEVEL,
    MEASURED,
    ROW_GROUP,
    Edges,
    StagedFile,
    microseconds,
    seal,
    statistics_of,
)

if TYPE_CHECKING:
    import polars as pl

# Rows that are sorted together for compression, so that a row group spans little time.
SLICE = 2 * ROW_GROUP

_PATH = "_path"


@dataclass(frozen=True)
class Source:
    """A file to merge; `version` is its rows' version, None where each row carries its own."""

    file: LiveFile
    version: int | None


def merge(
    folder: Path,
    table: str,
    sources: Sequence[Source],
    types: Mapping[str, str],
    *,
    since: datetime | None = None,
) -> StagedFile:
    """Write the rows of the sources to one file, with the version that each came with.

    The file is in slices of time, each sorted by process and message as files of events are;
    it has every column of the table. With `since` older rows are left out.

    Raises:
        StoreError: a file cannot be read or written, or the rows that went in did not come out.

    """
    import polars as pl

    path = folder / f"{MERGED}{uuid.uuid4().hex}.parquet"
    try:
        rows = _Rows(folder, sources, polars_types({**types, VERSION: "long"}), since)
        write_slices(path, rows.schema, rows.slices())
        edges = rows.check(path)
        size, digest = seal(path)
    except BaseException as e:
        path.unlink(missing_ok=True)
        if isinstance(e, OSError):
            raise failure(e, folder) from e
        if isinstance(e, pl.exceptions.PolarsError):
            raise StoreError(f"cannot be merged: {e}", file=folder) from e
        raise
    modified = time.time_ns() // 1_000_000
    stats = statistics_of(rows.count, edges)
    return StagedFile(table, path, rows.count, size, digest, stats, dict(types), modified)


class _Rows:
    """The rows of some files, slice by slice."""

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        schema: dict[str, pl.DataType],
        since: datetime | None,
    ) -> None:
        self.folder = folder
        self.since = since
        self.sources = sources
        self.schema = schema
        self.versions = {
            str(folder / s.file.path): s.version for s in sources if s.version is not None
        }
        self.count = 0

    def scan(self, sources: Sequence[Source]) -> pl.LazyFrame:
        """The rows of some of the files, each with its version."""
        import polars as pl

        rows = pl.scan_parquet(
            [self.folder / s.file.path for s in sources],
            glob=False,
            schema=self.schema,
            missing_columns="insert",
            extra_columns="ignore",
            include_file_paths=_PATH,
        )
        if self.since is not None:
            # Older by its time or, without one, by when it was received.
            when = pl.coalesce("time", "received")
            rows = rows.filter(when.is_null() | (when >= self.since))
        version = pl.col(_PATH).replace_strict(
            list(self.versions), list(self.versions.values()), default=None, return_dtype=pl.Int64
        )
        return rows.with_columns(pl.coalesce(VERSION, version).alias(VERSION)).drop(_PATH)

    def slices(self) -> Iterator[pl.DataFrame]:
        """The rows in slices of time, those without a time first."""
        import polars as pl

        prefix = pl.col("message").cast(pl.Binary).bin.head(16)
        for wanted, sources in self._wanted():
            rows = self.scan(sources).filter(wanted).sort("process", prefix, "id")
            frame = rows.select(list(self.schema)).collect(engine="streaming")
            if frame.height:
                yield frame

    def _wanted(self) -> Iterator[tuple[pl.Expr, Sequence[Source]]]:
        import polars as pl

        time = pl.col("time")
        times = self.scan(self.sources).select(time).collect(engine="streaming").get_column("time")
        nulls = [s for s in self.sources if s.file.time_nulls != 0]
        if nulls:
            yield time.is_null(), nulls
        times = times.drop_nulls().sort()
        if not times.len():
            return
        starts = times.to_physical().gather_every(SLICE).unique().sort().to_list()
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            wanted = time >= _time(start)
            if end is not None:
                wanted &= time < _time(end)
            yield wanted, [s for s in self.sources if _touches(s.file, start, end)]

    def check(self, path: Path) -> dict[str, Edges]:
        """Compare what was written with what was to be; its least and largest values.

        Raises:
            StoreError: they differ.

        """
        import polars as pl

        measures = [pl.len(), pl.col("id").sum()]
        before = self.scan(self.sources).select(measures).collect(engine="streaming").row(0)
        found = measured(path)
        if (found.rows, found.ids) != before:
            raise StoreError("rows were lost in merging; nothing was changed", file=path)
        self.count = found.rows
        return found.edges


@dataclass(frozen=True)
class Measured:
    """A file of events: its rows, the sum of their ids, least and largest values of columns."""

    rows: int
    ids: int
    edges: dict[str, Edges]


def measured(path: Path) -> Measured:
    """Look at what is in a file of events."""
    import polars as pl

    measures = [pl.len().alias("rows"), pl.col("id").sum().alias("ids")]
    for name in MEASURED:
        numbers = pl.col(name).cast(pl.Int64)
        measures += [numbers.min().alias(f"{name}<"), numbers.max().alias(f"{name}>")]
        measures.append(pl.col(name).null_count().alias(f"{name}0"))
    after = pl.scan_parquet(path, glob=False).select(measures).collect(engine="streaming")
    found = after.row(0, named=True)
    edges = {n: (found[f"{n}<"], found[f"{n}>"], found[f"{n}0"]) for n in MEASURED}
    return Measured(found["rows"], found["ids"], edges)


def write_slices(
    path: Path, schema: Mapping[str, pl.DataType], slices: Iterable[pl.DataFrame]
) -> None:
    """Write frames of one schema to a file, one at a time."""
    from polars.io.plugins import register_io_source

    def source(with_columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
        for frame in slices:
            yield frame.select(with_columns) if with_columns else frame

    register_io_source(source, schema=dict(schema)).sink_parquet(
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP,
        statistics=True,
        maintain_order=True,
    )


def _time(microseconds: int) -> pl.Expr:
    import polars as pl

    return pl.lit(microseconds).cast(pl.Datetime("us"))


def _touches(file: LiveFile, start: int, end: int | None) -> bool:
    """Whether a file may hold times from `start` to before `end`, in microseconds since 1970."""
    if file.time_min is None or file.time_max is None:
        return True
    first, last = microseconds(file.time_min), microseconds(file.time_max) + 1000
    return last >= start and (end is None or first < end)
