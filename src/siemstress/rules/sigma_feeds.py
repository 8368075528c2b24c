"""Which events feeds are about whose condition is one of Sigma's: all feeds in one pass."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from sqlglot import exp

from siemstress.rules.feeds import Feed
from siemstress.rules.matches import FOUND, together
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.values import Batch, Rows, columns_of
from siemstress.store.base import Scan, Store

if TYPE_CHECKING:
    import pyarrow as pa

    from siemstress.rules.sigma.condition import Condition

_BATCH_ROWS = 50_000
# Batches that are evaluated at once; most of that is not done in Python.
_THREADS = min(4, os.cpu_count() or 1)


class SigmaFeeds:
    """Feeds made ready to be evaluated together."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = feeds
        self._evaluator = Evaluator([_condition(feed) for feed in feeds])
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
        with ThreadPoolExecutor(_THREADS) as pool:
            held: deque[Future[list[pl.DataFrame]]] = deque()
            for batch in reader:
                held.append(pool.submit(self._all_of, batch))
                if len(held) > _THREADS:
                    yield from held.popleft().result()
            while held:
                yield from held.popleft().result()

    def _all_of(self, batch: pa.RecordBatch) -> list[pl.DataFrame]:
        return list(self.of(pl.DataFrame(pl.from_arrow(batch))))

    def of(self, events: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Of some events those that the feeds are about."""
        batch = Batch(events, self._fields)
        moments = events["time"].cast(pl.Datetime("us")).cast(pl.Int64)
        for number, rows in self._evaluator.matches(batch):
            feed = self._feeds[number]
            at = pl.Series(rows)
            yield pl.DataFrame(
                {
                    "feed": pl.repeat(feed.digest, len(rows), dtype=pl.String, eager=True),
                    "event": events["id"].gather(at).cast(pl.Int64),
                    "t": moments.gather(at),
                    "kept": kept(batch, feed, rows),
                },
                schema=FOUND,
            )


def kept(batch: Batch, feed: Feed, rows: Rows) -> pl.Series:
    """What a feed keeps of some rows of a batch."""
    if not feed.keep:
        return pl.repeat("", len(rows), dtype=pl.String, eager=True)
    return together([_texts(batch, place, rows) for place in feed.keep])


def _texts(batch: Batch, place: str, rows: Rows) -> pl.Series:
    """The values of a place in some rows, in lower case; null where there is none."""
    column = batch.column(place)
    if not len(column.rows):
        return pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    at = np.minimum(np.searchsorted(column.rows, rows), len(column.rows) - 1)
    has = column.rows[at] == rows
    code = pl.DataFrame({"code": column.codes[at], "has": has}).select(
        pl.when(pl.col("has")).then(pl.col("code"))
    )
    return column.lowered.gather(code.to_series())


def _condition(feed: Feed) -> Condition:
    assert not isinstance(feed.condition, exp.Expr) and feed.condition is not None  # noqa: S101, PT018 - by the caller's choice
    return feed.condition
