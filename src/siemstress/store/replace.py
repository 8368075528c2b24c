"""Other rows in the place of some, on the lake: a file is written anew, in one commit of upkeep.

Rows keep the versions that they came with, in the column `_version` of merged files, and the
commit does not count as new data: as with merging, nobody sees them as new.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.errors import Conflict, SiemstressError, StoreError
from siemstress.store.base import Advance, Bounds, Change, Part
from siemstress.store.chain_account import REASON, REPARSE
from siemstress.store.columns import polars_types, stored
from siemstress.store.files import pruned, row_count
from siemstress.store.folder import failure
from siemstress.store.history import MERGED, VERSION, added, first_entry, is_merged
from siemstress.store.log import UPKEEP, Snapshot, TableLog, Uncertain
from siemstress.store.merge import SLICE, measured, write_slices
from siemstress.store.readers import reading
from siemstress.store.write import StagedFile, discard, seal, statistics_of

if TYPE_CHECKING:
    import polars as pl

# Of rows that are large fewer are in memory at once: about so many bytes of them.
_SLICE_BYTES = 256 << 20
_FEWEST = 1_000


def parts(log: TableLog, bounds: Bounds) -> Iterator[Part]:
    """The table's files that may hold rows within the bounds."""
    snapshot = log.snapshot()
    for file in pruned(snapshot.files if snapshot else [], bounds):
        yield Part(log.name, file.path, row_count(log.path, file))


def read(log: TableLog, part: Part) -> Iterator[pl.DataFrame]:
    """The rows of a file, slice by slice; see `Store.read`."""
    with reading(log.path, log.version):
        snapshot = _snapshot(log, part)
        types = {name: kind for name, kind in snapshot.types.items() if name != VERSION}
        yield from _slices(_path(log, part), polars_types(types))


def replace(log: TableLog, part: Part, change: Change) -> tuple[int, Part]:
    """Write a file anew where some of its rows change; see `Store.replace`."""
    with reading(log.path, log.version):
        position = log.position(UPKEEP)
        snapshot = _snapshot(log, part)
        anew = _Anew(log, part, snapshot, change)
        if not anew.changes():
            return 0, part
        file = anew.write()
    _commit(log, part, snapshot, file, position)
    return anew.count, Part(part.table, file.path.name, file.rows)


