"""siemmanage reparse: stored lines by today's formats, shown first, replaced when told to."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from siemstress.commands.command import say
from siemstress.commands.line_parsers import line_parser
from siemstress.config import Config, Section
from siemstress.errors import QueryError, UserError
from siemstress.render.text import visible
from siemstress.store.base import Store
from siemstress.store.retention import counted

if TYPE_CHECKING:
    from siemstress.ingest.difference import Difference, Sample
    from siemstress.ingest.reparse import Reparsing, Wanted

EXAMPLE = "reparse -s auth --last 30d --apply"

# A value in a sample is cut off beyond so many characters.
_SHOWN = 200
# Of the formats that lines went from and to so many pairs are shown.
_FORMATS = 20


def add_time_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that choose events by their time (see `wanted`)."""
    add = parser.add_argument
    add("--last", metavar="SPAN", help="only events of the last 5m, 24h, 7d or 2w")
    add(
        "--range",
        metavar="START-FINISH",
        help="only events of this time, as siemquery has it, in this machine's zone",
    )


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `siemmanage reparse`, beside `--section`."""
    add_time_flags(parser)
    add = parser.add_argument
    add("--unparsed", action="store_true", help="only what no format could read")
    add(
        "-p",
        "--parser",
        "--format",
        metavar="PARSER",
        help="log format, in place of the section's; auto looks at the lines",
    )
    add(
        "-z",
        "--zone",
        metavar="ZONE",
        help="time zone of stamps that name none: '+0500' or Europe/Zurich (default: the "
        "section's, else the one that each event was read with)",
    )
    add("--apply", action="store_true", help="replace the events, do not just tell")


def reparse(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Show what would change in a section's events, and replace them if told to."""
    section = config.section(options.section)
    if store.version(section.table) is None:
        say(f"siemmanage: {section.table} does not exist; nothing to read again")
        return 0
    work = _work(config, section, store, options)
    act = work.apply if options.apply else work.compare
    from siemstress.render.progress import Progress

    progress = Progress(rows_are_shown=False)

    def watch(rows: int) -> None:
        progress.rows += rows

    work.watch = watch
    try:
        with progress.run():
            act()
    except BaseException:
        if work.replaced:
            _show(section.table, work.difference, applied=True)
        raise
    _show(section.table, work.difference, applied=options.apply)
    if options.apply:
        say(f"siemmanage: replaced {counted(work.replaced, 'event')} in {section.table}")
    elif work.difference.changed:
        say("siemmanage: nothing was replaced; say --apply as well to do it")
    return 0


def _work(config: Config, section: Section, store: Store, options: argparse.Namespace) -> Reparsing:
    from siemstress.formats.clock import local_zone, parse_zone
    from siemstress.ingest.reparse import Reparsing

    named = options.zone or section.sources.zone
    try:
        zone = parse_zone(named) if named else None
    except UserError as e:
        if not options.zone:
            e.file, e.section, e.key = str(config.path), section.name, "zone"
        raise
    parser = line_parser("siemmanage", options, config, section, store)
    return Reparsing(store, section.table, parser, local_zone(), zone, wanted(options))


def wanted(options: argparse.Namespace) -> Wanted:
    """Which events `--range`, `--last` and `--unparsed` choose."""
    from siemstress.ingest.reparse import Wanted
    from siemstress.query.times import before, now, parse_range, parse_span

    first: datetime | None = None
    last: datetime | None = None
    if options.range is not None and options.last is not None:
        raise QueryError("--range and --last do not go together")
    if options.range is not None:
        first, last = parse_range(options.range, None)
    elif options.last is not None:
        first = before(now(), parse_span(options.last, "--last"))
    return Wanted(first, last, getattr(options, "unparsed", False))


def _show(table: str, found: Difference, *, applied: bool) -> None:
    """Print what changes."""
    verb = "changed" if applied else "would change"
    lines = [f"{table}: read {counted(found.rows, 'event')} again, {found.changed:,} {verb}"]
    for count, meaning in (
        (found.parsed, "are read by a format, and were by none"),
        (found.unparsed, "are read by no format, and were by one"),
        (found.lost, "stay as they are: their lines are not kept"),
    ):
        if count:
            lines.append(f"  {count:>12,} {meaning}")
    pairs = {f"{_name(a)} → {_name(b)}": n for (a, b), n in found.formats.items()}
    lines += _counts("format", Counter(pairs), _FORMATS)
    lines += _counts("column", found.columns, None)
    for sample in found.samples:
        lines += _sample(sample)
    for line in lines:
        print(visible(line))


def _counts(title: str, counts: Counter[str], most: int | None) -> list[str]:
    if not counts:
        return []
    return [f"  by {title}:", *(f"  {n:>12,} {name}" for name, n in counts.most_common(most))]


def _sample(sample: Sample) -> list[str]:
    changes = (
        f"    {name}: {_value(before)} → {_value(after)}"
        for name, (before, after) in sample.changes.items()
    )
    return [f"  event {sample.id}, for example:", *changes]


def _name(name: str | None) -> str:
    return "none" if name is None else name


def _value(value: Any) -> str:
    """A column's value on one line."""
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, (str, dict)) else f"{value}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
