"""The lake's folder: what marks it, who may change it now, and that changes reach the disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from siemstress.errors import StoreError, Unavailable
from siemstress.schema import is_table_name
from siemstress.store.names import table_name

IDS = "siemstress.ids"
LOCK = "siemstress.lock"
CLAIM = "siemstress.claim-"
LOG = "_delta_log"
TRASH = ".dropped-"

# What may go away with no change here: there is no room, or a disk that had errors is read-only.
_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
# A disk with fewer free bytes than this has no room.
_NO_ROOM = 1 << 16
# As the libraries' language writes the operating system's number for an error.
_OS_ERROR = re.compile(r"\(os error (\d{1,6})\)")


class Folder:
    """A lake's folder on a file system: tables are its sub-folders.

    `siemstress.ids` marks the folder as a lake and holds the last id given out.
    `siemstress.lock` is held shared by every commit and alone by whoever drops a table; its
    content counts the tables that were dropped, so that others notice. `siemstress.claim-…` are
    locked by who is the only one to do something (`store/claims.py`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def table(self, name: str) -> Path:
        """The folder of a table.

        Raises:
            StoreError: a name that is more than letters, digits and `_`, or longer than 64.

        """
        return self.path / table_name(name)

    def tables(self) -> list[str]:
        """Names of the tables, sorted; none where there is no lake yet."""
        self.check()
        try:
            with os.scandir(self.path) as entries:
                names = [e.name for e in entries if is_table_name(e.name) and e.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as e:
            raise failure(e, self.path) from e
        return sorted(name for name in names if (self.path / name / LOG).is_dir())

    def changed(self, table: str) -> int | None:
        """When a table's log last got an entry, in ns since 1970; None without a table."""
        try:
            return (self.table(table) / LOG).stat().st_mtime_ns
        except OSError:
            return None

    def check(self) -> None:
        """Raise StoreError if the path is something else than a lake, or than nothing yet."""
        try:
            with os.scandir(self.path) as entries:
                names = [e.name for e in entries]
        except FileNotFoundError:
            return
        except OSError as e:
            raise failure(e, self.path) from e
        # There may be locks in a folder that a writer has just made.
        if (
            all(name == LOCK or name.startswith(CLAIM) for name in names)
            or IDS in names
            or any((self.path / n / LOG).is_dir() for n in names)
        ):
            return
        raise StoreError(
            "is no lake but a folder with other things in it; lake= wants a folder of its own",
            file=self.path,
        )

    def make(self) -> None:
        """Make the folder and its mark where they are missing, durably."""
        mark = self.path / IDS
        if mark.exists():
            return
        self.check()
        with _one_line(self.path):
            made = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True, mode=0o750)
            os.close(os.open(mark, os.O_CREAT | os.O_RDWR, 0o640))
            sync_folder(self.path)
            if made:
                sync_folder(self.path.parent)

    @contextlib.contextmanager
    def shared(self) -> Iterator[int]:
        """Keep tables from being dropped; gives the number of tables dropped so far."""
        try:
            lock = os.open(self.path / LOCK, os.O_RDONLY | os.O_CREAT, 0o640)
        except (FileNotFoundError, PermissionError):
            lock = None
        except OSError as e:
            if e.errno not in (errno.EROFS, errno.ENOTDIR):
                raise failure(e, self.path) from e
            lock = None
        if lock is None:
            # No lake yet, or one that this user can only read.
            yield 0
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield _number(os.pread(lock, 32, 0))
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep everyone else from committing; counts as a table dropped."""
        with _one_line(self.path):
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o640)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                count = _number(os.pread(lock, 32, 0)) + 1
                os.pwrite(lock, f"{count}\n".encode(), 0)
                os.fsync(lock)
                yield
            finally:
                os.close(lock)

    def drop(self, table: str) -> None:
        """Delete a table's folder. Whoever reads it now may fail; whoever commits waits."""
        trash = self.path / f"{TRASH}{uuid.uuid4().hex}"
        with self.alone(), _one_line(self.path):
            with contextlib.suppress(FileNotFoundError):
                self.table(table).rename(trash)
            sync_folder(self.path)
        self.empty_trash()

    def empty_trash(self) -> None:
        """Delete what is left of dropped tables."""
        for trash in self.path.glob(f"{TRASH}*"):
            shutil.rmtree(trash, ignore_errors=True)


def _number(text: bytes) -> int:
    digits = text.split(b"\n", 1)[0]
    return int(digits) if digits.isdigit() else 0


def sync(path: Path) -> None:
    """Make a file's content reach the disk."""
    _fsync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Make a folder's list of names reach the disk."""
    _fsync(path, os.O_RDONLY | os.O_DIRECTORY)


def sync_all(paths: Iterable[Path]) -> None:
    """Make files reach the disk; those that are gone need not."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            sync(path)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise failure(e, path) from e


def failure(error: OSError, path: Path) -> StoreError:
    """The StoreError that says what the operating system said."""
    if error.errno is None:
        return failure_of(str(error) or type(error).__name__, path)
    kind = Unavailable if error.errno in _PASSING else StoreError
    return kind((error.strerror or str(error)).lower(), file=error.filename or path)


def failure_of(text: str, path: Path) -> StoreError:
    """The StoreError of what a library says, which quotes the operating system at the most."""
    match = _OS_ERROR.search(text)
    number = int(match[1]) if match else None
    if number is None and _is_full(path):
        # Polars keeps to itself why the last bytes of a file could not be written.
        number = errno.ENOSPC
    if number in _PASSING:
        return Unavailable(os.strerror(number).lower(), file=path)
    return StoreError(text, file=path)


def _is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no room for anything."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize < _NO_ROOM
