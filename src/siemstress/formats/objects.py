"""JSON objects to their values, a batch at a time, by DuckDB's JSON functions.

Objects of one shape (the same keys, nested alike) are asked for all their values at once. What is
nested is named as in `a.b.c`; an array is a value, as JSON text. What is null or empty is left out.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl

from siemstress.formats.leaves import Leaves
from siemstress.sources.lines import Ints, Mask

if TYPE_CHECKING:
    import duckdb

Path = tuple[str, str]
"""A value's name, and its JSON pointer (RFC 6901)."""


@dataclass(frozen=True)
class _Shape:
    """What objects of a shape hold: names of values by pointer, and pointers of what is nested.

    `keys` are all names, those of nested objects with a dot behind them, also of what is null.
    """

    values: dict[str, str]
    nested: frozenset[str]
    keys: frozenset[str]


@dataclass(frozen=True)
class Objects:
    """What texts hold: which are objects (`good`), their leaves, and what keys each has.

    `shape` is, for each text, a number into `shapes`, the names of all keys of objects of one
    shape (those of nested objects with a dot behind them); -1 where that is not known. The rows of
    leaves are numbers of texts.
    """

    good: Mask
    leaves: Leaves
    shape: Ints
    shapes: Sequence[frozenset[str]]

    def take(self, rows: Ints) -> Objects:
        """Those of some texts, which get new numbers; `rows` ascend."""
        if len(rows) == len(self.good):
            return self
        wanted = np.zeros(len(self.good), bool)
        wanted[rows] = True
        leaves = self.leaves.of_rows(wanted)
        return Objects(self.good[rows], leaves, self.shape[rows], self.shapes)


# Objects nested deeper are values, as JSON text.
_DEEPEST = 16
# How many values a query asks for, unless one shape alone has more; and how many queries there are
# for a batch. Only somebody who makes up keys needs more: those lines give what is asked of all.
_PATHS = 64
_QUERIES = 256
# Shapes with a longer description are not looked into either.
_LONGEST = 1 << 16

_SHAPES = "SELECT CASE WHEN json_valid(text) THEN json_structure(text) END AS shape FROM objects"
_VALUES = "SELECT json_extract_string(text, $pointers) AS found FROM objects"

_of_thread = threading.local()


@dataclass
class _Query:
    """Which values to ask of which objects."""

    paths: dict[str, str] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    rows: list[Ints] = field(default_factory=list)

    def suits(self, shape: _Shape) -> bool:
        """Whether it can ask for a shape's values as well: what is one may not hold others."""
        return (
            len(self.paths | shape.values) <= _PATHS
            and self.nested.isdisjoint(shape.values)
            and shape.nested.isdisjoint(self.paths)
        )

    @property
    def count(self) -> int:
        return sum(len(rows) for rows in self.rows)


class _Names:
    """Numbers of names; knows whether one stands for values at two places, as `a.b` can."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._pointers: set[str] = set()

    def number(self, pointer: str, name: str) -> int:
        self._pointers.add(pointer)
        return self.numbers.setdefault(name, len(self.numbers))

    @property
    def ambiguous(self) -> bool:
        return len(self._pointers) > len(self.numbers)


def take_apart(texts: pl.Series, of_all: Sequence[Path]) -> Objects:
    """Which texts are JSON objects, and what is in these.

    `of_all` is asked even of objects whose shapes are too large, or too many, to be looked into.
    """
    shapes = _ask(_SHAPES, texts)
    good = shapes.is_not_null().to_numpy()
    by_shape = (
        pl.DataFrame({"shape": shapes, "row": np.arange(len(texts))})
        .filter(pl.col("shape").is_not_null())
        .group_by("shape", maintain_order=True)
        .agg("row")
    )
    of_shape = zip(by_shape["shape"], by_shape["row"], strict=True)
    known = [(_shape(text), rows.to_numpy()) for text, rows in of_shape]
    names = _Names()
    found = [_values(texts, query, names) for query in _queries(known, of_all)]
    leaves = _together([part for part in found if part is not None], names)
    number = np.full(len(texts), -1, np.int64)
    keys: list[frozenset[str]] = []
    for shape, rows in known:
        if shape is not None:
            number[rows] = len(keys)
            keys.append(shape.keys)
    return Objects(good, leaves, number, keys)


def _ask(query: str, texts: pl.Series, **parameters: Any) -> pl.Series:
    """The one column that a query over some texts gives."""
    connection = _connection()
    connection.register("objects", pl.DataFrame({"text": texts}).to_arrow(compat_level=_NEWEST))
    try:
        answer = cast(Any, connection.sql(query, params=parameters or None).to_arrow_table())
    finally:
        connection.unregister("objects")
    return cast(pl.Series, pl.from_arrow(answer.column(0)))


_NEWEST = pl.CompatLevel.newest()


def _connection() -> duckdb.DuckDBPyConnection:
    """A database of the thread's own; parsing has its own threads already."""
    if not hasattr(_of_thread, "connection"):
        import duckdb

        _of_thread.connection = duckdb.connect(config={"threads": 1})
    return cast("duckdb.DuckDBPyConnection", _of_thread.connection)


