"""A chunk of lines to a frame of events."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import is_
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from siemstress.config import Enrichment, Helper
from siemstress.fields.events import EventBuilder, Origin
from siemstress.fields.extraction import Extraction
from siemstress.fields.tables import Table
from siemstress.formats.auto import Reader
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.formats.stamps import NO_TIME
from siemstress.ingest.own_formats import Known, usable
from siemstress.sources.headings import START, Heading, describe
from siemstress.sources.lines import Ints, Lines, Mask
from siemstress.sources.origins import Origins

if TYPE_CHECKING:
    from siemstress.enrich.enricher import Enricher

Place = Callable[[Sequence[tuple[Ints, Header]]], None]
"""Gives a time to lines without a stamp: headers, each with the numbers of its lines."""


@dataclass(frozen=True)
class Parsed:
    """Events of a chunk, and how many of its lines no format could read.

    `with_messages` are formats that name the message table themselves, whatever the process.
    """

    events: pl.DataFrame
    lines: int
    unread: int
    with_messages: frozenset[str] = frozenset()


_last: list[tuple[tuple[Table, ...], EventBuilder]] = []


def _builder(tables: Sequence[Table]) -> EventBuilder:
    """What makes events by some tables; the last one is kept, for who has the very same tables.

    So parsers of several sections make the tables of a program ready once.
    """
    for known, builder in _last:
        if len(known) == len(tables) and all(map(is_, known, tables)):
            return builder
    builder = EventBuilder(tables)
    _last[:] = [(tuple(tables), builder)]
    return builder


class LineParser:
    """Makes events of lines; may be used by many threads at once, and sent to another process."""

    def __init__(
        self,
        parser: str,
        helpers: Sequence[Helper] = (),
        enrichment: Enrichment | Enricher | None = None,
        *,
        known: Known | None = None,
    ) -> None:
        """`parser` is a format's name, or `auto`; helpers find more in messages.

        `known` are the formats and message tables (None: ours, and the user's own as far as they
        can be used).

        Raises:
            ConfigError: there is no such format, a helper's expression cannot be used, or a file
                of the enrichment.

        """
        self._enricher = _enricher(enrichment)
        known = usable() if known is None else known
        self._made_of = (parser, tuple(helpers), self._enricher, tuple(known.slow))
        self._reader = Reader(parser, known.formats)
        self._extraction = Extraction(helpers)
        self.unpack = self._reader.unpack
        self.recognise = self._reader.recognise
        self._builder = _builder(known.tables)
        self._machine = socket.gethostname() or os.uname().nodename

    def __reduce__(self) -> tuple[Callable[..., LineParser], tuple[object, ...]]:
        """What the same parser is made of elsewhere, where the user's files are read again."""
        return _made_again, self._made_of

    def knows(self, processes: pl.Series) -> Mask:
        """Which processes there is a message table for."""
        return self._builder.knows(processes)

    def parse(
        self,
        lines: Lines,
        clock: Clock,
        source_path: str | Origins | None,
        first_id: int,
        place: Place | None = None,
        heading: Heading | None = START,
    ) -> Parsed:
        """The events of all lines, with ids from `first_id` on in the order of the lines.

        Lines without a stamp get the time of the line before, or what `place` gives them.
        `heading` is what the source has said before; None: that is not known, or given with the
        lines. Of lines of several origins each has its own.
        """
        lines = _described(lines, source_path, heading)
        headers = list(self._reader.read(lines, clock))
        runs = source_path.runs if isinstance(source_path, Origins) else None
        if place is not None:
            place(headers)
        else:
            _place_in_time(headers, len(lines), clock.reference, runs)
        received = time.time_ns() // 1000
        origin = Origin(first_id, received, source_path, self._machine)
        frames = [self._builder.build(header, rows, origin) for rows, header in headers]
        events = _together(frames)
        if self._extraction:
            events = self._extraction.add(events)
        if len(lines.bad):
            events = _with_bytes(events, first_id, lines)
        if self._enricher is not None:
            events = self._enricher.add(events)
        unread = sum(len(rows) for rows, header in headers if not header.parsed)
        named = frozenset(header.format for _, header in headers if header.program is not None)
        return Parsed(events, len(lines), unread, named)


def _enricher(enrichment: Enrichment | Enricher | None) -> Enricher | None:
    """What enriches events; None where nothing does, and then nothing is imported for it."""
    if not enrichment:
        return None
    if not isinstance(enrichment, Enrichment):
        return enrichment
    from siemstress.enrich.enricher import Enricher

    return Enricher(enrichment)


def _described(lines: Lines, source: str | Origins | None, heading: Heading | None) -> Lines:
    """The lines with what their sources have said about them."""
    if isinstance(source, Origins):
        described = describe(lines, source.headings, source.counts) if source.headings else None
    elif heading is None:
        return lines
    else:
        described = describe(lines, [heading], np.array([len(lines)]))
    return lines if described is None else replace(lines, described=described)


def _made_again(
    parser: str, helpers: Sequence[Helper], enricher: Enricher | None, slow: Sequence[str]
) -> LineParser:
    return LineParser(parser, helpers, enricher, known=usable(slow=slow))


def _place_in_time(
    headers: list[tuple[Ints, Header]], count: int, reference: int, runs: Ints | None = None
) -> None:
    """Give lines without a stamp the time of the line before; their zone stays unknown.

    In front of the first stamp the first one counts, and without any the reference. `runs`
    numbers the runs of lines that have one origin; other origins' stamps do not count.
    """
    if all((header.time != NO_TIME).all() for _, header in headers):
        return
    times = np.full(count, NO_TIME, np.int64)
    for rows, header in headers:
        times[rows] = header.time
    known = np.flatnonzero(times != NO_TIME)
    if len(known):
        before = np.searchsorted(known, np.arange(count), "right") - 1
        nearest = known[np.maximum(before, 0)]
        if runs is not None:
            after = known[np.minimum(before + 1, len(known) - 1)]
            nearest = np.where(runs[nearest] == runs, nearest, after)
        times = times[nearest]
        if runs is not None:
            times[runs[nearest] != runs] = reference
    else:
        times[:] = reference
    for rows, header in headers:
        header.time = times[rows]


def _together(frames: list[pl.DataFrame]) -> pl.DataFrame:
    if len(frames) == 1:
        return frames[0]
    # What is an enumeration here need not be the same one there, and need not be one at all.
    kinds = pl.Schema()
    for name in frames[0].columns:
        found = [frame.schema[name] for frame in frames]
        if any(isinstance(kind, pl.Enum) for kind in found):
            kinds[name] = _common(found)
    return pl.concat([frame.cast(kinds) for frame in frames])


def _common(kinds: Sequence[pl.DataType]) -> pl.DataType:
    """The enumeration of all that is in some, nulls aside; else text."""
    texts: dict[str, None] = {}
    for kind in kinds:
        if isinstance(kind, pl.Enum):
            texts |= dict.fromkeys(kind.categories)
        elif kind != pl.Null:
            return pl.String()
    return pl.Enum(list(texts))


def _with_bytes(events: pl.DataFrame, first_id: int, lines: Lines) -> pl.DataFrame:
    """Add the bytes of lines that are not UTF-8."""
    broken = pl.DataFrame({"id": first_id + lines.bad, "raw_bytes": lines.bad_bytes})
    return events.drop("raw_bytes").join(broken, on="id", how="left").select(events.columns)
