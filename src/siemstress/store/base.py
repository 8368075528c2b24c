"""What a store can do: take batches, remember positions, answer SQL.

A store knows tables, rows and SQL; it knows no log format and no rule. One contract test suite
runs on every store.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from siemstress.errors import QueryError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from sqlglot import exp


@dataclass(frozen=True)
class Advance:
    """A consumer's position moves from `expected` (None: unknown to the table) to `to`.

    Positions are non-negative and below 2**63; what they count is the consumer's own business.
    """

    consumer: str
    expected: int | None
    to: int


@dataclass(frozen=True)
class Bounds:
    """Limits that every wanted row keeps, used to leave out files. Inclusive; None: no limit."""

    time_min: datetime | None = None
    time_max: datetime | None = None
    id_min: int | None = None
    id_max: int | None = None


@dataclass(frozen=True)
class Scan:
    """What a name in a query stands for: rows of one table.

    `bounds` may leave out files that hold no wanted row; rows outside may still come, so the
    query must state its conditions itself. `after` and `upto` are table versions: only rows
    committed later than `after` and not later than `upto`. `derived` are columns worked out on
    reading, as expressions over the table's columns, in place of the column of that name. `where`
    is a condition over the table's columns: only rows that it holds for.
    """

    table: str
    bounds: Bounds = Bounds()
    after: int | None = None
    upto: int | None = None
    derived: Mapping[str, exp.Expr] = field(default_factory=dict)
    where: exp.Expr | None = None


@dataclass(frozen=True)
class Limits:
    """What a query may use; None: no limit. Seconds, bytes."""

    seconds: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class TableStatus:
    """A table in numbers. Times are UTC without a zone; `bytes` is the size on disk."""

    table: str
    rows: int
    bytes: int
    files: int
    version: int
    time_min: datetime | None
    time_max: datetime | None
    received_max: datetime | None
    consumers: Mapping[str, int]


@dataclass(frozen=True)
class Repaired:
    """What repair did, and what it cannot bring back; a line each."""

    done: Sequence[str] = ()
    lost: Sequence[str] = ()


@dataclass(frozen=True)
class Expired:
    """What retention deleted: rows, and bytes on disk as far as they are known.

    `before` is the time (UTC) before which nothing is left, where the table's size decided on it.
    """

    rows: int = 0
    bytes: int = 0
    before: datetime | None = None


@dataclass(frozen=True)
class Part:
    """Rows of a table that can be replaced at once: a file's, or those within a range of ids.

    `rows` is about how many they are.
    """

    table: str
    place: str | tuple[int, int]
    rows: int = field(compare=False)


Change = Callable[["pl.DataFrame"], "pl.DataFrame"]
"""Gets rows of a table, and gives those of them that become others, under the ids they have."""


class Staged(Protocol):
    """Rows that are prepared but not yet part of a table; may be sent to another process."""

    @property
    def rows(self) -> int:
        """How many rows."""


class Claim(Protocol):
    """What this process alone has, until it is released or the process ends, however it ends."""

    def held(self) -> bool:
        """Whether it still is so; where not, it has to be claimed again."""

    def release(self) -> None:
        """Let others have it."""


class Store(Protocol):
    """A place where events are kept.

    Threads may call any methods at once, those of one table too; the reader of an answer is for
    one thread. A thread that has called them is joined before the interpreter ends, or the
    process ended without its help (`os._exit`): it may be inside of C++.

    Any method may raise Unavailable where the store cannot be reached or has no room for now:
    nothing was changed, and the same call may be made again later. That holds for a commit too,
    with the same staged rows and advances: if it had been made after all, that is noticed.
    """

    lanes: int
    """How many commits to one table are worth having under way at once."""

    @property
    def notes(self) -> Sequence[str]:
        """Lines for a user who may want to know how the store works, as far as it has worked."""

    def stage(self, table: str, events: pl.DataFrame) -> Sequence[Staged]:
        """Prepare rows for a commit; threads may call this at once.

        The ids of one frame lie in one block, in which no other frame has any.
        """

    def commit(
        self,
        table: str,
        staged: Sequence[Staged],
        advances: Sequence[Advance] = (),
        *,
        turn: Callable[[], None] | None = None,
    ) -> int:
        """Make staged rows part of the table and move the consumers, all or nothing, durably.

        Creates the table, and columns that it lacks. Returns the table's new version. `turn` is
        called once all is done that may be done beside other commits, and before anything that
        must keep their order; it returns when it is this commit's turn. What it raises ends the
        commit, and nothing was written.

        Raises:
            Conflict: a consumer is not where the caller expected it; nothing was written.
            StoreError: the store cannot be written.

        """

    def discard(self, staged: Sequence[Staged]) -> None:
        """Forget staged rows that will not be committed."""

    def take_ids(self, count: int) -> int:
        """The first of `count` (up to 2**22) ids in a row that no one else gets."""

    def position(self, table: str, consumer: str) -> int | None:
        """Where a consumer is; None when the table or the consumer is unknown."""

    def version(self, table: str) -> int | None:
        """The table's version, counting up with every commit; None without a table."""

    def claim(self, name: str) -> Claim | None:
        """Be the only one of all processes on the store with a name; None: another is.

        `name` has letters, digits and `-`. Nothing but this asks for claims, so that what must
        not happen twice is kept from it by other means. Where nothing can be locked, as in a lake
        that is not there yet, everyone gets a claim.

        Raises:
            Unavailable, StoreError: the store cannot be reached.

        """

    def pulse(self, tables: Iterable[str]) -> Hashable:
        """A value that differs once any of the tables has another version.

        It may differ for other reasons, and hold still for a few ms. It is cheap, so that one can
        wait for what is new.

        Raises:
            Unavailable, StoreError: the store cannot be read.

        """

    def identity(self, table: str) -> str | None:
        """Tells a table from another that came in its place; None without a table."""

    def tables(self) -> list[str]:
        """Names of the tables that exist."""

    def columns(self, table: str) -> list[str]:
        """Names of a table's columns; the empty list without a table."""

    def status(self, table: str) -> TableStatus | None:
        """A table in numbers; None without a table."""

    def select(
        self,
        query: exp.Query,
        scans: Mapping[str, Scan],
        *,
        batch_rows: int = 50_000,
        limits: Limits = Limits(),
    ) -> pa.RecordBatchReader:
        """Run a query that names its tables by the keys of `scans`; results stream.

        The query is in the house dialect (DuckDB's) as an expression tree. A scan of a table
        that does not exist is an empty table with the event's and the alert's columns. Names are
        the same in upper and lower case. A signal that arrives meanwhile stops the query.

        Raises:
            StoreError: the store cannot be read, or the query failed.
            QueryError: it took longer than it may, or two scans have one name.

        """

    def select_typed(
        self,
        sql: str,
        scans: Mapping[str, Scan],
        *,
        batch_rows: int = 50_000,
        limits: Limits = Limits(),
    ) -> pa.RecordBatchReader:
        """Run one SELECT that a user typed, where it can read nothing but the scans.

        Raises:
            QueryError: it is not one SELECT, or names what is not there, or took too much.

        """

    def drop(self, table: str) -> None:
        """Delete a table with all its rows and positions; nothing happens without a table."""

    def expire(self, table: str, before: datetime) -> Expired:
        """Delete events that are older, by their time or, without one, by when they were received.

        May keep some that are older, where they are stored with younger ones. Readers are not
        held up; consumers are not told. Nothing happens without a table.
        """

    def shrink(self, table: str, size: int) -> Expired:
        """Delete the oldest events where a table takes more than `size` bytes, else nothing.

        Then it takes a twentieth less than that, so that it is not at its limit again at once.
        Oldest is by time or, without one, by when they were received. Readers are not held up;
        consumers are not told. Nothing happens without a table.
        """

    def excess(self, table: str, size: int) -> datetime | None:
        """The time before which `shrink` would delete events; None where it would delete none."""

    def parts(self, table: str, bounds: Bounds = Bounds()) -> Iterator[Part]:
        """All rows of a table that are there now, in parts; none without a table.

        `bounds` may leave out parts without a wanted row; rows outside may still come.
        """

    def read(self, part: Part) -> Iterator[pl.DataFrame]:
        """A part's rows with all of the table's columns, in frames that fit into memory.

        Raises:
            Conflict: the part is no more: ask for the parts again.
            StoreError: it cannot be read.

        """

    def replace(self, part: Part, change: Change) -> tuple[int, Part]:
        """Put other rows in the place of some of a part's, all or nothing, durably.

        `change` gets the rows as `read` gives them. Rows keep their ids, and the versions that
        they came with: nobody sees them as new. Positions do not move. Columns that the table
        lacks are added; the others that `change` does not give stay as they are. Gives how many
        rows were replaced, and what the part is now; without any nothing is written.

        Raises:
            Conflict: another process has replaced or deleted some of the rows meanwhile, or
                the part is no more; nothing was written.
            StoreError: the store cannot be read or written.

        """

    def load_text(self, name: str) -> str | None:
        """A text that was saved in the store under this name (letters, digits, `_`)."""

    def save_text(self, name: str, text: str) -> None:
        """Save a text in the store, in place of one of the same name, all or nothing, durably."""

    def compact(self, table: str) -> Mapping[str, Any]:
        """Merge small files and delete leftovers; returns counts for the user."""

    def repair(self, table: str) -> Repaired:
        """Put right what a crash of the machine left half-written.

        Raises:
            StoreError: the store cannot be written.

        """

    def close(self) -> None:
        """Let go of what is held."""


