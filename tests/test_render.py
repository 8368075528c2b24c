"""Answers as text: nothing is lost, nothing steers a terminal, lines fit."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from siemstress.errors import InputError, QueryError
from siemstress.render.bars import bars, labels
from siemstress.render.lines import Lines, unique
from siemstress.render.output import Target, opened
from siemstress.render.table import LONGEST, fold, show_time
from siemstress.render.text import visible, visible_json
from siemstress.render.writers import writer

HOSTILE = "\x00\x1b[31m\x07\x9b\u202e\r\n\t\"',;%\\é日本🙂\u200b\x7f"
TEXTS = st.none() | st.text(st.characters(codec="utf-8") | st.sampled_from(HOSTILE), max_size=12)
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def rendered(form: str, batch: pa.RecordBatch, **target: Any) -> str:
    """What a form makes of a batch, given once and in parts of one row."""
    texts = []
    for parts in ([batch], [batch.slice(n, 1) for n in range(batch.num_rows)]):
        out = io.BytesIO()
        made = writer(form, batch.schema, None, Target(out, **target), UTC)
        for part in parts:
            made.write(part)
        made.close()
        texts.append(out.getvalue().decode())
    if form != "table":  # A table's widths follow from its first batch.
        assert texts[0] == texts[1]
    return texts[0]


def batch_of(**columns: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4), st.booleans())
def test_json_says_what_the_values_are(
    rows: list[tuple[str | None, str | None]], to_terminal: bool
) -> None:
    maps = [None if b is None else [(f"k{a}", b)] for a, b in rows]
    batch = batch_of(
        a=pa.array([a for a, _ in rows], pa.string()),
        fields=pa.array(maps, pa.map_(pa.string(), pa.string())),
        n=pa.array(range(len(rows)), pa.int64()),
    )
    expected = [
        {"a": a, "fields": None if b is None else {f"k{a}": b}, "n": n}
        for n, (a, b) in enumerate(rows)
    ]
    jsonl = rendered("jsonl", batch, is_terminal=to_terminal)
    assert [json.loads(line) for line in jsonl.split("\n")[:-1]] == expected
    array = rendered("json", batch, is_terminal=to_terminal)
    assert json.loads(array) == expected
    if to_terminal:
        assert not CONTROLS.search(jsonl + array)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_csv_says_what_the_values_are(rows: list[tuple[str | None, str | None]]) -> None:
    columns = {n: pa.array([row[n] for row in rows], pa.string()) for n in (0, 1)}
    text = rendered("csv", batch_of(a=columns[0], b=columns[1]))
    assert text.endswith("\r\n")
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == [
        [value or "" for value in row] for row in rows
    ]


def test_csv_tells_empty_from_missing_and_quotes_only_where_it_must() -> None:
    batch = batch_of(a=["", "x", 'q"'], b=[None, "y z", "1,2"], c=[1, None, 3])
    assert rendered("csv", batch) == 'a,b,c\r\n"",,1\r\nx,y z,\r\n"q""","1,2",3\r\n'


def test_json_is_laid_out_as_python_does_it() -> None:
    batch = batch_of(
        z=["a", None],
        fields=pa.array([[("y", "1"), ("x", None)], []], pa.map_(pa.string(), pa.string())),
        B=[True, False],
    )
    expected = [
        {"z": "a", "fields": {"y": "1", "x": None}, "B": True},
        {"z": None, "fields": {}, "B": False},
    ]
    assert rendered("json", batch) == json.dumps(expected, indent=2, sort_keys=True) + "\n"
    assert rendered("json", batch.slice(0, 0)) == "[]\n"


