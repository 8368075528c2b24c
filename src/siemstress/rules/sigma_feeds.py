"""Which events feeds are about whose condition is one of Sigma's: all feeds in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import polars as pl
from sqlglot import exp

from siemstress.rules.feeds import Feed
from siemstress.rules.matches import FOUND, together
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.values import Batch, Rows, columns_of
from siemstress.store.base import Scan, Store

_BATCH_ROWS = 50_000


class SigmaFeeds:
    """Feeds made ready to be evaluated together."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = feeds
        conditions = [feed.of_sigma for feed in feeds]
        self._evaluator = Evaluator([c for c in conditions if c is not None])
        kept = dict.fromkeys(place for feed in feeds for place in feed.keep)
        self._fields = tuple(dict.fromkeys((*self._evaluator.fields, *kept)))

    def matches(self, store: Store, scan: Scan) -> Iterator[pl.DataFrame]:
        """The events of a scan that the feeds are about, as `rules.matches.FOUND`."""
        present = set(store.columns(scan.table))
        wanted = ["id", "time", *columns_of(self._fields)]
        columns = [name for name in dict.fromkeys(wanted) if name in present]
        query = exp.select(*(exp.column(c, quoted=True) for c in columns))
        query = query.from_(exp.to_table("fresh"))
        query = query.where(exp.column("time", quoted=True).is_(exp.null()).not_())
        reader = store.select(query, {"fresh": scan}, batch_rows=_BATCH_ROWS)
        frames = (pl.DataFrame(pl.from_arrow(batch)) for batch in reader)
        for batch, found in self._evaluator.all_matches(frames, self._fields):
            for number, rows in found:
                yield _matches(batch, self._feeds[number], rows)


def _matches(batch: Batch, feed: Feed, rows: Rows) -> pl.DataFrame:
    """Some rows of a batch as matches of a feed."""
    at = pl.Series(rows)
    some = batch.events.select(pl.col("id", "time").gather(at))
    return pl.DataFrame(
        {
            "feed": pl.repeat(feed.digest, len(rows), dtype=pl.String, eager=True),
            "event": some["id"].cast(pl.Int64),
            "t": some["time"].cast(pl.Datetime("us")).cast(pl.Int64),
            "kept": _kept(batch, feed, rows),
        },
        schema=FOUND,
    )


def _kept(batch: Batch, feed: Feed, rows: Rows) -> pl.Series:
    """What a feed keeps of some rows of a batch."""
    if not feed.keep:
        return pl.repeat("", len(rows), dtype=pl.String, eager=True)
    return together([batch.texts(place, rows) for place in feed.keep])


@lru_cache(maxsize=32)
def made_ready(feeds: tuple[Feed, ...]) -> SigmaFeeds:
    """Feeds made ready once for all looks."""
    return SigmaFeeds(feeds)
