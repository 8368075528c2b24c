"""Key=value pairs beside a plain reader of the same, one line after the other."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from siemstress.formats.header import Span
from siemstress.formats.pairs import NAMES, Pairs
from siemstress.sources.lines import of_bytes

WAYS = {
    "logfmt": Pairs(),
    "either quote": Pairs(quotes="\"'", trailing=","),
    "last": Pairs(last=True),
    "commas": Pairs(separators=","),
    "bars": Pairs(separators="|", quotes=""),
    "tabs": Pairs(separators="\t", quotes=""),
    "colons": Pairs(separators=";", equals=":"),
    "cef": Pairs(separators=" ", blanks=True, escaped="=\\|"),
}
BEHIND = " \t\n\r,;)]}|"


def plainly(way: Pairs, line: str) -> dict[str, str]:
    """What a line holds."""
    found: list[tuple[str, str]] = []
    if way.blanks:
        begins = []
        for word in re.finditer(rf"[^{way.separators}]+", line):
            at = _equals(way, line, word.start(), word.end())
            if at > word.start() and re.search(NAMES, line[word.start() : at]):
                begins.append((word.start(), at))
        for (begin, at), (end, _) in zip(begins, [*begins[1:], (len(line), 0)], strict=False):
            found.append((line[begin:at], _plain(way, line[at + 1 : end].strip(way.separators))))
    else:
        found = _in_turn(way, line)
    known: dict[str, str] = {}
    for key, value in found:
        if value and (way.last or key not in known):
            known[key] = value
    return known


def _equals(way: Pairs, line: str, at: int, end: int) -> int:
    while at < end:
        if line[at] == "\\":
            back = len(line[at:end]) - len(line[at:end].lstrip("\\"))
            at += back
            if back % 2 and at < end and line[at] not in way.separators:
                at += 1
            continue
        if line[at] == way.equals:
            return at
        at += 1
    return -1


def _plain(way: Pairs, value: str) -> str:
    return re.sub(rf"\\([{re.escape(way.escaped)}])", r"\1", value)


def _trim(way: Pairs, text: str) -> str:
    if " " in way.separators:
        return text
    text = re.sub(r"^[ \t]{1,4}", "", text)
    return re.sub(r"[ \t]{1,4}$", "", text)


def _in_turn(way: Pairs, line: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    special = {*way.separators, *way.quotes, way.equals}
    while at < len(line):
        end = at
        while end < len(line) and not (line[end] in special and not _is_escaped(way, line, end)):
            end += 1
        if end == len(line) or line[end] != way.equals or end == at:
            at = _after(way, line, end)
            continue
        key = _trim(way, line[at:end])
        start = end + 1
        if not re.search(NAMES, key):
            at = _after(way, line, start)
            continue
        if start < len(line) and line[start] in way.quotes:
            close = start + 1
            while close < len(line) and not (
                line[close] == line[start]
                and not _is_escaped(way, line, close)
                and (close + 1 == len(line) or line[close + 1] in BEHIND + way.separators)
            ):
                close += 1
            found.append((key, _plain(way, line[start + 1 : close])))
            at = _after(way, line, close)
            continue
        close = start
        while close < len(line) and line[close] not in way.separators:
            close += 1
        value = line[start:close]
        if way.trailing and value and value[-1] in way.trailing:
            value = value[:-1]
        found.append((key, _trim(way, value)))
        at = close + 1
    return found


def _is_escaped(way: Pairs, line: str, at: int) -> bool:
    before = line[:at]
    back = len(before) - len(before.rstrip("\\"))
    return bool(way.quotes) and line[at] not in way.separators and back % 2 == 1


def _after(way: Pairs, line: str, at: int) -> int:
    while at < len(line) and line[at] not in way.separators:
        at += 1
    return at + 1


def found(way: Pairs, texts: list[str]) -> list[dict[str, str]]:
    """What the lines hold, each between some bytes that do not count."""
    data = "".join(f"x=1 {text} y=2\n" for text in texts).encode()
    lines = of_bytes(data)
    part = Span(lines.starts + 4, lines.ends - lines.starts - 8)
    placed = way.read(lines, part)
    result: list[dict[str, str]] = [{} for _ in texts]
    texts_of = placed.texts(np.arange(len(placed.row)))
    for row, name, text in zip(placed.row, placed.name, texts_of, strict=True):
        assert placed.names[name] not in result[row]
        result[row][placed.names[name]] = text
    assert (np.diff(placed.row) >= 0).all()
    return result


PIECES = st.sampled_from([
    "a=", "b=", "ab_c=", "x.y=", "1=", "a", "bc", " ", " ", "  ", "\t", ",", ";", "|", ":", "=",
    '"', '"', "'", "\\", '\\"', "\\=", "é", "a:", "b:", '" ', "long_name_of_more_than_24_bytes=",
    "long_name_of_more_than_24_byteS=", "nine_byte=", "nine_bytE=",
])  # fmt: skip
LINE = st.lists(PIECES, max_size=16).map("".join)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@given(texts=st.lists(LINE, min_size=1, max_size=12))
@example(texts=['a="x b="y" c=d'])
@example(texts=["", "a=1", ""])
@settings(max_examples=150, deadline=None)
def test_pairs_are_those_that_a_plain_reader_finds(way: Pairs, texts: list[str]) -> None:
    assert found(way, texts) == [plainly(way, text) for text in texts]


@pytest.mark.parametrize(
    ("way", "line", "wanted"),
    [
        ("logfmt", r'a="b \"c\" d" e=f', {"a": 'b "c" d', "e": "f"}),
        ("logfmt", 'url=http://h/?q=1&r="2" a=b', {"url": 'http://h/?q=1&r="2"', "a": "b"}),
        ("logfmt", 'msg="no user=eve" user=bob', {"msg": "no user=eve", "user": "bob"}),
        ("logfmt", 'msg="cut off user=eve', {"msg": "cut off user=eve"}),
        ("logfmt", 'msg="say "hi" to" user=bob', {"msg": 'say "hi', "user": "bob"}),
        ("logfmt", 'a= b="" c d=1', {"d": "1"}),
        ("logfmt", "a=1 a=2", {"a": "1"}),
        ("last", "a=1 a=2", {"a": "2"}),
        ("either quote", "a='b \"c' d=1, e=2", {"a": 'b "c', "d": "1", "e": "2"}),
        ("commas", 'a=1, b = x y ,c="p,q"', {"a": "1", "b": "x y", "c": "p,q"}),
        ("colons", 'a:"x;y"; b:c; ', {"a": "x;y", "b": "c"}),
        ("cef", r"src=192.0.2.1 msg=a b \= c=1  act=x\\y", {
            "src": "192.0.2.1", "msg": "a b =", "c": "1", "act": r"x\y"}),
        ("cef", "request=http://h/?a=b&c=d msg= x ", {"request": "http://h/?a=b&c=d", "msg": "x"}),
    ],
)  # fmt: skip
def test_pairs_are_read_as_they_were_meant(way: str, line: str, wanted: dict[str, str]) -> None:
    assert found(WAYS[way], [line]) == [wanted]


HOSTILE = {
    "pairs": "a=1 " * 400_000,
    "names": " ".join(f"a{i}=1" for i in range(150_000)),
    "quotes": 'a="b=' * 300_000,
    "open and closed": 'a="b" c="d=" ' * 100_000,
    "backslashes": 'a="' + "\\" * 1_000_000,
    "equals": "=" * 1_000_000,
    "blanks": "a=" + " " * 1_000_000 + "b=1",
    "one value": "a=" + "x" * 1_000_000,
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
def test_no_line_takes_long(line: str) -> None:
    before = time.process_time()
    for way in WAYS.values():
        found(way, [line, "a=1"])
    assert time.process_time() - before < 10
