"""What siemparse would make of lines: which formats take how many, and what comes out of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from siemstress.fields.maps import apart
from siemstress.formats.keys import FILLED
from siemstress.ingest.inputs import Input, read_whole
from siemstress.ingest.parsing import LineParser, Parsed
from siemstress.ingest.worker import CHUNK
from siemstress.sources.headings import START
from siemstress.sources.lines import PADDING, Lines, split

COLUMNS = tuple(name for name in FILLED if name not in {"time", "zone", "message"})
"""Columns whose coverage is told, beside `time`: that of lines with a stamp of their own."""

# Whoever writes a log can make up names: so many are told apart.
_NAMES = 1_000
_PROCESSES = 10_000
_SAMPLE = 500


@dataclass
class Taken:
    """What a format took ("" is none): how many lines, one of them, in how many lines it filled
    which columns and fields."""

    lines: int = 0
    sample: str = ""
    filled: Counter[str] = field(default_factory=Counter)


@dataclass
class Explanation:
    """What came out of some lines, by format, and processes that no message table is for."""

    lines: int = 0
    bytes: int = 0
    formats: dict[str, Taken] = field(default_factory=dict)
    processes: Counter[str] = field(default_factory=Counter)

    def add(self, lines: Lines, parsed: Parsed, parser: LineParser) -> None:
        """Take in a chunk's lines and events, whose ids are the lines' numbers."""
        events = parsed.events
        self.lines += len(lines)
        for name, sample, counts in _by_format(lines, events):
            taken = self.formats.setdefault(name, Taken(sample=sample))
            taken.lines += counts.pop("lines")
            _add(taken.filled, counts, len(COLUMNS) + 1 + _NAMES)
        for name, key, count in _fields(events):
            _add(self.formats[name].filled, {f"fields.{key}": count}, len(COLUMNS) + 1 + _NAMES)
        others = events.filter(~pl.col("format").cast(pl.String).is_in(list(parsed.with_messages)))
        named = others["process"].drop_nulls().cast(pl.String).value_counts()
        unknown = named.filter(~pl.Series(parser.knows(named["process"])))
        _add(self.processes, dict(unknown.iter_rows()), _PROCESSES)


def explain(source: Input, zone: str | int, parser: LineParser, into: Explanation) -> str | None:
    """Read all of a source, a chunk at a time, and store nothing; returns what is wrong with it."""
    with contextlib.ExitStack() as stack:
        if source.log is not None:
            stack.enter_context(source.log.file)
        reader, clock = read_whole(source, zone)
        buffer = np.zeros(CHUNK + PADDING, np.uint8)
        heading = START
        while (chunk := reader.fill(buffer)) is not None:
            lines = split(buffer, chunk.size)
            into.add(lines, parser.parse(lines, clock, source.label, 0, heading=heading), parser)
            into.bytes += chunk.size
            heading = heading.after(buffer[: chunk.size])
    if reader.error is None:
        return None
    reason = " ".join(str(reader.error).split()) or type(reader.error).__name__
    return f"{source.label}: damaged behind byte {reader.at:,} ({reason})"


def _by_format(
    lines: Lines, events: pl.DataFrame
) -> Iterator[tuple[str, str, dict[str, int]]]:  # fmt: skip
    """Each format's name, the first of its lines, and its counts."""
    counted = (
        events.with_columns(pl.col("format").cast(pl.String).fill_null(""))
        .group_by("format", maintain_order=True)
        .agg(
            pl.col("id").min(),
            pl.len().alias("lines"),
            pl.col("zone").count().alias("time"),
            *(pl.col(name).count() for name in COLUMNS),
        )
    )
    for row in counted.sort("id").iter_rows(named=True):
        name, at = row.pop("format"), row.pop("id")
        start, end = int(lines.starts[at]), int(lines.ends[at])
        sample = bytes(lines.buffer[start : min(end, start + _SAMPLE)]).decode("utf-8", "replace")
        yield name, sample, row


def _fields(events: pl.DataFrame) -> Iterator[tuple[str, str, int]]:
    """Formats, names of fields, and in how many lines each is."""
    entries = apart(events["fields"])
    formats = events["format"].cast(pl.String).fill_null("").gather(entries["row"])
    keys = pl.DataFrame({"format": formats, "key": entries["key"]})
    counted = keys.group_by("format", "key").len().sort("len", "key", descending=True)
    yield from counted.iter_rows()


def _add(counter: Counter[str], counts: Mapping[str, int], most: int) -> None:
    """Add counts, but of names beyond so many."""
    for name, count in counts.items():
        if count and (name in counter or len(counter) < most):
            counter[name] += count
