"""From a source to committed events: workers parse and stage, commits follow in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.ingest.patience import Patience
from siemstress.ingest.worker import LocalWorker, Worker, WorkerProcess
from siemstress.sources.chunks import Buffer, Chunk, ChunkReader
from siemstress.sources.files import TAIL, pack
from siemstress.sources.headings import START, Heading
from siemstress.store.base import Advance, Staged, Store

T = TypeVar("T")

# Sources from so many bytes on are shared with a second process.
LARGE = 48 << 20
# Chunks that wait for a commit at the most, and how long they wait, in seconds.
_WAITING = 8
_SOON = 2.0
# Chunks that are read and not yet stored, at the most.
_AHEAD = 16
# Seconds: how often the caller is told, and how long an interrupted run may take to end.
_WATCH = 0.1
_GRACE = 10.0


@dataclass
class Counts:
    """What has been stored: lines and bytes; and how many lines no format could read."""

    lines: int = 0
    unread: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Source:
    """A source under way: its chunks, its label, how its stamps are read.

    `consumers` are the names that its position is kept under, with what is stored of each, and
    `tail` the bytes just before where the chunks begin, and `heading` what stands before them of
    what later lines mean; `size` is about how many bytes there are.
    `stop` ends a source that cannot be read twice: what was read of it is still stored.
    """

    reader: ChunkReader
    path: str | None
    clock: Clock
    consumers: Sequence[tuple[str, int | None]] = ()
    tail: bytes = b""
    size: int = 0
    heading: Heading = START
    stop: Callable[[], None] | None = None


@dataclass(frozen=True)
class _Work:
    """A chunk in a worker's buffer: its number, its first event's id, where it begins and ends.

    `before` is None for the first one, which begins where its source does. `heading` is what the
    source has said by then.
    """

    number: int
    chunk: Chunk
    first_id: int
    before: int | None
    position: int
    heading: Heading


@dataclass(frozen=True)
class _Done:
    """A chunk that is staged and waits for its commit."""

    work: _Work
    staged: Sequence[Staged]
    unread: int


class _Ended(Exception):
    """Another worker has failed: this one's work is of no use any more."""


class _GivesWay(Exception):
    """The commit before this one waits for the store, which may want what this one holds."""


class Pipeline:
    """Brings sources into one table of a store."""

    def __init__(
        self,
        store: Store,
        table: str,
        parser: LineParser,
        patience: Patience,
        second: Callable[[], WorkerProcess] | None = None,
    ) -> None:
        """`second` starts another process to share the work on large sources with."""
        self.store = store
        self.table = table
        self.counts = Counts()
        self.patience = patience
        self.not_stored = 0
        """Lines that were read of the last source, and are not known to be stored."""
        self.certain = True
        """Whether it is known of all other lines that they are not stored."""
        self._local = [LocalWorker(store, table, parser) for _ in range(max(1, store.lanes))]
        self._second = second
        self._process: WorkerProcess | None = None

    def run(self, source: Source, watch: Callable[[], None] | None = None) -> None:
        """Bring in all of a source. `watch` is called now and then from the calling thread.

        Where the store is unavailable it waits. Interrupted, it stores what is complete and in
        order unless the store is unavailable, and raises what interrupted it.

        Raises:
            Conflict: another process brings in the same source.
            StoreError: the store cannot be written.

        """
        run = _Run(self, source)
        # All work is done by threads of their own: a signal's exception is raised in the main
        # thread, and must break off no commit.
        workers = self._workers(source)
        try:
            # A signal may come as soon as the first has begun to read.
            run.start(workers)
            # Short waits: a signal does not end a longer one everywhere.
            while not run.ended.wait(_WATCH):
                if watch is not None:
                    watch()
        except BaseException:
            run.stop()
            # A commit may hang as long as its server does; and who asks again need not wait.
            run.ended.wait(_GRACE)
            raise
        finally:
            self.certain = run.ended.is_set()
            self.not_stored = run.not_stored
        if run.error is not None:
            raise run.error

    def _workers(self, source: Source) -> Sequence[Worker]:
        if self._second is None or source.size < LARGE or self.store.lanes > 1:
            return self._local
        self._process = self._process or self._second()
        return [*self._local, self._process]

    def close(self) -> None:
        """End the second process, if there is one."""
        if self._process is not None:
            self._process.close()
            self._process = None


