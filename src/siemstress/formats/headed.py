"""Lines whose parts have the names that their source has given them before.

Each event keeps a short name of what it was read by, as the field `header_id`, and the lines that
say it keep that whole, as the field `header`: so that lines can be read again from the store,
where those that explain them stand elsewhere, or are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from siemstress.formats.delimited import Quoting, Split, split, split_quoted, undoubled
from siemstress.formats.delimited import told as told_parts
from siemstress.formats.found import Found
from siemstress.formats.header import Header, Span
from siemstress.formats.leaves import Placed
from siemstress.formats.named import untimed
from siemstress.sources.headings import Heading, key
from siemstress.sources.lines import Ints, Lines, Mask

HEADER, HEADER_ID = "header", "header_id"
"""The fields that say by what a line was read."""
MOMENT = "moment"
"""The name under which a date and a time are one."""


@dataclass(frozen=True)
class Layout:
    """How lines are written: names of their parts ("": not kept), and what is between them.

    `text` is the heading that says so, empty where that is always known; `constants` are fields
    of all lines. The parts at `moment`, date and time, are one under the name `moment`; a date
    that does not stand in the lines themselves is `date`.
    """

    text: str
    names: tuple[str, ...]
    delimiter: str
    quoting: Quoting | None = None
    unset: tuple[str, ...] = ("-",)
    constants: Mapping[str, str] = field(default_factory=dict)
    moment: tuple[int, int] | None = None
    date: str = ""


LayoutOf = Callable[[Heading], Sequence[Layout]]
"""How lines may be written by a heading; it is asked anew for each batch."""


@dataclass(frozen=True)
class Headed:
    """Lines that were read by what their sources say: their rows, and what is in them.

    `whole` is their header as yet, all of each line being message.
    """

    rows: Ints
    found: Found
    whole: Header


def read(
    lines: Lines, ends: Ints, own: Mask, layout_of: LayoutOf, name: str,
    columns: Mapping[str, Sequence[str]],
) -> Headed | None:  # fmt: skip
    """Read lines by their headings; those that are the headings' `own` are message alone."""
    some: list[tuple[Layout, Split]] = []
    told: list[tuple[Layout, Ints]] = []
    if lines.described is not None:
        for heading, rows in lines.described.rows():
            left = rows[~own[rows]]
            for place, layout in enumerate(layout_of(heading)):
                if not place:
                    told.append((layout, rows[own[rows]]))
                ok, pieces = _split(lines, left, ends, layout)
                some.append((layout, pieces))
                left = left[~ok]
    rows = np.union1d(np.flatnonzero(own), np.concatenate([[], *(s.row for _, s in some)]))
    rows = rows.astype(np.int64)
    if not len(rows):
        return None
    placed = _together(lines, some, told)
    number = np.zeros(len(lines), np.int64)
    number[rows] = np.arange(len(rows))
    whole = untimed(lines, rows, ends, name)
    placed = replace(placed, row=number[placed.row])
    return Headed(rows, Found(whole.lines, placed, columns), whole)


def _split(lines: Lines, rows: Ints, ends: Ints, layout: Layout) -> tuple[Mask, Split]:
    """Those lines that have as many parts as there are names, and their parts."""
    start, end, count = lines.starts[rows], ends[rows], len(layout.names)
    if layout.quoting is None:
        ok, parts = split(lines, start, end, layout.delimiter, count, count)
    else:
        ok, parts = split_quoted(
            lines, start, end, layout.delimiter, layout.quoting, count, count
        )  # fmt: skip
    return ok, Split(rows[parts.row], parts.place, parts.span, parts.quoted)


@dataclass
class _Gathered:
    """Values of lines of several headings, under the names of all."""

    lines: Lines
    names: dict[str, int] = field(default_factory=dict)
    rows: list[Ints] = field(default_factory=list)
    numbers: list[Ints] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    changed: list[tuple[Ints, pl.Series]] = field(default_factory=list)
    count: int = 0

    def add(self, parts: Split, names: Sequence[str], *, doubled: bool) -> None:
        """Add parts of lines, under the names of their places."""
        if doubled:
            at, text = undoubled(self.lines, parts)
            self.changed.append((at + self.count, text))
        number = [self.names.setdefault(name, len(self.names)) for name in names]
        self._add(parts.row, np.array(number, np.int64)[parts.place], parts.span)

    def put(self, rows: Ints, name: str, text: pl.Series | str) -> None:
        """Add a value of each of some lines that stands in none."""
        if isinstance(text, str):
            text = pl.repeat(text, len(rows), dtype=pl.String, eager=True)
        self.changed.append((np.arange(len(rows)) + self.count, text))
        number = np.full(len(rows), self.names.setdefault(name, len(self.names)))
        self._add(rows, number, Span(self.lines.starts[rows], np.ones(len(rows), np.int64)))

    def _add(self, rows: Ints, numbers: Ints, span: Span) -> None:
        self.rows.append(rows)
        self.numbers.append(numbers)
        self.spans.append(span)
        self.count += len(rows)

    def placed(self) -> Placed:
        """All of them, in the order of the lines."""
        none = np.empty(0, np.int64)
        row = np.concatenate([none, *self.rows])
        order = np.argsort(row, kind="stable")
        start = np.concatenate([none, *(span.start for span in self.spans)])[order]
        length = np.concatenate([none, *(span.length for span in self.spans)])[order]
        name = np.concatenate([none, *self.numbers])[order]
        quoted = np.zeros(len(row), bool)
        span = Span(start, length)
        placed = Placed(self.lines, row[order], name, tuple(self.names), span, quoted)
        if not self.changed:
            return placed
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        at = np.concatenate([at for at, _ in self.changed])
        return placed.changed(back[at], pl.concat([text for _, text in self.changed]))


def _together(
    lines: Lines, some: Sequence[tuple[Layout, Split]], told: Sequence[tuple[Layout, Ints]]
) -> Placed:
    """What lines of several headings hold, as one, in the order of the lines."""
    found = _Gathered(lines)
    for layout, parts in some:
        doubled = layout.quoting is Quoting.DOUBLED
        kept = told_parts(lines, parts, layout.names, layout.unset)
        found.add(kept, layout.names, doubled=doubled)
        if layout.moment is not None:
            found.put(*_moments(lines, parts, layout))
        read_by = {HEADER_ID: key(layout.text)} if layout.text else {}
        for name, text in {**layout.constants, **read_by}.items():
            found.put(parts.row[parts.place == 0], name, text)
    for layout, rows in told:
        if layout.text:
            found.put(rows, HEADER, layout.text)
    return found.placed()


def _moments(lines: Lines, parts: Split, layout: Layout) -> tuple[Ints, str, pl.Series]:
    """The lines, and their dates and times as one."""
    assert layout.moment is not None  # noqa: S101 - asked for only then
    time = parts.take(parts.place == layout.moment[1])
    text = lines.text(time.span.start, time.span.length)
    date = pl.repeat(layout.date, len(text), dtype=pl.String, eager=True)
    if layout.moment[0] >= 0:
        of = parts.take(parts.place == layout.moment[0]).span
        date = lines.text(of.start, of.length)
    return time.row, MOMENT, date + " " + text
