"""Named values found in a batch of lines, whatever way they are written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.formats.header import Span
from siemstress.sources.lines import LOW_BYTES, PADDING, Ints, Lines, Mask, Words

Bytes = npt.NDArray[np.uint8]

# Names up to so many bytes are told apart by words, longer ones, and more than fit, as strings.
_WORDS = 3
_SLOTS, _ROUNDS = 12, 4
_PRIMES = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xFF51AFD7ED558CCD,
     0xC4CEB9FE1A85EC53, 0x94D049BB133111EB], np.uint64
)  # fmt: skip


@dataclass(frozen=True)
class Leaves:
    """Values found in a batch of lines, in the order of the lines.

    `row` is the line's number in the batch, `name` a number into `names`. No line has a name
    twice; no value is null or empty.
    """

    row: Ints
    name: Ints
    names: Sequence[str]
    text: pl.Series

    def placed(self, lines: Lines) -> Placed:
        """The same, with the values in the buffer of the lines."""
        buffer, ends = appended(lines.buffer, self.text)
        value = Span(ends[:-1], np.diff(ends))
        lines = Lines(buffer, lines.starts, lines.ends)
        return Placed(
            lines, self.row, self.name, self.names, value, np.zeros(len(value.start), bool)
        )


def of_columns(columns: Mapping[str, pl.Series]) -> Leaves:
    """The values of columns, text by line; what is null or empty is left out."""
    rows, names, texts = [], [], []
    for number, text in enumerate(columns.values()):
        kept = np.flatnonzero(text.str.len_bytes().fill_null(0).to_numpy())
        if not len(kept):
            continue
        rows.append(kept)
        names.append(np.full(len(kept), number))
        texts.append(text if len(kept) == len(text) else text.gather(kept))
    if not rows:
        none = np.empty(0, np.int64)
        return Leaves(none, none, tuple(columns), pl.Series([], dtype=pl.String))
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    name = np.concatenate(names)[order]
    return Leaves(row[order], name, tuple(columns), pl.concat(texts).gather(order))


@dataclass(frozen=True)
class Placed:
    """Named values as `Leaves`, where all of them stand in the buffer of `lines`.

    `quoted` tells which stood in quotes.
    """

    lines: Lines
    row: Ints
    name: Ints
    names: Sequence[str]
    value: Span
    quoted: Mask

    def texts(self, which: Ints) -> pl.Series:
        """Some of the values."""
        return self.lines.text(self.value.start[which], self.value.length[which])

    def changed(self, which: Ints, texts: pl.Series) -> Placed:
        """With some of the values, none of them empty, in the form of other texts."""
        buffer, ends = appended(self.lines.buffer, texts)
        start, length = self.value.start.copy(), self.value.length.copy()
        start[which], length[which] = ends[:-1], np.diff(ends)
        lines = Lines(buffer, self.lines.starts, self.lines.ends)
        return replace(self, lines=lines, value=Span(start, length))


def appended(buffer: Bytes, texts: pl.Series) -> tuple[Bytes, Ints]:
    """A buffer of lines with texts behind them, and where these end, led by where they begin."""
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    size = max(len(buffer) - PADDING, 0)
    padding = np.zeros(PADDING, np.uint8)
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(texts) + 1]
    if not len(ends) or ends[-1] == ends[0]:
        return np.concatenate([buffer[:size], padding]), np.full(len(texts) + 1, size)
    added = np.frombuffer(data, np.uint8)[int(ends[0]) : int(ends[-1])]
    return np.concatenate([buffer[:size], added, padding]), ends - ends[0] + size


@dataclass(frozen=True)
class Numbered:
    """Names in lines as numbers into the distinct ones; -1: none that counts."""

    number: Ints
    names: Sequence[str]


def numbered(lines: Lines, span: Span, fitting: str) -> Numbered:
    """The distinct names at `span`, of which those count that a regular expression fits.

    It must fit no name that ends in a zero byte.
    """
    words = _words(lines, span)
    number = np.full(len(span.start), -1, np.int64)
    ended = lines.byte(span.start + span.length - 1) != 0
    left = np.flatnonzero((span.length <= 8 * _WORDS) & (span.length > 0) & ended)
    found: list[pl.Series] = []
    count = 0
    for turn in range(_ROUNDS):
        if not len(left):
            break
        # Of all names that share a slot one stands for itself, the others wait for a next round.
        now = words if len(left) == len(number) else [word[left] for word in words]
        mixed = now[0] * _PRIMES[turn]
        for place, word in enumerate(now[1:], 1):
            mixed += word * _PRIMES[turn + place]
        slot = (mixed >> np.uint64(64 - _SLOTS)).view(np.int64)
        of_slot = np.full(1 << _SLOTS, -1, np.int64)
        of_slot[slot] = np.arange(len(left))
        taken = np.flatnonzero(of_slot >= 0)
        same = now[0][of_slot][slot] == now[0]
        for word in now[1:]:
            same &= word[of_slot][slot] == word
        new = np.empty(1 << _SLOTS, np.int64)
        new[taken] = count + np.arange(len(taken))
        one = left[of_slot[taken]]
        found.append(lines.text(span.start[one], span.length[one]))
        count += len(taken)
        if same.all():
            number[left] = new[slot]
            left = left[:0]
            break
        number[left[same]] = new[slot[same]]
        left = left[~same]
    left = np.concatenate([left, np.flatnonzero((span.length > 8 * _WORDS) & ended)])
    if len(left):
        texts = lines.text(span.start[left], span.length[left])
        distinct = texts.unique()
        new = np.arange(count, count + len(distinct))
        number[left] = texts.replace_strict(distinct, new, return_dtype=pl.Int64).to_numpy()
        found.append(distinct)
    names = pl.concat(found) if found else pl.Series([], dtype=pl.String)
    fits = names.str.contains(fitting).to_numpy()
    if not fits.all():
        # The last number of all, -1, stands for none.
        kept = np.append(np.where(fits, np.cumsum(fits) - 1, -1), -1)
        number, names = kept[number], names.filter(fits)
    return Numbered(number, names.to_list())


def _words(lines: Lines, span: Span) -> list[Words]:
    """The first bytes of names, in words; what is behind a name is 0."""
    length = span.length
    words: list[Words] = [lines.words[span.start] & LOW_BYTES[np.minimum(length, 8)]]
    for place in range(1, _WORDS):
        rows = np.flatnonzero(length > 8 * place)
        if not len(rows):
            break
        word = np.zeros(len(length), np.uint64)
        some = np.minimum(length[rows] - 8 * place, 8)
        word[rows] = lines.words[span.start[rows] + 8 * place] & LOW_BYTES[some]
        words.append(word)
    return words
