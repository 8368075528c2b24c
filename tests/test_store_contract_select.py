"""What every store answers, and what it does not, to queries of ours and typed ones."""

from __future__ import annotations

import random
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlglot import exp, parse_one

import stores
from siemstress.errors import QueryError, StoreError
from siemstress.store.base import Bounds, Limits, Scan, Store, rows
from stores import START, Opener, ask, events, ids, put

# --- select


def test_a_table_that_is_not_there_reads_as_empty(store: Store) -> None:
    sql = "SELECT count(*) AS n, max(time) AS t, max(alert_id) AS a FROM t"
    assert ask(store, sql, t=Scan("Nothing")) == [{"n": 0, "t": None, "a": None}]


def test_names_are_the_scans_in_any_case(store: Store) -> None:
    put(store, "Auth", events(2))
    put(store, "Access", events(3))
    sql = 'SELECT (SELECT count(*) FROM AUTH) AS a, (SELECT count(*) FROM "my table") AS b'
    query = parse_one(sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    scans = {"auth": Scan("Auth"), "Auth": Scan("Auth"), "my table": Scan("Access")}
    assert list(rows(store.select(query, scans))) == [{"a": 2, "b": 3}]


def test_one_name_is_not_two_tables(store: Store) -> None:
    with pytest.raises(QueryError, match="one name"):
        store.select_typed("SELECT 1", {"auth": Scan("Auth"), "AUTH": Scan("Other")})


def test_scan_names_are_no_sql(store: Store) -> None:
    put(store, "Auth", events(2))
    name = 'x" AS SELECT 1; DROP VIEW "x'
    query = exp.select("id").from_(exp.to_identifier(name, quoted=True))
    assert len(list(rows(store.select(query, {name: Scan("Auth")})))) == 2


def test_new_since_a_version(store: Store) -> None:
    versions = [put(store, "Auth", events(2, first=2 * n)) for n in range(4)]
    assert versions == sorted(set(versions))
    assert ids(store, "Auth", after=versions[-1]) == []
    assert ids(store, "Auth", after=versions[1]) == [4, 5, 6, 7]
    assert ids(store, "Auth", after=versions[0], upto=versions[2]) == [2, 3, 4, 5]
    assert ids(store, "Auth", upto=versions[1]) == [0, 1, 2, 3]
    assert ids(store, "Auth", after=versions[2], upto=versions[1]) == []
    assert ids(store, "Auth", after=versions[-1] + 100) == []
    assert ids(store, "Auth", upto=versions[-1] + 100) == list(range(8))
    assert ids(store, "Nothing", after=3) == []


def test_columns_worked_out_on_reading(store: Store) -> None:
    put(store, "Auth", events(1, raw=[None]))
    put(store, "Auth", events(1, first=1, raw=["kept"]))
    built = parse_one("coalesce(raw, host || ': ' || message)", dialect="duckdb")
    scan = Scan("Auth", derived={"raw": built, "Day": parse_one("date_trunc('day', time)")})
    found = ask(store, "SELECT raw, day, id FROM t WHERE raw LIKE '%e%' ORDER BY id", t=scan)
    assert [r["raw"] for r in found] == ["web1: event 0", "kept"]
    assert found[0]["Day" if "Day" in found[0] else "day"] == datetime(2026, 3, 1)
    assert ask(store, "SELECT count(raw) AS n FROM t", t=Scan("No", derived={"raw": built})) == [
        {"n": 0}
    ]


@pytest.mark.parametrize("seed", range(2))
def test_bounds_lose_no_wanted_row(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    times: list[datetime | None] = [
        START + timedelta(seconds=round(chance.gauss(0, 10) ** 3)) for _ in range(300)
    ]
    times += [None, datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), None]
    chance.shuffle(times)
    for first in range(0, len(times), 31):
        part = times[first : first + 31]
        put(store, "Auth", events(len(part), first=first, time=part))
    for _ in range(4):
        low, high = sorted(START + timedelta(seconds=chance.gauss(0, 500)) for _ in range(2))
        wanted = [n for n, t in enumerate(times) if t and low <= t <= high]
        query = exp.select("id").from_("t").order_by("id")
        edges = [exp.cast(exp.Literal.string(t.isoformat()), "TIMESTAMP") for t in (low, high)]
        stamps = exp.and_(exp.column("time") >= edges[0], exp.column("time") <= edges[1])
        scan = Scan("Auth", Bounds(low, high.replace(tzinfo=UTC)))
        found = [r["id"] for r in rows(store.select(query.where(stamps), {"t": scan}))]
        assert found == wanted
        bounds = Bounds(id_min=min(wanted, default=0), id_max=max(wanted, default=0))
        assert set(wanted) <= set(ids(store, "Auth", bounds=bounds))
        nulls = query.where(exp.column("time").is_(exp.null()))
        assert len(list(rows(store.select(nulls, {"t": scan})))) == 2


def test_results_stream_in_batches(store: Store) -> None:
    put(store, "Auth", events(10))
    query = parse_one("SELECT a.id FROM t a, t b, t c, t d, t e", dialect="duckdb")
    assert isinstance(query, exp.Query)
    reader = store.select(query, {"t": Scan("Auth")}, batch_rows=3000)
    sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == 100_000
    assert max(sizes) <= 3000
    unread = store.select(query, {"t": Scan("Auth")}, batch_rows=3000)
    unread.read_next_batch()
    unread.close()


def test_a_query_that_fails_is_one_line(store: Store) -> None:
    put(store, "Auth", events(1))
    for sql in ("SELECT nothing FROM t", "SELECT id FROM u", "SELECT message::INT FROM t"):
        with pytest.raises(StoreError) as caught:
            ask(store, sql, t=Scan("Auth"))
        assert "\n" not in str(caught.value)
        assert str(caught.value)


SLOW = (
    "SELECT count(*) AS n FROM range(100000000) a, range(1000) b WHERE hash(a.range + b.range) = 1"
)


def test_time_is_limited(store: Store) -> None:
    put(store, "Auth", events(1))
    started = time.monotonic()
    with pytest.raises(QueryError, match="longer"):
        ask(store, SLOW, Limits(seconds=0.2), t=Scan("Auth"))
    with pytest.raises(QueryError, match="longer"):
        list(store.select_typed(SLOW, {}, limits=Limits(seconds=0.2)))
    assert time.monotonic() - started < 10


def test_memory_is_limited(store: Store) -> None:
    big = "SELECT list(range) AS l FROM range(100000000)"
    with pytest.raises(QueryError, match=r"(?i)memory"):
        list(store.select_typed(big, {}, limits=Limits(memory=50_000_000)))


INTERRUPTED = """
import sys, pathlib, signal, stores
from siemstress.store.base import Scan
class Terminated(BaseException): pass
def terminate(*_): raise Terminated
signal.signal(signal.SIGTERM, terminate)
store = stores.STORES[sys.argv[1]](pathlib.Path(sys.argv[2]))
stores.ids(store, "Auth")  # All is imported: a signal in the midst of that would be another test.
print("ready", flush=True)
try:
    stores.ask(store, sys.argv[3], t=Scan("Auth"))
except (KeyboardInterrupt, Terminated) as e:
    print(type(e).__name__)
"""


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Terminated")]
)
def test_a_signal_ends_a_query(
    kind: str, opened: Opener, tmp_path: Path, number: int, name: str
) -> None:
    put(opened(), "Auth", events(1))
    with stores.python(INTERRUPTED, kind, tmp_path, SLOW) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.5)
        started = time.monotonic()
        child.send_signal(number)
        said, problem = child.communicate(timeout=30)
    assert said == f"{name}\n", problem
    assert time.monotonic() - started < 8


