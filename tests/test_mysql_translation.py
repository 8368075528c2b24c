"""Old rules' MySQL, translated, gives the rows that MariaDB gives."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from siemstress import schema
from siemstress.errors import QueryError
from siemstress.query import mysql
from siemstress.query.mysql import at, tables_of, translate

# Each statement with the rows that MariaDB 10.11 gave (collation utf8mb4_general_ci) at NOW for
# the events below: values joined by tabs, rows sorted.
GOLDEN = json.loads((Path(__file__).parent / "mysql_rules.json").read_text())
NOW = datetime(2026, 3, 5, 10, 55, 11)
TABLES = {"auth": "Auth", "Auth": "Auth", "userauth": "UserAuth", "UserAuth": "UserAuth"}

HOSTS = ("Web1", "web1", "web1 ", "db", None, "wéb1")
PROCESSES = ("sshd", "SSHD", "sudo", "cron", None, "12abc")
MESSAGES = (
    "pam_unix(sshd:auth): authentication failure; user=root",
    "PAM Failed password for root from 10.0.0.5",
    "Accepted password for Admin",
    "Échec de connexion",
    "root logged in",
    "rooted device",
    "404 GET /x_y 50%",
    "a\\b",
    "failed ",
    "fáil",
    None,
    "line\nbreak FAIL",
)
_TYPES = {"int64": "bigint", "int32": "int", "int8": "tinyint", "time": "timestamp"}
_TYPES |= {"text": "text", "binary": "blob", "bool": "boolean", "map": "map(text, text)"}


def events(connection: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(f'"{c.name}" {_TYPES[c.kind]}' for c in schema.EVENT)
    connection.execute(f'CREATE TABLE "Auth" ({columns})')
    rows = [
        (
            n + 1,
            datetime(2026, 3, 5, 10, n * 5, n),
            HOSTS[n % 6],
            PROCESSES[n // 2],
            None if n == 4 else 100 + n,
            MESSAGES[n],
            f"10.0.0.{n % 4}" if n % 5 else None,
            22 if n % 2 else 443,
        )
        for n in range(12)
    ]
    connection.executemany(
        'INSERT INTO "Auth" (id, time, host, process, pid, message, dest_host, dest_port) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect(":memory:")
    events(made)
    return made


def shown(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (float, Decimal)):
        return f"{float(value):g}"
    return str(value)


@pytest.mark.parametrize("golden", GOLDEN, ids=[g["sql"][:70] for g in GOLDEN])
def test_the_rows_of_mariadb(golden: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> None:
    query = at(translate(golden["sql"], TABLES), NOW)
    found = connection.execute(query.sql("duckdb")).fetchall()
    assert sorted("\t".join(map(shown, row)) for row in found) == golden["rows"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT Id FROM Auth WHERE sleep(1)", "SLEEP() is not translated"),
        ("SELECT load_file('/etc/passwd') FROM Auth", "LOAD_FILE() is not translated"),
        ("SELECT Id FROM Auth WHERE time(DateStamp) > '10:00'", "TIME() is not translated"),
        ("SELECT @@version FROM Auth", "is not translated"),
        ("SELECT Id FROM Auth WHERE Id = @x", "is not translated"),
        ("SELECT Id FROM Auth FOR UPDATE", "LOCKS is not translated"),
        ("SELECT Id FROM Auth INTO OUTFILE '/tmp/x'", "not MySQL that can be read"),
        ("SELECT Id FROM Auth; SELECT 1", "must be one SELECT"),
        ("DELETE FROM Auth", "must be one SELECT"),
        ("", "must be one SELECT"),
        ("SELEC Id FROM Auth", "not MySQL that can be read"),
        ("SELECT Id FROM mysql.user", "no table 'user'; there are: Auth, UserAuth"),
        ("SELECT Id FROM read_csv('/etc/passwd')", "is not a table"),
        ("SELECT Nonsense FROM Auth", "no column 'Nonsense'"),
        ("SELECT Id FROM Auth WHERE DateStamp > 'yesterday'", "'yesterday' is not a time"),
        ("SELECT Id FROM Auth WHERE DateStamp > now() - interval '1 2' day_hour", "DAY_HOUR"),
        ("SELECT Id FROM Auth WHERE Message LIKE '%x%' LIMIT ?", "LIMIT must be a number"),
        ("SELECT * FROM Auth GROUP BY Id", "SELECT * with GROUP BY"),
        ("SELECT Id FROM Auth WHERE INET_ATON('x') = 1", "no IPv4 address"),
        ("SELECT greatest(Message, 'a') FROM Auth", "GREATEST() of text"),
        ("SELECT Id FROM Auth WHERE ((SELECT 1", "not MySQL that can be read"),
    ],
)
def test_what_is_refused_is_named(sql: str, message: str) -> None:
    with pytest.raises(QueryError) as refused:
        translate(sql, TABLES)
    assert message in str(refused.value)


def test_old_column_and_table_names() -> None:
    query = translate("SELECT Id, SourceHost, source_process FROM AUTH", TABLES)
    assert query.sql("duckdb") == (
        'SELECT "id" AS "Id", "host" AS "SourceHost", "process" AS "source_process" FROM "Auth"'
    )
    assert tables_of(query) == ("Auth",)


def test_now_is_worked_out_into_literals() -> None:
    sql = "SELECT Id FROM Auth WHERE DateStamp >= date_sub(now(), interval 1 month)"
    bound = at(translate(sql, TABLES), datetime(2026, 3, 31, 12))
    assert "CAST('2026-02-28 12:00:00.000000' AS TIMESTAMP)" in bound.sql("duckdb")
    assert "now" not in bound.sql("duckdb").lower()


def test_values_stay_values(connection: duckdb.DuckDBPyConnection) -> None:
    sql = (
        r"""SELECT Id FROM Auth WHERE Message = 'x\' OR 1=1 -- ' OR Process = "'; DROP TABLE a" """
    )
    assert connection.execute(translate(sql, TABLES).sql("duckdb")).fetchall() == []


_SYNTAX = """SELECT FROM WHERE Auth Id Message Process PID DateStamp LIKE NOT AND OR ( ) , * =
    <> > 'a%' "x" 1 0 -1 NULL now() interval minute day GROUP BY HAVING ORDER LIMIT count(*)
    concat( if( IN BETWEEN IS CASE WHEN THEN ELSE END REGEXP + - / DIV || && ! ; AS n UNION JOIN ON
    date_sub( date_format( substring_index( BINARY COLLATE utf8_bin DISTINCT EXISTS @x ? `y` . \\"""
WORDS = st.sampled_from(_SYNTAX.split())


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=14).map(lambda words: " ".join(["SELECT Id FROM Auth", *words])))
@example("SELECT Id FROM Auth . date_sub(")  # sqlglot's parser fails on it
def test_any_text_is_translated_or_refused(sql: str) -> None:
    with contextlib.suppress(QueryError):
        assert set(tables_of(at(translate(sql, TABLES), NOW))) <= {"Auth"}


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(QueryError):
        translate("SELECT Id FROM Auth WHERE " + "(" * 5000 + "1" + ")" * 5000, TABLES)


def test_timestamp_literals_hold_microseconds() -> None:
    literal = mysql.timestamp(datetime(2026, 1, 1, 0, 0, 0, 1))
    assert literal.sql("duckdb") == "CAST('2026-01-01 00:00:00.000001' AS TIMESTAMP)"
