"""A file of JSON lines."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path

from siemstress.notify.base import Kind, Notifier, NotSent, Options
from siemstress.notify.message import Message


class File(Notifier):
    """Appends each message as a line, all of it or nothing, on disk before it counts as sent."""

    def __init__(self, options: Options) -> None:
        options.needed("path")
        path = options.keys.path("path")
        assert path is not None  # noqa: S101 - it is needed
        if not path.parent.is_dir():
            raise options.keys.mistake("path", f"there is no folder {path.parent}")
        self._path: Path = path

    def send(self, messages: Sequence[Message]) -> None:
        """Append all of them."""
        lines = (json.dumps(m.values, ensure_ascii=False, default=str) for m in messages)
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        try:
            append(self._path, data)
        except OSError as e:
            raise NotSent(f"{self._path}: {e.strerror}") from None


def append(path: Path, data: bytes) -> None:
    """Append lines to a file that others may append to as well.

    Raises:
        OSError: it cannot be done; then nothing was appended.

    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    number = os.open(path, flags, 0o640)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        size = os.fstat(number).st_size
        if size and os.pread(number, 1, size - 1) != b"\n":
            data = b"\n" + data  # Somebody was killed within a line.
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(number, left) :]
            os.fsync(number)
        except OSError:
            os.ftruncate(number, size)
            raise
    finally:
        os.close(number)


FILE = Kind("file", frozenset({"path"}), File, rate=None, at_once=500)
