"""Whatever stands in rule files, the rest is loaded, and what is wrong is a line each."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from siemstress.fields.maps import ENTRIES
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma.rule import Loaded
from siemstress.rules.sigma.values import Batch
from siemstress.rules.sigma_rules import Tables, rules_of

FINE = b"""
title: fine
logsource: {product: linux}
detection: {s: {f: x}, condition: s}
"""
WHOLE: list[dict[str, Any]] = [
    {
        "title": "t", "id": "5f1abf38-1f4c-4e0b-8b0a-6b8f4f4f3a11", "name": "r", "status": "test",
        "level": "high", "tags": ["attack.t1059"], "date": "2026-01-02", "author": "a",
        "references": ["https://example.org"], "falsepositives": ["none"],
        "related": [{"id": "08fbc97d-0a2f-491c-ae21-8ffcfd3174e9", "type": "derived"}],
        "logsource": {"category": "process_creation", "product": "linux"},
        "detection": {
            "a": {"Image|endswith": ["/sh", "/ash"], "n|gte": 5, "d|cidr": "192.0.2.0/24"},
            "b": [{"f|re": "a+"}, {"g|exists": True}],
            "c": ["word", 5],
            "condition": ["1 of them and not c", "all of a*"],
        },
        "fields": ["Image"],
        "siemstress": {
            "group_by": ["host"], "suppress_for": "1h", "message": "m", "out_table": "Alerts",
            "severity": 3, "magnitude": 9, "section": ["Auth"], "samples": {"match": ["x"]},
        },
    },
    {
        "title": "c", "name": "c",
        "correlation": {
            "type": "value_count", "rules": ["r"], "group-by": ["u"], "timespan": "5m",
            "aliases": {"u": {"r": "user"}}, "generate": True,
            "condition": {"gte": 3, "lt": 9, "field": "f"},
        },
    },
    {
        "title": "p", "correlation": {
            "type": "value_percentile", "rules": "r", "timespan": "1d",
            "condition": {"gt": 1.5, "field": "f", "percentile": 95},
        },
    },
    {
        "title": "o", "correlation": {
            "type": "temporal", "timespan": "1h", "condition": "(r or c) and not q",
        },
    },
    {
        "title": "s", "logsource": {"product": "linux"}, "correlation": {
            "type": "absence", "group-by": ["host"], "timespan": "1h", "factor": 2, "learn": "7d",
            "at-least": 5, "expected": ["web1"], "since": "2026-01-02",
        },
    },
    {
        "title": "f", "logsource": {"product": "linux"}, "filter": {
            "rules": ["r"], "selection": {"User": "root"}, "condition": "not selection",
        },
    },
    {"action": "global", "level": "low", "detection": {"z": {"k": "v"}}},
    {"action": "repeat", "title": "again"},
]  # fmt: skip
BAD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([
        None, True, "", "x", " ", "*", "%p%", "1 of nothing", "not " * 40 + "a", "\x00", "\ud7ff",
        "(" * 300, "a\nb", 0, -1, 10**400, 1.5, float("inf"), float("nan"), [], [[]], {}, {"": {}},
        [None], [{}], {"a": None}, {1: 2}, {"x|y|z": {}}, {"f|re": "("}, {"f|cidr": "x"},
        {"f|base64": 5}, {"f|all": []}, {"f|fieldref": None}, {"f|hour": "x"}, {"f|expand": "%p%"},
        [[["x"]]], [{"a": [{"b": ["c"]}]}], "2026-99-99", "0x" + "f" * 80, "1e999",
    ]),
    st.text(max_size=8),
    st.integers(),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
)  # fmt: skip


def loaded_of(text: bytes) -> Loaded:
    """What is loaded of a file, whose problems are a line each; the other file's rule is there."""
    loaded = load([], more=[("bad.yml", text), ("fine.yml", FINE)])
    assert "fine" in {rule.title for rule in loaded.rules}
    for problem in loaded.problems:
        assert str(problem).startswith("bad.yml: ")
        assert len(str(problem).splitlines()) == 1
        assert len(str(problem)) < 600
    return loaded


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from places_in(inner, (*path, key))


def changed(document: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed_one = copy.deepcopy(document)
    inner = changed_one
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed_one


PLACES = [(n, path) for n, document in enumerate(WHOLE) for path in places_in(document)]


@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), BAD), min_size=1, max_size=2))
@settings(max_examples=150, deadline=None)
def test_anything_may_stand_anywhere(changes: list[tuple[tuple[int, Any], Any]]) -> None:
    documents = list(WHOLE)
    for (number, path), new in changes:
        try:
            documents[number] = changed(documents[number], path, new)
        except (KeyError, IndexError, TypeError):
            continue  # The first change has taken away what the second is about.
    loaded = loaded_of(yaml.safe_dump_all(documents, allow_unicode=True).encode("utf-8", "replace"))
    rules, problems = rules_of(loaded, Tables({"auth": "Auth"}, ("Auth",)))
    assert all(len(str(problem).splitlines()) == 1 for problem in problems)
    assert len({rule.name for rule in rules}) == len(rules)
    evaluator = Evaluator([rule.condition for rule in loaded.rules])
    events = pl.DataFrame({"fields": pl.Series([[{"key": "f", "value": "x"}]], dtype=ENTRIES)})
    list(evaluator.matches(Batch(events, evaluator.fields)))


@given(st.one_of(st.binary(max_size=60), st.text("{}[]:-,&*!|>'\"%@? \nab1", max_size=60)))
@settings(max_examples=150, deadline=None)
def test_no_text_is_a_traceback(text: bytes | str) -> None:
    loaded_of(text.encode() if isinstance(text, str) else text)


BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 9)) for n in range(98, 110)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        b"a: &a {b: *a}",
        b"[" * 100_000,
        b"{a: " * 5_000 + b"}" * 5_000,
        b"- " * 100_000,
        b"title: t\ndetection: {s: {f: x}, condition: " + b"(" * 3000 + b"s" + b")" * 3000 + b"}",
        b"title: t\nlogsource: {product: linux}\ndetection: {s: {f: x}, condition: '"
        + b"not " * 20_000 + b"s'}",
        b"title: t\ncorrelation: {type: temporal, timespan: 1h, condition: '"
        + b"(" * 200 + b"s" + b")" * 200 + b"'}",
        b"title: t\ncorrelation: {type: temporal, timespan: 1h, condition: '"
        + b"not (" * 25 + b"s" + b")" * 25 + b"'}",
        b"title: t\ncorrelation: {type: temporal, timespan: 1h, condition: '"
        + b"s or " * 100_000 + b"s'}",
        b"!!python/object/apply:os.system ['true']",
        b"a: !!int '" + b"9" * 5_000 + b"'",
        b"? {a: b}\n: c",
        b"{a: 1, a: 2}",
        b"<<: [{a: 1}, 2]",
        b"\xff\xfe\x00",
        b"just a text",
        b"a: 190:20:30\nb: 0b" + b"1" * 9999,
    ],
)  # fmt: skip
def test_harm_is_a_line(text: bytes) -> None:
    begin = time.process_time()
    assert loaded_of(text).problems
    assert time.process_time() - begin < 5


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_bytes(FINE)
    (tmp_path / "large.yml").write_bytes(b"#" * (1 << 21))
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.yml").mkdir()
    loaded = load([tmp_path])
    assert [rule.title for rule in loaded.rules] == ["fine"]
    assert [str(problem) for problem in loaded.problems] == [
        f"{tmp_path}/large.yml: is larger than 1 MB: this is no rule"
    ]
