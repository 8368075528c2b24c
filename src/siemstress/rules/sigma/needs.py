"""Conditions of correlations that are texts: names of rules with and, or, not and parentheses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from siemstress.rules.episodes.model import Both, Either, Need, Part, Without
from siemstress.rules.episodes.parts import alternatives, can_hold_empty
from siemstress.rules.sigma.reading import Wrong

_WORDS = re.compile(r"[()]|[^\s()]+")
_OPERATORS = frozenset({"and", "or", "not"})
_DEEPEST = 50
_LONGEST = 10_000
_MOST_WAYS = 256


def named(condition: str) -> tuple[str, ...]:
    """The names in a condition, each once, in their order."""
    words = _WORDS.findall(condition[:_LONGEST])
    names = (w for w in words if w not in ("(", ")") and w.lower() not in _OPERATORS)
    return tuple(dict.fromkeys(names))


def need_of(condition: str, rules: Sequence[str]) -> Need:
    """What a condition asks of rules, which are numbered in their order.

    Raises:
        Wrong: it is no condition, is not about all of the rules, or holds where nothing happens.

    """
    if len(condition) > _LONGEST:
        raise Wrong(f"correlation: condition is longer than {_LONGEST} characters")
    places = {name: place for place, name in enumerate(rules)}
    names = named(condition)
    for name in names:
        if name not in places:
            raise Wrong(f"correlation: condition names {name[:60]!r}, which is not in rules")
    for name in rules:
        if name not in names:
            raise Wrong(f"correlation: condition does not name {name[:60]!r}, which is in rules")
    need = _Reader(condition, places).whole()
    try:
        holds_empty = can_hold_empty(need)
        is_possible = bool(alternatives(need))
    except ValueError as e:
        raise Wrong(f"correlation: condition is too long: {e}") from None
    if holds_empty or not is_possible:
        what = "holds where nothing matches" if holds_empty else "can never hold"
        raise Wrong(f"correlation: condition {what}: name a rule without not")
    return need


def need_of_count(allowed: Iterable[int], count: int) -> Need:
    """What is needed where so many of `count` rules are to match; which of them does not matter.

    Raises:
        Wrong: no number is allowed, or there are too many ways to have so many.

    """
    numbers = sorted(set(allowed))
    if not numbers:
        raise Wrong("correlation: condition can never hold: so many rules there are not")
    # If all larger numbers are allowed, too, nothing must be absent.
    is_least = numbers == list(range(numbers[0], count + 1))
    ways: list[Need] = []
    for number in numbers[:1] if is_least else numbers:
        for some in combinations(range(count), number):
            absent = () if is_least else (Without(Part(n)) for n in range(count) if n not in some)
            ways.append(Both((*map(Part, some), *absent)))
            if len(ways) > _MOST_WAYS:
                raise Wrong(f"correlation: condition has more than {_MOST_WAYS} ways to be met")
    return ways[0] if len(ways) == 1 else Either(tuple(ways))


class _Reader:
    """Reads a condition from left to right; `not` binds most, then `and`."""

    def __init__(self, condition: str, places: Mapping[str, int]) -> None:
        self._words: Iterator[str] = iter(_WORDS.findall(condition))
        self._places = places
        self._word = next(self._words, "")

    def whole(self) -> Need:
        need = self._either(0)
        if self._word:
            raise self._wrong()
        return need

    def _either(self, depth: int) -> Need:
        needs = [self._both(depth)]
        while self._is("or"):
            needs.append(self._both(depth))
        return needs[0] if len(needs) == 1 else Either(tuple(needs))

    def _both(self, depth: int) -> Need:
        needs = [self._one(depth)]
        while self._is("and"):
            needs.append(self._one(depth))
        return needs[0] if len(needs) == 1 else Both(tuple(needs))

    def _one(self, depth: int) -> Need:
        if depth > _DEEPEST:
            raise Wrong(f"correlation: condition is more than {_DEEPEST} levels deep")
        if self._is("not"):
            return Without(self._one(depth + 1))
        if self._is("("):
            need = self._either(depth + 1)
            if not self._is(")"):
                raise self._wrong()
            return need
        place = self._places.get(self._word)
        if place is None:
            raise self._wrong()
        self._word = next(self._words, "")
        return Part(place)

    def _is(self, word: str) -> bool:
        """Whether a word comes next, which is read then."""
        if self._word.lower() != word:
            return False
        self._word = next(self._words, "")
        return True

    def _wrong(self) -> Wrong:
        what = f"{self._word[:60]!r} cannot stand" if self._word else "something is missing"
        at = " where it does" if self._word else " at the end"
        return Wrong(f"correlation: condition: {what}{at}")
