"""Parts of lines between delimiters: against a reader of one line, byte by byte."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from siemstress.formats.delimited import MOST, Quoting, Split, distinct, named, split, split_quoted
from siemstress.formats.found import Found
from siemstress.sources.lines import of_bytes

TEXT = st.text(alphabet='ab", \\[]é\0\t-', max_size=16)


def _parts(line: str, delimiter: str, quoting: Quoting) -> list[str]:
    """The parts of a line, by walking along it."""
    found: list[str] = []
    rest: str | None = line
    while rest is not None:
        inner, behind = _hidden(rest, quoting)
        head, mark, tail = rest[behind:].partition(delimiter)
        found.append(rest[:behind] + head if head or inner is None else inner)
        rest = tail if mark else None
    return found


def _hidden(text: str, quoting: Quoting) -> tuple[str | None, int]:
    """What quotes or brackets hide at a text's start, and where they end."""
    if quoting is Quoting.ESCAPED and text[:1] == "[" and "]" in text:
        end = text.index("]")
        return text[1:end], end + 1
    if text[:1] != '"':
        return None, 0
    at, last = 1, -1
    while at < len(text):
        if quoting is Quoting.ESCAPED and text[at] == "\\":
            at += 2
        elif text[at] != '"':
            at += 1
        elif quoting is Quoting.DOUBLED and text[at + 1 : at + 2] == '"':
            last, at = at, at + 2
        else:
            return text[1:at], at + 1
    # A doubled quote that nothing closes: its first half does.
    return (text[1:last], last + 1) if last > 0 else (None, 0)


def _texts(data: list[str], parts: Split) -> list[list[str]]:
    lines = of_bytes("".join(f"{line}\n" for line in data).encode())
    text = lines.text(parts.span.start, parts.span.length).to_list()
    found: list[list[str]] = [[] for _ in data]
    for row, place, part in zip(parts.row, parts.place, text, strict=True):
        assert place == len(found[row])
        found[row].append(part)
    return found


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=8))
@example(["", "a", ",", "a,,b,"])
def test_plain_parts_are_what_python_s_split_gives(data: list[str]) -> None:
    lines = of_bytes("".join(f"{line}\n" for line in data).encode())
    ok, parts = split(lines, lines.starts, lines.ends, ",")
    assert ok.all()
    assert _texts(data, parts) == [line.split(",") for line in data]
    some, parts = split(lines, lines.starts, lines.ends, ",", 2, 3)
    counts = [line.count(",") + 1 for line in data]
    assert some.tolist() == [2 <= count <= 3 for count in counts]
    assert len(parts.row) == sum(count for count in counts if 2 <= count <= 3)
    ok, parts = split(lines, lines.starts, lines.ends, " ", runs=True)
    wanted = [[part for part in line.split(" ") if part] for line in data]
    assert ok.tolist() == [bool(part) for part in wanted]
    assert _texts(data, parts) == wanted


@pytest.mark.parametrize("quoting", Quoting)
@settings(deadline=None)
@given(data=st.lists(TEXT, min_size=1, max_size=8))
@example(data=['"a', '"', '""', '"""', '"a""b",c', '"a"b,c', '"a"",b', "[a b", '"\\" ,"', "[ ] x"])
@example(data=['" "" ', '"a" "b"'])
def test_quoted_parts_are_those_of_one_who_walks_along(quoting: Quoting, data: list[str]) -> None:
    delimiter = "," if quoting is Quoting.DOUBLED else " "
    lines = of_bytes("".join(f"{line}\n" for line in data).encode())
    ok, parts = split_quoted(lines, lines.starts, lines.ends, delimiter, quoting)
    assert ok.all()
    assert _texts(data, parts) == [_parts(line, delimiter, quoting) for line in data]


@pytest.mark.parametrize(
    "line", ["," * 1_000_000, '"' * 1_000_001, '"a,' * 300_000, '"",' * 300_000, "\0" * 1_000_000]
)
def test_hostile_lines_take_no_time(line: str) -> None:
    lines = of_bytes(f"a,b\n{line}\nc,d\n".encode())
    began = time.process_time()
    for _, parts in (
        split(lines, lines.starts, lines.ends, ","),
        split_quoted(lines, lines.starts, lines.ends, ",", Quoting.DOUBLED),
        split_quoted(lines, lines.starts, lines.ends, ",", Quoting.ESCAPED),
    ):
        assert np.bincount(parts.row).max() <= MOST
        assert parts.row[-1] == 2
    assert time.process_time() - began < 2


def test_names_fill_columns_and_fields() -> None:
    names = distinct(["src_ip", "x", "", "x", "proto", "user"])
    assert names == ("src_ip", "x", "", "x.2", "proto", "user")
    lines = of_bytes(b'192.0.2.1,-,q,2,TCP,"a ""b"" c"\n,1,,,,\n')
    ok, parts = split_quoted(lines, lines.starts, lines.ends, ",", Quoting.DOUBLED)
    assert ok.all()
    found = Found(lines, named(lines, parts, names, doubled=True))
    assert found.text("source_host").to_list() == ["192.0.2.1", None]
    assert found.text("protocol").to_list() == ["tcp", None]
    assert found.text("user_name").to_list() == ['a "b" c', None]
    rest = found.rest()
    assert rest is not None
    name, value = (
        found.lines.text(span.start, span.length).to_list() for span in (rest.name, rest.value)
    )
    assert list(zip(rest.row.tolist(), name, value, strict=True)) == [
        (0, "x.2", "2"),
        (1, "x", "1"),
    ]
