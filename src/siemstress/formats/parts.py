"""Parts of lines, copied to stand one behind the other, and cut where a byte stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from siemstress.formats.header import Span
from siemstress.formats.leaves import Placed
from siemstress.sources.lines import Ints, Lines, Mask, of_texts

Bytes = npt.NDArray[np.uint8]

BLANKS = b" \t"
_BACKSLASH, _QUOTE = 92, 34
_TRIMMED = 4


class Parts:
    """Parts of lines, copied to stand one behind the other, with a line feed behind each."""

    def __init__(self, lines: Lines, part: Span) -> None:
        self.lines = of_texts(lines.text(part.start, np.maximum(part.length, 0)), "\n")
        self.ends = self.lines.ends
        self.bytes: Bytes = self.lines.buffer[: self.ends[-1] + 1 if len(self.ends) else 0]
        self.moved: Ints = part.start - self.lines.starts

    @cached_property
    def back(self) -> Ints:
        """Where there are backslashes."""
        return np.flatnonzero(self.bytes == _BACKSLASH)

    def escaped(self, at: Ints) -> Mask | None:
        """Which places have an odd number of backslashes in a row before them; None if none has."""
        if not len(self.back):
            return None
        behind: Mask = (self.bytes[at - 1] == _BACKSLASH) & (at > 0)
        rows = np.flatnonzero(behind)
        back = self.back
        number = np.arange(len(back))
        alone = np.ones(len(back), bool)
        alone[1:] = back[1:] != back[:-1] + 1
        first = np.maximum.accumulate(np.where(alone, number, 0))
        nearest = np.searchsorted(back, at[rows] - 1)
        behind[rows] = (nearest - first[nearest]) % 2 == 0
        return behind

    def cut(
        self, byte: str, count: int, *, escapes: bool = False, quotes: bool = False
    ) -> list[Span]:
        """The first `count` pieces of each part between some byte, the last one with all the rest.

        A length is -1 where there is no such piece. With `escapes` a backslash takes a byte's
        meaning, with `quotes` it has none between quotes, which are taken off.
        """
        at = np.flatnonzero(self.bytes == ord(byte))
        if escapes and (escaped := self.escaped(at)) is not None:
            at = at[~escaped]
        if quotes:
            at = at[~self._inside(at)]
        start, end = self.lines.starts, self.ends
        place = np.searchsorted(at, start)
        at = np.append(at, len(self.bytes))
        pieces = []
        there = np.ones(len(end), bool)
        for number in range(count):
            stop = at[np.minimum(place + number, len(at) - 1)]
            stop = end if number == count - 1 else np.minimum(stop, end)
            length = np.where(there, stop - start, -1)
            begin = np.where(there, start, 0)
            if quotes:
                begin, length = self._unquoted(begin, length)
            pieces.append(Span(begin + self.moved, length))
            there = there & (stop < end)
            start = stop + 1
        return pieces

    def pieces(self, byte: str, *, quotes: bool = False) -> Pieces:
        """All pieces of all parts between some byte, one behind the other."""
        at = np.flatnonzero(self.bytes == ord(byte))
        if quotes:
            at = at[~self._inside(at)]
        # Each part's end ends a piece, too.
        ends = np.insert(at, np.searchsorted(at, self.ends), self.ends)
        last = np.searchsorted(ends, self.ends)
        count = np.diff(last, prepend=-1)
        row = np.repeat(np.arange(len(count)), count)
        first = last - count + 1
        start = np.empty_like(ends)
        start[1:] = ends[:-1] + 1
        start[first] = self.lines.starts
        length = ends - start
        if quotes and (self.bytes == _QUOTE).any():
            start, length = self._unquoted(start, length)
        place = np.arange(len(row)) - first[row]
        return Pieces(self, row, place, Span(start + self.moved[row], length), first, count)

    def _inside(self, at: Ints) -> Mask:
        """Which places are between quotes, counted from where their part begins."""
        quotes = np.flatnonzero(self.bytes == _QUOTE)
        if not len(quotes):
            return np.zeros(len(at), bool)
        row = np.searchsorted(self.ends, at)
        before = np.searchsorted(quotes, self.lines.starts)[row]
        odd: Mask = (np.searchsorted(quotes, at) - before) % 2 == 1
        return odd

    def _unquoted(self, start: Ints, length: Ints) -> tuple[Ints, Ints]:
        last = np.maximum(start + length - 1, 0)
        both = (length > 1) & (self.bytes[np.minimum(start, len(self.bytes) - 1)] == _QUOTE)
        both &= self.bytes[last] == _QUOTE
        return start + both, length - 2 * both


def trimmed(text: Bytes, start: Ints, end: Ints, which: Mask) -> tuple[Ints, Ints]:
    """Parts, some of them without blanks around them, up to four on each side."""
    start, end = start.copy(), end.copy()
    for _ in range(_TRIMMED):
        start += which & (start < end) & np.isin(text[np.minimum(start, len(text) - 1)], [*BLANKS])
        end -= which & (start < end) & np.isin(text[end - 1], [*BLANKS])
    return start, end


@dataclass(frozen=True)
class Pieces:
    """Pieces of parts of lines: the line's number, the piece's in it, and where it stands.

    `first` and `count` are each line's first piece and how many it has.
    """

    parts: Parts
    row: Ints
    place: Ints
    span: Span
    first: Ints
    count: Ints

    def nth(self, place: int) -> Span:
        """Each line's piece of a number; a length is -1 where there is none."""
        at = np.where(self.count > place, self.first + place, 0)
        span = self.span.take(at)
        return Span(span.start, np.where(self.count > place, span.length, -1))

    def named(self, lines: Lines, kind: Ints, layouts: Sequence[str]) -> Placed:
        """The pieces by the names that each line's layout has for them; -1: a line has no layout.

        A layout is names between blanks, `-` for what is left out.
        """
        names = list(dict.fromkeys(n for layout in layouts for n in layout.split() if n != "-"))
        most = max(len(layout.split()) for layout in layouts)
        # The last of the layouts is that of lines without any.
        table = np.full((len(layouts) + 1, most + 1), -1, np.int64)
        for kind_of, layout in enumerate(layouts):
            for place, name in enumerate(layout.split()):
                table[kind_of, place] = names.index(name) if name != "-" else -1
        number = table[kind[self.row], np.minimum(self.place, most)]
        kept = np.flatnonzero((number >= 0) & (self.span.length > 0))
        quoted = np.zeros(len(kept), bool)
        return Placed(lines, self.row[kept], number[kept], names, self.span.take(kept), quoted)
