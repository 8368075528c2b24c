"""Heads of lines to events: read the messages, and put all columns together.

A batch is sorted by program and by how its messages begin: what stands together then is alike,
which makes matching and searching cheaper and the stored files much smaller. Ids keep the order
of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from siemstress.fields.constants import Constants
from siemstress.fields.match import Captures, Matcher
from siemstress.fields.programs import Programs
from siemstress.fields.tables import NUMBER_COLUMNS, TEXT_COLUMNS, Table
from siemstress.formats.header import Header, Span
from siemstress.formats.stamps import NO_ZONE, ZULU
from siemstress.formats.syslog import FACILITIES
from siemstress.schema import EVENT, polars_type
from siemstress.sources.lines import Ints, Lines

Words = npt.NDArray[np.uint64]
Names = npt.NDArray[np.int16]

# Of a row's sort key, the bits for the program; the rest is for the message's first bytes.
_PROGRAM_BITS = 12
_MESSAGE_BITS = 64 - _PROGRAM_BITS
# Longer messages are stored whole, but templates see no more of them than this.
_SEEN = 16_384


@dataclass(frozen=True)
class Origin:
    """Where a batch comes from, what its first id is and when it was read (µs since 1970)."""

    first_id: int
    received: int
    source_path: str | None
    parsed_on: str


class EventBuilder:
    """Makes events of headers by message tables; may be used by many threads at once."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._matcher = Matcher(tables)
        self._programs = Programs(self._matcher.programs)
        self._program_numbers = {n: i for i, n in enumerate(self._matcher.programs)}
        patterns = [pattern for table in tables for pattern in table.patterns]
        sets = [pattern.sets for pattern in patterns]
        names = _names(self._matcher, sets)
        self._names = {name: number for number, name in enumerate(names)}
        values = sorted({value for pairs in sets for value in pairs.values()})
        self._constants = Constants([*names, *values])
        self._capture_names = self._name_table()
        self._set_values = _set_table(self._names, values, len(names), sets)

    def build(self, header: Header, rows: Ints, origin: Origin) -> pl.DataFrame:
        """The events of a header's lines; `rows` are the lines' numbers in the whole batch."""
        program, spread = self._program_of(header)
        key = self._keys(header, program, spread)
        order = pl.Series(key).arg_sort().to_numpy()
        lines = header.lines
        message = header.message.take(order)
        sorted_key = key[order]
        first = np.searchsorted(
            sorted_key >> np.uint64(_MESSAGE_BITS),
            np.arange(len(self._matcher.programs) + 1, dtype=np.uint64),
        )
        captures = self._matcher.match(
            lines, message.start, np.minimum(message.length, _SEEN),
            sorted_key << np.uint64(_PROGRAM_BITS), first,
        )  # fmt: skip
        columns = _head_columns(header, order, rows, origin)
        columns["message"] = lines.text(message.start, message.length)
        columns |= self._message_columns(lines, captures, header, order)
        columns["fields"] = self._fields(lines, captures)
        return _frame(columns, len(header))

    def _program_of(self, header: Header) -> tuple[Names, Words]:
        process = header.spans.get("process")
        count = len(header)
        if header.program is not None:
            number = self._program_numbers.get(header.program, self._programs.unknown)
            return np.full(count, number, np.int16), np.zeros(count, np.uint64)
        if process is None:
            return np.full(count, self._programs.unknown, np.int16), np.zeros(count, np.uint64)
        return self._programs.look_up(header.lines, process.start, process.length)

    def _keys(self, header: Header, program: Names, spread: Words) -> Words:
        """Sort keys: program (others by their name's hash, behind), then the message's start."""
        unknown = self._programs.unknown
        room = (1 << _PROGRAM_BITS) - unknown
        group = program.astype(np.uint64)
        other = np.flatnonzero(program == unknown)
        group[other] += spread[other] % np.uint64(room)
        head = header.lines.words[header.message.start].byteswap()
        return (group << np.uint64(_MESSAGE_BITS)) | (head >> np.uint64(_PROGRAM_BITS))

    def _name_table(self) -> Names:
        """Which column or field a pattern's capture fills: by step and pattern; -1: none."""
        matcher = self._matcher
        table = np.full((matcher.depth, len(matcher.templates) + 1), -1, np.int16)
        for number, template in enumerate(matcher.templates, 1):
            for step, capture in enumerate(template.captures):
                table[step, number] = self._names.get(capture.name, -1)
        return table

    def _message_columns(
        self, lines: Lines, captures: Captures, header: Header, order: Ints
    ) -> dict[str, pl.Series]:
        """The columns that messages fill."""
        names = [self._capture_names[k][captures.which[s[0]]] for k, s in enumerate(captures.steps)]
        columns: dict[str, pl.Series] = {}
        for column in (*TEXT_COLUMNS, *NUMBER_COLUMNS):
            wanted = self._names[column]
            start = np.zeros(len(order), np.int64)
            length = np.full(len(order), -1, np.int64)
            if column in header.spans:
                span = header.spans[column].take(order)
                start, length = span.start.copy(), span.length.copy()
            for name, (rows, at, size) in zip(names, captures.steps, strict=True):
                hit = np.flatnonzero(name == wanted)
                start[rows[hit]] = at[hit]
                length[rows[hit]] = size[hit]
            length[length == 0] = -1
            if column in NUMBER_COLUMNS:
                columns[column] = _numbers(lines, start, length)
            else:
                columns[column] = self._text(lines, start, length, captures.which, wanted)
        if not columns["protocol"].is_null().all():
            columns["protocol"] = columns["protocol"].str.to_lowercase()
        return columns

    def _text(self, lines: Lines, start: Ints, length: Ints, which: Names, name: int) -> pl.Series:
        """A text column from captures and from what patterns set."""
        value = self._set_values[name][which]
        constant = value >= 0
        given = length >= 0
        if not constant.any():
            if not given.any():
                return pl.repeat(None, len(which), dtype=pl.String, eager=True)
            return lines.text(start, length)
        views = self._constants.views[np.maximum(value, 0)]
        rows = np.flatnonzero(given)
        if len(rows):
            views[rows] = lines.views(start[rows], length[rows])
        return self._strings(lines, views, constant | given)

    def _strings(
        self, lines: Lines, views: Words, valid: npt.NDArray[np.bool_] | None = None
    ) -> pl.Series:
        return cast(pl.Series, pl.from_arrow(self._array(lines, views, valid)))

    def _array(
        self, lines: Lines, views: Words, valid: npt.NDArray[np.bool_] | None = None
    ) -> pa.Array:
        mask = None
        if valid is not None and not valid.all():
            mask = pa.py_buffer(np.packbits(valid, bitorder="little"))
        buffers = [mask, pa.py_buffer(views), lines.arrow, self._constants.buffer]
        return pa.Array.from_buffers(pa.string_view(), len(views), buffers)

    def _fields(self, lines: Lines, captures: Captures) -> pl.Series:
        """The map of all that has no column of its own."""
        count = len(captures.which)
        first = len(TEXT_COLUMNS) + len(NUMBER_COLUMNS)
        parts: list[tuple[Ints, Names, Words]] = []
        for step, (rows, at, size) in enumerate(captures.steps):
            name = self._capture_names[step][captures.which[rows]]
            kept = np.flatnonzero((name >= first) & (size > 0))
            if len(kept):
                parts.append((rows[kept], name[kept], lines.views(at[kept], size[kept])))
        for number in range(first, len(self._names)):
            value = self._set_values[number][captures.which]
            rows = np.flatnonzero(value >= 0)
            if len(rows):
                name = np.full(len(rows), number, np.int16)
                parts.append((rows, name, self._constants.views[value[rows]]))
        if not parts:
            return pl.repeat(None, count, dtype=polars_type("map"), eager=True)
        return self._map(lines, count, parts)

    def _map(self, lines: Lines, count: int, parts: list[tuple[Ints, Names, Words]]) -> pl.Series:
        sizes = np.zeros(count, np.int32)
        places = []
        for rows, _, _ in parts:
            places.append(sizes[rows].copy())
            sizes[rows] += 1
        offsets = np.zeros(count + 1, np.int32)
        np.cumsum(sizes, out=offsets[1:])
        total = int(offsets[-1])
        keys = np.empty((total, 2), np.uint64)
        values = np.empty((total, 2), np.uint64)
        for (rows, name, views), place in zip(parts, places, strict=True):
            at = offsets[rows] + place
            keys[at] = self._constants.views[name]
            values[at] = views
        array = pa.MapArray.from_arrays(
            pa.array(offsets), self._array(lines, keys), self._array(lines, values)
        )
        return cast(pl.Series, pl.from_arrow(array))


