"""A limit to a table's size on the lake: where it is passed, the oldest events leave the table.

The time before which events have to go is worked out from the files' statistics, and from the
times in those files only that lie about it. The rest is retention by that time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from siemstress.errors import StoreError
from siemstress.store.base import Expired
from siemstress.store.expire import expire
from siemstress.store.files import LiveFile, row_count
from siemstress.store.log import TableLog
from siemstress.store.upkeep import GRACE

# This share of the limit is freed beyond it: a file that spans the time at which events go is
# written anew once for so much that comes in, and not every hour.
ROOM = 20
# Files written anew may turn out larger than their share of the rows.
_ROUNDS = 3
# Of the times in one file no more are looked at; that is a thousandth of a percent of it.
_LOOKED_AT = 100_000
_STEP = timedelta(microseconds=1)


def shrink(log: TableLog, size: int, *, grace: timedelta = GRACE) -> Expired:
    """Take out the oldest events of a table whose files have more than `size` bytes.

    Raises:
        Conflict: others keep compacting the table meanwhile.
        StoreError: the table cannot be read or written.

    """
    done = Expired()
    for _ in range(_ROUNDS):
        before = excess(log, size)
        if before is None:
            break
        step = expire(log, before, whole=True, grace=grace)
        done = Expired(done.rows + step.rows, done.bytes + step.bytes, before)
        if not step.rows:
            break
    return done if done.rows else replace(done, before=None)


def excess(log: TableLog, size: int) -> datetime | None:
    """The time before which events have to go; None where the table is not too large.

    Raises:
        StoreError: the table cannot be read.

    """
    snapshot = log.snapshot()
    files = snapshot.files if snapshot else []
    there = sum(file.size for file in files)
    return _limit(log.path, files, there - size + size // ROOM) if there > size else None


def _limit(table: Path, files: Sequence[LiveFile], excess: int) -> datetime | None:
    """The time before which events take so many bytes; None where there is none.

    A row takes its share of its file. Events of one time stay together, those of the last one in
    any case.
    """
    spans = [(file, *_span(file)) for file in files]
    known = [(file, first, last) for file, first, last in spans if first and last]
    if not known:
        return None
    # Before `low` there is too little even if whole files count, by `high` there is enough.
    low = _reached(((first, file.size) for file, first, _ in known), excess)
    high = _reached(((last, file.size) for file, _, last in known), excess)
    newest = max(last for _, _, last in known)
    if low is None:
        return newest
    high = newest if high is None else high
    left = float(excess - sum(file.size for file, _, last in known if last < low))
    weighed = [
        (time, weight)
        for file, first, last in known
        if first <= high and last >= low
        for time, weight in _times(table, file, high)
    ]
    for time, weight in sorted(weighed):
        left -= weight
        if left <= 0:
            return min(time + _STEP, newest)
    return min(high + _STEP, newest)


def _span(file: LiveFile) -> tuple[datetime | None, datetime | None]:
    """The first and last time of a file's events, those of receipt where they have none."""
    if file.time_min is None or file.time_max is None:
        return file.received_max, file.received_max
    if file.time_nulls == 0 or file.received_max is None:
        return file.time_min, file.time_max
    return file.time_min, max(file.time_max, file.received_max)


def _reached(sizes: Iterable[tuple[datetime, int]], excess: int) -> datetime | None:
    """The time by which sizes come to an excess; None if they never do."""
    for time, size in sorted(sizes):
        excess -= size
        if excess <= 0:
            return time
    return None


def _times(table: Path, file: LiveFile, high: datetime) -> list[tuple[datetime, float]]:
    """Times of a file's events up to `high`, and how many bytes the events up to each take."""
    import polars as pl

    path = table / file.path
    there = pl.read_parquet_schema(path)
    when = pl.coalesce([name for name in ("time", "received") if name in there])
    try:
        times = pl.scan_parquet(path, glob=False).select(when).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as e:
        raise StoreError(f"cannot be read: {e}", file=path) from e
    sorted_times = times.to_series().drop_nulls().sort()
    step = max(1, len(sorted_times) // _LOOKED_AT)
    looked_at = sorted_times.gather_every(step, step - 1)
    weight = step * file.size / max(1, row_count(table, file))
    return [(time, weight) for time in looked_at.filter(looked_at <= high).to_list()]
