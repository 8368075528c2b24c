"""What MariaDB is known to understand, that it uses its keys for it, and ships no rows."""
# ruff: noqa: S608 - the statements are constants

from __future__ import annotations

import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pymysql
import pytest
from sqlglot import exp, parse_one

import mariadb_server
from rules import read_rules
from siemstress.config import Server
from siemstress.errors import QueryError
from siemstress.query.events import Events
from siemstress.query.filters import Filter, parse_flags
from siemstress.query.order import in_order
from siemstress.rules.engine import Engine
from siemstress.store.base import Limits, Scan, rows
from siemstress.store.mariadb.connection import Connection
from siemstress.store.mariadb.database import MariaDB
from siemstress.store.mariadb.relation import relations
from siemstress.store.mariadb.tables import FOLDED
from siemstress.store.mariadb.translate import translate
from siemstress.store.mariadb.translate_values import AGREED, Untranslated
from stores import START, ask, events, put

COUNT = 4000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return mariadb_server.shared(tmp_path_factory.mktemp("translate"))


@pytest.fixture(scope="module")
def store(server: Server) -> Iterator[MariaDB]:
    """Many events, and few of each host."""
    made = MariaDB(server)
    numbers = range(COUNT)
    frame = events(
        COUNT,
        host=[f"Web{n % 400}" for n in numbers],
        source_host=[None if n % 2 else f"10.0.{n % 37}.{n % 200}" for n in numbers],
        process=["sshd" if n % 3 else "CRON" for n in numbers],
        message=[f"{'Failed' if n % 5 else 'Accepted'} password {n}" for n in numbers],
    )
    put(made, "Auth", frame)
    put(made, "Access", events(50, first=COUNT - 25))
    with made._pool.connection() as connection:
        connection.rows("ANALYZE TABLE `Auth`")
    yield made
    made.close()


def status(server: Server, name: str) -> int:
    connection = pymysql.connect(unix_socket=str(server.socket), user="root")
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE %s", (name,))
        return int(cursor.fetchall()[0][1])


@pytest.fixture
def shipped(server: Server) -> Iterator[list[int]]:
    """After the test: how many rows were sent meanwhile; a test puts in what it may be at most."""
    before = status(server, "Rows_sent")
    most: list[int] = []
    yield most
    assert status(server, "Rows_sent") - before <= most[0]


def plan(server: Server, query: exp.Query, scans: dict[str, Scan]) -> list[dict[str, Any]]:
    """How the server goes about a query, as EXPLAIN tells."""
    connection = Connection(server)
    read = parse_one(query.sql("duckdb"), dialect="duckdb")
    assert isinstance(read, exp.Query)
    found = translate(read, relations(connection, scans))
    sql, values = found.sql.statement()
    with connection._driver.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(f"EXPLAIN {sql}", values or None)
        steps = list(cursor.fetchall())
    connection.close()
    return steps


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        ({"shost": ["web7"]}, "host"),
        ({"shost": ["WEB7", "web8", "10.0.0.1"]}, "host"),
        ({"shost": ["web39_"]}, "host"),
        ({"id": ["17", "18"]}, "PRIMARY"),
    ],
)
def test_flags_use_the_keys(
    store: MariaDB, server: Server, flags: dict[str, list[str]], key: str
) -> None:
    wanted = Events(store, ["Auth"], parse_flags(flags))
    query = wanted.select(["id", "time", "message"])
    (step,) = plan(server, query, wanted.scans(["id"]))
    assert key in step["key"].split(",")
    assert int(step["rows"]) < COUNT / 10
    assert list(rows(wanted.ask(query, ["id", "time", "message"])))


