"""siemparse as a collector: it stores what sources hand over, until a signal ends it."""

from __future__ import annotations

import argparse
import os
import selectors
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.commands.siemparse import line_parser, retention, say_summary
from siemstress.errors import UserError

if TYPE_CHECKING:
    from siemstress.config import Config, Section
    from siemstress.ingest.collect import Collector
    from siemstress.ingest.feeds import Sources
    from siemstress.store.base import Store


def collect(options: argparse.Namespace, config: Config, section: Section, store: Store) -> int:
    """Store what sources hand over, until SIGINT or SIGTERM."""
    _check(options)
    # One thread parses and writes, another gathers: more would only be in their way.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from siemstress.formats.clock import local_zone, parse_zone
    from siemstress.ingest.collect import Collector
    from siemstress.ingest.feeds import allow_many_files, open_feeds
    from siemstress.ingest.writer import Target

    allow_many_files()
    zone = parse_zone(options.zone) if options.zone else local_zone()
    target = Target(section.table, line_parser(options, config, section, store), zone)
    selector = selectors.DefaultSelector()
    feeds = open_feeds(_sources(options), store, target, selector)
    collector = Collector(store, feeds, selector, tell=_tell)
    _stop_by_signals(collector)
    started = time.monotonic()
    with retention(options, [section], store):
        collector.run()
    if not options.quiet:
        say_summary(target.counts, section, store, time.monotonic() - started)
    return 0


def _check(options: argparse.Namespace) -> None:
    wrong = None
    if options.again:
        wrong = "--again does not go with sources that go on"
    elif options.follow and not options.files:
        wrong = "no file to follow"
    elif options.files and not options.follow:
        wrong = "files go with other sources only if they are to be followed: --follow"
    if wrong is not None:
        raise UserError(f"{wrong}; see siemparse --help")


def _sources(options: argparse.Namespace) -> Sources:
    from siemstress.ingest.feeds import Sources

    certificate, key, ca = (
        Path(text) if text else None
        for text in (options.tls_certificate, options.tls_key, options.tls_ca)
    )
    journal = () if options.journal else None
    return Sources(
        options.files, options.listen, certificate, key, ca, journal, kernel=options.kernel
    )


def _stop_by_signals(collector: Collector) -> None:
    """Let signals ask for the end: raised as exceptions they would lose what was just read."""

    def stop(_number: int, _frame: object) -> None:
        collector.stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _tell(note: str) -> None:
    say(f"siemparse: {note}")
