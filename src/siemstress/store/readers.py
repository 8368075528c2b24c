"""Who is reading a table: files that a reader has yet to open must not be deleted under it.

DuckDB opens most files of a query only when it comes to them, which for a reader that is paused
may be tomorrow. So whoever reads holds a shared lock on the log entry of a version that is not
newer than what it reads, and whoever deletes looks which entries are locked. Such a lock needs no
right to write, knows nothing of clocks, and ends with its process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from siemstress.store.history import entries, entry_path

_ATTEMPTS = 10
# Where there are no such locks, the time that files are kept for must be enough.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM})


@contextlib.contextmanager
def reading(table: Path, version: Callable[[], int | None]) -> Iterator[None]:
    """Keep the files of a table that are part of its newest version, or of any later one.

    `version` tells the newest version (None: there is no table). What is to be read must be looked
    up within the block.
    """
    held = _hold(table, version)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def _hold(table: Path, version: Callable[[], int | None]) -> int | None:
    for _ in range(_ATTEMPTS):
        newest = version()
        if newest is None:
            return None
        entry = entry_path(table, newest)
        try:
            held = os.open(entry, os.O_RDONLY)
        except OSError:
            continue  # Cut off the log just now, or the whole table is gone.
        try:
            fcntl.flock(held, fcntl.LOCK_SH)
            if os.fstat(held).st_nlink:
                return held
        except OSError as e:
            if e.errno in _NO_LOCKS:
                return held
            os.close(held)
            raise
        os.close(held)
    return None


def oldest_read(table: Path) -> int | None:
    """The oldest version that somebody may still be reading; None where nobody reads."""
    return next((v for v in entries(table) if is_held(entry_path(table, v))), None)


def is_held(entry: Path) -> bool:
    """Whether a reader holds a log entry; not where there is no such entry."""
    # On network file systems only a file that is open for writing can be locked alone.
    try:
        found = os.open(entry, os.O_RDWR)
    except PermissionError:
        found = os.open(entry, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as e:
        if e.errno not in _NO_LOCKS:
            raise
    finally:
        os.close(found)
    return False