def _shape(text: str) -> _Shape | None:
    """What a shape's description says; None where it is not looked into."""
    if len(text) > _LONGEST:
        return None
    try:
        tree = json.loads(text)
    except RecursionError:
        return None
    values: dict[str, str] = {}
    nested: set[str] = set()
    keys: set[str] = set()
    # That of an empty object is not one.
    if isinstance(tree, dict):
        for name, pointer in _walk(tree, "", "", nested, keys):
            values.setdefault(name, pointer)
    by_pointer = {pointer: name for name, pointer in values.items()}
    return _Shape(by_pointer, frozenset(nested), frozenset(keys))


def _walk(
    tree: Mapping[str, Any], name: str, pointer: str, nested: set[str], keys: set[str]
) -> Iterator[Path]:
    for key, kind in tree.items():
        full = name + key
        place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if isinstance(kind, dict) and pointer.count("/") < _DEEPEST - 1:
            nested.add(place)
            keys.add(f"{full}.")
            yield from _walk(kind, f"{full}.", place, nested, keys)
        else:
            keys.add(full)
            if kind != "NULL":
                yield full, place


def _queries(shapes: Sequence[tuple[_Shape | None, Ints]], of_all: Sequence[Path]) -> list[_Query]:
    """Few queries that ask each shape for all that it has, or for `of_all`."""
    rest = _Query({pointer: name for name, pointer in of_all})
    rest.rows = [rows for shape, rows in shapes if shape is None]
    queries: list[_Query] = []
    # Shapes that are alike come together.
    known = [(shape, rows) for shape, rows in shapes if shape is not None]
    for shape, rows in sorted(known, key=lambda item: tuple(item[0].values)):
        if not queries or not queries[-1].suits(shape):
            queries.append(_Query())
        queries[-1].paths |= shape.values
        queries[-1].nested |= shape.nested
        queries[-1].rows.append(rows)
    if len(queries) > _QUERIES:
        queries.sort(key=lambda query: -query.count)
        rest.rows += [rows for query in queries[_QUERIES:] for rows in query.rows]
        del queries[_QUERIES:]
    return [query for query in (*queries, rest) if query.paths and query.rows]


def _values(texts: pl.Series, query: _Query, names: _Names) -> tuple[Ints, Ints, pl.Series] | None:
    """Rows, names' numbers and values."""
    rows = np.concatenate(query.rows)
    lists = _ask(_VALUES, texts.gather(rows), pointers=list(query.paths))
    values = lists.explode()
    numbers = np.array([names.number(pointer, name) for pointer, name in query.paths.items()])
    kept = np.flatnonzero(values.str.len_bytes().fill_null(0).to_numpy())
    if not len(kept):
        return None
    count = len(query.paths)
    return rows[kept // count], numbers[kept % count], values.gather(kept)


def _together(parts: Sequence[tuple[Ints, Ints, pl.Series]], names: _Names) -> Leaves:
    if not parts:
        none = np.empty(0, np.int64)
        return Leaves(none, none, (), pl.Series([], dtype=pl.String))
    row, name = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    text = pl.concat([part[2] for part in parts])
    if names.ambiguous:
        # Of a name that a row has twice the first counts.
        _, order = np.unique(row * len(names.numbers) + name, return_index=True)
    else:
        order = np.argsort(row, kind="stable")
    return Leaves(row[order], name[order], tuple(names.numbers), text.gather(order))
