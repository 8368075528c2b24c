"""The lake: a folder of Delta Lake tables, one per kind of log, that any program can read."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.errors import SiemstressError, StoreError
from siemstress.store import claims, ids, texts
from siemstress.store.base import (
    Advance,
    Bounds,
    Change,
    Claim,
    Expired,
    Limits,
    Part,
    Repaired,
    Scan,
    Staged,
    TableStatus,
    check_advances,
    distinct_names,
)
from siemstress.store.checks import transaction_name
from siemstress.store.columns import ALERT_TYPES, EVENT_TYPES
from siemstress.store.files import pruned, row_count
from siemstress.store.folder import IDS, Folder, failure
from siemstress.store.history import VERSION, between, consumers
from siemstress.store.log import UPKEEP, TableLog, Uncertain
from siemstress.store.readers import reading
from siemstress.store.write import StagedFile, discard, stage

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from sqlglot import exp

    from siemstress.store.views import Relation


_NO_BOUNDS = Bounds()
_NO_LIMITS = Limits()


class Lake:
    """The embedded store. Threads and processes may use one folder at once."""

    lanes = 1
    notes: Sequence[str] = ()

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)
        self._logs: dict[str, TableLog] = {}
        self._lock = threading.Lock()
        self._made = False

    def stage(self, table: str, events: pl.DataFrame) -> Sequence[Staged]:
        """Write rows to files that a commit can make part of the table; see `Store.stage`."""
        self._make()
        folder = self.folder.table(table)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as e:
            raise failure(e, folder) from e
        return stage(folder, table, events)

    def commit(
        self,
        table: str,
        staged: Sequence[Staged],
        advances: Sequence[Advance] = (),
        *,
        turn: Callable[[], None] | None = None,
    ) -> int:
        """Make staged files and positions part of the table; see `Store.commit`."""
        from deltalake.transaction import AddAction

        self._make()
        files = _own(staged, table)
        _check_advances(advances)
        types = _types(files)
        adds = [AddAction(f.path.name, f.size, {}, f.modified, True, f.stats) for f in files]
        if turn is not None:
            turn()
        hashes = {"sha256": {f.path.name: f.sha256 for f in files}} if files else {}
        for file in files:
            file.state = "uncertain"
        try:
            version = self._log(table).commit(adds, advances, types, hashes)
        except Uncertain:
            raise
        except SiemstressError:
            for file in files:
                file.state = "staged"
            raise
        for file in files:
            file.state = "committed"
        return version

    def discard(self, staged: Sequence[Staged]) -> None:
        """Delete staged files that no commit has taken."""
        discard([file for file in staged if isinstance(file, StagedFile)])

    def take_ids(self, count: int) -> int:
        """The first of `count` ids in a row that no one else gets."""
        self._make()
        return ids.take(self.folder.path / IDS, count, self._highest_id)

    def _highest_id(self) -> int:
        snapshots = (self._log(table).snapshot() for table in self.folder.tables())
        return max((f.id_max or 0 for s in snapshots if s for f in s.files), default=0)

    def position(self, table: str, consumer: str) -> int | None:
        """Where a consumer is; None when the table or the consumer is unknown."""
        return self._log(table).position(consumer)

    def version(self, table: str) -> int | None:
        """The table's version; None without a table."""
        return self._log(table).version()

    def claim(self, name: str) -> Claim | None:
        """Be the only one with a name; see `Store.claim`."""
        return claims.claimed(self.folder.path, name)

    def pulse(self, tables: Iterable[str]) -> Hashable:
        """When the tables' logs last got an entry; see `Store.pulse`."""
        return tuple(self.folder.changed(table) for table in tables)

    def identity(self, table: str) -> str | None:
        """Tells a table from another that came in its place; None without a table."""
        return self._log(table).identity()

    def tables(self) -> list[str]:
        """Names of the tables that exist, sorted."""
        return self.folder.tables()

    def columns(self, table: str) -> list[str]:
        """Names of a table's columns; the empty list without a table."""
        return list(self._log(table).types() or ())

    def select(
        self,
        query: exp.Query,
        scans: Mapping[str, Scan],
        *,
        batch_rows: int = 50_000,
        limits: Limits = _NO_LIMITS,
    ) -> pa.RecordBatchReader:
        """Run a query over the scans; see `Store.select`."""
        from siemstress.store.read import answer

        with ExitStack() as held:
            relations = self._relations(scans, held)
            return answer(query, relations, batch_rows, limits, held.pop_all())

    def select_typed(
        self,
        sql: str,
        scans: Mapping[str, Scan],
        *,
        batch_rows: int = 50_000,
        limits: Limits = _NO_LIMITS,
    ) -> pa.RecordBatchReader:
        """Run one SELECT that a user typed; see `Store.select_typed`."""
        from siemstress.store.read import answer_typed

        with ExitStack() as held:
            relations = self._relations(scans, held)
            return answer_typed(sql, relations, batch_rows, limits, held.pop_all())

    def _relations(self, scans: Mapping[str, Scan], held: ExitStack) -> dict[str, Relation]:
        """What each name stands for; the files stay there until `held` is closed.

        Names are the same in upper and lower case.
        """
        names = distinct_names(scans)
        for table in {scans[name].table for name in names}:
            log = self._log(table)
            held.enter_context(reading(log.path, log.version))
        return {name: self._relation(scans[name]) for name in names}

    def _relation(self, scan: Scan) -> Relation:
        from siemstress.store.views import Relation

        log = self._log(scan.table)
        snapshot = log.snapshot()
        if snapshot is None:
            return Relation(ALERT_TYPES, derived=scan.derived, where=scan.where)
        chosen = between(log.path, snapshot.files, scan.after, scan.upto, snapshot.version)
        wanted = {f.path for f in pruned((c.file for c in chosen), scan.bounds)}
        chosen = [c for c in chosen if c.file.path in wanted]
        return Relation(
            {name: delta for name, delta in snapshot.types.items() if name != VERSION},
            [str(log.path / c.file.path) for c in chosen if not c.by_row],
            [str(log.path / c.file.path) for c in chosen if c.by_row],
            -1 if scan.after is None else scan.after,
            snapshot.version if scan.upto is None else scan.upto,
            scan.derived,
            scan.where,
        )

    def status(self, table: str) -> TableStatus | None:
        """A table in numbers; None without a table."""
        log = self._log(table)
        snapshot = log.snapshot()
        if snapshot is None:
            return None
        files = snapshot.files
        known = consumers(log.path, snapshot.version)
        return TableStatus(
            table=table,
            rows=sum(row_count(log.path, file) for file in files),
            bytes=sum(file.size for file in files),
            files=len(files),
            version=snapshot.version,
            time_min=min((f.time_min for f in files if f.time_min), default=None),
            time_max=max((f.time_max for f in files if f.time_max), default=None),
            received_max=max((f.received_max for f in files if f.received_max), default=None),
            consumers={name: at for name, at in sorted(known.items()) if name != UPKEEP},
        )

    def drop(self, table: str) -> None:
        """Delete a table with its rows and positions; nothing happens without a table."""
        if self.folder.table(table).name in self.folder.tables():
            self.folder.drop(table)

    def expire(self, table: str, before: datetime) -> Expired:
        """Take files with older events only out of a table; see `Store.expire`."""
        from siemstress.store.expire import expire

        if table not in self.folder.tables():
            return Expired()
        return expire(self._log(table), before)

    def shrink(self, table: str, size: int) -> Expired:
        """Take the oldest events out of a table that is too large; see `Store.shrink`."""
        from siemstress.store.shrink import shrink

        if table not in self.folder.tables():
            return Expired()
        return shrink(self._log(table), size)

    def excess(self, table: str, size: int) -> datetime | None:
        """The time before which events are too many; see `Store.excess`."""
        from siemstress.store.shrink import excess

        return excess(self._log(table), size)

    def parts(self, table: str, bounds: Bounds = _NO_BOUNDS) -> Iterator[Part]:
        """The table's files; see `Store.parts`."""
        from siemstress.store.replace import parts

        return parts(self._log(table), bounds)

    def read(self, part: Part) -> Iterator[pl.DataFrame]:
        """A file's rows; see `Store.read`."""
        from siemstress.store.replace import read

        return read(self._log(part.table), part)

    def replace(self, part: Part, change: Change) -> tuple[int, Part]:
        """Write a file anew where rows change; see `Store.replace`."""
        from siemstress.store.replace import replace

        return replace(self._log(part.table), part, change)

    def compact(self, table: str) -> Mapping[str, int]:
        """Merge small files, delete leftovers, shorten the log; counts for the user."""
        from siemstress.store.upkeep import compact

        self.folder.empty_trash()
        return compact(self._log(table))

    def repair(self, table: str) -> Repaired:
        """Put right what a power cut left in a table's log, and look for files that are lost."""
        from siemstress.store.repair import missing_files, repair

        log = self._log(table)
        if table not in self.folder.tables():
            return Repaired()
        with self.folder.alone():
            done, lost = repair(log.path)
        snapshot = None if lost else log.snapshot()
        return Repaired(done, [*lost, *missing_files(log.path, snapshot.files if snapshot else [])])

    def load_text(self, name: str) -> str | None:
        """A text that was saved in the lake; see `Store.load_text`."""
        return texts.load(self.folder, name)

    def save_text(self, name: str, text: str) -> None:
        """Save a text in the lake; see `Store.save_text`."""
        self._make()
        texts.save(self.folder, name, text)

    def close(self) -> None:
        """Let go of the tables' logs."""
        self._logs.clear()

    def _log(self, table: str) -> TableLog:
        with self._lock:
            if table not in self._logs:
                self._logs[table] = TableLog(self.folder, table)
            return self._logs[table]

    def _make(self) -> None:
        if not self._made:
            self.folder.make()
            self._made = True


def _own(staged: Sequence[Staged], table: str) -> list[StagedFile]:
    """The staged files, if they are of this store and table, and still there as written."""
    files = []
    for file in staged:
        if not isinstance(file, StagedFile) or file.table != table or file.state != "staged":
            raise StoreError(f"these rows were not staged for {table}, or are committed already")
        try:
            size = file.path.stat().st_size
        except OSError as e:
            raise failure(e, file.path) from e
        if size != file.size:
            raise StoreError("is not as it was written", file=file.path)
        files.append(file)
    return files


def _types(files: Sequence[StagedFile]) -> dict[str, str]:
    """The columns that a table needs for these files, and their types."""
    types = dict(EVENT_TYPES)
    for file in files:
        for name, kind in file.types.items():
            if types.setdefault(name, kind) != kind:
                raise StoreError(f"column {name!r} is of types {types[name]} and {kind} at once")
    return types


def _check_advances(advances: Sequence[Advance]) -> None:
    # By the names that the log knows them by.
    logged = [dataclasses.replace(a, consumer=transaction_name(a.consumer)) for a in advances]
    check_advances(logged)
    if any(a.consumer == UPKEEP for a in logged):
        raise ValueError(f"no consumer can be called {UPKEEP}")
