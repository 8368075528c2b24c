"""Mistakes in the files of formats and message tables of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from siemstress.config.format_files import Document
from siemstress.fields.own import own_tables
from siemstress.formats.own import own_formats


def document(**keys: Any) -> Document:
    return Document(Path("f.toml"), keys)


def problem(**keys: Any) -> str:
    (error,) = own_formats([document(**keys)])[1]
    return str(error)


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"regex": "(?<a>x)"}, "f.toml name: must be a word of small letters, digits and _"),
        ({"name": "auto", "regex": "(?<a>x)"}, "f.toml name: must be a word"),
        ({"name": "x"}, "f.toml: must have one of the keys regex, "),
        ({"name": "x", "regex": "(?<a>x)", "json": True}, "f.toml: must have one of the keys"),
        ({"name": "x", "json": 1}, "f.toml json: must be true"),
        ({"name": "x", "regex": 1}, "f.toml regex: must be a text in quotes"),
        ({"name": "x", "regex": "x"}, "f.toml regex: has no named group"),
        ({"name": "x", "regex": "(?<a>x"}, "f.toml regex: cannot be used: unclosed group"),
        ({"name": "x", "regex": r"(?<a>x)\1"}, "backreferences are not supported"),
        ({"name": "x", "regex": "(?<a>(?:\\pL{900}){900})"}, "exceeds size limit"),
        ({"name": "x", "regex": "(?<a>x))(?<b>y"}, "f.toml regex: cannot be used"),
        ({"nme": "x"}, "f.toml nme: no such key; there are: behind, columns, "),
        ({"name": "x", "json": True, "columns": {"hst": "a"}}, "[columns] hst: no such column"),
        ({"name": "x", "json": True, "columns": 7}, "f.toml columns: must be a table: write [col"),
        ({"name": "x", "json": True, "columns": {"host": [7]}}, "[columns] host: must be a text"),
        (
            {"name": "x", "regex": "(?<a>x)", "columns": {"host": "b"}},
            "[columns] host: no group 'b' in the regex; it has: a",
        ),
        ({"name": "x", "json": True, "time": "%H:%M"}, "f.toml time: has no day"),
        ({"name": "x", "json": True, "time": "iso8601"}, "f.toml time: must be one of iso, bsd"),
        ({"name": "x", "json": True, "time": "%Q %d"}, "f.toml time: cannot be used"),
        ({"name": "x", "json": True, "time": "%d %f"}, "time: has a %f that is not behind a point"),
        ({"name": "x", "json": True, "time": "%z %d"}, "time: may have %z at its end only"),
        ({"name": "x", "json": True, "zone": "UTC"}, "f.toml zone: goes with time"),
        ({"name": "x", "json": True, "time": "iso", "zone": "Mars"}, "zone: no such time zone"),
        ({"name": "x", "json": True, "set": {"outcome": "ok"}}, "[set] outcome: must be success"),
        ({"name": "x", "json": True, "set": {"severity": 9}}, "[set] severity: must be a number"),
        ({"name": "x", "json": True, "set": {"dest_port": 70000}}, "[set] dest_port: must be a nu"),
        ({"name": "x", "json": True, "set": {"time": "x"}}, "[set] time: cannot be set"),
        (
            {"name": "x", "json": True, "values": {"outcome": {"A": "B"}}},
            "[values.outcome] A: must be success or failure",
        ),
        ({"name": "x", "json": True, "where": {"a": 1}}, "[where] a: must be a text"),
        ({"name": "x", "json": True, "rank": 1000}, "f.toml rank: must be a number"),
        ({"name": "x", "json": True, "within": []}, "f.toml within: must name formats"),
        ({"name": "x", "json": True, "within": ["rfc5424"]}, "within: must come with program"),
        ({"name": "x", "regex": "(?<a>x)", "behind": "x"}, "f.toml behind: goes with"),
        ({"name": "x", "json": True, "samples": {}}, "f.toml samples: must be tables: write [[sam"),
        ({"name": "x", "json": True, "samples": [{}]}, "f.toml [samples 1] line: must be a line"),
        (
            {"name": "x", "json": True, "samples": [{"line": "x", "expect": {"host": 1.5}}]},
            "[samples 1.expect] host: must be a text",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_where(keys: dict[str, Any], wanted: str) -> None:
    told = problem(**keys)
    assert told.startswith("f.toml") or "f.toml" in told
    assert wanted in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"programs": ["a"]}, "f.toml messages: are missing"),
        ({"programs": [], "messages": [{"text": "a"}]}, "f.toml programs: must name processes"),
        ({"programs": ["Sshd"], "messages": [{"text": "a"}]}, "programs: 'Sshd' must be in small"),
        ({"programs": ["a"], "messages": [{}]}, "f.toml [messages 1] text: is missing"),
        ({"programs": ["a"], "messages": [{"text": "{A} b"}]}, "has a brace that begins no {name}"),
        ({"programs": ["a"], "messages": [{"text": "{a}{b}"}]}, "no text between two parts"),
        ({"programs": ["a"], "messages": [{"text": "{a} {a}"}]}, "a name stands twice"),
        (
            {"programs": ["a"], "messages": [{"text": "a", "set": {"outcome": "x"}}]},
            "[messages 1.set] outcome: must be success or failure",
        ),
        (
            {"programs": ["a"], "messages": [{"text": "a", "set": {"dest_port": "1"}}]},
            "[messages 1.set] dest_port: cannot be set",
        ),
        ({"programs": ["a"], "regex": "x", "messages": [{"text": "a"}]}, "regex: no such key"),
    ],
)
def test_a_mistake_in_messages_is_one_line_too(keys: dict[str, Any], wanted: str) -> None:
    (error,) = own_tables([document(**keys)])[1]
    assert wanted in str(error)
