"""Stored events from their lines anew, by today's formats, message tables and helpers.

An event keeps its id, when it was received, and where it came from. What a stamp leaves open is
filled in from the event itself: the zone that its stamp was read with, and the year or day that it
was on. Lines without a stamp follow the line before them as they did, or stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

import duckdb
import numpy as np
import polars as pl
from sqlglot import exp

from siemstress.config.enrichment import TOKEN
from siemstress.errors import Conflict
from siemstress.formats.clock import DAY, MINUTE, Clock
from siemstress.formats.header import Header
from siemstress.formats.layout import raw_expression
from siemstress.formats.stamps import NO_TIME
from siemstress.ingest.difference import Difference
from siemstress.ingest.parsing import LineParser, Place
from siemstress.ingest.told import Told
from siemstress.schema import ALERT, EVENT, polars_schema
from siemstress.sources.lines import Ints, of_texts
from siemstress.store.base import Bounds, Part, Store

# Columns that stay as they are.
KEPT = ("id", "received", "raw_bytes", "source_path", "parsed_on")
COMPARED = tuple(c.name for c in EVENT if c.name not in KEPT)
# Lines that are parsed at once, in bytes, about.
_CHUNK = 5 << 20
_MOST_LINES = 1 << 17
# Stamps that name no year are read as of the latest event within this many days.
_WIDE = 128
# How often all parts are asked for again, since others compact the table.
_ATTEMPTS = 100


@dataclass(frozen=True)
class Wanted:
    """Which events are read again; times are UTC without a zone, inclusive; None: no limit."""

    time_min: datetime | None = None
    time_max: datetime | None = None
    unparsed: bool = False

    def bounds(self) -> Bounds:
        """By which a store may leave out what is not wanted."""
        return Bounds(self.time_min, self.time_max)

    def condition(self, columns: Sequence[str]) -> pl.Expr:
        """The condition over a table's columns; alerts have no line that could be read again."""
        conditions = [pl.col(c.name).is_null() for c in ALERT if c.name in columns]
        if self.time_min is not None:
            conditions.append(pl.col("time") >= self.time_min)
        if self.time_max is not None:
            conditions.append(pl.col("time") <= self.time_max)
        if self.unparsed:
            conditions.append(pl.col("parsed").eq(other=False))
        return pl.all_horizontal(conditions) if conditions else pl.lit(value=True)


