"""Matches as they are stored: one row for an event and a feed that it is about.

The values that a feed keeps stand together in one text, `kept`, between separators, so that whole
groups are compared, counted and compressed as one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from sqlglot import exp

from siemstress.query.conditions import microseconds, timestamp
from siemstress.rules.feeds import Feed
from siemstress.rules.model import clamped
from siemstress.rules.tables import MATCHES
from siemstress.store.base import Bounds, Scan, Staged, Store

SEPARATOR = "\x1f"
NOTHING = "\x00"
"""Stands for a value that an event has not."""

FOUND: dict[str, pl.DataType] = {
    "feed": pl.String(),
    "event": pl.Int64(),
    "t": pl.Int64(),
    "kept": pl.String(),
}
"""The columns of matches that were found: the feed's digest, the event's id, its time (µs since
1970), and its kept values together. Rolled ones have `count` and `last` (µs), too."""

_STAGED_ROWS = 250_000


@dataclass(frozen=True)
class Stretch:
    """Matches of a feed between two times (µs, both included)."""

    feed: str
    low: int
    high: int


def together(values: Sequence[pl.Series]) -> pl.Series:
    """Values, a series for each kept place, as one text a row."""
    if not values:
        return pl.Series("kept", [], pl.String)
    frame = pl.DataFrame([v.cast(pl.String).alias(str(n)) for n, v in enumerate(values)])
    cleaned = [
        pl.col(str(n)).str.replace_all(f"[{SEPARATOR}{NOTHING}]", " ").fill_null(NOTHING)
        for n in range(len(values))
    ]
    return frame.select(pl.concat_str(cleaned, separator=SEPARATOR).alias("kept"))["kept"]


def taken(kept: str, places: Sequence[int], count: int) -> pl.Expr:
    """Of a column of kept values those at some places, put together again; null where one lacks.

    `count` is how many values are kept.
    """
    if list(places) == list(range(count)) and count:
        # All of them, as they stand.
        return pl.when(~pl.col(kept).str.contains(NOTHING, literal=True)).then(pl.col(kept))
    parts = pl.col(kept).str.split(SEPARATOR)
    some = [parts.list.get(place, null_on_oob=True) for place in places]
    some = [pl.when(part != NOTHING).then(part) for part in some]
    return pl.concat_str(some, separator=SEPARATOR) if some else pl.lit("")


def values_of(group: str, names: Sequence[str]) -> tuple[str, ...]:
    """The values of a group that was put together, one for each of its names."""
    return tuple(group.split(SEPARATOR)) if names else ()


def complete(found: pl.DataFrame) -> pl.DataFrame:
    """Matches with `count` and `last`, as stored ones have them; null where they say nothing."""
    lacking = [name for name in ("count", "last") if name not in found.columns]
    return found.with_columns(pl.lit(None, pl.Int64).alias(name) for name in lacking)


def rolled(found: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """Matches of a feed that rolls them as one row for the same values in a piece of time.

    Rows that were put together before may be among them.
    """
    if feed.roll is None or not len(found):
        return found
    return (
        complete(found)
        .with_columns(
            pl.col("count").fill_null(1).cast(pl.Int64), pl.col("last").fill_null(pl.col("t"))
        )
        .group_by("feed", "kept", pl.col("t").floordiv(feed.roll).alias("piece"))
        .agg(
            pl.col("event").sort_by("t", "event").first(),
            pl.col("t").min(),
            pl.col("count").sum(),
            pl.col("last").max(),
        )
        .select(*FOUND, "count", "last")
    )


def by_feed(found: Iterable[pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Matches, as FOUND, by their feeds, complete; each frame is of one feed."""
    frames: dict[str, list[pl.DataFrame]] = {}
    for frame in found:
        frames.setdefault(frame["feed"][0], []).append(frame)
    return {feed: complete(pl.concat(some, how="diagonal")) for feed, some in frames.items()}


