"""What a log format is.

A format is a `Format` in a module of `siemstress.formats.builtin`, or of a module or package that
an entry point of the group `siemstress.formats` names: one file, with its samples inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from siemstress.extensions import load
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span, unread
from siemstress.formats.syslog import priority, without_return
from siemstress.sources.chunks import Unpack
from siemstress.sources.lines import Lines, Mask

Reader = Callable[[Lines, Clock], tuple[Mask, Header]]
"""Tells which lines are of the format, and gives the header of these, in their order."""

Claim = Callable[[Header], Mask]
"""Tells, cheaply, which lines that another format has read might be this one's."""

Refine = Callable[[Header, Clock], tuple[Mask, Header]]
"""Reads the messages of a header: tells which are of the format, and gives a better header of
these, in their order, that keeps what the lines around the messages say."""

SYSLOGS = ("syslogbsd", "syslogiso", "rfc5424", "nohost", "syslogodd")
"""Formats whose messages may be of another format."""

FIRST = 0
"""Formats of a lower rank are tried on every line before those that have fitted so far."""

LOOSE = 90
"""The rank from which on formats read lines that others would read better."""


@dataclass(frozen=True)
class Sample:
    """A line and what must come out of it, by column; `fields.x` is a field.

    Stamps without a year are read as of the end of 2017, those without a zone as UTC. Columns
    that are not named are not looked at. `before` are the lines that stand before it, where these
    say how it is read.
    """

    line: str
    expect: Mapping[str, object]
    before: str = ""


@dataclass(frozen=True)
class Format:
    """A log format: its name, other names it goes by, and how lines are read.

    Of lines that a format in `refines` has read, those that this one `claims` are read by its
    `refine`; lines that stand alone are read by `read`, or by `asked`, if there is such, where the
    format is asked for by its name. `rank` orders formats where `auto` has
    nothing else to go by, the lowest first; from LOOSE on a format gets only what all others have
    left, None keeps it out of `auto`. A format that is `described` reads lines by what their
    source has said about them (`Lines.described`), and gets these first. Where lines are not what
    the bytes have as lines, `unpack` makes a stream of lines of them; `begins` tells by the first
    bytes of a source whether it is such a one. `about` says what it is where its module is of
    several. `columns` are the names, in lower case, whose values fill columns and so are no
    fields, beside those that always do (see `keys`); those under "" fill none.
    """

    name: str
    read: Reader | None = None
    asked: Reader | None = None
    aliases: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    rank: int | None = 50
    described: bool = False
    refines: tuple[str, ...] = ()
    unpack: Unpack | None = None
    begins: Callable[[bytes], bool] | None = field(default=None, repr=False)
    about: str = ""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False, compare=False)
    claims: Claim | None = field(default=None, repr=False)
    refine: Refine | None = field(default=None, repr=False)


def standing(refine: Refine, claims: Claim) -> Reader:
    """A reader of lines that are nothing but messages that `refine` reads, where `claims` holds.

    A carriage return at the end, and a priority in front (`<134>`), are not part of the message.
    """

    def read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
        whole = unread(lines)
        ends, _ = without_return(lines)
        mark = priority(lines)
        whole.message = Span(mark.start, ends - mark.start)
        whole.facility, whole.severity = mark.facility, mark.severity
        whole.rebuilt = None
        whole.parsed = True
        rows = np.flatnonzero(claims(whole))
        ok = np.zeros(len(lines), bool)
        if not len(rows):
            return ok, whole.take(rows)
        found, header = refine(whole.take(rows), clock)
        ok[rows[found]] = True
        return ok, header

    return read


def formats(*, own: bool = True) -> dict[str, Format]:
    """All formats by name; the first of a name counts: the user's own, ours, then others.

    Without `own` the user's files are not looked at; what is wrong in one is told by
    `own.own_formats`.
    """
    from siemstress.formats.own import own_formats

    found: dict[str, Format] = {}
    if own:
        found = {known.name: known for known in own_formats()[0]}
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
