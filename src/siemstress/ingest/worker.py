"""What parses and stages chunks: threads of this process, and for large sources a second process.

Where this is all the work, two threads would hinder each other: much of it is many short calls
from the interpreter, which runs one thread at a time. Where a server does the larger share, two
threads are enough.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from siemstress.config import Config
from siemstress.errors import Failure
from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.sources.chunks import Buffer
from siemstress.sources.headings import START, Heading
from siemstress.sources.lines import PADDING, split
from siemstress.store.base import Staged, Store
from siemstress.store.opening import open_store

if TYPE_CHECKING:
    import polars as pl

CHUNK = 5 << 20
"""What a worker takes at once, in bytes."""


_Task = tuple[int, Clock, str | None, int, Heading] | None
"""What the second process is to parse; None: stage what it has parsed."""


class Worker(Protocol):
    """Parses the lines that are put into its buffer, and stages their events."""

    buffer: Buffer

    def ready(self) -> None:
        """Wait until it can work."""

    def parse(
        self, size: int, clock: Clock, path: str | None, first_id: int, heading: Heading = START
    ) -> int:  # fmt: skip
        """Parse the first `size` bytes of the buffer; how many lines no format could read.

        `heading` is what their source has said before.
        """

    def stage(self) -> Sequence[Staged]:
        """Stage the events that were parsed last; where that fails, it may be tried again."""


class LocalWorker:
    """Works in the calling thread."""

    def __init__(
        self, store: Store, table: str, parser: LineParser, buffer: Buffer | None = None
    ) -> None:
        self.buffer = np.zeros(CHUNK + PADDING, np.uint8) if buffer is None else buffer
        self._store = store
        self._table = table
        self._parser = parser
        self._events: pl.DataFrame | None = None

    def ready(self) -> None:
        """There is nothing to wait for."""

    def parse(
        self, size: int, clock: Clock, path: str | None, first_id: int, heading: Heading = START
    ) -> int:  # fmt: skip
        """Parse the first `size` bytes of the buffer; how many lines no format could read.

        `heading` is what their source has said before.
        """
        lines = split(self.buffer, size)
        parsed = self._parser.parse(lines, clock, path, first_id, heading=heading)
        self._events = parsed.events
        return parsed.unread

    def stage(self) -> Sequence[Staged]:
        """Stage the events that were parsed last."""
        if self._events is None:
            raise ValueError("nothing has been parsed")
        staged = self._store.stage(self._table, self._events)
        self._events = None
        return staged


class WorkerProcess:
    """Works in a process of its own, with a buffer that both processes see.

    It ends with this process, however that ends. `ready` must be called before the first chunk.
    What it cannot do for now it reports; it waits for nothing.
    """

    def __init__(self, config: Config, table: str, parser: LineParser) -> None:
        size = CHUNK + PADDING
        with tempfile.TemporaryFile() as file:
            # In memory where there is a place for that; a file without a name elsewhere.
            shared = os.memfd_create("siemparse") if hasattr(os, "memfd_create") else file.fileno()
            os.ftruncate(shared, size)
            self.buffer: Buffer = np.frombuffer(mmap.mmap(shared, size), np.uint8)
            ours, theirs = socket.socketpair()
            module = [sys.executable, "-P", "-m", __name__]
            self._process = subprocess.Popen(  # noqa: S603  # ourselves
                [*module, str(theirs.fileno()), str(shared)],
                pass_fds=(theirs.fileno(), shared),
                stdin=subprocess.DEVNULL,
            )
            if shared != file.fileno():
                os.close(shared)
        theirs.close()
        self._connection = Connection(ours.detach())
        self._connection.send((config, table, parser))
        self._started = False

    def ready(self) -> None:
        """Wait until the process has started."""
        if not self._started:
            self._answer()
            self._started = True

    def parse(
        self, size: int, clock: Clock, path: str | None, first_id: int, heading: Heading = START
    ) -> int:  # fmt: skip
        """Parse the first `size` bytes of the buffer; how many lines no format could read.

        `heading` is what their source has said before.
        """
        return cast("int", self._ask((size, clock, path, first_id, heading)))

    def stage(self) -> Sequence[Staged]:
        """Stage the events that were parsed last."""
        return cast("Sequence[Staged]", self._ask(None))

    def _ask(self, task: _Task) -> object:
        try:
            self._connection.send(task)
        except OSError as e:
            raise Failure("the second siemparse process has ended") from e
        return self._answer()

    def _answer(self) -> object:
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as e:
            raise Failure("the second siemparse process has ended") from e
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.wait()


def _serve(connection: Connection, shared: int) -> None:
    """The second process: take chunks until the other end is closed."""
    config, table, parser = connection.recv()
    buffer: Buffer = np.frombuffer(mmap.mmap(shared, CHUNK + PADDING), np.uint8)
    worker = LocalWorker(open_store(config), table, parser, buffer)
    connection.send(None)
    while True:
        try:
            task: _Task = connection.recv()
        except EOFError:
            return
        try:
            connection.send(worker.stage() if task is None else worker.parse(*task))
        except Exception as e:  # the other process reports it
            connection.send(e)


if __name__ == "__main__":
    # Ctrl-C is the other process's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, ConnectionError):
        _serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