def parted(found: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Matches of many feeds, one frame for each."""
    return {str(key[0]): part for key, part in found.partition_by("feed", as_dict=True).items()}


def stage(store: Store, found: Iterable[pl.DataFrame], table: str) -> Iterator[Sequence[Staged]]:
    """Prepare matches, of FOUND's columns, in the events of a table for a commit."""
    held: list[pl.DataFrame] = []
    count = 0
    for frame in found:
        held.append(frame)
        count += len(frame)
        if count >= _STAGED_ROWS:
            yield store.stage(MATCHES, _rows(store, pl.concat(held, how="diagonal"), table))
            held, count = [], 0
    if count:
        yield store.stage(MATCHES, _rows(store, pl.concat(held, how="diagonal"), table))


def _rows(store: Store, found: pl.DataFrame, table: str) -> pl.DataFrame:
    first = store.take_ids(len(found))
    now = datetime.now(UTC).replace(tzinfo=None)
    columns = {
        "id": pl.int_range(first, first + len(found), dtype=pl.Int64),
        "time": pl.col("t").cast(pl.Datetime("us")),
        "received": pl.lit(now, pl.Datetime("us")),
        "feed": pl.col("feed"),
        "event": pl.col("event"),
        "origin": pl.lit(table),
        "kept": pl.col("kept"),
    }
    if "count" in found.columns:
        columns |= {
            "event_count": pl.col("count").cast(pl.Int32, strict=False),
            "last_time": pl.col("last").cast(pl.Datetime("us")),
        }
    return found.select(expr.alias(name) for name, expr in columns.items())


def fresh(store: Store, after: int | None, upto: int) -> pl.DataFrame:
    """What is new, by feed and group: `feed`, `kept`, `low`, `high` (µs) and `rows`."""
    if not _has_any(store):
        number = pl.Int64()
        return pl.DataFrame(
            schema={"feed": pl.String(), "kept": pl.String()}
            | {"low": number, "high": number, "rows": number}
        )
    t, group = microseconds("time"), [exp.column("feed"), exp.column("kept")]
    late = _last() if _has_rolled(store) else t
    query = (
        exp.select(
            *group,
            exp.alias_(exp.Min(this=t.copy()), "low"),
            exp.alias_(exp.Max(this=late.copy()), "high"),
            exp.alias_(exp.Count(this=exp.Star()), "rows"),
        )
        .from_(exp.to_table("fresh"))
        .group_by(*(g.copy() for g in group))
    )
    return _frame(store, query, {"fresh": Scan(MATCHES, after=after, upto=upto)})


def between(store: Store, stretches: Sequence[Stretch], upto: int | None) -> pl.DataFrame:
    """The matches in some stretches: FOUND's columns, `table`, `count` and `last`.

    Each event once for a feed, however often it was stored.
    """
    low, high = min(s.low for s in stretches), max(s.high for s in stretches)
    bounds = Bounds(time_min=clamped(low), time_max=clamped(high))
    wanted = exp.or_(*(_within(s) for s in stretches))
    return _read(store, Scan(MATCHES, bounds, upto=upto), wanted)


def later(store: Store, after: int, upto: int) -> pl.DataFrame:
    """The matches that came later than a version of their table; see `between`."""
    wanted = exp.column("feed").is_(exp.null()).not_()
    return _read(store, Scan(MATCHES, after=after, upto=upto), wanted)


def _read(store: Store, scan: Scan, wanted: exp.Expr) -> pl.DataFrame:
    if not _has_any(store):
        more = {"table": pl.String(), "count": pl.Int64(), "last": pl.Int64()}
        return pl.DataFrame(schema=FOUND | more)
    columns = [
        exp.column("feed"),
        exp.column("event"),
        exp.alias_(microseconds("time"), "t"),
        exp.column("kept"),
        exp.alias_(exp.column("origin"), "table"),
    ]
    if _has_rolled(store):
        columns += [
            exp.alias_(exp.column("event_count"), "count"),
            exp.alias_(microseconds("last_time"), "last"),
        ]
    query = exp.select(*columns).from_(exp.to_table("matches")).where(wanted)
    return complete(_frame(store, query, {"matches": scan})).unique(
        ["feed", "event", "t"], keep="any"
    )


def _within(stretch: Stretch) -> exp.Expr:
    time = exp.column("time", quoted=True)
    return exp.and_(
        exp.column("feed").eq(exp.Literal.string(stretch.feed)),
        exp.Between(
            this=time, low=timestamp(clamped(stretch.low)), high=timestamp(clamped(stretch.high))
        ),
    )


def _has_any(store: Store) -> bool:
    """Whether there was ever a match; until then the table may hold positions alone."""
    return "feed" in store.columns(MATCHES)


def _has_rolled(store: Store) -> bool:
    return "last_time" in store.columns(MATCHES)


def _last() -> exp.Expr:
    return exp.Coalesce(this=microseconds("last_time"), expressions=[microseconds("time")])


def _frame(store: Store, query: exp.Select, scans: Mapping[str, Scan]) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(store.select(query, scans).read_all()))
