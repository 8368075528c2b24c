"""The original's JSON of rules and helpers: an object, table by table a list of objects.

Its releases spell the keys differently (`SQLQuery`, `sql_query`); what is written has the spelling
of 0.8. A store keeps its rules and helpers as such a text, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from siemstress.errors import RuleError
from siemstress.store.base import Store

# Keys in the order of 0.8's tables, each with the spellings of all releases, in small letters and
# without `_`.
RULE_KEYS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "rulename"),
    "desc": ("desc",),
    "is_enabled": ("isenabled",),
    "severity": ("severity",),
    "time_int": ("timeint", "eventint"),
    "event_limit": ("eventlimit",),
    "sql_query": ("sqlquery",),
    "source_table": ("sourcetable",),
    "out_table": ("outtable",),
    "message": ("message",),
}
HELPER_KEYS: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "desc": ("desc",),
    "var_name": ("varname",),
    "reg_exp": ("regexp",),
}

Entry = dict[str, Any]
Tables = dict[str, list[Entry]]


@dataclass(frozen=True)
class Merged:
    """Two collections made one, and what the second has added to, replaced in, left in the first.

    Each is named as people name it.
    """

    tables: Tables
    added: Sequence[str]
    replaced: Sequence[str]
    same: Sequence[str]


def read(text: str, keys: Mapping[str, tuple[str, ...]], place: str) -> Tables:
    """The entries of a text, table by table, with all of `keys` in 0.8's spelling.

    What an entry lacks is None; keys that are none of these (`id`) are left out.

    Raises:
        RuleError: it is not such a text; `place` says where it came from.

    """
    try:
        found = json.loads(text)
    except ValueError as e:
        raise RuleError(f"is not JSON: {e}", file=place) from None
    except RecursionError:
        raise RuleError("is nested too deeply", file=place) from None
    if not isinstance(found, dict):
        raise RuleError("must be an object: table names, each with a list", file=place)
    tables: Tables = {}
    for table, entries in found.items():
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise RuleError("must be a list of objects", file=place, section=table)
        tables[table] = [spelled(entry, keys) for entry in entries]
    return tables


def spelled(entry: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]]) -> Entry:
    """An entry with all keys, in 0.8's spelling."""
    plain = {name.lower().replace("_", ""): value for name, value in entry.items()}
    return {
        key: next((plain[name] for name in names if plain.get(name) is not None), None)
        for key, names in keys.items()
    }


def written(tables: Tables) -> str:
    """The text of a collection, as the original writes it."""
    return json.dumps(tables, indent=2, sort_keys=True, separators=(",", ": ")) + "\n"


def load(store: Store, name: str, keys: Mapping[str, tuple[str, ...]], place: str) -> Tables:
    """The entries that a store keeps under a name; `place` is where they are, for messages.

    Raises:
        StoreError: the store cannot be read.

    """
    text = store.load_text(name)
    return read(text, keys, place) if text is not None else {}


def save(store: Store, name: str, tables: Tables) -> None:
    """Keep entries in a store, in place of all that it has under that name."""
    store.save_text(name, written(tables))


def entries_of(tables: Tables) -> Iterator[tuple[str, Entry]]:
    """All entries, each with its table."""
    return ((table, entry) for table, entries in tables.items() for entry in entries)


def merge(
    old: Tables,
    new: Tables,
    key: Callable[[str, Entry], Hashable],
    shown: Callable[[Entry], str],
) -> Merged:
    """Entries put beside others; one takes the place of another with the same key.

    `key` is worked out of a table's name and an entry, `shown` is how people name an entry.
    """
    before, fresh = ({key(*e): e for e in entries_of(tables)} for tables in (old, new))
    tables: Tables = {}
    for table, entry in ({**before, **fresh}).values():
        tables.setdefault(table, []).append(entry)
    shared = [k for k in fresh if k in before]
    return Merged(
        tables,
        added=[shown(fresh[k][1]) for k in fresh if k not in before],
        replaced=[shown(fresh[k][1]) for k in shared if fresh[k] != before[k]],
        same=[shown(fresh[k][1]) for k in shared if fresh[k] == before[k]],
    )


def text_of(value: object) -> str:
    """A value of an entry as text: a number as it is written, None as nothing."""
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else str(value)


def chosen(tables: Tables, names: Sequence[str], place: str) -> Tables:
    """Of a collection the tables that are named; all without a name.

    Raises:
        RuleError: there is no such table.

    """
    for name in names:
        if name not in tables:
            known = ", ".join(sorted(tables)) or "none"
            raise RuleError(f"no such table; there are: {known}", file=place, section=name)
    return {table: entries for table, entries in tables.items() if not names or table in names}
