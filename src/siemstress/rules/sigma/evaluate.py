"""Many rules on a batch of events: which rows each rule holds for.

Every text test is made once for all rules, on distinct values (see `literals`), and gives a set
of rows (see `bits`). A rule is then worked out on these sets, what is cheap first, and left as
soon as nothing is left; what is dear (regular expressions, addresses, numbers) is asked only of
the values in rows that are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import polars as pl

from siemstress.enrich.addresses import Ranges, packed, ranges_of
from siemstress.rules.sigma.bits import Bits, of_rows, of_values, rows_in
from siemstress.rules.sigma.condition import (
    Absent,
    All,
    Any,
    Atom,
    Compare,
    Condition,
    Network,
    Not,
    Present,
    Regex,
    SameAs,
    Test,
    Text,
    TimePart,
    atoms,
    fields,
)
from siemstress.rules.sigma.literals import Literals
from siemstress.rules.sigma.values import Batch, Column, Rows

TEXT = "raw|message"
"""The field that is the whole text of an event, as far as it is stored in one piece."""

# How dear a test is, by its kind; cheap ones come first, and what is negated last.
_DEAR = {Text: 0, Present: 1, Absent: 1, Compare: 2, Network: 3, TimePart: 3, SameAs: 4, Regex: 5}
_NEGATED = 10


class Evaluator:
    """Rules made ready to be evaluated together. May be used by many threads at once.

    `fields` are those that batches must be able to give.
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        tests: dict[tuple[str, bool], dict[Text, int]] = {}
        count = 0
        for condition in conditions:
            for atom in atoms(condition):
                if isinstance(atom.test, Text):
                    of = tests.setdefault((atom.field or TEXT, atom.test.cased), {})
                    if atom.test not in of:
                        of[atom.test] = count
                        count += 1
        self.fields = tuple(
            dict.fromkeys(name for of in conditions for name in (*fields(of), *_text_of(of)))
        )
        self._count = count
        self._literals = [
            (field, Literals(of, cased=cased)) for (field, cased), of in tests.items()
        ]
        self._nodes = [_made(condition, tests) for condition in conditions]
        self._always: list[int] = []
        self._if: list[list[int]] = [[] for _ in range(count)]
        for number, node in enumerate(self._nodes):
            needed = node.needs()
            for test in needed or ():
                self._if[test].append(number)
            if needed is None:
                self._always.append(number)

    def matches(self, batch: Batch) -> Iterator[tuple[int, Rows]]:
        """The numbers of the conditions that hold for any row, and for which, in their order."""
        look = _Look(batch, [0] * self._count)
        wanted = set(self._always)
        for field, literals in self._literals:
            column = batch.column(field)
            if not len(column.rows):
                continue
            for test, values in literals.values(column).items():
                look.texts[test] = of_values(column, values, batch.count)
                wanted.update(self._if[test])
        for number in sorted(wanted):
            found = self._nodes[number].bits(look, look.all)
            if found:
                yield number, rows_in(found, batch.count)


def _text_of(condition: Condition) -> tuple[str, ...]:
    return (TEXT,) if any(atom.field is None for atom in atoms(condition)) else ()


class _Look:
    """One batch, looked at by one rule after the other; `texts` are the rows of each text test."""

    def __init__(self, batch: Batch, texts: list[Bits]) -> None:
        self.batch = batch
        self.texts = texts
        self.all: Bits = (1 << batch.count) - 1


class _Node(Protocol):
    """A condition made ready; `cost` says how dear it is to ask."""

    @property
    def cost(self) -> int: ...

    def needs(self) -> frozenset[int] | None:
        """Text tests of which one must hold for any event; None: there are none such."""

    def bits(self, look: _Look, within: Bits) -> Bits:
        """The rows, of those `within`, that the condition holds for."""


@dataclass(frozen=True)
class _OfText:
    number: int
    literal: int
    cost: int = 0

    def needs(self) -> frozenset[int] | None:
        return frozenset((self.number,))

    def bits(self, look: _Look, within: Bits) -> Bits:
        return look.texts[self.number] & within


@dataclass(frozen=True)
class _OfValue:
    """A test of the values in question, or of whether there is one."""

    field: str
    test: Test
    cost: int

    def needs(self) -> frozenset[int] | None:
        return None

    def bits(self, look: _Look, within: Bits) -> Bits:
        column, count = look.batch.column(self.field), look.batch.count
        match self.test:
            case Present():
                return of_rows(column.rows, count) & within
            case Absent():
                empty = (column.distinct == "").arg_true().to_numpy().astype(np.int64)
                there = of_rows(column.rows, count) & ~of_values(column, empty, count)
                return within & ~there
            case SameAs():
                rows = _same(look.batch, column, self.test, rows_in(within, count))
                return of_rows(rows, count)
        if within == look.all:
            values = np.arange(len(column.distinct))
        else:
            values = column.values_in(rows_in(within, count))
        if not len(values):
            return 0
        fits = _fits(column.distinct.gather(values), self.test).fill_null(value=False).to_numpy()
        return of_values(column, values[fits], count) & within


@dataclass(frozen=True)
class _Every:
    parts: tuple[_Node, ...]
    cost: int

    def needs(self) -> frozenset[int] | None:
        known = [needed for part in self.parts if (needed := part.needs()) is not None]
        return min(known, key=len, default=None)

    def bits(self, look: _Look, within: Bits) -> Bits:
        for part in self.parts:
            within = part.bits(look, within)
            if not within:
                return 0
        return within


