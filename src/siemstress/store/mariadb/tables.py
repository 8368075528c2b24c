"""What the database knows of its tables of events: a row for each, in tables of our own.

Readers make nothing: where these tables are not there, nothing is stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from siemstress.errors import StoreError
from siemstress.store.columns import DUCKDB
from siemstress.store.mariadb.connection import Connection, Row, place
from siemstress.store.names import table_name

TABLES = "siemstress_tables"
COMMITS = "siemstress_commits"
POSITIONS = "siemstress_positions"
IDS = "siemstress_ids"
TEXTS = "siemstress_texts"

# What the comment of a table of events begins with, which marks it as ours.
MARK = "siemstress "

NO_SUCH_TABLE = 1146

# Columns of the event with keys that are used whatever the case of what is looked for. They keep
# their text as it is, but MariaDB overlooks case and accents in it, as in all that the original
# kept; queries of ours say so where it must not.
FOLDED_COLUMNS = frozenset({"host", "process", "source_host"})
FOLDED = "utf8mb4_general_ci"

OPTIONS = "ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"

# `number` tells a table from one that had its name before; it is never given again. `columns` are
# the columns' names and kinds as JSON. `dropped` is a table that is being deleted.
# Of every commit: the ids of its rows, in blocks that no other commit has a part in.
# A consumer's name may be longer than a key can be, and need not be valid text: its SHA-256 is
# the key. `version` is the commit that moved it last.
_OWN = {
    TABLES: """
        number bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
        name varchar(64) NOT NULL UNIQUE,
        identity char(32) NOT NULL,
        version bigint NOT NULL DEFAULT 0,
        row_count bigint NOT NULL DEFAULT 0,
        received_max datetime(6),
        columns longtext NOT NULL,
        dropped boolean NOT NULL DEFAULT false""",
    COMMITS: """
        number bigint NOT NULL,
        version bigint NOT NULL,
        id_min bigint NOT NULL,
        id_max bigint NOT NULL,
        committed datetime NOT NULL,
        PRIMARY KEY (number, version, id_min),
        KEY id_max (number, id_max)""",
    POSITIONS: """
        number bigint NOT NULL,
        hash binary(32) NOT NULL,
        consumer longblob NOT NULL,
        position bigint NOT NULL,
        version bigint NOT NULL,
        PRIMARY KEY (number, hash)""",
    IDS: """
        machine int NOT NULL PRIMARY KEY,
        second bigint NOT NULL,
        used bigint NOT NULL""",
    TEXTS: """
        name varchar(64) NOT NULL PRIMARY KEY,
        text longtext NOT NULL""",
}


@dataclass(frozen=True)
class Table:
    """A table of events as the database knows it.

    `types` are its columns in their order, each with a key of `store.columns.DUCKDB`. A table
    whose `version` is 0 is only about to be made.
    """

    number: int
    name: str
    identity: str
    version: int = 0
    rows: int = 0
    received_max: datetime | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    dropped: bool = False


_COLUMNS = "number, name, identity, version, row_count, received_max, columns, dropped"


def find(connection: Connection, name: str) -> Table | None:
    """A table that has had a commit; None without one.

    Raises:
        StoreError: no table can be called so, or the database cannot be read.

    """
    table = entry(connection, name)
    return table if table and table.version and not table.dropped else None


def entry(connection: Connection, name: str, *, lock: bool = False) -> Table | None:
    """What stands of a table, also if it is only about to be made, or being dropped.

    With `lock` no other transaction can change it until this one has ended.
    """
    sql = f"SELECT {_COLUMNS} FROM {TABLES} WHERE name = %s"
    found = read(connection, sql + (" FOR UPDATE" if lock else ""), (_checked(name),))
    return _table(found[0]) if found else None


def listed(connection: Connection, *, dropped: bool = False) -> list[Table]:
    """All tables that have had a commit, or those that are being dropped, sorted by name."""
    condition = "dropped" if dropped else "version > 0 AND NOT dropped"
    sql = f"SELECT {_COLUMNS} FROM {TABLES} WHERE {condition} ORDER BY name"
    return [_table(row) for row in read(connection, sql)]


def read(connection: Connection, sql: str, values: Sequence[object] = ()) -> list[Row]:
    """The rows of a query on tables of our own; none where these are not there yet."""
    try:
        return connection.rows(sql, values)
    except StoreError as e:
        if e.code == NO_SUCH_TABLE:
            return []
        raise


def make_own(connection: Connection) -> None:
    """Make the tables of our own where they are missing; ends the transaction.

    Raises:
        StoreError: the user has no right to.

    """
    names = connection.rows(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = database() AND table_name LIKE 'siemstress%'"
    )
    there = {str(name).lower() for (name,) in names}
    for name, columns in _OWN.items():
        if name not in there:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns}) {OPTIONS}")


def where(connection: Connection, name: str) -> str:
    """A table's place, for messages."""
    return f"{place(connection.server)} {connection.server.database}.{name}"


def _checked(name: str) -> str:
    if table_name(name).lower() in _OWN:
        raise StoreError(f"{name} is a table of siemstress itself; call yours otherwise")
    return name


def _table(row: Row) -> Table:
    number, name, identity, version, rows, received_max, columns, dropped = row
    types = _types(columns)
    if types is None:
        raise StoreError(f"what {TABLES} says of the columns of {name} makes no sense")
    return Table(number, name, identity, version, rows, received_max, types, bool(dropped))


def _types(columns: str) -> dict[str, str] | None:
    try:
        types = json.loads(columns)
    except ValueError:
        return None
    if not isinstance(types, dict) or "id" not in types:
        return None
    return types if all(str(kind) in DUCKDB for kind in types.values()) else None
