"""Many rules on a batch of events: which rows each rule holds for.

Every text test is made once for all rules, on distinct values (see `literals`), and gives a set
of rows (see `bits`). A rule is then worked out on these sets, what is cheap first, and left as
soon as nothing is left; what is dear (regular expressions, addresses, numbers) is asked only of
the values in rows that are.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from siemstress.rules.sigma.needed import needed
from siemstress.rules.sigma.values import Batch, Column, Rows

TEXT = "raw|message"
"""The field that is the whole text of an event, as far as it is stored in one piece."""

# How dear a test is, by its kind; cheap ones come first, and what is negated last.
_DEAR = {Text: 0, Present: 1, Absent: 1, Compare: 2, Network: 3, TimePart: 3, SameAs: 4, Regex: 5}
_NEGATED = 10
# So many batches are worked out at the same time.
_AT_ONCE = min(os.cpu_count() or 1, 4)


class Evaluator:
    """Rules made ready to be evaluated together. May be used by many threads at once.

    `fields` are those that batches must be able to give.
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        tests: dict[tuple[str, bool], dict[Text, int]] = {}
        used: list[int] = []
        for condition in conditions:
            for field, test in dict.fromkeys(map(_text_test, atoms(condition))):
                if test is None:
                    continue
                number = tests.setdefault((field, test.cased), {}).setdefault(test, len(used))
                if number == len(used):
                    used.append(0)
                used[number] += 1
        self.fields = tuple(
            dict.fromkeys(name for of in conditions for name in (*fields(of), *_text_of(of)))
        )
        self._count = len(used)
        self._literals = [
            (field, Literals(of, cased=cased)) for (field, cased), of in tests.items()
        ]
        self._nodes = [_made(condition, tests) for condition in conditions]
        self._always: list[int] = []
        self._if: list[list[int]] = [[] for _ in used]
        for number, node in enumerate(self._nodes):
            least = _needs(node, used)
            for of_text in least or ():
                self._if[of_text].append(number)
            if least is None:
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

    def all_matches(
        self, frames: Iterable[pl.DataFrame], fields: Iterable[str] | None = None
    ) -> Iterator[tuple[Batch, list[tuple[int, Rows]]]]:
        """The matches of one batch after the other, several worked out at the same time.

        The batches can give `fields`, which must hold those of the rules, or these alone.
        """
        wanted = self.fields if fields is None else tuple(fields)

        def work(frame: pl.DataFrame) -> tuple[Batch, list[tuple[int, Rows]]]:
            batch = Batch(frame, wanted)
            return batch, list(self.matches(batch))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            running: deque[Future[tuple[Batch, list[tuple[int, Rows]]]]] = deque()
            try:
                for frame in frames:
                    running.append(pool.submit(work, frame))
                    if len(running) > _AT_ONCE:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:
                for future in running:
                    future.cancel()


def _text_test(atom: Atom) -> tuple[str, Text | None]:
    """The field that an atom is about, and the text test that it is, or that it needs."""
    test = needed(atom.test) if isinstance(atom.test, Regex) else atom.test
    return atom.field or TEXT, test if isinstance(test, Text) else None


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

    def bits(self, look: _Look, within: Bits) -> Bits:
        """The rows, of those `within`, that the condition holds for."""


@dataclass(frozen=True)
class _OfText:
    number: int
    cost: int = 0

    def bits(self, look: _Look, within: Bits) -> Bits:
        return look.texts[self.number] & within


@dataclass(frozen=True)
class _OfValue:
    """A test of the values in question, or of whether there is one."""

    field: str
    test: Test
    cost: int

    def bits(self, look: _Look, within: Bits) -> Bits:
        column, count = look.batch.column(self.field), look.batch.count
        match self.test:
            case Present():
                return of_rows(column.rows, count) & within
            case Absent():
                there = of_rows(column.rows, count) & ~of_values(column, column.empty, count)
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

    def bits(self, look: _Look, within: Bits) -> Bits:
        found = 0
        for part in self.parts:
            found |= part.bits(look, within & ~found if part.cost else within)
        return found


@dataclass(frozen=True)
class _Never:
    part: _Node
    cost: int

    def bits(self, look: _Look, within: Bits) -> Bits:
        return within & ~self.part.bits(look, within)


@dataclass(frozen=True)
class _AnyText:
    """One of several text tests holds."""

    numbers: tuple[int, ...]
    cost: int = 0

    def bits(self, look: _Look, within: Bits) -> Bits:
        found = 0
        texts = look.texts
        for number in self.numbers:
            found |= texts[number]
        return found & within


def _needs(node: _Node, used: Sequence[int]) -> frozenset[int] | None:
    """Text tests of which one must hold for any event; None: there are none such.

    Where there is a choice, those that few conditions use: what many ask for many events have.
    """
    match node:
        case _OfText(number):
            return frozenset((number,))
        case _AnyText(numbers):
            return frozenset(numbers)
        case _Every(parts):
            known = [some for part in parts if (some := _needs(part, used)) is not None]
            return min(known, key=lambda some: sum(used[n] for n in some), default=None)
        case _Some(parts):
            least: set[int] = set()
            for part in parts:
                more = _needs(part, used)
                if more is None:
                    return None
                least |= more
            return frozenset(least)
    return None


def _made(
    condition: Condition, tests: Mapping[tuple[str, bool], Mapping[Text, int]]
) -> _Node:  # fmt: skip
    """A condition made ready, the cheap parts first."""
    match condition:
        case Atom(field, Text() as test):
            return _OfText(tests[field or TEXT, test.cased][test])
        case Atom(field, test):
            node = _OfValue(field or TEXT, test, _DEAR[type(test)])
            before = needed(test) if isinstance(test, Regex) else None
            if before is None:
                return node
            text = _OfText(tests[field or TEXT, before.cased][before])
            return _Every((text, node), node.cost)
        case Not(part):
            inner = _made(part, tests)
            return _Never(inner, _NEGATED + inner.cost)
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
