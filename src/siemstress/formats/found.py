"""Values found in lines under names: which of them fill columns, and which are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.header import Extra, Span
from siemstress.formats.keys import spellings
from siemstress.formats.leaves import Leaves, Placed, appended
from siemstress.sources.lines import Ints, Lines

_NO_NAMES: Mapping[str, Sequence[str]] = {}


class Found:
    """The leaves of some lines.

    `lines` are the lines in a buffer that holds the leaves' texts and names as well; what stood in
    the buffer stands where it stood. A column is filled by the leaf whose name ranks first among
    those that a line has for it; what is asked for is taken, and `rest` is what nobody has taken.
    """

    def __init__(
        self,
        lines: Lines,
        leaves: Leaves | Placed,
        columns: Mapping[str, Sequence[str]] = _NO_NAMES,
        *,
        general: bool = True,
    ) -> None:
        """The rows of `leaves` are numbers of lines.

        `columns` are names (in lower case) that fill columns, the best first, before those that
        always do (see `keys`); under "" those that fill none. Without `general` only `columns`
        count.
        """
        placed = leaves if isinstance(leaves, Placed) else leaves.placed(lines)
        self._row = leaves.row
        self._name = leaves.name
        self._columns = _columns(leaves.names, columns, spellings() if general else {})
        self._taken: dict[str, Ints] = {}
        lowered = np.flatnonzero(np.isin(leaves.name, self._columns.get("protocol", [])))
        if len(lowered):
            placed = placed.changed(lowered, placed.texts(lowered).str.to_lowercase())
        self._value = placed.value
        buffer, ends = appended(placed.lines.buffer, pl.Series(leaves.names, dtype=pl.String))
        self.lines = Lines(buffer, lines.starts, lines.ends)
        self._placed = replace(placed, lines=self.lines)
        self._named = Span(ends[:-1], np.diff(ends))

    def leaf(self, column: str) -> Ints:
        """Each line's leaf that fills a column; -1 where there is none."""
        if column not in self._taken:
            leaf = np.full(len(self.lines), -1, np.int64)
            for name in self._columns.get(column, ()):
                at = self._placed.at(name)
                at = at[leaf[self._row[at]] < 0]
                leaf[self._row[at]] = at
            self._taken[column] = leaf
        return self._taken[column]

    def span(self, column: str) -> Span | None:
        """Where a column's values stand; None where there are none at all."""
        leaf = self.leaf(column)
        has = leaf >= 0
        if not has.any():
            return None
        value = self._value.take(leaf)
        return Span(value.start, np.where(has, value.length, -1))

    def text(self, column: str) -> pl.Series:
        """A column's values; null where there is none."""
        span = self.span(column)
        if span is None:
            return pl.repeat(None, len(self.lines), dtype=pl.String, eager=True)
        return self.lines.text(span.start, span.length)

    def named(self, *names: str) -> pl.Series:
        """The values of a name, the first of several that a line has; null where there is none.

        They are only looked at, and stay fields.
        """
        return self._placed.texts_of(*names)

    def numbers(self, column: str, most: int) -> Ints | None:
        """A column's values as numbers from 0 to `most`, -1 where there is none."""
        span = self.span(column)
        if span is None:
            return None
        number = self.lines.number(span.start, span.length)
        number[number > most] = -1
        self.leave(column, np.flatnonzero(number < 0))
        return number

    def codes(self, column: str, of_text: Mapping[str, int]) -> Ints | None:
        """A column's values as the numbers that stand for them, in any case; -1: none."""
        if self.span(column) is None:
            return None
        text = self.text(column).str.to_lowercase()
        code = text.replace_strict(dict(of_text), default=-1, return_dtype=pl.Int64)
        number = code.fill_null(-1).to_numpy().astype(np.int64)
        self.leave(column, np.flatnonzero(number < 0))
        return number

    def mapped(self, column: str, words: Mapping[str, str]) -> pl.Series | None:
        """A column's values as what stands for them, by words in lower case; null: none.

        A value that fills the column as another word stays a field as well.
        """
        span = self.span(column)
        if span is None:
            return None
        text = self.text(column)
        found = text.str.to_lowercase().replace_strict(dict(words), default=None)
        self.leave(column, np.flatnonzero((found != text).fill_null(True).to_numpy()))
        return found.cast(pl.String)

    def leave(self, column: str, rows: Ints) -> None:
        """What stands in these lines does not fit the column after all."""
        self._taken[column][rows] = -1

    def rest(self) -> Extra | None:
        """What fills no column."""
        left = np.ones(len(self._row), bool)
        for leaf in self._taken.values():
            left[leaf[leaf >= 0]] = False
        kept = np.flatnonzero(left)
        if not len(kept):
            return None
        return Extra(self._row[kept], self._named.take(self._name[kept]), self._value.take(kept))


def _columns(
    names: Sequence[str],
    own: Mapping[str, Sequence[str]],
    known: Mapping[str, tuple[str, int]],
) -> dict[str, list[int]]:
    """The numbers of the names that fill each column, the best first."""
    ours = {n: (column, rank - len(of)) for column, of in own.items() for rank, n in enumerate(of)}
    ranked: dict[str, list[tuple[int, int]]] = {}
    for number, name in enumerate(names):
        lowered = name.lower()
        column, rank = ours.get(lowered) or known.get(lowered, ("", 0))
        if column:
            ranked.setdefault(column, []).append((rank, number))
    return {column: [number for _, number in sorted(of)] for column, of in ranked.items()}