def _names(matcher: Matcher, sets: Sequence[Mapping[str, str]]) -> list[str]:
    """Names of columns and fields, the columns first."""
    columns = (*TEXT_COLUMNS, *NUMBER_COLUMNS)
    fields = {name for pairs in sets for name in pairs}
    for template in matcher.templates:
        fields |= {c.name for c in template.captures if not c.name.startswith("_")}
    return [*columns, *sorted(fields - set(columns))]


def _set_table(
    names: dict[str, int], values: list[str], offset: int, sets: Sequence[Mapping[str, str]]
) -> Names:
    """Which constant a pattern sets a name to, by name and pattern; -1: none."""
    number = {value: offset + i for i, value in enumerate(values)}
    table = np.full((len(names), len(sets) + 1), -1, np.int16)
    for pattern, pairs in enumerate(sets, 1):
        for name, value in pairs.items():
            table[names[name], pattern] = number[value]
    return table


def _numbers(lines: Lines, start: Ints, length: Ints) -> pl.Series:
    if (length < 0).all():
        return pl.repeat(None, len(start), dtype=pl.Int32, eager=True)
    return _nullable(lines.number(start, length), pl.Int32())


def _nullable(values: npt.NDArray[np.integer], dtype: pl.DataType) -> pl.Series:
    """Numbers with -1 as null."""
    series = pl.Series(values).cast(dtype)
    if (values < 0).any():
        series = series.set(pl.Series(values < 0), None)
    return series


