"""siemmanage expire: delete events that are older, or take more room, than is kept."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from siemstress.commands.command import say
from siemstress.config import Config, read_size, read_span
from siemstress.errors import ConfigError, QueryError
from siemstress.render.text import visible
from siemstress.store.base import Expired, Scan, Store, rows
from siemstress.store.retention import (
    Kept,
    counted,
    limit,
    limits,
    spelled,
    told,
)

T = TypeVar("T")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `siemmanage expire`, beside `--section`."""
    parser.add_argument(
        "--keep",
        type=_reader(read_span),
        metavar="SPAN",
        help="keep events for this long, as 90d, 12w, 36h or 2y, whatever the config says; "
        "with --section",
    )
    parser.add_argument(
        "--keep-size",
        type=_reader(read_size),
        metavar="SIZE",
        help="let the table take this much, as 500MB, 50GB or 50GiB, whatever the config says; "
        "with --section",
    )
    parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")


def _reader(read: Callable[[str], T]) -> Callable[[str], T]:
    def checked(text: str) -> T:
        try:
            return read(text)
        except ValueError as e:
            raise argparse.ArgumentTypeError(str(e)) from e

    return checked


def expire(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Delete old events of one section's table, or of all that are not kept for ever."""
    for table, kept in _kept(config, options).items():
        # The size first: on a server deleted rows take room for a while.
        for act in (_shrink, _expire):
            if text := act(store, table, kept, dry_run=options.dry_run):
                print(visible(f"{table}: {text}"))
    return 0


def _shrink(store: Store, table: str, kept: Kept, *, dry_run: bool) -> str | None:
    if kept.size is None:
        return None
    if not dry_run:
        return told(store.shrink(table, kept.size), kept)
    before = store.excess(table, kept.size)
    count = _count(store, table, before) if before else 0
    return told(Expired(count, before=before), kept).removeprefix("deleted ")


def _expire(store: Store, table: str, kept: Kept, *, dry_run: bool) -> str | None:
    if kept.span is None:
        return None
    before = limit(kept.span)
    what = f"older than {spelled(kept.span)}, from before {before:%Y-%m-%d %H:%M} UTC"
    if dry_run:
        return f"{counted(_count(store, table, before), 'event')} {what}"
    return f"deleted {counted(store.expire(table, before).rows, 'event')} {what}"


def _kept(config: Config, options: argparse.Namespace) -> dict[str, Kept]:
    """The tables that are meant, and how each one's events are kept."""
    given = Kept(options.keep, options.keep_size)
    if options.section is None:
        if given:
            flag = "--keep" if given.span else "--keep-size"
            raise QueryError(f"{flag} is for one section: say which with --section")
        kept = limits(config.sections.values())
        if not kept:
            raise ConfigError(
                "no section says how long events are kept: keep=90d, or keep_size=50GB",
                file=config.path,
            )
        return kept
    section = config.section(options.section)
    meant = given or Kept(section.keep, section.keep_size)
    if not meant:
        raise ConfigError(
            "is not there: say keep=90d, or --keep 90d",
            file=config.path,
            section=section.name,
            key="keep",
        )
    others = [s.name for s in config.sections.values() if s.table == section.table]
    if len(others) > 1:
        say(f"siemmanage: {section.table} is the table of {', '.join(others)}")
    return {section.table: meant}


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
