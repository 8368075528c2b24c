"""Retention by itself: tables are freed of old events once an hour, by whichever process it is due.

When it was done last stands in the table as a consumer's position, so that of many processes one
does it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from siemstress.config import Section
from siemstress.errors import Conflict, SiemstressError
from siemstress.store.base import Advance, Expired, Store

CONSUMER = "retention"
EVERY = 3600
"""Seconds from one time to the next."""


def spans(sections: Iterable[Section]) -> dict[str, timedelta]:
    """The tables whose events are not kept for ever, and how long they are."""
    return {s.table: s.keep for s in sections if s.keep is not None}


def limit(keep: timedelta) -> datetime:
    """The time (UTC) from which on events are kept."""
    return datetime.now(UTC).replace(tzinfo=None) - keep


def spelled(keep: timedelta) -> str:
    """How long events are kept, for people."""
    hours = round(keep.total_seconds() / 3600)
    return counted(hours // 24, "day") if hours % 24 == 0 else counted(hours, "hour")


def counted(number: int, noun: str) -> str:
    """A number of things, for people."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Retention:
    """Frees some tables of old events when it is due; not for two threads at a time.

    `told` gets a line about events that were deleted, `failed` one about a failure: retention
    stops nobody's work.
    """

    def __init__(
        self,
        store: Store,
        kept: Mapping[str, timedelta],
        told: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._store = store
        self._kept = kept
        self._told = told
        self._failed = failed
        self._next = 0.0

    def look(self) -> None:
        """Do what is due; little work when nothing is."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        for table, keep in self._kept.items():
            try:
                done = self._expire(table, keep)
            except SiemstressError as e:
                self._failed(f"{table}: events older than {spelled(keep)} are not deleted: {e}")
                continue
            if done.rows:
                events = counted(done.rows, "event")
                self._told(f"{table}: deleted {events} older than {spelled(keep)}")

    def _expire(self, table: str, keep: timedelta) -> Expired:
        if self._store.version(table) is None:
            return Expired()
        last = self._store.position(table, CONSUMER)
        now = int(time.time())
        if last is not None and 0 <= now - last < EVERY:
            return Expired()
        with contextlib.suppress(Conflict):  # Then another process has begun just now.
            self._store.commit(table, [], [Advance(CONSUMER, last, now)])
            return self._store.expire(table, limit(keep))
        return Expired()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Look once an hour while the block runs, and once more when it has come to its end."""
        if not self._kept:
            yield
            return
        end, whole, ended = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            try:
                while not end.wait(EVERY):
                    self.look()
                if whole.is_set():
                    self._next = 0.0
                    self.look()
            finally:
                ended.set()

        # What a signal has ended waits for no server: hence a daemon.
        threading.Thread(target=work, name="retention", daemon=True).start()
        try:
            yield
            whole.set()
        finally:
            end.set()
        ended.wait()
