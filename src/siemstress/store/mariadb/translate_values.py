"""Values in MariaDB's SQL that stand for values of the house dialect, and how texts compare.

Texts are kept and compared byte by byte (utf8mb4_nopad_bin), as in the house dialect. Columns with
a key on them are kept so that case and accents do not count (utf8mb4_general_ci), as the original
kept all: a condition on lower-case text can use the key, if an exact one stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from siemstress.store.columns import DUCKDB, MAP
from siemstress.store.mariadb.tables import FOLDED
from siemstress.store.mariadb.translated import Sql, build, value

EXACT = "utf8mb4_nopad_bin"

# Kinds of values: what can be compared with each other is of one kind, but for whole numbers.
WHOLE = ("int", "bigint")
_KINDS = {
    "BIGINT": "bigint",
    "INTEGER": "int",
    "SMALLINT": "int",
    "TINYINT": "int",
    "FLOAT": "double",
    "DOUBLE": "double",
    "TIMESTAMP": "time",
    "DATE": "date",
    "VARCHAR": "text",
    "BLOB": "blob",
    "BOOLEAN": "bool",
    DUCKDB[MAP]: "map",
}
_TYPES = {**_KINDS, "HUGEINT": "bigint", '"NULL"': "null"}
KINDS: Mapping[str, str] = {delta: _KINDS[kind] for delta, kind in DUCKDB.items() if kind in _KINDS}
"""Kinds by the names of columns' types."""

# Characters whose upper and lower case MariaDB and DuckDB agree on, each with all that have the
# same lower case: ASCII, Latin, Greek, Cyrillic, and what has no case. A test compares them.
AGREED = (
    (0x00, 0xDE),
    (0xE0, 0x12F),
    (0x131, 0x17F),
    (0x386, 0x397),
    (0x399, 0x3B7),
    (0x3B9, 0x3CE),
    (0x400, 0x481),
    (0x600, 0xEFF),
    (0x2000, 0x20FF),
    (0x3000, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1F6FF),
)


class Untranslated(Exception):
    """MariaDB is not known to understand this as DuckDB does; `str()` says what."""


@dataclass(frozen=True)
class Value:
    """An expression: its SQL, its kind, and what else is known of it.

    `folded`: its collation overlooks case and accents. `never_null`: it is no null. `text`: it is
    this literal text.
    """

    sql: Sql
    kind: str
    folded: bool = False
    never_null: bool = False
    text: str | None = None

    @property
    def exact(self) -> Sql:
        """The SQL, compared byte by byte where it is text."""
        return build(f"{{}} COLLATE {EXACT}", self.sql) if self.folded else self.sql

    @property
    def overlooking(self) -> Sql:
        """The SQL of a text, compared so that case and accents do not count."""
        return self.sql if self.folded else build(f"{{}} COLLATE {FOLDED}", self.sql)

    def exactly(self) -> Value:
        """The same, compared byte by byte."""
        return replace(self, sql=self.exact, folded=False)


def text(literal: str) -> Value:
    """A literal text."""
    return Value(value(literal), "text", never_null=True, text=literal)


def same_kind(values: Iterable[Value]) -> str:
    """The kind that values have in common; nulls are of any.

    Raises:
        Untranslated: they have none.

    """
    kinds = {v.kind for v in values} - {"null"}
    if kinds == set(WHOLE):
        return "bigint"
    if len(kinds) > 1:
        raise Untranslated(f"{' with '.join(sorted(kinds))}")
    return kinds.pop() if kinds else "null"


def check_is_short(found: Value) -> None:
    """Raise Untranslated for what MariaDB sorts by its beginning only, and groups slowly."""
    if found.kind not in (*WHOLE, "time", "bool", "null"):
        raise Untranslated(f"a {found.kind} to sort or group by")


def fits(kind: str, bound: str) -> bool:
    """Whether a kind is what DuckDB calls a column's type."""
    found = _TYPES.get(bound)
    return kind in ("null", found) or (found in WHOLE and kind in WHOLE)


def lower(literal: str) -> str:
    """A text in lower case.

    Raises:
        Untranslated: it holds a character whose case MariaDB and DuckDB do not agree on.

    """
    lowered = literal.lower()
    for character in {*literal, *lowered}:
        if not any(first <= ord(character) <= last for first, last in AGREED):
            raise Untranslated(f"the case of {character!r}")
    return lowered
