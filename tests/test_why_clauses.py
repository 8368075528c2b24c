"""Clauses of conditions agree with what the engine finds, and are told in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import read_rules
from siemstress.query.filters import parse_flags
from siemstress.rules import feeds
from siemstress.rules.episodes.model import (
    Both,
    Each,
    Either,
    First,
    Kind,
    Number,
    Ordered,
    Part,
    Rare,
    Silent,
    Spike,
    Threshold,
    Together,
    Window,
    Without,
)
from siemstress.rules.explain import Clause, clauses, explained
from siemstress.rules.explain_sql import of_condition
from siemstress.rules.explain_text import failed, met
from siemstress.rules.explain_window import asked_for
from siemstress.rules.explain_words import in_words
from siemstress.rules.feeds import Feed
from siemstress.rules.sigma import condition as c
from siemstress.rules.sigma.condition import All, Atom, Condition, Not, Text, Wild
from siemstress.rules.sigma.condition import Any as Some
from siemstress.rules.sigma_feeds import SigmaFeeds
from siemstress.rules.sql_feeds import matches
from siemstress.store.base import Scan, Store
from stores import events, kind, opened, put, store

__all__ = ["kind", "opened", "store"]

HOSTS = ("web1", "Web2", None, "äß", "a%b")
MESSAGES = ("failed password", "Accepted", "", None)


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with every host and every message once together."""
    pairs = [(host, message) for host in HOSTS for message in MESSAGES]
    frame = events(
        len(pairs),
        first=1,
        host=[host for host, _ in pairs],
        message=[message for _, message in pairs],
        fields=[[{"key": "user agent", "value": str(message)}] for _, message in pairs],
        severity=[n % 8 for n in range(len(pairs))],
    )
    put(store, "Auth", frame)
    return store


@pytest.mark.parametrize(
    "flags",
    [
        {"shost": ["web1", "WEB2"]},
        {"shost": ["web%", "x_"], "rgrep": ["failed"]},
        {"rshost": ["a\\%b"], "severity": ["0-3"]},
        {"field": ["user agent=failed%", "x=1"], "rfield": ["user agent=accepted"]},
        {"grep": ["100%", "PASS"], "action": ["login"], "rcategory": ["iam"]},
        {"unparsed": [""]},
    ],
)
def test_sql_agrees_with_the_engine(filled: Store, flags: dict[str, list[str]]) -> None:
    condition = parse_flags(flags).condition()
    feed = Feed(("Auth",), condition)
    scan = Scan("Auth")
    found = {n for frame in matches(filled, scan, [feed]) for n in frame["event"]}
    ids = list(range(1, len(HOSTS) * len(MESSAGES) + 1))
    told = explained(filled, feed, "Auth", ids, {})
    assert {n for n, clause in told.items() if clause.met} == found
    assert set(told) == set(ids)
    for clause in told.values():
        assert list(met(clause) if clause.met else failed(clause))


def test_rule_files_in_words(store: Store, tmp_path: Path) -> None:
    loaded = read_rules(
        tmp_path,
        "[a]\nsection=auth\nfield=user agent=curl%\nrunparsed=yes\nevent_severity=0-3\nlimit=3\n"
        "group_by=fields.user agent\n",
    )
    (rule,) = loaded.rules
    (feed,) = rule.feeds
    fields = [[{"key": "user agent", "value": "Curl/8"}]]
    put(store, "Auth", events(1, first=7, fields=fields, parsed=True))
    clause = explained(store, feed, "Auth", [7], {})[7]
    assert [text for _, text in met(clause)] == [
        'fields.user agent is there: "Curl/8"',
        'fields.user agent is like "curl%": "Curl/8"',
        'not: parsed is false: "true"',
    ]
    assert [text for _, text in failed(clause)] == [
        "severity is one of 0, 1, 2, 3: there is no severity"
    ]


def test_events_that_are_not_there(filled: Store) -> None:
    feed = Feed(("Auth",), Atom("host", Text(("web1",))))
    assert explained(filled, feed, "Auth", [99], {}) == {}
    assert explained(filled, feed, "Auth", [], {}) == {}
    assert [c.met for c in explained(filled, Feed(("Auth",), None), "Auth", [1], {}).values()] == [
        True
    ]
    condition = parse_flags({"shost": ["x"]}).condition()
    assert condition is not None
    assert of_condition(filled, Scan("Auth"), condition, [99]) == {}