@dataclass(frozen=True)
class _Some:
    parts: tuple[_Node, ...]
    cost: int

    def needs(self) -> frozenset[int] | None:
        needed: set[int] = set()
        for part in self.parts:
            more = part.needs()
            if more is None:
                return None
            needed |= more
        return frozenset(needed)

    def bits(self, look: _Look, within: Bits) -> Bits:
        found = 0
        for part in self.parts:
            found |= part.bits(look, within & ~found if part.cost else within)
        return found


@dataclass(frozen=True)
class _Never:
    part: _Node
    cost: int

    def needs(self) -> frozenset[int] | None:
        return None

    def bits(self, look: _Look, within: Bits) -> Bits:
        return within & ~self.part.bits(look, within)


@dataclass(frozen=True)
class _AnyText:
    """One of several text tests holds."""

    numbers: tuple[int, ...]
    cost: int = 0

    def needs(self) -> frozenset[int] | None:
        return frozenset(self.numbers)

    def bits(self, look: _Look, within: Bits) -> Bits:
        found = 0
        texts = look.texts
        for number in self.numbers:
            found |= texts[number]
        return found & within


def _made(
    condition: Condition, tests: Mapping[tuple[str, bool], Mapping[Text, int]]
) -> _Node:  # fmt: skip
    """A condition made ready, the cheap parts first."""
    match condition:
        case Atom(field, Text() as test):
            longest = max((len(text) for text in test.literals), default=0)
            return _OfText(tests[field or TEXT, test.cased][test], longest)
        case Atom(field, test):
            return _OfValue(field or TEXT, test, _DEAR[type(test)])
        case Not(part):
            node = _made(part, tests)
            return _Never(node, _NEGATED + node.cost)
        case All(parts) | Any(parts):
            nodes = sorted((_made(part, tests) for part in parts), key=lambda node: node.cost)
            cost = max((node.cost for node in nodes), default=0)
            if isinstance(condition, Any) and all(isinstance(node, _OfText) for node in nodes):
                return _AnyText(tuple(n.number for n in nodes if isinstance(n, _OfText)))
            return (_Every if isinstance(condition, All) else _Some)(tuple(nodes), cost)


def _same(batch: Batch, column: Column, test: SameAs, within: Rows) -> Rows:
    other = batch.column(test.field)
    rows = _both(_both(column.rows, within), other.rows)
    if not len(rows):
        return rows
    ours, theirs = (
        c.lowered.gather(c.codes[np.searchsorted(c.rows, rows)]) for c in (column, other)
    )
    pairs = pl.DataFrame({"ours": ours, "theirs": theirs})
    same = {
        "is": pl.col("ours") == pl.col("theirs"),
        "begins": pl.col("ours").str.starts_with(pl.col("theirs")),
        "ends": pl.col("ours").str.ends_with(pl.col("theirs")),
        "within": pl.col("ours").str.contains(pl.col("theirs"), literal=True),
    }
    return rows.take(pairs.select(same[test.how]).to_series().arg_true().to_numpy())


def _fits(texts: pl.Series, test: object) -> pl.Series:
    """Whether a test holds for each text."""
    match test:
        case Regex():
            return texts.str.contains(test.expression)
        case Compare(operator, number):
            value = texts.str.strip_chars().cast(pl.Float64, strict=False)
            return {
                "=": value == number, "!=": value != number, "<": value < number,
                "<=": value <= number, ">": value > number, ">=": value >= number,
            }[operator]  # fmt: skip
        case Network(network):
            return _in_network(texts, network)
        case TimePart(part, number):
            time = _times(texts)
            number_of: pl.Series = getattr(time.dt, part)()
            return number_of == number
    raise AssertionError(test)


def _times(texts: pl.Series) -> pl.Series:
    """Times as ISO 8601 writes them, in UTC where they name no zone; null: it is none."""
    whole = texts.str.replace(r"^(\S+) (\d)", "${1}T${2}").str.replace(r"[Zz]$", "+00:00")
    named = whole.str.contains(r"[+-]\d\d:?\d\d$")
    zoned = pl.select(pl.when(named).then(whole).otherwise(whole + "+00:00")).to_series()
    return zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False, time_zone="UTC")


def _in_network(texts: pl.Series, network: str) -> pl.Series:
    """Whether texts are addresses of a network, and nothing but that."""
    found = np.zeros(len(texts), bool)
    plain = (~texts.str.contains(_MORE)).arg_true().to_numpy()
    places, _ = _ranges(network).look_up(packed(texts.gather(plain)))
    found[plain[places]] = True
    return pl.Series(found)


# An address with a port, in brackets, or of version 4 as of version 6.
_MORE = r"[.].*:|:.*[.]|\["


@cache
def _ranges(network: str) -> Ranges:
    return Ranges((found, 0) for found in ranges_of(network))


def _both(first: Rows, second: Rows) -> Rows:
    """The rows in both."""
    if len(first) > len(second):
        first, second = second, first
    if not len(first):
        return first
    at = np.minimum(np.searchsorted(second, first), len(second) - 1)
    return first.compress(second[at] == first)
