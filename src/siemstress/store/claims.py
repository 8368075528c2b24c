"""Being the only one of several processes: a lock on a file of the lake."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from siemstress.store.folder import CLAIM, failure


class FileClaim:
    """A file that this process alone has locked, as long as it lives; see `Store.claim`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    def held(self) -> bool:
        """Whether the file is still there."""
        return self._descriptor is not None and _is(self._descriptor, self._path)

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor is not None:
            if self.held():
                with contextlib.suppress(OSError):
                    self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None


class NoClaim:
    """Stands for a claim where there is nothing to lock yet, or this user may not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def held(self) -> bool:
        """Until there is something to lock."""
        return not os.access(self._folder, os.W_OK)

    def release(self) -> None:
        """Nothing is locked."""


def claimed(folder: Path, name: str) -> FileClaim | NoClaim | None:
    """Claim a name (letters, digits and `-`) in a folder; None: another process has it.

    Raises:
        StoreError: the folder cannot be used.

    """
    if not os.access(folder, os.W_OK):
        return NoClaim(folder)
    path = folder / f"{CLAIM}{name}"
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640)
        except OSError as e:
            raise failure(e, path) from e
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        if _is(descriptor, path):
            return FileClaim(path, descriptor)
        os.close(descriptor)  # Who had it has just deleted it.


def _is(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False
