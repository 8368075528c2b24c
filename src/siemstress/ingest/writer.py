"""One thread that parses batches, writes and commits them, in their order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from siemstress.errors import Conflict
from siemstress.formats.clock import Clock
from siemstress.ingest.batch import Batch, groups, moves
from siemstress.ingest.parsing import LineParser
from siemstress.ingest.patience import Patience
from siemstress.ingest.pipeline import Counts
from siemstress.sources.pieces import Piece
from siemstress.store.base import Advance, Staged, Store

T = TypeVar("T")

# Batches in one commit, at the most.
_TOGETHER = 8
# How often a commit is tried again that another process was in the way of.
_ATTEMPTS = 50


@dataclass
class Target:
    """A table, how its lines are read, the zone of stamps that name none, and what is stored."""

    table: str
    parser: LineParser
    zone: str | int
    counts: Counts = field(default_factory=Counts)


@dataclass
class _Written:
    """Batches that are written and wait for their commit."""

    batches: list[Batch] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)
    lines: int = 0
    unread: int = 0
    bytes: int = 0

    @property
    def pieces(self) -> list[Piece]:
        return [piece for batch in self.batches for piece in batch.pieces]


class Writer:
    """Takes batches in the order in which they are put, and commits those of a table together."""

    def __init__(self, store: Store, flush: float, tell: Callable[[str], None]) -> None:
        """`flush` is how long a line may wait, in seconds; `tell` gets lines for the user."""
        self.error: BaseException | None = None
        self._store = store
        self._tell = tell
        self._longest = flush / 2
        self._patience = Patience(tell)
        self._queue: deque[tuple[Target, Batch]] = deque()
        self._written: dict[int, tuple[Target, _Written]] = {}
        self._known: dict[tuple[str, str], int] = {}
        # Whoever waits for the store waits for the end as well.
        self._changed = self._patience.changed
        self._pending = 0
        self._closing = threading.Event()
        # No daemon: what it leaves to C++ must be let go before the interpreter ends.
        self._thread = threading.Thread(target=self._live, name="writer")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def pending(self) -> int:
        """Bytes of lines that were put and are not stored yet."""
        return self._pending

    def put(self, target: Target, batch: Batch) -> None:
        """Have a batch stored."""
        with self._changed:
            self._pending += batch.size
            self._queue.append((target, batch))
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until something has been stored, or for so long."""
        with self._changed:
            self._changed.wait(seconds)

    def close(self) -> None:
        """Ask for the end, once all that was put is stored."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()

    def ended(self, seconds: float) -> bool:
        """Whether it has come to its end, wholly, within so long."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _live(self) -> None:
        try:
            while (item := self._next()) is not None:
                if item:
                    self._write(*item[0])
                self._commit_due()
        except BaseException as e:  # handed to the thread that looks at `error`
            self.error = e
        finally:
            for _, written in self._written.values():
                self._store.discard(written.staged)
            with self._changed:
                self._changed.notify_all()

    def _next(self) -> Sequence[tuple[Target, Batch]] | None:
        """The next batch in a list; an empty one when a commit is due first; None at the end."""
        with self._changed:
            while not self._queue:
                if self._closing.is_set() and not self._written:
                    return None
                wait = self._until_due()
                if wait is not None and wait <= 0:
                    return []
                self._changed.wait(wait)
            return [self._queue.popleft()]

    def _until_due(self) -> float | None:
        """Seconds until a commit is due; None without any."""
        if not self._written:
            return None
        if self._closing.is_set():
            return 0.0
        since = min(written.batches[0].since for _, written in self._written.values())
        return since + self._longest - time.monotonic()

    def _write(self, target: Target, batch: Batch) -> None:
        _, written = self._written.setdefault(id(target), (target, _Written()))
        written.batches.append(batch)
        self._patiently(self._stage, target, batch, written)

    def _stage(self, target: Target, batch: Batch, written: _Written) -> None:
        """Parse and write a batch; all of it or nothing is in `written` afterwards."""
        staged: list[Staged] = []
        lines = unread = size = 0
        now = time.time_ns() // 1000
        try:
            for group in groups(batch.pieces):
                clock = Clock(group.reference or now, target.zone, group.origins.is_one)
                first_id = self._store.take_ids(len(group.lines))
                parsed = target.parser.parse(group.lines, clock, group.origins, first_id)
                staged += self._store.stage(target.table, parsed.events)
                lines, unread = lines + parsed.lines, unread + parsed.unread
                size += group.size
        except BaseException:
            self._store.discard(staged)
            raise
        written.staged += staged
        written.lines += lines
        written.unread += unread
        written.bytes += size

    def _commit_due(self) -> None:
        now = time.monotonic()
        for key, (target, written) in list(self._written.items()):
            age = now - written.batches[0].since
            # In a flood what follows at once goes along.
            old = age >= self._longest * (2 if self._queue else 1)
            if old or len(written.batches) >= _TOGETHER or self._closing.is_set():
                self._count(target, self._commit(target, written))
                del self._written[key]

    def _count(self, target: Target, stored: _Written) -> None:
        target.counts.lines += stored.lines
        target.counts.unread += stored.unread
        target.counts.bytes += stored.bytes
        with self._changed:
            self._pending -= sum(batch.size for batch in stored.batches)
            self._changed.notify_all()

    def _commit(self, target: Target, written: _Written) -> _Written:
        """Commit; where another process has moved a consumer, what is left without it."""
        for attempt in range(_ATTEMPTS):
            advances = self._advances(target, written)
            if not written.staged and not advances:
                return written
            try:
                self._patiently(self._store.commit, target.table, written.staged, advances)
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
                if self._break_moved(target, written, advances):
                    written = self._again(target, written)
                continue
            for advance in advances:
                self._known[target.table, advance.consumer] = advance.to
            return written
        return written

    def _advances(self, target: Target, written: _Written) -> list[Advance]:
        advances = []
        for consumer, (expected, to) in moves(written.pieces).items():
            known = self._known.get((target.table, consumer), expected)
            advances.append(Advance(consumer, known, to))
        return advances

    def _break_moved(self, target: Target, written: _Written, advances: list[Advance]) -> bool:
        """Break the streams whose consumers are not where they should be; whether there are any."""
        moved = {
            a.consumer
            for a in advances
            if self._patiently(self._store.position, target.table, a.consumer) != a.expected
        }
        for consumer in moved:
            self._known.pop((target.table, consumer), None)
        streams = {id(p.stream): p for p in written.pieces if moved & p.moves.keys()}
        for piece in streams.values():
            if piece.stream is not None:
                piece.stream.broken = True
        return bool(streams)

    def _again(self, target: Target, written: _Written) -> _Written:
        """Write anew, without the streams that are broken."""
        self._store.discard(written.staged)
        again = _Written(written.batches)
        for batch in again.batches:
            self._patiently(self._stage, target, batch, again)
        self._written[id(target)] = (target, again)
        return again

    def _patiently(self, action: Callable[..., T], *arguments: object) -> T:
        """Do it; while the store is away, wait and try again, but not at a stop."""
        return self._patience.attempt(lambda: action(*arguments), self._closing.is_set)
