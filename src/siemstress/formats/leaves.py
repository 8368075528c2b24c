"""Named values found in a batch of lines, whatever way they are written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.formats.distinct import once
from siemstress.formats.header import Span
from siemstress.sources.lines import PADDING, Ints, Lines, Mask

Bytes = npt.NDArray[np.uint8]


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

    def take(self, which: Ints) -> Leaves:
        """Some of the values."""
        return Leaves(self.row[which], self.name[which], self.names, self.text.gather(which))

    def of_rows(self, rows: Mask) -> Leaves:
        """Those of some of the lines, which get new numbers."""
        if rows.all():
            return self
        number = np.cumsum(rows) - 1
        kept = self.take(np.flatnonzero(rows[self.row]))
        return replace(kept, row=number[kept.row])

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

    @cached_property
    def _by_name(self) -> tuple[Ints, Ints]:
        """The values' numbers by name, in the order of the lines, and where each name begins."""
        small = len(self.names) < np.iinfo(np.int16).max
        order = np.argsort(self.name.astype(np.int16) if small else self.name, kind="stable")
        counts = np.bincount(self.name, minlength=len(self.names))
        return order, np.concatenate([[0], np.cumsum(counts)])

    def at(self, name: int) -> Ints:
        """The numbers of the values of a name, by its number."""
        order, first = self._by_name
        return order[first[name] : first[name + 1]]

    def column(self, *names: str) -> Span | None:
        """Each line's value of the first of these names that it has; None where no line has one."""
        start = np.zeros(len(self.lines), np.int64)
        length = np.full(len(self.lines), -1, np.int64)
        for name in names:
            if name in self.names:
                at = self.at(self.names.index(name))
                if len(names) > 1:
                    at = at[length[self.row[at]] < 0]
                start[self.row[at]] = self.value.start[at]
                length[self.row[at]] = self.value.length[at]
        return Span(start, length) if (length >= 0).any() else None

    def texts_of(self, *names: str) -> pl.Series:
        """The same as texts; null where there is none."""
        span = self.column(*names)
        if span is None:
            return pl.repeat(None, len(self.lines), dtype=pl.String, eager=True)
        return self.lines.text(span.start, span.length)

    def led(self, spans: Mapping[str, Span]) -> Placed:
        """With values from elsewhere in the lines, which come before others of their names."""
        rows, count, more = len(self.lines), len(self.row), len(spans)
        if not more:
            return self
        names = list(self.names)
        known = {name: number for number, name in enumerate(names)}
        twice = False
        for name in spans:
            if name in known:
                twice |= len(self.at(known[name])) > 0
            else:
                known[name] = len(names)
                names.append(name)
        first = np.searchsorted(self.row, np.arange(rows)) + more * np.arange(rows)
        at = np.arange(count) + more * (self.row + 1)
        row, number, start, length = np.zeros((4, count + rows * more), np.int64)
        quoted = np.zeros(count + rows * more, bool)
        row[at], number[at], quoted[at] = self.row, self.name, self.quoted
        start[at], length[at] = self.value.start, self.value.length
        for place, (name, span) in enumerate(spans.items()):
            row[first + place] = np.arange(rows)
            number[first + place] = known[name]
            start[first + place], length[first + place] = span.start, span.length
        kept = np.flatnonzero(length > 0)
        value = Span(start, length).take(kept)
        whole = Placed(self.lines, row[kept], number[kept], names, value, quoted[kept])
        return whole.once() if twice else whole

    def once(self) -> Placed:
        """With the first only of values of one name in a line."""
        kept = once(self.row, self.name, len(self.lines), len(self.names))
        return self if kept is None else self.take(kept)

    def take(self, which: Ints) -> Placed:
        """Some of the values."""
        return replace(
            self, row=self.row[which], name=self.name[which], value=self.value.take(which),
            quoted=self.quoted[which],
        )  # fmt: skip

    def of_rows(self, rows: Mask) -> Placed:
        """Those of some of the lines, which get new numbers."""
        if rows.all():
            return self
        number = np.cumsum(rows) - 1
        kept = self.take(np.flatnonzero(rows[self.row]))
        return replace(
            kept, lines=self.lines.take(np.flatnonzero(rows)), row=number[kept.row]
        )  # fmt: skip

    def changed(self, which: Ints, texts: pl.Series) -> Placed:
        """With some of the values, none of them empty, in the form of other texts."""
        buffer, ends = appended(self.lines.buffer, texts)
        start, length = self.value.start.copy(), self.value.length.copy()
        start[which], length[which] = ends[:-1], np.diff(ends)
        lines = Lines(buffer, self.lines.starts, self.lines.ends)
        return replace(self, lines=lines, value=Span(start, length))


def together(parts: Sequence[Placed]) -> Placed:
    """What was found in different lines of one buffer, in several ways."""
    if len(parts) == 1:
        return parts[0]
    names = list(dict.fromkeys(name for part in parts for name in part.names))
    new = {name: number for number, name in enumerate(names)}
    row = np.concatenate([part.row for part in parts])
    number = [np.array([new[name] for name in p.names], np.int64)[p.name] for p in parts]
    value = Span(
        np.concatenate([part.value.start for part in parts]),
        np.concatenate([part.value.length for part in parts]),
    )
    quoted = np.concatenate([part.quoted for part in parts])
    whole = Placed(parts[0].lines, row, np.concatenate(number), names, value, quoted)
    return whole.take(np.argsort(row, kind="stable"))


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
