"""What parses and writes chunks: this process, and for large sources a second one.

Two threads would hinder each other: much of the work is many short calls from the interpreter,
which runs one thread at a time.
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
from typing import Protocol

import numpy as np

from siemstress.config import Config
from siemstress.errors import Failure
from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.sources.chunks import Buffer
from siemstress.sources.lines import PADDING, split
from siemstress.store.base import Staged, Store
from siemstress.store.opening import open_store

CHUNK = 5 << 20
"""What a worker takes at once, in bytes."""

Written = tuple[Sequence[Staged], int]
"""What has been written of a chunk, and how many of its lines no format could read."""


class Worker(Protocol):
    """Parses and writes the lines that are put into its buffer."""

    buffer: Buffer

    def write(self, size: int, clock: Clock, path: str | None, first_id: int) -> Written:
        """Parse the first `size` bytes of the buffer, and write their events."""


class LocalWorker:
    """Works in the calling thread."""

    def __init__(
        self, store: Store, table: str, parser: LineParser, buffer: Buffer | None = None
    ) -> None:
        self.buffer = np.zeros(CHUNK + PADDING, np.uint8) if buffer is None else buffer
        self._store = store
        self._table = table
        self._parser = parser

    def write(self, size: int, clock: Clock, path: str | None, first_id: int) -> Written:
        """Parse the first `size` bytes of the buffer, and write their events."""
        lines = split(self.buffer, size)
        parsed = self._parser.parse(lines, clock, path, first_id)
        return self._store.stage(self._table, parsed.events), parsed.unread


class WorkerProcess:
    """Works in a process of its own, with a buffer that both processes see.

    It ends with this process, however that ends. `ready` must be called before the first chunk.
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

    def ready(self) -> None:
        """Wait until the process has started."""
        self._answer()

    def write(self, size: int, clock: Clock, path: str | None, first_id: int) -> Written:
        """Parse the first `size` bytes of the buffer, and write their events."""
        self._connection.send((size, clock, path, first_id))
        answer = self._answer()
        if answer is None:
            raise Failure("the second siemparse process gave no answer")
        return answer

    def _answer(self) -> Written | None:
        try:
            answer: Written | BaseException | None = self._connection.recv()
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
            task = connection.recv()
        except EOFError:
            return
        try:
            connection.send(worker.write(*task))
        except Exception as e:  # the other process reports it
            connection.send(e)


if __name__ == "__main__":
    # Ctrl-C is the other process's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, ConnectionError):
        _serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