def _head_columns(
    header: Header, order: Ints, rows: Ints, origin: Origin
) -> dict[str, pl.Series | pl.Expr]:
    """The columns that stand in the head of a line, or follow from where it was read."""
    lines = header.lines
    columns: dict[str, pl.Series | pl.Expr] = {
        "id": pl.Series(origin.first_id + rows[order]),
        "time": pl.Series(header.time[order]).cast(pl.Datetime("us")),
        "received": pl.lit(origin.received).cast(pl.Datetime("us")),
        "zone": _zones(header.zone, order),
        "raw": _raw(header, order),
        "format": pl.lit(header.format or None, pl.String),
        "parsed": pl.lit(header.parsed),
        "source_path": pl.lit(origin.source_path, pl.String),
        "parsed_on": pl.lit(origin.parsed_on),
    }
    for name in ("host", "process"):
        if name in header.spans:
            span = header.spans[name].take(order)
            columns[name] = lines.text(span.start, span.length)
    if header.pid is not None:
        columns["pid"] = _nullable(header.pid[order], pl.Int32())
    if header.severity is not None:
        columns["severity"] = _nullable(header.severity[order], pl.Int8())
    if header.facility is not None:
        number = _nullable(header.facility[order], pl.Int32())
        columns["facility"] = pl.Series(FACILITIES).gather(number)
    return columns


def _zones(zone: npt.NDArray[np.int16], order: Ints) -> pl.Series | pl.Expr:
    """Offsets as text, `+05:00`, `Z`, or null."""
    distinct = np.unique(zone)
    if len(distinct) == 1:
        return pl.lit(_zone_text(int(distinct[0])), pl.String)
    texts = pl.Series([_zone_text(int(z)) for z in distinct], dtype=pl.String)
    return texts.gather(np.searchsorted(distinct, zone[order]))


def _zone_text(minutes: int) -> str | None:
    if minutes == NO_ZONE:
        return None
    if minutes == ZULU:
        return "Z"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _raw(header: Header, order: Ints) -> pl.Series | pl.Expr:
    """The whole line where the layout does not give it back."""
    if header.rebuilt is None or not header.rebuilt.any():
        kept = np.ones(len(header), bool)
    elif header.rebuilt.all():
        return pl.lit(None, pl.String)
    else:
        kept = ~header.rebuilt[order]
    start, end = header.lines.starts[order], header.lines.ends[order]
    return header.lines.text(start, np.where(kept, end - start, -1))


def _frame(columns: dict[str, pl.Series | pl.Expr], count: int) -> pl.DataFrame:
    """All of the event's columns in the schema's order."""
    exprs = []
    for column in EVENT:
        value = columns.get(column.name)
        if value is None:
            value = pl.lit(None, polars_type(column.kind))
        expr = pl.lit(value) if isinstance(value, pl.Series) else value
        exprs.append(expr.alias(column.name))
    return pl.DataFrame({"_": np.zeros(count, np.int8)}).select(exprs)


__all__ = ["EventBuilder", "Origin", "Span"]
