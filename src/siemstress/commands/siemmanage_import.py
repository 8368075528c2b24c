"""siemmanage import-old: the tables that the original made, into the store."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from siemstress.commands import siemmanage_exchange as exchange
from siemstress.commands.command import say
from siemstress.commands.siemmanage_tables import print_table
from siemstress.config import MAIN_SECTION, Config, Keys, Server, keys_of, read_ini
from siemstress.config.server import SCHEME, read_server, read_url
from siemstress.errors import ConfigError, InputError, UserError
from siemstress.rules.original import HELPER_KEYS, RULE_KEYS, Tables, spelled
from siemstress.schema import is_table_name
from siemstress.store.base import Store

if TYPE_CHECKING:
    from siemstress.ingest.old_tables.database import OldDatabase, OldTable
    from siemstress.ingest.old_tables.importing import Importing, State

EXAMPLE = "import-old mariadb://siemstress@db.example.org/siemstressdb"

_ROWS = ("events", "alerts")


@dataclass(frozen=True)
class _Task:
    """An old table, and the table of ours that its rows go to."""

    table: OldTable
    into: str


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what import-old can be told."""
    add = parser.add_argument
    add(
        "url",
        nargs="?",
        metavar="URL",
        help=f"the old database, {SCHEME}USER:PASSWORD@HOST:PORT/DATABASE "
        "(default: the config's server)",
    )
    add("--from-config", metavar="OLD", help="the original's config file, which names it")
    add(
        "--table",
        action="append",
        default=[],
        dest="pairs",
        metavar="OLD=NEW",
        help="only this table, into NEW; may be repeated (default: all, into tables of their name)",
    )
    add(
        "--rename",
        action="store_true",
        help="rename old tables that are in the way of the store's own, to NAME_old",
    )
    add("--dry-run", action="store_true", help="show what there is, and do nothing")
    add(
        "-z",
        "--zone",
        metavar="ZONE",
        help="zone of stamps that are not stored in UTC too, instead of the offset stored",
    )


