"""JSON logs: objects a line, arrays of objects, columns and fields, hostile input."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsing import CLOCK, event, parsed, plain, written_again
from running import Site
from siemstress.formats.base import formats
from siemstress.formats.clock import Clock
from siemstress.formats.keys import spellings
from siemstress.sources.arrays import ArrayLines, begins_array


def read(*objects: object) -> list[dict[str, Any]]:
    """The events of some objects, a line each."""
    data = "".join(json.dumps(item) + "\n" for item in objects).encode("utf-8", "surrogatepass")
    return [plain(row) for row in parsed(data, "linejson").iter_rows(named=True)]


# --- columns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        ({"host": "h", "hostname": "x"}, {"host": "h"}),
        ({"hostname": "x"}, {"host": "x"}),
        ({"host": {"name": "h", "ip": "192.0.2.1"}}, {"host": "h"}),
        ({"host.name": "h"}, {"host": "h"}),
        ({"HOST": "h"}, {"host": "h"}),
        ({"pid": 12}, {"pid": 12}),
        ({"pid": "12"}, {"pid": 12}),
        ({"PID": -1}, {"pid": None}),
        ({"pid": 1.5}, {"pid": None}),
        ({"process": {"pid": 7, "name": "p"}}, {"pid": 7, "process": "p"}),
        ({"level": "WARNING"}, {"severity": 4}),
        ({"level": 30}, {"severity": 6}),
        ({"severity": 3}, {"severity": 3}),
        ({"severity": 8}, {"severity": None}),
        ({"PRIORITY": "0"}, {"severity": 0}),
        ({"facility": "authpriv"}, {"facility": "authpriv"}),
        ({"SYSLOG_FACILITY": "4"}, {"facility": "auth"}),
        ({"facility": 99}, {"facility": None}),
        ({"source": {"ip": "192.0.2.1", "port": 70000}}, {"source_host": "192.0.2.1"}),
        ({"source.port": 70000}, {"source_port": None}),
        ({"dest_port": "443", "dest_ip": "192.0.2.1"},
         {"dest_port": 443, "dest_host": "192.0.2.1"}),
        ({"proto": "UDP"}, {"protocol": "udp"}),
        ({"user": {"name": "alice"}}, {"user_name": "alice"}),
        ({"event": {"action": "login", "outcome": "success"}},
         {"action": "login", "outcome": "success"}),
        ({"outcome": "unknown"}, {"outcome": None}),
        ({"Message": "m", "msg": "n"}, {"message": "m"}),
        ({"fields": {"message": "m"}}, {"message": "m"}),
        ({"host": ""}, {"host": None}),
        ({"host": None}, {"host": None}),
        ({"host": ["a"]}, {"host": '["a"]'}),
        ({"id": 5, "parsed": False, "format": "x", "received": "y"},
         {"id": 1, "parsed": True, "format": "linejson"}),
    ],
)  # fmt: skip
def test_known_keys_fill_columns(item: dict[str, object], wanted: dict[str, object]) -> None:
    (row,) = read(item)
    assert {name: row[name] for name in wanted} == wanted
    # Whatever fills no column is a field.
    values = sorted(str(value) for _, value in leaves(item))
    found = [*row["fields"].values(), *(str(row[n]) for n in wanted if row[n] is not None)]
    assert set(values) - {value.lower() for value in found} - set(found) <= _CODED


# What codes are written for.
_CODED = {"WARNING", "30", "4", "UDP"}


def test_every_spelling_of_a_column_is_one_column_s() -> None:
    known = spellings()
    for name, column in (("source_process", "process"), ("date_stamp", "time"), ("t_zone", "zone"),
                         ("@timestamp", "time"), ("log.syslog.severity.code", "severity"),
                         ("sourcehost", "host"), ("destination.port", "dest_port")):  # fmt: skip
        assert known[name][0] == column


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2017-08-23T06:15:38Z", "2017-08-23 06:15:38"),
        ("2017-08-23T06:15:38.123456-04:00", "2017-08-23 10:15:38.123456"),
        ("2017-08-23 06:15:38,5+0000", "2017-08-23 06:15:38.500000"),
        ("2017-08-23T06:15:38.123456789Z", "2017-08-23 06:15:38.123456"),
        (1503468938, "2017-08-23 06:15:38"),
        ("1503468938", "2017-08-23 06:15:38"),
        (1503468938.25, "2017-08-23 06:15:38.250000"),
        (1503468938250, "2017-08-23 06:15:38.250000"),
        (1503468938250001, "2017-08-23 06:15:38.250001"),
        (1503468938250001999, "2017-08-23 06:15:38.250001"),
        (1.503468938e9, "2017-08-23 06:15:38"),
        ("20170823061538", "2017-08-23 06:15:38"),
    ],
)
@pytest.mark.parametrize("key", ["@timestamp", "timestamp", "time", "ts", "date_stamp", "date"])
def test_times(key: str, value: object, wanted: str) -> None:
    (row,) = read({key: value, "m": "x"})
    assert str(row["time"]) == wanted
    assert row["fields"] == {"m": "x"}


@pytest.mark.parametrize(
    "value",
    ["yesterday", "2017-02-30T06:15:38Z", "2017-08-23", "2017-08-23T06:15:38Z and more", "", 0,
     "NaN", "Infinity", -1e300, 10**30, True, [1], "20171301000000", "1e400",
     -99_999_999_999, "-62135596801", "9999-12-31T23:59:59-05:00"],
)  # fmt: skip
def test_what_is_no_time_is_a_field(value: object) -> None:
    (row,) = read({"time": value})
    assert row["time"] == datetime(2017, 12, 31, 23)
    assert row["zone"] is None
    assert ("time" in row["fields"]) == (value != "")


def test_zones() -> None:
    stamp = "2017-08-23T06:15:38"
    rows = read(
        {"ts": stamp},
        {"ts": stamp, "tzone": "+0500"},
        {"ts": stamp, "event": {"timezone": "Europe/Zurich"}},
        {"ts": stamp + "Z", "tzone": "+0500"},
        {"ts": stamp, "tzone": "Mars"},
        {"date_stamp": "20170823061538", "tzone": "+0500"},
        {"ts": 1503468938, "tzone": "+0500"},
    )
    assert [str(row["time"])[11:16] for row in rows] == [
        "06:15", "01:15", "04:15", "06:15", "06:15", "01:15", "06:15",
    ]  # fmt: skip
    assert [row["zone"] for row in rows] == [
        "+00:00", "+05:00", "+02:00", "Z", "+00:00", "+05:00", "+00:00",
    ]  # fmt: skip
    assert [row["fields"].get("tzone") for row in rows] == [
        None, None, None, "+0500", "Mars", None, "+0500",
    ]  # fmt: skip
    row = event(json.dumps({"ts": stamp}), "linejson", Clock(CLOCK.reference, -240))
    assert (str(row["time"]), row["zone"]) == ("2017-08-23 10:15:38", "-04:00")


def test_messages_are_read_as_those_of_other_logs() -> None:
    (row,) = read({"SYSLOG_IDENTIFIER": "sshd", "MESSAGE": "Invalid user x from 192.0.2.9 port 7",
                   "invalid_user": "maybe", "source_ip": "203.0.113.1"})  # fmt: skip
    assert (row["user_name"], row["source_host"], row["source_port"]) == ("x", "192.0.2.9", 7)
    assert row["fields"]["invalid_user"] == "true"


# --- fields ------------------------------------------------------------------------------------


def leaves(item: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Names and values, as this module's tests expect them: nested names, arrays as they are."""
    if isinstance(item, dict) and (item or not name):
        for key, value in item.items():
            yield from leaves(value, f"{name}.{key}" if name else key)
    elif item not in (None, ""):
        text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        yield name, text


