"""Upkeep of a table: merge small files, delete leftovers, shorten the log.

All of it stands beside writers, readers and other upkeep: merging is one commit of ours, under
the consumer `upkeep`, so that of two at once one is refused. Delta's own compaction is not used:
two of them at once double every row.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from siemstress.errors import Conflict, SiemstressError
from siemstress.store.base import Advance
from siemstress.store.chain_account import EXPIRE, MERGE, REASON
from siemstress.store.files import LiveFile
from siemstress.store.folder import LOG
from siemstress.store.history import (
    VERSION,
    all_added,
    checkpoints,
    entries,
    entry_path,
    is_merged,
    removed,
)
from siemstress.store.log import UPKEEP, Snapshot, TableLog, Uncertain
from siemstress.store.merge import Source, merge
from siemstress.store.readers import is_held, oldest_read
from siemstress.store.write import StagedFile, discard

TARGET = 256 << 20
GAP = timedelta(days=7)

# Readers and writers get this long to finish with files that nothing refers to any more.
GRACE = timedelta(hours=6)
# Longer than that: the log says when a file was taken out of the table.
LOG_KEPT = timedelta(hours=8)

_DATA = re.compile(r"\.parquet(#\d+)?\Z")
_TEMPORARY = re.compile(r"#\d+\Z|\.tmp\Z")


@dataclass
class Done:
    """What upkeep did, in numbers for the user."""

    merged: int = 0
    into: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    log_entries: int = 0
    refused: int = 0


def compact(
    log: TableLog, *, grace: timedelta = GRACE, log_kept: timedelta = LOG_KEPT
) -> Mapping[str, int]:
    """Do a table's upkeep; gives the counts of `Done`, none without a table.

    Raises:
        StoreError: a file cannot be read or written. The table is none the worse for it.

    """
    done = Done()
    log.set_properties()
    snapshot = log.snapshot()
    if snapshot is None:
        return {}
    for group in groups(sources(log.path, snapshot, log_kept)):
        if len(group) == 1 and group[0].version is None:
            continue  # A merged file alone is as merged as it can be.
        try:
            file = replace(log, group, snapshot)
        except Conflict:
            done.refused += 1
            break
        done.merged += len(group)
        done.into += 1
        done.bytes_before += sum(s.file.size for s in group)
        done.bytes_after += file.size
    delete_leftovers(log, grace, done)
    if log.checkpoint() is not None:
        _shorten(log, log_kept, done)
    return asdict(done)


def sources(table: Path, snapshot: Snapshot, log_kept: timedelta) -> list[Source]:
    """The files that are worth merging, in order of time.

    Those are all files of events whose version is known, and merged ones, from the smallest on,
    as long as one is no larger than all before it together: so there are never more than a few
    files, and each row is written again a few times only, however often this is done.
    """
    known = all_added(table, snapshot.version)
    events = [
        Source(file, known[file.path][0])
        for file in snapshot.files
        if not is_merged(file.path) and known.get(file.path, (0, False))[1]
    ]
    small = []
    total = sum(source.file.size for source in events)
    for file in sorted(snapshot.files, key=lambda f: f.size):
        if is_merged(file.path):
            if file.size > min(total, TARGET // 2):
                break
            small.append(file)
            total += file.size
    if len(events) + len(small) == 1 and events and not _old(table, events[0], log_kept):
        return []
    chosen = [*events, *(Source(file, None) for file in small)]
    return sorted(chosen, key=lambda s: (s.file.time_min or datetime.min, s.file.path))


def _old(table: Path, source: Source, kept: timedelta) -> bool:
    """Whether a file came with a version that the log need not keep any longer."""
    try:
        written = entry_path(table, source.version or 0).stat().st_mtime
    except FileNotFoundError:
        return True
    return written < time.time() - kept.total_seconds()


def groups(candidates: Sequence[Source]) -> Iterator[list[Source]]:
    """Runs of files that become one file each, close in time and of TARGET bytes together."""
    group: list[Source] = []
    for source in candidates:
        if group and not _fits(group, source.file):
            yield group
            group = []
        group.append(source)
    if group:
        yield group


def _fits(group: Sequence[Source], file: LiveFile) -> bool:
    if sum(s.file.size for s in group) + file.size > TARGET:
        return False
    first = group[0].file.time_min
    if first is None or file.time_min is None:
        return first is file.time_min
    last = max(s.file.time_max or first for s in group)
    return file.time_min - last <= max(GAP, last - first)


def replace(
    log: TableLog, group: Sequence[Source], snapshot: Snapshot, *, since: datetime | None = None
) -> StagedFile:
    """Put one file in the place of some, without rows from before `since`.

    Raises:
        Conflict: another process has replaced some of them meanwhile, or all of its upkeep.
        StoreError: a file cannot be read or written.

    """
    from deltalake.transaction import AddAction, RemoveAction

    position = log.position(UPKEEP)
    types = {name: kind for name, kind in snapshot.types.items() if name != VERSION}
    file = merge(log.path, log.name, group, types, since=since)
    now = time.time_ns() // 1_000_000
    removes = [RemoveAction(s.file.path, False, now, s.file.size) for s in group]
    add = AddAction(file.path.name, file.size, {}, file.modified, False, file.stats)
    try:
        log.commit(
            [*removes, add],
            [Advance(UPKEEP, position, (position or 0) + 1)],
            {},
            {"sha256": {file.path.name: file.sha256}, REASON: MERGE if since is None else EXPIRE},
            live={s.file.path for s in group},
        )
    except Uncertain:
        raise
    except SiemstressError:
        discard([file])
        raise
    return file


def delete_leftovers(log: TableLog, grace: timedelta, done: Done) -> None:
    """Delete files that neither the table nor anyone still at work with it can want."""
    # The folder first, the table after: what is committed in between is in the table.
    found = [*_files(log.path, _DATA), *_files(log.path / LOG, _TEMPORARY)]
    snapshot = log.snapshot()
    if snapshot is None:
        return
    limit = time.time() - grace.total_seconds()
    live = {file.path for file in snapshot.files}
    old = [f for f in found if f[0].name not in live and f[1] < limit]
    if not old:
        return
    kept = removed(log.path, int(limit * 1000), oldest_read(log.path))
    for path, _, size in old:
        if path.name not in kept:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                done.deleted += 1
                done.deleted_bytes += size


def _files(folder: Path, names: re.Pattern[str]) -> list[tuple[Path, float, int]]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if names.search(entry.name) and entry.is_file(follow_symlinks=False):
                # Writers' temporary files come and go meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat()
                    found.append((Path(entry.path), status.st_mtime, status.st_size))
    return found


def _shorten(log: TableLog, kept: timedelta, done: Done) -> None:
    """Move old log entries that the last checkpoint covers to the archive.

    An entry stays while a file of events that it added is not merged yet: it says which version
    those rows came with. And those stay that somebody reads, with all later ones.
    """
    snapshot = log.snapshot()
    checkpoint = max(checkpoints(log.path), default=None)
    if snapshot is None or checkpoint is None:
        return
    known = all_added(log.path, snapshot.version)
    needed = [known[f.path][0] for f in snapshot.files if f.path in known and known[f.path][1]]
    end = min([checkpoint, *needed])
    limit = time.time() - kept.total_seconds()
    for version in entries(log.path):
        entry = entry_path(log.path, version)
        # Another process may be shortening the log as well.
        with contextlib.suppress(FileNotFoundError):
            if version >= end or entry.stat().st_mtime >= limit or is_held(entry):
                end = version
                break
    done.log_entries += log.archive(end)
