"""systemd's journal, as a JSON object a line, by journalctl.

A position is the sequence number of an entry (systemd.journal-fields(7), `__CURSOR`): each journal
counts its entries under an id of its own, and that id is part of the consumer's name. So where to
go on stands in the same commit as the events, as of a file.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from siemstress.errors import InputError
from siemstress.sources.pieces import LONGEST, PIECE, Piece, Stream

_CURSOR = re.compile(rb'"__CURSOR" ?: ?"s=([0-9a-f]{32});i=([0-9a-f]+);[^"]*?t=([0-9a-f]+)')
_COMMAND = ("journalctl", "-o", "json", "--all", "--no-pager", "--quiet")
# How long one waits before journalctl is started again that has ended, in seconds.
_PAUSE = 5.0
# Without an entry to go on behind, journals are read again from so long before the last one; what
# is known of them is left out. In seconds.
_MARGIN = 3600
_PATIENCE = 30.0


class Journal:
    """Follows the journal; `arguments` choose one for journalctl, such as `-D FOLDER`."""

    def __init__(
        self,
        position: Callable[[str], int | None],
        consumers: Callable[[], Iterable[str]],
        selector: selectors.BaseSelector,
        arguments: Sequence[str] = (),
    ) -> None:
        """Start to read behind what is stored.

        Raises:
            InputError: there is no journalctl, or it cannot read the journal.

        """
        self.more = False
        self._position = position
        self._selector = selector
        self._arguments = arguments
        self._known = {name for name in consumers() if name.startswith(_PREFIX)}
        self._stream = Stream()
        self._left = b""
        self._at: dict[str, int] = {}
        self._begin_at = 0.0
        self._notes: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._begin()
        except OSError as e:
            raise InputError(f"journalctl cannot be started: {e.strerror}") from e

    def gather(self, room: int) -> Sequence[Piece]:
        """What has come since."""
        self.more = False
        if self._stream.broken:
            self._end()
            self._known |= self._stream.expected.keys()
            self._begin_at = 0.0
        if self._process is None:
            if time.monotonic() < self._begin_at:
                return ()
            self._begin()
        if room <= 0 or self._process is None or self._process.stdout is None:
            return ()
        try:
            data = os.read(self._process.stdout.fileno(), PIECE)
        except BlockingIOError:
            return ()
        if not data:
            self._explain_end(self._process)
            self._end()
            return ()
        self.more = len(data) >= 1 << 16
        return self._pieces(data)

    def finish(self) -> Sequence[Piece]:
        """End journalctl; what it has said and was not read comes again at the next start."""
        self._end()
        return ()

    def notes(self) -> Sequence[str]:
        """What the user should know, and has not been told yet."""
        notes, self._notes = self._notes, []
        return notes

    def _begin(self) -> None:
        self._stream = Stream()
        self._left = b""
        self._at = {}
        for name in sorted(self._known):
            stored = self._position(name)
            if stored is not None:
                self._stream.expected[name] = self._at[name] = stored
        start = self._start()
        self._process = subprocess.Popen(  # noqa: S603  # a fixed command
            [*_COMMAND, *self._arguments, "--follow", "--no-tail", *start],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        if self._process.stdout is not None:
            os.set_blocking(self._process.stdout.fileno(), False)
            self._selector.register(self._process.stdout, selectors.EVENT_READ)

    def _start(self) -> list[str]:
        """Where journalctl begins: behind the last entry that is stored, if it is still there."""
        last, when = None, 0
        for name, number in self._at.items():
            if name == _CLOCK:
                continue
            cursor = f"s={name.removeprefix(_PREFIX)};i={number:x}"
            found = _CURSOR.search(self._look_up(cursor))
            same = found is not None and int(found[2], 16) == number
            if found and same and found[1].decode() in name and int(found[3], 16) >= when:
                last, when = cursor, int(found[3], 16)
        if last is not None:
            return [f"--after-cursor={last}"]
        if _CLOCK in self._at:
            return [f"--since=@{max(0, self._at[_CLOCK] // 1_000_000 - _MARGIN)}"]
        return []

    def _look_up(self, cursor: str) -> bytes:
        command = [*_COMMAND, *self._arguments, f"--cursor={cursor}", "--lines=1"]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603  # a fixed command
        except subprocess.TimeoutExpired:
            return b""
        return done.stdout

    def _pieces(self, data: bytes) -> Sequence[Piece]:
        data = self._left + data
        end = data.rfind(b"\n") + 1
        if not end and len(data) > LONGEST:
            end = len(data)
        self._left = data[end:]
        lines = data[:end]
        moves: dict[str, int] = {}
        kept: list[bytes] = []
        # A line at a time: entries are few, and each says where it stands.
        for line in lines.splitlines(keepends=True):
            found = _CURSOR.search(line)
            if found is not None:
                name, number = _PREFIX + found[1].decode(), int(found[2], 16)
                if number <= self._at.get(name, -1):
                    continue
                self._at[name] = moves[name] = number
                moves[_CLOCK] = self._at[_CLOCK] = int(found[3], 16)
                self._known |= {name, _CLOCK}
            kept.append(line)
        if not kept:
            return ()
        return [Piece(b"".join(kept), "journal:", 0, self._stream, moves)]

    def _explain_end(self, process: subprocess.Popen[bytes]) -> None:
        said = process.stderr.read() if process.stderr is not None else b""
        text = " ".join(said.decode("utf-8", "replace").split())
        self._notes.append(f"journalctl ended ({text or 'it said nothing'}); it is started again")

    def _end(self) -> None:
        process, self._process = self._process, None
        self._begin_at = time.monotonic() + _PAUSE
        if process is None:
            return
        if process.stdout is not None:
            self._selector.unregister(process.stdout)
            process.stdout.close()
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _machine() -> str:
    """The machine's own id (machine-id(5)): lakes may be shared."""
    with contextlib.suppress(OSError):
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()[:32]
    return os.uname().nodename


# Of one machine: when the last entry was written (µs since 1970), and each journal's last number.
_PREFIX = f"journal:{_machine()}:"
_CLOCK = f"{_PREFIX}time"


def shown_journal(consumer: str, position: int) -> str | None:
    """How far the journal has been read, in words; None for other consumers."""
    parts = consumer.split(":")
    if parts[0] != "journal" or len(parts) != 3 or parts[2] == "time":
        return None
    return f"journal {parts[2][:8]}… of machine {parts[1][:8]}…: entry {position:,} stored"
