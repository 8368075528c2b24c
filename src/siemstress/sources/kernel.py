"""The kernel's ring of messages (/dev/kmsg), as lines of syslog.

A position is a message's number; the numbers begin anew with each boot, whose id is part of the
consumer's name. The format is described in the kernel's Documentation/ABI/testing/dev-kmsg.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from siemstress.errors import InputError
from siemstress.sources.pieces import Piece, Stream

DEVICE = "/dev/kmsg"
_RECORD = re.compile(rb"([0-9]+),([0-9]+),([0-9]+)[^;]*;([^\n]*)")
_LARGEST = 8192
# How many are read at once at the most.
_AT_ONCE = 2000


class Kernel:
    """Follows the kernel's messages. `position` gives where the store has a consumer."""

    def __init__(
        self, position: Callable[[str], int | None], selector: selectors.BaseSelector
    ) -> None:
        """Open the ring.

        Raises:
            InputError: it is not there, or may not be read.

        """
        self.more = False
        self._position = position
        self._notes: list[str] = []
        self._stream = Stream()
        self._next: int | None = None
        try:
            self._device = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError as e:
            raise InputError(e.strerror or str(e), file=DEVICE) from e
        self._consumer = f"kernel:{boot}"
        self._selector = selector
        selector.register(self._device, selectors.EVENT_READ)
        self._host = socket.gethostname()

    def gather(self, room: int) -> Sequence[Piece]:
        """What has come since."""
        self.more = False
        if room <= 0:
            return ()
        if self._next is None or self._stream.broken:
            if self._next is not None:
                os.lseek(self._device, 0, os.SEEK_SET)
            stored = self._position(self._consumer)
            self._stream = Stream({self._consumer: stored})
            self._next = 0 if stored is None else stored + 1
        lines: list[bytes] = []
        for _ in range(_AT_ONCE):
            try:
                record = os.read(self._device, _LARGEST)
            except BlockingIOError:
                break
            except BrokenPipeError:
                # The ring went round; the next message's number tells how much is gone.
                continue
            except OSError as e:
                self._notes.append(f"{DEVICE}: {e.strerror}")
                break
            if (line := self._line(record)) is not None:
                lines.append(line)
        else:
            self.more = True
        if not lines:
            return ()
        moves = {self._consumer: self._next - 1}
        return [Piece(b"".join(lines), "kernel:", 0, self._stream, moves)]

    def finish(self) -> Sequence[Piece]:
        """Close the ring."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._device)
        os.close(self._device)
        return ()

    def notes(self) -> Sequence[str]:
        """What the user should know, and has not been told yet."""
        notes, self._notes = self._notes, []
        return notes

    def _line(self, record: bytes) -> bytes | None:
        """A message as a line; None for one that is stored already."""
        match = _RECORD.match(record)
        if match is None or self._next is None:
            return None
        number = int(match[2])
        if number < self._next:
            return None
        if number > self._next > 0:
            gone = number - self._next
            self._notes.append(
                f"{DEVICE}: {gone:,} messages were overwritten before they were read"
            )
        self._next = number + 1
        # Its clock counts from the boot, and stands still while the machine sleeps.
        booted = time.time() - time.monotonic()
        moment = datetime.fromtimestamp(booted + int(match[3]) / 1e6, UTC)
        stamp = moment.isoformat(timespec="microseconds")
        head = f"<{int(match[1])}>{stamp} {self._host} kernel: "
        return head.encode() + match[4] + b"\n"


def shown_kernel(consumer: str, position: int) -> str | None:
    """How far the kernel's messages have been read, in words; None for other consumers."""
    kind, _, boot = consumer.partition(":")
    return f"kernel, boot {boot[:8]}…: message {position:,} stored" if kind == "kernel" else None
