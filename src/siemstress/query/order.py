"""Events in order of time, however many, without holding them all.

A small answer is sorted in memory. A large one is asked for in slices of time, each of which is
sorted by itself: sorting ten million whole rows at once takes several times as long, a disk to
spill to, and gives nothing until its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlglot import exp

from siemstress.query.conditions import column, timestamp
from siemstress.query.events import BATCH_ROWS, Events
from siemstress.query.filters import Filter
from siemstress.query.times import MICROSECOND
from siemstress.store.base import rows

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("time", "id")

# Of the newest up to 50, DuckDB reads the other columns only once it has found them; of more it
# carries whole rows about, and their times and ids are found first.
DIRECT_ROWS = 50
HELD_BYTES = 24 << 20
SLICE_ROWS = 120_000
BUCKETS = 1_000


@dataclass(frozen=True)
class Answer:
    """A result that streams: its columns, and its batches of rows."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


def in_order(
    events: Events, columns: Sequence[str], limit: int | None = None, *, newest_first: bool = False
) -> Answer:
    """The newest `limit` events (None: all), the newest last or first; ids decide ties."""
    ordering = _Ordering(events, columns, newest_first=newest_first)
    if limit is None:
        return ordering.all()
    if limit > DIRECT_ROWS:
        return replace(ordering, events=_since_newest(events, limit)).all()
    reader = ordering.ask(ordering.sorted(ordering.newest(limit)))
    return Answer(reader.schema, iter(reader))


def statement(
    events: Events, columns: Sequence[str], limit: int | None, *, newest_first: bool
) -> exp.Query:
    """The whole question as one statement, to show it."""
    ordering = _Ordering(events, columns, newest_first=newest_first)
    if limit is None:
        return ordering.sorted(events.select(ordering.inner))
    return ordering.sorted(ordering.newest(limit))


@dataclass(frozen=True)
class _Ordering:
    events: Events
    columns: Sequence[str]
    newest_first: bool

    @property
    def inner(self) -> list[str]:
        """The columns with those that rows are sorted by."""
        return list(dict.fromkeys((*self.columns, *KEYS)))

    def ask(self, query: exp.Query) -> pa.RecordBatchReader:
        return self.events.ask(query, self.inner)

    def newest(self, limit: int) -> exp.Select:
        newest_first = _order(descending=True)
        return self.events.select(self.inner).order_by(*newest_first).limit(limit)

    def sorted(self, query: exp.Select) -> exp.Select:
        names = [column(name) for name in self.columns]
        rows = query.subquery(exp.to_identifier("found", quoted=True))
        return exp.select(*names).from_(rows).order_by(*_order(descending=self.newest_first))

    def all(self) -> Answer:
        import pyarrow as pa

        reader = self.ask(self.events.select(self.inner))
        schema = pa.schema([reader.schema.field(name) for name in self.columns])
        held, size = [], 0
        for batch in reader:
            held.append(batch)
            size += batch.nbytes
            if size > HELD_BYTES:
                break
        else:
            table = self._sorted_table(pa.Table.from_batches(held, reader.schema))
            return Answer(schema, iter(table.to_batches(BATCH_ROWS)))
        # Dropping the reader stops the engine.
        del reader, held, batch
        return Answer(schema, self._in_slices())

    def _sorted_table(self, table: pa.Table) -> pa.Table:
        import pyarrow.compute as pc

        how = ("descending", "at_end") if self.newest_first else ("ascending", "at_start")
        places = pc.sort_indices(table, sort_keys=[(key, *how) for key in KEYS])
        return table.select(list(self.columns)).take(places)

    def _in_slices(self) -> Iterator[pa.RecordBatch]:
        for part in _slices(self.events, newest_first=self.newest_first):
            query = replace(self, events=part)
            yield from query.ask(query.sorted(part.select(self.inner)))


def _since_newest(events: Events, limit: int) -> Events:
    """The newest `limit` events: those from the oldest of them on."""
    keys = events.select(KEYS).order_by(*_order(descending=True)).limit(1).offset(limit - 1)
    found = next(rows(events.ask(keys, KEYS)), None)
    if found is None:
        return events
    same = exp.GTE(this=column("id"), expression=exp.Literal.number(found["id"]))
    if found["time"] is None:
        return replace(events, more=(*events.more, exp.or_(_timed(), same)))
    later = exp.GT(this=column("time"), expression=timestamp(found["time"]))
    wanted = replace(events.wanted, time_min=found["time"])
    return replace(events, wanted=wanted, more=(*events.more, exp.or_(later, same)))