def import_old(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Bring in what is missing, and compare the counts; status 1 where they differ."""
    from siemstress.formats.clock import parse_zone
    from siemstress.ingest.old_tables.database import OldDatabase

    zone = parse_zone(options.zone) if options.zone else None
    with contextlib.closing(OldDatabase(_source(config, options))) as database:
        tasks = _tasks(config, database, options.pairs)
        if options.dry_run:
            return _show(config, database, store, tasks, zone)
        tasks = _made_room(config, database, tasks, rename=options.rename)
        statuses = [
            _bring_in(database, store, task, zone) for task in tasks if task.table.kind in _ROWS
        ]
        statuses += _bring_in_entries(config, database, store, [t.table for t in tasks])
    return 1 if 1 in statuses else max(statuses, default=0)


# Which database, which tables --------------------------------------------------------------------


def _source(config: Config, options: argparse.Namespace) -> Server:
    """The server with the old database.

    Raises:
        ConfigError: it cannot be told; says why.

    """
    if options.url is not None and options.from_config is not None:
        raise InputError("cannot go with --from-config", key="URL")
    if options.url is not None:
        keys = Keys({"URL": options.url}, "import-old", Path.cwd(), None)
        if not options.url.lower().startswith(SCHEME):
            raise keys.mistake("URL", f"must be {SCHEME}USER:PASSWORD@HOST:PORT/DATABASE")
        server, warnings = read_url(keys, "URL")
        given = urlsplit(options.url).password
        password = unquote(given) if given else None
    elif options.from_config is not None:
        path = Path(options.from_config)
        ini = read_ini(path)
        named = [name for name in ini.sections() if ini.has_option(name, "server")]
        section = MAIN_SECTION if MAIN_SECTION in named else next(iter(named), MAIN_SECTION)
        keys = keys_of(ini, path, section)
        found, warnings = read_server(keys)
        if found is None:
            raise keys.mistake("server", "is missing: where the old database is")
        server, password = found, keys.values.get("password") or None
    elif config.server is not None:
        return config.server
    else:
        raise ConfigError("say where the old database is: a URL, or --from-config")
    for warning in warnings:
        say(f"siemmanage: {warning}")
    # The environment's password is that of the store, where both are given.
    return replace(server, password=password) if password is not None else server


def _tasks(config: Config, database: OldDatabase, pairs: Sequence[str]) -> list[_Task]:
    from siemstress.ingest.old_tables.database import named

    wanted = dict(_pair(text) for text in pairs)
    tables = named(database.tables(), list(wanted))
    if not tables:
        raise InputError(f"there is no table of the original's in {database.server.database}")
    known = {s.table.lower(): s.table for s in config.sections.values()}
    return [_Task(t, wanted.get(t.name) or _table_for(t.base, known)) for t in tables]


def _pair(text: str) -> tuple[str, str | None]:
    """`OLD=NEW`, or a table alone."""
    old, equals, new = text.rpartition("=") if "=" in text else (text, "", "")
    if equals and not is_table_name(new):
        raise InputError(f"{new!r} must be letters, digits and _, up to 64", key="--table")
    return old, new or None


def _table_for(name: str, known: Mapping[str, str]) -> str:
    """The table for an old one: as a section spells it, else with letters, digits and _ only."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)[:64]
    plain = plain if is_table_name(plain) else f"_{plain}"[:64]
    return known.get(name.lower(), plain)


def _in_the_way(config: Config, database: OldDatabase, tasks: Sequence[_Task]) -> list[OldTable]:
    """The old tables whose names the store needs for its own, in the same database."""
    from siemstress.ingest.old_tables.database import OldDatabase

    rows = [task for task in tasks if task.table.kind in _ROWS]
    same = [t.table for t in rows if t.table.name.lower() in {r.into.lower() for r in rows}]
    if config.server is None or not same:
        return []
    with contextlib.closing(OldDatabase(config.server)) as ours:
        return same if ours.place() == database.place() else []


def _made_room(
    config: Config, database: OldDatabase, tasks: list[_Task], *, rename: bool
) -> list[_Task]:
    """The tasks, once no old table has a name that the store needs."""
    blocking = _in_the_way(config, database, tasks)
    if not blocking:
        return tasks
    names = {table.name: database.free_name(table.name) for table in blocking}
    if not rename:
        moves = ", ".join(f"{old} to {new}" for old, new in names.items())
        raise UserError(
            "the store is the same database and needs the names of old tables; stop the original, "
            f"then say --rename, which renames {moves}, or --table OLD=NEW"
        )
    database.rename(names)
    for old, new in names.items():
        say(f"siemmanage: renamed {old} to {new}")
    return [
        replace(t, table=replace(t.table, name=names.get(t.table.name, t.table.name)))
        for t in tasks
    ]


# What is done with them --------------------------------------------------------------------------


def _importing(database: OldDatabase, store: Store, task: _Task) -> Importing:
    from siemstress.ingest.old_tables.importing import Importing
    from siemstress.ingest.patience import Patience

    patience = Patience(lambda text: say(f"siemmanage: {text}"))
    return Importing(database, task.table, store, task.into, patience)


def _show(
    config: Config,
    database: OldDatabase,
    store: Store,
    tasks: Sequence[_Task],
    zone: str | int | None,
) -> int:
    """Print what would be done."""
    lines = [("TABLE", "KIND", "ROWS", "IMPORTED", "INTO", "")]
    blocking = {table.name for table in _in_the_way(config, database, tasks)}
    for task in tasks:
        table = task.table
        note = table.problem or ("needs --rename" if table.name in blocking else "")
        if table.kind not in _ROWS:
            count = f"{len(database.entries(table)):,}"
            lines.append((table.name, table.kind, count, "", f"the store's {table.kind}", note))
        elif table.problem:
            lines.append((table.name, table.kind, "", "", "", note))
        else:
            importing = _importing(database, store, task)
            state = importing.state()
            counts = (f"{state.rows:,}", f"{state.imported:,}")
            note = note or (importing.doubt(state) or "" if zone is None else "")
            lines.append((table.name, table.kind, *counts, task.into, note))
    print_table(lines)
    return 0


def _bring_in(database: OldDatabase, store: Store, task: _Task, zone: str | int | None) -> int:
    table = task.table
    if table.problem:
        say(f"siemmanage: {table.name}: cannot be imported: {table.problem}")
        return 1
    importing = _importing(database, store, task)
    state = importing.state()
    if zone is None and (doubt := importing.doubt(state)):
        say(f"siemmanage: {table.name}: {doubt}")
    started = time.monotonic()
    try:
        with _progress(table.name, state) as moved:
            importing.run(state, zone, moved)
    except BaseException:
        done = f"{importing.imported:,} of {state.rows:,} rows are imported"
        say(f"siemmanage: {table.name}: {done}; run again to go on")
        raise
    return _told(task, state, importing.imported, time.monotonic() - started)


def _told(task: _Task, state: State, imported: int, seconds: float) -> int:
    name = task.table.name
    if imported != state.rows:
        say(
            f"siemmanage: {name}: the counts differ: {state.rows:,} rows are there, "
            f"{imported:,} were imported into {task.into}"
        )
        return 1
    fresh = imported - state.imported
    rate = f", {seconds:.1f} s, {fresh / max(seconds, 0.001):,.0f} rows/s" if fresh else ""
    done = f"all {imported:,} rows are in {task.into}, {fresh:,} of them new{rate}"
    say(f"siemmanage: {name}: {done}")
    return 0


def _bring_in_entries(
    config: Config, database: OldDatabase, store: Store, tables: Sequence[OldTable]
) -> list[int]:
    """Add the rules and helpers of old tables to the store's."""
    rules, helpers = (_entries(database, tables, kind) for kind in ("rules", "helpers"))
    place = database.server.database
    statuses = []
    if rules:
        statuses.append(exchange.add_rules(config, store, rules, place))
    if helpers:
        statuses.append(exchange.add_helpers(store, helpers, place))
    return statuses


def _entries(database: OldDatabase, tables: Sequence[OldTable], kind: str) -> Tables:
    keys = RULE_KEYS if kind == "rules" else HELPER_KEYS
    return {
        table.name: [spelled(entry, keys) for entry in database.entries(table)]
        for table in tables
        if table.kind == kind
    }


@contextlib.contextmanager
def _progress(name: str, state: State) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; gives what to call with the number of rows imported."""
    if not sys.stderr.isatty() or state.imported >= state.rows:
        yield lambda _imported: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from siemstress.render.text import visible

    text = "{task.description}  {task.completed:,} of {task.total:,} rows"
    columns = (BarColumn(), TextColumn(text), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(visible(name)), total=state.rows, completed=state.imported)
        yield lambda imported: bar.update(task, completed=imported)
