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
from siemstress.commands.line_parsers import line_parser
from siemstress.commands.siemparse import retention, say_summary
from siemstress.errors import ConfigError, UserError

if TYPE_CHECKING:
    from siemstress.config import Config, Section, Sources
    from siemstress.ingest.collect import Collector
    from siemstress.ingest.writer import Target
    from siemstress.store.base import Store


def collect(options: argparse.Namespace, config: Config, store: Store) -> int:
    """Store what sources hand over, until SIGINT or SIGTERM."""
    wanted = _wanted(options, config)
    # One thread parses and writes, another gathers: more would only be in their way.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from siemstress.ingest.collect import Collector
    from siemstress.ingest.feeds import allow_many_files, open_feeds
    from siemstress.ingest.upkeep import Upkeep

    allow_many_files()
    selector = selectors.DefaultSelector()
    targets = {id(s): _target(options, config, s, sources, store) for s, sources in wanted}
    feeds = [
        feed
        for s, sources in wanted
        for feed in open_feeds(sources, store, targets[id(s)], selector)
    ]
    sections = [s for s, _ in wanted]
    upkeep = Upkeep(
        config.path,
        [s.name for s in sections],
        lambda: sum(target.counts.lines for target in targets.values()),
        _tell,
    )
    collector = Collector(store, feeds, selector, config.flush, _tell, upkeep.look)
    _stop_by_signals(collector)
    started = time.monotonic()
    with retention(options, sections, store):
        try:
            collector.run()
        finally:
            upkeep.close()
    if not options.quiet:
        seconds = time.monotonic() - started
        for s in sections:
            say_summary(targets[id(s)].counts, s, store, seconds)
    return 0


def _target(
    options: argparse.Namespace, config: Config, section: Section, sources: Sources, store: Store
) -> Target:
    from siemstress.formats.clock import local_zone, parse_zone
    from siemstress.ingest.writer import Target

    named = options.zone or sources.zone
    try:
        zone = parse_zone(named) if named else local_zone()
    except UserError as e:
        if not options.zone:
            e.file, e.section, e.key = str(config.path), section.name, "zone"
        raise
    parser = line_parser("siemparse", options, config, section, store)
    return Target(section.table, parser, zone)


def _wanted(options: argparse.Namespace, config: Config) -> list[tuple[Section, Sources]]:
    """What is to be collected, and for which sections."""
    wrong = None
    others = options.files or options.follow or options.listen or options.journal or options.kernel
    if options.again:
        wrong = "--again does not go with sources that go on"
    elif options.collect and others:
        wrong = "--collect takes its sources from the config file alone"
    elif options.follow and not options.files:
        wrong = "no file to follow"
    elif options.files and not options.follow:
        wrong = "files go with other sources only if they are to be followed: --follow"
    if wrong is not None:
        raise UserError(f"{wrong}; see siemparse --help")
    if not options.collect:
        return [(config.section(options.section), _typed(options))]
    wanted = [(s, s.sources) for s in config.sections.values() if s.sources]
    if not wanted:
        raise ConfigError("no section names a source (follow, listen, journal)", file=config.path)
    return wanted


def _typed(options: argparse.Namespace) -> Sources:
    """The sources that the command line names."""
    from siemstress.config import Sources
    from siemstress.config.sources import LIMIT_KEYS, read_limits

    given = {key: getattr(options, key) or "" for key in LIMIT_KEYS}
    try:
        limits = read_limits(given)
    except UserError as e:
        raise UserError(f"--{(e.key or '').replace('_', '-')} {e.message}") from e
    certificate, key, ca = (
        Path(text) if text else None
        for text in (options.tls_certificate, options.tls_key, options.tls_ca)
    )
    return Sources(
        tuple(options.files),
        tuple(options.listen),
        certificate,
        key,
        ca,
        () if options.journal else None,
        kernel=options.kernel,
        limits=limits,
    )


def _stop_by_signals(collector: Collector) -> None:
    """Let signals ask for the end: raised as exceptions they would lose what was just read.

    A second one does not wait for the store.
    """

    def stop(_number: int, _frame: object) -> None:
        collector.hurried = collector.stopping
        collector.stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _tell(note: str) -> None:
    say(f"siemparse: {note}")
