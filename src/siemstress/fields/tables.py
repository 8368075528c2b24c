"""Message tables: what programs say, and what it means.

A table is a module of `siemstress.fields.builtin` (or of a package that an entry point of the
group `siemstress.messages` names) with a `TABLE`. It belongs to one or more programs and lists
patterns with their samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from siemstress.extensions import load
from siemstress.fields.templates import Template, parse

TEXT_COLUMNS = ("user_name", "source_host", "dest_host", "protocol", "action", "outcome")
"""Text columns of the event that a message can fill."""

NUMBER_COLUMNS = ("source_port", "dest_port")
"""Number columns of the event that a message can fill; a word that is none does not fit."""


@dataclass(frozen=True)
class Pattern:
    """One thing that a program says: a template (see `templates`), and what follows from it.

    Parts called like one of the columns above fill it, all others go into `fields`; so do `sets`.
    """

    text: str
    sets: Mapping[str, str] = field(default_factory=dict)

    def template(self) -> Template:
        """The parsed text."""
        return parse(self.text)


@dataclass(frozen=True)
class Sample:
    """A message and what must come out of it; what is not named must be empty."""

    message: str
    expect: Mapping[str, str | int]


@dataclass(frozen=True)
class Table:
    """What some programs say. `programs` are process names in lower case, without a path."""

    programs: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    samples: tuple[Sample, ...] = ()


def says(text: str, **sets: str) -> Pattern:
    """A pattern, written short."""
    return Pattern(text, sets)


def tables(*, own: bool = True) -> list[Table]:
    """All tables, the user's own before ours: of templates that fit alike the first counts.

    Without `own` the user's files are not looked at; what is wrong in one is told by
    `own.own_tables`.
    """
    from siemstress.fields.own import own_tables

    return [*(own_tables()[0] if own else ()), *load("siemstress.messages", Table)]
