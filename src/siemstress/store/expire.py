"""Retention on the lake: events that are older than is kept leave the table.

Files that hold nothing else are taken out of it; those that hold younger events as well are
written anew without the older ones, where that is little work or many. Both are commits of upkeep.
The files themselves stay for readers that are at them, and are deleted hours later.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain

from siemstress.errors import Conflict
from siemstress.store.base import Advance, Expired
from siemstress.store.chain_account import EXPIRE, REASON
from siemstress.store.files import LiveFile, row_count
from siemstress.store.history import all_added, is_merged
from siemstress.store.log import UPKEEP, Snapshot, TableLog
from siemstress.store.merge import Source
from siemstress.store.upkeep import GRACE, Done, delete_leftovers, replace

_ATTEMPTS = 10
# A file of fewer bytes is written anew whenever an event in it is too old, a larger one once those
# are a share of the time that it spans: so each byte is written again a few times only.
SMALL = 16 << 20
SHARE = 16
# Statistics may have lost what is less.
_ROUNDED = timedelta(milliseconds=1)


def expire(
    log: TableLog, before: datetime, *, whole: bool = False, grace: timedelta = GRACE
) -> Expired:
    """Take out the events from before a time (UTC); with `whole` all of them, at any cost.

    Raises:
        Conflict: others keep compacting the table meanwhile.
        StoreError: the table cannot be read or written.

    """
    done = Expired()
    for attempt in range(_ATTEMPTS):
        try:
            for step in chain(_take_out(log, before), _write_anew(log, before, whole=whole)):
                done = Expired(done.rows + step.rows, done.bytes + step.bytes)
        except Conflict:
            time.sleep(0.05 * (attempt + 1))
            continue
        delete_leftovers(log, grace, Done())
        # A small file may be larger without its older events: it has all columns, and versions.
        return Expired(done.rows, max(done.bytes, 0))
    raise Conflict("others keep compacting the table; try again", file=log.path)


def _take_out(log: TableLog, before: datetime) -> Iterator[Expired]:
    """Take out the files that hold nothing from `before` on."""
    from deltalake.transaction import RemoveAction

    snapshot = log.snapshot()
    old = [f for f in snapshot.files if _is_older(f, before)] if snapshot else []
    if not old:
        return
    rows = sum(row_count(log.path, file) for file in old)
    position = log.position(UPKEEP)
    now = time.time_ns() // 1_000_000
    log.commit(
        [RemoveAction(file.path, False, now, file.size) for file in old],
        [Advance(UPKEEP, position, (position or 0) + 1)],
        {},
        {REASON: EXPIRE},
        live={file.path for file in old},
    )
    yield Expired(rows, sum(file.size for file in old))


def _write_anew(log: TableLog, before: datetime, *, whole: bool) -> Iterator[Expired]:
    """Write files anew of which a part is from before `before`."""
    snapshot = log.snapshot()
    if snapshot is None:
        return
    for source in _spanning(log, snapshot, before, whole=whole):
        rows = row_count(log.path, source.file)
        file = replace(log, [source], snapshot, since=before)
        yield Expired(rows - file.rows, source.file.size - file.size)


def _spanning(log: TableLog, snapshot: Snapshot, before: datetime, *, whole: bool) -> list[Source]:
    """The files that are worth it, with the version that their rows came with."""
    found = [file for file in snapshot.files if _is_worth_it(file, before, whole=whole)]
    if all(is_merged(file.path) for file in found):
        return [Source(file, None) for file in found]
    known = all_added(log.path, snapshot.version)
    return [
        Source(file, None if is_merged(file.path) else known[file.path][0])
        for file in found
        if is_merged(file.path) or known.get(file.path, (0, False))[1]
    ]


def _is_worth_it(file: LiveFile, before: datetime, *, whole: bool) -> bool:
    first, last = file.time_min, file.time_max
    if first is None or last is None or not first < before <= last:
        return False
    return whole or file.size <= SMALL or (before - first) * SHARE >= last - first


def _is_older(file: LiveFile, before: datetime) -> bool:
    """Whether every event is older, by its time or, without one, by when it was received."""
    if file.time_nulls == 0:
        return _is_before(file.time_max, before)
    if file.time_max is not None and not _is_before(file.time_max, before):
        return False
    return _is_before(file.received_max, before)


def _is_before(last: datetime | None, before: datetime) -> bool:
    return last is not None and last < before - _ROUNDED
