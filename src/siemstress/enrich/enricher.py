"""All that a config says of enrichment, done to a batch of events."""

from __future__ import annotations

import threading

import polars as pl

from siemstress.config import Enrichment
from siemstress.enrich.assets import Owners
from siemstress.enrich.entries import Entries, with_more
from siemstress.enrich.geoip import Places
from siemstress.enrich.lists import FIELD, OTHERS_FIELD, Lists
from siemstress.enrich.mask import Masker


class Enricher:
    """Adds to events what is known of their values, and masks some of these.

    May be used by many threads at once, and sent to another process, which reads the files for
    itself at its first batch. Files are read again when they change.
    """

    def __init__(self, settings: Enrichment) -> None:
        """Read all files.

        Raises:
            ConfigError: one cannot be used; says which, and why.

        """
        self._begin(settings)
        self._load()

    def __getstate__(self) -> Enrichment:
        return self._settings

    def __setstate__(self, state: Enrichment) -> None:
        self._begin(state)

    def _begin(self, settings: Enrichment) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loaded = False

    def _load(self) -> None:
        settings = self._settings
        self._lists = Lists(settings.lists) if settings.lists else None
        self._places = Places(settings.geoip) if settings.geoip else None
        self._owners = Owners(settings.assets) if settings.assets else None
        self._masker = Masker(settings.mask) if settings.mask else None
        self._loaded = True

    def add(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events with more in `fields`, and with tokens for what is masked.

        Raises:
            ConfigError: in another process: a file cannot be used any more.

        """
        with self._lock:
            if not self._loaded:
                self._load()
        if not events.height:
            return events
        more: list[pl.DataFrame] = []
        entries = Entries(events["fields"])
        if self._lists is not None:
            entries.rename(FIELD, OTHERS_FIELD)
            hits = self._lists.hits(events, entries)
            if hits.height:
                more.append(self._lists.marks(hits))
        if self._places is not None:
            more += self._places.additions(events)
        if self._owners is not None:
            more += self._owners.additions(events)
        more = [addition for addition in more if addition.height]
        if more or entries.changed:
            events = events.with_columns(fields=with_more(entries, more))
        return events if self._masker is None else self._masker.mask(events)
