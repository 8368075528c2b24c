"""Files that are read once, and again when others have come in their place."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from siemstress.errors import SiemstressError

T = TypeVar("T")
Signature = tuple[int, int, int]


def tell(text: str) -> None:
    """A line for the user about a file that is not used as it is."""
    line = "".join(c if c.isprintable() else "\ufffd" for c in text)
    print(f"siemstress: {line}", file=sys.stderr)


class Watched(Generic[T]):
    """What a file says, now; may be asked by many threads at once.

    A file is another when its inode, size or time of change is. One that cannot be read does not
    take the place of one that could: that is told once.
    """

    def __init__(
        self, path: Path, read: Callable[[Path], T], wrong: Callable[[str], SiemstressError]
    ) -> None:
        """Read the file. `read` raises OSError or ValueError, and `wrong` makes an error of that.

        Raises:
            SiemstressError: the file cannot be read.

        """
        self._path = path
        self._read = read
        self._wrong = wrong
        self._lock = threading.Lock()
        # Before it is read: what changes meanwhile is noticed by the next look.
        self._seen = _signature(path)
        self._trouble = ""
        try:
            self._value = read(path)
        except (OSError, ValueError) as e:
            raise wrong(_reason(path, e)) from e

    def now(self) -> T:
        """What the file says now."""
        found = _signature(self._path)
        if found != self._seen:
            with self._lock:
                if found != self._seen:
                    self._again(found)
        return self._value

    def _again(self, found: Signature | None) -> None:
        try:
            self._value = self._read(self._path)
        except (OSError, ValueError) as e:
            reason = _reason(self._path, e)
            if reason != self._trouble:
                tell(f"{self._wrong(reason)}; it is used as it was before")
            self._trouble = reason
        else:
            self._trouble = ""
        self._seen = found


def _signature(path: Path) -> Signature | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _reason(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"{path} cannot be read: {error.strerror or error}"
    if isinstance(error, UnicodeDecodeError):
        return f"{path} is not UTF-8 text"
    return f"{path} {error}"
