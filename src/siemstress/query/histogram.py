"""How many events in each bucket of time, by the clock of a zone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from siemstress.errors import QueryError
from siemstress.query.events import Events
from siemstress.query.order import Answer, buckets, span
from siemstress.query.times import MICROSECOND, Zone
from siemstress.store.base import rows

MOST_BARS = 10_000
WANTED_BARS = 50

_SECOND, _MINUTE, _HOUR, _DAY = (timedelta(seconds=n) for n in (1, 60, 3_600, 86_400))
_ROUND = (
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 28, 91, 364)),
)

# Every offset to UTC of today is a multiple of it: events are counted in parts of it, in UTC, and
# these are put together by the zone's clock.
_QUARTER = 15 * _MINUTE


@dataclass(frozen=True)
class Histogram:
    """The starts of the buckets, in UTC without a zone, with their counts; gaps are zeros.

    `query` is what was asked of the store: the counts of small parts of the buckets.
    """

    bucket: timedelta
    counts: Mapping[datetime, int]
    query: exp.Query

    def answer(self) -> Answer:
        """The same as rows of `time` and `count`."""
        import pyarrow as pa

        columns = [
            pa.array(self.counts, pa.timestamp("us")),
            pa.array(self.counts.values(), pa.int64()),
        ]
        batch = pa.RecordBatch.from_arrays(columns, ["time", "count"])
        return Answer(batch.schema, iter([batch]))


def histogram(events: Events, bucket: timedelta | None, zone: Zone, key: str) -> Histogram:
    """Count the events in buckets of this length (None: one that gives some 50 bars at most).

    Buckets start at round times of the zone's clock, those of weeks on Mondays. They reach from
    the first event to the last.

    Raises:
        QueryError: the buckets are too many; `key` is the flag.

    """
    part = _finest(events) if bucket is None else _common(bucket, _QUARTER)
    query = buckets(events, datetime.min, part)
    found = {row["bucket"]: row["count"] for row in rows(events.ask(query, ["time"]))}
    moments = {m: count for n, count in found.items() if (m := _moment(n, part)) is not None}
    if not moments:
        return Histogram(bucket or part, {}, query)
    extent = max(moments) - min(moments)
    if bucket is None:
        bucket = next((b for b in _ROUND if b >= part and extent // b < WANTED_BARS), _ROUND[-1])
    if extent // bucket >= MOST_BARS:
        raise QueryError(f"gives {extent // bucket:,} bars; take a longer bucket", key=key)
    starts: dict[datetime, int] = {}
    for moment, count in moments.items():
        start = _start(moment, bucket, zone)
        starts[start] = starts.get(start, 0) + count
    for start in _starts(min(starts), max(starts), bucket, zone):
        starts.setdefault(start, 0)
    return Histogram(bucket, dict(sorted(starts.items())), query)


def _finest(events: Events) -> timedelta:
    """The parts to count in before it is known how long the buckets are to be."""
    wanted = events.wanted
    first, last = wanted.time_min, wanted.time_max
    if first is None or last is None:
        first, last = span(events) or (datetime.min, datetime.min)
    if last - first <= _HOUR:
        return _SECOND
    return _MINUTE if last - first <= 2 * _DAY else _QUARTER


def _common(one: timedelta, other: timedelta) -> timedelta:
    return math.gcd(one // MICROSECOND, other // MICROSECOND) * MICROSECOND


def _moment(number: int | None, part: timedelta) -> datetime | None:
    try:
        return None if number is None else datetime.min + number * part
    except OverflowError:
        return None


def _local(moment: datetime, zone: Zone) -> datetime:
    """What the zone's clock shows at a moment in UTC; `fold` tells apart what comes twice."""
    try:
        return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return moment


def _utc(local: datetime, zone: Zone) -> datetime:
    try:
        return local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return local.replace(fold=0)


def _start(moment: datetime, bucket: timedelta, zone: Zone) -> datetime:
    local = _local(moment, zone)
    # The first day there is was a Monday.
    floor = datetime.min + (local.replace(fold=0) - datetime.min) // bucket * bucket
    return _utc(floor.replace(fold=local.fold), zone)


def _starts(first: datetime, last: datetime, bucket: timedelta, zone: Zone) -> Iterator[datetime]:
    """Every start of a bucket between two of them."""
    clock = _local(first, zone).replace(fold=0)
    end = _local(last, zone).replace(fold=0)
    while clock <= end:
        for moment in _moments(clock, zone):
            if first <= moment <= last:
                yield moment
        if datetime.max - clock < bucket:
            return
        clock += bucket


def _moments(clock: datetime, zone: Zone) -> Iterable[datetime]:
    """The moments at which the zone's clock shows this: one, two, or where it is skipped none."""
    found = {_utc(clock.replace(fold=fold), zone) for fold in (0, 1)}
    return [moment for moment in found if _local(moment, zone).replace(fold=0) == clock]
