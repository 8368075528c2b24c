"""Tests of texts, thousands at once: which of a column's distinct values each one holds for.

All literals are looked for in one pass over the values (see `grams`); a test whose pattern is one
literal with or without `*` around it is such a literal itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.rules.sigma.condition import Text, Wild
from siemstress.rules.sigma.grams import ROOM, Finder
from siemstress.rules.sigma.values import Column, Rows

_NONE: Rows = np.empty(0, np.int64)

# Stands between values: a byte that no UTF-8 has.
_MARK = b"\xff"


def pattern_of(test: Text) -> str:
    """The regular expression, to be found in a text, that says the same as a test."""
    wild = {Wild.ANY: ".*", Wild.ONE: "."}
    some = list(test.parts)
    begin, end = "^", "$"
    # What any text may be before or behind needs no looking at.
    while some and some[0] is Wild.ANY:
        begin, some = "", some[1:]
    while some and some[-1] is Wild.ANY:
        end, some = "", some[:-1]
    parts = (re.escape(p) if isinstance(p, str) else wild[p] for p in some)
    return f"(?s){begin}{''.join(parts)}{end}"


class Literals:
    """Tests of one field's texts, all with or all without regard to case.

    Every value is looked at between two marks, so that one pass over it tells not only which
    literals it holds, but which it begins with, ends with, and is.
    """

    def __init__(self, tests: Mapping[Text, int], *, cased: bool) -> None:
        """`tests` have numbers, by which they are spoken of."""
        self._cased = cased
        self._like: dict[Text, int] = {}
        patterns: dict[bytes, list[int]] = {}
        for test, number in tests.items():
            pattern = _pattern(test)
            if pattern is None:
                self._like[test] = number
            else:
                patterns.setdefault(pattern, []).append(number)
        probes = {probe for test in self._like for probe in _probes(test)}
        for probe in probes:
            patterns.setdefault(probe, [])
        self._numbers = list(patterns.values())
        self._probe = [pattern if pattern in probes else None for pattern in patterns]
        self._finder = Finder(list(patterns))

    def values(self, column: Column) -> dict[int, Rows]:
        """The distinct values of a column that tests hold for, by the numbers of the tests."""
        texts = column.distinct if self._cased else column.lowered
        found: dict[int, Rows] = {}
        of_probe: dict[bytes, Rows] = {}
        for pattern, values in self._hits(texts):
            for number in self._numbers[pattern]:
                found[number] = values
            probe = self._probe[pattern]
            if probe is not None:
                of_probe[probe] = values
        among = {
            test: some for test in self._like if len(some := _among(len(texts), test, of_probe))
        }
        if among:
            fits = pl.DataFrame({"text": texts}).select(
                pl.col("text").gather(some).str.contains(pattern_of(test)).implode().alias(str(at))
                for at, (test, some) in enumerate(among.items())
            )
            for (test, some), held in zip(among.items(), fits.iter_columns(), strict=True):
                hit = some.compress(held[0].to_numpy())
                if len(hit):
                    found[self._like[test]] = hit
        return found

    def _hits(self, texts: pl.Series) -> Iterator[tuple[int, Rows]]:
        """The patterns that stand in any value, by their numbers, and in which."""
        marked, value_at = _marked(texts)
        # A pattern's number and a value's as one number, to be sorted by both.
        both = [
            pattern * len(texts) + value_at.take(place)
            for pattern, place in self._finder.find(marked)
        ]
        if not both:
            return
        hits = _once(np.sort(np.concatenate(both)))
        first = np.arange(len(self._numbers) + 1) * len(texts)
        edges = np.searchsorted(hits, first)
        for pattern in np.flatnonzero(np.diff(edges)).tolist():
            yield pattern, hits[edges[pattern] : edges[pattern + 1]] - first[pattern]


def _pattern(test: Text) -> bytes | None:
    """What stands in a marked value just where a test holds; None: no literal says that."""
    match test.parts:
        case (
            (str() as literal,)
            | (str() as literal, Wild.ANY)
            | (Wild.ANY, str() as literal)
            | (Wild.ANY, str() as literal, Wild.ANY)
        ):
            if literal or len(test.parts) == 1:
                return _between(test.parts, literal)
    return None


def _between(parts: Sequence[str | Wild], literal: str) -> bytes:
    begin = _MARK if parts[0] is not Wild.ANY else b""
    end = _MARK if parts[-1] is not Wild.ANY else b""
    return begin + literal.encode() + end


def _probes(test: Text) -> set[bytes]:
    """What stands in every marked value that a test holds for; may be nothing."""
    encoded = [part.encode() if isinstance(part, str) else b"" for part in test.parts]
    if encoded[0]:
        encoded[0] = _MARK + encoded[0]
    if encoded[-1]:
        encoded[-1] += _MARK
    return {text for text in encoded if len(text) > 1}


def _marked(texts: pl.Series) -> tuple[bytes, npt.NDArray[np.int32]]:
    """Values with marks before and behind each, and by place which value is there."""
    values: list[bytes] = texts.cast(pl.Binary).to_list()
    sizes = texts.str.len_bytes().to_numpy() + 1
    at = np.repeat(np.arange(len(values), dtype=np.int32), sizes)
    return _MARK.join((b"", *values, bytes(ROOM))), at


def _among(count: int, test: Text, of_probe: Mapping[bytes, Rows]) -> Rows:
    """The values, of `count`, that have all literals of a pattern."""
    among: Rows | None = None
    for probe in _probes(test):
        some = of_probe.get(probe, _NONE)
        among = some if among is None else np.intersect1d(among, some, assume_unique=True)
        if not len(among):
            break
    return np.arange(count) if among is None else among


def _once(numbers: Rows) -> Rows:
    """Ascending numbers, each once."""
    if len(numbers) < 2:
        return numbers
    first = np.ones(len(numbers), bool)
    first[1:] = numbers[1:] != numbers[:-1]
    return numbers.compress(first)
