"""Mutated lines through every format: none may fail, and every line must come back as it was.

Lines are the samples of all formats and messages, odd ones, and what a seeded generator makes of
them: parts of two joined, digits and separators changed, hostile words put in, bytes overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import polars as pl

from siemstress.extensions import load
from siemstress.fields.tables import Table
from siemstress.formats.base import formats
from siemstress.formats.clock import Clock
from siemstress.formats.layout import raw_expression
from siemstress.ingest.parsing import LineParser
from siemstress.schema import EVENT
from siemstress.sources.lines import of_bytes
from trials.place import Place
from trials.report import Tally

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BATCH = 20_000
_PROCESSES = 2
_NOW = 1_800_000_000_000_000
_WORDS = (
    b"\0", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae", b"\r",
    b"\x1b[2J", b'"', b"'", b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b"[[[[", b"{}",
    b"': \"", b"=", b"= =", b" ", b"  ", b"\t", b":", b": ", b"]: ", b"%", b"%s", b"{0}", b"<",
    b">", b"<0>", b"<191>", b"<999>", b"-", b"-1", b"0", b"9" * 30, b"1e999", b"NaN", b"null",
    b"true", b"00:00:60", b"24:00:00", b"Feb 29", b"Feb 31", b"1969-12-31T23:59:59Z", b"+25:99",
    b"T", b"Z",
    b"2026-02-30", b"\xef\xbb\xbf", b"'; DROP TABLE t; --", b"user=", b"src=1.2.3.4", b"port 99999",
    b"::ffff:1.2.3.4", b"A" * 300, b"../../etc/passwd", b"\x7f", b"\xc2\x85", b"\xe2\x80\xa8",
)  # fmt: skip
_ODD = (b"", b" ", b"\r", b"\0", b"<34>1 - - - - - -", b"Aug 23 06:15:38 h p[1]: m", b"{}", b"[]")


# What is stored, beside what it should be.
_SAME = f"""
    SELECT count(*) AS rows, count(DISTINCT e.id) AS ids,
           count(*) FILTER (WHERE coalesce(raw_bytes, encode({raw_expression().sql("duckdb")}))
                                  = wanted.line AND e.time IS NOT NULL) AS same
    FROM events AS e JOIN wanted ON wanted.id = e.id"""


@dataclass
class _Share:
    """What a process found: lines, those that came back, and more than once; those not UTF-8.

    `wrong` names the first batch that went wrong.
    """

    lines: int = 0
    same: int = 0
    double: int = 0
    bad: int = 0
    wrong: str = ""


def mutated(place: Place, thousands: int) -> Tally:
    """So many thousands of lines, in turn through `auto` and through every format by its name."""
    names = ["auto", *sorted(formats())]
    # Each format gets a batch at least.
    size = min(_BATCH, thousands * 1000 // len(names))
    count = -(-thousands * 1000 // size)
    shares = [range(first, count, _PROCESSES) for first in range(_PROCESSES)]
    with _one_thread(), ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        found = list(pool.map(partial(_share, size, names, place.folder), shares))
    lines, same = sum(f.lines for f in found), sum(f.same for f in found)
    return replace(
        place.tally({}),
        sent=lines,
        stored=same,
        lost=lines - same,
        double=sum(f.double for f in found),
        note=f"{len(names)} formats, {sum(f.bad for f in found):,} lines were not UTF-8",
        wrong="; ".join(f.wrong for f in found if f.wrong),
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that are started meanwhile have Polars work with one thread each."""
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("POLARS_MAX_THREADS")
        if before is not None:
            os.environ["POLARS_MAX_THREADS"] = before


def _share(size: int, names: Sequence[str], folder: Path, batches: range) -> _Share:
    """Make batches and read them; one that goes wrong is left in the folder."""
    import duckdb

    pool = _samples()
    database = duckdb.connect(config={"threads": 1})
    found = _Share()
    for number in batches:
        random = Random(number)
        lines = [_mutate(random, pool) for _ in range(size)]
        name = names[number % len(names)]
        try:
            same = _read(_parser(name), lines, database, found)
        except Exception as e:  # whatever hostile lines make of it
            same = 0
            found.wrong = found.wrong or f"{name}, batch {number}: {type(e).__name__}: {e}"
        if same < len(lines):
            (folder / f"batch-{number}-{name}.log").write_bytes(b"\n".join([*lines, b""]))
        found.lines += len(lines)
        found.same += same
    return found


@cache
def _parser(name: str) -> LineParser:
    return LineParser(name)


def _samples() -> list[bytes]:
    """Lines of all formats, messages of all programs with a head, and odd ones."""
    lines = [s.line.encode() for f in formats().values() for s in f.samples]
    messages = [
        f"Aug 23 06:15:38 h {table.programs[0] if table.programs else 'p'}[7]: {s.message}".encode()
        for table in load("siemstress.messages", Table)
        for s in table.samples
    ]
    parts = [part for line in [*lines, *messages] for part in line.split(b"\n")]
    return [*parts, *_ODD]


def _mutate(random: Random, pool: Sequence[bytes]) -> bytes:
    """A line that may have been one of the pool."""
    line = random.choice(pool)
    for _ in range(random.randrange(4)):
        at = random.randrange(len(line) + 1)
        end = min(len(line), at + random.randrange(1, 12))
        what = random.randrange(7)
        if what == 0:
            line = line[:at] + random.choice(_WORDS) + line[at:]
        elif what == 1:
            line = line[:at] + random.choice(_WORDS) + line[end:]
        elif what == 2:
            line = line[:at] + line[end:]
        elif what == 3:
            line = line[:at]
        elif what == 4:
            other = random.choice(pool)
            line = line[:at] + other[random.randrange(len(other) + 1) :]
        elif what == 5:
            line = line[:end] + line[at:]
        else:
            line = line[:at] + random.randbytes(end - at).replace(b"\n", b"\0") + line[end:]
    return line


def _read(
    parser: LineParser, lines: Sequence[bytes], database: DuckDBPyConnection, found: _Share
) -> int:
    """Read lines; how many came back as they were."""
    batch = of_bytes(b"\n".join([*lines, b""]))
    found.bad += len(batch.bad)
    parsed = parser.parse(batch, Clock(_NOW), "/log", 1)
    events = parsed.events
    assert {*events.columns} == {column.name for column in EVENT}
    wanted = pl.DataFrame(
        {"id": range(1, len(lines) + 1), "line": pl.Series(lines, dtype=pl.Binary)}
    )
    database.register("events", events.to_arrow())
    database.register("wanted", wanted.to_arrow())
    ((*counts,),) = database.execute(_SAME).fetchall()
    rows, ids, same = (int(number) for number in counts)
    found.double += max(len(events), rows) - ids
    assert parsed.lines == len(lines)
    return same
