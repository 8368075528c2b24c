"""Who was told of what: rows of a table to which is only ever added.

A row says in which state something that a notifier is to be told is; of the rows about the same
thing the one with the highest `turn` counts. Every commit takes the next turn: of two siemtriggers
that want to write at once, one is refused and looks again. So whoever has written that it is
sending is the only one, until its time is over or it is known to be dead.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlglot import exp

from siemstress.errors import Conflict, StoreError
from siemstress.query.conditions import column
from siemstress.rules.tables import NOTIFIED
from siemstress.store.base import Advance, Scan, Store, rows

if TYPE_CHECKING:
    import polars as pl

PLANNED, SENDING, FAILED = "planned", "sending", "failed"
SENT, GIVEN_UP, SUMMED, SKIPPED = "sent", "given_up", "summed", "skipped"
WAITING = frozenset({PLANNED, SENDING, FAILED})
"""The states after which another must come."""

_TICKET = "siemtrigger"
_ATTEMPTS = 100
# How long back sent messages are known of, for rates; no rate has a longer span.
_RATES = timedelta(days=7)
_SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Entry:
    """What a notifier is to be told about a row of `about_table`, and how far that is.

    `about` is the row's id, of a summary one of its own; then `part_of` of those that are summed
    up is that id. `since` is when it was planned, `next_try` when it is due; of one that is being
    sent, by `worker`, when it is nobody's any more. `event_count` is how many alerts it is about.
    """

    notifier: str
    about: int
    about_table: str | None
    alert_id: str | None
    what: str
    state: str
    since: datetime
    next_try: datetime | None = None
    attempt: int = 0
    event_count: int = 1
    part_of: int | None = None
    worker: str | None = None
    error: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What it is about, and whom it is for."""
        return self.notifier, self.about


class Ledger:
    """The ledger of a store. Threads share one, and hold `lock` from `sync` to `commit`."""

    def __init__(self, store: Store) -> None:
        self.lock = threading.RLock()
        self.waiting: dict[tuple[str, int], Entry] = {}
        """What is to be told, as of the last `sync`."""
        self.sent: dict[str, list[datetime]] = defaultdict(list)
        """When messages were sent, by notifier."""
        self._store = store
        self._at: tuple[str | None, int | None] | None = None
        self._seen: int | None = None
        self._positions: dict[str, int | None] = {}
        self._reached: dict[str, int] = {}
        self._saved = datetime.min

    def sync(self) -> None:
        """Know what others have written meanwhile."""
        at = (self._store.identity(NOTIFIED), self._store.position(NOTIFIED, _TICKET))
        if at == self._at:
            return
        if self._at is None or self._at[0] != at[0]:
            self.waiting, self._seen, self._reached = {}, None, {}
            self.sent.clear()
        self._positions = {}
        version = self._store.version(NOTIFIED)
        if version is not None:
            for entry, time in _newest(self._store, self._seen, version):
                self._know(entry, time)
        self._at, self._seen = at, version

    def position(self, consumer: str) -> int | None:
        """How far a consumer has come; what was not worth a commit is known here alone."""
        both = (self._stored(consumer), self._reached.get(consumer))
        return max((at for at in both if at is not None), default=None)

    def commit(
        self, entries: Sequence[Entry], reached: dict[str, int] | None = None, *, save: bool = False
    ) -> None:
        """Write states, and how far consumers have come, in one commit.

        Where there are only positions they are kept in mind, and stored once a minute.

        Raises:
            Conflict: somebody else has written since the last `sync`; nothing was written.
            StoreError: the store cannot be written.

        """
        now = moment()
        all_reached = {**self._reached, **(reached or {})}
        fresh: dict[str, int] = {}
        for consumer, to in all_reached.items():
            stored = self._stored(consumer)
            if stored is None or to > stored:
                fresh[consumer] = to
        overdue = now - self._saved > timedelta(seconds=_SAVE_SECONDS)
        if not entries and not (fresh and (save or overdue) and self._at and self._at[0]):
            self._reached = all_reached
            return
        assert self._at is not None  # noqa: S101 - `sync` comes first
        turn = 0 if self._at[1] is None else self._at[1] + 1
        advances = [Advance(_TICKET, self._at[1], turn)]
        advances += [Advance(c, self._stored(c), to) for c, to in fresh.items()]
        staged = self._store.stage(NOTIFIED, self._frame(entries, turn, now)) if entries else []
        try:
            self._seen = self._store.commit(NOTIFIED, staged, advances)
        except BaseException as e:
            self._store.discard(staged)
            if not isinstance(e, Conflict):
                self.forget()
            raise
        self._reached = all_reached
        self._at = (self._store.identity(NOTIFIED), turn)
        self._positions.update(fresh)
        self._saved = now
        for entry in entries:
            self._know(entry, now)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write states whatever others have written meanwhile.

        Raises:
            StoreError: the store cannot be written.

        """
        for _ in range(_ATTEMPTS):
            with self.lock:
                self.sync()
                try:
                    return self.commit(entries)
                except Conflict:
                    continue
        raise StoreError(f"too many siemtriggers write to {NOTIFIED} at once")

    def forget(self) -> None:
        """What is known may be wrong: the next `sync` looks at all again."""
        self._at = None

    def known(self, notifier: str, alerts: Sequence[str]) -> set[str]:
        """Those of some alerts that the ledger has something of for a notifier."""
        found: set[str] = set()
        if self._seen is None:
            return found
        for first in range(0, len(alerts), 500):
            some = [exp.Literal.string(a) for a in alerts[first : first + 500]]
            query = exp.select(column("alert_id")).distinct().from_(exp.to_table("ledger"))
            query = query.where(_is("notifier", notifier), column("alert_id").isin(*some))
            answer = self._store.select(query, {"ledger": Scan(NOTIFIED)})
            found |= {row["alert_id"] for row in rows(answer)}
        return found

    def parts(self, summary: Entry) -> list[Entry]:
        """Those that a summary sums up."""
        part = exp.EQ(this=column("part_of"), expression=exp.Literal.number(summary.about))
        where = exp.and_(part, _is("state", SUMMED), _is("notifier", summary.notifier))
        query = _select(where).limit(1000)
        scan = {"ledger": Scan(NOTIFIED)}
        return [entry_of(row) for row in rows(self._store.select(query, scan))]

    def _stored(self, consumer: str) -> int | None:
        if consumer not in self._positions:
            self._positions[consumer] = self._store.position(NOTIFIED, consumer)
        return self._positions[consumer]

    def _know(self, entry: Entry, time: datetime) -> None:
        if entry.state in WAITING:
            self.waiting[entry.key] = entry
            return
        self.waiting.pop(entry.key, None)
        if entry.state == SENT:
            edge = moment() - _RATES
            times = self.sent[entry.notifier]
            times[:] = [t for t in (*times, time) if t > edge]

    def _frame(self, entries: Sequence[Entry], turn: int, now: datetime) -> pl.DataFrame:
        import polars as pl

        types: dict[str, pl.DataType] = {
            "about": pl.Int64(), "since": pl.Datetime("us"), "next_try": pl.Datetime("us"),
            "attempt": pl.Int32(), "event_count": pl.Int32(), "part_of": pl.Int64(),
        }  # fmt: skip
        first, count = self._store.take_ids(len(entries)), len(entries)
        columns = [
            pl.Series("id", range(first, first + count), pl.Int64()),
            pl.Series("time", [now] * count, pl.Datetime("us")),
            pl.Series("received", [now] * count, pl.Datetime("us")),
            pl.Series("turn", [turn] * count, pl.Int64()),
        ]
        listed = [asdict(entry) for entry in entries]
        columns += [
            pl.Series(name, [e[name] for e in listed], types.get(name, pl.String()))
            for name in _COLUMNS
        ]
        return pl.DataFrame(columns)


def moment() -> datetime:
    """The time in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


