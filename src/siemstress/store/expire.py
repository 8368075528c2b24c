"""Retention on the lake: files of which every event is older than is kept leave the table.

It is a commit of upkeep. The files themselves stay for readers that are at them, until compaction
deletes what nothing refers to.
"""

from __future__ import annotations

import time
from datetime import datetime

from siemstress.errors import Conflict
from siemstress.store.base import Advance, Expired
from siemstress.store.files import LiveFile, row_count
from siemstress.store.log import UPKEEP, TableLog

_ATTEMPTS = 10


def expire(log: TableLog, before: datetime) -> Expired:
    """Take out the files that hold nothing from `before` (UTC) on.

    Raises:
        Conflict: others keep compacting the table meanwhile.
        StoreError: the table cannot be read or written.

    """
    from deltalake.transaction import RemoveAction

    for attempt in range(_ATTEMPTS):
        snapshot = log.snapshot()
        old = [f for f in snapshot.files if _is_older(f, before)] if snapshot else []
        if not old:
            return Expired()
        rows = sum(row_count(log.path, file) for file in old)
        position = log.position(UPKEEP)
        now = time.time_ns() // 1_000_000
        try:
            log.commit(
                [RemoveAction(file.path, False, now, file.size) for file in old],
                [Advance(UPKEEP, position, (position or 0) + 1)],
                {},
                {},
                live={file.path for file in old},
            )
        except Conflict:
            time.sleep(0.05 * (attempt + 1))
            continue
        return Expired(rows, sum(file.size for file in old))
    raise Conflict("others keep compacting the table; try again", file=log.path)


def _is_older(file: LiveFile, before: datetime) -> bool:
    """Whether every event is older, by its time or, without one, by when it was received."""
    if file.time_nulls == 0:
        return file.time_max is not None and file.time_max < before
    if file.time_max is not None and file.time_max >= before:
        return False
    return file.received_max is not None and file.received_max < before
