"""JSON documents that are known by their keys, each a small description.

An object is taken apart once, whoever asks (`objects_at`). Which kind of document it is follows
from its keys, and these are the same for all objects of a shape: a kind is looked for once for each
shape, not for each line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import cast

import numpy as np

from siemstress.formats.base import SYSLOGS, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.distinct import once
from siemstress.formats.found import Found
from siemstress.formats.header import Header, Span, unread
from siemstress.formats.keys import pointers
from siemstress.formats.leaves import Leaves
from siemstress.formats.named import event, untimed
from siemstress.formats.objects import Objects, take_apart
from siemstress.formats.sayings import Part, Saying, fill
from siemstress.formats.syslog import without_return
from siemstress.sources.chunks import Unpack
from siemstress.sources.lines import Ints, Lines, Mask

_OPEN, _BLANK, _TAB, _DASH = 123, 32, 9, 45
_OF_ALL = tuple(pointers())
_NOTE = "objects"
# Where a document stands in a message, what the line around it says of these counts.
_AROUND = ("host", "process")
# Columns in which a dash stands for nothing.
_NO_DASHES = ("source_host", "dest_host", "user_name")
_OUTCOMES = {
    "success": "success", "succeeded": "success", "successful": "success",
    "failure": "failure", "failed": "failure", "fail": "failure",
}  # fmt: skip

RANK = 12
"""The rank of documents: before objects of which nothing is known."""


@dataclass(frozen=True)
class Document:
    """A kind of JSON documents.

    An object is one if it has all keys of one of `keys` (names with blanks between; those of
    nested objects end in a dot), any where there are none. `columns` says which names fill
    columns, the best first, before those that always do, or alone where `general` is not set.
    `says` and `parts` fill columns by values that stay fields (see `formats.sayings`); an action
    comes from these alone if they have one. `rename` gives values other names. An array of one
    text is that text where `lists` is set. `prepare` may change leaves, `complete` the header
    that was made of what was found.
    """

    keys: Sequence[str]
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    general: bool = True
    says: Mapping[str, Sequence[Saying]] = field(default_factory=dict)
    parts: Mapping[str, Sequence[Part]] = field(default_factory=dict)
    rename: Callable[[str], str] | None = None
    lists: bool = False
    prepare: Callable[[Leaves], Leaves] | None = None
    complete: Callable[[Found, Header], None] | None = None

    def is_it(self, keys: frozenset[str]) -> bool:
        """Whether objects with these keys are of this kind."""
        return any(keys.issuperset(wanted) for wanted in self._wanted)

    @cached_property
    def _wanted(self) -> Sequence[Sequence[str]]:
        return [names.split() for names in self.keys]


def document(
    name: str,
    kind: Document,
    samples: Sequence[Sample],
    *,
    rank: int | None = RANK,
    aliases: Sequence[str] = (),
    unpack: Unpack | None = None,
    begins: Callable[[bytes], bool] | None = None,
    about: str = "",
) -> Format:
    """The format of documents of a kind, a line each or inside of syslog's messages."""
    return Format(
        name=name,
        read=partial(read, kind=kind, name=name),
        refine=partial(refine, kind=kind, name=name),
        claims=claims,
        refines=SYSLOGS,
        rank=rank,
        aliases=tuple(aliases),
        unpack=unpack,
        begins=begins,
        about=about,
        columns=kind.columns,
        samples=tuple(samples),
    )


def claims(header: Header) -> Mask:
    """Which messages may be documents."""
    return header.braced


def read(lines: Lines, clock: Clock, kind: Document, name: str) -> tuple[Mask, Header]:
    """Documents of a kind, a line each."""
    ends, returned = without_return(lines)
    ok = _opened(lines, ends)
    rows = np.flatnonzero(ok)
    if not len(rows):
        return ok, unread(lines.take(rows))
    span = Span(lines.starts[rows], ends[rows] - lines.starts[rows])
    fits, found = _of_kind(objects_at(lines, span), kind)
    ok[rows[~fits]] = False
    rows = rows[fits]
    whole = untimed(lines, rows, ends, name)
    if not len(rows):
        return ok, whole
    header = _event(found, whole, clock, kind, name)
    # An object without a message is all message.
    header.rebuilt = header.message.start == whole.message.start
    if header.program is None and header.rebuilt.all():
        # There is nothing to look for in it that was not found already.
        header.program = name
    if returned is not None:
        header.rebuilt &= ~returned[rows]
    return ok, header


