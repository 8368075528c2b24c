"""How literals are looked for, and what regular expressions need."""

from __future__ import annotations

import re
from itertools import islice, repeat

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siemstress.fields.maps import ENTRIES
from siemstress.rules.sigma.condition import Atom, Not, Regex, Text, Wild
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.grams import ROOM, Finder
from siemstress.rules.sigma.literals import Literals, pattern_of
from siemstress.rules.sigma.needed import needed
from siemstress.rules.sigma.values import Batch, Column


def literal_of(expression: str, flags: str = "") -> str | None:
    found = needed(Regex(expression, flags))
    return found.literals[0] if found else None


@pytest.mark.parametrize(
    ("expression", "literal"),
    [
        ("abc", "abc"),
        ("^ABc$", "abc"),
        ("ab?cde", "cde"),
        ("xyab*", "xya"),
        ("ab+c", "ab"),
        ("ab{2,3}cd?", "a b"),
        ("ab|cd", None),
        ("(ab|cd)efg", "efg"),
        ("(?i)xSyz", "yz"),
        ("ab(?i)cdef", None),
        (r"net\s+config", "config"),
        (r"\$env:Public\[\s*\d", "$env:public["),
        (r"a[]b]cd[^]e\]f]gh", "cd"),
        (r"[[:alpha:]x]cd", "cd"),
        (r"\x41bcd", None),
        ("äöab", "ab"),
        (".", None),
    ],
)
def test_what_an_expression_needs(expression: str, literal: str | None) -> None:
    if expression == "ab{2,3}cd?":
        literal = None
    assert literal_of(expression) == literal


PIECES = ["a", "S", "k", "x.y", "ab", "c?", "d*", "e+", "f{2}", "(g|h)", "(?:ij)?", "[k-m]", r"\.",
          r"\s", r"\d{1,2}", "^", "$", "[^]n]", r"[\]o]", "ſ", "pq|rs", "t"]  # fmt: skip


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_an_expression_needs_is_in_all_it_is_found_in(data: st.DataObject) -> None:
    expression = "".join(data.draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6)))
    literal = literal_of(expression)
    inside = expression.replace("^", "").replace("$", "") if "[^" not in expression else expression
    text = data.draw(st.from_regex(inside.replace("$", "")))
    if literal is not None and re.search(expression, text):
        assert literal in text.lower()


STRINGS = st.lists(st.text("abc\xe9 ", min_size=1, max_size=20).map(str.encode), min_size=1,
                   max_size=20, unique=True)  # fmt: skip


@given(STRINGS, st.text("abc\xe9 ", max_size=300).map(str.encode))
@settings(max_examples=60, deadline=None)
def test_strings_are_found_wherever_they_stand(strings: list[bytes], text: bytes) -> None:
    wanted = {
        (number, match.start())
        for number, string in enumerate(strings)
        for match in re.finditer(b"(?=" + re.escape(string) + b")", text)
    }
    pairs = [
        pair
        for numbers, places in Finder(strings).find(text + bytes(ROOM))
        for pair in zip(numbers.tolist(), places.tolist(), strict=True)
    ]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == wanted


def test_strings_are_found_in_large_texts() -> None:
    text = (b"x" * 300_000 + b"needle") * 3 + bytes(ROOM)
    found = [p for _, places in Finder([b"needle", b"eedl", b"le"]).find(text) for p in places]
    assert len(found) == 9


PART = st.one_of(st.text("ab\0\xff", max_size=3), st.sampled_from(list(Wild)))
TESTS = st.lists(st.lists(PART, min_size=1, max_size=4).map(tuple).map(Text), min_size=1,
                 max_size=12, unique=True)  # fmt: skip
VALUES = st.lists(st.text("ab\0\xff", max_size=6), min_size=1, max_size=8)


@given(TESTS, VALUES)
@settings(max_examples=60, deadline=None)
def test_patterns_fit_what_their_expressions_say(tests: list[Text], values: list[str]) -> None:
    column = Column(np.arange(len(values)), pl.Series(values, dtype=pl.String))
    literals = Literals({test: n for n, test in enumerate(tests)}, cased=True)
    found = {n: at.tolist() for n, at in literals.values(column).items()}
    for number, test in enumerate(tests):
        fits = [bool(re.search(pattern_of(test).replace("$", r"\Z"), v)) for v in column.distinct]
        assert (test, found.get(number, [])) == (test, [n for n, fit in enumerate(fits) if fit])


def test_batches_come_back_in_their_order() -> None:
    evaluator = Evaluator([Atom("message", Regex("^needle$")), Not(Atom("message", Regex("b+c")))])
    texts = [["needle", "bbc"], ["x"], ["abc"], ["needle"]] * 5
    frames = (
        pl.DataFrame({"message": t, "fields": pl.Series([[]] * len(t), dtype=ENTRIES)})
        for t in texts
    )
    found = [
        [(number, rows.tolist()) for number, rows in matches]
        for _, matches in evaluator.all_matches(frames)
    ]
    assert found == [[(0, [0]), (1, [0])], [(1, [0])], [], [(0, [0]), (1, [0])]] * 5


def test_those_who_want_no_more_batches_may_leave() -> None:
    evaluator = Evaluator([Atom("message", Regex("x"))])
    endless = repeat(pl.DataFrame({"message": ["x"]}))
    assert len(list(islice(evaluator.all_matches(endless), 3))) == 3


def test_a_batch_gives_texts_of_rows() -> None:
    frame = pl.DataFrame({"user": ["A", None, "b", "A"]})
    batch = Batch(frame, ["user", "host"])
    assert batch.texts("user", np.array([0, 1, 3])).to_list() == ["a", None, "a"]
    assert batch.texts("host", np.array([2])).to_list() == [None]
