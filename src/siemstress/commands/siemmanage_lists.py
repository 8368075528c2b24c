"""siemmanage match-list and mask: lists over what is stored, and the tokens of masked values."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.commands.siemmanage_reparse import add_time_flags, wanted
from siemstress.config import Config, Section
from siemstress.config.enrichment import ListFile
from siemstress.errors import ConfigError, QueryError, UserError
from siemstress.render.text import visible
from siemstress.store.base import Store
from siemstress.store.retention import counted

if TYPE_CHECKING:
    from siemstress.ingest.marking import Found, Marking

MATCH_EXAMPLE = "match-list -s auth --last 30d --mark"
MASK_EXAMPLE = "mask alice"


def add_match_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `siemmanage match-list`, beside `--section`."""
    add = parser.add_argument
    add("lists", nargs="*", metavar="LIST", help="these lists only")
    add_time_flags(parser)
    add("--mark", action="store_true", help="write the lists' names into the events, too")
    add("--json", action="store_true", help="print an array of JSON objects")


def add_mask_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `siemmanage mask`."""
    add = parser.add_argument
    add("values", nargs="*", metavar="VALUE", help="a value; none: one in each line of the input")
    add("--make-key", action="store_true", help="write a new key to the file that the config names")


def match_list(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Show which stored events lists are about, and mark them if told to."""
    chosen = [config.section(options.section)] if options.section else config.sections.values()
    sections: dict[str, list[Section]] = {}
    for section in chosen:
        sections.setdefault(section.table, []).append(section)
    _check(config, options.lists)
    found: list[tuple[str, Marking]] = []
    for table, meant in sections.items():
        lists = _lists(config, meant, options.lists)
        if lists and store.version(table) is not None:
            found.append((table, _work(store, table, lists, options)))
    _show([(table, *hit) for table, work in found for hit in work.found.items()], options)
    for table, work in found:
        on = f"siemmanage: {table}: {work.hit:,} of {counted(work.rows, 'event')} are on a list"
        say(f"{on}; marked {work.marked:,}" if options.mark else on)
    if not found:
        say("siemmanage: nothing is stored yet that a list is for")
    elif not options.mark and any(work.hit for _, work in found):
        say("siemmanage: nothing was marked; say --mark as well to do it")
    return 0


def _check(config: Config, names: list[str]) -> None:
    known = [item.name for item in config.enrichment.lists]
    if not known:
        raise ConfigError("there is no [list NAME] section", file=config.path)
    for name in names:
        if name not in known:
            raise QueryError(f"there is no list {name!r}; there are: {', '.join(known)}")


def _lists(config: Config, sections: list[Section], names: list[str]) -> list[ListFile]:
    """The lists of these names, or all, that are for one of the sections."""
    ours = [item for s in sections for item in config.enrichment.of_section(s.name).lists]
    return [
        item
        for item in config.enrichment.lists
        if item in ours and (not names or item.name in names)
    ]


def _work(store: Store, table: str, lists: list[ListFile], options: argparse.Namespace) -> Marking:
    from siemstress.enrich.lists import Lists
    from siemstress.ingest.marking import Marking
    from siemstress.render.progress import Progress

    work = Marking(store, table, Lists(lists), wanted(options))
    progress = Progress(rows_are_shown=False)

    def watch(rows: int) -> None:
        progress.rows += rows

    work.watch = watch
    with progress.run():
        (work.mark if options.mark else work.look)()
    return work


def _show(found: list[tuple[str, tuple[str, str], Found]], options: argparse.Namespace) -> None:
    """Print the values that were found, those of most events first."""
    found.sort(key=lambda hit: (-hit[2].events, hit[0], hit[1]))
    if options.json:
        plain = [
            {
                "table": table,
                "list": name,
                "value": value,
                "events": hit.events,
                "first": f"{hit.first.isoformat()}Z" if hit.first else None,
                "last": f"{hit.last.isoformat()}Z" if hit.last else None,
            }
            for table, (name, value), hit in found
        ]
        print(json.dumps(plain, indent=2))
        return
    lines = [
        (table, name, value, f"{hit.events:,}", _time(hit.first), _time(hit.last))
        for table, (name, value), hit in found
    ]
    if lines:
        _print([("TABLE", "LIST", "VALUE", "EVENTS", "FIRST", "LAST"), *lines])


def _print(lines: Sequence[Sequence[str]]) -> None:
    """Print lines in aligned columns; there may be a hundred thousand."""
    from rich.cells import cell_len

    shown = [[visible(cell) for cell in line] for line in lines]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    for line in shown:
        cells = (c + " " * (w - cell_len(c)) for c, w in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "-"


def mask(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Print the tokens of values, by which they are found where they are masked."""
    del store
    from siemstress.config.enrichment import mistake
    from siemstress.enrich.mask import make_key, read_key, token

    item = config.enrichment.mask
    if item is None:
        raise ConfigError("there is no [mask] section", file=config.path)
    if options.make_key:
        try:
            make_key(item.key)
        except FileExistsError:
            raise mistake(item, "key", f"{item.key} is there; nothing was changed") from None
        except OSError as e:
            problem = f"{item.key} cannot be written: {e.strerror}"
            raise mistake(item, "key", problem) from e
        say(f"siemmanage: wrote {item.key}")
        if not options.values:
            return 0
    try:
        key = read_key(item.key)
    except ValueError as e:
        raise mistake(item, "key", str(e)) from e
    try:
        for value in options.values or (line.rstrip("\r\n") for line in sys.stdin):
            print(token(key, value))
    except UnicodeDecodeError:
        raise UserError("the input is not UTF-8 text") from None
    return 0
