"""siemmanage: tables in numbers, compacted, cleared, repaired."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from siemstress.commands.command import say
from siemstress.config import Config, Section
from siemstress.errors import StoreError
from siemstress.render.text import visible
from siemstress.sources import files
from siemstress.sources.journal import shown_journal
from siemstress.sources.kernel import shown_kernel
from siemstress.sources.listen.listener import shown_drops
from siemstress.store.base import Store, TableStatus
from siemstress.store.retention import CONSUMER, counted, sized

SHOWN_CONSUMERS = 10


def show_status(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Print each table in numbers."""
    tables = _tables(config, store, options.section)
    found = [status for table in tables if (status := store.status(table)) is not None]
    if options.json:
        print(json.dumps([_plain(config, status) for status in found], indent=2))
        return 0
    if not found:
        say("siemmanage: nothing is stored yet")
    for number, status in enumerate(found):
        if number:
            print()
        print_table(_status_lines(config, status))
    if options.section is None:
        from siemstress.commands.siemmanage_rules import tell_problems

        tell_problems(config, store, options)
    return 0


def show_sections(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Print each section: its name, table, parser, and whether it has events."""
    del options
    stored = set(store.tables())
    lines = [("SECTION", "TABLE", "PARSER", "STORED")]
    lines += [
        (s.name, s.table, s.parser, "yes" if s.table in stored else "no")
        for s in config.sections.values()
    ]
    print_table(lines)
    return 0


def compact(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Merge small files of one table or all."""
    for table in _tables(config, store, options.section):
        counts = store.compact(table)
        if counts:
            print(visible(f"{table}: {_compacted(counts)}"))
    return 0


def clear(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Delete a section's table, if forced; else say what would be deleted, with status 2."""
    section = config.section(options.section)
    if section.table not in store.tables():
        say(f"siemmanage: {section.table} does not exist; nothing to delete")
        return 0
    try:
        status = store.status(section.table)
        what = describe(status) if status else section.table
    except StoreError as e:
        what = f"{section.table}, which cannot be read ({e})"
    others = [s.name for s in _sections_of(config, section.table) if s.name != section.name]
    if others:
        what += f"; it is also the table of {', '.join(others)}"
    if not options.force:
        say(f"siemmanage: would delete {what}; say --force to do it")
        return 2
    store.drop(section.table)
    say(f"siemmanage: deleted {what}")
    return 0


def repair(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Repair one table or all; status 1 if something is lost."""
    lost = False
    for table in _tables(config, store, options.section):
        found = store.repair(table)
        for line in found.done:
            print(visible(f"{table}: {line}"))
        for line in found.lost:
            say(f"siemmanage: {table}: {line}")
        if not found.done and not found.lost:
            print(visible(f"{table}: is whole"))
        lost = lost or bool(found.lost)
    return 1 if lost else 0


def describe(status: TableStatus) -> str:
    """A table in one phrase: its name, rows, size, time span and consumers."""
    text = f"{status.table} with {status.rows:,} events, {sized(status.bytes)}"
    if status.time_min and status.time_max:
        text += f", from {_time(status.time_min)} to {_time(status.time_max)}"
    if status.consumers:
        text += f", and the progress of {counted(len(status.consumers), 'consumer')}"
    return text


def _tables(config: Config, store: Store, section: str | None) -> list[str]:
    """The tables that are meant: a section's, or all that exist, in the config's order."""
    if section is not None:
        return [config.section(section).table]
    existing = store.tables()
    named = [s.table for s in config.sections.values() if s.table in existing]
    return list(dict.fromkeys([*named, *existing]))


def _sections_of(config: Config, table: str) -> list[Section]:
    return [s for s in config.sections.values() if s.table == table]


def _plain(config: Config, status: TableStatus) -> dict[str, Any]:
    """A table's status as JSON has it, times with a Z."""
    plain = asdict(status)
    for name, value in plain.items():
        if isinstance(value, datetime):
            plain[name] = f"{value.isoformat()}Z"
    return {"sections": [s.name for s in _sections_of(config, status.table)], **plain}


def _status_lines(config: Config, status: TableStatus) -> list[tuple[str, str]]:
    sections = ", ".join(s.name for s in _sections_of(config, status.table)) or "none"
    lines = [
        (status.table, f"section {sections}"),
        ("  events", f"{status.rows:,}"),
        ("  size", f"{sized(status.bytes)} in {counted(status.files, 'file')}"),
        ("  first event", _time(status.time_min)),
        ("  last event", _time(status.time_max)),
        ("  last received", _time(status.received_max)),
        ("  version", str(status.version)),
    ]
    progress = [
        _progress(name, position) for name, position in status.consumers.items() if name != CONSUMER
    ]
    known = [text for text in progress if text is not None]
    lines += [("  progress", text) for text in known[:SHOWN_CONSUMERS]]
    if len(known) > SHOWN_CONSUMERS:
        lines.append(("  progress", f"{len(known) - SHOWN_CONSUMERS:,} more: see --json"))
    return lines


def _progress(consumer: str, position: int) -> str | None:
    """A consumer's progress in words; None where another one tells the same."""
    if files.is_file(consumer):
        return files.shown(consumer, position)
    if consumer.startswith("journal:"):
        return shown_journal(consumer, position)
    words = shown_drops(consumer, position) or shown_kernel(consumer, position)
    return words or f"{consumer}: {position:,}"


def _compacted(counts: Mapping[str, Any]) -> str:
    parts = []
    if counts.get("merged"):
        parts.append(
            f"merged {counted(counts['merged'], 'file')} into {counts['into']:,}, "
            f"{sized(counts['bytes_before'])} into {sized(counts['bytes_after'])}"
        )
    if counts.get("deleted"):
        freed = sized(counts["deleted_bytes"])
        parts.append(f"deleted {counted(counts['deleted'], 'leftover')} of {freed}")
    if counts.get("log_entries"):
        parts.append(f"took {counts['log_entries']:,} old entries out of the log")
    if counts.get("refused"):
        parts.append("another process is compacting it")
    if counts.get("analyzed"):
        parts.append("renewed its statistics")
    return "; ".join(parts) or "nothing to do"


def print_table(lines: Sequence[Iterable[str]]) -> None:
    """Print lines in aligned columns, as wide as the terminal, or as they are in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() else 100_000
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for line in lines:
        table.add_row(*(Text(visible(cell), overflow="fold") for cell in line))
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
    for text in captured.get().splitlines():
        print(text.rstrip())


def _time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else "-"
