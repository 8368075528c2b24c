"""Files, plain and compressed, and which bytes of them have been stored.

A file is known again by its place (device and inode, or path without what a rotation appends)
together with its first line, and is only taken for the same if the bytes before the stored
position are still the same. Both names carry the position as a consumer of the table, so that
renamed, rotated and compressed files go on where they were. A file whose first line has no end
yet goes by its place alone, until it has one.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from siemstress.errors import InputError

if TYPE_CHECKING:
    from siemstress.sources.chunks import ByteStream, Unpack

if TYPE_CHECKING:
    import zstandard

# Of a position, the bits for a checksum of the bytes before it; the others are the byte offset.
_CHECK_BITS = 19
_CHECKED = 1024
_HEAD = 1024
_SUFFIX = re.compile(r"(?:[.-]\d{1,14})?(?:\.(?:gz|zst|xz|bz2))?\Z")
_GENERATIONS = 10_000
# Stands in a name where others have a mark of the first line.
_UNMARKED = "start"


class _Decoded:
    """A decoder's stream, read a step at a time: of a damaged file it gives all that is whole."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream

    def readinto(self, buffer: memoryview, /) -> int:
        return self._stream.readinto1(buffer)


class _Zstd:
    """Frames of zstd, one behind the other; a last one that is cut off is an error.

    Raises EOFError, as the decoders of other kinds do.
    """

    # What a decoder is given at once, in bytes: few may hold very many.
    _STEP = 1024

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._compressed = b""
        self._decoded = memoryview(b"")
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def readinto(self, buffer: memoryview, /) -> int:
        while not self._decoded:
            if not self._compressed:
                self._compressed = self._file.read(64 * self._STEP)
            if not self._compressed:
                if self._frame is not None:
                    raise EOFError("the file ends within compressed data")
                return 0
            self._decode()
        size = min(len(buffer), len(self._decoded))
        buffer[:size] = self._decoded[:size]
        self._decoded = self._decoded[size:]
        return size

    def _decode(self) -> None:
        import zstandard

        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        step, self._compressed = self._compressed[: self._STEP], self._compressed[self._STEP :]
        self._decoded = memoryview(self._frame.decompress(step))
        if self._frame.eof:
            self._compressed = self._frame.unused_data + self._compressed
            self._frame = None


def _gzip(file: IO[bytes]) -> ByteStream:
    import gzip

    return _Decoded(gzip.GzipFile(fileobj=file))


def _bzip2(file: IO[bytes]) -> ByteStream:
    import bz2

    return _Decoded(bz2.BZ2File(file))


def _xz(file: IO[bytes]) -> ByteStream:
    import lzma

    return _Decoded(lzma.LZMAFile(file))


# RFC 1952, bzip2 1.0.8's file format, xz file format 1.2.1, RFC 8878.
_COMPRESSED: Sequence[tuple[bytes, Callable[[IO[bytes]], ByteStream]]] = (
    (b"\x1f\x8b", _gzip),
    (b"BZh", _bzip2),
    (b"\xfd7zXZ\x00", _xz),
    (b"\x28\xb5\x2f\xfd", _Zstd),
)


@dataclass
class LogFile:
    """A file that lines are read from.

    `modified` is µs since 1970, `size` the bytes on disk. `done` is how many of these have been
    read, for a progress bar. `unpack` makes lines of what the (decompressed) bytes hold. `names`
    are its consumers, and `unmarked` those that it may have had before its first line was whole.
    """

    path: str
    file: IO[bytes]
    modified: int
    size: int
    compressed: bool
    names: tuple[str, ...] = ()
    unmarked: tuple[str, ...] = ()
    unpack: Unpack | None = field(default=None, repr=False)
    _open: Callable[[IO[bytes]], ByteStream] | None = field(default=None, repr=False)

    def stream(self, start: int) -> ByteStream:
        """The file's (decompressed, unpacked) bytes from `start` on."""
        self.file.seek(0)
        stream = cast("ByteStream", self.file) if self._open is None else self._open(self.file)
        if self._open is None and self.unpack is None:
            self.file.seek(start)
            return stream
        if self.unpack is not None:
            stream = self.unpack(stream)
        _skip(stream, start)
        return stream

    def read_at(self, start: int, count: int) -> bytes:
        """Up to `count` (decompressed, unpacked) bytes from `start` on."""
        buffer = bytearray(count)
        view = memoryview(buffer)
        stream = self.stream(start)
        size = 0
        while size < count:
            got = stream.readinto(view[size:])
            if not got:
                break
            size += got
        return bytes(buffer[:size])

    @property
    def done(self) -> int:
        """Bytes of the file on disk that have been read."""
        return self.file.tell() if not self.file.closed else self.size

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _skip(stream: ByteStream, count: int) -> None:
    buffer = memoryview(bytearray(1 << 20))
    while count > 0:
        got = stream.readinto(buffer[: min(count, len(buffer))])
        if not got:
            return
        count -= got


def open_file(path: str) -> LogFile:
    """Open a file for reading; what it is compressed with is seen from its first bytes.

    Raises:
        InputError: it is not there, not readable, or a folder.

    """
    try:
        file = Path(path).open("rb", buffering=0)  # noqa: SIM115  # the LogFile closes it
        return of_file(file, os.path.realpath(path))
    except OSError as e:
        raise InputError(e.strerror or str(e), file=path) from e
    except ValueError as e:
        raise InputError(str(e), file=path.replace("\0", "\\0")) from e


