"""siemquery: questions about events."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from siemstress.commands.command import run, say
from siemstress.commands.siemquery_flags import parser
from siemstress.config import Config, Section, load
from siemstress.errors import QueryError
from siemstress.query.filters import COLUMNS, Filter, number, parse_flags
from siemstress.query.times import Zone, before, now, parse_range, parse_span, parse_zone
from siemstress.store.base import Store
from siemstress.store.opening import open_store

if TYPE_CHECKING:
    from sqlglot import exp

    from siemstress.query.events import Events
    from siemstress.query.order import Answer
    from siemstress.render.writers import Writer

MACHINE_FORMS = ("jsonl", "json", "csv", "parquet")
LARGEST_LIMIT = 2**62


def main(arguments: list[str] | None = None) -> int:
    """Run the command; its exit status."""
    return run("siemquery", _main, arguments)


def _main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    _check_combinations(options)
    config = load(options.config)
    for warning in config.warnings:
        say(f"siemquery: {warning}")
    zone = parse_zone(options.zone, "-z") if options.zone else None
    wanted = _wanted(options, zone, now())
    with closing(open_store(config)) as store:
        question = Question(options, config, store, zone, wanted)
        if options.sql is not None:
            question.typed()
        elif options.count_by is not None:
            question.counts()
        elif options.histogram is not None:
            question.histogram()
        elif options.templates or options.clock:
            from siemstress.commands.siemquery_looks import clock, templates

            (clock if options.clock else templates)(question)
        else:
            question.rows()
    return 0


def _check_combinations(options: argparse.Namespace) -> None:
    given = [
        f"--{name.replace('_', '-')}"
        for name in ("sql", "count_by", "histogram", "columns", "templates", "clock")
        if getattr(options, name) not in {None, False}
    ]
    if options.sigma and given and given[0] != "--columns":
        raise QueryError(f"cannot go with {given[0]}", key="--sigma")
    if len(given) > 1:
        raise QueryError(f"cannot go with {given[1]}", key=given[0])
    other = {"--sql", "--histogram"}.intersection(given)
    if other and (options.limit is not None or options.reverse):
        flag = "--limit" if options.limit is not None else "--reverse"
        raise QueryError(f"cannot go with {other.pop()}", key=flag)
    if options.sql is not None and (options.section or options.table):
        raise QueryError("has all sections and tables; name them in its FROM", key="--sql")
    if given and options.format == "raw":
        raise QueryError("raw shows whole events only", key="--format")
    if options.timeout is not None and options.sql is None:
        raise QueryError("goes with --sql", key="--timeout")


def _wanted(options: argparse.Namespace, zone: Zone, moment: datetime) -> Filter:
    """The filter that the flags ask for; without a time, the last 24 hours."""
    given = vars(options)
    flags = {f"{r}{name}": given[f"{r}{name}"] for name in COLUMNS for r in ("", "r")}
    texts = {name: [""] if v is True else v for name, v in flags.items() if v}
    try:
        wanted = parse_flags(texts)
    except QueryError as e:
        raise QueryError(e.message, key=f"--{e.key}") from None
    if options.range is not None:
        first, last = parse_range(options.range, zone)
        return replace(wanted, time_min=first, time_max=last)
    if options.last is not None:
        return replace(wanted, time_min=before(moment, parse_span(options.last, "--last")))
    if options.sql is not None or "id" in wanted.include:
        return wanted
    from siemstress.query.times import DEFAULT_SPAN

    return replace(wanted, time_min=before(moment, DEFAULT_SPAN))


def sections_of(options: argparse.Namespace, config: Config, store: Store) -> list[Section]:
    """The kinds of log that are asked about, in the order in which they are given."""
    names = options.section or ([] if options.table else ["default"])
    chosen = [config.section(name) for name in names]
    known = {s.table.lower(): s for s in config.sections.values()}
    stored = {table.lower(): table for table in store.tables()} if options.table else {}
    for table in options.table or ():
        if table.lower() in known:
            chosen.append(known[table.lower()])
        elif table.lower() in stored:
            chosen.append(Section(name=table, table=stored[table.lower()]))
        else:
            tables = sorted({s.table for s in known.values()} | set(stored.values()))
            raise QueryError(f"no table {table!r}; there are: {', '.join(tables)}", key="--table")
    return list({section.table: section for section in chosen}.values())


@dataclass
class Question:
    """One run: what is asked of which store, and how its answer is shown."""

    options: argparse.Namespace
    config: Config
    store: Store
    zone: Zone
    wanted: Filter

    def events(self, sections: Sequence[Section]) -> Events:
        """The events of the sections that pass the filter."""
        from siemstress.query.events import Events

        return Events(self.store, [section.table for section in sections], self.wanted)

    def rows(self) -> None:
        """Show events, the newest last."""
        from siemstress.query.order import in_order, statement

        options = self.options
        sections = sections_of(options, self.config, self.store)
        events = self.events(sections)
        if options.columns is not None:
            shown = self.named(events, options.columns, "--columns")
        elif options.format == "raw":
            from siemstress.render.lines import RAW_COLUMNS

            shown = list(RAW_COLUMNS)
        elif options.format in MACHINE_FORMS:
            shown = events.columns
        else:
            fields = [name for section in sections for name in section.query_fields]
            shown = list(dict.fromkeys([*(["table"] if len(sections) > 1 else []), *fields]))
        columns = [*shown] if not options.silent or options.output else []
        if options.json is not None or not columns:
            columns = list(dict.fromkeys([*columns, *events.columns]))
        limit = self.limit()
        if options.sigma:
            from siemstress.commands.siemquery_sigma import matched

            answer = matched(events, columns, options.sigma, limit, newest_first=options.reverse)
            self.show(answer, [*shown, "rules"], [*events.columns, "rules"], "no events")
            return
        order = {"limit": limit, "newest_first": options.reverse}
        self.explain(statement(events, columns, **order))
        self.show(in_order(events, columns, **order), shown, events.columns, "no events")

    def counts(self) -> None:
        """Show how many events have the same values in some columns."""
        from siemstress.query.events import COUNT
        from siemstress.query.order import Answer

        events = self.events(sections_of(self.options, self.config, self.store))
        columns = self.named(events, self.options.count_by, "--count-by")
        query = events.count_by(columns, self.limit(), rarest=self.options.reverse)
        self.explain(query)
        reader = events.ask(query, columns)
        self.show(Answer(reader.schema, iter(reader)), [*columns, COUNT], None, "no events")

    def typed(self) -> None:
        """Show what a SELECT gives that the user typed."""
        from siemstress.query.typed import ask_typed

        timeout = self.options.timeout
        seconds = parse_span(timeout, "--timeout").total_seconds() if timeout else None
        if self.options.verbose:
            say(self.options.sql)
        answer = ask_typed(self.store, self.config, self.options.sql, self.wanted, seconds)
        self.show(answer, answer.schema.names, None, "no rows")

    def histogram(self) -> None:
        """Show how many events are in each bucket of time, as bars where people look."""
        from siemstress.query.histogram import histogram
        from siemstress.render.bars import bars, labels
        from siemstress.render.output import standard_output

        options = self.options
        bucket = parse_span(options.histogram, "--histogram") if options.histogram else None
        events = self.events(sections_of(options, self.config, self.store))
        found = histogram(events, bucket, self.zone, "--histogram")
        self.explain(found.query)
        if options.format == "table" and self.to_stdout and not options.silent:
            names = labels(found.counts, self.zone)
            bars(list(zip(names, found.counts.values(), strict=True)), standard_output())
            options.silent = True
        self.show(found.answer(), ["time", "count"], None, "no events")

    @property
    def to_stdout(self) -> bool:
        """Whether the answer goes to standard output."""
        return self.options.output in (None, "-")

    def limit(self) -> int | None:
        """How many rows are wanted; None: all."""
        if self.options.limit is None:
            return None
        return number("--limit", self.options.limit, LARGEST_LIMIT)

    def named(self, events: Events, text: str, flag: str) -> list[str]:
        """The columns that a list with commas names."""
        names = [events.column_name(name, flag) for name in text.split(",") if name.strip()]
        if not names:
            raise QueryError("names no column", key=flag)
        return list(dict.fromkeys(names))

    def explain(self, query: exp.Query) -> None:
        """Show the SQL, where that is asked for."""
        if self.options.verbose:
            say(query.sql("duckdb", pretty=True))

    def show(
        self, answer: Answer, shown: Sequence[str], saved: Sequence[str] | None, nothing: str
    ) -> None:
        """Write the answer to all places where it is to go.

        `shown` are the columns for standard output or --output, `saved` those for --json (None:
        all).
        """
        from siemstress.render.output import opened
        from siemstress.render.progress import Progress
        from siemstress.render.writers import writer

        options = self.options
        is_seen = False
        writers: list[Writer] = []
        with ExitStack() as stack:
            if options.json is not None:
                target = stack.enter_context(opened(options.json))
                writers.append(writer("json", answer.schema, saved, target, self.zone))
            if not (options.silent and self.to_stdout):
                target = stack.enter_context(opened(None if self.to_stdout else options.output))
                writers.append(writer(options.format, answer.schema, shown, target, self.zone))
                is_seen = target.is_terminal
            progress = Progress(rows_are_shown=is_seen)
            with progress.run():
                for batch in answer.batches:
                    progress.rows += batch.num_rows
                    for each in writers:
                        each.write(batch)
                for each in writers:
                    each.close()
        if not progress.rows and options.format in ("table", "raw"):
            say(f"siemquery: {nothing}")
