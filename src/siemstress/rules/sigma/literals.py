"""Tests of texts, thousands at once: which of a column's distinct values each one holds for.

All literals are looked for in one pass over the values (Aho-Corasick); a test whose pattern is one
literal with or without `*` around it is such a literal itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from siemstress.rules.sigma.condition import Text, Wild
from siemstress.rules.sigma.values import Column, Rows

_NONE: Rows = np.empty(0, np.int64)


# Characters that mean nothing in any text (Unicode's noncharacters), and what stands for them
# where they are met nonetheless.
_BEGIN, _END, _OTHER = "\ufdd0", "\ufdd1", "\ufdd2"
_UNSAID = (_BEGIN, _END, _OTHER)


def pattern_of(test: Text) -> str:
    """The regular expression, for the whole of a text, that says the same as a test."""
    wild = {Wild.ANY: ".*", Wild.ONE: "."}
    parts = (re.escape(p) if isinstance(p, str) else wild[p] for p in test.parts)
    return f"(?s)^{''.join(parts)}$"


class Literals:
    """Tests of one field's texts, all with or all without regard to case.

    Every value is looked at between two marks, so that one pass over it tells not only which
    literals it holds, but which it begins with, ends with, and is.
    """

    def __init__(self, tests: Mapping[Text, int], *, cased: bool) -> None:
        """`tests` have numbers, by which they are spoken of."""
        self._cased = cased
        self._like: dict[Text, int] = {}
        self._patterns: dict[str, list[int]] = {}
        self._probes: set[str] = set()
        for test, number in tests.items():
            pattern = _pattern(test)
            if pattern is None:
                self._like[test] = number
            else:
                self._patterns.setdefault(pattern, []).append(number)
        for test in self._like:
            probe = _probe(test)
            if probe:
                self._patterns.setdefault(probe, [])
                self._probes.add(probe)
        self._names = list(self._patterns)
        self._kind = pl.Enum(self._names)
        self._numbers = list(self._patterns.values())

    def values(self, column: Column) -> dict[int, Rows]:
        """The distinct values of a column that tests hold for, by the numbers of the tests."""
        texts = column.distinct if self._cased else column.lowered
        found: dict[int, Rows] = {}
        of_probe: dict[str, Rows] = {}
        if self._patterns:
            for pattern, values in self._hits(texts):
                for number in self._numbers[pattern]:
                    found[number] = values
                if self._names[pattern] in self._probes:
                    of_probe[self._names[pattern]] = values
        for test, number in self._like.items():
            hit = _alike(texts, test, of_probe)
            if len(hit):
                found[number] = hit
        return found

    def _hits(self, texts: pl.Series) -> Iterator[tuple[int, Rows]]:
        """The patterns that stand in any value, by their numbers, and in which."""
        marked = _marked(texts)
        which = marked.str.extract_many(self._names, overlapping=True)
        count = which.list.len().to_numpy()
        if not count.sum():
            return
        value = np.repeat(np.arange(len(texts)), count)
        hit = which.filter(pl.Series(count > 0)).explode().cast(self._kind).to_physical().to_numpy()
        order = np.argsort(hit, kind="stable")
        hit, value = hit[order], value[order]
        edges = np.flatnonzero(np.concatenate([[True], hit[1:] != hit[:-1]]))
        for edge, end in zip(edges, np.append(edges[1:], len(hit)), strict=True):
            yield int(hit[edge]), _once(value[edge:end])


def _pattern(test: Text) -> str | None:
    """What stands in a marked value just where a test holds; None: no literal says that."""
    if any(mark in literal for literal in test.literals for mark in _UNSAID):
        return None
    match test.parts:
        case (str() as literal,):
            return f"{_BEGIN}{literal}{_END}"
        case (str() as literal, Wild.ANY):
            return f"{_BEGIN}{literal}"
        case (Wild.ANY, str() as literal):
            return f"{literal}{_END}"
        case (Wild.ANY, str() as literal, Wild.ANY) if len(literal.encode()) > 1:
            return literal
    return None


def _probe(test: Text) -> str:
    """The longest text that stands in every marked value that a test holds for; may be empty."""
    said = [text for text in test.literals if not any(mark in text for mark in _UNSAID)]
    longest = max(said, key=len, default="")
    return longest if len(longest) > 1 else ""


def _marked(texts: pl.Series) -> pl.Series:
    """Values between marks, which stand nowhere else."""
    plain = texts
    if texts.str.contains_any([_BEGIN, _END]).any():
        plain = texts.str.replace_all(f"[{_BEGIN}{_END}]", _OTHER)
    return pl.select(pl.concat_str(pl.lit(_BEGIN), pl.lit(plain), pl.lit(_END))).to_series()


def _alike(texts: pl.Series, test: Text, of_probe: Mapping[str, Rows]) -> Rows:
    """The values that a pattern with wildcards inside fits."""
    among = np.arange(len(texts))
    probe = _probe(test)
    if probe:
        among = of_probe.get(probe, _NONE)
    if not len(among):
        return _NONE
    some = texts.gather(among)
    if test.literals and test.parts == (Wild.ANY, test.literals[0], Wild.ANY):
        fits = some.str.contains(test.literals[0], literal=True).arg_true()
    else:
        fits = some.str.contains(pattern_of(test)).arg_true()
    return among.take(fits.to_numpy())


def _once(values: Rows) -> Rows:
    """Ascending numbers, each once."""
    if len(values) < 2:
        return values
    first = np.ones(len(values), bool)
    first[1:] = values[1:] != values[:-1]
    return values.compress(first)
