"""siemquery --sql: a SELECT that a user typed, over the sections and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from querying import Query, error_of, folder, query

__all__ = ["folder", "query"]


def test_typed_sql(query: Query) -> None:
    sql = "SELECT id, fields['method'] AS m FROM auth WHERE id < 3 ORDER BY id"
    assert query("--sql", sql, "--format", "csv") == "id,m\r\n1,password\r\n2,\r\n"
    assert query("--sql", 'SELECT count(*) FROM "default", Entries, loose').split()[-1] == "1"
    assert query("--sql", "SELECT 1 WHERE false") == ""
    assert error_of(query) == "siemquery: no rows\n"
    assert query("--sql", "SELECT 1 AS a, 2 AS a", "--format", "csv") == "a,a_2\r\n1,2\r\n"


def test_filters_narrow_what_typed_sql_sees(query: Query) -> None:
    sql = "SELECT count(*) AS n FROM auth"
    assert query("--sql", sql).split()[-1] == "4"
    assert query("--sql", sql, "--range", "20260302-").split()[-1] == "1"
    assert query("--sql", sql, "--process", "sshd", "--process", "cron").split()[-1] == "2"
    assert query("--sql", sql, "--last", "1h").split()[-1] == "0"


@pytest.mark.parametrize(
    "sql",
    [
        "", "SELECT", "SELECT 1; SELECT 2", "DROP VIEW auth", "COPY (SELECT 1) TO 'x.csv'",
        "SELECT * FROM nosuch", "SELECT * FROM read_text('s.conf')", "SET threads=1",
        "SELECT * FROM 's.conf'", "ATTACH 'x.db'", "SELECT \x00", "PRAGMA version",
    ],
)  # fmt: skip
def test_typed_sql_that_is_refused_is_one_line(query: Query, sql: str, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    query("--sql", sql, status=2)
    assert error_of(query).startswith("siemquery: ")
    assert error_of(query).count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_typed_sql_ends_when_its_time_is_up(query: Query) -> None:
    started = time.monotonic()
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"
    query("--sql", endless, "--timeout", "1s", status=2)
    assert "took longer" in error_of(query)
    assert time.monotonic() - started < 20
