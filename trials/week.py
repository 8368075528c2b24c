"""A week of following, a commit a second: do queries stay as fast as after one bulk load?

The same lines are stored twice: in one run of siemparse, and in many small commits with upkeep
after as many of them as come in its interval. The clock is shrunk, what a week leaves is not: the
files that are not merged yet, and the log's entries of the hours that it is kept for.
"""

from __future__ import annotations

import statistics
import time
from datetime import timedelta

import polars as pl
from sqlglot import exp, parse_one

from siemstress.ingest.upkeep import EVERY
from siemstress.store import upkeep
from siemstress.store.base import Scan, rows
from siemstress.store.chain_verify import verify
from siemstress.store.history import entries, entry_path
from siemstress.store.lake import Lake
from siemstress.store.log import TableLog
from trials.lines import numbered
from trials.place import TABLE, Place
from trials.report import Tally

_LINES = 50  # of a commit
_WEEK = "Week"
_TIMES = 7
# Slower than this, in times and in seconds of a processor's time, is not as fast.
_FACTOR, _SLACK = 1.5, 0.3

_QUESTIONS = (
    "SELECT count(*) AS n FROM t WHERE message LIKE '%trial week 77%'",
    "SELECT process, host, count(*) AS n FROM t GROUP BY process, host ORDER BY n DESC LIMIT 10",
    "SELECT * FROM t ORDER BY id DESC LIMIT 50",
)


def week(place: Place, commits: int) -> Tally:
    """Store the same lines at once and in many commits, and compare."""
    begun = time.monotonic()
    log = place.folder / "week.log"
    log.write_bytes(numbered("week", 0, commits * _LINES))
    place.run("-q", log, program="siemparse")
    lake = Lake(place.lake)
    events = pl.scan_parquet(place.lake / TABLE / "*.parquet").sort("id").collect()
    slowest = _follow(lake, events, commits)
    verdict = verify(lake.folder, _WEEK)
    bulk, followed = (_seconds(place, table) for table in (TABLE, _WEEK))
    kept = len(entries(lake.folder.table(_WEEK)))
    status = lake.status(_WEEK)
    files = status.files if status else 0
    wrong = ""
    if verdict.fault is not None:
        wrong = f"the chain is broken: {verdict.fault}"
    elif followed > bulk * _FACTOR + _SLACK:
        wrong = "queries are slower than after one load"
    found = _ids(lake, _WEEK)
    wanted = set(events["id"])
    return Tally(
        place.name,
        place.kind,
        events.height,
        len(found),
        lost=len(wanted - set(found)),
        double=len(found) - len(set(found)),
        seconds=time.monotonic() - begun,
        note=f"{commits:,} commits: {files} files, {kept:,} entries in the log; open and ask "
        f"{followed * 1e3:.0f} ms of a processor, after one load {bulk * 1e3:.0f} ms; "
        f"upkeep {slowest:.1f} s",
        wrong=wrong,
    )


def _follow(lake: Lake, events: pl.DataFrame, commits: int) -> float:
    """Store events in many commits, with upkeep between them; how long the longest one took."""
    table = lake.folder.table(_WEEK)
    slowest = 0.0
    for n in range(commits):
        lake.commit(_WEEK, lake.stage(_WEEK, events[n * _LINES : (n + 1) * _LINES]))
        # The last interval is not over: its files are not merged.
        if n % int(EVERY) == EVERY - 1 and n < commits - EVERY / 2:
            begun = time.monotonic()
            oldest = max(n - int(upkeep.LOG_KEPT.total_seconds()), entries(table)[0])
            age = time.time() - entry_path(table, oldest).stat().st_mtime
            upkeep.compact(
                TableLog(lake.folder, _WEEK),
                grace=timedelta(seconds=60),
                log_kept=timedelta(seconds=age),
            )
            slowest = max(slowest, time.monotonic() - begun)
    return slowest


def _seconds(place: Place, table: str) -> float:
    """A processor's time to open a lake and have all questions answered, in the median."""
    taken = []
    for _ in range(_TIMES):
        begun = time.process_time()
        lake = Lake(place.lake)
        for question in _QUESTIONS:
            query = parse_one(question, dialect="duckdb")
            assert isinstance(query, exp.Query)
            list(rows(lake.select(query, {"t": Scan(table)})))
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def _ids(lake: Lake, table: str) -> list[int]:
    query = exp.select(exp.column("id", quoted=True)).from_("t")
    return [row["id"] for row in rows(lake.select(query, {"t": Scan(table)}))]
