"""Rules as JSON: every distinct part of them once, in a list in which parts name earlier ones.

An entry is a text, or a list of a kind and its arguments, which are the numbers of entries.
Thousands of rules share most of their parts, and are built again in one pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any as Anything

from siemstress.rules.episodes import model as episodes
from siemstress.rules.sigma import condition, rule, taxonomy

_CLASSES = (
    condition.Text, condition.Regex, condition.Network, condition.Compare, condition.TimePart,
    condition.Absent, condition.Present, condition.SameAs, condition.Atom, condition.All,
    condition.Any, condition.Not, rule.Own, rule.About, rule.Sigma, rule.Correlation,
    taxonomy.LogSource, episodes.Threshold, episodes.Number, episodes.Part, episodes.Both,
    episodes.Either, episodes.Without, episodes.Together, episodes.Ordered, episodes.First,
    episodes.Rare, episodes.Spike, episodes.Silent,
)  # fmt: skip
_TUPLE, _LIST, _MAPPING, _PLAIN, _WILD = "(", "[", "{", "=", "*"

Entry = Anything
"""A text, or a list: what JSON has."""


class Writer:
    """Builds the list."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._places: dict[Anything, int] = {}

    def add(self, value: Anything) -> int:
        """Add a value and its parts; gives the number of its entry.

        Raises:
            TypeError: it is of a kind that rules have not.

        """
        if isinstance(value, str):
            return self._placed(value)
        return self._placed(tuple(self._parts(value)))

    def _parts(self, value: Anything) -> Sequence[Anything]:
        if isinstance(value, Enum):
            return (_WILD, self._placed(value.value))
        if value is None or isinstance(value, int | float):
            return (_PLAIN, self._placed(json.dumps(value)))
        if isinstance(value, tuple):
            return (_TUPLE, *map(self.add, value))
        if isinstance(value, list):
            return (_LIST, *map(self.add, value))
        if isinstance(value, dict):
            return (_MAPPING, *(self.add(part) for pair in value.items() for part in pair))
        kind: type = type(value)
        if is_dataclass(value) and kind in _CLASSES:
            return (kind.__name__, *(self.add(getattr(value, name)) for name in _fields(kind)))
        raise TypeError(type(value).__name__)

    def _placed(self, entry: Anything) -> int:
        place = self._places.get(entry)
        if place is None:
            place = self._places[entry] = len(self.entries)
            self.entries.append(list(entry) if isinstance(entry, tuple) else entry)
        return place


def built(entries: Sequence[Entry]) -> list[Anything]:
    """The values that the entries stand for.

    Raises:
        KeyError, TypeError, ValueError, IndexError: it is no such list.

    """
    found: list[Anything] = []
    for entry in entries:
        if type(entry) is str:
            found.append(entry)
            continue
        found.append(_MAKERS[entry[0]]([found[place] for place in entry[1:]]))
    return found


def _made(kind: Callable[..., Anything]) -> Callable[[list[Anything]], Anything]:
    return lambda arguments: kind(*arguments)


def _pairs(arguments: list[Anything]) -> dict[Anything, Anything]:
    return dict(zip(arguments[::2], arguments[1::2], strict=True))


_MAKERS: dict[str, Callable[[list[Anything]], Anything]] = {
    _TUPLE: tuple,
    _LIST: list,
    _MAPPING: _pairs,
    _PLAIN: lambda arguments: json.loads(arguments[0]),
    _WILD: lambda arguments: condition.Wild(arguments[0]),
    **{kind.__name__: _made(kind) for kind in _CLASSES},
}


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))
