"""What a power cut can leave behind in a table's log, and how it is put right.

Every entry that was acknowledged is on disk, whole. One that was not can be empty or torn, and
nobody counts on it: in its place comes an entry that changes nothing. Later ones may follow it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from siemstress.store.files import LiveFile
from siemstress.store.folder import LOG, failure, sync, sync_folder
from siemstress.store.history import actions, checkpoints, entries, entry_path


def damage(table: Path) -> list[Path]:
    """The log's files that are empty, torn, or no checkpoint though they are called so."""
    bad = []
    for version in entries(table):
        path = entry_path(table, version)
        if not actions(path):
            bad.append(path)
    bad += [path for path in checkpoints(table).values() if not _is_parquet(path)]
    pointer = table / LOG / LAST
    if pointer.exists() and not _points(pointer):
        bad.append(pointer)
    return bad


def repair(table: Path) -> tuple[list[str], list[str]]:
    """Put right what `damage` finds; what was done, and what cannot be, a line each.

    Torn entries are kept beside the log's, with `.torn` at their names' end.

    Raises:
        StoreError: the folder cannot be written.

    """
    done, lost = [], []
    versions = entries(table)
    try:
        for path in damage(table):
            if path.name == LAST or (path.suffix == ".parquet" and versions[:1] == [0]):
                # It repeats what the log says; without the pointer to it, Delta does without.
                path.unlink()
                (table / LOG / LAST).unlink(missing_ok=True)
                done.append(f"{path.name}: was torn; deleted, the log can do without")
            elif path.suffix == ".parquet":
                lost.append(f"{path.name}: is torn, and the log before it is gone")
            elif int(path.stem) > 0:
                _replace(path)
                done.append(f"{path.name}: was torn; an entry that changes nothing is in its place")
            elif len(versions) == 1:
                path.rename(path.with_name(f"{path.name}.torn"))
                done.append(f"{path.name}: was torn; the table was never made")
            else:
                lost.append(f"{path.name}: is torn, and with it the table's columns")
        sync_folder(table / LOG)
    except OSError as e:
        raise failure(e, table) from e
    return done, lost


def missing_files(table: Path, files: Sequence[LiveFile]) -> list[str]:
    """Files of the table that are gone, or not of the size that the log says."""
    found = []
    for file in files:
        try:
            if (table / file.path).stat().st_size != file.size:
                found.append(f"{file.path}: is not of the size that it was")
        except OSError:
            found.append(f"{file.path}: is missing")
    return found


LAST = "_last_checkpoint"


def _replace(entry: Path) -> None:
    """Put an entry that holds only a note in an entry's place, durably."""
    note = {
        "timestamp": time.time_ns() // 1_000_000,
        "operation": "REPAIR",
        "operationParameters": {},
        "engineInfo": "siemstress",
    }
    with contextlib.suppress(FileExistsError):
        os.link(entry, entry.with_name(f"{entry.name}.torn"))
    new = entry.with_name(f"{entry.name}.tmp")
    new.write_text(json.dumps({"commitInfo": note}) + "\n")
    sync(new)
    os.replace(new, entry)


def _is_parquet(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return False
    return True


def _points(pointer: Path) -> bool:
    try:
        return isinstance(json.loads(pointer.read_bytes())["version"], int)
    except (ValueError, KeyError, TypeError):
        return False
