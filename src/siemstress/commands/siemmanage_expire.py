"""siemmanage expire: delete events that are older than is kept."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta

from siemstress.commands.command import say
from siemstress.config import Config, read_span
from siemstress.errors import ConfigError, QueryError
from siemstress.render.text import visible
from siemstress.store.base import Scan, Store, rows
from siemstress.store.retention import counted, limit, spans, spelled


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `siemmanage expire`, beside `--section`."""
    parser.add_argument(
        "--keep",
        type=_span,
        metavar="SPAN",
        help="keep events for this long, as 90d, 12w, 36h or 2y, whatever the config says; "
        "with --section",
    )
    parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")


def _span(text: str) -> timedelta:
    try:
        return read_span(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(str(e)) from e


def expire(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Delete old events of one section's table, or of all that are not kept for ever."""
    for table, keep in _kept(config, options).items():
        before = limit(keep)
        what = f"older than {spelled(keep)}, from before {before:%Y-%m-%d %H:%M} UTC"
        if options.dry_run:
            print(visible(f"{table}: {counted(_count(store, table, before), 'event')} {what}"))
            continue
        done = store.expire(table, before)
        print(visible(f"{table}: deleted {counted(done.rows, 'event')} {what}"))
    return 0


def _kept(config: Config, options: argparse.Namespace) -> dict[str, timedelta]:
    """The tables that are meant, and how long each one's events are kept."""
    if options.section is None:
        if options.keep is not None:
            raise QueryError("--keep is for one section: say which with --section")
        kept = spans(config.sections.values())
        if not kept:
            raise ConfigError(
                "no section says how long events are kept: keep=90d", file=config.path
            )
        return kept
    section = config.section(options.section)
    keep = options.keep or section.keep
    if keep is None:
        raise ConfigError(
            "is not there: say keep=90d, or --keep 90d",
            file=config.path,
            section=section.name,
            key="keep",
        )
    others = [s.name for s in config.sections.values() if s.table == section.table]
    if len(others) > 1:
        say(f"siemmanage: {section.table} is the table of {', '.join(others)}")
    return {section.table: keep}


def _count(store: Store, table: str, before: datetime) -> int:
    """How many events of a table are older."""
    from sqlglot import exp

    if store.version(table) is None:
        return 0
    when = exp.func(
        "coalesce", exp.column("time", quoted=True), exp.column("received", quoted=True)
    )
    older = exp.LT(this=when, expression=exp.cast(exp.Literal.string(f"{before}"), "timestamp"))
    query = exp.select(exp.alias_(exp.Count(this=exp.Star()), "events")).from_("t").where(older)
    return sum(row["events"] for row in rows(store.select(query, {"t": Scan(table)})))
