"""Matches of late, kept in memory: at every look only those are read that are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from siemstress.query import times
from siemstress.rules import matches
from siemstress.rules.matches import Stretch
from siemstress.rules.model import since_epoch
from siemstress.rules.tables import MATCHES
from siemstress.store.base import Store
from siemstress.store.history import LogTooShort

# So much earlier (µs) than asked for is read as well, so that it is seldom done.
_AHEAD = 600_000_000
_EVER = 2**62
# What happened (µs) within so long a time is read whole.
_LATE = 86_400_000_000
# Matches of one feed that are kept, and what is kept longer than needed before it is let go.
_MOST = 2_000_000
_SLACK = 4 * _AHEAD


class Shelf:
    """The matches of some feeds, each from a time on, as of a version of their table."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._identity: str | None = None
        self._version = -1
        self._kept: dict[str, tuple[int, pl.DataFrame]] = {}

    def between(self, stretches: Sequence[Stretch], upto: int) -> Mapping[str, pl.DataFrame]:
        """By feed the matches in some stretches, and maybe more; see `rules.matches.between`."""
        self._sync(upto)
        wanted: dict[str, tuple[int, int]] = {}
        for s in stretches:
            low, high = wanted.get(s.feed, (s.low, s.high))
            wanted[s.feed] = min(low, s.low), max(high, s.high)
        lacking = [
            self._to_read(feed, low, high)
            for feed, (low, high) in wanted.items()
            if feed not in self._kept or self._kept[feed][0] > low
        ]
        found = self._read(lacking, upto) if lacking else {}
        for feed, (low, high) in wanted.items():
            if feed in self._kept:
                self._let_go(feed, low)
                found[feed] = self._kept[feed][1].filter(pl.col("t").is_between(low, high))
        return found

    def _to_read(self, feed: str, low: int, high: int) -> Stretch:
        """What is of late is read whole, to be kept."""
        late = since_epoch(times.now()) - _LATE
        return Stretch(feed, low - _AHEAD, _EVER) if high >= late else Stretch(feed, low, high)

    def _sync(self, upto: int) -> None:
        """Add what came since the last time."""
        identity = self._store.identity(MATCHES)
        if identity != self._identity or upto < self._version:
            self._kept.clear()
            self._identity, self._version = identity, upto
        if upto == self._version:
            return
        try:
            new = matches.later(self._store, self._version, upto) if self._kept else None
        except LogTooShort:
            self._kept.clear()
            new = None
        self._version = upto
        for feed, frame in matches.parted(new).items() if new is not None else ():
            if feed in self._kept:
                self._put(feed, self._kept[feed][0], frame)

    def _put(self, feed: str, since: int, new: pl.DataFrame) -> None:
        kept = self._kept[feed][1]
        new = new.filter(pl.col("t") >= since).join(kept, on=["event", "t"], how="anti")
        if len(kept) + len(new) > _MOST:
            del self._kept[feed]
        else:
            self._kept[feed] = since, pl.concat([kept, new])

    def _read(self, stretches: Sequence[Stretch], upto: int) -> dict[str, pl.DataFrame]:
        """Read matches from the store, and keep those of the newest times."""
        found = matches.parted(matches.between(self._store, stretches, upto))
        for s in stretches:
            self._kept.pop(s.feed, None)
            some = found.get(s.feed)
            if s.high == _EVER and some is not None and len(some) <= _MOST:
                self._kept[s.feed] = s.low, some
        return found

    def _let_go(self, feed: str, low: int) -> None:
        since, kept = self._kept[feed]
        if since < low - _SLACK:
            self._kept[feed] = low - _AHEAD, kept.filter(pl.col("t") >= low - _AHEAD)
