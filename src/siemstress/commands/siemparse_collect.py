"""siemparse as a collector: files that are followed, until a signal ends it."""

from __future__ import annotations

import argparse
import os
import selectors
import signal
import time
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.commands.siemparse import line_parser, say_summary
from siemstress.errors import UserError

if TYPE_CHECKING:
    from siemstress.config import Config, Section
    from siemstress.ingest.collect import Collector
    from siemstress.store.base import Store


def collect(options: argparse.Namespace, config: Config, section: Section, store: Store) -> int:
    """Store what sources hand over, until SIGINT or SIGTERM."""
    if options.again or not options.files:
        wrong = "--again and --follow do not go together" if options.again else "no file to follow"
        raise UserError(f"{wrong}; see siemparse --help")
    # One thread parses and writes, another gathers: more would only be in their way.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from siemstress.formats.clock import local_zone, parse_zone
    from siemstress.ingest.collect import Collector
    from siemstress.ingest.writer import Target
    from siemstress.sources.follow import Follower

    zone = parse_zone(options.zone) if options.zone else local_zone()
    lines = line_parser(options, config, section)
    target = Target(section.table, lines, zone)

    def position(consumer: str) -> int | None:
        return store.position(section.table, consumer)

    def consumers() -> list[str]:
        status = store.status(section.table)
        return list(status.consumers) if status is not None else []

    follower = Follower(options.files, position, consumers, lines.unpack)
    collector = Collector(store, [(follower, target)], selectors.DefaultSelector(), tell=_tell)
    _stop_by_signals(collector)
    started = time.monotonic()
    collector.run()
    if not options.quiet:
        say_summary(target.counts, section, time.monotonic() - started)
    return 0


def _stop_by_signals(collector: Collector) -> None:
    """Let signals ask for the end: raised as exceptions they would lose what was just read."""

    def stop(_number: int, _frame: object) -> None:
        collector.stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _tell(note: str) -> None:
    say(f"siemparse: {note}")
