"""siemstress.conf: where the store is and which kinds of log there are.

The file is INI as the original's: `[siemstress]` names the store, every other section is a kind
of log that `-s` chooses. Paths in it are relative to the file. Without any file the embedded lake
and the original's sections are used.
"""

from __future__ import annotations

import configparser
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from siemstress.errors import ConfigError
from siemstress.schema import column_name

MAIN_SECTION = "siemstress"
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
MAIN_KEYS = frozenset({"server", "user", "password", "database", "lake", "port"})
SECTION_KEYS = frozenset({"table", "parser", "queryfields"})

_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


@dataclass(frozen=True)
class Section:
    """A kind of log: its name, its table, its parser and the columns of its terminal table."""

    name: str
    table: str
    parser: str = DEFAULT_PARSER
    query_fields: tuple[str, ...] = EVENT_FIELDS


@dataclass(frozen=True)
class Tls:
    """TLS: the authorities that verify a server (None: the system's), and what proves the user."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Server:
    """A MariaDB server to keep the tables in, by a socket or by host and port."""

    host: str
    user: str
    password: str = field(repr=False)
    database: str
    port: int = 3306
    socket: Path | None = None
    tls: Tls | None = None


@dataclass(frozen=True)
class Config:
    """What a config file says, with every default filled in.

    `server` is None when the store is the lake at `lake`. `warnings` are lines for the user.
    """

    path: Path | None
    lake: Path
    sections: Mapping[str, Section]
    server: Server | None = None
    warnings: tuple[str, ...] = ()

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


def xdg(variable: str, fallback: str) -> Path:
    """A base folder of the XDG specification: the variable's value, or `~/fallback`."""
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / fallback


def default_lake() -> Path:
    """Where the lake is when nothing says otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/siemstress")
    return xdg("XDG_DATA_HOME", ".local/share") / "siemstress"


def find(name: str) -> Path | None:
    """The first `name` in the places where config files are looked for."""
    places = (
        Path("/etc") / name,
        Path("/etc/siemstress") / name,
        xdg("XDG_CONFIG_HOME", ".config") / "siemstress" / name,
    )
    return next((p for p in places if p.is_file()), None)


def read_ini(path: Path) -> configparser.RawConfigParser:
    """Read an INI file as UTF-8, with its `%` signs left alone.

    Raises:
        ConfigError: it is missing, unreadable, not text, or not INI; names the line where known.

    """
    ini = configparser.RawConfigParser(interpolation=None, strict=True, default_section="\0")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        ini.read_string(text, source=str(path))
    except OSError as e:
        raise ConfigError(f"cannot be read: {e.strerror}", file=path) from e
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise ConfigError(f"line {line} is not UTF-8 text", file=path) from e
    except configparser.MissingSectionHeaderError as e:
        message = f"line {e.lineno}: a [section] must come first"
        raise ConfigError(message, file=path) from e
    except configparser.ParsingError as e:
        lines = ", ".join(str(number) for number, _ in e.errors)
        raise ConfigError(f"line {lines}: neither [section] nor key=value", file=path) from e
    except configparser.DuplicateSectionError as e:
        message = f"line {e.lineno}: the section is there twice"
        raise ConfigError(message, file=path, section=e.section) from e
    except configparser.DuplicateOptionError as e:
        message = f"line {e.lineno}: the key is there twice"
        raise ConfigError(message, file=path, section=e.section, key=e.option) from e
    return ini


def load(path: str | Path | None = None) -> Config:
    """The config at `path`, or the first found in the usual places, or the built-in one.

    Raises:
        ConfigError: the file is missing or something in it is wrong; says where.

    """
    found = Path(path) if path is not None else find("siemstress.conf")
    if found is None:
        return Config(path=None, lake=default_lake(), sections=BUILT_IN)
    ini = read_ini(found)
    main = dict(ini[MAIN_SECTION]) if ini.has_section(MAIN_SECTION) else {}
    sections = {
        name: _section(found, name, dict(ini[name]))
        for name in ini.sections()
        if name != MAIN_SECTION
    }
    return Config(
        path=found,
        lake=read_lake(found, main),
        sections=sections or BUILT_IN,
        server=read_server(found, main),
        warnings=(
            *_unknown(found, MAIN_SECTION, main, MAIN_KEYS),
            *rights_warnings(found, main),
        ),
    )


def rights_warnings(path: Path, keys: Mapping[str, str]) -> tuple[str, ...]:
    """A warning where a file with a password can be read by everybody."""
    if not keys.get("password"):
        return ()
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o044:
        return ()
    return (f"{path}: holds a password and can be read by others; chmod 600 {path}",)


def read_server(path: Path, keys: Mapping[str, str]) -> Server | None:
    """The MariaDB server that the keys name, if they name one."""
    host = keys.get("server", "").strip()
    if not host:
        return None
    port = keys.get("port", "3306").strip()
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(
            "must be a number from 1 to 65535", file=path, section=MAIN_SECTION, key="port"
        )
    return Server(
        host=host,
        user=keys.get("user", "").strip() or "siemstress",
        password=keys.get("password", ""),
        database=keys.get("database", "").strip() or "siemstressdb",
        port=int(port),
    )


def read_lake(path: Path, keys: Mapping[str, str]) -> Path:
    """The lake's folder that the keys name, or the default one."""
    value = keys.get("lake", "").strip()
    if not value:
        return default_lake()
    if "\0" in value:
        raise ConfigError("must be a folder", file=path, section=MAIN_SECTION, key="lake")
    return path.parent.absolute() / Path(value).expanduser()


def _section(path: Path, name: str, keys: Mapping[str, str]) -> Section:
    table = keys.get("table", "").strip()
    if not _TABLE_NAME.match(table):
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
    )


def _query_fields(path: Path, section: str, value: str) -> tuple[str, ...]:
    names = [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]
    columns = []
    for name in names:
        column = column_name(name)
        if column is None:
            raise ConfigError(
                f"there is no column {name!r}", file=path, section=section, key="queryfields"
            )
        columns.append(column)
    return tuple(columns) or EVENT_FIELDS


def _unknown(
    path: Path, section: str, keys: Mapping[str, str], known: frozenset[str]
) -> tuple[str, ...]:
    return tuple(
        f"{path} [{section}] {key}: no such key, ignored; there are: {', '.join(sorted(known))}"
        for key in sorted(set(keys) - known)
    )
