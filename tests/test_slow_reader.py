"""A reader that is paused for long finds its files again, whatever upkeep does meanwhile."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl

from siemstress.store.base import Scan
from siemstress.store.expire import expire
from siemstress.store.lake import Lake
from siemstress.store.readers import oldest_read
from siemstress.store.upkeep import compact
from stores import START, events, ids, put

PROGRAM = Path(sys.executable).parent / "siemquery"
# More files than DuckDB opens ahead, and more text than a pipe holds.
FILES, ROWS = 80, 2_000
NOTHING = timedelta(0)


def test_a_paused_reader_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.conf").write_text("[siemstress]\nlake=lake\n[default]\ntable=Entries\n")
    lake = Lake(tmp_path / "lake")
    for n in range(FILES):
        put(lake, "Entries", events(ROWS, first=n * ROWS, host="h" * 100))
    first = {path.name for path in (tmp_path / "lake/Entries").glob("*.parquet")}
    sql = "SELECT id, host FROM entries"
    process = subprocess.Popen(
        [PROGRAM, "-c", "s.conf", "--format", "csv", "--range", "20200101-", "--sql", sql],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "id,host\n"
        log = lake._log("Entries")
        assert oldest_read(log.path) is not None

        def upper(frame: pl.DataFrame) -> pl.DataFrame:
            return frame.select("id", pl.lit("other").alias("host"))

        for part in list(lake.parts("Entries"))[-3:]:
            lake.replace(part, upper)
        expire(log, START + timedelta(seconds=50 * ROWS), grace=NOTHING)
        compact(log, grace=NOTHING, log_kept=NOTHING)
        put(lake, "Entries", events(1, first=FILES * ROWS))
        compact(log, grace=NOTHING, log_kept=NOTHING)
        assert len(ids(lake, "Entries")) == 30 * ROWS + 1
        there = {path.name for path in (tmp_path / "lake/Entries").glob("*.parquet")}
        assert first <= there
        read = process.stdout.read().split()
        assert process.wait(60) == 0
        assert len(read) == FILES * ROWS
        assert all(line.endswith("h") for line in read)
        # Once nobody reads them, they go.
        assert oldest_read(log.path) is None
        compact(log, grace=NOTHING, log_kept=NOTHING)
        there = {path.name for path in (tmp_path / "lake/Entries").glob("*.parquet")}
        assert not first & there
    finally:
        process.kill()
        process.communicate()
        lake.close()


def test_a_stream_that_is_let_go_of_holds_nothing(tmp_path: Path) -> None:
    from sqlglot import parse_one

    lake = Lake(tmp_path / "lake")
    put(lake, "Auth", events(10))
    path = lake.folder.table("Auth")
    query = parse_one("SELECT id FROM t", dialect="duckdb")
    reader = lake.select(query, {"t": Scan("Auth")}, batch_rows=2)  # type: ignore[arg-type]  # of any SQL
    assert oldest_read(path) == lake.version("Auth")
    reader.read_next_batch()
    del reader
    assert oldest_read(path) is None
