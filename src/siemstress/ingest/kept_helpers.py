"""Helpers that the store keeps: imported, merged, exported, and those that a kind of log has.

They are kept under the name `helpers`, as the original's JSON.
"""

from __future__ import annotations

from siemstress.config import Config, Helper, Section
from siemstress.errors import ConfigError, SiemstressError
from siemstress.rules import original
from siemstress.rules.original import HELPER_KEYS, Entry, Merged, Tables, entries_of, text_of
from siemstress.store.base import Store

NAME = "helpers"
PLACE = "the store's helpers"


def load(store: Store) -> Tables:
    """The helpers that a store keeps, by the tables that they were in.

    Raises:
        StoreError: the store cannot be read.

    """
    return original.load(store, NAME, HELPER_KEYS, PLACE)


def save(store: Store, tables: Tables) -> None:
    """Keep these helpers in a store, in place of all that it has."""
    original.save(store, NAME, tables)


def of_section(config: Config, section: Section, stored: Tables) -> tuple[list[Helper], list[str]]:
    """The helpers for a kind of log, the config's and the store's, and warnings for the user."""
    own = [helper for helper in config.helpers if helper.is_for(section.name)]
    if section.helpers is None:
        return own + _helpers(stored, PLACE), []
    by_name = {table.lower(): table for table in stored}
    tables = {name: by_name.get(name.lower()) for name in section.helpers}
    wanted = {table: stored[table] for table in tables.values() if table is not None}
    missing = ", ".join(name for name, table in tables.items() if table is None)
    warnings = [f"{config.path} [{section.name}] helpers: the store has none called {missing}"]
    return own + _helpers(wanted, PLACE), warnings if missing else []


def checked(tables: Tables, place: str) -> tuple[Tables, list[SiemstressError]]:
    """Of imported helpers those that can be used, and what is wrong with the others."""
    from siemstress.fields.extraction import Extraction

    kept: Tables = {}
    problems: list[SiemstressError] = []
    for table, entry in entries_of(tables):
        (helper,) = _helpers({table: [entry]}, place)
        try:
            if not helper.regex:
                raise ConfigError("is missing", file=place, section=helper.section, key="reg_exp")
            Extraction([helper])
        except ConfigError as e:
            problems.append(e)
            continue
        plain = {key: text_of(value) for key, value in entry.items()}
        kept.setdefault(table, []).append(plain)
    return kept, problems


def merged(old: Tables, new: Tables) -> Merged:
    """Helpers put beside others.

    One takes the place of another of its name in its table; one without a name that of another
    with the same expression and variable.
    """
    return original.merge(old, new, _key, _shown)


def _key(table: str, entry: Entry) -> tuple[str, ...]:
    if entry["name"]:
        return table, entry["name"]
    return table, "", entry["var_name"], entry["reg_exp"]


def _shown(entry: Entry) -> str:
    return entry["name"] or f"{entry['var_name']} {entry['reg_exp']}"


def _helpers(tables: Tables, place: str) -> list[Helper]:
    return [
        Helper(
            name=text_of(entry["name"]),
            variable=text_of(entry["var_name"]).strip(),
            regex=text_of(entry["reg_exp"]),
            file=f"{place}, {table}",
            section=text_of(entry["name"]) or text_of(entry["var_name"]),
            key="reg_exp",
        )
        for table, entry in entries_of(tables)
    ]