def refine(header: Header, clock: Clock, kind: Document, name: str) -> tuple[Mask, Header]:
    """Documents of a kind that are the messages of lines."""
    fits = header.braced.copy()
    rows = np.flatnonzero(fits)
    if not len(rows):
        return fits, header.take(rows)
    start, end = header.message.start[rows], (header.message.start + header.message.length)[rows]
    marked = np.flatnonzero(header.lines.byte(start) != _OPEN)
    if len(marked):
        start[marked] += 5
        start[marked] += header.lines.byte(start[marked]) == _BLANK
    good, found = _of_kind(objects_at(header.lines, Span(start, end - start)), kind)
    fits[rows[~good]] = False
    base = header.take(rows[good])
    return fits, base if not len(base) else _event(found, base, clock, kind, name)


def objects_at(lines: Lines, span: Span) -> Objects:
    """What the objects at places of a buffer hold; who asks for the same ones again is told so."""
    known = cast("tuple[Ints, Ints, Objects] | None", lines.notes.get(_NOTE))
    if known is not None:
        starts, lengths, objects = known
        at = np.minimum(np.searchsorted(starts, span.start), len(starts) - 1)
        if ((starts[at] == span.start) & (lengths[at] == span.length)).all():
            return objects.take(at)
    objects = take_apart(lines.text(span.start, span.length), _OF_ALL)
    if (np.diff(span.start) > 0).all():
        lines.notes[_NOTE] = span.start, span.length, objects
    return objects


def _of_kind(objects: Objects, kind: Document) -> tuple[Mask, Objects]:
    """Which objects are of a kind, and what these hold."""
    if not kind.keys:
        fits = objects.good
    else:
        # The last one is for those whose keys are not known.
        of_shape = np.array([*(kind.is_it(keys) for keys in objects.shapes), False])
        fits = objects.good & of_shape[objects.shape]
    rows = np.flatnonzero(fits)
    return fits, objects.take(rows) if len(rows) else objects


def _event(
    objects: Objects, base: Header, clock: Clock, kind: Document, name: str
) -> Header:  # fmt: skip
    leaves = objects.leaves
    if kind.prepare is not None:
        leaves = kind.prepare(leaves)
    if kind.rename is not None or kind.prepare is not None:
        leaves = _renamed(leaves, kind.rename or str)
    if kind.lists:
        leaves = _first_of_lists(leaves)
    found = Found(base.lines, leaves, kind.columns, general=kind.general)
    for column in _AROUND:
        around = base.spans.get(column)
        if around is not None:
            found.leaf(column)
            found.leave(column, np.flatnonzero(around.length >= 0))
    if base.pid is not None:
        found.leaf("pid")
        found.leave("pid", np.flatnonzero(base.pid >= 0))
    for column in _NO_DASHES:
        span = found.span(column)
        if span is not None:
            dash = (span.length == 1) & (found.lines.byte(span.start) == _DASH)
            found.leave(column, np.flatnonzero(dash))
    actions: dict[str, str] | None = {} if "action" in kind.says else None
    header = event(found, base, clock, name, actions=actions, outcomes=_OUTCOMES)
    fill(found, header, kind.says, kind.parts)
    if kind.complete is not None:
        kind.complete(found, header)
    return header


def _renamed(leaves: Leaves, rename: Callable[[str], str]) -> Leaves:
    """With other names; of two that are called the same in a line, the first name counts."""
    names = [rename(name) for name in leaves.names]
    distinct = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(distinct) == len(names):
        return Leaves(leaves.row, leaves.name, names, leaves.text)
    name = np.array([distinct[n] for n in names], np.int64)[leaves.name]
    renamed = Leaves(leaves.row, name, list(distinct), leaves.text)
    lines = int(leaves.row[-1]) + 1 if len(leaves.row) else 0
    kept = once(renamed.row, name, lines, len(distinct))
    return renamed if kept is None else renamed.take(kept)


def _first_of_lists(leaves: Leaves) -> Leaves:
    """With the first text of each array of texts in place of an array of one."""
    rows = np.flatnonzero(leaves.text.str.starts_with('["').to_numpy())
    if not len(rows):
        return leaves
    some = leaves.text.gather(rows)
    first = some.str.extract(r'^\["([^"\\]+)"\]$')
    text = leaves.text.scatter(rows, first.zip_with(first.is_not_null(), some))
    return Leaves(leaves.row, leaves.name, leaves.names, text)


def _opened(lines: Lines, ends: Ints) -> Mask:
    """Lines that begin with a brace, perhaps behind blanks."""
    first = lines.byte(lines.starts)
    ok: Mask = (first == _OPEN) & (ends > lines.starts)
    led = np.flatnonzero(((first == _BLANK) | (first == _TAB)) & (ends > lines.starts))
    if len(led):
        text = lines.text(lines.starts[led], ends[led] - lines.starts[led])
        ok[led] = text.str.contains(r"^[ \t]+\{").to_numpy()
    return ok
