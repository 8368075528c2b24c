"""A table's Delta log: its files as of now, consumers' positions, commits that survive a crash."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from siemstress.errors import StoreError
from siemstress.store.base import Advance
from siemstress.store.chain import Sealer
from siemstress.store.checks import (
    check_live,
    check_positions,
    identity_of,
    transaction_name,
    writer,
)
from siemstress.store.columns import delta_schema, delta_types, missing_columns
from siemstress.store.files import LiveFile, live_files
from siemstress.store.folder import LOG, Folder, failure, failure_of, sync_all, sync_folder
from siemstress.store.history import checkpoints, delete_checkpoints, entry_path, first_entry
from siemstress.store.refusals import is_cut, is_harmless, plain

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

# Each entry since the checkpoint that a handle started from costs every commit 0.5 ms, so there
# are many checkpoints, and handles are opened anew (in 5 ms) as they pass one.
CHECKPOINT_EVERY = 10
CHECKPOINTS_KEPT = 600.0  # seconds, for readers that are about to read them
ATTEMPTS = 50
_READS = 3
# The log is cut by upkeep alone. Files that were taken out are listed in each checkpoint for so
# long: a follower has tens of thousands of them in a day.
_PROPERTIES = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
}
UPKEEP = "upkeep"
_T = TypeVar("_T")


class Uncertain(StoreError):
    """The commit may have happened: its files must stay where they are."""


@dataclass(frozen=True)
class Snapshot:
    """A table as of one version: its columns with Delta's types, and its files."""

    version: int
    types: Mapping[str, str]
    files: Sequence[LiveFile]


