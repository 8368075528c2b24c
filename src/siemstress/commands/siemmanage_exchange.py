"""siemmanage: rules and helpers to and from the original's JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from siemstress.commands.command import say
from siemstress.config import Config
from siemstress.errors import InputError, SiemstressError
from siemstress.ingest import kept_helpers
from siemstress.rules.original import (
    HELPER_KEYS,
    RULE_KEYS,
    Merged,
    Tables,
    chosen,
    read,
    written,
)
from siemstress.store.base import Store

FLAGS = {
    "--importrules": "add rules to the store's, in place of those of the same name",
    "--exportrules": "write the store's rules",
    "--importhelpers": "add helpers to the store's, in place of those of the same name",
    "--exporthelpers": "write the store's helpers",
}
_STANDARD = "-"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the original's flags to siemmanage's own."""
    group = parser.add_argument_group("rules and helpers, in the original's JSON; FILE may be -")
    one = group.add_mutually_exclusive_group()
    for flag, meaning in FLAGS.items():
        one.add_argument(flag, metavar="FILE", help=meaning)
    group.add_argument(
        "--table",
        action="append",
        default=[],
        dest="only",
        metavar="TABLE",
        help="only rules or helpers of this table; may be repeated",
    )


Action = Callable[[Config, Store, argparse.Namespace], int]


def wanted(options: argparse.Namespace) -> Action | None:
    """What one of the flags asks for, if any does."""
    actions = {
        "importrules": import_rules,
        "exportrules": export_rules,
        "importhelpers": import_helpers,
        "exporthelpers": export_helpers,
    }
    return next((a for name, a in actions.items() if getattr(options, name) is not None), None)


def import_rules(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Add a file's rules to the store's; those that cannot be used are named, with status 2."""
    return add_rules(config, store, *_given(options.importrules, RULE_KEYS, options.only))


def add_rules(config: Config, store: Store, found: Tables, place: str) -> int:
    """Add rules to the store's; `place` is where they come from. The exit status."""
    from siemstress.rules import kept

    usable, problems = kept.checked(found, config.tables(), place)
    merged = kept.merged(kept.load(store), usable)
    if usable:
        kept.save(store, merged.tables)
    return _told("rule", merged, problems)


def export_rules(_config: Config, store: Store, options: argparse.Namespace) -> int:
    """Write the store's rules to a file."""
    from siemstress.rules import kept

    _write(options.exportrules, chosen(kept.load(store), options.only, kept.PLACE))
    return 0


def import_helpers(_config: Config, store: Store, options: argparse.Namespace) -> int:
    """Add a file's helpers to the store's; those that cannot be used are named, with status 2."""
    return add_helpers(store, *_given(options.importhelpers, HELPER_KEYS, options.only))


def add_helpers(store: Store, found: Tables, place: str) -> int:
    """Add helpers to the store's; `place` is where they come from. The exit status."""
    usable, problems = kept_helpers.checked(found, place)
    merged = kept_helpers.merged(kept_helpers.load(store), usable)
    if usable:
        kept_helpers.save(store, merged.tables)
    return _told("helper", merged, problems)


def export_helpers(_config: Config, store: Store, options: argparse.Namespace) -> int:
    """Write the store's helpers to a file."""
    tables = chosen(kept_helpers.load(store), options.only, kept_helpers.PLACE)
    _write(options.exporthelpers, tables)
    return 0


def _told(noun: str, merged: Merged, problems: Sequence[SiemstressError]) -> int:
    for problem in problems:
        say(f"siemmanage: {problem}")
    for what, names in (("added", merged.added), ("replaced", merged.replaced)):
        for name in names:
            say(f"siemmanage: {what} {noun} {name}")
    say(
        f"siemmanage: {noun}s: {len(merged.added):,} added, {len(merged.replaced):,} replaced, "
        f"{len(merged.same):,} already there"
        + (f"; mistakes: {len(problems):,}" if problems else "")
    )
    return 2 if problems else 0


def _given(
    file: str, keys: Mapping[str, tuple[str, ...]], only: Sequence[str]
) -> tuple[Tables, str]:
    """The wanted tables of a file, and how to call it."""
    place = _place(file)
    return chosen(read(_read(file), keys, place), only, place), place


def _place(file: str) -> str:
    return "standard input" if file == _STANDARD else file


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == _STANDARD else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as e:
        raise InputError(f"cannot be read: {e.strerror}", file=file) from e
    except ValueError as e:
        # Also a name that no file can have.
        problem = "is not UTF-8 text" if isinstance(e, UnicodeDecodeError) else "is no file"
        raise InputError(problem, file=_place(file)) from e


def _write(file: str, tables: Tables) -> None:
    text = written(tables)
    if file == _STANDARD:
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as e:
        problem = e.strerror if isinstance(e, OSError) else "is no file"
        raise InputError(f"cannot be written: {problem}", file=file) from e