class _Anew:
    """A file that is written anew; `count` is how many of its rows have changed so far."""

    def __init__(self, log: TableLog, part: Part, snapshot: Snapshot, change: Change) -> None:
        self.count = 0
        self.types = {n: kind for n, kind in snapshot.types.items() if n != VERSION}
        self._log = log
        self._path = _path(log, part)
        self._change = change
        self._version = _version(log, self._path.name, snapshot)
        self._before = 0
        self._first: pl.DataFrame | None = None
        self._rest = self._frames()

    def changes(self) -> bool:
        """Whether any row changes; looks no further than to the first slice that does."""
        for frame in self._rest:
            new, types = stored(self._change(frame.drop(VERSION)))
            if new.height:
                self.types.update(types)
                self._first = self._merged(frame, new)
                return True
            self._before += 1
        return False

    def write(self) -> StagedFile:
        """Write the file; what comes before the first change is read once more."""
        import polars as pl

        path = self._path.with_name(f"{MERGED}{uuid.uuid4().hex}.parquet")
        schema = polars_types({**self.types, VERSION: "long"})
        before = measured(self._path)
        try:
            write_slices(path, schema, (self._fitted(f, schema) for f in self._all()))
            found = measured(path)
            if (found.rows, found.ids) != (before.rows, before.ids):
                raise StoreError("rows were lost in writing; nothing was changed", file=path)
            size, digest = seal(path)
        except BaseException as e:
            path.unlink(missing_ok=True)
            if isinstance(e, OSError):
                raise failure(e, path.parent) from e
            if isinstance(e, pl.exceptions.PolarsError):
                raise StoreError(f"cannot be written anew: {e}", file=self._path) from e
            raise
        stats = statistics_of(found.rows, found.edges)
        modified = time.time_ns() // 1_000_000
        name = self._log.name
        return StagedFile(name, path, found.rows, size, digest, stats, self.types, modified)

    def _frames(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        known = polars_types({**self.types, VERSION: "long"})
        for frame in _slices(self._path, known):
            version = pl.coalesce(VERSION, pl.lit(self._version, pl.Int64))
            yield frame.with_columns(version.alias(VERSION))

    def _all(self) -> Iterator[pl.DataFrame]:
        yield from itertools.islice(self._frames(), self._before)
        if self._first is not None:
            yield self._first
        for frame in self._rest:
            new, _ = stored(self._change(frame.drop(VERSION)))
            yield self._merged(frame, new) if new.height else frame

    def _merged(self, frame: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        """A slice with the rows that have changed in the place of those with their ids."""
        import polars as pl

        self.count += new.height
        kept = frame.join(new, on="id", how="anti")
        others = ["id", *(name for name in frame.columns if name not in new.columns)]
        changed = new.join(frame.select(others), on="id", how="inner")
        if kept.height + changed.height != frame.height or changed.height != new.height:
            raise ValueError("rows are replaced under ids that they do not have")
        typed = (pl.col(n).cast(t) for n, t in frame.schema.items() if n in changed.columns)
        both = pl.concat([kept, changed.with_columns(*typed)], how="diagonal")
        return both.sort("process", pl.col("message").cast(pl.Binary).bin.head(16), "id")

    def _fitted(self, frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        import polars as pl

        missing = (pl.lit(None, t).alias(n) for n, t in schema.items() if n not in frame.columns)
        return frame.with_columns(*missing).select(pl.col(n).cast(t) for n, t in schema.items())


def _commit(
    log: TableLog, part: Part, snapshot: Snapshot, file: StagedFile, position: int | None
) -> None:
    from deltalake.transaction import AddAction, RemoveAction

    now = time.time_ns() // 1_000_000
    path = _path(log, part).name
    (size,) = (f.size for f in snapshot.files if f.path == path)
    try:
        log.commit(
            [
                RemoveAction(path, False, now, size),
                AddAction(file.path.name, file.size, {}, file.modified, False, file.stats),
            ],
            [Advance(UPKEEP, position, (position or 0) + 1)],
            file.types,
            {"sha256": {file.path.name: file.sha256}, REASON: REPARSE},
            live={path},
        )
    except Uncertain:
        raise
    except SiemstressError:
        discard([file])
        raise


def _path(log: TableLog, part: Part) -> Path:
    if not isinstance(part.place, str) or part.table != log.name:
        raise ValueError("a part of another store")
    return log.path / part.place


def _snapshot(log: TableLog, part: Part) -> Snapshot:
    """The table, if the part is still in it."""
    path = _path(log, part).name
    snapshot = log.snapshot()
    if snapshot is None or all(file.path != path for file in snapshot.files):
        raise Conflict("another process has replaced or deleted some of the files", file=log.path)
    return snapshot


def _version(log: TableLog, path: str, snapshot: Snapshot) -> int | None:
    """The version that a file's rows came with; None where each carries its own."""
    if is_merged(path):
        return None
    first = first_entry(log.path)
    # Of a file that was there before the log begins, it is known that it is no newer than that.
    version, new = added(log.path, first - 1, snapshot.version).get(path, (first - 1, True))
    if not new:
        raise StoreError("another program has merged this file", file=log.path / path)
    return version


def _slices(path: Path, schema: dict[str, pl.DataType]) -> Iterator[pl.DataFrame]:
    """A file's rows in their order, with all columns of a table."""
    import polars as pl
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
        groups = (metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
        each = sum(groups) // max(1, metadata.num_rows) + 1
        step = max(_FEWEST, min(SLICE, _SLICE_BYTES // each))
        rows = pl.scan_parquet(
            path, glob=False, schema=schema, missing_columns="insert", extra_columns="ignore"
        )
        for start in range(0, metadata.num_rows, step):
            yield rows.slice(start, step).select(list(schema)).collect(engine="streaming")
    except OSError as e:
        raise failure(e, path) from e
    except pl.exceptions.PolarsError as e:
        raise StoreError(f"cannot be read: {e}", file=path) from e