class TableLog:
    """One table's log as this process sees it; threads may share it."""

    def __init__(self, folder: Folder, table: str) -> None:
        self.lake = folder
        self.name = table
        self.path = folder.table(table)
        self._lock = threading.RLock()
        self._handle: DeltaTable | None = None
        self._drops = 0
        self._started = -1
        self._synced = -1
        self._snapshot: Snapshot | None = None
        self._types: tuple[int, Mapping[str, str]] | None = None
        self._identity: str | None = None
        self._sealer = Sealer(self.path)

    def version(self) -> int | None:
        """The newest version; None without a table."""
        with self._lock, self.lake.shared() as drops:
            handle = self._open(drops)
            return handle.version() if handle else None

    def position(self, consumer: str) -> int | None:
        """Where a consumer is; None when the table or the consumer is unknown."""
        name = transaction_name(consumer)
        with self._lock, self.lake.shared() as drops:
            return self._read(drops, lambda handle: handle.transaction_version(name))

    def identity(self) -> str | None:
        """The id that Delta gave the table when it was made; None without a table."""
        with self._lock, self.lake.shared() as drops:
            handle = self._open(drops)
            if handle is not None and self._identity is None:
                self._identity = identity_of(handle)
            return self._identity if handle else None

    def types(self) -> Mapping[str, str] | None:
        """The newest version's columns with their types; None without a table."""
        with self._lock, self.lake.shared() as drops:
            handle = self._open(drops)
            return self._types_of(handle) if handle else None

    def snapshot(self) -> Snapshot | None:
        """The newest version's columns and files; None without a table."""
        with self._lock, self.lake.shared() as drops:
            return self._read(drops, self._snapshot_of)

    def _snapshot_of(self, handle: DeltaTable) -> Snapshot:
        if self._snapshot is None or self._snapshot.version != handle.version():
            self._snapshot = Snapshot(handle.version(), self._types_of(handle), live_files(handle))
        return self._snapshot

    def _types_of(self, handle: DeltaTable) -> Mapping[str, str]:
        version = handle.version()
        if self._types is None or self._types[0] != version:
            self._types = version, delta_types(handle.schema())
        return self._types[1]

    def commit(
        self,
        actions: Sequence[AddAction | RemoveAction],
        advances: Sequence[Advance],
        types: Mapping[str, str],
        metadata: Mapping[str, Any],
        *,
        live: Collection[str] | None = None,
    ) -> int:
        """Make the actions and the consumers' moves one durable version; gives its number.

        Creates the table and columns that it lacks. With `live`, files that must be part of the
        table still, nothing is created.

        Raises:
            Conflict: a consumer is not where it was expected, or a file is not live any more;
                nothing was written.
            StoreError: the log cannot be written.

        """
        from deltalake.exceptions import DeltaError

        token = uuid.uuid4().hex
        with self._lock, self.lake.shared() as drops:
            for attempt in range(ATTEMPTS):
                handle = self._opened(drops, types, create=live is None)
                error = self._widen(handle, types)
                try:
                    check_live(handle, live or ())
                    check_positions(handle, advances)
                except DeltaError as e:
                    if not is_cut(e):
                        raise failure_of(plain(e), self.path) from e
                    self._forget()
                    continue
                error = error or self._try_commit(handle, actions, advances, metadata, token)
                version = self._landed(handle.version(), token)
                if version is not None:
                    self._make_durable(handle.version(), version)
                    with contextlib.suppress(OSError):  # Then whoever commits next does it.
                        self._sealer.seal(partial(identity_of, handle), synced=self._synced)
                    return version
                if not error or not is_harmless(error):
                    raise failure_of(error or "the commit left no trace", self.path)
                time.sleep(min(0.2, 0.002 * 2 ** min(attempt, 6)))
                self._forget()
        raise StoreError(f"too many others commit: gave up after {ATTEMPTS} tries", file=self.path)

    def _try_commit(
        self,
        handle: DeltaTable,
        actions: Sequence[AddAction | RemoveAction],
        advances: Sequence[Advance],
        metadata: Mapping[str, Any],
        token: str,
    ) -> str | None:
        """Ask Delta to commit; what it says against it, in one line."""
        from deltalake.exceptions import DeltaError
        from deltalake.transaction import CommitProperties, PostCommitHookProperties, Transaction

        moves = [Transaction(transaction_name(a.consumer), a.to) for a in advances]
        properties = CommitProperties(
            app_transactions=moves,
            custom_metadata={
                **metadata,
                **self._sealer.mention(),
                "commit": token,
                "writer": writer(),
            },
            max_commit_retries=100,
        )
        # Checkpoints and clean-up have their own time and their own errors.
        hooks = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
        try:
            handle.create_write_transaction(
                list(actions),
                "append",
                handle.schema(),
                commit_properties=properties,
                post_commithook_properties=hooks,
            )
        except (DeltaError, OSError, ValueError) as e:
            return plain(e)
        return None

    def _landed(self, since: int, token: str) -> int | None:
        """The version after `since` that carries our token; None if the commit did not happen."""
        needle = f'"{token}"'.encode()
        version = since + 1
        while True:
            try:
                entry = entry_path(self.path, version).read_bytes()
            except FileNotFoundError:
                if version < first_entry(self.path):
                    raise Uncertain("the log was cut meanwhile", file=self.path) from None
                return None
            except OSError as e:
                raise Uncertain(f"the log cannot be read: {e}", file=self.path) from e
            if needle in entry:
                return version
            version += 1

    def _make_durable(self, read: int, version: int) -> None:
        """Sync the log entries that the commit stands on, and the folders that name its files."""
        try:
            first = self._synced if self._synced >= 0 else max(checkpoints(self.path), default=-1)
            sync_all(entry_path(self.path, v) for v in range(min(first, read) + 1, version + 1))
            sync_folder(self.path / LOG)
            sync_folder(self.path)
            if read <= 0:
                sync_folder(self.lake.path)
        except OSError as e:
            raise Uncertain(f"the commit did not reach the disk: {e}", file=self.path) from e
        self._synced = max(self._synced, version)
        if version % CHECKPOINT_EVERY == 0:
            with contextlib.suppress(StoreError):
                self.checkpoint()

    def checkpoint(self) -> int | None:
        """Write the table's state in one file and sync it; gives its version.

        Raises:
            StoreError: it cannot be written. The table is none the worse for it.

        """
        from deltalake.exceptions import DeltaError

        with self._lock, self.lake.shared() as drops:
            handle = self._open(drops)
            if handle is None:
                return None
            try:
                handle.create_checkpoint()
                log = self.path / LOG
                sync_all(log.glob(f"{handle.version():020}.checkpoint*"))
                sync_all([log / "_last_checkpoint"])
                sync_folder(log)
                delete_checkpoints(self.path, handle.version(), CHECKPOINTS_KEPT)
            except (DeltaError, OSError) as e:
                # Another may have written one, and have shortened the log that ours is read from.
                if max(checkpoints(self.path), default=-1) < handle.version():
                    raise StoreError(f"no checkpoint: {plain(e)}", file=self.path) from e
            return handle.version()

    def set_properties(self) -> None:
        """Give a table that an older version made the properties that new ones have."""
        from deltalake.exceptions import DeltaError
        from deltalake.transaction import PostCommitHookProperties

        with self._lock, self.lake.shared() as drops:
            handle = self._open(drops)
            if handle and not _PROPERTIES.items() <= handle.metadata().configuration.items():
                hooks = PostCommitHookProperties(
                    create_checkpoint=False, cleanup_expired_logs=False
                )
                with contextlib.suppress(DeltaError):  # Somebody was faster: the next time, then.
                    handle.alter.set_table_properties(_PROPERTIES, post_commithook_properties=hooks)
                self._forget()

    def archive(self, before: int) -> int:
        """Move the entries of versions before this one to the archive, sealed; how many it were.

        Raises:
            StoreError: the seals, the log or the archive cannot be read or written.

        """
        with self._lock, self.lake.shared():
            try:
                self._sealer.seal(lambda: self.identity() or "", synced=self._synced, wait=True)
                return self._sealer.archive(before)
            except OSError as e:
                raise failure(e, self.path) from e

    def _opened(self, drops: int, types: Mapping[str, str], *, create: bool) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        handle = self._open(drops)
        if handle is not None:
            return handle
        if not create:
            raise StoreError("the table is gone", file=self.path)
        problem: Exception | None = None
        try:
            DeltaTable.create(
                str(self.path),
                delta_schema(dict(types)),
                mode="error",
                configuration=_PROPERTIES,
            )
        except (DeltaError, OSError) as e:
            problem = e  # Most likely another process has made it just now.
        handle = self._open(drops)
        if handle is None:
            raise failure_of(f"cannot be made: {problem and plain(problem)}", self.path)
        return handle

    def _widen(self, handle: DeltaTable, types: Mapping[str, str]) -> str | None:
        """Add the columns that the table lacks; what Delta says against it, in one line."""
        from deltalake.exceptions import DeltaError
        from deltalake.transaction import PostCommitHookProperties

        missing = missing_columns(delta_types(handle.schema()), types, self.path)
        if not missing:
            return None
        hooks = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
        error = None
        try:
            handle.alter.add_columns(missing, post_commithook_properties=hooks)
        except DeltaError as e:
            error = plain(e)
        handle.update_incremental()
        # Another process may have added the same ones just now.
        return None if types.keys() <= delta_types(handle.schema()).keys() else error

    def _open(self, drops: int) -> DeltaTable | None:
        """The newest state of the table."""
        return self._read(drops, lambda handle: handle)

    def _read(self, drops: int, read: Callable[[DeltaTable], _T]) -> _T | None:
        """What is read of the newest state of the table; None without one.

        A state reads parts of the log only when they are asked for.
        """
        from deltalake.exceptions import DeltaError

        if drops != self._drops:
            self._forget()
            self._synced = -1
            self._drops = drops
        for attempt in range(_READS):
            try:
                handle = self._newest()
                return None if handle is None else read(handle)
            except (DeltaError, OSError, ValueError) as e:
                self._forget()
                if attempt == _READS - 1 or not is_cut(e):
                    raise StoreError(f"{plain(e)}{self._advice()}", file=self.path) from e
        return None

    def _newest(self) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            if self._handle is not None:
                # To look for the next entry is a hundred times quicker than to ask Delta.
                if entry_path(self.path, self._handle.version() + 1).exists():
                    self._handle.update_incremental()
                version = self._handle.version()
                if not entry_path(self.path, version).exists():
                    self._synced = -1  # The folder was deleted behind our back.
                elif version // CHECKPOINT_EVERY == self._started // CHECKPOINT_EVERY:
                    return self._handle
                self._forget()
            if not (self.path / LOG).is_dir():
                self.lake.check()
                return None
            self._handle = DeltaTable(str(self.path))
        except TableNotFoundError:
            return None
        self._started = self._handle.version()
        return self._handle

    def _forget(self) -> None:
        self._handle = None
        self._snapshot = None
        self._types = None
        self._identity = None

    def _advice(self) -> str:
        """What to do about the log, where its files are damaged."""
        from siemstress.store.repair import damage

        bad = damage(self.path)
        if not bad:
            return ""
        return f"; {bad[0].name} is damaged, as after a power cut: run siemmanage repair"