# --- what a user typed


def typed(store: Store, sql: str) -> list[dict[str, object]]:
    return list(rows(store.select_typed(sql, {"auth": Scan("Auth"), "Auth": Scan("Auth")})))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM auth",
        "select count(*) AS n from \"Auth\" where message like '%event%' ;",
        "WITH a AS (SELECT * FROM auth) SELECT count(*) AS n FROM a -- comment",
        "FROM auth SELECT count(*) AS n",
    ],
)
def test_a_typed_select_is_answered(store: Store, sql: str) -> None:
    put(store, "Auth", events(4))
    assert typed(store, sql) == [{"n": 4}]


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "   -- nothing",
        "SELEC 1",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM auth",
        "SELECT * FROM other",
        "DROP VIEW auth",
        "DELETE FROM auth",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO auth SELECT * FROM auth",
        "UPDATE auth SET id = 1",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'",
        "BEGIN",
        "SET memory_limit = '1TB'",
        "PRAGMA memory_limit = '1TB'",
        "RESET lock_configuration",
        "CALL enable_logging()",
        "PREPARE x AS SELECT 1",
        "EXPORT DATABASE 'x'",
        "CHECKPOINT",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = 'x')",
        "SELECT getenv('HOME')",
    ],
)
def test_a_typed_statement_that_is_no_select_is_refused_in_one_line(store: Store, sql: str) -> None:
    put(store, "Auth", events(4))
    with pytest.raises(QueryError) as caught:
        typed(store, sql)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    assert ids(store, "Auth") == [0, 1, 2, 3]


