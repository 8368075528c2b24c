"""Conditions over the rules of a correlation: texts, and how many of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siemstress.rules.episodes.model import Both, Either, Need, Part, Without
from siemstress.rules.sigma.needs import named, need_of, need_of_count
from siemstress.rules.sigma.reading import Wrong


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("a and d", "names 'd', which is not in rules"),
        ("a", "does not name 'b', which is in rules"),
        ("a and", "does not name 'b'"),
        ("a b", "'b' cannot stand where it does"),
        ("a and and b", "'and' cannot stand where it does"),
        ("(a and b", "something is missing at the end"),
        ("a and b)", "')' cannot stand where it does"),
        ("a or not b", "holds where nothing matches"),
        ("not a and not b", "holds where nothing matches"),
        ("a and not a and b", "can never hold"),
        ("not " * 60 + "a and b", "more than 50 levels deep"),
        ("(" * 60 + "a and b" + ")" * 60, "more than 50 levels deep"),
        ("a or " * 5000 + "b", "longer than 10000 characters"),
    ],
)
def test_what_is_wrong_with_a_condition_is_said(condition: str, said: str) -> None:
    with pytest.raises(Wrong, match=re.escape(said)):
        need_of(condition, ("a", "b"))


NAMES = ("a", "rule-1", "5f1abf38-1f4c-4e0b-8b0a-6b8f4f4f3a11", "x.y", "notable")
WRITTEN = st.recursive(
    st.sampled_from(range(len(NAMES))).map(Part),
    lambda inner: st.one_of(
        inner.map(Without),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: Both(tuple(some))),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: Either(tuple(some))),
    ),
    max_leaves=8,
)


def text_of(need: Any) -> str:
    match need:
        case Part(number):
            return NAMES[number]
        case Without(inner):
            return f"not ({text_of(inner)})"
        case Both(needs):
            return " and ".join(f"({text_of(one)})" for one in needs)
        case Either(needs):
            return "(" + " OR ".join(f"({text_of(one)})" for one in needs) + ")"
    raise AssertionError(need)


def holds(need: Need, there: set[int]) -> bool:
    match need:
        case Part(number):
            return number in there
        case Without(inner):
            return not holds(inner, there)
        case Both(needs):
            return all(holds(one, there) for one in needs)
        case Either(needs):
            return any(holds(one, there) for one in needs)


def subsets(some: Iterable[int]) -> list[set[int]]:
    found: list[set[int]] = [set()]
    for one in some:
        found += [{*other, one} for other in found]
    return found


@given(WRITTEN)
def test_conditions_are_read_as_they_are_written(need: Need) -> None:
    text = text_of(need)
    rules = named(text)
    numbers = {number: rules.index(name) for number, name in enumerate(NAMES) if name in rules}
    if holds(need, set()):
        with pytest.raises(Wrong, match="holds where nothing matches"):
            need_of(text, rules)
        return
    never = not any(holds(need, set(some)) for some in subsets(range(len(NAMES))))
    if never:
        with pytest.raises(Wrong, match="can never hold"):
            need_of(text, rules)
        return
    read = need_of(text, rules)
    for there in subsets(range(len(NAMES))):
        wanted = holds(need, there)
        assert holds(read, {numbers[n] for n in there if n in numbers}) == wanted


@given(st.sets(st.integers(1, 4), min_size=1))
def test_so_many_of_the_rules(allowed: set[int]) -> None:
    need = need_of_count(allowed, 4)
    for there in subsets(range(4)):
        assert holds(need, there) == (len(there) in allowed)


def test_and_binds_more_than_or() -> None:
    assert need_of("a or b and c", "abc") == Either((Part(0), Both((Part(1), Part(2)))))
    assert need_of("not a and b", "ab") == Both((Without(Part(0)), Part(1)))