@dataclass
class _Run:
    """One source's way through the pipeline, shared by the workers.

    Its condition is that of the patience, so that whoever waits for one waits for both.
    """

    pipeline: Pipeline
    source: Source
    error: BaseException | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _committing: threading.Lock = field(default_factory=threading.Lock)
    _at_work: int = 0
    _lines: int = 0
    _lines_stored: int = 0
    _handed_out: int = 0
    _committed: int = 0
    _waiting: dict[int, _Done] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._tail = self.source.tail
        self._heading = self.source.heading
        self._position: int | None = None
        self._changed = self.pipeline.patience.changed

    @property
    def not_stored(self) -> int:
        """Lines that were read, and are not known to be stored."""
        return self._lines - self._lines_stored + self.source.reader.left

    def start(self, workers: Sequence[Worker]) -> None:
        """Set workers to work, each in a thread of its own."""
        self._at_work = len(workers)
        for worker in workers:
            # Not to be joined: a signal that arrives in a join makes Python 3.11 take the thread
            # for ended. The interpreter waits for them before it ends.
            threading.Thread(target=self._serve, args=(worker,)).start()

    def stop(self) -> None:
        """Read no more; wait for no store."""
        with self._changed:
            self._stopped.set()
            self._changed.notify_all()
        if self.source.stop is not None:
            self.source.stop()

    def _serve(self, worker: Worker) -> None:
        """A thread's life."""
        try:
            worker.ready()
            while (work := self._take(worker.buffer)) is not None:
                source = self.source
                unread = worker.parse(
                    work.chunk.size, source.clock, source.path, work.first_id, work.heading
                )
                self._commit(_Done(work, self._attempt(worker.stage), unread))
        except BaseException as e:  # handed to the thread that waits for this one
            self._fail(e)
        with self._changed:
            self._at_work -= 1
            last = not self._at_work
        if last:
            self._finish()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self.error is None and not isinstance(error, _Ended):
                self.error = error
            self._stopped.set()
            self._changed.notify_all()

    def _attempt(self, call: Callable[[], T]) -> T:
        return self.pipeline.patience.attempt(call, self._stopped.is_set)

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.error is not None or condition())
            if self.error is not None:
                raise _Ended

    # Reading --------------------------------------------------------------------------------

    def _take(self, buffer: Buffer) -> _Work | None:
        """Fill a buffer with the next chunk; None at the end."""
        with self._reading:
            self._wait_for(lambda: self._handed_out - self._committed < _AHEAD)
            if self._stopped.is_set() and self.source.stop is None:
                return None
            chunk = self.source.reader.fill(buffer)
            if chunk is None:
                return None
            self._lines += chunk.lines
            if chunk.size >= TAIL:
                self._tail = buffer[chunk.size - TAIL : chunk.size].tobytes()
            else:
                self._tail = (self._tail + buffer[: chunk.size].tobytes())[-TAIL:]
            first_id = self._attempt(lambda: self.pipeline.store.take_ids(chunk.lines))
            before, self._position = self._position, pack(chunk.end, self._tail)
            heading, self._heading = self._heading, self._heading.after(buffer[: chunk.size])
            self._handed_out += 1
            return _Work(self._handed_out - 1, chunk, first_id, before, self._position, heading)

    # Committing -----------------------------------------------------------------------------

    def _commit(self, done: _Done) -> None:
        """Commit a chunk: with several lanes by itself, else with others if these come soon."""
        self._waiting[done.work.number] = done
        if self.pipeline.store.lanes > 1:
            self._make([done])
            return
        soon = done.work.chunk.complete and len(self._waiting) < _WAITING
        if not soon or time.monotonic() - self._since >= _SOON:
            with self._committing:
                self._make(self._in_order())

    def _in_order(self) -> list[_Done]:
        ready: list[_Done] = []
        while self._committed + len(ready) in self._waiting:
            ready.append(self._waiting[self._committed + len(ready)])
        return ready

    def _make(self, batch: Sequence[_Done]) -> None:
        """Commit chunks that follow one another."""
        if not batch:
            return
        first, last = batch[0].work, batch[-1].work
        staged = [one for done in batch for one in done.staged]
        advances = [
            Advance(name, at if first.before is None else first.before, last.position)
            for name, at in self.source.consumers
        ]

        def commit() -> None:
            self._wait_for(lambda: self._is_next(first) or not self.pipeline.patience.trouble)
            store, table = self.pipeline.store, self.pipeline.table
            store.commit(table, staged, advances, turn=lambda: self._turn(first))

        while True:
            try:
                self._attempt(commit)
                break
            except _GivesWay:
                continue
        self._count(batch)

    def _is_next(self, work: _Work) -> bool:
        return self._committed == work.number

    def _turn(self, work: _Work) -> None:
        """Return once the chunk before has been committed."""
        self._wait_for(lambda: self._is_next(work) or self.pipeline.patience.trouble)
        if not self._is_next(work):
            raise _GivesWay

    def _count(self, batch: Sequence[_Done]) -> None:
        with self._changed:
            counts = self.pipeline.counts
            for done in batch:
                del self._waiting[done.work.number]
                self._lines_stored += done.work.chunk.lines
                counts.lines += done.work.chunk.lines
                counts.bytes += done.work.chunk.size
                counts.unread += done.unread
            self._committed += len(batch)
            self._since = time.monotonic()
            self._changed.notify_all()

    def _finish(self) -> None:
        """Commit what is in order and forget what is not."""
        try:
            if self.error is None:
                self._make(self._in_order())
        except BaseException as e:  # handed to the thread that waits for this one
            self._fail(e)
        try:
            left = [one for done in self._waiting.values() for one in done.staged]
            self._waiting.clear()
            self.pipeline.store.discard(left)
        except BaseException as e:
            self._fail(e)
        self.ended.set()
