"""Read lines of any format: look at some, take the format that fits most, go on with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from siemstress.errors import ConfigError
from siemstress.formats.base import FIRST, LOOSE, Claim, Format, Refine, formats, names
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, unread
from siemstress.sources.chunks import Unpack
from siemstress.sources.lines import Ints, Lines, Mask

# How many lines are looked at to choose a format.
_LOOKED_AT = 256


class _Turn:
    """A batch on its way from format to format: which lines are left, and who has read some."""

    def __init__(self, lines: Lines, clock: Clock) -> None:
        self.clock = clock
        self.left: Ints = np.arange(len(lines))
        self.used: list[Format] = []
        self._lines = lines

    def part(self) -> Lines:
        """The lines that are left."""
        return self._lines if len(self.left) == len(self._lines) else self._lines.take(self.left)


class Reader:
    """Reads batches of lines in one format, or in whichever fit.

    Remembers which formats fitted, best first, so that a batch is looked at only when those left
    lines over. May be used by many threads at once.
    """

    def __init__(self, parser: str, known: Mapping[str, Format] | None = None) -> None:
        """`parser` is a format's name or `auto`.

        Raises:
            ConfigError: there is no such format.

        """
        known = formats() if known is None else known
        by_name = names(known)
        name = by_name.get(parser.lower())
        if name is None:
            choice = ", ".join(sorted(by_name, key=lambda n: (n != "auto", n)))
            raise ConfigError(f"there is no parser {parser!r}; there are: {choice}")
        self.auto = name == "auto"
        if self.auto:
            ranked = [f for f in known.values() if f.rank is not None and f.read is not None]
            self._choice = sorted(ranked, key=lambda f: (f.rank, f.name))
            self._refining = _refining(known)
            self._first = [f for f in self._choice if f.rank is not None and f.rank < FIRST]
            self._fitting: tuple[Format, ...] = ()
        else:
            asked = replace(known[name], read=known[name].asked or known[name].read)
            self._choice = [asked, *_within(known, asked)]
            self._refining = {}
            self._first = []
            self._fitting = tuple(self._choice)
        self.unpack = None if self.auto else self._choice[0].unpack
        self._packed = [f for f in known.values() if f.unpack is not None and f.begins is not None]

    def recognise(self, head: bytes) -> Unpack | None:
        """What makes lines of a source that begins so, where it holds something else."""
        return next((f.unpack for f in self._packed if f.begins and f.begins(head)), None)

    def read(self, lines: Lines, clock: Clock) -> Iterator[tuple[Ints, Header]]:
        """Headers of all lines, with the rows each is of; what nothing reads comes last."""
        turn = _Turn(lines, clock)
        fitting = [f for f in self._fitting if not (self.auto and _is_loose(f))]
        fitting = [*self._first, *(f for f in fitting if f not in self._first)]
        if lines.described is not None:
            described = [f for f in self._choice if f.described]
            fitting = [*described, *(f for f in fitting if not f.described)]
        yield from self._try(fitting, turn)
        if len(turn.left):
            yield from self._try(self._others(fitting, turn), turn)
        if self.auto:
            self._fitting = (*turn.used, *(f for f in self._fitting if f not in turn.used))
        if len(turn.left):
            yield turn.left, unread(lines.take(turn.left))

    def _try(
        self, candidates: Sequence[Format], turn: _Turn
    ) -> Iterator[tuple[Ints, Header]]:  # fmt: skip
        """Let formats read what is left, one after the other."""
        for candidate in candidates:
            if not len(turn.left):
                break
            read, header = _read(candidate, turn.part(), turn.clock)
            if not len(header):
                continue
            turn.used.append(candidate)
            yield from self._refined(candidate, turn.left[read], header, turn.clock)
            turn.left = turn.left[~read]

    def _others(self, fitting: Sequence[Format], turn: _Turn) -> list[Format]:
        """What else may be tried on what is left, the loose ones last.

        The others go by how many of some lines they read.
        """
        others = [f for f in self._choice if f not in fitting]
        if not self.auto or not others:
            return others
        left = turn.part()
        some = left.take(np.arange(0, len(left), max(1, len(left) // _LOOKED_AT)))
        read = {f.name: len(_read(f, some, turn.clock)[1]) for f in others}
        if len(some) == len(left):
            others = [f for f in others if read[f.name]]
        # Of the loose ones the looser reads more, and knows less of what it reads.
        return sorted(others, key=lambda f: (f.rank if _is_loose(f) else 0, -read[f.name], f.rank))

    def _refined(
        self, base: Format, rows: Ints, header: Header, clock: Clock
    ) -> Iterator[tuple[Ints, Header]]:
        """Give lines to formats that know their messages; of several the first that reads one."""
        left: Mask | None = None
        # Many formats claim the same lines: what one finds out about them serves the next.
        asked, part = np.empty(0, np.int64), header
        for finer in self._refining.get(base.name, ()):
            if finer.claims is None or finer.refine is None:
                continue
            claims = finer.claims(header)
            claimed = np.flatnonzero(claims if left is None else claims & left)
            if not len(claimed):
                continue
            if not np.array_equal(claimed, asked):
                asked, part = claimed, header.take(claimed).compact()
            read, better = finer.refine(part, clock)
            if not len(better):
                continue
            taken = claimed[read]
            yield rows[taken], better
            left = np.ones(len(header), bool) if left is None else left
            left[taken] = False
        if left is None:
            yield rows, header
        elif left.any():
            yield rows[left], header.take(np.flatnonzero(left))


def _read(known: Format, lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    if known.read is None:
        return np.zeros(len(lines), bool), unread(lines.take(np.empty(0, np.int64)))
    return known.read(lines, clock)


def _within(known: Mapping[str, Format], wanted: Format) -> list[Format]:
    """A format as it stands in the lines of others."""
    if wanted.refine is None or wanted.claims is None:
        return []
    bases = [known[name] for name in wanted.refines if name in known]
    read = partial(_read_within, claims=wanted.claims, refine=wanted.refine)
    return [replace(wanted, read=partial(read, base)) for base in bases]


def _read_within(
    base: Format, lines: Lines, clock: Clock, *, claims: Claim, refine: Refine
) -> tuple[Mask, Header]:  # fmt: skip
    ok, header = _read(base, lines, clock)
    if not len(header):
        return ok, header
    claimed = np.flatnonzero(claims(header))
    rows = np.flatnonzero(ok)[claimed]
    ok[:] = False
    if not len(claimed):
        return ok, header.take(claimed)
    found, better = refine(header.take(claimed), clock)
    ok[rows[found]] = True
    return ok, better


def _refining(known: Mapping[str, Format]) -> dict[str, list[Format]]:
    """By a format's name those that may read its messages, the lowest rank first."""
    ranked = [f for f in known.values() if f.rank is not None]
    ranked.sort(key=lambda f: (f.rank, f.name))
    return {base: [f for f in ranked if base in f.refines] for base in known}


def _is_loose(known: Format) -> bool:
    return known.rank is not None and known.rank >= LOOSE