def test_the_last_events_come_by_the_key_of_time(store: MariaDB, server: Server) -> None:
    query = parse_one(
        "SELECT id, message FROM t ORDER BY time DESC NULLS LAST, id DESC NULLS LAST LIMIT 20",
        dialect="duckdb",
    )
    assert isinstance(query, exp.Query)
    (step,) = plan(server, query, {"t": Scan("Auth")})
    assert (step["key"], int(step["rows"])) == ("time", 20)
    since = START + timedelta(seconds=COUNT - 50)
    recent = Events(store, ["Auth"], Filter(time_min=since))
    (step,) = plan(server, recent.select(["id", "host"]), recent.scans(["id"]))
    assert step["key"] == "time"
    assert int(step["rows"]) < 100


def test_last_events_with_whole_lines_are_pulled_alone(store: MariaDB, shipped: list[int]) -> None:
    derived = {"raw": parse_one("coalesce(raw, strftime(time, '%H') || message)", dialect="duckdb")}
    scan = Scan("Auth", derived=derived)
    sql = "SELECT id, raw FROM t WHERE process ILIKE 'cron' ORDER BY time DESC, id DESC LIMIT 7"
    found = ask(store, sql, t=scan)
    assert found[0]["raw"].endswith("3999")
    assert len(found) == 7
    shipped.append(40)


@pytest.mark.parametrize("columns", [["id", "message"], ["id", "raw"]])
def test_the_last_of_several_tables_are_the_last_of_each(
    store: MariaDB, shipped: list[int], columns: list[str]
) -> None:
    asked = Events(store, ["Auth", "Access"])
    found = list(in_order(asked, columns, 10).batches)
    assert [n.as_py() for n in found[0].column("id")] == [COUNT + n for n in range(15, 25)]
    shipped.append(80)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM auth WHERE message ILIKE '%FAILED%' AND process NOT LIKE 'C%'",
        "SELECT severity, count(*) FROM auth WHERE host <> 'Web3' GROUP BY severity",
        "SELECT date_trunc('hour', time) AS h, count(*) FROM auth WHERE time > now() - INTERVAL"
        " '90 years' AND message IS NOT NULL GROUP BY 1 ORDER BY 1",
        "SELECT min(time), max(id), count(DISTINCT pid) FROM auth WHERE NOT lower(host) = 'web7'",
        "SELECT id FROM auth WHERE 3 < id AND id <= 5 OR id IN (7, 8) ORDER BY id",
    ],
)
def test_typed_sql_runs_in_the_server(store: MariaDB, shipped: list[int], sql: str) -> None:
    assert list(rows(store.select_typed(sql, {"auth": Scan("Auth"), "other": Scan("No")})))
    shipped.append(40)


OLD = """
[fails]
sqlquery=SELECT Id FROM Auth WHERE DateStamp >= date_sub(now(), interval 10 minute)
 AND (Message LIKE "%fáiled%" AND SourceHost = 'WÉB7 ' AND Process IN ('SSHD', 'sshd'))
interval=10
limit={limit}
outtable=UserAuth
message=x
"""


def test_an_old_rule_is_looked_for_in_the_server(
    store: MariaDB, tmp_path: Path, shipped: list[int]
) -> None:
    said: list[str] = []
    loaded = read_rules(tmp_path / "rules", OLD.format(limit=1000))
    engine = Engine(store, loaded.rules, said.append)
    assert engine.run().count == 0
    assert not said
    shipped.append(100)


def test_an_old_rule_overlooks_what_mariadb_overlooks(store: MariaDB, server: Server) -> None:
    condition = "rtrim(lower(strip_accents(host)), ' ') = 'web7'"
    query = parse_one(f"SELECT count(*) AS n FROM t WHERE {condition}", dialect="duckdb")
    assert isinstance(query, exp.Query)
    (step,) = plan(server, query, {"t": Scan("Auth")})
    assert step["key"] == "host"
    assert list(rows(store.select(query, {"t": Scan("Auth")}))) == [{"n": 10}]


