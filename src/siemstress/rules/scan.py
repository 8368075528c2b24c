"""From new events to matches: every feed sees every event once.

The matches of all that is new, and how far the tables were seen, are stored in one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from siemstress.errors import StoreError, Unavailable
from siemstress.rules import sql_feeds
from siemstress.rules.feeds import Feed
from siemstress.rules.matches import rolled, stage
from siemstress.rules.positions import Positions, Source, source_of
from siemstress.rules.sigma_feeds import made_ready
from siemstress.rules.tables import MATCHES
from siemstress.store.base import Scan, Staged, Store
from siemstress.store.history import LogTooShort

Failed = Callable[[Feed, StoreError], None]
"""Told of a feed that cannot be evaluated."""


@dataclass(frozen=True)
class Gap:
    """Rows of a table that a feed has not seen yet: those later than version `after`."""

    feed: Feed
    source: Source
    after: int | None


class Scanner:
    """Looks at what is new in the tables that feeds are about."""

    def __init__(self, store: Store, feeds: Iterable[Feed], failed: Failed) -> None:
        self._store = store
        self._failed = failed
        self._by_table: dict[str, dict[str, Feed]] = {}
        for feed in feeds:
            for table in feed.tables:
                self._by_table.setdefault(table, {})[feed.digest] = feed
        self._positions = Positions(store, MATCHES, "feeds")
        self._worth = False

    def run(self, *, save: bool) -> bool:
        """Store the matches of what is new; tells whether anything was stored.

        Raises:
            Conflict: another siemtrigger did the same meanwhile; nothing was written.
            Unavailable, StoreError: the store cannot be read or written.

        """
        positions = self._positions
        positions.sync()
        self._worth = False
        staged: list[Staged] = []
        reached: dict[str, int] = {}
        try:
            for table, feeds in self._by_table.items():
                source = source_of(self._store, table)
                if source is not None:
                    self._look(source, feeds, staged, reached)
            return positions.commit(staged, reached, save=save, worth=self._worth)
        except BaseException:
            self._store.discard(staged)
            positions.forget()
            raise

    def save(self) -> None:
        """Store the positions reached."""
        self._positions.save()

    def gaps(self) -> Iterator[Gap]:
        """What has not been seen yet."""
        self._positions.sync()
        for table, feeds in self._by_table.items():
            source = source_of(self._store, table)
            if source is None:
                continue
            for digest, after in self._positions.of(source, feeds).items():
                if after != source.version:
                    yield Gap(feeds[digest], source, after)

    def _look(
        self,
        source: Source,
        feeds: dict[str, Feed],
        staged: list[Staged],
        reached: dict[str, int],
    ) -> None:
        """Stage the matches of what is new in one table, and note how far it was seen."""
        by_position: dict[int | None, list[Feed]] = {}
        for digest, after in self._positions.of(source, feeds).items():
            by_position.setdefault(after, []).append(feeds[digest])
        if set(by_position) == {source.version}:
            return
        seen = set(feeds)
        for after, some in by_position.items():
            if after == source.version:
                continue
            for feed in self._staged(source, after, some, staged):
                seen.discard(feed.digest)
        if seen:
            reached[self._positions.consumer(source, seen)] = source.version

    def _staged(
        self, source: Source, after: int | None, feeds: Sequence[Feed], staged: list[Staged]
    ) -> list[Feed]:
        """Stage the matches of some feeds in what came later than a version; gives the failed."""
        scan = Scan(source.table, after=after, upto=source.version)
        failed: list[Feed] = []

        def note(feed: Feed, error: StoreError) -> None:
            failed.append(feed)
            self._failed(feed, error)

        before = len(staged)
        try:
            for some in stage(self._store, found(self._store, scan, feeds, note), source.table):
                staged += some
            if not staged and not self._worth:
                self._worth = bool(sql_feeds.arrived(self._store, scan))
        except LogTooShort:
            # Away for so long that what is new cannot be told: all again, matches count once.
            self._store.discard(staged[before:])
            del staged[before:]
            return self._staged(source, None, feeds, staged)
        return failed


def found(
    store: Store, scan: Scan, feeds: Sequence[Feed], failed: Failed, *, singly: bool = False
) -> Iterator[pl.DataFrame]:
    """The matches of some feeds among the events of a scan, as `rules.matches.FOUND`.

    Nothing is given of a feed that cannot be evaluated, of which `failed` is told. With `singly`
    none are put together.
    """
    in_sql = [feed for feed in feeds if feed.of_sigma is None]
    others = [feed for feed in feeds if feed.of_sigma is not None]
    by_digest = {feed.digest: feed for feed in feeds}

    def put(frame: pl.DataFrame) -> pl.DataFrame:
        return frame if singly else rolled(frame, by_digest[frame["feed"][0]])

    if others:
        yield from map(put, made_ready(tuple(others)).matches(store, scan))
    if in_sql:
        scan = replace(scan, derived=sql_feeds.derived(in_sql))
        yield from _in_sql(store, scan, in_sql, put, failed)


def _in_sql(
    store: Store,
    scan: Scan,
    feeds: Sequence[Feed],
    put: Callable[[pl.DataFrame], pl.DataFrame],
    failed: Failed,
) -> Iterator[pl.DataFrame]:
    """The matches of feeds that are asked for in SQL, as `put` puts them together."""
    try:
        frames = [put(frame) for frame in sql_feeds.matches(store, scan, feeds)]
    except (Unavailable, LogTooShort):
        raise
    except StoreError as e:
        if len(feeds) == 1:
            failed(feeds[0], e)
            return
        # One of them is at fault: ask one by one.
        for feed in feeds:
            yield from _in_sql(store, scan, [feed], put, failed)
        return
    yield from frames
