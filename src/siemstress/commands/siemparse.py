"""siemparse: parse log lines into the store."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from siemstress.commands.command import Parser, run, say
from siemstress.commands.line_parsers import line_parser, usable_formats
from siemstress.errors import UserError

if TYPE_CHECKING:
    from siemstress.config import Config, Section
    from siemstress.ingest.inputs import Input
    from siemstress.ingest.pipeline import Counts, Pipeline
    from siemstress.store.base import Store

EXAMPLES = """\
  siemparse /var/log/auth.log               read a file into the default section's table
  siemparse -s auth /var/log/auth.log*      rotated and compressed ones too, each line once
  journalctl -o short-iso | siemparse       read standard input to its end
  siemparse -z Europe/Zurich evidence.log   stamps without a zone are Zurich's
  siemparse --follow '/var/log/*.log'       follow files, through rotations, until stopped
  siemparse --listen udp://:514 tcp://:514  take syslog from the network, until stopped
  siemparse --collect                       take all that siemstress.conf names, until stopped
  siemparse --explain door.log              store nothing, show what would be made of it
  siemparse --check-formats door.toml       run the samples of a format of your own
  siemparse --clear --force -s auth         delete a section's table
"""


# In bytes; as in the pipeline, which must not be imported before this is known.
_LARGE = 48 << 20

_COLLECTING = ("follow", "listen", "journal", "kernel", "collect")
_FILES = "log file, also .gz .zst .xz .bz2; standard input without any, or for -"
_FOLLOW = "follow the files, also named by patterns such as '/var/log/*.log', until stopped"
_LISTEN = "take lines from udp://HOST:PORT, tcp://…, tls://…, unix:///PATH, unix-stream:///PATH"
_SECTION = "section of the config file: its table and parser (default: default)"
_ZONE = "time zone of stamps that name none: '+0500' or Europe/Zurich (default: this machine's)"
_EXPLAIN = "store nothing; show which formats take how many lines, and what they find"
_CHECK = "run the samples of your formats: in the usual places, or in these folders and files"
_PARSER = "log format, in place of the section's; auto looks at the lines"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    it = Parser("siemparse", "Parse log lines into the store.", EXAMPLES)
    add = it.add_argument
    add("files", nargs="*", metavar="FILE", help=_FILES)
    add("-s", "--section", default="default", metavar="SECTION", help=_SECTION)
    add("-z", "--zone", "--tzone", dest="zone", metavar="TZONE", help=_ZONE)
    add("-p", "--parser", metavar="PARSER", help=_PARSER)
    add("--follow", action="store_true", help=_FOLLOW)
    add("--listen", nargs="+", metavar="URL", default=[], help=_LISTEN)
    add("--collect", action="store_true", help="store from all sources that the config names")
    add("--journal", action="store_true", help="store systemd's journal, until stopped")
    add("--kernel", action="store_true", help="store the kernel's messages, until stopped")
    add("--tls-certificate", metavar="FILE", help="the certificate for tls://, in PEM")
    add("--tls-key", metavar="FILE", help="its key, where that is in another file")
    add("--tls-ca", metavar="FILE", help="whose certificates peers must have")
    add("--max-line", metavar="BYTES", help="longest line by TCP; longer ones come in parts")
    add("--max-connections", metavar="N", help="how many connections may be open at once")
    add("--idle", metavar="SECONDS", help="close a connection that is silent for so long")
    add("--again", action="store_true", help="store files from the start, stored or not")
    add("--clear", action="store_true", help="delete the section's table")
    add("--force", action="store_true", help="do what --clear says")
    add("--explain", action="store_true", help=_EXPLAIN)
    add("--check-formats", nargs="*", metavar="PATH", help=_CHECK)
    add("--builtin", action="store_true", help="with --check-formats: siemparse's own, too")
    add("-q", "--quiet", action="store_true", help="say nothing but errors")
    return it


def main() -> int:
    """Run the command."""
    status = run("siemparse", _main)
    if status not in (0, 2):
        # Ended by a signal or a failure: a thread that hangs with its server must neither hold up
        # the end, nor come back from it into an interpreter that is no more.
        os._exit(status)
    return status


def _main(arguments: list[str]) -> int:
    made = parser()
    options = made.parse_args(arguments)
    if options.check_formats is not None:
        from siemstress.commands.siemparse_formats import check_formats

        return check_formats(options)
    if options.builtin:
        made.error("--builtin goes with --check-formats")
    usable_formats.cache_clear()
    from siemstress import config as configs
    from siemstress.store.opening import open_store

    config = configs.load(options.config)
    collecting = any(getattr(options, name) for name in _COLLECTING) and not options.clear
    section = None if collecting else config.section(options.section)
    if not options.quiet:
        for warning in config.warnings:
            say(f"siemparse: {warning}")
    if options.explain:
        if collecting or options.clear or section is None:
            made.error("--explain reads files or standard input, and stores nothing")
        from siemstress.commands.siemparse_explain import explain

        return explain(options, config, section)
    store = open_store(config)
    try:
        if section is None:
            from siemstress.commands.siemparse_collect import collect

            return collect(options, config, store)
        if options.clear:
            return _clear(options, section, store)
        return _parse(options, config, section, store)
    finally:
        store.close()


def _clear(options: argparse.Namespace, section: Section, store: Store) -> int:
    status = store.status(section.table)
    what = f"table {section.table} with {status.rows if status else 0:,} events"
    if not options.force:
        say(f"siemparse: would delete {what}; say --force as well to do it")
        return 2
    store.drop(section.table)
    if not options.quiet:
        say(f"siemparse: deleted {what}")
    return 0


def _is_large(paths: Sequence[str]) -> bool:
    """Whether there is a file that is worth a second process."""
    sizes = []
    for path in paths or ["/dev/stdin"]:
        with contextlib.suppress(OSError, ValueError):
            sizes.append(os.stat("/dev/stdin" if path == "-" else path).st_size)
    return max(sizes, default=0) >= _LARGE


def _parse(options: argparse.Namespace, config: Config, section: Section, store: Store) -> int:
    if _is_large(options.files):
        # Two processes with a thread each do more than two with two; read when Polars is imported.
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from siemstress.formats.clock import local_zone, parse_zone
    from siemstress.ingest.inputs import open_inputs
    from siemstress.ingest.patience import Patience
    from siemstress.ingest.pipeline import Pipeline
    from siemstress.ingest.worker import WorkerProcess

    zone = parse_zone(options.zone) if options.zone else local_zone()
    lines = line_parser("siemparse", options, config, section, store)
    pipeline = Pipeline(
        store,
        section.table,
        lines,
        Patience(lambda text: say(f"siemparse: {text}")),
        lambda: WorkerProcess(config, section.table, lines),
    )
    sources = open_inputs(options.files, lines.unpack, lines.recognise)
    started = time.monotonic()
    with retention(options, [section], store):
        try:
            status = _bring_in_all(options, pipeline, sources, zone)
        finally:
            pipeline.close()
        if not options.quiet:
            say_summary(pipeline.counts, section, store, time.monotonic() - started)
    return status


def retention(
    options: argparse.Namespace, sections: Sequence[Section], store: Store
) -> AbstractContextManager[None]:
    """Delete the sections' old events now and then beside the work, and at its end."""
    from siemstress.store.retention import Retention, limits

    def told(text: str) -> None:
        if not options.quiet:
            say(f"siemparse: {text}")

    kept = limits(sections)
    return Retention(store, kept, told, lambda text: say(f"siemparse: {text}")).beside()


