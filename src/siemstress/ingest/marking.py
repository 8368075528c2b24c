"""Stored events that lists are about: which they are, and the lists' marks in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from siemstress.enrich.entries import Entries, with_more
from siemstress.enrich.lists import FIELD, Lists
from siemstress.ingest.reparse import Wanted, each_part
from siemstress.schema import polars_schema
from siemstress.store.base import Part, Store


@dataclass
class Found:
    """How many events have a value that is on a list, and the first and the last one's time."""

    events: int
    first: datetime | None
    last: datetime | None

    def join(self, other: Found) -> Found:
        """Both together."""
        firsts = [time for time in (self.first, other.first) if time is not None]
        lasts = [time for time in (self.last, other.last) if time is not None]
        events = self.events + other.events
        return Found(events, min(firsts, default=None), max(lasts, default=None))


@dataclass
class Marking:
    """Looks a table's events through for what is on lists.

    `rows` is how many were looked at, `hit` how many are on a list, `marked` in how many the mark
    was written. `found` tells of each list's name and value. `watch` is told of events looked at.
    """

    store: Store
    table: str
    lists: Lists
    wanted: Wanted = field(default_factory=Wanted)
    watch: Callable[[int], None] = lambda _: None
    rows: int = 0
    hit: int = 0
    marked: int = 0
    found: dict[tuple[str, str], Found] = field(default_factory=dict)

    def look(self) -> None:
        """Find the events; writes nothing.

        Raises:
            Conflict: others keep changing the table meanwhile.
            StoreError: it cannot be read.

        """
        each_part(self.store, self.table, self.wanted.bounds(), self._look)

    def mark(self) -> None:
        """Mark the events, a part of the table in a commit; run again, it finds the rest.

        Raises:
            Conflict: others keep changing the table meanwhile; some parts may be done.
            StoreError: it cannot be read or written; some parts may be done.

        """
        each_part(self.store, self.table, self.wanted.bounds(), self._mark)

    def _look(self, part: Part) -> Part:
        seen = _Seen(self)
        for frame in self.store.read(part):
            seen.changed(frame)
        seen.count()
        return part

    def _mark(self, part: Part) -> Part:
        seen = _Seen(self)
        count, after = self.store.replace(part, seen.changed)
        seen.count()
        self.marked += count
        return after


class _Seen:
    """What was found in a part; it counts once the part is done."""

    def __init__(self, work: Marking) -> None:
        self._work = work
        self._rows = 0
        self._hit = 0
        self._found: dict[tuple[str, str], Found] = {}

    def changed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Of stored rows those that get a mark which they do not have."""
        work = self._work
        rows = frame.filter(work.wanted.condition(frame.columns))
        if "fields" not in rows.columns:
            nothing = pl.lit(None, polars_schema()["fields"])
            rows = rows.with_columns(nothing.alias("fields"))
        work.watch(rows.height)
        self._rows += rows.height
        entries = Entries(rows["fields"])
        hits = work.lists.hits(rows, entries.without_ours())
        if not hits.height:
            return rows.select("id", "fields").clear()
        self._note(rows, hits)
        there = entries.frame.filter(pl.col("key") == FIELD)
        touched = there.filter(pl.col("row").is_in(hits["row"].implode()))
        marks = work.lists.marks(hits, touched)
        fresh = marks.join(there, on=("row", "key", "value"), how="anti", maintain_order="left")
        marked = rows.with_columns(fields=with_more(entries, [fresh])) if fresh.height else rows
        return marked.select("id", "fields")[fresh["row"]]

    def _note(self, rows: pl.DataFrame, hits: pl.DataFrame) -> None:
        time = rows["time"] if "time" in rows.columns else rows["received"]
        once = hits.unique()
        self._hit += once["row"].n_unique()
        found = (
            once.with_columns(time=time.gather(once["row"]))
            .group_by("number", "value")
            .agg(pl.len(), first=pl.col("time").min(), last=pl.col("time").max())
        )
        for number, value, count, first, last in found.iter_rows():
            key = self._work.lists.names[number], value
            here = Found(count, first, last)
            self._found[key] = self._found[key].join(here) if key in self._found else here

    def count(self) -> None:
        """Add what was found to what was found elsewhere."""
        work = self._work
        work.rows += self._rows
        work.hit += self._hit
        for key, here in self._found.items():
            work.found[key] = work.found[key].join(here) if key in work.found else here
