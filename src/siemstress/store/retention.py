"""Retention by itself: tables are freed of old events once an hour, by whichever process it is due.

When it was done last stands in the table as a consumer's position, so that of many processes one
does it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from siemstress.config import Section
from siemstress.errors import Conflict, SiemstressError
from siemstress.store.base import Advance, Expired, Store

CONSUMER = "retention"
EVERY = 3600
"""Seconds from one time to the next."""


@dataclass(frozen=True)
class Kept:
    """How long events are kept, and how many bytes their table may take; None: without a limit."""

    span: timedelta | None = None
    size: int | None = None

    def __bool__(self) -> bool:
        """Whether anything is ever deleted."""
        return self.span is not None or self.size is not None


def limits(sections: Iterable[Section]) -> dict[str, Kept]:
    """The tables whose events are not kept for ever, and how they are."""
    kept = {s.table: Kept(s.keep, s.keep_size) for s in sections}
    return {table: limit for table, limit in kept.items() if limit}


def limit(keep: timedelta) -> datetime:
    """The time (UTC) from which on events are kept."""
    return datetime.now(UTC).replace(tzinfo=None) - keep


def spelled(keep: timedelta) -> str:
    """How long events are kept, for people."""
    hours = round(keep.total_seconds() / 3600)
    return counted(hours // 24, "day") if hours % 24 == 0 else counted(hours, "hour")


def sized(number: float) -> str:
    """A number of bytes, for people."""
    if number < 1000:
        return f"{number:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 1000:
            return f"{number:.1f} {unit}"
    return f"{number / 1000:.1f} TB"


def spelled_size(size: int) -> str:
    """A limit of so many bytes as a config has it."""
    for base, units in ((1000, ("TB", "GB", "MB")), (1024, ("TiB", "GiB", "MiB"))):
        for power, unit in zip((4, 3, 2), units, strict=True):
            if size % base**power == 0:
                return f"{size // base**power:,} {unit}"
    return sized(size)


def counted(number: int, noun: str) -> str:
    """A number of things, for people."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def told(done: Expired, kept: Kept) -> str:
    """What was deleted because a table was too large, for people."""
    events = counted(done.rows, "event")
    since = f" from before {done.before:%Y-%m-%d %H:%M} UTC" if done.before else ""
    return f"deleted {events}{since}, for {spelled_size(kept.size or 0)}"


class Retention:
    """Frees some tables of old events when it is due; not for two threads at a time.

    `told` gets a line about events that were deleted, `failed` one about a failure: retention
    stops nobody's work.
    """

    def __init__(
        self,
        store: Store,
        kept: Mapping[str, Kept],
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
        for table, kept in self._kept.items():
            try:
                if self._is_due(table):
                    self._shrink(table, kept)
                    self._expire(table, kept)
            except SiemstressError as e:
                self._failed(f"{table}: old events are not deleted: {e}")

    def _is_due(self, table: str) -> bool:
        """Whether it is for us to do now; then nobody else does it."""
        if self._store.version(table) is None:
            return False
        last = self._store.position(table, CONSUMER)
        now = int(time.time())
        if last is not None and 0 <= now - last < EVERY:
            return False
        try:
            self._store.commit(table, [], [Advance(CONSUMER, last, now)])
        except Conflict:
            return False  # Another process has begun just now.
        return True

    def _shrink(self, table: str, kept: Kept) -> None:
        if kept.size is not None:
            done = self._store.shrink(table, kept.size)
            if done.rows:
                self._told(f"{table}: {told(done, kept)}")

    def _expire(self, table: str, kept: Kept) -> None:
        if kept.span is not None:
            done = self._store.expire(table, limit(kept.span))
            if done.rows:
                events = counted(done.rows, "event")
                self._told(f"{table}: deleted {events} older than {spelled(kept.span)}")

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
