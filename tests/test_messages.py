"""Message tables: what comes out of messages, compared with a plain reading of the templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsing import messages
from siemstress.extensions import load
from siemstress.fields.events import EventBuilder
from siemstress.fields.tables import NUMBER_COLUMNS, Pattern, Table, says
from siemstress.fields.templates import Capture, Template, parse

TABLES = list(load("siemstress.messages", Table))
_OF_PROGRAM = {
    program: tuple(n for n, table in enumerate(TABLES) if program in table.programs)
    for program in sorted({program for table in TABLES for program in table.programs}, reverse=True)
}
# One program for each choice of tables.
PROGRAMS = {
    program: [p for number in numbers for p in TABLES[number].patterns]
    for numbers, program in {n: p for p, n in _OF_PROGRAM.items()}.items()
}
BUILDER = EventBuilder(TABLES)


def test_every_table_has_samples() -> None:
    assert [table.programs for table in TABLES if not table.samples] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_samples_are_read(program: str) -> None:
    samples = [s for table in TABLES if program in table.programs for s in table.samples]
    got = messages([s.message for s in samples], BUILDER, program)
    assert got == [dict(s.expect) for s in samples]


# --- a plain reading of templates, a message at a time -----------------------------------------

Found = dict[str, str]


def _first_reading(template: Template, message: str) -> Found | None:
    """What a template's parts are, each as short as can be; None where it does not fit."""
    if not message.startswith(template.starts) or template.pieces:
        return None
    rest = message[len(template.starts) :]
    found: Found = {}
    for capture in template.captures:
        last = capture is template.captures[-1]
        if last:
            size = len(rest) - len(capture.behind)
            if size < 0 or not rest.endswith(capture.behind):
                return None
        else:
            size = rest.find(capture.behind)
            if size < 0:
                return None
        value, rest = rest[:size], rest[size + len(capture.behind) :]
        if not capture.any_text and " " in value:
            return None
        if capture.name in NUMBER_COLUMNS and not _is_port(value):
            return None
        found[capture.name] = value.lstrip(" ") if capture.any_text else value
    return found if template.captures or not rest else None


def _second_reading(template: Template, message: str) -> Found | None:
    """The same with the user name, or another such part, as long as can be."""
    if not template.read_again or not message.startswith(template.starts):
        return None
    match = _regex(template).match(message)
    if match is None:
        return None
    found = {}
    for capture, value in _captured(template, match.groups()):
        if value is None:
            continue
        if capture.name in NUMBER_COLUMNS and not _is_port(value):
            return None
        found[capture.name] = value.lstrip(" ") if capture.any_text else value
    return found


@cache
def _regex(template: Template) -> re.Pattern[str]:
    return re.compile(template.regex.replace("$", r"\Z"))


def _captured(
    template: Template, groups: Sequence[str | None]
) -> Iterator[tuple[Capture, str | None]]:
    """Captures and what they hold; literals that may be missing are groups as well."""
    if not template.pieces:
        yield from zip(template.captures, groups, strict=True)
        return
    left = iter(groups)
    for piece in template.pieces:
        if piece.capture is not None:
            yield piece.capture, next(left)
        elif piece.optional:
            next(left)


def _is_port(value: str) -> bool:
    return re.fullmatch("[0-9]{1,8}", value) is not None and int(value) < 65_536


def _kept(found: Found, sets: Mapping[str, str]) -> dict[str, str | int]:
    """What an event keeps of it."""
    kept: dict[str, str | int] = dict(sets)
    for name, value in found.items():
        if not name.startswith("_") and value not in {"", "-"}:
            kept[name] = int(value) if name in NUMBER_COLUMNS else value
    return kept


def _plainly(patterns: Sequence[Pattern], message: str) -> dict[str, str | int]:
    ordered = sorted(patterns, key=lambda p: -len(p.template().starts))
    for reading in (_first_reading, _second_reading):
        for pattern in ordered:
            found = reading(pattern.template(), message)
            if found is not None:
                return _kept(found, pattern.sets)
    return {}


# Few characters, so that literals are found in the wrong places too.
WORDS = st.text("ab- ", min_size=1, max_size=3)
PORTS = st.sampled_from(["0", "7", "65535", "65536", "007", "12345678", "123456789", "", "x"])
KINDS = st.sampled_from(
    ["{a}", "{b}", "{c*}", "{d*}", "{e**}", "{f#}", "{g=a|b-}", "{?a{h}-{?b?}?}", "{_e}",
     "{_f*}", "{user_name}", "{user_name*}", "{source_port}", "{source_host}"]
)  # fmt: skip


