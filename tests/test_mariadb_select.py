"""MariaDB's own answers, those from pulled rows, and the lake's are the same."""
# ruff: noqa: S608 - random SQL is what is tested here

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from siemstress.schema import EVENT, polars_schema
from siemstress.store.base import Scan, Store
from siemstress.store.mariadb import answer, pull
from siemstress.store.mariadb.translate_values import Untranslated
from stores import NO_LIMITS, START, STORES, ask, put

# Upper and lower case, accents, letters whose case is a puzzle, wildcards, quotes, NUL, blanks.
ALPHABET = "aAkKiIsSéÉ\u0301ßſ\u212aİı%_\\'\"`|\0\n\t €😀\ufffdжЖθΘ:5"
LITERALS = "aAkKiIsSéÉſ%_\\'\"`|\0\n\t €жЖ:5"
TIMES = [
    None,
    datetime(1, 1, 1),
    datetime(1, 1, 1, 0, 0, 0, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
    *(START + timedelta(minutes=7 * n, microseconds=n) for n in range(12)),
]
LONG = "x" * 1100
KEYS = ("k", "K", "a b", "é", "x.y")
TEXTS = ("host", "process", "message", "source_host", "user_name", "\"fields\"['k']")
NUMBERS = ("id", "pid", "severity", "source_port")


def texts(chance: random.Random) -> list[str | None]:
    some: list[str | None] = [
        "".join(chance.choices(ALPHABET, k=chance.randrange(6))) for _ in range(60)
    ]
    some += ["web1", "WEB1", "web1 ", "wéb1", "10.0.0.5", "10.0.0.50", LONG + "a", LONG + "B"]
    return [*some, *[None] * 12]


def hostile(count: int, seed: int) -> pl.DataFrame:
    """Rows with what is hard to compare, few enough different ones that some are alike."""
    chance = random.Random(seed)
    pool = texts(chance)
    types = polars_schema(EVENT)
    rows = [
        {
            "id": n,
            "time": chance.choice(TIMES),
            "received": START,
            **{name: chance.choice(pool) for name in TEXTS[:4]},
            "pid": chance.choice([None, 0, 1, 5, -7, 2**31 - 1]),
            "severity": chance.choice([None, 0, 3, 7]),
            "source_port": chance.choice([None, 22, 443]),
            "parsed": chance.choice([None, True, False]),
            "raw_bytes": chance.choice([None, b"", b"\xff\x00a"]),
            "fields": chance.choice(
                [None, {}, {key: chance.choice(pool) for key in chance.sample(KEYS, 3)}]
            ),
        }
        for n in range(count)
    ]
    return pl.DataFrame([{**dict.fromkeys(types), **row} for row in rows], schema=types)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """A lake and a MariaDB with the same rows."""
    folder = tmp_path_factory.mktemp("both")
    lake, server = (STORES[kind](folder) for kind in ("lake", "mariadb"))
    for store in (lake, server):
        put(store, "Auth", hostile(200, 1))
        put(store, "Access", hostile(60, 2))
    yield lake, server
    server.close()


@contextmanager
def only(way: str) -> Iterator[None]:
    """Answers come by one way only: `native`, `pulled`, or `any`."""

    def refuse(*_: object) -> Any:
        raise Untranslated("by the test")

    def fail(*_: object) -> Any:
        raise AssertionError("rows were pulled")

    with pytest.MonkeyPatch.context() as patch:
        if way == "pulled":
            patch.setattr(answer, "translate", refuse)
        if way == "native":
            patch.setattr(pull, "pull", fail)
        yield


SCANS = {"t": Scan("Auth"), "u": Scan("Access")}


def agree(both: tuple[Store, Store], sql: str, *ways: str) -> list[dict[str, Any]]:
    lake, server = both
    wanted = ask(lake, sql, NO_LIMITS, **SCANS)
    for way in ways:
        with only(way):
            found = ask(server, sql, NO_LIMITS, **SCANS)
        if " ORDER BY " not in sql:
            found, wanted = (sorted(some, key=repr) for some in (found, wanted))
        assert found == wanted, way
    return wanted


def quoted(text: str) -> str:
    return exp.Literal.string(text).sql("duckdb")


def stamp(time: datetime) -> str:
    return f"CAST('{time.isoformat(sep=' ', timespec='microseconds')}' AS TIMESTAMP)"


some_text = st.one_of(
    st.text(LITERALS, max_size=4), st.sampled_from(["web1", "10.0.0.5", LONG + "a"])
)
text_column = st.sampled_from(TEXTS)
comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
number = st.one_of(st.integers(-10, 250), st.sampled_from([2**31 - 1, 2**63 - 1]))
moment = st.sampled_from([t for t in TIMES if t is not None]).map(stamp)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    column, text = draw(text_column), draw(st.text(LITERALS + "%%%___", max_size=5))
    like = draw(st.sampled_from(["LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE"]))
    if draw(st.booleans()):
        return f"{column} {like} {quoted(text)}"
    text = text.replace("\\", "\\\\") if draw(st.booleans()) else text.replace("\\", "")
    return f"{column} {like} {quoted(text)} ESCAPE '\\'"


@st.composite
def lowered(draw: st.DrawFn) -> str:
    column, values = draw(text_column), draw(st.lists(some_text, min_size=1, max_size=3))
    if len(values) == 1:
        return f"lower({column}) = {quoted(values[0])}"
    return f"lower({column}) IN ({', '.join(map(quoted, values))})"


def listed(column: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> Any:
    values = st.lists(value, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("{} {} {}".format, column, comparison, value),
        st.builds("{} IN ({})".format, column, values),
        st.builds("{} BETWEEN {} AND {}".format, column, value, value),
        st.builds("{} IS NOT DISTINCT FROM {}".format, column, value),
    )


number_column = st.sampled_from(NUMBERS)
leaf = st.one_of(
    listed(text_column, some_text.map(quoted)),
    listed(number_column, number.map(str)),
    listed(st.just("time"), moment),
    patterns(),
    patterns(),
    lowered(),
    st.builds("{} {} {}".format, text_column, comparison, text_column),
    st.builds("{} IS {}NULL".format, st.one_of(text_column, number_column, st.just("time")),
              st.sampled_from(["", "NOT "])),
    st.sampled_from(["parsed", "parsed = false", "NOT parsed", "TRUE"]),
    st.builds("regexp_matches({}, '{}', '{}')".format, text_column,
              st.text("aAkKsS:5|", min_size=1, max_size=3), st.sampled_from("ic")),
    st.builds("strpos(lower({}), lower({})) {} {}".format, text_column, some_text.map(quoted),
              comparison, st.integers(0, 4)),
    st.builds("contains({}, {})".format, text_column, some_text.map(quoted)),
    st.builds("starts_with({}, {})".format, text_column, some_text.map(quoted)),
    st.builds("epoch_us(time) // 60000000 {} {}".format, comparison, number),
)  # fmt: skip
condition = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, inner, inner, inner),
    ),
    max_leaves=5,
)
way = st.builds(
    " ".join, st.tuples(st.sampled_from(["", "DESC"]), st.sampled_from(["", "NULLS FIRST"]))
)
short = st.sampled_from([*NUMBERS, "time", "parsed"])
key = st.one_of(text_column, short)


