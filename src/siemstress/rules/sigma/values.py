"""The values of a batch of events by field: each distinct value once, and which rows have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.fields.maps import apart

Rows = npt.NDArray[np.int64]
"""Numbers of rows, ascending, each once."""

FIELDS = "fields."
_NONE: Rows = np.empty(0, np.int64)
# The rows of so many values are put together one by one.
_FEW = 8


class Column:
    """What a field holds in a batch: each text once, and the rows that have it."""

    def __init__(self, rows: Rows, values: pl.Series) -> None:
        """`rows` are those that have the field, `values` (as many) its texts there."""
        grouped = (
            pl.DataFrame({"value": values})
            .with_row_index("at")
            .group_by("value", maintain_order=True)
            .agg("at")
        )
        sizes = grouped["at"].list.len().to_numpy()
        at = grouped["at"].explode().to_numpy()
        self.rows = rows
        self.distinct = grouped["value"]
        self.codes = np.empty(len(rows), np.int64)
        self.codes[at] = np.repeat(np.arange(len(grouped)), sizes)
        self._by_code = rows[at]
        self._starts = np.zeros(len(grouped) + 1, np.int64)
        np.cumsum(sizes, out=self._starts[1:])

    @cached_property
    def lowered(self) -> pl.Series:
        """The distinct texts in lower case."""
        return self.distinct.str.to_lowercase()

    @cached_property
    def empty(self) -> Rows:
        """The distinct values that are empty texts."""
        return (self.distinct == "").arg_true().to_numpy().astype(np.int64)

    def rows_of(self, values: Rows) -> Rows:
        """The rows that have one of some distinct values."""
        if len(values) == len(self.distinct):
            return self.rows
        parts = [self._by_code[self._starts[v] : self._starts[v + 1]] for v in values[:_FEW]]
        if len(values) <= _FEW:
            return np.sort(np.concatenate(parts)) if parts else _NONE
        wanted = np.zeros(len(self.distinct), bool)
        wanted[values] = True
        return self.rows[wanted[self.codes]]

    def values_in(self, rows: Rows) -> Rows:
        """The distinct values that some rows have."""
        if not len(self.rows):
            return _NONE
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        there = np.zeros(len(self.distinct), bool)
        there[self.codes[at[self.rows[at] == rows]]] = True
        return np.flatnonzero(there)


class Batch:
    """Events, as far as rules look at them.

    A field is named by the places where it may stand, `|` between them: columns of the event by
    their names, its fields by `fields.NAME`. The first place that an event has counts.
    """

    def __init__(self, events: pl.DataFrame, fields: Iterable[str]) -> None:
        """`events` has those columns of the event schema that `fields` name, or more."""
        self.count = len(events)
        self.events = events
        self._columns: dict[str, Column] = {}
        self._entries = _entries(events, keys_of(fields))

    def column(self, field: str) -> Column:
        """What a field holds."""
        if field not in self._columns:
            parts = [part for place in places(field) if (part := self._place(place))]
            self._columns[field] = _column(parts)
        return self._columns[field]

    def texts(self, place: str, rows: Rows) -> pl.Series:
        """What a field holds in some rows, in lower case; null where there is nothing."""
        column = self.column(place)
        if not len(column.rows):
            return pl.repeat(None, len(rows), dtype=pl.String, eager=True)
        at = np.minimum(np.searchsorted(column.rows, rows), len(column.rows) - 1)
        there = pl.Series(column.rows[at] == rows)
        return column.lowered.gather(pl.Series(column.codes[at]).set(~there, None))

    def _place(self, place: str) -> tuple[Rows, pl.Series] | None:
        if place.startswith(FIELDS):
            return self._entries.get(place.removeprefix(FIELDS).lower())
        if place not in self.events.columns:
            return None
        values = self.events[place].cast(pl.String)
        rows = values.is_not_null().arg_true().to_numpy().astype(np.int64)
        if not len(rows):
            return None
        return rows, values if len(rows) == len(values) else values.gather(rows)


def places(field: str) -> list[str]:
    """Where a field may stand."""
    return field.split("|")


def columns_of(fields: Iterable[str]) -> list[str]:
    """The columns of the event that some fields need, in order."""
    found = {p if p[:7] != FIELDS else "fields" for field in fields for p in places(field)}
    return sorted(found)


def keys_of(fields: Iterable[str]) -> set[str]:
    """The names, in lower case, of the event's fields that some fields need."""
    found = {p for field in fields for p in places(field) if p.startswith(FIELDS)}
    return {place.removeprefix(FIELDS).lower() for place in found}


def _entries(events: pl.DataFrame, keys: Iterable[str]) -> dict[str, tuple[Rows, pl.Series]]:
    """By a field's name in lower case, without blanks: the rows that have it, and its values."""
    wanted = sorted(keys)
    if not wanted or "fields" not in events.columns:
        return {}
    flat = apart(events["fields"])
    spellings = flat["key"].unique().drop_nulls()
    names = spellings.str.to_lowercase().str.replace_all(" ", "", literal=True)
    known = names.is_in(wanted)
    kind = pl.Enum(wanted)
    code = flat["key"].replace_strict(
        spellings.filter(known), names.filter(known).cast(kind), default=None, return_dtype=kind
    )
    flat = flat.with_columns(code.alias("key")).filter(
        pl.col("key").is_not_null(), pl.col("value").is_not_null()
    )
    found = {}
    for (key,), part in flat.partition_by("key", as_dict=True).items():
        rows = part["row"].to_numpy().astype(np.int64)
        values = part["value"]
        again = np.flatnonzero(rows[1:] == rows[:-1]) + 1
        if len(again):  # Of several spellings of a name the first counts.
            rows = np.delete(rows, again)
            values = part["value"].gather(np.delete(np.arange(len(part)), again))
        found[str(key)] = (rows, values)
    return found


def _column(parts: Sequence[tuple[Rows, pl.Series]]) -> Column:
    """One column of several places; of two that a row has the first counts."""
    if not parts:
        return Column(_NONE, pl.Series([], dtype=pl.String))
    rows, values = parts[0]
    for more, texts in parts[1:]:
        fresh = np.flatnonzero(~np.isin(more, rows, assume_unique=True))
        if not len(fresh):
            continue
        order = np.argsort(np.concatenate([rows, more[fresh]]), kind="stable")
        values = pl.concat([values, texts.gather(fresh)]).gather(order)
        rows = np.concatenate([rows, more[fresh]])[order]
    return Column(rows, values)