KEYS = st.text("ab.~/\"'{}[]é\\ \n", min_size=1, max_size=3).map(lambda key: f"k{key}")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=20),
    st.text("\0\x1f\"\\/é\U0001f600", max_size=6),
)  # fmt: skip
OBJECTS = st.dictionaries(
    KEYS, st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=3)), max_size=4
)


@given(st.lists(OBJECTS, min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_all_that_is_in_an_object_is_a_field(objects: list[dict[str, Any]]) -> None:
    for row, item in zip(read(*objects), objects, strict=True):
        assert row["parsed"] is True
        # Of a name that is there twice (`a.b` beside `a` with `b` in it) one counts.
        found = list(leaves(item))
        assert set(row["fields"].items()) <= set(found)
        assert row["fields"].keys() == {name for name, _ in found}
        assert row["message"] == json.dumps(item)


def test_arrays_are_values() -> None:
    (row,) = read({"a": [1, {"b": 2}], "c": {"d": [], "e": {}}})
    assert row["fields"] == {"a": '[1,{"b":2}]', "c.d": "[]", "c.e": "{}"}


def test_many_shapes_and_many_keys() -> None:
    """Also more of them than are looked into: then known keys count, and nothing is lost."""
    objects = [{f"key{n}": n, f"other{n % 7}": {"x": n}, "host": f"h{n}"} for n in range(30_000)]
    objects.append({f"k{n}": n for n in range(5000)} | {"host": "large"})
    started = time.monotonic()
    rows = read(*objects)
    assert time.monotonic() - started < 60
    assert [row["host"] for row in rows] == [item["host"] for item in objects]
    whole = [row for n, row in enumerate(rows[:-1]) if f"key{n}" in row["fields"]]
    assert len(whole) > 5000


# --- what is no object -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["{", "{}}", '{"a":1', '{"a":1}x', "{'a':1}", "{a:1}", '{"a":"\t"}', "[]", '[{"a":1}]', "1",
     '"x"', "null", "", " ", '{"a":1}\0', "\ufeff{}", '{"a":"\\ud800"}', "{" * 100_000],
)  # fmt: skip
def test_what_is_no_object_is_stored_as_it_is(line: str) -> None:
    for parser in ("linejson", "auto"):
        row = event(line + "\n", parser)
        assert (row["parsed"], row["message"], row["format"]) == (False, line, None)