def distinct_names(scans: Mapping[str, Scan]) -> list[str]:
    """The names of scans, each once: they are the same in upper and lower case.

    Raises:
        QueryError: two scans have one name.

    """
    named: dict[str, str] = {}
    for name, scan in scans.items():
        first = named.setdefault(name.lower(), name)
        if scans[first] != scan:
            raise QueryError(f"{first!r} and {name!r} are different tables with one name")
    return list(named.values())


def check_advances(advances: Sequence[Advance]) -> None:
    """Raise ValueError for moves that no store makes."""
    if len({a.consumer for a in advances}) < len(advances):
        raise ValueError("a consumer moves twice in one commit")
    if any(not 0 <= a.to < 2**63 for a in advances):
        raise ValueError("a position is a number from 0 to 2**63 - 1")


def add(store: Store, table: str, frame: pl.DataFrame) -> None:
    """Store rows in one commit.

    Raises:
        StoreError: the store cannot be written; nothing was.

    """
    staged = store.stage(table, frame)
    try:
        store.commit(table, staged)
    except BaseException:
        store.discard(staged)
        raise


def rows(reader: pa.RecordBatchReader) -> Iterator[dict[str, Any]]:
    """The rows of a small result, each as a dictionary by column name."""
    for batch in reader:
        yield from batch.to_pylist()
