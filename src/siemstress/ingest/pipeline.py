"""From a source to committed events: workers parse and write, commits follow in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.ingest.worker import LocalWorker, Worker, WorkerProcess
from siemstress.sources.chunks import Buffer, Chunk, ChunkReader
from siemstress.sources.files import TAIL, pack
from siemstress.store.base import Advance, Staged, Store

# Sources from so many bytes on are shared with a second process.
LARGE = 48 << 20
# Chunks that wait for a commit at the most, and how long they wait, in seconds.
_WAITING = 8
_PATIENCE = 2.0


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
    `tail` the bytes just before where the chunks begin; `size` is about how many bytes there are.
    """

    reader: ChunkReader
    path: str | None
    clock: Clock
    consumers: Sequence[tuple[str, int | None]] = ()
    tail: bytes = b""
    size: int = 0


@dataclass(frozen=True)
class _Work:
    """A chunk in a worker's buffer: its number, its first event's id, the position behind it."""

    number: int
    chunk: Chunk
    first_id: int
    position: int


@dataclass(frozen=True)
class _Done:
    """A chunk that is written and waits for its commit."""

    work: _Work
    staged: Sequence[Staged]
    unread: int


class Pipeline:
    """Brings sources into one table of a store."""

    def __init__(
        self,
        store: Store,
        table: str,
        parser: LineParser,
        second: Callable[[], WorkerProcess] | None = None,
    ) -> None:
        """`second` starts another process to share the work on large sources with."""
        self.store = store
        self.table = table
        self.counts = Counts()
        self._worker = LocalWorker(store, table, parser)
        self._second = second
        self._process: WorkerProcess | None = None
        self.started = False

    def run(self, source: Source, watch: Callable[[], None] | None = None) -> None:
        """Bring in all of a source. `watch` is called now and then from the calling thread.

        Interrupted, it stores what is complete and in order, and raises what interrupted it.

        Raises:
            Conflict: another process brings in the same source.
            StoreError: the store cannot be written.

        """
        run = _Run(self, source)
        # Not the thread itself: a signal that arrives in a join makes Python 3.11 take the thread
        # for ended.
        ended = threading.Event()
        other = None
        try:
            if self._second is not None and source.size >= LARGE:
                self._process = self._process or self._second()
                other = threading.Thread(target=run.with_process, args=(self._process, ended))
                other.start()
            run.work(self._worker, watch)
            # Short waits: a signal does not end a longer one everywhere.
            while other is not None and not ended.wait(0.1):
                if watch is not None:
                    watch()
        finally:
            run.stopped.set()
            if other is not None and other.ident is not None:
                ended.wait()
            run.finish()
        if run.error is not None:
            raise run.error

    def close(self) -> None:
        """End the second process, if there is one."""
        if self._process is not None:
            self._process.close()
            self._process = None
            self.started = False


@dataclass
class _Run:
    """One source's way through the pipeline, shared by the workers."""

    pipeline: Pipeline
    source: Source
    stopped: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _committing: threading.Lock = field(default_factory=threading.Lock)
    _handed_out: int = 0
    _committed: int = 0
    _waiting: dict[int, _Done] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._tail = self.source.tail
        self._positions = dict(self.source.consumers)

    def take(self, buffer: Buffer) -> _Work | None:
        """Fill a buffer with the next chunk; None at the end."""
        with self._reading:
            if self.stopped.is_set():
                return None
            chunk = self.source.reader.fill(buffer)
            if chunk is None:
                return None
            if chunk.size >= TAIL:
                self._tail = buffer[chunk.size - TAIL : chunk.size].tobytes()
            else:
                self._tail = (self._tail + buffer[: chunk.size].tobytes())[-TAIL:]
            first_id = self.pipeline.store.take_ids(chunk.lines)
            self._handed_out += 1
            return _Work(self._handed_out - 1, chunk, first_id, pack(chunk.end, self._tail))

    def with_process(self, process: WorkerProcess, ended: threading.Event) -> None:
        """A thread's life: keep the other process at work."""
        try:
            if not self.pipeline.started:
                process.ready()
                self.pipeline.started = True
            self.work(process)
        except BaseException as e:  # handed to the thread that waits for this one
            self.error = self.error or e
            self.stopped.set()
        finally:
            ended.set()

    def work(self, worker: Worker, watch: Callable[[], None] | None = None) -> None:
        """Parse, write and commit chunks until there are none."""
        while (work := self.take(worker.buffer)) is not None:
            staged, unread = worker.write(
                work.chunk.size, self.source.clock, self.source.path, work.first_id
            )
            self._commit(_Done(work, staged, unread))
            if watch is not None:
                watch()

    def _commit(self, done: _Done) -> None:
        """Commit what is in order, unless another worker is at it or more may come soon."""
        self._waiting[done.work.number] = done
        soon = done.work.chunk.complete and len(self._waiting) < _WAITING
        if soon and time.monotonic() - self._since < _PATIENCE:
            return
        with self._committing:
            _undisturbed(self._commit_waiting)

    def _commit_waiting(self) -> None:
        ready: list[_Done] = []
        while self._committed + len(ready) in self._waiting:
            ready.append(self._waiting[self._committed + len(ready)])
        if not ready or self.error is not None:
            return
        position = ready[-1].work.position
        pipeline = self.pipeline
        pipeline.store.commit(
            pipeline.table,
            [file for done in ready for file in done.staged],
            [Advance(name, at, position) for name, at in self._positions.items()],
        )
        self._positions = dict.fromkeys(self._positions, position)
        for done in ready:
            del self._waiting[done.work.number]
            pipeline.counts.lines += done.work.chunk.lines
            pipeline.counts.bytes += done.work.chunk.size
            pipeline.counts.unread += done.unread
        self._committed += len(ready)
        self._since = time.monotonic()

    def finish(self) -> None:
        """Commit what is in order and forget what is not."""
        try:
            with self._committing:
                _undisturbed(self._commit_waiting)
        except BaseException as e:
            self.error = self.error or e
        left = [file for done in self._waiting.values() for file in done.staged]
        self._waiting.clear()
        self.pipeline.store.discard(left)


def _undisturbed(action: Callable[[], None]) -> None:
    """Run an action to its end; a signal that arrives meanwhile is raised afterwards.

    Broken off in the middle, nobody could tell whether a commit has been made.
    """
    raised: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            action()
        except BaseException as e:  # handed to the thread that waits for this one
            raised.append(e)
        finally:
            ended.set()

    # Python raises what signals raise in the main thread only.
    threading.Thread(target=run).start()
    while not ended.is_set():
        try:
            ended.wait()
        except BaseException as e:
            raised.append(e)
    if raised:
        raise raised[0]
