"""From a source to committed events: workers parse and write, commits follow in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.sources.chunks import Buffer, Chunk, ChunkReader
from siemstress.sources.files import TAIL, pack
from siemstress.sources.lines import PADDING, split
from siemstress.store.base import Advance, Staged, Store

# What a worker reads at once, in bytes; and how many workers there are.
CHUNK = 14 << 20
WORKERS = 2
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
    `tail` the bytes just before where the chunks begin.
    """

    reader: ChunkReader
    path: str | None
    clock: Clock
    consumers: Sequence[tuple[str, int | None]] = ()
    tail: bytes = b""


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
        self, store: Store, table: str, parser: LineParser, workers: int = WORKERS
    ) -> None:
        self.store = store
        self.table = table
        self.parser = parser
        self.counts = Counts()
        self._workers = workers
        self._buffers: list[Buffer] = []

    def run(self, source: Source, watch: Callable[[], None] | None = None) -> None:
        """Bring in all of a source. `watch` is called now and then from the calling thread.

        Interrupted, it stores what is complete and in order, and raises what interrupted it.

        Raises:
            Conflict: another process brings in the same source.
            StoreError: the store cannot be written.

        """
        run = _Run(self, source)
        first = run.take(self._buffer(0))
        if first is not None and first.chunk.complete and first.chunk.size > CHUNK // 2:
            self._run_threads(run, first, watch)
        else:
            # A small source, or one that comes in drops, is not worth a thread.
            try:
                run.work(self._buffer(0), first, watch)
            finally:
                run.finish()
        if run.error is not None:
            raise run.error

    def _run_threads(self, run: _Run, first: _Work, watch: Callable[[], None] | None) -> None:
        threads = [
            threading.Thread(target=run.worker, args=(self._buffer(number), work), daemon=True)
            for number, work in enumerate([first, *[None] * (self._workers - 1)])
        ]
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                threads[0].join(0.1)
                threads[-1].join(0.1)
                if watch is not None:
                    watch()
        finally:
            run.stopped.set()
            for thread in threads:
                thread.join()
            run.finish()

    def _buffer(self, number: int) -> Buffer:
        while len(self._buffers) <= number:
            self._buffers.append(np.zeros(CHUNK + PADDING, np.uint8))
        return self._buffers[number]


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

    def worker(self, buffer: Buffer, work: _Work | None) -> None:
        """A thread's life."""
        try:
            self.work(buffer, work if work is not None else self.take(buffer))
        except BaseException as e:  # handed to the thread that waits for this one
            self.error = self.error or e
            self.stopped.set()

    def work(
        self, buffer: Buffer, work: _Work | None, watch: Callable[[], None] | None = None
    ) -> None:
        """Parse, write and commit chunks until there are none."""
        pipeline = self.pipeline
        while work is not None:
            lines = split(buffer, work.chunk.size)
            parsed = pipeline.parser.parse(
                lines, self.source.clock, self.source.path, work.first_id
            )
            staged = pipeline.store.stage(pipeline.table, parsed.events)
            done = _Done(work, staged, parsed.unread)
            del lines, parsed  # they look into the buffer
            self._commit(done)
            if watch is not None:
                watch()
            work = self.take(buffer)

    def _commit(self, done: _Done) -> None:
        """Commit what is in order, unless another worker is at it or more may come soon."""
        self._waiting[done.work.number] = done
        soon = done.work.chunk.complete and len(self._waiting) < _WAITING
        if soon and time.monotonic() - self._since < _PATIENCE:
            return
        with self._committing:
            self._commit_waiting()

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
                self._commit_waiting()
        except BaseException as e:
            self.error = self.error or e
        left = [file for done in self._waiting.values() for file in done.staged]
        self._waiting.clear()
        self.pipeline.store.discard(left)
