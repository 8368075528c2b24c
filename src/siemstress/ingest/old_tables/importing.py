"""From a table of the original's into one of ours: every row once, whatever breaks off.

How far it has come, the last old id, is a consumer's position in the table of ours, and moves in
the commit that holds the rows; so does how many rows have come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from siemstress.ingest.old_tables.database import OldDatabase, OldTable
from siemstress.ingest.patience import Patience
from siemstress.store.base import Advance, Store

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

ROWS = 50_000
"""Rows of one commit, at the most."""


@dataclass(frozen=True)
class State:
    """A table at the moment: its rows, its highest id, and of these what is imported already.

    `last` is the last id that is; None without any.
    """

    rows: int
    upto: int
    last: int | None
    imported: int


class Importing:
    """The way of one table of the original's into a table of ours."""

    def __init__(
        self,
        database: OldDatabase,
        table: OldTable,
        store: Store,
        into: str,
        patience: Patience,
    ) -> None:
        """Nothing is read yet. `patience` waits for both sides."""
        self._database = database
        self._table = table
        self._store = store
        self._into = into
        self._patience = patience
        self._consumers: tuple[str, str] | None = None
        self._stopped = False
        self.imported = 0
        """How many rows are imported by now."""

    def state(self) -> State:
        """What there is to do.

        Raises:
            StoreError: the old table, or the store, cannot be read.

        """
        attempt = self._attempt
        rows, upto = attempt(lambda: self._database.count(self._table))
        rows_name, id_name = self._names()
        last = attempt(lambda: self._store.position(self._into, id_name))
        imported = attempt(lambda: self._store.position(self._into, rows_name))
        self.imported = imported or 0
        return State(rows, upto, last, self.imported)

    def doubt(self, state: State) -> str | None:
        """What may be wrong with the times of the last row, for the user."""
        from siemstress.ingest.old_tables.events import by_name
        from siemstress.ingest.old_tables.times import wrong_sign

        read = partial(self._database.chunk, self._table, state.upto - 1, state.upto, 1)
        for rows in self._attempt(lambda: list(read())):
            if offset := wrong_sign(*by_name(rows)):
                return (
                    f"its offset {offset} is the opposite of the server's; if both were on one "
                    "machine, it is wrong: say -z ZONE"
                )
        return None

    def run(self, state: State, zone: str | int | None, watch: Callable[[int], None]) -> None:
        """Bring in what is missing.

        `zone` is that of stamps without a time in UTC (None: as stored). `watch` is told of every
        commit how many rows are imported then.

        Raises:
            Conflict: another process imports the same table.
            StoreError: the old table cannot be read, or the store not be written.

        """
        under_way: deque[Future[int]] = deque()
        at = (state.last, state.imported)
        # While some chunks are made and stored, the next one is read.
        with ThreadPoolExecutor(self._store.lanes) as workers:
            try:
                for rows in self._chunks(-1 if state.last is None else state.last, state.upto):
                    if len(under_way) == self._store.lanes:
                        self._wait_for(under_way.popleft(), watch)
                    before = under_way[-1] if under_way else None
                    to = (int(rows[self._table.id][-1]), at[1] + len(rows))
                    # Here, so that ids are in the order of the old ones.
                    first = self._attempt(partial(self._store.take_ids, len(rows)))
                    work = (rows, first, at, to, zone, before)
                    under_way.append(workers.submit(self._bring_in, *work))
                    at = to
                while under_way:
                    self._wait_for(under_way.popleft(), watch)
            except BaseException:
                # What waits for a side that is away ends; a commit under way is not broken off.
                self._stopped = True
                with self._patience.changed:
                    self._patience.changed.notify_all()
                raise

    def _wait_for(self, under_way: Future[int], watch: Callable[[int], None]) -> None:
        self.imported = under_way.result()
        watch(self.imported)

    def _attempt(self, call: Callable[[], T]) -> T:
        return self._patience.attempt(call, lambda: self._stopped)

    def _names(self) -> tuple[str, str]:
        """The consumers that the count of rows and the last id are kept under."""
        if self._consumers is None:
            mark = self._attempt(lambda: self._database.fingerprint(self._table))
            name = f"import-old {self._database.server.database}.{self._table.base} {mark}"
            self._consumers = f"{name} rows", name
        return self._consumers

    def _chunks(self, last: int, upto: int) -> Iterator[pl.DataFrame]:
        """The rows behind an id, in the order of their ids."""
        while last < upto:
            found = self._attempt(partial(self._read, last, upto))
            if not found:
                return
            for rows in found:
                last = int(rows[self._table.id][-1])
                yield rows

    def _read(self, after: int, upto: int) -> list[pl.DataFrame]:
        return list(self._database.chunk(self._table, after, upto, ROWS))

    def _bring_in(
        self,
        rows: pl.DataFrame,
        first_id: int,
        at: tuple[int | None, int],
        to: tuple[int, int],
        zone: str | int | None,
        before: Future[int] | None,
    ) -> int:
        """Store rows once those before are; how many are imported then.

        `at` and `to` are the last id and the number of rows, without these and with them.
        """
        from siemstress.ingest.old_tables.events import events_of

        attempt = self._attempt
        now = datetime.now(UTC).replace(tzinfo=None)
        events = events_of(rows, self._table, first_id, now, zone)
        staged = attempt(lambda: self._store.stage(self._into, events))
        rows_name, id_name = self._names()
        known = None if at[0] is None else at[1]
        advances = [Advance(id_name, at[0], to[0]), Advance(rows_name, known, to[1])]

        def turn() -> None:
            if before is not None:
                before.result()

        try:
            attempt(lambda: self._store.commit(self._into, staged, advances, turn=turn))
        except BaseException:
            self._store.discard(staged)
            raise
        return to[1]