def test_the_time_limit_reaches_the_server(store: MariaDB, server: Server) -> None:
    other = Connection(server)
    other.execute("LOCK TABLES `Auth` WRITE")
    started = time.monotonic()
    sql = "SELECT count(*) AS n FROM t WHERE message LIKE '%x%'"
    with pytest.raises(QueryError, match="longer"):
        ask(store, sql, Limits(seconds=0.3), t=Scan("Auth"))
    assert time.monotonic() - started < 5
    waiting = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%message%x%'"
    end = time.monotonic() + 5
    while other.value(f"{waiting} AND id <> connection_id()") and time.monotonic() < end:
        time.sleep(0.02)
    assert other.value(f"{waiting} AND id <> connection_id()") == 0
    other.close()


def test_an_answer_that_is_not_read_to_its_end_is_given_up(store: MariaDB, server: Server) -> None:
    query = parse_one("SELECT id, message FROM t", dialect="duckdb")
    assert isinstance(query, exp.Query)
    reader = store.select(query, {"t": Scan("Auth")}, batch_rows=10)
    reader.read_next_batch()
    reader.close()
    del reader
    other = Connection(server)
    end = time.monotonic() + 5
    busy = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT q1%%'"
    while other.value(busy.replace("%%", "%")) and time.monotonic() < end:
        time.sleep(0.02)
    assert other.value(busy.replace("%%", "%")) == 0
    other.close()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT lower(host) AS x FROM t", "LOWER"),
        ("SELECT id FROM t WHERE host ILIKE 'ⱥ%'", "case"),
        ("SELECT id FROM t WHERE host LIKE 'x\\' ESCAPE '\\'", "ends in its escape"),
        ("SELECT id FROM t WHERE host LIKE process", "no literal"),
        ("SELECT id FROM t WHERE host > 5", "text"),
        ("SELECT id FROM t WHERE id = 5.5", "fraction"),
        ("SELECT id FROM t WHERE time > 'yesterday'", "a time"),
        ("SELECT id FROM t WHERE pid + 1 = 2", "small numbers"),
        ("SELECT id // pid FROM t", "division"),
        ("SELECT id // 0 FROM t", "division"),
        ("SELECT host, count(*) FROM t GROUP BY host", "text to sort"),
        ("SELECT id FROM t ORDER BY message", "text to sort"),
        ("SELECT count(DISTINCT host) FROM t", "text to sort"),
        ("SELECT fields['a\"b'] FROM t", "care"),
        ("SELECT sum(id) OVER () FROM t", "WINDOW"),
        ("SELECT id FROM t, t AS u", "joins"),
        ("SELECT id FROM t UNION SELECT 1", "UNION"),
        ("SELECT id FROM (SELECT id, id FROM t) AS u", "one name"),
        ("SELECT regexp_matches(host, 'x.y') FROM t", "a regular expression"),
        ("SELECT id FROM t TABLESAMPLE 10%", "sample"),
        ("SELECT id FROM t WHERE id IN (SELECT 1)", "IN"),
        ("SELECT load_file('/etc/passwd') FROM t", "load_file"),
        ("SELECT sleep(5) FROM t", "sleep"),
        ("SELECT id FROM mysql.t", "db"),
        ("SELECT id FROM u", "table u"),
        ("SELECT nothing FROM t", "column nothing"),
        ("SELECT " + "(" * 3000 + "id" + ")" * 3000 + " FROM t", "deep"),
    ],
)
def test_what_may_mean_something_else_is_left_to_duckdb(server: Server, sql: str, why: str) -> None:
    connection = Connection(server)
    known = relations(connection, {"t": Scan("Auth")})
    connection.close()
    try:
        query = parse_one(sql, dialect="duckdb")
    except RecursionError:
        return
    assert isinstance(query, exp.Query)
    with pytest.raises(Untranslated, match=f"(?i){re.escape(why)}"):
        translate(query, known)


