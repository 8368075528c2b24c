"""Tests of texts, thousands at once: which of a column's distinct values each one holds for.

All literal parts are looked for in one pass over the values (Aho-Corasick), and a test whose
pattern is one literal with or without `*` around it follows from where the literal stands.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any as Anything

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.rules.sigma.condition import Text, Wild
from siemstress.rules.sigma.values import Column, Rows

_NONE: Rows = np.empty(0, np.int64)


class _How(Enum):
    IS = auto()
    BEGINS = auto()
    ENDS = auto()
    HOLDS = auto()
    LIKE = auto()


def pattern_of(test: Text) -> str:
    """The regular expression, for the whole of a text, that says the same as a test."""
    wild = {Wild.ANY: ".*", Wild.ONE: "."}
    parts = (re.escape(p) if isinstance(p, str) else wild[p] for p in test.parts)
    return f"(?s)^{''.join(parts)}$"


def _how(test: Text) -> _How:
    match test.parts:
        case (str(),):
            return _How.IS
        case (str(), Wild.ANY):
            return _How.BEGINS
        case (Wild.ANY, str()):
            return _How.ENDS
        case (Wild.ANY, str(), Wild.ANY):
            return _How.HOLDS
    return _How.LIKE


class Literals:
    """Tests of one field's texts, all with or all without regard to case."""

    def __init__(self, tests: Mapping[Text, int], *, cased: bool) -> None:
        """`tests` have numbers, by which they are spoken of."""
        self._cased = cased
        self._like = {test: n for test, n in tests.items() if _how(test) is _How.LIKE}
        self._exact: dict[str, int] = {}
        self._by_literal: dict[str, dict[_How, int]] = defaultdict(dict)
        for test, number in tests.items():
            how = _how(test)
            if how is _How.IS:
                self._exact[test.literals[0]] = number
            elif how is not _How.LIKE:
                self._by_literal[test.literals[0]][how] = number
        for test in self._like:
            if test.literals:
                self._by_literal.setdefault(max(test.literals, key=len), {})
        self._literals = pl.Series(list(self._by_literal), dtype=pl.String)
        self._kind = pl.Enum(self._literals)
        self._wanted = pl.Enum(list(self._exact))

    def values(self, column: Column) -> dict[int, Rows]:
        """The distinct values of a column that tests hold for, by the numbers of the tests."""
        texts = column.distinct if self._cased else column.lowered
        found = dict(self._equal(texts))
        of_literal: Mapping[str, Rows] = {}
        if self._by_literal:
            literal, value, at = self._hits(texts)
            of_literal = self._placed(column, literal, value, at, found)
        for test, number in self._like.items():
            hit = self._alike(texts, test, of_literal)
            if len(hit):
                found[number] = hit
        return found

    def _equal(self, texts: pl.Series) -> dict[int, Rows]:
        if not self._exact:
            return {}
        code = texts.cast(self._wanted, strict=False).to_physical()
        value = code.is_not_null().arg_true()
        frame = pl.DataFrame({"code": code.gather(value), "value": value.cast(pl.Int64)})
        tests = list(self._exact.values())
        groups = frame.group_by("code").agg("value")
        return {
            tests[code]: values.sort().to_numpy()
            for code, values in zip(groups["code"], groups["value"], strict=True)
        }

    def _hits(self, texts: pl.Series) -> tuple[Rows, Rows, Rows]:
        """Where literals stand: the literal's number, the value's, and the byte."""
        given: dict[str, Anything] = {"patterns": list(self._by_literal), "overlapping": True}
        which = texts.str.extract_many(**given)
        count = which.list.len().to_numpy()
        if not count.sum():
            return _NONE, _NONE, _NONE
        value = np.repeat(np.arange(len(texts)), count)
        hit = count > 0
        literal = which.filter(pl.Series(hit)).explode().cast(self._kind).to_physical()
        at = texts.filter(pl.Series(hit)).str.find_many(**given).explode()
        order = np.argsort(literal.to_numpy(), kind="stable")
        return (
            literal.to_numpy().astype(np.int64)[order], value[order],
            at.to_numpy().astype(np.int64)[order],
        )  # fmt: skip

    def _placed(
        self, column: Column, literal: Rows, value: Rows, at: Rows, found: dict[int, Rows]
    ) -> Mapping[str, Rows]:
        """Add the tests that follow from where literals stand; the values that hold each."""
        sizes = self._sizes(column)
        names = list(self._by_literal)
        edges = np.searchsorted(literal, np.arange(len(names) + 1))
        of_literal: dict[str, Rows] = {}
        for number in np.unique(literal):
            name = names[number]
            part = slice(edges[number], edges[number + 1])
            held = value[part]
            of_literal[name] = _once(held)
            for how, test in self._by_literal[name].items():
                if how is _How.HOLDS:
                    found[test] = of_literal[name]
                    continue
                if how is _How.BEGINS:
                    fits = at[part] == 0
                else:
                    fits = at[part] + len(name.encode()) == sizes[held]
                if fits.any():
                    found[test] = _once(held[fits])
        return of_literal

    def _sizes(self, column: Column) -> npt.NDArray[np.int64]:
        if self._cased:
            return column.distinct.str.len_bytes().to_numpy().astype(np.int64)
        return column.sizes

    def _alike(self, texts: pl.Series, test: Text, of_literal: Mapping[str, Rows]) -> Rows:
        """The values that a pattern with wildcards inside fits."""
        among = np.arange(len(texts))
        if test.literals:
            among = of_literal.get(max(test.literals, key=len), _NONE)
        if not len(among):
            return _NONE
        fits = texts.gather(among).str.contains(pattern_of(test)).arg_true()
        return among.take(fits.to_numpy())


def _once(values: Rows) -> Rows:
    """Ascending numbers, each once."""
    if len(values) < 2:
        return values
    first = np.ones(len(values), bool)
    first[1:] = values[1:] != values[:-1]
    return values.compress(first)
