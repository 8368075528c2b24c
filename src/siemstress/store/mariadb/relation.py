"""What the names in a query stand for: tables of the database, and which of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from siemstress.store.base import Bounds, Scan, distinct_names
from siemstress.store.columns import ALERT_TYPES
from siemstress.store.mariadb.connection import Connection
from siemstress.store.mariadb.tables import COMMITS, Table, find

if TYPE_CHECKING:
    from sqlglot import exp

Range = tuple[int, int]

_NO_BOUNDS = Bounds()
# Commits that are read at once from a long history.
_STEP = 20_000


@dataclass(frozen=True)
class Relation:
    """What a name stands for: a table, the kinds of its columns, ids of rows, a Scan's wishes.

    `table` is the table's name in the database; None: there is none, so no rows. `types` are the
    columns in their order, each with a key of `store.columns.DUCKDB`. `ranges` are the first and
    last ids of the wanted rows, sorted and apart; None: all rows, empty: none.
    """

    table: str | None
    types: Mapping[str, str]
    ranges: Sequence[Range] | None = None
    bounds: Bounds = _NO_BOUNDS
    derived: Mapping[str, exp.Expr] = field(default_factory=dict)
    where: exp.Expr | None = None


def relations(connection: Connection, scans: Mapping[str, Scan]) -> dict[str, Relation]:
    """What each name stands for, in the snapshot of the connection's transaction.

    Names are the same in upper and lower case.

    Raises:
        QueryError: two scans have one name.
        StoreError: the database cannot be read.

    """
    return {name: _relation(connection, scans[name]) for name in distinct_names(scans)}


def _relation(connection: Connection, scan: Scan) -> Relation:
    table = find(connection, scan.table)
    if table is None:
        return Relation(None, ALERT_TYPES, (), scan.bounds, scan.derived, scan.where)
    ranges = _ranges(connection, table, scan.after, scan.upto)
    return Relation(table.name, table.types, ranges, scan.bounds, scan.derived, scan.where)


def _ranges(
    connection: Connection, table: Table, after: int | None, upto: int | None
) -> Sequence[Range] | None:
    """Ids of the rows that came with `after` < version <= `upto`; None: all rows."""
    low = 0 if after is None else max(after, 0)
    high = table.version if upto is None else min(upto, table.version)
    if low == 0 and high == table.version:
        return None
    if low >= high:
        return ()
    first = connection.value(
        f"SELECT min(id_min) FROM {COMMITS} WHERE number = %s AND version > %s AND version <= %s",
        (table.number, low, high),
    )
    if first is None:
        return ()
    commits = connection.stream(
        f"SELECT version > %s AND version <= %s, id_min, id_max FROM {COMMITS}"
        " WHERE number = %s AND id_max >= %s ORDER BY id_min, id_max",
        (low, high, table.number, first),
        _STEP,
    )
    return list(coalesced((bool(wanted), a, b) for rows in commits for wanted, a, b in rows))


def coalesced(commits: Iterable[tuple[bool, int, int]]) -> Iterator[Range]:
    """The wanted of commits' ranges of ids, those that have no unwanted one between them as one.

    A commit is: whether it is wanted, and its least and largest id; they come sorted by these.
    """
    low = high = None
    for wanted, first, last in commits:
        if wanted and low is not None and high is not None:
            high = max(high, last)
        elif wanted:
            low, high = first, last
        elif low is not None and high is not None:
            yield low, high
            low = high = None
    if low is not None and high is not None:
        yield low, high