def _bring_in_all(
    options: argparse.Namespace, pipeline: Pipeline, sources: Sequence[Input], zone: str | int
) -> int:
    from siemstress.ingest.inputs import bring_in, left_over

    status = 0
    with _progress(options, pipeline, sources) as watch:
        for source in sources:
            try:
                note = bring_in(pipeline, source, zone, again=options.again, watch=watch)
            except UserError as e:
                # A file that is damaged stops only itself.
                say(f"siemparse: {e}")
                status = e.exit_status
            except BaseException as e:
                # Of a file nothing is lost; that a pipe's lines are must be said in any case.
                interrupted = not isinstance(e, Exception) and not options.quiet
                left = left_over(pipeline, source)
                if left and (interrupted or source.log is None):
                    say(f"siemparse: {left}")
                raise
            else:
                if note and not options.quiet:
                    say(f"siemparse: {note}")
    return status


@contextmanager
def _progress(
    options: argparse.Namespace, pipeline: Pipeline, inputs: Sequence[Input]
) -> Iterator[Callable[[], None] | None]:
    """A progress bar on a terminal; gives what to call to move it."""
    if options.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    total = sum(i.log.size if i.log is not None else 0 for i in inputs)
    text = "{task.fields[lines]:,} lines  {task.fields[rate]:,} lines/s  {task.fields[mb]:.0f} MB/s"
    started = time.monotonic()
    columns = (BarColumn(), TextColumn(text), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total or None, lines=0, rate=0, mb=0.0)

        def watch() -> None:
            seconds = max(time.monotonic() - started, 0.001)
            counts = pipeline.counts
            done = sum(i.log.done for i in inputs if i.log is not None)
            bar.update(
                task,
                completed=min(done, total) if total else None,
                lines=counts.lines,
                rate=round(counts.lines / seconds),
                mb=counts.bytes / seconds / 1e6,
            )

        yield watch


def say_summary(counts: Counts, section: Section, store: Store, seconds: float) -> None:
    """Say how much was stored, in how many seconds."""
    for note in store.notes:
        say(f"siemparse: {note}")
    rate = round(counts.lines / max(seconds, 0.001))
    unread = f"{counts.unread:,} of them in no known format" if counts.unread else "all read"
    say(
        f"siemparse: stored {counts.lines:,} lines in {section.table} ({unread}), "
        f"{seconds:.1f} s, {rate:,} lines/s"
    )


if __name__ == "__main__":
    sys.exit(main())
