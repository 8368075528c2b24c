"""Filters: what flags mean, compared with the same said in plain Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from siemstress.errors import QueryError
from siemstress.query.filters import COLUMNS, SEVERITIES, Filter, parse_flags
from siemstress.schema import EVENT, polars_schema

# Characters that mean something to SQL, to LIKE, and to those who fold case.
LETTERS = "aAbB%_\\'\"; -É é\n\x00[x"
TEXTS = st.text(LETTERS, max_size=5)
TEXT_FLAGS = {"shost": ("host", "source_host"), "user": ("user_name",), "process": ("process",)}


def rows_passing(wanted: Filter, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """The places of the rows that the filter's condition holds for."""
    types = polars_schema(EVENT)
    frame = pl.DataFrame(
        [{**dict.fromkeys(types), **row, "id": row.get("id", n)} for n, row in enumerate(rows)],
        schema=types,
    ).with_row_index("place")
    query = exp.select(exp.column("place")).from_("events")
    condition = wanted.condition()
    query = query if condition is None else query.where(condition)
    with duckdb.connect() as connection:
        connection.register("events", frame.to_arrow())
        return sorted(place for (place,) in connection.execute(query.sql("duckdb")).fetchall())


def like(pattern: str, text: str) -> bool:
    """SQL's LIKE, without regard to case, as a regular expression."""
    parts = re.findall(r"\\[%_\\]|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(p) or re.escape(p[-1].lower()) for p in parts)
    return re.fullmatch(expression, text.lower(), re.DOTALL) is not None


@settings(max_examples=60, deadline=None)
@given(
    flag=st.sampled_from(sorted(TEXT_FLAGS)),
    patterns=st.lists(TEXTS, min_size=1, max_size=3),
    values=st.lists(st.tuples(TEXTS | st.none(), TEXTS | st.none()), min_size=1, max_size=6),
)
def test_text_filters_are_like_without_case(
    flag: str, patterns: list[str], values: list[tuple[str | None, str | None]]
) -> None:
    columns = TEXT_FLAGS[flag]
    rows = [dict(zip(columns, pair, strict=False)) for pair in values]
    passing = [
        place
        for place, row in enumerate(rows)
        if any(like(p, v) for p in patterns for v in row.values() if v is not None)
    ]
    assert rows_passing(parse_flags({flag: patterns}), rows) == passing
    others = sorted(set(range(len(rows))) - set(passing))
    assert rows_passing(parse_flags({f"r{flag}": patterns}), rows) == others


@settings(max_examples=50, deadline=None)
@given(
    patterns=st.lists(st.text(LETTERS + "0123.", max_size=8), min_size=1, max_size=2),
    values=st.lists(st.text(LETTERS + "0123.", max_size=12) | st.none(), min_size=1, max_size=6),
)
def test_grep_finds_text_anywhere(patterns: list[str], values: list[str | None]) -> None:
    rows = [{"message": value} for value in values]
    passing = [
        place
        for place, value in enumerate(values)
        if value is not None and any(like(f"%{_shut(p)}%", value) for p in patterns)
    ]
    assert rows_passing(parse_flags({"grep": patterns}), rows) == passing
    others = sorted(set(range(len(rows))) - set(passing))
    assert rows_passing(parse_flags({"rgrep": patterns}), rows) == others


def _shut(pattern: str) -> str:
    """The pattern with a backslash at its end doubled, so that it takes nothing that follows."""
    odd = len(re.sub(r"\\[%_\\]", "", pattern)) and re.sub(r"\\[%_\\]", "", pattern)[-1] == "\\"
    return pattern + "\\" if odd else pattern


ROW = {
    "id": 7, "host": "web1", "source_host": "10.0.0.1", "source_port": 22, "dest_host": "db",
    "dest_port": 5432, "process": "sshd", "pid": 5, "protocol": "tcp", "user_name": "root",
    "action": "login", "outcome": "failure", "severity": 3, "facility": "auth", "parsed": False,
    "message": "Failed password", "fields": {"method": "password"},
}  # fmt: skip
GIVEN = {
    "id": "7", "shost": "WEB_", "sport": "22", "dhost": "DB", "dport": "5432", "process": "ss%",
    "pid": "5", "protocol": "TCP", "user": "Root", "action": "LOGIN", "outcome": "fail%",
    "category": "Authentication", "severity": "err", "facility": "4", "field": "method=PASS%",
    "unparsed": "yes", "grep": "fail_d",
}  # fmt: skip


def test_every_flag_is_tried() -> None:
    assert set(GIVEN) == set(COLUMNS)


@pytest.mark.parametrize("flag", GIVEN)
def test_each_flag_keeps_what_has_it_and_its_opposite_the_rest(flag: str) -> None:
    rows: list[dict[str, Any]] = [ROW, {"id": 8}]
    assert rows_passing(parse_flags({flag: [GIVEN[flag]]}), rows) == [0]
    assert rows_passing(parse_flags({f"r{flag}": [GIVEN[flag]]}), rows) == [1]


def test_the_same_flag_twice_is_or_and_different_ones_are_and() -> None:
    rows = [{"process": p, "pid": n} for p, n in (("a", 1), ("b", 1), ("c", 1), ("a", 2))]
    wanted = parse_flags({"process": ["a", "b"], "pid": ["1"]})
    assert rows_passing(wanted, rows) == [0, 1]
    assert rows_passing(parse_flags({"rprocess": ["a", "b"]}), rows) == [2]


def test_bug_12_an_id_is_that_number_alone() -> None:
    rows = [{"id": n} for n in (1, 2, 3, 12, 23, 123, 1234)]
    assert rows_passing(parse_flags({"id": ["123"]}), rows) == [5]
    assert rows_passing(parse_flags({"id": ["123", "1"]}), rows) == [0, 5]


def test_bug_14_filtering_out_keeps_rows_without_the_column() -> None:
    rows: list[dict[str, Any]] = [{}, {"process": "sshd"}, {"process": "cron"}]
    assert rows_passing(parse_flags({"rprocess": ["sshd"]}), rows) == [0, 2]
    assert rows_passing(parse_flags({"rpid": ["1"]}), rows) == [0, 1, 2]
    assert rows_passing(parse_flags({"rfield": ["a=b"]}), rows) == [0, 1, 2]


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", 'x\'; DROP TABLE "Auth"; --', '"', "\\'", "%' OR '1'='1", "🙂", "\x00"]
)
def test_bug_15_no_value_becomes_sql(text: str) -> None:
    rows = [{"user_name": text, "message": f"a {text} b", "fields": {text: text}}, {}]
    exact = text.replace("\\", "\\\\").replace("%", "\\%")
    for flag, value in (("user", exact), ("grep", exact), ("field", f"{text}={exact}")):
        if flag == "field" and "=" in text:
            continue
        assert rows_passing(parse_flags({flag: [value]}), rows) == [0]
        assert rows_passing(parse_flags({f"r{flag}": [value]}), rows) == [1]