@pytest.mark.parametrize("depth", [10, 20, 900, 300_000])
def test_deeply_nested_objects(depth: int) -> None:
    line = '{"a":' * depth + '"x"' + "}" * depth
    row = event(line)
    assert (row["parsed"], row["message"]) == (True, line)
    names = list(row["fields"])
    assert names == ([".".join("a" * min(depth, 16))] if depth < 10_000 else [])


def test_lines_come_back() -> None:
    data = (
        b'{"message":"m","a":1}\n{"a":1}\r\n {"message":"\xff"}\n{"a":"\xc3\xa9"}\n\t{"b":2} \n'
        b'{"message":"m"}\r\n{"a":1,"a":2}\nnone\n{"a":NaN,}\n'
    )
    rows = parsed(data)
    assert written_again(rows) == data.split(b"\n")[:-1]
    assert rows["parsed"].to_list() == [True] * 7 + [False, True]
    # What is all message is not kept twice.
    assert rows["raw"].is_null().to_list() == [
        False, False, False, True, True, False, True, True, True,
    ]  # fmt: skip


# --- arrays ------------------------------------------------------------------------------------


class _Piecewise(io.BytesIO):
    """Gives a few bytes at a time."""

    def __init__(self, data: bytes, seed: int) -> None:
        super().__init__(data)
        self._random = Random(seed)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        return super().readinto(buffer[: self._random.randint(1, 9)])


def array_lines(data: bytes, seed: int = 1) -> bytes:
    stream = ArrayLines(_Piecewise(data, seed))
    buffer = memoryview(bytearray(7))
    found = b""
    while got := stream.readinto(buffer):
        found += buffer[:got]
    return found


