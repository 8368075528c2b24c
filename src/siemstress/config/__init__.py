"""siemstress.conf: where the store is and which kinds of log there are.

The file is INI as the original's: `[siemstress]` names the store, every other section is a kind
of log that `-s` chooses. Paths in it are relative to the file. Without any file the embedded lake
and the original's sections are used. The environment may name the store, too.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from siemstress.config.enrichment import NOTHING, Enrichment, is_enrichment, read_enrichment
from siemstress.config.extraction import HELPER_KEYS, Helper, is_helper, names_in, read_helpers
from siemstress.config.ini import MAIN_SECTION, Keys, find, keys_of, read_ini, xdg
from siemstress.config.notify import is_notifier, read_notifiers
from siemstress.config.server import PASSWORD_VARIABLE, Server, Tls
from siemstress.config.sources import FLUSH, SOURCE_KEYS, Sources, read_flush, read_sources
from siemstress.config.store import STORE_KEYS, STORE_VARIABLE, Choice, choose, default_lake
from siemstress.errors import ConfigError
from siemstress.schema import column_name, is_table_name

T = TypeVar("T")

__all__ = [
    "BUILT_IN",
    "DEFAULT_PARSER",
    "FLUSH",
    "HELPER_KEYS",
    "MAIN_KEYS",
    "MAIN_SECTION",
    "PASSWORD_VARIABLE",
    "SECTION_KEYS",
    "STORE_VARIABLE",
    "Choice",
    "Config",
    "Enrichment",
    "Helper",
    "Keys",
    "Section",
    "Server",
    "Sources",
    "Tls",
    "choose",
    "default_lake",
    "find",
    "is_helper",
    "is_notifier",
    "keys_of",
    "load",
    "read_ini",
    "read_notifiers",
    "read_size",
    "read_span",
    "xdg",
]

DEFAULT_PARSER = "auto"
EVENT_FIELDS = ("id", "time", "host", "process", "pid", "message")
ALERT_FIELDS = ("id", "time", "source_rule", "event_limit", "event_count", "message")
WEB_FIELDS = ("id", "time", "source_host", "user_name", "outcome", "message")
TCPDUMP_FIELDS = (
    "id",
    "time",
    "source_host",
    "source_port",
    "dest_host",
    "dest_port",
    "protocol",
    "message",
)
MAIN_KEYS = STORE_KEYS | {"flush"}
SECTION_KEYS = SOURCE_KEYS | {"table", "parser", "queryfields", "keep", "keep_size", "helpers"}

_NO_SOURCES = Sources()
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}
_LONGEST = 1000 * _HOURS["y"]
# Less is a slip of the pen: a table's empty indexes take a tenth of that.
_SMALLEST = 1_000_000


@dataclass(frozen=True)
class Section:
    """A kind of log: its name, its table, its parser and the columns of its terminal table.

    `keep` is how long events are kept; None: for ever. `keep_size` is how many bytes the table may
    take; None: any number. `helpers` are the tables of the store's
    helpers that are for it; None: all. `sources` are what is collected for it.
    """

    name: str
    table: str
    parser: str = DEFAULT_PARSER
    query_fields: tuple[str, ...] = EVENT_FIELDS
    keep: timedelta | None = None
    keep_size: int | None = None
    helpers: tuple[str, ...] | None = None
    sources: Sources = _NO_SOURCES


@dataclass(frozen=True)
class Config:
    """What a config file says, with every default filled in.

    `server` is None when the store is the lake at `lake`. `warnings` are lines for the user.
    `flush` is within how many seconds a line that was collected can be queried.
    """

    path: Path | None
    lake: Path
    sections: Mapping[str, Section]
    server: Server | None = None
    warnings: tuple[str, ...] = ()
    helpers: tuple[Helper, ...] = ()
    flush: float = FLUSH
    enrichment: Enrichment = NOTHING

    def section(self, name: str) -> Section:
        """The section called `name`.

        Raises:
            ConfigError: there is none; the message lists those that there are.

        """
        if name in self.sections:
            return self.sections[name]
        known = ", ".join(sorted(self.sections))
        raise ConfigError(f"no such section; there are: {known}", file=self.path, section=name)

    def tables(self) -> dict[str, str]:
        """Every name that a table can be called by (section or table name), and the table."""
        names = {s.table: s.table for s in self.sections.values()}
        names |= {s.name: s.table for s in self.sections.values()}
        return names

    def section_of_table(self, table: str) -> Section:
        """The first section that keeps `table`, or a plain one for a table without a section."""
        for section in self.sections.values():
            if section.table.lower() == table.lower():
                return section
        return Section(name=table, table=table)


BUILT_IN: Mapping[str, Section] = {
    s.name: s
    for s in (
        Section("default", "Entries"),
        Section("auth", "Auth"),
        Section("userauth", "UserAuth", query_fields=ALERT_FIELDS),
        Section("access", "Access", query_fields=WEB_FIELDS),
        Section("tcpdump", "TCPDump", parser="tcpdump", query_fields=TCPDUMP_FIELDS),
    )
}


def load(path: str | Path | None = None, *, store: Choice | None = None) -> Config:
    """The config at `path`, or the first found in the usual places, or the built-in one.

    With `store` that is the store, whatever the file says.

    Raises:
        ConfigError: the file is missing or something in it is wrong; says where.

    """
    found = Path(path) if path is not None else find("siemstress.conf")
    if found is None:
        chosen = store or choose(Keys({}, "", Path()))
        return Config(None, chosen.lake, BUILT_IN, chosen.server, chosen.warnings)
    ini = read_ini(found)
    keys = keys_of(ini, found)
    chosen = store or choose(keys)
    sections = _sections(found, ini) or BUILT_IN
    return Config(
        path=found,
        lake=chosen.lake,
        sections=sections,
        server=chosen.server,
        warnings=(*_unknown(found, keys.values), *chosen.warnings),
        helpers=read_helpers(found, ini, sections),
        flush=read_flush(found, MAIN_SECTION, keys.values.get("flush", "")),
        enrichment=read_enrichment(found, ini, sections),
    )


def _sections(path: Path, ini: configparser.RawConfigParser) -> dict[str, Section]:
    sections = {
        name: _section(path, name, dict(ini[name]))
        for name in ini.sections()
        if name != MAIN_SECTION
        and not is_helper(name)
        and not is_notifier(name)
        and not is_enrichment(ini, name)
    }
    kept: dict[str, Section] = {}
    for section in sections.values():
        first = kept.setdefault(section.table.lower(), section)
        for key in ("keep", "keep_size"):
            if getattr(first, key) != getattr(section, key):
                raise ConfigError(
                    f"must be as in [{first.name}], which has the same table",
                    file=path,
                    section=section.name,
                    key=key,
                )
    return sections


def _section(path: Path, name: str, keys: Mapping[str, str]) -> Section:
    table = keys.get("table", "").strip()
    if not is_table_name(table):
        problem = "is missing" if not table else "must be letters, digits and _, up to 64"
        raise ConfigError(problem, file=path, section=name, key="table")
    unknown = sorted(set(keys) - SECTION_KEYS)
    if unknown:
        known = ", ".join(sorted(SECTION_KEYS))
        raise ConfigError(
            f"no such key; there are: {known}", file=path, section=name, key=unknown[0]
        )
    return Section(
        name=name,
        table=table,
        parser=keys.get("parser", "").strip().lower() or DEFAULT_PARSER,
        query_fields=_query_fields(path, name, keys.get("queryfields", "")),
        keep=_limit(path, name, "keep", keys, read_span),
        keep_size=_limit(path, name, "keep_size", keys, read_size),
        helpers=names_in(keys["helpers"]) if "helpers" in keys else None,
        sources=read_sources(path, name, keys),
    )


def _query_fields(path: Path, section: str, value: str) -> tuple[str, ...]:
    columns = []
    for name in names_in(value):
        column = column_name(name)
        if column is None:
            raise ConfigError(
                f"there is no column {name!r}", file=path, section=section, key="queryfields"
            )
        columns.append(column)
    return tuple(columns) or EVENT_FIELDS


def _limit(
    path: Path, section: str, key: str, keys: Mapping[str, str], read: Callable[[str], T]
) -> T | None:
    value = keys.get(key, "")
    try:
        return read(value) if value.strip() else None
    except ValueError as e:
        raise ConfigError(str(e), file=path, section=section, key=key) from None


def read_span(text: str) -> timedelta:
    """How long events are kept, as `90d`, `12w`, `36h` or `2y` (of 365 days).

    Raises:
        ValueError: it is not that; the message says what it must be.

    """
    match = re.fullmatch(r"([0-9]{1,6})\s*([hdwy])", text.strip().lower())
    hours = int(match[1]) * _HOURS[match[2]] if match else 0
    if not 0 < hours <= _LONGEST:
        raise ValueError("must be a span of time, as 36h, 90d, 12w or 2y")
    return timedelta(hours=hours)


def read_size(text: str) -> int:
    """How many bytes a table may take, as `50GB` (10^9 bytes each) or `50GiB` (2^30).

    Raises:
        ValueError: it is not that; the message says what it must be.

    """
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([kmgt])(i?)b", text.strip().lower())
    size = 0
    if match:
        unit = (1024 if match[3] else 1000) ** ("kmgt".index(match[2]) + 1)
        size = round(float(match[1]) * unit)
    if not _SMALLEST <= size < 2**63:
        raise ValueError("must be a size of 1 MB or more, as 500MB, 50GB, 1.5TB or 50GiB")
    return size


def _unknown(path: Path, keys: Mapping[str, str]) -> tuple[str, ...]:
    known = ", ".join(sorted(MAIN_KEYS))
    return tuple(
        f"{path} [{MAIN_SECTION}] {key}: no such key, ignored; there are: {known}"
        for key in sorted(set(keys) - MAIN_KEYS)
    )
