"""A table's chain: what makes it plain that a stored commit was changed, moved, removed or added.

The chain is a fold over the entries of the table's log, in their order:

    digest(v) = SHA-256(the bytes of entry v)
    head(v)   = SHA-256(head(v - 1), digest(v))

It begins with a head that is made of the table's identity. Entries state the SHA-256 of every
data file that they add, so a head stands for all data and its order. A writer cannot know its
predecessor before it has won the commit; so the fold is done afterwards, by whoever commits, and
written down: the seals, a digest and a head for each version. A commit states the newest head
that its writer knew, so that the seals cannot be written anew without every later entry.

`_chain/seals` is a header of 64 bytes (a label, the first version as 8 bytes with the highest
first, the head before it) and 64 bytes for each version, its digest and its head. A record that
does not follow from the one before it was not written whole, and is written again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siemstress.store.chain_archive import CHAIN, first_archived, history, move_entries
from siemstress.store.folder import sync, sync_all, sync_folder
from siemstress.store.history import entry_path, first_entry

SEALS = "seals"
MENTION = "sealed"
"""The key in a commit's note under which the newest known seal stands."""

_LABEL = b"siemstress chain 1\n"
_HASH = 32
_RECORD = 2 * _HASH
# How many seconds lie between two syncs of the seals at least. What a power cut takes of them is
# folded again from the log; a commit mentions only what was synced.
_SYNC_EVERY = 1.0
_ONE_BY_ONE = 100


@dataclass(frozen=True)
class Seal:
    """The head of the chain at a version."""

    version: int
    head: bytes


@dataclass(frozen=True)
class Record:
    """What the seals say of a version."""

    digest: bytes
    head: bytes


def beginning(identity: str, first: int) -> bytes:
    """The head before a table's first version in the chain."""
    return hashlib.sha256(_LABEL + f"{identity}\n{first}\n".encode()).digest()


def digest_of(entry: bytes) -> bytes:
    """What an entry adds to the chain."""
    return hashlib.sha256(entry).digest()


def next_head(head: bytes, digest: bytes) -> bytes:
    """The head after an entry."""
    return hashlib.sha256(head + digest).digest()


class SealsFile:
    """The seals of a table as they stand in an open file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.header = os.pread(descriptor, _RECORD, 0)

    @property
    def whole(self) -> bool:
        """Whether the file begins as seals do."""
        return len(self.header) == _RECORD and self.header.startswith(_LABEL)

    @property
    def first(self) -> int:
        """The first version that is sealed."""
        return int.from_bytes(self.header[_RECORD - _HASH - 8 : _RECORD - _HASH], "big")

    @property
    def before(self) -> bytes:
        """The head before the first version."""
        return self.header[-_HASH:]

    def size(self) -> int:
        """How many bytes the file has."""
        return os.fstat(self._descriptor).st_size

    def end(self) -> int:
        """The version after the last one that has a record, whatever it says."""
        return self.first + max(0, self.size() // _RECORD - 1)

    def offset(self, version: int) -> int:
        """Where a version's record is."""
        return _RECORD * (1 + version - self.first)

    def record(self, version: int) -> Record | None:
        """The record of a version; None where there is none."""
        if version < self.first:
            return None
        found = os.pread(self._descriptor, _RECORD, self.offset(version))
        return Record(found[:_HASH], found[_HASH:]) if len(found) == _RECORD else None

    def last(self) -> Seal:
        """The last record that follows from the one before it."""
        for version in range(self.end() - 1, self.first - 1, -1):
            record = self.record(version)
            before = self.record(version - 1)
            head = before.head if before else self.before
            if record and record.head == next_head(head, record.digest):
                return Seal(version, record.head)
        return Seal(self.first - 1, self.before)


@contextlib.contextmanager
def seals_of(table: Path) -> Iterator[SealsFile | None]:
    """The seals of a table to read; None where there are none."""
    try:
        descriptor = os.open(table / CHAIN / SEALS, os.O_RDONLY)
    except FileNotFoundError:
        yield None
        return
    try:
        yield SealsFile(descriptor)
    finally:
        os.close(descriptor)