def test_values_that_json_has_no_words_for() -> None:
    moment = datetime(2026, 10, 14, 4, 11, 37, 120)
    batch = batch_of(
        time=pa.array([moment], pa.timestamp("us")),
        zoned=pa.array([moment], pa.timestamp("ns", tz="Asia/Tokyo")),
        far=pa.array([2**62], pa.timestamp("us")),
        bytes=[b"\xff\x00"],
        nan=[float("nan")],
        half=[0.5],
        nested=[{"a": [float("inf"), 1.5]}],
    )
    (row,) = (json.loads(line) for line in rendered("jsonl", batch).splitlines())
    assert row["time"] == row["zoned"] == "2026-10-14T04:11:37.000120Z"
    assert row["bytes"] == "/wA="
    assert (row["nan"], row["half"], row["nested"]) == (None, 0.5, {"a": [None, 1.5]})
    assert row["far"].startswith("148108-")
    assert json.loads(rendered("json", batch)) == [row]


def test_columns_of_the_same_name_are_told_apart() -> None:
    assert unique(["a", "A", "b", "a", "a_2"]) == ["a", "A_2", "b", "a_3", "a_2_2"]
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], ["n", "N"])
    assert json.loads(rendered("jsonl", batch)) == {"n": 1, "N_2": 2}
    assert rendered("csv", batch).splitlines() == ["n,N_2", "1,2"]
    assert rendered("table", batch).split() == ["n", "N", "1", "2"]
    out = io.BytesIO()
    made = writer("parquet", batch.schema, None, Target(out), None)
    made.write(batch)
    made.close()
    assert pq.read_table(io.BytesIO(out.getvalue())).to_pydict() == {"n": [1], "N_2": [2]}


def test_raw_lines_come_back_byte_for_byte() -> None:
    lines = [b"a\r", b"\xff\x00\n", "é".encode(), b"", b"alert"]
    batch = batch_of(
        raw=pa.array(["a\r", "\ufffd\x00\n", "é", "", None]),
        raw_bytes=pa.array([None, lines[1], None, None, None], pa.binary()),
        message=pa.array([None, None, None, None, "alert"]),
    )
    out = io.BytesIO()
    made = Lines("raw", batch.schema, out)
    made.write(batch)
    made.close()
    assert out.getvalue() == b"".join(line + b"\n" for line in lines)
    assert not CONTROLS.search(rendered("raw", batch, is_terminal=True).replace("\n", ""))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5),
    st.integers(20, 60),
    st.booleans(),
)
def test_tables_fit_and_steer_nothing(
    rows: list[tuple[str | None, str | None]], width: int, fits: bool
) -> None:
    columns = [pa.array([row[n] for row in rows], pa.string()) for n in (0, 1)]
    batch = batch_of(first=columns[0], second=columns[1])
    text = rendered("table", batch, width=width if fits else None)
    assert not CONTROLS.search(text)
    lines = text.split("\n")[:-1]
    assert lines[0].split() == ["first", "second"]
    if fits:
        assert all(cell_len(line) <= width for line in lines)
    else:
        assert len(lines) == len(rows) + 1


def test_a_table() -> None:
    batch = batch_of(
        id=[7, 123],
        time=pa.array([datetime(2026, 10, 14, 4, 11), datetime(2026, 10, 14, 4, 12, 0, 5000)]),
        ok=[True, None],
        fields=pa.array([[("a", "1"), ("b", None)], None], pa.map_(pa.string(), pa.string())),
        message=["one two three four five", "日本 x"],
    )
    assert rendered("table", batch, width=67) == (
        " id  time                     ok   fields  message\n"
        "  7  2026-10-14 04:11:00      yes  a=1 b=  one two three four five\n"
        "123  2026-10-14 04:12:00.005               日本 x\n"
    )
    folded = rendered("table", batch, width=60).splitlines()
    assert folded[1].endswith("one two three")
    assert folded[2].strip() == "four five"


def test_columns_that_have_no_room_stand_one_below_the_other() -> None:
    batch = batch_of(**{f"column{n}": [f"value {n}", None] for n in range(9)})
    lines = rendered("table", batch, width=60).splitlines()
    assert lines[:2] == ["column0  value 0", "column1  value 1"]
    assert all(cell_len(line) <= 60 for line in lines)