_COLUMNS = tuple(f.name for f in fields(Entry))


def _select(where: exp.Expr) -> exp.Select:
    names = ("time", *_COLUMNS)
    return exp.select(*map(column, names)).from_(exp.to_table("ledger")).where(where)


def newest() -> exp.Select:
    """A query for the newest row of each thing in `ledger`."""
    number = exp.Window(
        this=exp.RowNumber(),
        partition_by=[column("notifier"), column("about")],
        order=exp.Order(expressions=[exp.Ordered(this=column("turn"), desc=True)]),
    )
    names = [column(name) for name in ("time", *_COLUMNS)]
    inner = exp.select(*names, exp.alias_(number, "place", quoted=True))
    inner = inner.from_(exp.to_table("ledger"))
    first = exp.EQ(this=column("place"), expression=exp.Literal.number(1))
    return exp.select(*(n.copy() for n in names)).from_(inner.subquery("numbered")).where(first)


def _newest(store: Store, after: int | None, upto: int) -> Iterable[tuple[Entry, datetime]]:
    """What has become of each thing after a version; of all, as far as it still matters."""
    scan = {"ledger": Scan(NOTIFIED, after=after, upto=upto)}
    query = newest()
    if after is None:
        states = [exp.Literal.string(s) for s in (*WAITING, SENT)]
        query = query.where(column("state").isin(*states))
    edge = moment() - _RATES
    for row in rows(store.select(query, scan)):
        if row["state"] != SENT or row["time"] > edge or after is not None:
            yield entry_of(row), row["time"]


def entry_of(row: dict[str, object]) -> Entry:
    """The entry of a row."""
    return Entry(**{name: row[name] for name in _COLUMNS})  # type: ignore[arg-type] # as written


def _is(name: str, value: str) -> exp.Expr:
    return exp.EQ(this=column(name), expression=exp.Literal.string(value))
