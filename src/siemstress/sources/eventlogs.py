"""Windows event logs (.evtx) as streams of lines, one JSON object for each record.

A log is a header and chunks of 64 kB that need nothing of each other (MS-EVEN6, 2.2.17; libevtx,
"Windows XML Event Log (EVTX) format"). One chunk at a time is read and taken apart, so that a
log's size does not matter, and what is damaged takes no more with it than itself.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any

from siemstress.sources.chunks import ByteStream

MAGIC = b"ElfFile\0"
"""How an event log begins."""

_HEADER, _CHUNK = 4096, 1 << 16
_CHUNK_MAGIC = b"ElfChnk\0"
_PIECE = 1 << 20
# A chunk that is damaged all over has no more records than this that could be counted.
_MOST = 1 << 14


class EventLogLines:
    """The records of the event log in a stream, as lines; what is no event log passes through.

    `damage` says what could not be read, once it has been come by.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._ready = memoryview(b"")
        self._header: bytes | None = None
        self._is_log = True
        self._chunks = 0
        self._broken_chunks = 0
        self._broken_records = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Lines, up to a buffer full; 0 at the end."""
        while not self._ready:
            part = self._next()
            if part is None:
                return 0
            self._ready = memoryview(part)
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    @property
    def damage(self) -> str | None:
        """What is damaged, in a few words; None as long as nothing was found to be."""
        found = [
            f"{count:,} {what}{'' if count == 1 else 's'}"
            for count, what in ((self._broken_chunks, "chunk"), (self._broken_records, "record"))
            if count
        ]
        return f"{' and '.join(found)} damaged and left out" if found else None

    def _next(self) -> bytes | None:
        """The next lines; None at the end."""
        if self._header is None:
            self._header = self._read(_HEADER)
            self._is_log = self._header.startswith(MAGIC)
            if not self._is_log:
                return self._header or None
        if not self._is_log:
            return self._read(_PIECE, whole=False) or None
        chunk = self._read(_CHUNK)
        if not chunk:
            return None
        self._chunks += 1
        if not chunk.startswith(_CHUNK_MAGIC):
            # Room that was set apart for records to come is all zeros.
            self._broken_chunks += any(chunk)
            return b""
        return b"".join(self._records(chunk.ljust(_CHUNK, b"\0")))

    def _records(self, chunk: bytes) -> Iterator[bytes]:
        """The records of one chunk, as lines."""
        records = _parser(self._alone() + chunk)
        for _ in range(_MOST):
            try:
                record = next(records)
            except StopIteration:
                return
            except RuntimeError as error:
                if "chunk" in str(error)[:64]:
                    self._broken_chunks += 1
                else:
                    self._broken_records += 1
                continue
            yield record["data"].encode("utf-8", "replace").replace(b"\n", b" ") + b"\n"

    def _alone(self) -> bytes:
        """The header of a log that has one chunk."""
        assert self._header is not None  # noqa: S101 - chunks are read behind it
        header = bytearray(self._header.ljust(_HEADER, b"\0"))
        header[8:24] = bytes(16)  # The first and the last chunk's numbers.
        header[40:44] = _HEADER.to_bytes(2, "little") + (1).to_bytes(2, "little")
        header[120:124] = bytes(4)
        header[124:128] = zlib.crc32(header[:120]).to_bytes(4, "little")
        return bytes(header)

    def _read(self, size: int, *, whole: bool = True) -> bytes:
        """So many bytes, less at the end; or else what there is."""
        buffer = memoryview(bytearray(size))
        have = 0
        while have < size:
            got = self._stream.readinto(buffer[have:])
            if not got:
                break
            have += got
            if not whole:
                break
        return bytes(buffer[:have])


def _parser(log: bytes) -> Iterator[Any]:
    """The records of a log, which go on behind those that raise a RuntimeError."""
    from evtx import PyEvtxParser

    return iter(PyEvtxParser(io.BytesIO(log), 1, indent=False).records_json())
