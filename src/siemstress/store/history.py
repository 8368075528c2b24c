"""Which version of a table each file's rows came with, so that "new since N" is exact.

A file of events belongs to the version that added it. A file merged by compaction holds rows of
many versions, each with its own in the column `_version`, and is named `merged-…`.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siemstress.errors import StoreError
from siemstress.store.files import LiveFile
from siemstress.store.folder import LOG

MERGED = "merged-"
VERSION = "_version"

_ATTEMPTS = 5


@dataclass(frozen=True)
class Chosen:
    """A file to read: whole, or (`by_row`) only the rows whose own version is asked for."""

    file: LiveFile
    by_row: bool = False


def is_merged(path: str) -> bool:
    """Whether a file's rows carry their versions."""
    return path.startswith(MERGED)


def actions(entry: Path) -> list[dict[str, Any]] | None:
    """The actions of a log entry; none where it is empty; None where it is missing or torn."""
    try:
        lines = entry.read_bytes().splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError):
        return None


def added(table: Path, after: int, upto: int) -> dict[str, tuple[int, bool]]:
    """Files added by the versions `after` < v <= `upto`: version, and whether the data was new.

    Raises:
        StoreError: the log does not reach back that far any more.

    """
    found: dict[str, tuple[int, bool]] = {}
    for version in range(max(after, -1) + 1, upto + 1):
        entry = actions(entry_path(table, version))
        if entry is None:
            raise LogTooShort(table, version)
        for action in entry:
            add = action.get("add")
            if add:
                found[add["path"]] = (version, bool(add.get("dataChange", True)))
    return found


def all_added(table: Path, upto: int) -> dict[str, tuple[int, bool]]:
    """Files added by the versions up to `upto` that the log still has; see `added`.

    Raises:
        StoreError: others keep cutting the log.

    """
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(LogTooShort):  # It was cut just now.
            return added(table, first_entry(table) - 1, upto)
    return added(table, first_entry(table) - 1, upto)


class LogTooShort(StoreError):
    """The log has been cleaned up to beyond the version that was asked for."""

    def __init__(self, table: Path, version: int) -> None:
        super().__init__(
            f"version {version} is not in the log any more; start again without a version",
            file=table,
        )


def removed(table: Path, since: int, after: int | None = None) -> set[str]:
    """Files taken out at or after a time in milliseconds since 1970, or later than a version."""
    found = set()
    for version in entries(table):
        later = after is not None and version > after
        for action in actions(entry_path(table, version)) or ():
            remove = action.get("remove")
            if remove and (later or remove.get("deletionTimestamp", since) >= since):
                found.add(remove["path"])
    return found


def entry_path(table: Path, version: int) -> Path:
    """The file of a version's log entry."""
    return table / LOG / f"{version:020}.json"


def entries(table: Path) -> list[int]:
    """The versions that the log has an entry of, in order."""
    return sorted(int(p.stem) for p in (table / LOG).glob("*.json") if p.stem.isdecimal())


def checkpoints(table: Path) -> dict[int, Path]:
    """The checkpoints by version, in order."""
    found = (table / LOG).glob("*.checkpoint*.parquet")
    return {int(p.name[:20]): p for p in sorted(found) if p.name[:20].isdecimal()}


def delete_checkpoints(table: Path, before: int, seconds: float) -> None:
    """Delete the checkpoints of versions before this one that are older than so many seconds."""
    limit = time.time() - seconds
    for version, path in checkpoints(table).items():
        with contextlib.suppress(FileNotFoundError):
            if version < before and path.stat().st_mtime < limit:
                path.unlink()


def consumers(table: Path, latest: int) -> dict[str, int]:
    """Every consumer and its position, as of version `latest`."""
    import pyarrow.parquet as pq

    base = max((v for v in checkpoints(table) if v <= latest), default=-1)
    found: dict[str, int] = {}
    if base >= 0:
        column = pq.read_table(checkpoints(table)[base], columns=["txn"]).column("txn")
        moves = (row for row in column.to_pylist() if row and row["appId"] is not None)
        found.update((row["appId"], row["version"]) for row in moves)
    for version in range(base + 1, latest + 1):
        for action in actions(entry_path(table, version)) or ():
            move = action.get("txn")
            if move:
                found[move["appId"]] = move["version"]
    return found


def first_entry(table: Path) -> int:
    """The oldest version that the log still has an entry of."""
    return next(iter(entries(table)), 0)


def between(
    table: Path, files: Iterable[LiveFile], after: int | None, upto: int | None, latest: int
) -> list[Chosen]:
    """The live files that hold rows committed later than `after` and not later than `upto`.

    `files` are those of version `latest`.

    Raises:
        StoreError: the log does not say so any more.

    """
    after = -1 if after is None else after
    upto = latest if upto is None else min(upto, latest)
    if after < 0 and upto == latest:
        return [Chosen(file) for file in files]
    if upto <= after:
        return []
    return _chosen(table, list(files), after, upto, latest)


def _chosen(
    table: Path, files: Sequence[LiveFile], after: int, upto: int, latest: int
) -> list[Chosen]:
    # Only versions after `start` are looked up; what is older is told apart by that alone.
    start = upto if after < 0 else min(after, latest)
    try:
        known = added(table, start, latest)
    except LogTooShort:
        start = max(start, first_entry(table) - 1)
        known = added(table, start, latest)
    chosen = []
    for file in files:
        version, new = known.get(file.path, (start, None))
        if new and after < version <= upto:
            chosen.append(Chosen(file))
        elif new or version <= after:
            continue  # Rows of a file that was there at version `after` are no newer than that.
        elif after < 0 and version <= upto:
            chosen.append(Chosen(file))
        elif is_merged(file.path):
            chosen.append(Chosen(file, by_row=True))
        else:
            raise LogTooShort(table, after + 1)
    return chosen