def of_file(file: IO[bytes], path: str) -> LogFile:
    """A file that is open already, at its start."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return LogFile(path, file, status.st_mtime_ns // 1000, 0, compressed=False)
    magic = os.pread(file.fileno(), 8, 0)
    opener = next((o for start, o in _COMPRESSED if magic.startswith(start)), None)
    log = LogFile(
        path,
        file,
        status.st_mtime_ns // 1000,
        status.st_size,
        compressed=opener is not None,
        _open=opener,
    )
    name_file(log)
    return log


def is_regular(file: IO[bytes]) -> bool:
    """Whether a file is an ordinary one, whose bytes stay where they are."""
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def name_file(log: LogFile) -> None:
    """Give a file its names, by what its first line is now: none where it is empty."""
    try:
        head = log.read_at(0, _HEAD)
    except Exception:  # a damaged file: whatever its decoder raises
        head = b""
    status = os.fstat(log.file.fileno())
    places = (place_name(log.path), f"inode:{status.st_dev:x}.{status.st_ino:x}:")
    unmarked = tuple(place + _UNMARKED for place in places)
    mark = _mark(head)
    if mark is None:
        log.names, log.unmarked = unmarked if head else (), ()
    else:
        log.names, log.unmarked = tuple(place + mark for place in places), unmarked


def _mark(head: bytes) -> str | None:
    """What tells a file's first line, by how the file begins; None where that line has no end."""
    first = head[: head.find(b"\n") + 1]
    if not first and len(head) < _HEAD:
        return None
    return hashlib.sha256(first or head[:_HEAD]).hexdigest()[:16]


def is_named_by(log: LogFile, start: bytes) -> bool:
    """Whether a file that begins so is the one that was named, not one written in its place."""
    if not log.unmarked:
        return True  # Its names are not by its first line.
    mark = _mark(start[:_HEAD])
    return mark is not None and log.names[0].endswith(f":{mark}")


def place_name(path: str) -> str:
    """What the first names of all files begin with that stand, in turn, in one place."""
    stem = stem_of(path)
    place = hashlib.sha256(os.fsencode(stem)).hexdigest()[:16]
    shown = re.sub(r"[^A-Za-z0-9._-]", "_", os.path.basename(stem))[:64]
    return f"file:{shown}:{place}:"


def stem_of(path: str) -> str:
    """A path without what a rotation appends to it."""
    folder, name = os.path.split(path)
    return os.path.join(folder, _SUFFIX.sub("", name) or name)


@dataclass(frozen=True)
class Place:
    """Where reading starts: the byte, and the consumers with what is stored of each."""

    start: int
    consumers: tuple[tuple[str, int | None], ...]


def resume(log: LogFile, position: Callable[[str], int | None]) -> Place:
    """Find out how much of a file has been stored already.

    `position` gives a consumer's stored position. A name whose checksum does not fit the file is
    another file's; the next generation of the name is looked at then.
    """
    start = 0
    consumers: list[tuple[str, int | None]] = []
    for name in (*log.names, *log.unmarked):
        for generation in range(_GENERATIONS):
            consumer = name if generation == 0 else f"{name}#{generation}"
            stored = position(consumer)
            if stored is None:
                if name in log.names:
                    consumers.append((consumer, None))
                break
            offset = stored >> _CHECK_BITS
            if checksum(log, offset) == stored & ((1 << _CHECK_BITS) - 1):
                consumers.append((consumer, stored))
                start = max(start, offset)
                break
    return Place(start, tuple(consumers))


def again_from_start(log: LogFile, position: Callable[[str], int | None]) -> Place:
    """Start at the beginning, whatever has been stored; names stay with who has them."""
    return Place(0, tuple((name, position(name)) for name in log.names))


def offset_of(position: int) -> int:
    """The byte offset in a position."""
    return position >> _CHECK_BITS


def pack(offset: int, tail: bytes) -> int:
    """A position: a byte offset, with a checksum of the bytes before it."""
    return (offset << _CHECK_BITS) | _check(tail)


def shown(consumer: str, position: int) -> str | None:
    """A file's position in words; None for the second of its names, and for other consumers."""
    kind, _, rest = consumer.partition(":")
    if kind != "file":
        return None
    return f"{rest.split(':')[0]}: {position >> _CHECK_BITS:,} bytes stored"


def is_file(consumer: str) -> bool:
    """Whether a consumer is a name of a file."""
    return consumer.startswith(("file:", "inode:"))


def checksum(log: LogFile, offset: int) -> int:
    """The checksum of the bytes before an offset; -1 if the file does not reach so far."""
    start = max(0, offset - _CHECKED)
    try:
        tail = log.read_at(start, offset - start)
    except Exception:  # a damaged file: whatever its decoder raises
        return -1
    return _check(tail) if len(tail) == offset - start else -1


def _check(tail: bytes) -> int:
    digest = hashlib.sha256(tail[-_CHECKED:]).digest()
    return int.from_bytes(digest[:4], "big") & ((1 << _CHECK_BITS) - 1)


TAIL = _CHECKED
"""How many bytes before a position its checksum is of."""
