"""A table's data files beside what the chain says of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from siemstress.store.chain_account import Stored
from siemstress.store.files import LiveFile

THREADS = 2
_BLOCK = 1 << 20
# A file that was written this many seconds ago may be about to be committed.
_WRITTEN = 3600.0


@dataclass(frozen=True)
class Wrong:
    """A data file that is not as it was, or (`gone`) not there."""

    file: Stored
    text: str
    gone: bool = False


def first_wrong(table: Path, files: Iterable[Stored], *, strict: bool) -> Wrong | None:
    """The earliest of the files that is not as its entry says; None where all are.

    A file that is missing counts where it is `strict`.
    """
    ordered = sorted(files, key=lambda f: (f.version, f.path))
    with ThreadPoolExecutor(THREADS) as pool:
        checks = [pool.submit(_check, table, file) for file in ordered]
        try:
            for check in checks:
                wrong = check.result()
                if wrong is not None and (strict or not wrong.gone):
                    return wrong
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return None


def _check(table: Path, file: Stored) -> Wrong | None:
    path = table / file.path
    try:
        # Not for what is no file: a pipe in its place would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return Wrong(file, f"{file.path} is missing", gone=True)
    except OSError as e:
        return Wrong(file, f"{file.path} cannot be read: {(e.strerror or str(e)).lower()}")
    with os.fdopen(descriptor, "rb", buffering=0) as source:
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
            return Wrong(file, f"{file.path} is not of the size that it was")
        digest = hashlib.sha256()
        block = memoryview(bytearray(_BLOCK))
        try:
            while count := source.readinto(block):
                digest.update(block[:count])
        except OSError as e:
            return Wrong(file, f"{file.path} cannot be read: {(e.strerror or str(e)).lower()}")
    if digest.hexdigest() != file.sha256:
        return Wrong(file, f"{file.path} is not what was stored")
    return None


def differing(stored: Stored, live: LiveFile) -> bool:
    """Whether Delta tells readers something else of a file than its entry does."""
    low, high = (stored.statistics.get(k) or {} for k in ("minValues", "maxValues"))
    nulls = stored.statistics.get("nullCount") or {}
    said = (
        stored.size, stored.rows, low.get("id"), high.get("id"),
        low.get("time"), high.get("time"), nulls.get("time"), high.get("received"),
    )  # fmt: skip
    times = (
        None if time is None else time.isoformat(timespec="microseconds")
        for time in (live.time_min, live.time_max, live.received_max)
    )  # fmt: skip
    time_min, time_max, received_max = times
    told = (
        live.size, live.rows, live.id_min, live.id_max,
        time_min, time_max, live.time_nulls, received_max,
    )  # fmt: skip
    return said != told


def data_files(table: Path) -> set[str]:
    """The data files in a table's folder that nobody is writing at the moment."""
    limit = time.time() - _WRITTEN
    found = set()
    with os.scandir(table) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.name.endswith(".parquet") and entry.stat().st_mtime < limit:
                    found.add(entry.name)
    return found