class Sealer:
    """Seals a table's commits; not for two threads at a time, but any number of processes."""

    def __init__(self, table: Path) -> None:
        self._table = table
        self._known: tuple[bytes, int, Seal] | None = None  # header, size, last
        self._durable: tuple[bytes, Seal] | None = None  # header, newest that was synced
        self._synced = float("-inf")

    def seal(self, identity: Callable[[], str], *, synced: int = -1, wait: bool = False) -> bool:
        """Seal what is in the log and not sealed yet; whether that was done.

        `synced` is the version up to which the log's entries are known to be on disk. Without
        `wait` nothing is done while another process is at it; with it, all is synced at the end.

        Raises:
            OSError: the seals or the log cannot be read or written.

        """
        with self._locked(wait=wait) as descriptor:
            if descriptor is None:
                return False
            file = SealsFile(descriptor)
            known = self._known
            new = known is None or known[:2] != (file.header, file.size())
            last = self._last(file, descriptor, identity) if known is None or new else known[2]
            file = SealsFile(descriptor)
            records = bytearray()
            version, head = last.version, last.head
            # Where others have sealed, they may have archived as well.
            source = history if new else _logged
            for following, entry in source(self._table, version + 1):
                if not is_whole(entry):
                    break  # As after a power cut: repair puts another in its place.
                version = following
                digest = digest_of(entry)
                head = next_head(head, digest)
                records += digest + head
            self._sync_entries(max(last.version, synced) + 1, version)
            at = file.offset(last.version + 1)
            if file.size() > at:
                os.ftruncate(descriptor, at)
            if records:
                _write_all(descriptor, bytes(records), at)
            last = Seal(version, head)
            self._known = (file.header, file.size(), last)
            if wait or time.monotonic() - self._synced >= _SYNC_EVERY:
                self._sync(descriptor, file.header, last)
        return True

    def mention(self) -> dict[str, Any]:
        """What a commit states of the chain: the newest seal that is surely on disk, if any."""
        try:
            with seals_of(self._table) as file:
                if file is None or not file.whole:
                    return {}
                if self._durable is None or self._durable[0] != file.header:
                    last = file.last()
                    if last.version < file.first:
                        return {}
                    sync(self._table / CHAIN / SEALS)
                    self._durable = (file.header, last)
        except OSError:
            return {}
        seal = self._durable[1]
        return {MENTION: {"version": seal.version, "head": seal.head.hex()}}

    def archive(self, before: int) -> int:
        """Move the entries of sealed versions before this one to the archive; how many it were.

        Raises:
            OSError: the log or the archive cannot be read or written.

        """
        with self._locked(wait=True) as descriptor:
            if descriptor is None:
                return 0
            file = SealsFile(descriptor)
            sealed = file.last().version + 1 if file.whole else 0
            return move_entries(self._table, min(before, sealed))

    @contextlib.contextmanager
    def _locked(self, *, wait: bool) -> Iterator[int | None]:
        """The seals' file, for this process alone; None if another has it and is not waited for."""
        folder = self._table / CHAIN
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            sync_folder(self._table)
        descriptor = os.open(folder / SEALS, os.O_RDWR | os.O_CREAT, 0o660)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield None
            else:
                yield descriptor
        finally:
            os.close(descriptor)

    def _last(self, file: SealsFile, descriptor: int, identity: Callable[[], str]) -> Seal:
        """The last version that is sealed; begins the chain where there is none."""
        if file.whole:
            return file.last()
        first = first_archived(self._table)
        first = first_entry(self._table) if first is None else first
        head = beginning(identity(), first)
        header = _LABEL.ljust(_RECORD - _HASH - 8, b"\0") + first.to_bytes(8, "big") + head
        os.ftruncate(descriptor, 0)
        _write_all(descriptor, header, 0)
        os.fsync(descriptor)
        sync_folder(self._table / CHAIN)
        return Seal(first - 1, head)

    def _sync_entries(self, first: int, last: int) -> None:
        """Make entries reach the disk: a sealed one must not be torn by a power cut."""
        if last - first < _ONE_BY_ONE:
            sync_all(entry_path(self._table, version) for version in range(first, last + 1))
        else:
            os.sync()  # The log of a table from before there were seals.

    def _sync(self, descriptor: int, header: bytes, last: Seal) -> None:
        os.fdatasync(descriptor)
        self._synced = time.monotonic()
        if last.version >= SealsFile(descriptor).first:
            self._durable = (header, last)


def is_whole(entry: bytes) -> bool:
    """Whether these are the bytes of an entry; not so where a power cut has torn or emptied it."""
    lines = entry.splitlines()
    try:
        return bool(lines) and all(json.loads(line) for line in lines if line.strip())
    except ValueError:
        return False


def _logged(table: Path, first: int) -> Iterator[tuple[int, bytes]]:
    """The entries in the log from version `first` on."""
    for version in itertools.count(first):
        try:
            yield version, entry_path(table, version).read_bytes()
        except FileNotFoundError:
            return


def _write_all(descriptor: int, content: bytes, at: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, at)
        content, at = content[written:], at + written
