"""Pieces of many origins, made into buffers of lines that are parsed at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from siemstress.sources.chunks import MOST_LINES
from siemstress.sources.lines import PADDING, Lines, split
from siemstress.sources.origins import Origins
from siemstress.sources.pieces import Piece

FULL = 5 << 20
"""A batch of so many bytes waits no longer."""


@dataclass
class Batch:
    """Pieces for one table, in the order in which they came; `since` by the monotonic clock."""

    pieces: list[Piece] = field(default_factory=list)
    size: int = 0
    lines: int = 0
    since: float = field(default_factory=time.monotonic)

    def takes(self, piece: Piece) -> bool:
        """Whether there is room for a piece."""
        return not self.pieces or (
            self.size + len(piece.data) <= FULL and self.lines + lines_in(piece) <= MOST_LINES
        )

    def add(self, piece: Piece) -> None:
        """Take a piece."""
        self.pieces.append(piece)
        self.size += len(piece.data)
        self.lines += lines_in(piece)


@dataclass(frozen=True)
class Group:
    """Lines whose stamps are read by one reference (µs since 1970; 0: now), and their origins."""

    lines: Lines
    origins: Origins
    reference: int
    size: int


def lines_in(piece: Piece) -> int:
    """How many lines a piece has."""
    return piece.data.count(b"\n") + (not piece.data.endswith(b"\n") and piece.data != b"")


def groups(pieces: Iterable[Piece]) -> Iterator[Group]:
    """The pieces as buffers of lines, without those whose stream is broken."""
    whole = [p for p in pieces if p.data and not (p.stream is not None and p.stream.broken)]
    whole.sort(key=lambda piece: piece.reference)  # Which keeps their order otherwise.
    for reference, some in groupby(whole, key=lambda piece: piece.reference):
        yield _group(list(some), reference)


def _group(pieces: Sequence[Piece], reference: int) -> Group:
    ended = [p.data if p.data.endswith(b"\n") else p.data + b"\n" for p in pieces]
    size = sum(map(len, ended))
    buffer = np.frombuffer(bytearray().join([*ended, bytes(PADDING)]), np.uint8)
    counts = np.array([lines_in(piece) for piece in pieces], np.int64)
    headings = [piece.heading for piece in pieces]
    origins = Origins([piece.origin for piece in pieces], counts, headings)
    return Group(split(buffer, size), origins, reference, size)


def moves(pieces: Iterable[Piece]) -> dict[str, tuple[int | None, int]]:
    """The consumers that the pieces move: where their streams expected them, and where to."""
    found: dict[str, tuple[int | None, int]] = {}
    for piece in pieces:
        if piece.stream is None or piece.stream.broken:
            continue
        for consumer, to in piece.moves.items():
            expected = found.get(consumer, (piece.stream.expected.get(consumer), 0))[0]
            found[consumer] = (expected, to)
    return found
