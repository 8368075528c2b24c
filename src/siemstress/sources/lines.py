"""A batch of lines: one buffer of bytes and where in it each line stands.

Nothing is copied: a line, and every part of a line, is a start and a length in the buffer, and
becomes a Polars string by an Arrow string view (Arrow columnar format, "Variable-size Binary
View Layout").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from siemstress.sources.headings import Described

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

_ZEROS = np.uint64(0x3030303030303030)
_HIGH = np.uint64(0x8080808080808080)
_OVER_NINE = np.uint64(0x4646464646464646)

_ONES = np.uint64(0x0101010101010101)

_SMALL = bytes(range(ord("a"), ord("z") + 1))
# How common bytes are in logs, roughly; of a literal the rarest byte is looked for.
_COMMONNESS = [
    3
    if byte in b" etaoinsrl0123456789"
    else 2
    if byte in b"-.:/,_=abcdefghijklmnopqrstuvwxyz"
    else 1
    for byte in range(256)
]

# Checking a buffer costs a hundredth of a string's own costs, a byte.
_CHECKED_PER_STRING = 400

# So many bytes a string view holds itself.
_HELD = 12

# Zero bytes behind the last line, so that a word may be read at any byte of a line.
PADDING = 64

LOW_BYTES = np.array([(1 << (8 * i)) - 1 for i in range(9)], dtype=np.uint64)
"""Masks of a word's first bytes: none, one, up to all eight."""

# After so many steps of a search in all lines at once those left are searched one by one: they
# are few, or so long that their number does not matter.
_ROUNDS = 64


