"""Verifying a table: fold its chain again, and hash its files.

Nothing is written and nobody is held up: writers, merging, retention and the log's clean-up may
go on meanwhile. What is checked is the table as of the moment when it begins.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from siemstress.errors import StoreError
from siemstress.store.chain import (
    MENTION,
    Seal,
    SealsFile,
    beginning,
    digest_of,
    next_head,
    seals_of,
)
from siemstress.store.chain_account import Account, Refused, Stored
from siemstress.store.chain_anchor import Anchor
from siemstress.store.chain_archive import Unreadable, first_archived, history
from siemstress.store.chain_files import data_files, differing, first_wrong
from siemstress.store.files import LiveFile
from siemstress.store.folder import Folder
from siemstress.store.history import checkpoints, consumers, entries, first_entry
from siemstress.store.log import TableLog


@dataclass(frozen=True)
class Fault:
    """What is not as it was; `version` is the first commit that is touched."""

    version: int
    text: str

    def __str__(self) -> str:
        return f"version {self.version}: {self.text}"


@dataclass
class Verdict:
    """What was found in a table; it is as it was where `fault` is None.

    `first` and `last` are the versions that were checked, `sealed` the last one that had been
    sealed, `older` the files from before the chain, `unnamed` those that no entry names.
    """

    first: int
    last: int
    sealed: int | None = None
    head: bytes = b""
    files: int = 0
    bytes: int = 0
    rows: int = 0
    expired: int = 0
    merges: int = 0
    reparsed: int = 0
    older: int = 0
    unnamed: int = 0
    anchors: int = 0
    fault: Fault | None = None


def verify(folder: Folder, table: str, anchors: Sequence[Anchor] = ()) -> Verdict:
    """Check a table's chain and files, and that the chain passes through the anchors.

    Raises:
        StoreError: the table cannot be read, for another reason than a fault that was found.

    """
    log = TableLog(folder, table)
    # What was sealed before the table is looked at must be in it; what its entries know of seals
    # must be among those that are there afterwards.
    promised = _sealed_end(log.path)
    problem, snapshot, identity = None, None, None
    try:
        snapshot, identity = log.snapshot(), log.identity()
    except StoreError as e:
        problem = e
    checkpoint = _checkpoint(log.path, snapshot.version) if snapshot else None
    with seals_of(log.path) as seals:
        last = snapshot.version if snapshot else max(entries(log.path), default=-1)
        fold = _Fold(log.path, seals, identity, last, list(anchors), checkpoint)
        fold.run(promised)
    live = None if snapshot is None else {file.path: file for file in snapshot.files}
    fold.check_files(live, log)
    if snapshot is not None:
        fold.check_columns(snapshot.types)
    if fold.fault is None:
        if problem is not None:
            raise problem
        fold.finish()
    return fold.verdict


def head(folder: Folder, table: str) -> tuple[Seal, str] | None:
    """The chain's head as of now, and the table's identity; None without a table.

    Raises:
        StoreError: the table cannot be read, or its chain ends before its log does.

    """
    log = TableLog(folder, table)
    version, identity = log.version(), log.identity()
    if version is None or identity is None:
        return None
    with seals_of(log.path) as seals:
        seal = seals.last() if seals is not None and seals.whole else None
        if seal is None or seal.version > version:
            first = _first(log.path)
            seal = Seal(first - 1, beginning(identity, first))
    at, found = seal.version, seal.head
    for at, entry in history(log.path, seal.version + 1):
        found = next_head(found, digest_of(entry))
        if at == version:
            break
    if at < version:
        raise StoreError(f"version {at + 1} is missing; run siemmanage verify", file=log.path)
    return Seal(at, found), identity


def _checkpoint(table: Path, latest: int) -> tuple[int, dict[str, int]] | None:
    """The newest checkpoint's version, and the consumers' positions as it states them."""
    version = max((v for v in checkpoints(table) if v <= latest), default=None)
    if version is None:
        return None
    with contextlib.suppress(FileNotFoundError, KeyError):  # Another is in its place by now.
        return version, consumers(table, version)
    return None


def _first(table: Path) -> int:
    archived = first_archived(table)
    return first_entry(table) if archived is None else archived


def _sealed_end(table: Path) -> int | None:
    """The version after the last that has a seal; None without seals."""
    with seals_of(table) as seals:
        return seals.last().version + 1 if seals is not None and seals.whole else None


@dataclass
class _Fold:
    """The fold over a table's entries up to version `last`, and all that it is compared with."""

    table: Path
    seals: SealsFile | None
    identity: str | None
    last: int
    anchors: list[Anchor]
    checkpoint: tuple[int, dict[str, int]] | None
    account: Account = field(default_factory=lambda: Account(whole=True))
    verdict: Verdict = field(default_factory=lambda: Verdict(0, -1))
    sealed: int = -1
    good: int = -1
    """The newest version that a later entry has vouched for."""

    @property
    def fault(self) -> Fault | None:
        """The first fault found so far."""
        return self.verdict.fault

    def blame(self, version: int, text: str) -> None:
        """Note a fault, unless an earlier one is known."""
        if self.fault is None or version < self.fault.version:
            self.verdict.fault = Fault(version, text)

    def run(self, promised: int | None) -> None:
        """Fold, up to the first fault. `promised` versions had been sealed before."""
        sealed = self.seals is not None and self.seals.whole
        first = self.seals.first if self.seals is not None and sealed else _first(self.table)
        self.sealed = self.seals.last().version if self.seals is not None and sealed else -1
        self.account.whole = first == 0
        self.account.unnamed = data_files(self.table)
        self.good = first - 1
        head = beginning(self.identity, first) if self.identity is not None else None
        if self.seals is not None and not (sealed and head in (None, self.seals.before)):
            self.blame(first, "the beginning of the seals was changed")
            return
        if head is None:
            head = self.seals.before if self.seals is not None else b""
        self.verdict = Verdict(first, self.last, head=head, sealed=first - 1 if sealed else None)
        at = first - 1
        try:
            for version, entry in history(self.table, first):
                if version > self.last:
                    break
                at = version
                self._take(version, entry)
                if self.fault is not None:
                    return
        except Unreadable as e:
            self.blame(e.at, str(e))
            return
        if at < max(self.last, (promised or 0) - 1):
            self.blame(at + 1, "its entry is missing from the log")

    def _take(self, version: int, entry: bytes) -> None:
        digest = digest_of(entry)
        head = next_head(self.verdict.head, digest)
        # What follows the last seal that is one was not written whole, as after a power cut.
        record = None
        if self.seals is not None and version <= self.sealed:
            record = self.seals.record(version)
        if record is not None and record.digest != digest:
            self.blame(version, "its log entry is not the one that was sealed")
            return
        if record is not None and record.head != head:
            self.blame(version, "its seal was changed")
            return
        if record is not None:
            self.verdict.sealed = version
        try:
            note = self.account.apply(version, entry)
        except Refused as e:
            self.blame(version, f"its log entry {e}")
            return
        self.verdict.head = head
        if self.checkpoint is not None and version == self.checkpoint[0] and self.account.whole:
            wrong = self.checkpoint[1].items() ^ self.account.positions.items()
            if wrong:
                self.blame(version, f"its checkpoint says otherwise of consumer {min(wrong)[0]}")
        self._check_mention(version, note.get(MENTION))
        self._check_anchors(version, head)

    def _check_mention(self, version: int, mention: object) -> None:
        """Compare what an entry's writer knew of the chain with the chain."""
        if mention is None:
            return
        try:
            known, head = int(mention["version"]), bytes.fromhex(mention["head"])  # type: ignore[index]  # that is tried
        except (TypeError, KeyError, ValueError):
            self.blame(version, "what its log entry says of the chain is no such thing")
            return
        record = self.seals.record(known) if self.seals is not None else None
        if record is None:
            gone = max(self.verdict.first, self.sealed + 1)
            self.blame(gone, f"its seal is gone; the writer of version {version} knew a later one")
        elif record.head != head or known >= version:
            self.blame(
                self.good + 1,
                f"this commit, or one up to version {known}, was changed and sealed anew; "
                f"version {version} knew another head",
            )
        else:
            self.good = max(self.good, known)

    def _check_anchors(self, version: int, head: bytes) -> None:
        for anchor in list(self.anchors):
            if anchor.head == head and anchor.version in (None, version):
                self.anchors.remove(anchor)
                self.verdict.anchors += 1
                self.good = max(self.good, version)
            elif anchor.version == version:
                self.blame(self.good + 1, _CHANGED.format(up_to=f" up to version {version}"))

    def check_files(self, live: dict[str, LiveFile] | None, log: TableLog) -> None:
        """Hash the files of the table that were added before the first fault."""
        limit = self.fault.version if self.fault else self.last + 1
        stored = [f for f in self.account.files.values() if f.version < limit]
        if self.fault is None and live is not None:
            self._compare(live)
        present = [f for f in stored if live is None or f.path in live]
        wrong = first_wrong(self.table, present, strict=self.fault is None)
        if wrong is not None and not (wrong.gone and _is_removed(log, wrong.file)):
            self.blame(wrong.file.version, wrong.text)
        self.verdict.files = len(present)
        self.verdict.bytes = sum(f.size for f in present)
        self.verdict.rows = sum(f.rows or 0 for f in present)

    def check_columns(self, types: Mapping[str, str]) -> None:
        """Compare the columns that readers see with those that the entries give the table."""
        known = self.account.columns
        if self.fault is None and self.account.whole and known != types.keys():
            wrong = min(known ^ types.keys())
            self.blame(self.last, f"the log's checkpoint says otherwise of the column {wrong}")

    def _compare(self, live: dict[str, LiveFile]) -> None:
        """Compare what readers are told by Delta's checkpoint with what the entries say."""
        files = self.account.files
        for path in sorted(files.keys() - live.keys()):
            self.blame(files[path].version, f"{path} is left out by the log's checkpoint")
        for path in sorted(files.keys() & live.keys()):
            if differing(files[path], live[path]):
                self.blame(files[path].version, f"the log's checkpoint says otherwise of {path}")
        unknown = live.keys() - files.keys()
        if unknown and self.account.whole:
            self.blame(self.last, f"{min(unknown)} is in the log's checkpoint only")
        self.verdict.older = len(unknown)

    def finish(self) -> None:
        """What is left to say once nothing was found in the table itself."""
        for anchor in self.anchors:
            if anchor.identity not in (None, self.identity):
                text = "is of another table, which was here before"
            elif anchor.version is not None and anchor.version > self.last:
                text = "is newer than the table: commits were cut off its end"
            elif anchor.version is not None and anchor.version < self.verdict.first:
                text = "is older than the chain, which was begun anew"
            else:
                text = "is no head of this table: a commit was changed"
            version = self.last if anchor.version is None else anchor.version
            self.blame(version, f"the anchor {anchor.head.hex()[:16]} {text}")
        self.verdict.expired = self.account.expired
        self.verdict.merges = self.account.merges
        self.verdict.reparsed = self.account.reparsed
        self.verdict.unnamed = len(self.account.unnamed)


_CHANGED = "this commit, or a later one{up_to}, was changed: the chain misses the anchor"


def _is_removed(log: TableLog, file: Stored) -> bool:
    """Whether a file has left the table since it was looked at."""
    snapshot = log.snapshot()
    return snapshot is not None and all(f.path != file.path for f in snapshot.files)
