"""Lines of a format that the user describes, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from siemstress.formats import own_times
from siemstress.formats.clock import Clock
from siemstress.formats.found import Found
from siemstress.formats.header import Header
from siemstress.formats.keys import LEVELS, spellings
from siemstress.formats.leaves import Leaves
from siemstress.formats.named import OUTCOMES, event
from siemstress.formats.own_times import Notation
from siemstress.formats.stamps import Stamps
from siemstress.sources.lines import Mask

Take = Callable[[pl.Series], tuple[Mask, Leaves]]
"""Tells which texts are of a kind (a regex, JSON), and what values are in these, numbered anew."""

# Behind a column's name: the name of its constant. What a line has under that name is left out.
_CONSTANT = "\n"


@dataclass(frozen=True)
class Own:
    """A format that the user describes.

    `take` gets the message, or what stands behind `behind` in it. `starts` and `contains` are
    literals that must be there, and `programs` the processes whose messages they are (none: lines
    stand alone). `columns` are names that fill columns, `values` words that stand for others, by
    column or name and in lower case; `constants` fill columns or fields whatever the line says.
    `where` are values that must be so. `zone` is that of stamps without one; `program` names the
    message table.
    """

    name: str
    take: Take
    starts: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    behind: str | None = None
    programs: tuple[str, ...] = ()
    times: tuple[Notation, ...] = ()
    zone: str | int | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=lambda: LEVELS)
    constants: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    program: str | None = None

    def claims(self, header: Header) -> Mask:
        """Which lines may be of the format, told cheaply."""
        ok = np.ones(len(header), bool)
        if self.programs:
            ok = _is_of(header, self.programs)
        if self.starts:
            ok &= header.begins(*self.starts)
        for literal in self.contains if self.behind is None else (*self.contains, self.behind):
            rows = np.flatnonzero(ok)
            message = header.message.take(rows)
            found = header.lines.find(message.start, message.start + message.length, literal)
            ok[rows[found < 0]] = False
        return ok

    def refine(self, header: Header, clock: Clock) -> tuple[Mask, Header]:
        """Which lines are of the format, and the header of these."""
        if self.zone is not None:
            clock = Clock(clock.reference, self.zone)
        ok, leaves = self.take(self._text(header))
        if self.where:
            ok, leaves = _narrowed(ok, leaves, _are_so(leaves, int(ok.sum()), self.where))
        base = header.take(np.flatnonzero(ok))
        if self.times:
            good, stamps, leaves = self._timed(len(base), leaves, clock)
            if not good.all():
                ok, leaves = _narrowed(ok, leaves, good)
                base = base.take(np.flatnonzero(good))
            has = stamps.ok[good]
            base.time = np.where(has, stamps.time[good], base.time)
            base.zone = np.where(has, stamps.zone[good], base.zone).astype(np.int16)
        leaves = self._with_constants(self._translated(leaves), len(base))
        found = Found(base.lines, leaves, self._columns())
        better = event(
            found, base, clock, self.name,
            actions=self._words("action"),
            outcomes=self._words("outcome") or OUTCOMES,
            levels=self.levels,
        )  # fmt: skip
        better.program = self.program or base.program
        if better.program is None and "process" not in better.spans:
            # Tables for messages without a process are not meant.
            better.program = program_of(self.name)
        return ok, better

    def _text(self, header: Header) -> pl.Series:
        start, length = header.message.start, header.message.length
        if self.behind is not None:
            at = header.lines.find(start, start + length, self.behind)
            skipped = np.where(at < 0, length, at + len(self.behind.encode()))
            start, length = start + skipped, length - skipped
        return header.lines.text(start, length)

    def _columns(self) -> Mapping[str, Sequence[str]]:
        constants = {c: (c + _CONSTANT,) for c in self.constants if c in _filled()}
        columns = dict(self.columns)
        for column, names in constants.items():
            columns[column] = (*names, *columns.get(column, ()))
        return columns

    def _words(self, column: str) -> Mapping[str, str] | None:
        """Words that fill a column; its constant stands for itself."""
        words = self.values.get(column)
        constant = self.constants.get(column)
        if words is None or constant is None:
            return words
        return {constant: constant, **words}

    def _with_constants(self, leaves: Leaves, count: int) -> Leaves:
        """The leaves with the constants, one of each a line; a field of such a name gives way."""
        if not self.constants or not count:
            return leaves
        names = [n + _CONSTANT if n in _filled() else n for n in self.constants]
        there = [n for n, name in enumerate(leaves.names) if name in names]
        if there:
            leaves = leaves.take(np.flatnonzero(~np.isin(leaves.name, there)))
        rows = [leaves.row, *(np.arange(count) for _ in names)]
        numbers = [leaves.name, *(np.full(count, len(leaves.names) + n) for n in range(len(names)))]
        texts = [pl.repeat(t, count, dtype=pl.String, eager=True) for t in self.constants.values()]
        row = np.concatenate(rows)
        order = np.argsort(row, kind="stable")
        return Leaves(
            row[order],
            np.concatenate(numbers)[order],
            (*leaves.names, *names),
            pl.concat([leaves.text, *texts]).gather(order),
        )

    def _timed(self, count: int, leaves: Leaves, clock: Clock) -> tuple[Mask, Stamps, Leaves]:
        """Which lines have a time that can be read or none, the times, and all other leaves."""
        leaf = np.full(count, -1, np.int64)
        for number in self._named("time", leaves):
            at = np.flatnonzero(leaves.name == number)
            at = at[leaf[leaves.row[at]] < 0]
            leaf[leaves.row[at]] = at
        rows = np.flatnonzero(leaf >= 0)
        part = own_times.read(self.times, leaves.text.gather(leaf[rows]), clock)
        stamps = own_times.none(count)
        stamps.ok[rows], stamps.time[rows], stamps.zone[rows] = part.ok, part.time, part.zone
        good = np.ones(count, bool)
        good[rows] = part.ok
        kept = np.ones(len(leaves.row), bool)
        kept[leaf[rows]] = False
        return good, stamps, leaves.take(np.flatnonzero(kept))

    def _named(self, column: str, leaves: Leaves) -> list[int]:
        """The numbers of the names that fill a column, the best first."""
        lowered = [name.lower() for name in leaves.names]
        wanted = self.columns.get(column)
        if wanted is None:
            ranked = ((spellings().get(name, ("", 0)), n) for n, name in enumerate(lowered))
            return [n for (of, _), n in sorted(ranked) if of == column]
        return [n for name in wanted for n, given in enumerate(lowered) if given == name]

    def _translated(self, leaves: Leaves) -> Leaves:
        """The leaves, with words of columns that hold text, and of fields, in place of others."""
        text = leaves.text
        for name, words in self.values.items():
            if name in {"action", "outcome"}:
                continue
            numbers = [n for n, given in enumerate(leaves.names) if given == name]
            numbers += self._named(name, leaves) if name in _filled() else []
            here = pl.Series(np.isin(leaves.name, numbers))
            if here.any():
                other = text.str.to_lowercase().replace_strict(
                    dict(words), default=None, return_dtype=pl.String
                )
                text = text.zip_with(~(here & other.is_not_null()), other)
        return Leaves(leaves.row, leaves.name, leaves.names, text)


def program_of(name: str) -> str:
    """What the message table of a format goes by; no process is called so."""
    return f"{name} (format)"


def _filled() -> frozenset[str]:
    return frozenset(column for column, _ in spellings().values())


def _is_of(header: Header, programs: Sequence[str]) -> Mask:
    """Which lines are of processes that are called so."""
    ok = np.zeros(len(header), bool)
    process = header.spans.get("process")
    if process is None:
        return ok
    for name in programs:
        ok |= header.process_begins(name) & (process.length == len(name.encode()))
    return ok


def _are_so(leaves: Leaves, count: int, where: Mapping[str, tuple[str, ...]]) -> Mask:
    """Of `count` lines those that have the values that are wanted, one for each name."""
    ok = np.ones(count, bool)
    for name, wanted in where.items():
        numbers = [n for n, given in enumerate(leaves.names) if given == name]
        is_so = np.isin(leaves.name, numbers) & leaves.text.is_in(list(wanted)).to_numpy()
        here = np.zeros(count, bool)
        here[leaves.row[is_so]] = True
        ok &= here
    return ok


def _narrowed(ok: Mask, leaves: Leaves, kept: Mask) -> tuple[Mask, Leaves]:
    """Of the lines that are ok some, with their leaves numbered anew."""
    narrower = ok.copy()
    narrower[np.flatnonzero(ok)[~kept]] = False
    return narrower, leaves.of_rows(kept)
