"""Bytes to chunks of whole lines, and where in their source these stand."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from siemstress.sources.lines import PADDING

Buffer = npt.NDArray[np.uint8]

# A chunk has no more lines than this, so that its events fit one block of ids.
MOST_LINES = 1 << 20
# A pipe that falls silent hands over what it has after so many seconds.
PATIENCE = 1.0


class ByteStream(Protocol):
    """What bytes are read from."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read into a buffer; 0 at the end."""


Unpack = Callable[[ByteStream], ByteStream]
"""Makes a stream of lines of one that holds something else.

What is damaged in it, and was left out, is in the stream's `damage`, if it has one.
"""

Recognise = Callable[[bytes], Unpack | None]
"""Tells by its first bytes what makes lines of a source; None where it holds lines."""


@dataclass(frozen=True)
class Chunk:
    """Whole lines at the start of a buffer.

    `size` bytes, `lines` lines, from byte `start` of the source up to `end`. A line that fills a
    whole buffer is handed over in pieces. `complete` is false where a source that goes on had no
    more to give just then.
    """

    size: int
    lines: int
    start: int
    end: int
    complete: bool = True


class ChunkReader:
    """Fills buffers with whole lines, one after the other; `at` is where in the source it is."""

    def __init__(self, stream: ByteStream, start: int, wait: Callable[[float], bool] | None = None):
        """`start` is where in the source `stream` stands.

        `wait`, for sources that go on, tells whether there is something to read within a time in
        seconds.
        """
        self._stream = stream
        self.at = start
        self._left = b""
        self._wait = wait
        self._ended = False
        self.error: Exception | None = None

    @property
    def left(self) -> int:
        """How many lines have been read and not been handed over."""
        return self._left.count(b"\n") + (self._left[-1:] not in {b"", b"\n"})

    @property
    def damage(self) -> str | None:
        """What of the source was damaged and left out; None as long as nothing was."""
        return getattr(self._stream, "damage", None)

    def fill(self, buffer: Buffer) -> Chunk | None:
        """Put lines into a buffer; None at the end. The last line may lack its line feed.

        A source that turns out damaged ends there; `error` says how.
        """
        room = len(buffer) - PADDING
        size = len(self._left)
        buffer[:size] = np.frombuffer(self._left, np.uint8)
        self._left = b""
        size, complete = self._read(buffer, size, room)
        if not size:
            return None
        cut = size if self._ended else _after_last_line(buffer, size)
        if cut == 0:
            cut = size
        breaks = int(np.count_nonzero(buffer[:cut] == 10))
        if breaks > MOST_LINES:
            breaks = MOST_LINES
            cut = int(np.flatnonzero(buffer[:cut] == 10)[MOST_LINES - 1]) + 1
        self._left = buffer[cut:size].tobytes()
        start, self.at = self.at, self.at + cut
        lines = breaks + int(buffer[cut - 1] != 10)
        return Chunk(cut, lines, start, self.at, complete)

    def _read(self, buffer: Buffer, size: int, room: int) -> tuple[int, bool]:
        """Read until the buffer is full, the source ends, or falls silent behind a line."""
        deadline = time.monotonic() + PATIENCE
        while size < room and not self._ended:
            if self._wait is not None:
                quiet = not self._wait(max(0.0, deadline - time.monotonic()))
                late = time.monotonic() >= deadline
                if (quiet or late) and _after_last_line(buffer, size):
                    return size, False
                if quiet:
                    deadline = time.monotonic() + PATIENCE
                    continue
            try:
                got = self._stream.readinto(buffer.data[size:room])
            except Exception as e:
                # Whatever a damaged file makes its decoder raise, what came before counts.
                self.error = e
                got = 0
            if not got:
                self._ended = True
                break
            size += got
        return size, True


def _after_last_line(buffer: Buffer, size: int) -> int:
    """How many bytes there are up to and with the last line feed."""
    # Looked for from the end in ever larger parts: it is mostly near.
    part = 1024
    while True:
        low = max(0, size - part)
        found = np.flatnonzero(buffer[low:size] == 10)
        if len(found):
            return low + int(found[-1]) + 1
        if low == 0:
            return 0
        part *= 16


class PipeStream:
    """A pipe, socket or terminal, read as its bytes arrive, until another thread stops it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._stopped = threading.Event()
        self._bell, self._ring = os.pipe()

    def readinto(self, buffer: memoryview) -> int:
        """Read what there is, waiting for it; 0 at the end."""
        self.wait(None)
        return 0 if self._stopped.is_set() else os.readv(self._descriptor, [buffer])

    def wait(self, seconds: float | None) -> bool:
        """Whether there is something to read, or the end, within a time."""
        ready, _, _ = select.select([self._descriptor, self._bell], [], [], seconds)
        return bool(ready)

    def stop(self) -> None:
        """End the stream here; what has not been read stays in the pipe."""
        self._stopped.set()
        os.write(self._ring, b"\0")

    def close(self) -> None:
        """Let go of what is held; the pipe itself stays open."""
        os.close(self._bell)
        os.close(self._ring)