@st.composite
def native_statements(draw: st.DrawFn) -> str:
    """What the server is known to answer by itself."""
    where, column, order, by = draw(condition), draw(key), draw(way), draw(short)
    return draw(
        st.sampled_from(
            [
                f"SELECT id, {column} AS x, fields, raw_bytes, {by} AS y FROM t WHERE {where}"
                f" ORDER BY y {order}, id LIMIT 40",
                f"SELECT * FROM (SELECT {by} AS y, id, {column} AS x FROM t WHERE {where}"
                f" UNION ALL SELECT {by}, id + 1000, {column} FROM u) AS v"
                f" ORDER BY y {order}, id LIMIT 9 OFFSET 3",
                f"SELECT id, {column} AS x, {by} AS y, fields FROM t WHERE {where}",
                f"SELECT {by} AS y, count(*) AS n, min(id) AS i, max(time) AS m, sum(pid) AS s"
                f" FROM t WHERE {where} GROUP BY 1 ORDER BY n {order}, y {order}",
                f"SELECT count(*) AS n, count({column}) AS c, count(DISTINCT {by}) AS d,"
                f" min({column}) AS low, max({column}) AS high FROM t WHERE {where}",
                f"SELECT (epoch_us(time) - epoch_us({stamp(START)})) // 3600000000 AS b,"
                f" count(*) AS n FROM (SELECT time FROM t WHERE {where}) AS e GROUP BY 1"
                " ORDER BY 1",
                f"SELECT count(*) AS n, count(CASE WHEN {where} THEN epoch_us(time) END) AS m,"
                f" min(CASE WHEN {where} THEN epoch_us(time) END) AS low FROM t",
                f"SELECT DISTINCT {by} AS x FROM t WHERE {where} ORDER BY x {order}",
                f"SELECT coalesce({draw(text_column)}, {draw(text_column)}, '-') AS x, id FROM t"
                f" WHERE {where} ORDER BY id {draw(way)}",
            ]
        )
    )


@st.composite
def statements(draw: st.DrawFn) -> str:
    """What the server answers in part."""
    where, column, order = draw(condition), draw(key), draw(way)
    return draw(
        st.sampled_from(
            [
                f"SELECT id, {column} AS x FROM t WHERE {where} ORDER BY x {order}, id LIMIT 40",
                f"SELECT lower(host) AS x, {column} AS y FROM t WHERE {where} ORDER BY id LIMIT 9",
                f"SELECT {column} AS x, count(*) AS n FROM t WHERE {where} GROUP BY 1"
                f" ORDER BY n DESC, x {order} LIMIT 5",
                f"SELECT DISTINCT {column} AS x FROM t WHERE {where} ORDER BY x {order}",
                f"SELECT id, x FROM (SELECT id, upper({column}::TEXT) AS x FROM t WHERE {where}"
                " UNION ALL (SELECT id + 1000, '-' FROM u UNION ALL SELECT id + 2000, NULL FROM t))"
                f" ORDER BY id {order} LIMIT 5 OFFSET 2",
                f"SELECT a.id, u.message FROM (SELECT id FROM t WHERE {where}) AS a"
                " JOIN u ON a.id = u.id ORDER BY 1",
                f"WITH c AS (SELECT * FROM t WHERE {where}) SELECT count(*) AS n,"
                f" count(DISTINCT {column}) AS d FROM c WHERE upper(message) <> 'X'",
                f"SELECT (SELECT max(id) FROM u) AS m, count(*) AS n FROM t WHERE {where}",
            ]
        )
    )


@settings(max_examples=35, deadline=None)
@given(native_statements())
def test_the_server_answers_as_duckdb_does(both: tuple[Store, Store], sql: str) -> None:
    agree(both, sql, "native", "pulled")


@settings(max_examples=15, deadline=None)
@given(statements())
def test_what_only_duckdb_answers(both: tuple[Store, Store], sql: str) -> None:
    agree(both, sql, "any")