PLACES = ["{secret}", "{secret}*", "{other}", "{lake}/**", "file://{secret}", "/etc/passwd"]
READERS = [
    "SELECT * FROM '{}'",
    "SELECT * FROM read_text('{}')",
    "SELECT * FROM read_blob('{}')",
    "SELECT * FROM read_csv('{}')",
    "SELECT * FROM read_json('{}')",
    "SELECT * FROM read_parquet('{}')",
    "SELECT * FROM parquet_metadata('{}')",
    "SELECT * FROM sniff_csv('{}')",
    "SELECT * FROM glob('{}')",
    "SELECT * FROM query('FROM read_text(''{}'')')",
    "SELECT * FROM read_duckdb('{}')",
    "ATTACH '{}' AS x",
    "COPY (SELECT 1) TO '{}'",
    "COPY auth FROM '{}'",
    "IMPORT DATABASE '{}'",
]


@pytest.mark.parametrize("reader", READERS)
def test_typed_sql_reaches_no_file(store: Store, tmp_path: Path, reader: str) -> None:
    put(store, "Auth", events(4))
    put(store, "Secret", events(1))
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    other = next((tmp_path / "lake/Secret").glob("*.parquet"), secret)
    for place in PLACES:
        where = place.format(secret=secret, other=other, lake=tmp_path / "lake")
        with pytest.raises(QueryError):
            typed(store, reader.format(where))
    assert secret.read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM 'http://127.0.0.1:9/x.parquet'",
        "SELECT * FROM read_csv('https://127.0.0.1:9/x')",
        "SELECT * FROM 's3://bucket/x.parquet'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM duckdb_extensions()",
        "SELECT * FROM store",
        "SELECT * FROM secret_rows",
    ],
)
def test_typed_sql_reaches_no_network_no_extension_no_python(store: Store, sql: str) -> None:
    put(store, "Auth", events(4))
    secret_rows = pl.DataFrame({"password": ["x"]})
    with pytest.raises(QueryError):
        typed(store, sql)
    assert secret_rows.height == 1


def test_typed_sql_learns_no_secret_from_the_catalog(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIEMSTRESS_TEST_SECRET", "hunter2")
    put(store, "Auth", events(4))
    put(store, "Payroll", events(1))
    for source in (
        "duckdb_settings()",
        "duckdb_secrets()",
        "duckdb_views()",
        "duckdb_databases()",
        "information_schema.tables",
        "duckdb_variables()",
    ):
        found = str(typed(store, exp.select("*").from_(source).sql("duckdb")))
        assert "hunter2" not in found
        assert "Payroll" not in found


# --- questions beside and after each other


def test_questions_do_not_see_each_other(store: Store) -> None:
    put(store, "Auth", events(5))
    put(store, "Access", events(3))
    query = exp.select("id").from_("t")
    first = store.select(query, {"t": Scan("Auth")}, batch_rows=1)
    second = store.select(query, {"t": Scan("Access")}, batch_rows=1)
    assert first.read_next_batch().num_rows == second.read_next_batch().num_rows == 1
    assert sum(batch.num_rows for batch in first) == 4
    third = store.select(query, {"t": Scan("Auth")}, batch_rows=1)
    assert sum(batch.num_rows for batch in second) == 2
    third.close()
    assert ids(store, "Access") == [0, 1, 2]


def test_what_a_user_typed_leaves_nothing_behind(store: Store) -> None:
    put(store, "Auth", events(3))
    for _ in range(3):
        assert store.select_typed("SELECT id FROM t", {"t": Scan("Auth")}).read_all().num_rows == 3
        with pytest.raises(QueryError):
            store.select_typed("SELECT * FROM nothing", {"t": Scan("Auth")}).read_all()
        with pytest.raises(StoreError):
            store.select(exp.select("nothing").from_("t"), {"t": Scan("Auth")}).read_all()
        assert ids(store, "Auth") == [0, 1, 2]
        with pytest.raises(QueryError):
            # Views of other questions are not there.
            store.select_typed("SELECT * FROM t", {"u": Scan("Auth")}).read_all()


def test_our_own_queries_may_have_parts_with_names(store: Store) -> None:
    put(store, "Auth", events(4))
    query = parse_one(
        "WITH a AS (SELECT id FROM t WHERE id > 0), b AS (SELECT id FROM a WHERE id > 1) "
        "SELECT count(*) AS n FROM b JOIN t ON b.id = t.id",
        dialect="duckdb",
    )
    assert isinstance(query, exp.Query)
    assert list(rows(store.select(query, {"t": Scan("Auth")}))) == [{"n": 2}]


# --- waiting for news


def test_a_pulse_tells_of_new_versions(store: Store, opened: Opener) -> None:
    other = opened()
    assert store.pulse(["Auth", "Access"]) == store.pulse(["Auth", "Access"])
    for n, table in enumerate(("Auth", "Access", "Auth")):
        before = store.pulse(["Auth", "Access"])
        time.sleep(0.02)
        put(other, table, events(1, first=n))
        assert store.pulse(["Auth", "Access"]) != before
    alone = store.pulse(["Auth"])
    time.sleep(0.02)
    put(other, "Access", events(1, first=9))
    assert store.pulse(["Auth"]) == alone
