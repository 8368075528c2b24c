"""What a rule says of one event: tests of fields, put together by and, or, not.

The form that all Sigma detections are compiled to. It knows nothing of YAML, of stores, or of how
events are held; it can be saved and hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Wild(Enum):
    """A part of a pattern that stands for other text."""

    ANY = "*"
    """Any text, none as well."""
    ONE = "?"
    """Any one character."""


@dataclass(frozen=True)
class Text:
    """The value is a text like this one; in lower case on both sides unless `cased`."""

    parts: tuple[str | Wild, ...]
    cased: bool = False

    @property
    def literals(self) -> tuple[str, ...]:
        """The parts that must be there as they are."""
        return tuple(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True)
class Regex:
    """A regular expression is found in the value. `flags` are of `ims`."""

    pattern: str
    flags: str = ""

    @property
    def expression(self) -> str:
        """The pattern with its flags."""
        return f"(?{self.flags}){self.pattern}" if self.flags else self.pattern


@dataclass(frozen=True)
class Network:
    """The value is an address of a network (CIDR)."""

    network: str


@dataclass(frozen=True)
class Compare:
    """The value is a number that compares so with another."""

    operator: Literal["<", "<=", ">", ">=", "=", "!="]
    number: float


@dataclass(frozen=True)
class TimePart:
    """A part of the time that the value names, in UTC, is a number."""

    part: Literal["minute", "hour", "day", "week", "month", "year"]
    number: int


@dataclass(frozen=True)
class Absent:
    """There is no value, or an empty one."""


@dataclass(frozen=True)
class Present:
    """There is a value, be it empty."""


@dataclass(frozen=True)
class SameAs:
    """The value is that of another field, or begins or ends with it, or has it somewhere within;
    case does not count."""

    field: str
    how: Literal["is", "begins", "ends", "within"] = "is"


Test = Text | Regex | Network | Compare | TimePart | Absent | Present | SameAs


@dataclass(frozen=True)
class Atom:
    """A test of a field's value; without a field, of the whole event's text.

    An event without the field fails every test but Absent.
    """

    field: str | None
    test: Test


@dataclass(frozen=True)
class All:
    """Every part holds; without parts it always does."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Any:
    """A part holds; without parts it never does."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = Atom | All | Any | Not


def atoms(condition: Condition) -> Iterator[Atom]:
    """All tests in a condition, in its order."""
    match condition:
        case Atom():
            yield condition
        case Not(part):
            yield from atoms(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from atoms(part)


def fields(condition: Condition) -> dict[str, None]:
    """The names of all fields that a condition looks at, each once, in its order."""
    names: dict[str, None] = {}
    for atom in atoms(condition):
        if atom.field is not None:
            names.setdefault(atom.field)
        if isinstance(atom.test, SameAs):
            names.setdefault(atom.test.field)
    return names


def depth(condition: Condition) -> int:
    """How many levels of conditions there are within each other."""
    match condition:
        case Atom():
            return 1
        case Not(part):
            return 1 + depth(part)
        case All(parts) | Any(parts):
            return 1 + max(map(depth, parts), default=0)


def requirements(condition: Condition) -> frozenset[frozenset[str]]:
    """What an event must have for a condition to hold: of each set of fields at least one.

    That is necessary, not sufficient. The whole text is no field.
    """
    match condition:
        case Atom(field, test):
            if field is None or isinstance(test, Absent):
                return frozenset()
            more = {frozenset((test.field,))} if isinstance(test, SameAs) else set()
            return frozenset({frozenset((field,)), *more})
        case Not():
            return frozenset()
        case All(parts):
            return _least(one for part in parts for one in requirements(part))
        case Any(parts):
            return _of_any([requirements(part) for part in parts])


def _of_any(some: list[frozenset[frozenset[str]]]) -> frozenset[frozenset[str]]:
    """What is needed where one of several needs must be met."""
    found: frozenset[frozenset[str]] = frozenset((frozenset(),)) if some else frozenset()
    for needs in dict.fromkeys(some):
        pair = (found, needs)
        if len(found) * len(needs) > _MOST_NEEDS:
            pair = (_smallest(found), _smallest(needs))
        found = _least(one | other for one in pair[0] for other in pair[1])
    return found


def _smallest(needs: frozenset[frozenset[str]]) -> frozenset[frozenset[str]]:
    return frozenset((min(needs, key=_by_size),))


def _least(needs: Iterable[frozenset[str]]) -> frozenset[frozenset[str]]:
    """Needs without those that others imply."""
    kept: list[frozenset[str]] = []
    for need in sorted(set(needs), key=_by_size):
        if not any(other <= need for other in kept):
            kept.append(need)
    return frozenset(kept)


def _by_size(need: frozenset[str]) -> tuple[int, list[str]]:
    return len(need), sorted(need)


# More needs than that are told of by one of them.
_MOST_NEEDS = 64