@dataclass(frozen=True)
class Lines:
    """Lines of text in a buffer.

    `buffer` is bytes (uint8) with at least PADDING zero bytes behind the last line; `starts` and
    `ends` (exclusive, without the line feed) are int64 arrays of one number a line. The text is
    valid UTF-8; the lines in `bad` (row numbers, ascending) were not, and `bad_bytes` holds what
    they were. The buffer must not change while anything made from it is in use. `notes` are what
    has been found out about the buffer, by whom; all lines that are taken of these share them.
    `described` is what their source has said about the lines, if anything.
    """

    buffer: npt.NDArray[np.uint8]
    starts: Ints
    ends: Ints
    bad: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    bad_bytes: pl.Series | None = None
    notes: dict[str, object] = field(default_factory=dict, repr=False, compare=False)
    described: Described | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def words(self) -> Words:
        """The 8 bytes at every byte of the buffer, as little-endian numbers."""
        return np.ndarray((len(self.buffer) - 8,), "<u8", self.buffer.data, strides=(1,))

    @cached_property
    def half_words(self) -> npt.NDArray[np.uint32]:
        """The 4 bytes at every byte of the buffer, as little-endian numbers."""
        return np.ndarray((len(self.buffer) - 8,), "<u4", self.buffer.data, strides=(1,))

    @cached_property
    def arrow(self) -> pa.Buffer:
        """The buffer, as Arrow takes it."""
        return pa.py_buffer(self.buffer)

    def take(self, rows: Ints) -> Lines:
        """Some of the lines, in the order of `rows`; `bad` is not carried along."""
        said = None if self.described is None else self.described.take(rows)
        return Lines(
            self.buffer, self.starts[rows], self.ends[rows], notes=self.notes, described=said
        )

    def text(self, starts: Ints, lengths: Ints) -> pl.Series:
        """Strings from parts of the buffer; a negative length gives null. No bytes are copied."""
        null = lengths < 0
        validity = None
        if null.any():
            validity = pa.py_buffer(np.packbits(~null, bitorder="little"))
            lengths = np.where(null, 0, lengths)
        return self._strings(self.views(starts, lengths), validity)

    def views(self, starts: Ints, lengths: Ints, buffer: int = 0) -> Words:
        """Arrow string views, two words each, of parts of the buffer, which has a number."""
        views = np.empty((len(starts), 2), np.uint64)
        outside = starts.view(np.uint64) << np.uint64(32)
        if buffer:
            outside |= np.uint64(buffer)
        head = self.half_words[starts].astype(np.uint64)
        if len(lengths) and int(lengths.min()) <= _HELD:
            # The view holds the text itself: four bytes, and up to eight more.
            head &= LOW_BYTES[np.minimum(lengths, 4)]
            rest = self.words[starts + 4] & LOW_BYTES[np.minimum(np.maximum(lengths - 4, 0), 8)]
            views[:, 1] = np.where(lengths <= _HELD, rest, outside)
        else:
            views[:, 1] = outside
        head <<= np.uint64(32)
        np.bitwise_or(lengths.view(np.uint64), head, out=views[:, 0])
        return views

    def find(self, starts: Ints, ends: Ints, literal: str) -> Ints:
        """Where `literal` first stands in each part, counted from its start; -1 if nowhere.

        Looks at 8 bytes at a time for the byte of the literal that is the rarest in logs.
        """
        text = literal.encode()
        if len(text) == 1:
            at = self._next_byte(starts, ends - 1, text[0])
            return np.where(at < 0, -1, at - starts)
        anchor = min(range(len(text)), key=lambda i: _COMMONNESS[text[i]])
        found = np.full(len(starts), -1, np.int64)
        last = ends - len(text)
        rows = np.flatnonzero(starts <= last)
        at = starts[rows]
        for _ in range(_ROUNDS):
            if not len(rows):
                break
            # From here on only places from `at` to `last` count.
            at = self._next_byte(at + anchor, last[rows] + anchor, text[anchor]) - anchor
            here = at >= starts[rows]
            rows, at = rows[here], at[here]
            fits = self.stands(at, ends[rows], text)
            hit = rows[fits]
            found[hit] = at[fits] - starts[hit]
            rows, at = rows[~fits], at[~fits] + 1
        if len(rows):
            at = self._search(at, ends[rows], text)
            found[rows] = np.where(at < 0, -1, at - starts[rows])
        return found

    def _next_byte(self, starts: Ints, last: Ints, byte: int) -> Ints:
        """The first place from each start to each last one with a byte; -1 where there is none.

        "Determine if a word has a zero byte", Hacker's Delight, section 6-1.
        """
        pattern = np.uint64(byte * int(_ONES))
        result = np.full(len(starts), -1, np.int64)
        rows, at = None, starts
        for _ in range(_ROUNDS):
            if not len(at):
                break
            word = self.words[at] ^ pattern
            zeros = (word - _ONES) & ~word & _HIGH
            lowest = zeros & (~zeros + np.uint64(1))
            # Bytes up to the lowest zero byte, counted by a multiplication.
            place = ((((lowest - np.uint64(1)) & _ONES) * _ONES) >> np.uint64(56)).view(np.int64)
            hit = zeros != 0
            at_hit = at + place - 1
            if rows is None:
                result = np.where(hit, at_hit, -1)
                rows = np.flatnonzero(~hit)
            else:
                result[rows[hit]] = at_hit[hit]
                rows = rows[~hit]
            at = at[~hit] + 8
            near = at <= last[rows]
            rows, at = rows[near], at[near]
        if rows is not None and len(rows):
            result[rows] = self._search(at, last[rows] + 1, bytes([byte]))
        return np.where(result > last, -1, result)

    def _search(self, starts: Ints, ends: Ints, text: bytes) -> Ints:
        """The first place of a text in each part, a part at a time; -1 where there is none."""
        parts = zip(starts.tolist(), ends.tolist(), strict=True)
        found = [(at, self.buffer[at:end].tobytes().find(text)) for at, end in parts]
        return np.array([-1 if place < 0 else at + place for at, place in found], np.int64)

    def stands(self, at: Ints, ends: Ints, text: bytes) -> Mask:
        """Whether a text stands at each place, and ends not later than the part does."""
        fits: Mask = at + len(text) <= ends
        for offset in range(0, len(text), 8):
            part = text[offset : offset + 8]
            word = np.uint64(int.from_bytes(part.ljust(8, b"\0"), "little"))
            # Behind the end of a part other bytes are read, and do not count.
            place = at if offset == 0 else np.minimum(at + offset, ends)
            fits &= (self.words[place] ^ word) & LOW_BYTES[len(part)] == 0
        return fits

    def _strings(self, views: Words, validity: pa.Buffer | None = None) -> pl.Series:
        buffers = [validity, pa.py_buffer(views), self.arrow]
        # As strings Polars would check the whole buffer, however few they are; as bytes it does
        # not, and the cast looks at no more than what is used.
        few = len(views) < len(self.buffer) // _CHECKED_PER_STRING
        kind = pa.binary_view() if few else pa.string_view()
        array = pa.Array.from_buffers(kind, len(views), buffers)
        series = cast(pl.Series, pl.from_arrow(array))
        return series.cast(pl.String) if few else series

    def number(self, start: Ints, length: Ints) -> Ints:
        """Decimal numbers of one to eight digits; -1 where there is anything else."""
        fits = (length >= 1) & (length <= 8)
        shift = (np.where(fits, 8 - length, 0) * 8).astype(np.uint64)
        word = self.words[np.where(fits, start, 0)]
        # Digits to the high end, zeros ("0") below: the number with leading zeros.
        word = (word << shift) | (_ZEROS & ((np.uint64(1) << shift) - np.uint64(1)))
        fits &= ((word + _OVER_NINE) | (word - _ZEROS)) & _HIGH == 0
        word -= _ZEROS
        word = (word * np.uint64(10) + (word >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
        word = (word * np.uint64(100) + (word >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
        word = (word * np.uint64(10_000) + (word >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
        return np.where(fits, word.astype(np.int64), -1)

    def byte(self, at: Ints) -> npt.NDArray[np.uint8]:
        """The byte at each place."""
        return self.buffer[at]


def clipped(lines: Lines, starts: Ints, lengths: Ints) -> Ints:
    """Lengths of parts of lines, less what is not a whole character at their ends.

    Text that was cut off at a number of bytes is UTF-8 then.
    """
    lengths = lengths.copy()
    rows = np.flatnonzero(lengths > 0)
    for _ in range(3):
        # The byte behind: if it goes on with a character, that one was cut.
        behind = lines.buffer[starts[rows] + lengths[rows]]
        rows = rows[((behind & 0xC0) == 0x80) & (lengths[rows] > 0)]
        if not len(rows):
            break
        lengths[rows] -= 1
    return lengths


def of_bytes(data: bytes) -> Lines:
    """The lines of some bytes, copied."""
    buffer = np.zeros(len(data) + PADDING, np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    return split(buffer, len(data))


def of_texts(texts: pl.Series, behind: str = "") -> Lines:
    """Texts as lines, copied to stand one behind the other, with some ASCII behind each."""
    whole = texts + behind if behind else texts
    padded = pl.concat([whole.cast(pl.Binary), pl.Series([bytes(PADDING)])]).rechunk()
    array = padded.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    edges = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(texts) + 1]
    return Lines(np.frombuffer(data, np.uint8), edges[:-1], edges[1:] - len(behind))


def split(buffer: npt.NDArray[np.uint8], size: int) -> Lines:
    """The lines in the first `size` bytes of a buffer that has room for PADDING bytes more.

    The last line needs no line feed. Lines that are not UTF-8 are repaired with U+FFFD in a
    buffer of their own, and what they were is kept.
    """
    buffer[size : size + PADDING] = 0
    starts, ends = _offsets(buffer, size)
    lines = Lines(buffer, starts, ends)
    if size and not _is_utf8(lines):
        return _repair(buffer, size, lines)
    return lines


def _offsets(buffer: npt.NDArray[np.uint8], size: int) -> tuple[Ints, Ints]:
    ends = np.flatnonzero(buffer[:size] == 10).astype(np.int64, copy=False)
    if size and buffer[size - 1] != 10:
        ends = np.append(ends, size)
    starts = np.empty_like(ends)
    if len(ends):
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
    return starts, ends


def _is_utf8(lines: Lines) -> bool:
    """Whether the whole buffer is UTF-8; a line feed is never part of a longer sequence."""
    size = int(lines.ends[-1])
    whole = pa.Array.from_buffers(
        pa.large_string(), 1, [None, pa.py_buffer(np.array([0, size])), lines.arrow]
    )
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _binary(lines: Lines) -> pl.Series:
    """The lines as they are, copying nothing."""
    size = int(lines.ends[-1])
    whole = pa.Array.from_buffers(
        pa.large_binary(),
        len(lines),
        [None, pa.py_buffer(np.append(lines.starts, size + 1)), pa.py_buffer(lines.buffer)],
    )
    series = cast(pl.Series, pl.from_arrow(whole))
    # Each part reaches to the next line's start; what is wanted ends before the line feed.
    lengths = pl.Series((lines.ends - lines.starts).astype(np.uint32))
    return series.to_frame("line").select(pl.col("line").bin.slice(0, lengths)).to_series()


def _repair(buffer: npt.NDArray[np.uint8], size: int, lines: Lines) -> Lines:
    """Decode with U+FFFD for what is wrong; a line feed is never part of a wrong sequence."""
    text = bytes(buffer[:size].data).decode("utf-8", "replace").encode()
    repaired = np.zeros(len(text) + PADDING, np.uint8)
    repaired[: len(text)] = np.frombuffer(text, np.uint8)
    starts, ends = _offsets(repaired, len(text))
    before = _binary(lines)
    after = _binary(Lines(repaired, starts, ends))
    bad = (before != after).arg_true().to_numpy().astype(np.int64)
    return Lines(repaired, starts, ends, bad, before.gather(bad))