@st.composite
def templates(draw: st.DrawFn) -> str:
    text = draw(st.one_of(st.just(""), WORDS))
    used: set[str] = set()
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(KINDS.filter(lambda k: k.strip("{*}") not in used))
        used.add(kind.strip("{*}"))
        text += kind + draw(WORDS)
    return text if draw(st.booleans()) else text.rstrip("ab- ")


@st.composite
def fitting(draw: st.DrawFn, template: str) -> str:
    """A message that a template fits, or nearly so."""
    parts = re.split(r"(\{[^}?]*\})", re.sub(r"\{\?|\?\}", "", template))
    message = ""
    for part in parts:
        if not part.startswith("{"):
            message += part
        elif "port" in part:
            message += draw(PORTS)
        else:
            message += draw(st.text("abé-" + (" " if "*" in part else ""), max_size=4))
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(message)))
        message = message[:at] + draw(WORDS) + message[at + 1 :]
    return message


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_one_template_is_read_as_it_says(data: st.DataObject) -> None:
    text = data.draw(templates())
    texts = data.draw(
        st.lists(st.one_of(fitting(text), fitting(text), st.text("ab- ", max_size=12)), min_size=4)
    )
    pattern = says(text, outcome="success", action="x")
    got = messages(texts, EventBuilder([Table(("p",), (pattern,))]), "p")
    assert got == [_plainly([pattern], message) for message in texts]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_of_templates_the_longest_start_counts(data: st.DataObject) -> None:
    """Where no two templates begin alike; a template whose start is longer is tried first."""
    texts = data.draw(
        st.lists(templates(), min_size=2, max_size=6, unique_by=lambda t: parse(t).starts)
    )
    patterns = [says(text, number=str(n)) for n, text in enumerate(texts)]
    messages_ = data.draw(
        st.lists(st.sampled_from(texts).flatmap(fitting), min_size=4, max_size=40)
    )
    got = messages(messages_, EventBuilder([Table(("p",), tuple(patterns))]), "p")
    assert got == [_plainly(patterns, message) for message in messages_]


# --- the tables that come with siemstress ------------------------------------------------------

VALUES = ("alice", "203.0.113.9", "2001:db8::7", "x", "", "-", "a-b_c", "é", "(x)", "[1]", "a:b")
LOOSE_VALUES = (*VALUES, "two words", "three of them", " led", "a: b", "x from y port 1 ssh2")


def _message(random: Random, template: Template) -> str:
    """A message that a template fits, unless what is filled in looks like literal text of it."""
    if template.pieces:
        parts = {part for piece in template.pieces for part in piece.optional}
        left_out = {part for part in sorted(parts) if random.randrange(2)}
        return "".join(
            piece.text if piece.capture is None else _value(random, piece.capture)
            for piece in template.pieces
            if left_out.isdisjoint(piece.optional)
        )
    text = template.starts
    for capture in template.captures:
        text += _value(random, capture) + capture.behind
    return text


def _value(random: Random, capture: Capture) -> str:
    if capture.name in NUMBER_COLUMNS:
        return str(random.randrange(65_536))
    if capture.pattern == "([0-9]+)":
        return str(random.randrange(1000))
    if capture.choice:
        return random.choice(capture.choice)
    if "0-9A-F" in capture.pattern:
        return random.choice(VALUES[1:3])
    loose = capture.any_text or capture.name == "user_name"
    return random.choice(LOOSE_VALUES if loose else VALUES)


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_shipped_pattern_fits_is_read(program: str) -> None:
    random = Random(program)
    patterns = [(pattern, pattern.template()) for pattern in PROGRAMS[program]]
    rounds = max(1, min(6, 500 // len(patterns)))
    texts = [_message(random, t) for _, t in patterns for _ in range(rounds)]
    for text, got in zip(texts, messages(texts, BUILDER, program), strict=True):
        for reading in (_first_reading, _second_reading):
            found = [(p, reading(t, text)) for p, t in patterns]
            fitting = [_kept(f, p.sets) for p, f in found if f is not None]
            if fitting:
                break
        if got.get("action") == "request":
            # Follows from the status, not from the pattern.
            got.pop("outcome", None)
            for kept in fitting:
                kept.pop("outcome", None)
        lowered = [{k: _lower(k, v) for k, v in kept.items()} for kept in fitting]
        assert got in (lowered or [{}]), text


def _lower(name: str, value: str | int) -> str | int:
    return value.lower() if name == "protocol" and isinstance(value, str) else value
