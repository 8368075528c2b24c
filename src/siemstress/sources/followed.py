"""One file that is followed: what has come since, in whole lines, and where that ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from enum import Enum

import numpy as np

from siemstress.errors import SiemstressError
from siemstress.sources import headings
from siemstress.sources.chunks import ByteStream
from siemstress.sources.files import TAIL, LogFile, is_named_by, name_file, offset_of, pack, resume
from siemstress.sources.pieces import LONGEST, PIECE, Ahead, Piece, Stream

# A file that was written to within so many µs is read by the time that it is now.
_LIVE = 3_600_000_000
# A file's own time is believed from this one on (1990, in µs).
_BELIEVED = 631_152_000_000_000

# So much is read at once at least, in bytes; and half lines up to so many bytes are kept.
_LEAST = 1 << 16

Position = Callable[[str], int | None]


class State(Enum):
    """How it stands with a file after a look at it."""

    QUIET = 0
    """Nothing new."""
    MORE = 1
    """There is more to read at once."""
    CUT = 2
    """It is not what was read before: truncated, or written anew."""
    ENDED = 3
    """A file that does not grow (a compressed one) has been read to its end."""


class Stored(Enum):
    """How much of a file has been stored."""

    NOTHING = 0
    PART = 1
    ALL = 2


class Followed:
    """A file and how far it has been handed over.

    `key` is its device and inode, `path` where it stands now; `error` says how a compressed file
    turned out damaged. `live` is false for what a rotation has put aside: if it has less than
    was stored, it is an unfinished copy. If nothing of it was stored and it was last written to
    not after `since` (ns since 1970), nothing of it is wanted.
    """

    def __init__(self, log: LogFile, *, live: bool = True, since: int | None = None) -> None:
        status = os.fstat(log.file.fileno())
        self.key = (status.st_dev, status.st_ino)
        self.log = log
        self.path = log.path
        self.live = live
        self.since = since
        self.stream = Stream()
        self.at = 0
        self.fresh = True  # Nothing of it has been handed over.
        self.state = State.QUIET
        self.error: Exception | None = None
        self.changed = time.monotonic()
        self.gone: float | None = None
        # Its size and time before the last read, when nothing was left, and at the last look.
        self.looked = self._seen = (-1, -1)
        self.looks: tuple[int, int] | None = None
        self._tail = b""
        self._named = self._unwanted = False
        self._decoded: ByteStream | None = None
        self._left = self._half = b""
        self._heading: headings.Heading | None = None

    @property
    def looks_changed(self) -> bool:
        """Whether there may be something to read, by the last look at it."""
        return self.looks != self._seen

    @property
    def static(self) -> bool:
        """Whether it must be read from its start to be read at all."""
        return self.log.compressed or self.log.unpack is not None

    def name(self, position: Position, *, whole: bool = False) -> bool:
        """Find out how much of it has been stored; false while its first line is incomplete.

        With `whole` a first line without an end will do.
        """
        name_file(self.log)
        if not self.log.names or (not whole and self.log.unmarked == ()):
            return False
        place = resume(self.log, position)
        self.stream.expected = dict(place.consumers)
        self._go_to(place.start)
        self._named = True
        return True

    def stored(self, position: Position) -> Stored:
        """How much of it has been stored; nothing of a file that is damaged."""
        try:
            if not self.name(position, whole=True) or not self.at:
                return Stored.NOTHING
            return Stored.PART if self.log.read_at(self.at, 1) else Stored.ALL
        except SiemstressError:
            raise
        except Exception:  # whatever a damaged file makes its decoder raise
            return Stored.NOTHING

    def _is_wanted(self, position: Position, modified: int) -> bool:
        """Whether it is to be read, once it is known how much of it has been stored."""
        if self.at or self.live:
            return True
        known = position(self.log.names[0])
        if known is not None and offset_of(known) > 0:
            return False
        return self.since is None or modified > self.since

    def _go_to(self, start: int) -> None:
        self.at = start
        self._heading = None
        before = max(0, start - TAIL)
        self._tail = self.log.read_at(before, start - before) if start else b""
        self._seen = (-1, -1)

    def read(self, ahead: Ahead, position: Position, room: int = PIECE) -> Piece | None:
        """The next whole lines, if there are any; `state` says how it stands with it then."""
        status = os.fstat(self.log.file.fileno())
        seen = self.looked = (status.st_size, status.st_mtime_ns)
        if seen == self._seen:
            self.state = State.QUIET
            return None
        if self._seen != (-1, -1):
            self.changed = time.monotonic()
        if not self._named and self.live:
            return None
        if not self._named and not self._begin(position, status.st_mtime_ns):
            self._seen = seen
            return None
        self.log.modified = status.st_mtime_ns // 1000
        data = self._more(status.st_size, max(_LEAST, min(room, PIECE)))
        if data and not self.at and not is_named_by(self.log, data):
            self.state = State.CUT
        if self.state is State.CUT:
            return None
        if self.state is State.QUIET:
            self._seen = seen
        return self._piece(data, ahead) if data else None

    def begin(self, position: Position) -> bool:
        """Find out, once, where in a live file to read on; whether that is known since now.

        Nothing of it is read before: so there is time to look for what is older.
        """
        if self._named or not self.live:
            return False
        try:
            return self._begin(position, os.fstat(self.log.file.fileno()).st_mtime_ns)
        except OSError:
            return False

    def _begin(self, position: Position, modified: int) -> bool:
        """Find out where to read on; false, with a state, where nothing is to be read (yet)."""
        whole = self.static or not self.live
        self.state = State.ENDED if whole else State.QUIET
        if not self.name(position, whole=whole):
            return False
        if self.at and self._position() not in self.stream.expected.values():
            # It was cut since its names were read.
            self._named = False
            self.state = State.QUIET
            return False
        self.state = State.ENDED
        self._unwanted = not self._is_wanted(position, modified)
        return not self._unwanted

    def last(self, ahead: Ahead, position: Position) -> Piece | None:
        """What is left, a line without an end, once no more is expected.

        Of a file that was cut what had been seen of it, if nothing went on from there.
        """
        if self._unwanted or (not self._named and not self.name(position, whole=True)):
            return None
        if self.state is State.CUT:
            data = self._half if position(self.first) == self._position() else b""
        elif self.static:
            data, self._left = self._left, b""
        else:
            data = os.pread(self.log.file.fileno(), LONGEST, self.at)
        return self._piece(data, ahead) if data else None

    @property
    def first(self) -> str:
        """Its first consumer; empty without any."""
        return next(iter(self.stream.expected), "")

    def _position(self) -> int:
        return pack(self.at, self._tail)

    def close(self) -> None:
        """Close the file."""
        self.log.close()

    def _more(self, size: int, room: int) -> bytes:
        """Whole lines from the position on; sets the state."""
        if self.static:
            return self._decode(room)
        if size < self.at:
            self.state = State.CUT
            return b""
        behind = len(self._tail)
        for wanted in (room, LONGEST):
            data = os.pread(self.log.file.fileno(), behind + wanted, self.at - behind)
            if data[:behind] != self._tail:
                self.state = State.CUT
                return b""
            got = len(data) - behind
            end = data.rfind(b"\n", behind) + 1
            if end:
                self._half = data[end:] if len(data) - end <= _LEAST else b""
                self.state = State.MORE if got == wanted else State.QUIET
                return data[behind:end]
            if got < wanted:
                self._half = data[behind:] if got <= _LEAST else b""
                self.state = State.QUIET
                return b""
        # A line longer than may be: it comes in parts.
        self.state = State.MORE
        return data[behind:]

    def _decode(self, room: int) -> bytes:
        """Whole lines of a decompressed stream; its half line is kept, since it cannot be read at
        any place."""  # fmt: skip
        if self._decoded is None:
            self._heading = headings.before(self.log, self.at)
            self._decoded = self.log.stream(self.at)
        buffer = bytearray(room)
        got = self._fill(self._decoded, memoryview(buffer))
        if not got:
            self.state = State.ENDED
            return b""
        self.state = State.MORE
        data = self._left + bytes(buffer[:got])
        end = data.rfind(b"\n") + 1
        if not end and len(data) >= LONGEST:
            end = len(data)
        self._left = data[end:]
        return data[:end]

    def _fill(self, stream: ByteStream, buffer: memoryview) -> int:
        """Read until the buffer is full or the stream ends, or turns out damaged."""
        size = 0
        while size < len(buffer):
            try:
                got = stream.readinto(buffer[size:])
            except Exception as e:  # whatever a damaged file makes its decoder raise
                self.error = e
                break
            if not got:
                break
            size += got
        return size

    def _piece(self, data: bytes, ahead: Ahead) -> Piece:
        heading = self._heading or headings.before(self.log, self.at)
        self._heading = heading.after(np.frombuffer(data, np.uint8))
        self.at += len(data)
        self.fresh = False
        self._tail = (self._tail + data[-TAIL:])[-TAIL:]
        moves = dict.fromkeys(self.stream.expected, self._position())
        ahead.move(self.stream, moves)
        path = shown_path(self.log.path)
        return Piece(data, path, self._reference(), self.stream, moves, heading)

    def _reference(self) -> int:
        """By when stamps are read: now, or the time of a file that is older."""
        modified = self.log.modified
        if modified < _BELIEVED or time.time_ns() // 1000 - modified < _LIVE:
            return 0
        return modified


def shown_path(path: str) -> str:
    """A path as text, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
