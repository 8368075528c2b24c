"""Read lines of any format: look at some, take the format that fits most, go on with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from siemstress.errors import ConfigError
from siemstress.formats.base import LOOSE, Format, formats, names
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, unread
from siemstress.sources.lines import Ints, Lines

# How many lines are looked at to choose a format.
_LOOKED_AT = 256


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
            ranked = [f for f in known.values() if f.rank is not None and f.refines is None]
            self._choice = sorted(ranked, key=lambda f: (f.rank, f.name))
        else:
            self._choice = [known[name]]
        self.unpack = None if self.auto else self._choice[0].unpack
        self._refining = [f for f in known.values() if f.refines is not None] if self.auto else []
        self._fitting: tuple[Format, ...] = () if self.auto else tuple(self._choice)

    def read(self, lines: Lines, clock: Clock) -> Iterator[tuple[Ints, Header]]:
        """Headers of all lines, with the rows each is of; what nothing reads comes last."""
        left = np.arange(len(lines))
        used: list[Format] = []
        for candidate in self._candidates(lines, clock):
            part = lines if len(left) == len(lines) else lines.take(left)
            read, header = candidate.read(part, clock)
            if not len(header):
                continue
            used.append(candidate)
            yield from self._refined(candidate, left[read], header, clock)
            left = left[~read]
            if not len(left):
                break
        if self.auto:
            self._fitting = (*used, *(f for f in self._fitting if f not in used))
        if len(left):
            yield left, unread(lines.take(left))

    def _candidates(self, lines: Lines, clock: Clock) -> Iterator[Format]:
        """Formats to try: those that fitted before, then by how many of some lines they read.

        What is loose comes last, whether it fitted or not.
        """
        if not self.auto:
            yield from self._fitting
            return
        fitting = [f for f in self._fitting if not _is_loose(f)]
        yield from fitting
        others = [f for f in self._choice if f not in fitting]
        step = max(1, len(lines) // _LOOKED_AT)
        some = lines.take(np.arange(0, len(lines), step)) if len(lines) else lines
        read = {f.name: len(f.read(some, clock)[1]) for f in others}
        yield from sorted(others, key=lambda f: (_is_loose(f), -read[f.name], f.rank))

    def _refined(
        self, base: Format, rows: Ints, header: Header, clock: Clock
    ) -> Iterator[tuple[Ints, Header]]:
        """Give lines to formats that know them better than the one that read them."""
        for finer in self._refining:
            if finer.refines != base.name or finer.claims is None:
                continue
            claimed = np.flatnonzero(finer.claims(header))
            if not len(claimed):
                continue
            read, better = finer.read(header.lines.take(claimed), clock)
            if not len(better):
                continue
            yield rows[claimed[read]], better
            kept = np.ones(len(header), bool)
            kept[claimed[read]] = False
            rows, header = rows[kept], header.take(np.flatnonzero(kept))
        if len(header):
            yield rows, header


def _is_loose(known: Format) -> bool:
    return known.rank is not None and known.rank >= LOOSE
