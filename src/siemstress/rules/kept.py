"""Rules that the store keeps: imported, merged, exported, made ready to load.

They are kept under the name `rules`, as the original's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from siemstress.errors import RuleError, SiemstressError
from siemstress.rules import original
from siemstress.rules.load import INTERVAL, Given, load_rules
from siemstress.rules.original import RULE_KEYS, Entry, Merged, Tables, entries_of, text_of
from siemstress.store.base import Store

NAME = "rules"
PLACE = "the store's rules"

# A rule file's key for each of the original's.
_KEYS = {
    "sql_query": "sqlquery",
    "source_table": "sourcetable",
    "time_int": "interval",
    "event_limit": "limit",
    "out_table": "outtable",
    "message": "message",
    "severity": "severity",
}


def load(store: Store) -> Tables:
    """The rules that a store keeps, by the tables that they were in.

    Raises:
        StoreError: the store cannot be read.

    """
    return original.load(store, NAME, RULE_KEYS, PLACE)


def save(store: Store, tables: Tables) -> None:
    """Keep these rules in a store, in place of all that it has."""
    original.save(store, NAME, tables)


def is_enabled(entry: Entry) -> bool:
    """Whether a rule is to be run; one that does not say so is."""
    value = entry["is_enabled"]
    return value is None or text_of(value).strip().lower() not in ("0", "false", "no", "off", "")


def given(tables: Tables, place: str = PLACE, *, enabled_only: bool = True) -> list[Given]:
    """The rules as `load_rules` takes them; `place` is where they are, for messages."""
    return [
        Given(Path(f"{place}, {table}"), text_of(entry["name"]).strip(), _keys(entry))
        for table, entry in entries_of(tables)
        if is_enabled(entry) or not enabled_only
    ]


def names_of_disabled(tables: Tables) -> list[str]:
    """The names of the rules that are kept but not run."""
    return [text_of(entry["name"]) for _, entry in entries_of(tables) if not is_enabled(entry)]


def checked(
    tables: Tables, known: Mapping[str, str], place: str
) -> tuple[Tables, list[SiemstressError]]:
    """Of imported rules those that can be used, and what is wrong with the others.

    `known` maps the names of sections and tables to tables; `place` is where the rules came from.
    """
    loaded = load_rules([], known, given(tables, place, enabled_only=False))
    spelling = {file_key: key for key, file_key in _KEYS.items()}
    problems: list[SiemstressError] = [
        RuleError(p.message, file=p.file, section=p.section, key=spelling.get(p.key or "", p.key))
        for p in loaded.problems
    ]
    fine = {(str(rule.file), rule.name) for rule in loaded.rules}
    kept: Tables = {}
    for table, entry in entries_of(tables):
        name = text_of(entry["name"]).strip()
        # Of two with one name the first is loaded.
        if (f"{place}, {table}", name) in fine:
            fine.discard((f"{place}, {table}", name))
            kept.setdefault(table, []).append({**entry, "name": name})
    return kept, problems


def merged(old: Tables, new: Tables) -> Merged:
    """Rules put beside others; one takes the place of another of its name, in whatever table."""
    return original.merge(old, new, lambda _table, entry: entry["name"], lambda e: e["name"])


def _keys(entry: Entry) -> dict[str, str]:
    """An entry's keys and values as a rule file has them."""
    keys = {ours: text_of(entry[key]) for key, ours in _KEYS.items() if entry[key] is not None}
    if keys.get("interval") == "0":
        # Rules to be run by cron with --oneshot: their SQL says how far back they look.
        keys["interval"] = INTERVAL
    return {"sqlquery": "", **keys}
