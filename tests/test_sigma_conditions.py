"""Sigma's detections on batches of events, beside what pySigma's SQLite backend finds."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.rule import SigmaRule

from siemstress.fields.maps import ENTRIES
from siemstress.rules.sigma.compile import Unsupported, compiled
from siemstress.rules.sigma.condition import Condition
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.taxonomy import LogSource, mapped
from siemstress.rules.sigma.values import Batch

NAMES = ("a", "b", "c")
TEXT = "message"


def rule_of(detection: Mapping[str, Any]) -> SigmaRule:
    return SigmaRule.from_dict(
        {"title": "t", "logsource": {"product": "p"}, "detection": dict(detection)}
    )


def condition_of(detection: Mapping[str, Any]) -> Condition:
    return mapped(compiled(rule_of(detection)), LogSource())


def events_of(rows: Sequence[Mapping[str, str | None]]) -> pl.DataFrame:
    entries = [[{"key": k, "value": v} for k, v in row.items() if k != TEXT] for row in rows]
    return pl.DataFrame(
        {
            "fields": pl.Series(entries, dtype=ENTRIES),
            "message": pl.Series([row.get(TEXT) for row in rows], dtype=pl.String),
        }
    )


def matching(detection: Mapping[str, Any], *rows: Mapping[str, str | None]) -> list[int]:
    """Which rows a detection holds for."""
    evaluator = Evaluator([condition_of(detection)])
    found = dict(evaluator.matches(Batch(events_of(rows), evaluator.fields)))
    return found[0].tolist() if found else []


@pytest.mark.parametrize(
    ("item", "value", "held", "failed"),
    [
        ("f", "Cmd.exe", ["cmd.EXE"], ["cmd.exe ", "xcmd.exe"]),
        ("f", "a*c?", ["abcd", "ACx", "a\nbcd"], ["abc", "acxx", "bacx"]),
        ("f", r"a\*b", ["a*b"], ["axb", r"a\*b"]),
        ("f|contains", "é", ["xÉx"], ["e"]),
        ("f|contains|all", ["ab", "cd"], ["cdab"], ["ab", "cd"]),
        ("f|startswith", "ab", ["ab", "ABC"], ["xab"]),
        ("f|endswith", "ab", ["ab", "xAB"], ["abx"]),
        ("f|cased", "Ab", ["Ab"], ["ab"]),
        ("f|contains|cased", "Ab", ["xAbx"], ["xabx"]),
        ("f|re", "^a+$", ["aaa"], ["A", "ab"]),
        ("f|re|i", "^a+$", ["AaA"], ["ab"]),
        ("f|re|m", "^b$", ["a\nb"], ["a\nbb"]),
        ("f|re|s", "a.b", ["a\nb"], ["ab"]),
        ("f|re", "a.b", ["axb"], ["a\nb"]),
        ("f|cidr", "192.0.2.0/24", ["192.0.2.9"], ["192.0.3.9", "192.0.2", "x", "::1"]),
        ("f|cidr", "2001:db8::/32", ["2001:db8::1", "2001:DB8:0:0::2"], ["2001:db9::1"]),
        ("f|lt", 5, ["4", "4.5", "-1"], ["5", "x", "50"]),
        ("f|lte", 5, ["5", "5.0"], ["5.1"]),
        ("f|gt", 5, ["6", "10"], ["5", "abc"]),
        ("f|gte", 5.5, ["5.5"], ["5.4"]),
        ("f", 5, ["5", "5.0"], ["55", "x"]),
        ("f|neq", "a", ["b", "ab"], ["a", "A"]),
        ("f|windash|contains", " -x", ["a -x", "a /x"], ["a x"]),
        ("f|base64", "foobar", ["Zm9vYmFy"], ["foobar"]),
        ("f|base64offset|contains", "foobar", ["xxZvb2Jhcg", "yyZm9vYmFyzz"], ["foobar"]),
        ("f|wide|base64", "ab", ["YQBiAA=="], ["YWI="]),
        ("f|utf16|base64", "a", ["//5hAA=="], ["YQA="]),
        ("f|hour", 13, ["2026-01-02T13:59:00Z", "2026-01-02 13:00:00"], ["2026-01-02T14:00:00Z"]),
        ("f|day", 2, ["2026-01-02T13:59:00Z"], ["2026-02-01T13:59:00Z", "2"]),
        ("f|minute", 59, ["2026-01-02T13:59:00.5+00:00"], ["x"]),
        ("f|exists", True, ["x"], [None]),
        ("f|exists", False, [None], ["x"]),
        ("f", None, [None], ["x"]),
        ("f", "", [None], ["x"]),
        ("f", "*", ["x"], [None]),
        ("f", True, ["true", "True"], ["1"]),
        ("f", ["a", "b*"], ["a", "bcd"], ["c"]),
    ],
)
def test_a_value_means_what_its_modifiers_say(
    item: str, value: object, held: list[str | None], failed: list[str | None]
) -> None:
    rows = [{} if text is None else {"f": text} for text in (*held, *failed)]
    found = matching({"s": {item: value}, "condition": "s"}, *rows)
    assert found == list(range(len(held)))
    inverse = matching({"s": {item: value}, "condition": "not s"}, *rows)
    assert inverse == list(range(len(held), len(rows)))


def test_fields_are_compared_with_fields() -> None:
    rows = [{"f": "ab", "g": "AB"}, {"f": "ab", "g": "a"}, {"f": "ab"}, {"g": "ab"}]
    assert matching({"s": {"f|fieldref": "g"}, "condition": "s"}, *rows) == [0]
    assert matching({"s": {"f|fieldref|startswith": "g"}, "condition": "s"}, *rows) == [0, 1]


def test_keywords_are_looked_for_in_the_whole_text() -> None:
    rows = [{TEXT: "su: FAILED su"}, {TEXT: "all is well"}, {"f": "failed"}]
    assert matching({"k": ["failed", "b*d"], "condition": "k"}, *rows) == [0]
    both = {"k": {"|all": ["failed", "su"]}, "condition": "k"}
    assert matching(both, *rows) == [0]
    assert matching({"k": {"|re": "^all.*l$"}, "condition": "k"}, *rows) == [1]


def test_names_of_fields_overlook_case() -> None:
    assert matching({"s": {"f": "x"}, "condition": "s"}, {"F": "x"}, {"f": "x"}) == [0, 1]


@pytest.mark.parametrize("condition", ["1 of s*", "any of them", "s1 or s2", "1 of them"])
def test_one_of_several(condition: str) -> None:
    detection = {"s1": {"f": "a"}, "s2": {"f": "b"}, "condition": condition}
    assert matching(detection, {"f": "a"}, {"f": "b"}, {"f": "c"}, {}) == [0, 1]


@pytest.mark.parametrize(
    "condition", ["all of s*", "all of them", "s1 and s2", "not (not s1 or not s2)"]
)
def test_all_of_several(condition: str) -> None:
    detection = {"s1": {"f": "a"}, "s2": {"g": "b"}, "condition": condition}
    rows = [{"f": "a", "g": "b"}, {"f": "a"}, {"g": "b"}, {}]
    assert matching(detection, *rows) == [0]


def test_what_has_no_values_is_said() -> None:
    with pytest.raises(Unsupported, match="placeholder %admins% has no values"):
        compiled(rule_of({"s": {"f|expand": "%admins%"}, "condition": "s"}))


# --- beside another implementation -----------------------------------------------------------

TEXTS = st.text("abAB1.-*?", min_size=1, max_size=4)
WRITTEN = st.text("abAB1.-", min_size=1, max_size=4)
MODIFIERS = ("", "|contains", "|startswith", "|endswith", "|contains|all", "|neq", "|cased")
ITEM = st.one_of(
    st.tuples(
        st.sampled_from([n + m for n in NAMES for m in MODIFIERS]),
        st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)),
    ),
    st.tuples(
        st.sampled_from([f"{n}|re" for n in NAMES]),
        st.sampled_from(["a+b", "^[ab]", "(a|b).$", "1|-", "A"]),
    ),
)  # fmt: skip
DETECTION = st.dictionaries(
    st.sampled_from(["s1", "s2", "x"]),
    st.lists(ITEM, min_size=1, max_size=3).map(dict),
    min_size=1,
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A detection with a condition over its parts."""
    found: dict[str, Any] = draw(DETECTION)
    names = st.sampled_from([*found, "1 of them", "all of them"])
    condition = st.recursive(
        names,
        lambda part: st.one_of(
            st.builds("not ({})".format, part),
            st.builds("({}) and ({})".format, part, part),
            st.builds("({}) or ({})".format, part, part),
        ),
        max_leaves=4,
    )
    return {**found, "condition": draw(condition)}