@dataclass
class Reparsing:
    """Reads a table's events again. `zone` is that of stamps that name none.

    Without it each event's own counts, and `default` for those that have none. `watch` is told
    of how many events were looked at. `replaced` counts those that are stored anew.
    """

    store: Store
    table: str
    parser: LineParser
    default: str | int
    zone: str | int | None = None
    wanted: Wanted = field(default_factory=Wanted)
    watch: Callable[[int], None] = lambda _: None
    difference: Difference = field(default_factory=Difference)
    replaced: int = 0

    def __post_init__(self) -> None:
        self._told = Told(self.store, self.table)

    def compare(self) -> None:
        """Find out what would change; writes nothing.

        Raises:
            Conflict: others keep changing the table meanwhile.
            StoreError: it cannot be read.

        """
        self._work(self._compare)

    def apply(self) -> None:
        """Replace what changes, a part of the table in a commit; run again, it finds the rest.

        Raises:
            Conflict: others keep changing the table meanwhile; some parts may be done.
            StoreError: it cannot be read or written; some parts may be done.

        """
        self._work(self._replace)

    def _work(self, act: Callable[[Part], Part]) -> None:
        each_part(self.store, self.table, self.wanted.bounds(), act)

    def _compare(self, part: Part) -> Part:
        found = Difference()
        for frame in self.store.read(part):
            self._changed(frame, found)
        self.difference.join(found)
        return part

    def _replace(self, part: Part) -> Part:
        found = Difference()
        count, after = self.store.replace(part, lambda frame: self._changed(frame, found))
        self.difference.join(found)
        self.replaced += count
        return after

    def _changed(self, frame: pl.DataFrame, found: Difference) -> pl.DataFrame:
        """Of stored rows those that change, as they would be stored today."""
        old = frame.filter(self.wanted.condition(frame.columns))
        found.rows += old.height
        self.watch(old.height)
        line = _without_masked(written(old))
        found.lost += line.null_count()
        # Lines whose meaning stood in one that is gone stay as they are.
        known = line.is_not_null() & ~self._told.unknown(old)
        old = old.with_columns(line.alias("_line")).filter(known)
        if not old.height:
            return pl.DataFrame(schema=polars_schema())
        old = self._grouped(old)
        new = self._parsed(old)
        # As of another day: the stamp leaves that open, and the event itself says which it is.
        moved = _moved(old.sort("id"), new)
        if moved.any():
            again = old.sort("id").filter(moved).sort("source_path", "id")
            dated = again.with_columns((pl.col("_time") // DAY).alias("_group"))
            new = pl.concat([new.filter(~moved), self._parsed(dated)]).sort("id")
        old = old.sort("id")
        kept = old.select(name for name in KEPT if name in old.columns)
        new = self._unambiguous(old, new).with_columns(kept)
        rows = found.compare(old, new, COMPARED)
        return _whole(old.filter(rows), new.filter(rows))

    def _grouped(self, old: pl.DataFrame) -> pl.DataFrame:
        """Rows in the order of their sources' lines, with what their stamps are read by.

        `_zone` is minutes or null, `_group` numbers rows that are read by one reference. A row
        whose line has no stamp goes with the one before, whose time it has.
        """
        ordered = old.sort("source_path", "id", maintain_order=True)
        source = pl.col("source_path").rle_id()
        stamped = pl.col("zone").is_not_null()
        time = pl.coalesce("time", "received").fill_null(datetime(1970, 1, 1)).cast(pl.Int64)
        before = pl.when(stamped).then("time").forward_fill().over(source)
        follows = ~stamped & before.eq(pl.col("time"))
        own_zone = _minutes(pl.col("zone"))
        zone = pl.when(stamped).then(own_zone).when(follows).then(own_zone.forward_fill())
        wide = stamped | follows
        group = pl.when(wide).then(time // (_WIDE * DAY) * _WIDE).otherwise(time // DAY)
        return ordered.with_columns(
            time.alias("_time"),
            source.alias("_source"),
            (pl.lit(None, pl.Int64) if self.zone is not None else zone).alias("_zone"),
            (2 * group + wide.cast(pl.Int64)).alias("_group"),
        )

    def _parsed(self, old: pl.DataFrame) -> pl.DataFrame:
        """The rows' lines parsed, sorted by id."""
        parts = [
            self._parsed_together(chunk)
            for rows in old.partition_by("_zone", "_group", maintain_order=True)
            for chunk in _chunks(rows)
        ]
        return pl.concat(parts).sort("id")

    def _parsed_together(self, old: pl.DataFrame) -> pl.DataFrame:
        own = old["_zone"][0]
        zone = self.zone if self.zone is not None else self.default if own is None else own
        reference = old["_time"].max()
        clock = Clock(reference if isinstance(reference, int) else 0, zone, in_order=False)
        lines = replace(of_texts(old["_line"], "\n"), described=self._told.described(old))
        parsed = self.parser.parse(lines, clock, None, 0, _placed(old), None)
        plain = parsed.events.cast({pl.Enum: pl.String})
        return plain.with_columns(id=old["id"].gather(plain["id"]))

    def _unambiguous(self, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        """Keep how a local time was read that came twice, as clocks were put back."""
        zone = self.default if self.zone is None else self.zone
        if not isinstance(zone, str):
            return new
        local = old["time"].dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        offset = (local.dt.base_utc_offset() + local.dt.dst_offset()).dt.total_minutes()
        before, after = (f.select(_minutes(pl.col("zone"))).to_series() for f in (old, new))
        moved = (new["time"] - old["time"]).dt.total_microseconds()
        kept = (before == offset) & (before != after) & (moved == (before - after) * MINUTE)
        kept = kept.fill_null(value=False)
        return new.with_columns(old[name].zip_with(kept, new[name]) for name in ("time", "zone"))


def each_part(store: Store, table: str, bounds: Bounds, act: Callable[[Part], Part]) -> None:
    """Do something with each part of a table once; `act` gives what the part is then.

    Raises:
        Conflict: others keep changing the table meanwhile; some parts may be done.

    """
    done: set[Part] = set()
    for attempt in range(_ATTEMPTS):
        try:
            for part in store.parts(table, bounds):
                if part not in done:
                    done.add(act(part))
        except Conflict:
            # Somebody has merged or deleted files: what they are now is looked at.
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return


def written(events: pl.DataFrame) -> pl.Series:
    """The line of each event, as its format's layout gives it back; null where it is not kept."""
    types = polars_schema(EVENT)
    lacking = [pl.lit(None, t).alias(n) for n, t in types.items() if n not in events.columns]
    rows = events.with_columns(lacking).select(list(types)).cast({pl.Enum: pl.String})
    with duckdb.connect(":memory:") as connection:
        connection.register("events", rows.to_arrow())
        found = connection.sql(_written()).to_arrow_table()
    return pl.Series("line", found["line"], dtype=pl.String)


@cache
def _written() -> str:
    return exp.select(exp.alias_(raw_expression(), "line")).from_("events").sql("duckdb")


def _without_masked(lines: pl.Series) -> pl.Series:
    """The lines but those in which something is masked: these are not what was read."""
    masked = lines.str.contains(TOKEN).fill_null(value=False)
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(lines))
    return nothing.zip_with(masked, lines).alias(lines.name) if masked.any() else lines


def _minutes(zone: pl.Expr) -> pl.Expr:
    """Minutes east of UTC of the column `zone`; null where it is none."""
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    hours, minutes = (zone.str.slice(n, 2).cast(pl.Int64, strict=False) for n in (1, 4))
    return pl.when(zone == "Z").then(0).otherwise(sign * (hours * 60 + minutes))


def _chunks(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows whose lines are parsed at once."""
    size = rows["_line"].str.len_bytes().sum()
    return rows.iter_slices(max(1, min(_MOST_LINES, _CHUNK * rows.height // max(1, int(size)))))


def _placed(old: pl.DataFrame) -> Place:
    """Gives lines without a stamp their time.

    That is the new one of the line before, where that is of the same source and had the same time
    as well; else the one they have.
    """
    stored, source = (old[name].to_numpy() for name in ("_time", "_source"))

    def place(headers: Sequence[tuple[Ints, Header]]) -> None:
        found = np.full(len(stored), NO_TIME, np.int64)
        for rows, header in headers:
            found[rows] = header.time
        times = stored.copy()
        known = np.flatnonzero(found != NO_TIME)
        if len(known):
            before = np.searchsorted(known, np.arange(len(stored)), "right") - 1
            head = known[np.maximum(before, 0)]
            follows = (before >= 0) & (source[head] == source) & (stored[head] == stored)
            times[follows] = found[head[follows]]
        for rows, header in headers:
            header.time = np.where(header.time == NO_TIME, times[rows], header.time)

    return place


def _moved(old: pl.DataFrame, new: pl.DataFrame) -> pl.Series:
    """Which events are now at the same time of another day."""
    by = (new["time"] - old["time"]).dt.total_microseconds()
    return ((by != 0) & (by % DAY == 0)).fill_null(value=False)


def _whole(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The new events, each with its line where its layout does not give back this very line.

    Lines in which something is masked now are to be other lines, and to have no bytes beside.
    """
    line = written(new)
    masked = line.str.contains(TOKEN).fill_null(value=False)
    fits = line.eq_missing(old["_line"]) | masked
    new = new.with_columns(raw=new["raw"].zip_with(fits, old["_line"]))
    if "raw_bytes" not in new.columns or not masked.any():
        return new
    nothing = pl.Series([None], dtype=pl.Binary).new_from_index(0, new.height)
    return new.with_columns(raw_bytes=nothing.zip_with(masked, new["raw_bytes"]))