def _timed() -> exp.Expr:
    return exp.not_(exp.Is(this=column("time"), expression=exp.null()))


def _order(*, descending: bool) -> list[exp.Expr]:
    return [
        exp.Ordered(this=column(key), desc=descending, nulls_first=not descending) for key in KEYS
    ]


def _slices(events: Events, *, newest_first: bool) -> Iterator[Events]:
    """The events in slices of time, in order of time, of about SLICE_ROWS rows at most."""
    wanted = events.wanted
    unbounded = wanted.time_min is None and wanted.time_max is None
    parts = _timed_slices(events, newest_first=newest_first)
    untimed = exp.Is(this=column("time"), expression=exp.null())
    if unbounded and not newest_first:
        yield replace(events, more=(*events.more, untimed))
    yield from parts
    if unbounded and newest_first:
        yield replace(events, more=(*events.more, untimed))


def _timed_slices(events: Events, *, newest_first: bool) -> Iterator[Events]:
    wanted = events.wanted
    found = span(events)
    if found is None:
        return
    for first, last in _cuts(events, *found, newest_first=newest_first):
        # Times before the year 1 and after 9999 cannot be written; they are in the outer slices.
        low = wanted.time_min if first == found[0] else first
        high = wanted.time_max if last == found[1] else last
        part = replace(events, wanted=replace(wanted, time_min=low, time_max=high))
        if low is None and high is None:
            part = replace(part, more=(*part.more, _timed()))
        yield part


def span(events: Events) -> tuple[datetime, datetime] | None:
    """The first and the last time of the events in the filter's range, as far as they are dates."""
    time = column("time")
    low = exp.Greatest(this=exp.Min(this=time), expressions=[timestamp(datetime.min)])
    high = exp.Least(this=exp.Max(this=time.copy()), expressions=[timestamp(datetime.max)])
    query = exp.select(
        exp.alias_(low, "low", quoted=True), exp.alias_(high, "high", quoted=True)
    ).from_(_in_range(events).select(["time"]).subquery("events"))
    found = next(rows(events.ask(query, ["time"])))
    return None if found["low"] is None else (found["low"], found["high"])


def _in_range(
    events: Events, first: datetime | None = None, last: datetime | None = None
) -> Events:
    """All events of the range, whatever else the filter says: only times must be read for them."""
    wanted = events.wanted
    times = Filter(time_min=first or wanted.time_min, time_max=last or wanted.time_max)
    return replace(events, wanted=times, more=())


def _cuts(
    events: Events, first: datetime, last: datetime, *, newest_first: bool
) -> Iterator[tuple[datetime, datetime]]:
    """Parts of a range, both ends inclusive, without gaps, of about SLICE_ROWS rows at most."""
    width = (last - first) // BUCKETS + MICROSECOND
    counts = _counts(events, first, last, width)
    start, held = first, 0
    parts: list[tuple[datetime, datetime, int]] = []
    for number, count in sorted(counts.items()):
        begin = first + number * width
        if held and held + count > SLICE_ROWS:
            parts.append((start, begin - MICROSECOND, held))
            start, held = begin, 0
        held += count
    parts.append((start, last, held))
    for begin, end, count in reversed(parts) if newest_first else parts:
        if count > SLICE_ROWS and end - begin > timedelta(milliseconds=1) and len(parts) > 1:
            yield from _cuts(events, begin, end, newest_first=newest_first)
        else:
            yield begin, end


def _counts(events: Events, first: datetime, last: datetime, width: timedelta) -> dict[int, int]:
    """How many events are in each bucket of this width from `first` on."""
    query = buckets(_in_range(events, first, last), first, width)
    found = rows(events.ask(query, ["time"], Filter(time_min=first, time_max=last).bounds()))
    return {row["bucket"]: row["count"] for row in found}


def buckets(events: Events, first: datetime, width: timedelta) -> exp.Select:
    """A SELECT of `bucket`, counted from `first` on, and `count`, of the events from then on."""
    since = exp.Paren(
        this=exp.Sub(
            this=exp.func("epoch_us", column("time")),
            expression=exp.func("epoch_us", timestamp(first)),
        )
    )
    size = exp.Literal.number(width // MICROSECOND)
    return (
        exp.select(
            exp.alias_(exp.IntDiv(this=since, expression=size), "bucket", quoted=True),
            exp.alias_(exp.Count(this=exp.Star()), "count", quoted=True),
        )
        .from_(events.select(["time"]).subquery("events"))
        .group_by(exp.Literal.number(1))
    )