EVENTS = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, WRITTEN)), min_size=1, max_size=30)


@given(detections=st.lists(rules(), min_size=1, max_size=8), events=EVENTS)
@settings(max_examples=60, deadline=None)
def test_rules_hold_for_the_events_that_another_engine_finds(
    detections: list[dict[str, Any]], events: list[dict[str, str]]
) -> None:
    conditions = [condition_of(d) for d in detections]
    evaluator = Evaluator(conditions)
    found = dict(evaluator.matches(Batch(events_of(events), evaluator.fields)))
    backend: Any = sqliteBackend
    backend = backend()
    database = sqlite3.connect(":memory:")
    database.create_function("REGEXP", 2, lambda p, t: re.search(p, t) is not None)
    database.execute("CREATE TABLE logs (n, a COLLATE NOCASE, b COLLATE NOCASE, c COLLATE NOCASE)")
    database.executemany(
        "INSERT INTO logs VALUES (:n, :a, :b, :c)",
        [{"n": n, **event} for n, event in enumerate(events)],
    )
    for number, detection in enumerate(detections):
        rule = SigmaCollection([rule_of(detection)])
        (query,) = backend.convert(rule)
        wanted = sorted(row[0] for row in database.execute(query))
        got = found[number].tolist() if number in found else []
        assert (detection, got) == (detection, wanted)
    database.close()