ATOMS: st.SearchStrategy[Condition] = st.sampled_from([
    Atom("host|fields.Computer", Text((Wild.ANY, "web", Wild.ANY))),
    Atom("host", Text(("Web2",), cased=True)),
    Atom("message", c.Absent()),
    Atom("message", c.Present()),
    Atom("fields.useragent", c.Regex("^fail")),
    Atom("severity", c.Compare(">=", 4)),
    Atom("message", c.SameAs("fields.useragent")),
    Atom(None, Text((Wild.ANY, "pass", Wild.ANY))),
])  # fmt: skip
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Some(tuple(parts))),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", ["lake"], indirect=True)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(condition=CONDITIONS)
def test_sigma_agrees_with_the_engine(filled: Store, condition: Condition) -> None:
    feed = Feed(("Auth",), condition)
    found = {
        n for frame in SigmaFeeds([feed]).matches(filled, Scan("Auth")) for n in frame["event"]
    }
    told = explained(filled, feed, "Auth", range(1, 21), {})
    assert {n for n, clause in told.items() if clause.met} == found
    for clause in told.values():
        assert is_sound(clause)
        lines = list(met(clause) if clause.met else failed(clause))
        assert all(depth >= 0 and text for depth, text in lines)


def is_sound(clause: Clause) -> bool:
    """Whether every clause within follows from its parts."""
    return all(one.kind == "test" or one.met == _follows(one) for one in clauses(clause))


def _follows(clause: Clause) -> bool:
    parts = [part.met for part in clause.parts]
    if clause.kind == "not":
        return not parts[0]
    return all(parts) if clause.kind == "all" else any(parts)


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (Text(("a",)), 'is "a"'),
        (Text((Wild.ANY, "a", Wild.ANY)), 'contains "a"'),
        (Text(("a", Wild.ANY)), 'starts with "a"'),
        (Text((Wild.ANY, "\\a.exe")), 'ends with "\\a.exe"'),
        (Text(("a", Wild.ONE, "b", Wild.ANY)), 'is like "a?b*"'),
        (Text(("A",), cased=True), 'is "A" (upper and lower case count)'),
        (Text((Wild.ANY,)), "is any text"),
        (Text(()), "is empty"),
        (c.Regex("a+", "i"), "matches /a+/i"),
        (c.Network("10.0.0.0/8"), "is an address of 10.0.0.0/8"),
        (c.Compare("<=", 5), "<= 5"),
        (c.TimePart("hour", 3), "is a time whose hour is 3"),
        (c.Absent(), "is empty or not there"),
        (c.Present(), "is there"),
        (c.SameAs("fields.Other|x", "begins"), "starts with that of Other"),
    ],
)
def test_words(test: Any, words: str) -> None:
    assert in_words("fields.Image|process", test) == f"Image {words}"
    assert in_words(None, test).startswith("the text ")


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Each(), "every such event"),
        (Number("events", Threshold(((">=", 3), ("<", 9)))),
         "at least 3 and less than 9 events within 1m"),
        (Number("values", Threshold(((">", 2),))), "more than 2 different values within 1m"),
        (Number("percentile", Threshold(((">", 2),)), 95),
         "values whose percentile 95 is more than 2 within 1m"),
        (Together(Both((Part(0), Without(Part(1))))), "(a and not b) within 1m"),
        (Together(Either((Part(0), Part(1)))), "(a or b) within 1m"),
        (Ordered(2), "a, then b, in this order within 1m"),
        (First(3_600_000_000), "a value that was not there for 1m, once 1h are known"),
        (Rare(2, 3_600_000_000), "a value at most 2 times within 1m, once 1h are known"),
        (Spike(3, 10, 7, 3),
         "at least 10 events within 1h, and more than 3 times the usual of 7 days before"),
        (Silent(2, 3_600_000_000, 3),
         "no event for 1m, or for 2 times the usual where that is longer"),
    ],
)  # fmt: skip
def test_windows_in_words(window: Kind, words: str) -> None:
    parts = tuple(feeds.Part(name, Feed(("Auth",), None)) for name in "ab")
    windowed = feeds.Windowed(parts, Window(window, 60_000_000, 0), ("host", "user_name"))
    assert asked_for(windowed) == f"{words}, by host and user_name"


def test_many_tests_of_one_thing_are_one_line() -> None:
    def tests(about: str, texts: Sequence[str]) -> tuple[Clause, ...]:
        return tuple(
            Clause("test", met=False, about=about, text=f"{about} is {text}", value="v")
            for text in texts
        )

    many = Clause("one", met=False, parts=tests("x", [f"{n}" for n in range(20)]))
    assert list(failed(many)) == [
        (0, f'x {", or ".join(f"is {n}" for n in range(8))}, or 12 more: "v"')
    ]
    nested = Clause("one", met=False, parts=(many, *tests("y", ["a"])))
    assert [depth for depth, _ in failed(nested)] == [0, 1, 1]
    assert list(failed(Clause("one", met=False))) == [(0, "never holds")]
