"""The files that make up a table now, and which of them can hold the rows that are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siemstress.store.base import Bounds

if TYPE_CHECKING:
    from deltalake import DeltaTable


_MILLISECOND = timedelta(milliseconds=1)
_LATEST = datetime.max - _MILLISECOND


@dataclass(frozen=True)
class LiveFile:
    """A file of the table with its statistics; None where the log has none.

    `time_nulls` counts the rows without a time.
    """

    path: str
    size: int
    rows: int | None
    time_min: datetime | None = None
    time_max: datetime | None = None
    time_nulls: int | None = None
    received_max: datetime | None = None
    id_min: int | None = None
    id_max: int | None = None

    def may_hold(self, bounds: Bounds) -> bool:
        """Whether rows within the bounds can be in the file."""
        # Some writers cut the largest time off at the millisecond.
        time_max = self.time_max and min(self.time_max, _LATEST) + _MILLISECOND
        if self.time_nulls == 0 and not _overlap(
            self.time_min, time_max, bounds.time_min, bounds.time_max
        ):
            return False
        return _overlap(self.id_min, self.id_max, bounds.id_min, bounds.id_max)


def _overlap(low: Any, high: Any, wanted_low: Any, wanted_high: Any) -> bool:
    """Whether two ranges touch; a limit that is None is no limit."""
    if high is not None and wanted_low is not None and high < wanted_low:
        return False
    return not (low is not None and wanted_high is not None and low > wanted_high)


_COLUMNS = {
    "path": "path",
    "size_bytes": "size",
    "num_records": "rows",
    "min.time": "time_min",
    "max.time": "time_max",
    "null_count.time": "time_nulls",
    "max.received": "received_max",
    "min.id": "id_min",
    "max.id": "id_max",
}


def live_files(handle: DeltaTable) -> list[LiveFile]:
    """The files of a table as of the handle's version, in order of their first time."""
    import pyarrow as pa

    table = pa.table(handle.get_add_actions(flatten=True))
    names = {
        ours: table.column(name).to_pylist()
        for name, ours in _COLUMNS.items()
        if name in table.column_names
    }
    rows = (dict(zip(names, values, strict=True)) for values in zip(*names.values(), strict=True))
    return sorted((LiveFile(**row) for row in rows), key=_by_time)


def _by_time(file: LiveFile) -> tuple[datetime, str]:
    return file.time_min or datetime.min, file.path


def pruned(files: Iterable[LiveFile], bounds: Bounds) -> list[LiveFile]:
    """Those files that may hold rows within the bounds."""
    bounds = replace(bounds, time_min=_utc(bounds.time_min), time_max=_utc(bounds.time_max))
    return [file for file in files if file.may_hold(bounds)]


def _utc(time: datetime | None) -> datetime | None:
    """The time in UTC without a zone."""
    return time.astimezone(UTC).replace(tzinfo=None) if time and time.tzinfo else time


def row_count(table: Path, file: LiveFile) -> int:
    """How many rows a file has, by the log or else by itself."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(table / file.path).num_rows if file.rows is None else file.rows)
