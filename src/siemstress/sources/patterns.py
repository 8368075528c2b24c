"""Which files patterns stand for, and what rotations have put aside of these."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from stat import S_ISREG

from siemstress.sources.files import stem_of

_MAGIC = frozenset("*?[")


@dataclass(frozen=True)
class Found:
    """A file: its path, device and inode, size in bytes and modification time in ns."""

    path: str
    key: tuple[int, int]
    size: int
    modified: int


def expand(patterns: Iterable[str]) -> list[str]:
    """The paths that patterns stand for now, each once, in the patterns' order.

    A path without `*`, `?` and `[`, or that is there as it is written, stands for itself.
    """
    paths: dict[str, None] = {}
    for pattern in patterns:
        if not _MAGIC & set(pattern) or os.path.lexists(pattern):
            paths[pattern] = None
            continue
        paths.update(dict.fromkeys(sorted(glob.glob(pattern, recursive=True))))
    return list(paths)


def look(path: str) -> Found | None:
    """A path's file as it is now; None where there is none, or one that cannot be followed."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not S_ISREG(status.st_mode):
        return None
    key = (status.st_dev, status.st_ino)
    return Found(path, key, status.st_size, status.st_mtime_ns)


def put_aside(paths: Sequence[str]) -> Iterator[Found]:
    """Files beside these that a rotation has put aside: of the same name but for what it adds."""
    wanted: dict[str, set[str]] = {}
    for path in paths:
        real = os.path.realpath(path)
        wanted.setdefault(os.path.dirname(real), set()).add(stem_of(real))
    known = {os.path.realpath(path) for path in paths}
    for folder, stems in wanted.items():
        for name in _names(folder):
            path = os.path.join(folder, name)
            if path not in known and stem_of(path) in stems and (found := look(path)) is not None:
                yield found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
