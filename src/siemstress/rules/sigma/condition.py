"""What a rule says of one event: tests of fields, put together by and, or, not.

The form that all Sigma detections are compiled to. It knows nothing of YAML, of stores, or of how
events are held; it can be saved and hashed.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    """The value is that of another field, or begins or ends with it; case does not count."""

    field: str
    how: Literal["is", "begins", "ends"] = "is"


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