def test_headings_are_bold_only_in_colour() -> None:
    batch = batch_of(a=["x"])
    assert rendered("table", batch, may_colour=True).startswith("\x1b[1ma\x1b[0m\n")
    assert "\x1b" not in rendered("table", batch)


def test_what_an_output_cannot_write_is_escaped() -> None:
    assert "\\u65e5" in rendered("table", batch_of(a=["日"]), encoding="ascii")


def test_a_huge_value_is_cut_where_it_would_fill_screens() -> None:
    text = rendered("table", batch_of(id=[1], message=["x" * 10_000_000]), width=80)
    assert LONGEST < len(text) < 3 * LONGEST
    assert "…" in text
    assert len(rendered("table", batch_of(message=["x" * 1_000_000]))) > 1_000_000


@given(st.text(max_size=60), st.integers(2, 12))
def test_folding_loses_nothing_but_blanks(text: str, width: int) -> None:
    text = visible(text)
    lines = fold(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_times_are_shown_in_the_zone() -> None:
    tokyo = timezone(timedelta(hours=9))
    micros = 1_760_000_000_123_000
    assert show_time(micros, UTC) == "2025-10-09 08:53:20.123"
    assert show_time(micros, tokyo) == "2025-10-09 17:53:20.123"
    assert show_time(-1, UTC) == "1969-12-31 23:59:59.999999"
    assert show_time(2**62, UTC) == f"{2**62} µs"


def test_visible_json_stays_json() -> None:
    text = json.dumps({"a": HOSTILE}, ensure_ascii=False)
    assert json.loads(visible_json(text)) == {"a": HOSTILE}


def test_bars() -> None:
    out = io.BytesIO()
    bars([("a", 8), ("bb", 0), ("c", 1)], Target(out, width=20))
    lines = out.getvalue().decode().splitlines()
    assert lines[0] == "a   8  " + "█" * 13
    assert lines[1] == "bb  0"
    assert re.fullmatch(r"c   1  █[▏▎▍▌▋▊▉]?", lines[2])
    out = io.BytesIO()
    bars([("a", 2), ("b", 1)], Target(out, width=20, encoding="ascii"))
    assert out.getvalue() == b"a  2  " + b"#" * 14 + b"\nb  1  " + b"#" * 7 + b"\n"
    bars([], Target(out))


def test_labels_say_no_more_than_is_needed() -> None:
    days = [datetime(2026, 3, 1), datetime(2026, 3, 2)]
    assert labels(days, UTC) == ["2026-03-01", "2026-03-02"]
    assert labels([datetime(2026, 3, 1, 1)], UTC) == ["2026-03-01 01:00"]
    assert labels([datetime(2026, 3, 1, 1, 0, 2)], UTC) == ["2026-03-01 01:00:02"]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "answer"
    path.write_text("old")
    path.chmod(0o640)
    with pytest.raises(KeyboardInterrupt), opened(str(path)) as target:
        _write_half(target)
    assert path.read_text() == "old"
    with opened(str(path)) as target:
        target.stream.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def _write_half(target: Target) -> None:
    target.stream.write(b"half")
    raise KeyboardInterrupt


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with opened(str(tmp_path / "link")) as target:
        target.stream.write(b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "x"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with opened(str(tmp_path / "pipe")) as target:
        target.stream.write(b"y")
    assert os.read(reader, 10) == b"y"
    os.close(reader)


@pytest.mark.parametrize("name", ["no/such/folder", "."])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    with pytest.raises(InputError) as caught, opened(path):
        pytest.fail("nothing can be written")
    assert str(caught.value).startswith(f"{path}: cannot be written: ")


def test_parquet_is_not_for_terminals() -> None:
    with pytest.raises(QueryError, match="--output FILE"):
        writer(
            "parquet", batch_of(a=[1]).schema, None, Target(io.BytesIO(), is_terminal=True), None
        )