def test_both_agree_on_the_case_of_characters(server: Server) -> None:
    first, last = 0, 0x1FFFF
    character = "CONVERT(CHAR(seq USING utf32) USING utf8mb4)"
    connection = Connection(server)
    found = connection.rows(
        f"SELECT seq, {character}, LOWER({character}),"
        f" HEX(WEIGHT_STRING({character} COLLATE {FOLDED}))"
        f" FROM seq_{first}_to_{last} WHERE seq NOT BETWEEN 55296 AND 57343"
    )
    connection.close()
    frame = pl.DataFrame(found, ["n", "c", "lower", "weight"], orient="row")
    assert frame["c"].to_list() == [chr(n) for n in frame["n"]]
    database = duckdb.connect(":memory:")
    lowered: Sequence[Any] = (
        database.from_arrow(frame.select("c").to_arrow()).project("lower(c)").fetchall()
    )
    theirs, ours = defaultdict(set), defaultdict(set)
    weights = dict(zip(frame["c"], frame["weight"], strict=True))
    wider: list[str] = []
    for (low,), c, lower in zip(lowered, frame["c"], frame["lower"], strict=True):
        ours[low].add(c)
        theirs[lower].add(c)
        if len(low) == 1 and agreed(low) and weights[low] != weights[c]:
            wider.append(c)
    for c in filter(agreed, frame["c"]):
        assert ours[c.lower()] == theirs[c.lower()], hex(ord(c))
        assert c in ours[c.lower()], hex(ord(c))
    assert wider == ["\u2126", "\u212a", "\u212b"]


def agreed(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in AGREED)


def test_columns_of_every_type_come_back(store: MariaDB) -> None:
    frame = events(4).with_columns(
        pl.Series("ratio", [0.1 + 0.2, 1e300, -1e-310, None], pl.Float64),
        pl.Series("small", [0.1, -3.4e38, None, 1.5], pl.Float32),
        pl.Series("Odd `name` %s", ["%s", "`", None, ""], pl.String),
        pl.Series("bytes", [b"\x00\xff", b"", None, "é".encode()], pl.Binary),
        pl.Series("flag", [True, False, None, True], pl.Boolean),
        pl.Series("short", [-(2**15), 2**15 - 1, None, 0], pl.Int16),
        pl.Series("day", [datetime(1, 1, 1), datetime(9999, 12, 31), None, START], pl.Date),
        pl.Series("more", [{"a": "1", "b": None}, {}, None, {"\0": "\x1b"}],
                  pl.Map(pl.String(), pl.String())),
    )  # fmt: skip
    put(store, "Odd", frame)
    for sql in ("SELECT * FROM t ORDER BY id", "SELECT * FROM t ORDER BY upper(host), id"):
        query = parse_one(sql, dialect="duckdb")
        assert isinstance(query, exp.Query)
        found = pl.DataFrame(store.select(query, {"t": Scan("Odd")}).read_all())
        for name in frame.columns:
            assert found[name].to_list() == frame[name].to_list(), name


@pytest.mark.parametrize("count", [0, 1, 16, 17, 900])
@pytest.mark.usefixtures("store")
def test_new_rows_in_many_ranges(server: Server, count: int) -> None:
    chance = random.Random(count)
    edges = sorted(chance.sample(range(1, COUNT), 2 * count))
    ranges = [(edges[2 * n], edges[2 * n + 1]) for n in range(count)]
    ranges = [r for r in ranges if r[0] <= r[1]]
    connection = Connection(server)
    known = replace(relations(connection, {"t": Scan("Auth")})["t"], ranges=ranges)
    query = parse_one("SELECT id FROM t WHERE id <> 7 ORDER BY id", dialect="duckdb")
    assert isinstance(query, exp.Query)
    sql, values = translate(query, {"t": known}).sql.statement()
    found = [n for (n,) in connection.rows(sql, values)]
    connection.close()
    assert found == [n for low, high in ranges for n in range(low, high + 1) if n != 7]
