"""What a log format is.

A format is a `Format` in a module of `siemstress.formats.builtin`, or of a module or package that
an entry point of the group `siemstress.formats` names: one file, with its samples inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from siemstress.extensions import load
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.sources.chunks import Unpack
from siemstress.sources.lines import Lines, Mask

Reader = Callable[[Lines, Clock], tuple[Mask, Header]]
"""Tells which lines are of the format, and gives the header of these, in their order."""

Claim = Callable[[Header], Mask]
"""Tells which lines, read by another format, should be read by this one instead."""

LOOSE = 90
"""The rank from which on formats read lines that others would read better."""


@dataclass(frozen=True)
class Sample:
    """A line and what must come out of it, by column; `fields.x` is a field.

    Stamps without a year are read as of the end of 2017, those without a zone as UTC. Columns
    that are not named are not looked at.
    """

    line: str
    expect: Mapping[str, object]


@dataclass(frozen=True)
class Format:
    """A log format: its name, other names it goes by, and how lines are read.

    A format that `refines` another is asked, for lines that the other one has read, whether it
    `claims` them. `rank` orders formats where `auto` has nothing else to go by, the lowest first;
    from LOOSE on a format gets only what all others have left, None keeps it out of `auto`. Where
    lines are not what the bytes have as lines, `unpack` makes a stream of lines of them.
    """

    name: str
    read: Reader
    aliases: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    rank: int | None = 50
    refines: str | None = None
    unpack: Unpack | None = None
    claims: Claim | None = field(default=None, repr=False)


def formats() -> dict[str, Format]:
    """All formats by name; the first of a name counts, ours before others."""
    found: dict[str, Format] = {}
    for known in load("siemstress.formats", Format):
        found.setdefault(known.name, known)
    return found


def names(known: Mapping[str, Format]) -> dict[str, str]:
    """The name of each format by all the names it goes by, `auto` among them."""
    result = {"auto": "auto"}
    for item in known.values():
        for name in (item.name, *item.aliases):
            result.setdefault(name, item.name)
    return result
