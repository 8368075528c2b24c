"""Events in order of time: the newest last, however many, over one table or several."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siemstress.query import order
from siemstress.query.events import Events
from siemstress.query.filters import Filter
from siemstress.query.order import in_order
from siemstress.schema import EVENT, polars_schema
from siemstress.store.lake import Lake
from stores import events, put

TIMES = st.one_of(
    st.none(),
    st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 1, 0, 0, 20)),
    st.sampled_from([datetime(2026, 3, 1), datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59)]),
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def store_times(lake: Lake, table: str, times: Sequence[datetime | None]) -> None:
    """Store events at these times, numbered from 1, in two files."""
    frame = pl.DataFrame(
        {"id": range(1, len(times) + 1), "time": times, "message": [str(t) for t in times]},
        schema_overrides={k: polars_schema(EVENT)[k] for k in ("id", "time")},
    )
    half = len(times) // 2
    for part in (frame[half:], frame[:half]):
        if part.height:
            put(lake, table, part)


def answered(
    asked: Events, *args: Any, columns: Sequence[str] = ("id",), **kwargs: Any
) -> list[Any]:
    """The rows of the answer; of a single column its values."""
    answer = in_order(asked, columns, *args, **kwargs)
    rows = [tuple(row.values()) for batch in answer.batches for row in batch.to_pylist()]
    assert answer.schema.names == list(columns)
    return [row[0] for row in rows] if len(columns) == 1 else rows


def by_time(times: Sequence[datetime | None]) -> list[int]:
    """The ids in order of time; those without one come first."""
    keys = [(t is not None, t or datetime.min, n) for n, t in enumerate(times, 1)]
    return [n for _, _, n in sorted(keys)]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    times=st.lists(TIMES, min_size=1, max_size=40),
    limit=st.none() | st.integers(1, 45),
    newest_first=st.booleans(),
    in_slices=st.booleans(),
    slice_rows=st.integers(1, 12),
)
def test_every_way_of_sorting_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    times: list[datetime | None],
    limit: int | None,
    newest_first: bool,
    in_slices: bool,
    slice_rows: int,
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    store_times(lake, "Auth", times)
    if in_slices:
        monkeypatch.setattr(order, "HELD_BYTES", 0)
        monkeypatch.setattr(order, "SLICE_ROWS", slice_rows)
        monkeypatch.setattr(order, "BUCKETS", 5)
        monkeypatch.setattr(order, "DIRECT_ROWS", 0)
    expected = by_time(times)[-(limit or len(times)) :]
    found = answered(Events(lake, ["Auth"]), limit, newest_first=newest_first)
    monkeypatch.undo()
    assert found == (expected[::-1] if newest_first else expected)


def test_slices_keep_to_the_filter(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, "Auth", events(200, process=["sshd", "cron"] * 100))
    monkeypatch.setattr(order, "HELD_BYTES", 0)
    monkeypatch.setattr(order, "SLICE_ROWS", 30)
    first = datetime(2026, 3, 1, 12)
    wanted = Filter(
        {"process": ["cron"]}, {}, first + timedelta(seconds=10), first + timedelta(150)
    )
    assert answered(Events(lake, ["Auth"], wanted)) == list(range(11, 200, 2))
    until = Filter(time_max=first + timedelta(seconds=99))
    assert answered(Events(lake, ["Auth"], until), 60) == list(range(40, 100))


def test_a_large_answer_is_not_held(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, "Auth", events(1_000))
    monkeypatch.setattr(order, "HELD_BYTES", 1_000)
    monkeypatch.setattr(order, "SLICE_ROWS", 100)
    answer = in_order(Events(lake, ["Auth"]), ["id"])
    assert next(answer.batches).num_rows <= 101


def test_bug_13_two_tables_are_one_answer(lake: Lake) -> None:
    put(lake, "Auth", events(3))
    put(lake, "Entries", events(3, first=10))
    asked = Events(lake, ["Auth", "Entries"])
    rows = answered(asked, columns=("table", "id"))
    assert rows == [("Auth", 0), ("Auth", 1), ("Auth", 2)] + [("Entries", n) for n in (10, 11, 12)]
    assert len(answered(asked, columns=asked.columns)) == 6


def test_what_a_table_lacks_is_empty(lake: Lake) -> None:
    put(lake, "Auth", events(1))
    put(lake, "Web", events(1, first=5).with_columns(bytes_sent=pl.lit(7)))
    asked = Events(lake, ["Auth", "Web", "Missing"])
    assert "bytes_sent" in asked.columns
    rows = answered(asked, columns=("id", "bytes_sent", "event_limit", "fields.x"))
    assert rows == [(0, None, None, None), (5, 7, None, None)]


def test_tables_that_do_not_exist_are_empty(lake: Lake) -> None:
    asked = Events(lake, ["No", "Neither"])
    assert answered(asked, columns=asked.columns) == []
    assert answered(asked, 3) == []


def test_names_of_columns(lake: Lake) -> None:
    put(lake, "Web", events(1).with_columns(Sent=pl.lit(7)))
    asked = Events(lake, ["Web"])
    for typed, name in {
        "DateStamp": "time", "SourceHost": "host", "source_process": "process",
        " user ": "user_name",
        "sent": "Sent", "fields.A b": "fields.A b", "TABLE": "table",
    }.items():  # fmt: skip
        assert asked.column_name(typed, "--columns") == name
    with pytest.raises(Exception, match="no column 'nosuch'"):
        asked.column_name("nosuch", "--columns")
    with pytest.raises(Exception, match="no column"):
        asked.column_name("fields.", "--columns")