@pytest.mark.parametrize("address", ["2001:db8:85a3:8d3:1319:8a2e:370:7348", "h" * 300])
def test_bug_16_long_addresses_and_names_are_compared_whole(address: str) -> None:
    rows = [{"source_host": address}, {"source_host": address[:-1]}]
    assert rows_passing(parse_flags({"shost": [address]}), rows) == [0]


def test_severities() -> None:
    rows = [{"severity": n} for n in range(8)]
    for text, expected in {
        "0-3": [0, 1, 2, 3], "err": [3], "warning-info": [4, 5, 6], "1,7": [1, 7], "ERROR": [3],
        "emerg-debug": list(range(8)), " 2 , panic ": [0, 2],
    }.items():  # fmt: skip
        assert rows_passing(parse_flags({"severity": [text]}), rows) == expected
    assert [parse_flags({"severity": [s]}).include["severity"] for s in SEVERITIES] == [
        (n,) for n in range(8)
    ]


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("id", "12x"), ("id", ""), ("id", "-1"), ("id", "1.5"), ("id", "9" * 19), ("rid", "x"),
        ("id", "9" * 5000), ("id", "١"),
        ("pid", "2147483648"), ("sport", "65536"), ("dport", "https"),
        ("severity", "8"), ("severity", "3-1"), ("severity", "1-2-3"), ("severity", ""),
        ("facility", "24"), ("field", "name"), ("field", "=value"), ("unparsed", "maybe"),
        ("user", "\udc80"),
    ],
)  # fmt: skip
def test_what_a_flag_cannot_take_is_said_in_a_line(flag: str, text: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_flags({flag: [text]})
    assert caught.value.key == flag
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("flag", ["last", "rlast", "nosuch", "", "r", "rrid", "raw"])
def test_unknown_flags_are_refused(flag: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_flags({flag: ["1"]})
    assert caught.value.key == flag


def test_bounds_follow_from_the_same_filter() -> None:
    first, last = datetime(2026, 3, 1), datetime(2026, 3, 2)
    wanted = Filter(parse_flags({"id": ["9", "4"]}).include, {}, first, last)
    bounds = wanted.bounds()
    assert (bounds.time_min, bounds.time_max) == (first, last)
    assert (bounds.id_min, bounds.id_max) == (4, 9)
    assert parse_flags({"rid": ["4"]}).bounds() == Filter().bounds()


def test_times_are_inclusive() -> None:
    moments = [datetime(2026, 3, 1, 0, 0, s) for s in range(4)]
    wanted = Filter(time_min=moments[1], time_max=moments[2])
    assert rows_passing(wanted, [{"time": m} for m in (*moments, None)]) == [1, 2]


def test_unparsed_no_means_nothing() -> None:
    assert parse_flags({"unparsed": ["no"]}) == Filter()
    assert Filter().condition() is None


def test_many_values_are_one_condition() -> None:
    rows = [{"user_name": "u4999"}, {"user_name": "x"}]
    assert rows_passing(parse_flags({"user": [f"u{n}" for n in range(5000)]}), rows) == [0]
    patterns = [f"u{n}%" for n in range(300)]
    assert rows_passing(parse_flags({"user": patterns}), rows) == [0]
