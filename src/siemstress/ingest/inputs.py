"""What siemparse is given to read: files, and standard input."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from siemstress.errors import Conflict, InputError
from siemstress.formats.clock import Clock
from siemstress.ingest.pipeline import Pipeline, Source
from siemstress.sources import headings
from siemstress.sources.chunks import ByteStream, ChunkReader, PipeStream, Recognise, Unpack
from siemstress.sources.files import (
    TAIL,
    LogFile,
    Place,
    again_from_start,
    is_regular,
    name_file,
    of_file,
    open_file,
    resume,
)

# A file's own time is believed from this one on (1990, in µs): archives may hold none.
_BELIEVED = 631_152_000_000_000
# What a source is recognised by is among so many bytes.
_HEAD = 256
# How often one begins anew because another process stores the same file.
_ATTEMPTS = 50


@dataclass(frozen=True)
class Input:
    """A file or, with `log` None, a pipe by its descriptor; `label` is what the user calls it.

    `unpack` makes lines of what a pipe holds; a file has its own. `recognise` is asked where there
    is none.
    """

    label: str
    log: LogFile | None
    descriptor: int = 0
    unpack: Unpack | None = None
    recognise: Recognise | None = None


def open_inputs(
    paths: Sequence[str], unpack: Unpack | None = None, recognise: Recognise | None = None
) -> list[Input]:
    """Open all that is to be read; `-` and no path at all are standard input.

    `unpack` makes lines of what they hold, where that is not lines; without it, `recognise` says
    what does.

    Raises:
        InputError: one of them is not there, not readable, or a folder.

    """
    inputs = [_standard_input() if path == "-" else _file(path) for path in paths or ["-"]]
    for item in inputs:
        if item.log is not None:
            _set_unpack(item.log, unpack, recognise)
    return [replace(item, unpack=unpack, recognise=recognise) for item in inputs]


def _set_unpack(log: LogFile, unpack: Unpack | None, recognise: Recognise | None) -> None:
    """Say what makes lines of a file; one that is recognised has its names by its first line."""
    try:
        recognised = recognise(log.read_at(0, _HEAD)) if recognise else None
    except Exception:  # a damaged file: whatever its decoder raises
        recognised = None
    log.unpack = unpack or recognised
    if recognised:
        name_file(log)


def _file(path: str) -> Input:
    log = open_file(path)
    if is_regular(log.file):
        return Input(path, log)
    return Input(path, None, log.file.fileno())


def _standard_input() -> Input:
    """Standard input; where it is a file from its start on, it is read as one."""
    if sys.stdin is None:
        raise InputError("standard input is closed")
    descriptor = sys.stdin.fileno()
    try:
        file = os.fdopen(descriptor, "rb", buffering=0, closefd=False)
        if is_regular(file) and file.tell() == 0:
            path = os.path.realpath(f"/dev/fd/{descriptor}")
            return Input("standard input", of_file(file, path))
    except OSError as e:
        raise InputError(f"standard input cannot be read: {e.strerror}") from e
    return Input("standard input", None, descriptor)


def bring_in(
    pipeline: Pipeline,
    source: Input,
    zone: str | int,
    *,
    again: bool = False,
    watch: Callable[[], None] | None = None,
) -> str | None:
    """Store what has not been stored of a source; returns a note for the user, if any.

    With `again` a file is stored from its start. `zone` is that of stamps which name none. Where
    the store is unavailable, it is waited for.

    Raises:
        InputError: a source is damaged; what comes before the damage is stored.
        StoreError: the store cannot be written.

    """
    now = time.time_ns() // 1000
    log = source.log
    if log is None:
        reader = _from_pipe(pipeline, source, Clock(now, zone), watch)
        return _damaged(source, reader)
    clock = Clock(log.modified if log.modified >= _BELIEVED else now, zone)
    first: Place | None = None
    for _ in range(_ATTEMPTS):
        place = _place(pipeline, log, again=again and first is None)
        first = first or place
        try:
            reader = _run(pipeline, log, place, clock, watch)
        except Conflict:
            # Another process stores the same file: go on behind what it has stored.
            continue
        _check_whole(source, reader)
        return _damaged(source, reader) or _note(source, place, reader)
    raise Conflict("other processes store the same file all the time", file=source.label)


def _from_pipe(
    pipeline: Pipeline, source: Input, clock: Clock, watch: Callable[[], None] | None
) -> ChunkReader:
    pipeline.not_stored = 0
    # What is read of a pipe is gone from it: not before the store has answered once.
    pipeline.patience.attempt(lambda: pipeline.store.version(pipeline.table))
    stream = PipeStream(source.descriptor)
    reader = ChunkReader(_unpacked(stream, source), 0, stream.wait)
    path = None if source.label == "standard input" else os.path.realpath(source.label)
    pipeline.run(Source(reader, path, clock, stop=stream.stop), watch)
    _check_whole(source, reader)
    return reader


def read_whole(source: Input, zone: str | int) -> tuple[ChunkReader, Clock]:
    """What reads all of a source, whatever is stored of it, and the clock of its stamps."""
    clock = Clock(time.time_ns() // 1000, zone)
    if source.log is None:
        stream = PipeStream(source.descriptor)
        return ChunkReader(_unpacked(stream, source), 0, stream.wait), clock
    if source.log.modified >= _BELIEVED:
        clock = Clock(source.log.modified, zone)
    return ChunkReader(source.log.stream(0), 0), clock


class _Behind:
    """A stream of which some bytes have been read."""

    def __init__(self, head: bytes, stream: ByteStream) -> None:
        self._head = memoryview(head)
        self._stream = stream

    def readinto(self, buffer: memoryview, /) -> int | None:
        if not self._head:
            return self._stream.readinto(buffer)
        size = min(len(buffer), len(self._head))
        buffer[:size] = self._head[:size]
        self._head = self._head[size:]
        return size


class _Recognised:
    """The lines of a pipe; what makes them is seen from its first bytes."""

    def __init__(self, stream: ByteStream, recognise: Recognise) -> None:
        self._stream = stream
        self._recognise = recognise
        self._lines: ByteStream | None = None

    def readinto(self, buffer: memoryview, /) -> int | None:
        if self._lines is None:
            size = self._stream.readinto(buffer) or 0
            head = bytes(buffer[:size])
            unpack = self._recognise(head[:_HEAD])
            if unpack is None:
                self._lines = self._stream
                return size
            self._lines = unpack(_Behind(head, self._stream))
        return self._lines.readinto(buffer)

    @property
    def damage(self) -> str | None:
        return getattr(self._lines, "damage", None)


def _unpacked(stream: ByteStream, source: Input) -> ByteStream:
    if source.unpack is not None:
        return source.unpack(stream)
    return stream if source.recognise is None else _Recognised(stream, source.recognise)


def left_over(pipeline: Pipeline, source: Input) -> str | None:
    """What to tell the user of a source that was not brought in to its end."""
    if source.log is not None:
        return f"{source.label}: not all of it is stored; nothing is lost, run again to go on"
    if not pipeline.not_stored:
        return None
    what = "are not stored" if pipeline.certain else "may not be stored: a commit is under way"
    return f"{pipeline.not_stored:,} of the lines that were read from {source.label} {what}"


def _place(pipeline: Pipeline, log: LogFile, *, again: bool) -> Place:
    def position(consumer: str) -> int | None:
        return pipeline.patience.attempt(lambda: pipeline.store.position(pipeline.table, consumer))

    return again_from_start(log, position) if again else resume(log, position)


def _run(
    pipeline: Pipeline, log: LogFile, place: Place, clock: Clock,
    watch: Callable[[], None] | None,
) -> ChunkReader:  # fmt: skip
    before = max(0, place.start - TAIL)
    tail = log.read_at(before, place.start - before) if place.start else b""
    heading = headings.before(log, place.start)
    reader = ChunkReader(log.stream(place.start), place.start)
    left = log.size if log.compressed else log.size - place.start
    pipeline.run(Source(reader, log.path, clock, place.consumers, tail, left, heading), watch)
    return reader


def _check_whole(source: Input, reader: ChunkReader) -> None:
    if reader.error is not None:
        reason = " ".join(str(reader.error).split()) or type(reader.error).__name__
        raise InputError(
            f"damaged behind byte {reader.at:,} ({reason}); what comes before is stored",
            file=source.label,
        )


def _damaged(source: Input, reader: ChunkReader) -> str | None:
    return f"{source.label}: {reader.damage}; the rest is stored" if reader.damage else None


def _note(source: Input, place: Place, reader: ChunkReader) -> str | None:
    if not place.start or source.log is None:
        return None
    if reader.at == place.start:
        return f"{source.label}: all of it is stored already; --again stores it once more"
    return f"{source.label}: went on behind byte {place.start:,}, stored before"
