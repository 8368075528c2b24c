"""Log entries that upkeep has taken out of the log: kept whole, compressed, in `_chain`.

Delta needs an entry no longer once a checkpoint covers it. The chain does: only with all entries
does a head that was noted years ago still vouch for what is stored. A file holds some hundreds to
thousands of entries, each after its length in 8 bytes, the highest first, and is named by the
first and the last version in it.
"""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.errors import StoreError
from siemstress.store.folder import sync, sync_folder
from siemstress.store.history import entries, entry_path

if TYPE_CHECKING:
    import zstandard

CHAIN = "_chain"
MOST = 10_000
"""So many entries go to one file at the most."""
FEWEST = 500
"""Fewer are not worth a file."""

_NAME = re.compile(r"(\d{20})-(\d{20})\.zst\Z")
_LENGTH = 8
_LEVEL = 9
_PART = 1 << 20


@dataclass(frozen=True, order=True)
class Archive:
    """A file of entries: from version `first` to version `last`."""

    first: int
    last: int
    path: Path


def archives(table: Path) -> list[Archive]:
    """The files of entries, in order."""
    found = []
    try:
        names = os.listdir(table / CHAIN)
    except FileNotFoundError:
        return []
    for name in names:
        match = _NAME.match(name)
        if match:
            found.append(Archive(int(match[1]), int(match[2]), table / CHAIN / name))
    return sorted(found)


def first_archived(table: Path) -> int | None:
    """The oldest version whose entry is archived; None without any."""
    return min((a.first for a in archives(table)), default=None)


def last_archived(table: Path) -> int | None:
    """The newest version whose entry is archived; None without any."""
    return max((a.last for a in archives(table)), default=None)


def archive(table: Path, first: int, entries: Sequence[bytes]) -> None:
    """Write entries in a row, from version `first` on, to a file, durably, all or nothing.

    Raises:
        OSError: they cannot be written.

    """
    import zstandard

    path = table / CHAIN / f"{first:020}-{first + len(entries) - 1:020}.zst"
    content = b"".join(len(entry).to_bytes(_LENGTH, "big") + entry for entry in entries)
    new = path.with_name(f"{path.name}.tmp")
    try:
        new.write_bytes(zstandard.ZstdCompressor(level=_LEVEL).compress(content))
        sync(new)
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def move_entries(table: Path, before: int) -> int:
    """Move the log's entries of versions before this one to the archive; how many it were.

    Few are left where they are: they would make a small file, which is compressed badly. Only for
    one process at a time. It may be killed anywhere: an entry leaves the log after it is archived.

    Raises:
        OSError: the log or the archive cannot be read or written.

    """
    versions = [v for v in entries(table) if v < before]
    archived = last_archived(table)
    moved = 0
    if archived is not None:
        moved = _delete(table, [v for v in versions if v <= archived])
        versions = [v for v in versions if v > archived]
    if len(versions) < FEWEST:
        return moved
    for row in _rows(versions):
        archive(table, row[0], [entry_path(table, version).read_bytes() for version in row])
        moved += _delete(table, row)
    return moved


def _rows(versions: Sequence[int]) -> Iterator[Sequence[int]]:
    """Versions without a gap between them, not too many at once."""
    start = 0
    for at in range(1, len(versions) + 1):
        if at == len(versions) or versions[at] != versions[at - 1] + 1 or at - start == MOST:
            yield versions[start:at]
            start = at


def _delete(table: Path, versions: Sequence[int]) -> int:
    for version in versions:
        entry_path(table, version).unlink(missing_ok=True)
    return len(versions)


def history(table: Path, first: int) -> Iterator[tuple[int, bytes]]:
    """All entries from version `first` on, archived or in the log, up to the first that is missing.

    Entries may be archived meanwhile.

    Raises:
        StoreError: an archived entry, or one in the log, cannot be read; `at` is its version.

    """
    version = first
    known = archives(table)
    while True:
        holding = _holding(known, version)
        if holding is not None:
            yield from _read(holding, version)
            version = holding.last + 1
            continue
        try:
            entry = entry_path(table, version).read_bytes()
        except FileNotFoundError:
            known = archives(table)
            if _holding(known, version) is None:
                return
            continue
        except OSError as e:
            raise Unreadable(version, entry_path(table, version)) from e
        yield version, entry
        version += 1


class Unreadable(StoreError):
    """An entry cannot be read: the first one is that of version `at`."""

    def __init__(self, version: int, path: Path) -> None:
        super().__init__(f"holds no whole entry of version {version}", file=path)
        self.at = version


def _holding(known: Sequence[Archive], version: int) -> Archive | None:
    at = bisect.bisect_right(known, version, key=lambda a: a.first) - 1
    return known[at] if at >= 0 and version <= known[at].last else None


def _read(holding: Archive, start: int) -> Iterator[tuple[int, bytes]]:
    """The entries in a file from version `start` on."""
    import zstandard

    version = holding.first
    try:
        with (
            holding.path.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as content,
        ):
            for version in range(holding.first, holding.last + 1):
                length = int.from_bytes(_exactly(content, _LENGTH), "big")
                entry = _exactly(content, length)
                if version >= start:
                    yield version, entry
            if content.read(1):
                raise ValueError("there is more than it should hold")
    except (OSError, ValueError, MemoryError, OverflowError, zstandard.ZstdError) as e:
        raise Unreadable(version, holding.path) from e


def _exactly(content: zstandard.ZstdDecompressionReader, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:  # In parts: the length may have been tampered with.
        part = content.read(min(_PART, length - len(found)))
        if not part:
            raise ValueError("it ends too early")
        found += part
    return bytes(found)