ITEMS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text('a,[]{}"\\\n é', max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text('ab"\\,', max_size=3), inner)
    ),
)


@given(
    items=st.lists(ITEMS, max_size=6), indent=st.sampled_from([None, 0, 1, 4]), seed=st.integers()
)
@example(items=[], indent=2, seed=1)
@example(items=[{"a": '\\"],['}], indent=None, seed=1)
@settings(max_examples=80, deadline=None)
def test_an_array_s_items_are_lines(items: list[Any], indent: int | None, seed: int) -> None:
    data = (" \n" + json.dumps(items, indent=indent) + "\n").encode()
    lines = array_lines(data, seed).splitlines()
    assert [json.loads(line) for line in lines] == items


def test_what_is_no_array_passes_through() -> None:
    for data in (b'{"a":1}\n{"b":2}\n', b"plain\n[1,\n2]\n", b"", b"\n\n", b'"[1,2]"'):
        assert array_lines(data).strip(b"\n") == data.strip(b"\n")


def test_an_array_that_is_cut_off_gives_what_is_there() -> None:
    assert array_lines(b'[{"a":1},{"b":') == b'{"a":1}\n{"b":'


@pytest.mark.parametrize("indent", [None, 2])
def test_siemparse_reads_arrays(tmp_path: Path, indent: int | None) -> None:
    site = Site(tmp_path)
    items = [{"time": 1503468938 + n, "message": f"event {n}", "n": {"x": n}} for n in range(9000)]
    path = site.file("a.json", json.dumps(items, indent=indent).encode())
    assert "stored 9,000 lines in Entries (all read)" in site.run("-p", "sojson", path)[0]
    rows = site.events()
    assert [row["message"] for row in rows] == [item["message"] for item in items]
    assert [row["fields"] for row in rows] == [{"n.x": str(n)} for n in range(9000)]
    assert {row["format"] for row in rows} == {"sojson"}
    assert [json.loads(line) for line in site.lines()] == items
    # The same file again, and by way of a pipe.
    assert "all of it is stored already" in site.run("-p", "sojson", path)[0]
    site.run("-q", "-s", "auth", "-p", "sojson", data=path.read_bytes())
    assert len(site.lines("Auth")) == 9000


WRAPPED = [
    b'{"Records":[{"a":1,"b":[1,{"c":2}]},{"a":"],}"}]}',
    b'{"Records": [{"a": 1, "b": [1, {"c": 2}]},\n {"a": "],}"}], "next": {"x": 1}, "n": 2}\n',
    b' {\n "value" : [\n  {"a":1,"b":[1,{"c":2}]}, 7, {"a":"],}"}\n ]\n}',
]


@pytest.mark.parametrize("data", WRAPPED)
def test_wrapped_items_are_lines(data: bytes) -> None:
    stream = ArrayLines(io.BytesIO(data))
    buffer = memoryview(bytearray(7))
    found = b""
    while got := stream.readinto(buffer):
        found += buffer[:got]
    assert [json.loads(line) for line in found.splitlines()] == [
        {"a": 1, "b": [1, {"c": 2}]},
        {"a": "],}"},
    ]


@pytest.mark.parametrize(
    ("head", "wanted"),
    [(b'{"Records":[{"a"', True), (b'[\n  {"a', True), (b'{\n "value": [ {', True),
     (b'[{"a":1}]\n', False), (b"[2017-08-23", False), (b'{"a":1}', False), (b"", False)],
)  # fmt: skip
def test_what_is_known_as_an_array(head: bytes, wanted: bool) -> None:
    assert begins_array(head) is wanted


def test_auto_reads_wrapped_documents(tmp_path: Path) -> None:
    site = Site(tmp_path)
    item = json.loads(formats()["cloudtrail"].samples[0].line)
    path = site.file("a.json", json.dumps({"Records": [item] * 3}).encode())
    site.run(path)
    assert [row["format"] for row in site.events()] == ["cloudtrail"] * 3
    assert "all of it is stored already" in site.run(path)[0]
