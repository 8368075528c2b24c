"""From what templates have captured, and what follows from them, to columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from siemstress.fields.captures import Captures, Step
from siemstress.fields.constants import Constants
from siemstress.fields.match import Matcher
from siemstress.fields.tables import NUMBER_COLUMNS, TEXT_COLUMNS, Table
from siemstress.fields.verdicts import decided
from siemstress.formats.header import Extra, Header
from siemstress.schema import polars_type
from siemstress.sources.lines import LOW_BYTES, Ints, Lines, Mask, Words

Names = npt.NDArray[np.int16]
_Named = tuple[Names | int, Step]

COLUMNS = (*TEXT_COLUMNS, *NUMBER_COLUMNS)
# The number of a name that no capture has; what is not kept has -1.
_NOWHERE = -2
_MAPPED = tuple(np.uint64(int.from_bytes(text, "little")) for text in (b"::ffff:", b"::FFFF:"))
# UFW's verdicts by their third letters.
_VERDICTS = {
    "O": {"action": "deny"},
    "M": {"action": "deny"},
    "L": {"action": "allow"},
    "D": {"action": "packet"},
}


@dataclass(frozen=True)
class _Part:
    """Values of some rows, at most one a row: names' numbers (or the one), values as views."""

    rows: Ints
    name: Names | int
    views: Words


class Values:
    """Knows which column or field each capture fills, and what each pattern sets."""

    def __init__(
        self, matcher: Matcher, tables: Sequence[Table], fields: Iterable[str] = ()
    ) -> None:
        """`tables` are those of the matcher, `fields` the names that heads of lines have."""
        sets = [pattern.sets for table in tables for pattern in table.patterns]
        names = _names(matcher, [*sets, dict.fromkeys(fields, "")])
        judged = {"success", "failure", *(v for item in _VERDICTS.values() for v in item.values())}
        values = sorted({v for pairs in sets for v in pairs.values()} | judged)
        self._names = {name: number for number, name in enumerate(names)}
        self._constants = Constants([*names, *values])
        number = {value: len(names) + i for i, value in enumerate(values)}
        self._value = number
        self._success, self._failure = number["success"], number["failure"]
        self._name_of_edge = np.array(
            [self._names.get(name, -1) for name in matcher.names], np.int16
        )
        # Patterns count from 1; 0 is none.
        self._requests = np.array([False, *(p.get("action") == "request" for p in sets)])
        self._set_columns = {
            column: np.array([-1, *(number.get(p.get(column, ""), -1) for p in sets)], np.int16)
            for column in TEXT_COLUMNS
        }
        self._set_fields = self._field_tables(sets, number)

    def _field_tables(
        self, sets: Sequence[Mapping[str, str]], number: Mapping[str, int]
    ) -> list[tuple[Names, Names]]:
        """Fields that patterns set, one by one: names and values by pattern; -1: none."""
        fields = [[(n, v) for n, v in pairs.items() if n not in COLUMNS] for pairs in sets]
        tables = []
        for place in range(max(map(len, fields), default=0)):
            name = np.full(len(sets) + 1, -1, np.int16)
            value = np.full(len(sets) + 1, -1, np.int16)
            for pattern, pairs in enumerate(fields, 1):
                if place < len(pairs):
                    name[pattern] = self._names[pairs[place][0]]
                    value[pattern] = number[pairs[place][1]]
            tables.append((name, value))
        return tables

    def columns(self, lines: Lines, captures: Captures) -> dict[str, pl.Series]:
        """The columns that messages fill; `lines` are the messages that were matched."""
        steps = [(self._name_of(step), step) for step in captures.steps]
        columns: dict[str, pl.Series] = {}
        for column in COLUMNS:
            wanted = self._names[column]
            rows, start, length = _of_name(steps, wanted)
            if column in NUMBER_COLUMNS:
                columns[column] = _numbers(lines, len(captures.which), rows, start, length)
                continue
            constant = self._set_columns[column][captures.which]
            if column == "outcome":
                self._judge_requests(lines, captures, steps, constant)
            if column in ("action", "outcome"):
                self._judge_packets(lines, steps, constant, column)
            if column in ("source_host", "dest_host"):
                start, length = _unmapped(lines, start, length)
            columns[column] = self._text(lines, constant, rows, start, length)
        protocol = columns["protocol"]
        if protocol.null_count() < len(protocol):
            columns["protocol"] = protocol.str.to_lowercase()
        return columns

    def _judge_requests(
        self, lines: Lines, captures: Captures, steps: list[_Named], outcome: Names
    ) -> None:
        """A request to a server has failed where its status is 400 or more (RFC 9110)."""
        rows, start, _ = _of_name(steps, self._names.get("status", _NOWHERE))
        asked = self._requests[captures.which[rows]]
        rows, start = rows[asked], start[asked]
        failed = lines.byte(start) >= ord("4")
        outcome[rows] = np.where(failed, self._failure, self._success)

    def _judge_packets(
        self, lines: Lines, steps: list[_Named], constant: Names, column: str
    ) -> None:
        """What UFW did with a packet: BLOCK, LIMIT BLOCK, ALLOW or AUDIT."""
        rows, start, _ = _of_name(steps, self._names.get("verdict", _NOWHERE))
        third = lines.byte(start + 2)
        for letter, verdict in _VERDICTS.items():
            value = verdict.get(column)
            if value is not None:
                constant[rows[third == ord(letter)]] = self._value[value]
        rows, start, length = _of_name(steps, self._names.get("log_prefix", _NOWHERE))
        if column == "action" and len(rows):
            denied, allowed = decided(lines, start, length)
            constant[rows[denied]] = self._value["deny"]
            constant[rows[allowed]] = self._value["allow"]

    def _name_of(self, step: Step) -> Names | int:
        name = self._name_of_edge[step.edge]
        return int(name) if isinstance(step.edge, int) else name

    def _text(
        self, lines: Lines, constant: Names, rows: Ints, start: Ints, length: Ints
    ) -> pl.Series:
        """A text column from constants (-1: none), and from parts of messages at some rows."""
        valid = constant >= 0
        valid[rows] = True
        if not valid.any():
            return pl.repeat(None, len(constant), dtype=pl.String, eager=True)
        views = np.zeros((len(constant), 2), np.uint64)
        known = np.flatnonzero(constant >= 0)
        views[known] = self._constants.views[constant[known]]
        views[rows] = lines.views(start, length)
        return cast(pl.Series, pl.from_arrow(self._array(lines, views, valid)))

    def _array(
        self, lines: Lines, views: Words, valid: Mask | None = None, heads: Lines | None = None
    ) -> pa.Array:
        mask = None
        if valid is not None and not valid.all():
            mask = pa.py_buffer(np.packbits(valid, bitorder="little"))
        buffers = [mask, pa.py_buffer(views), lines.arrow, self._constants.buffer]
        if heads is not None:
            buffers.append(heads.arrow)
        return pa.Array.from_buffers(pa.string_view(), len(views), buffers)

    def fields(self, lines: Lines, captures: Captures, header: Header, rank: Ints) -> pl.Series:
        """The map of all that has no column of its own; `rank` is the rows' order."""
        parts: list[_Part] = []
        for step in captures.steps:
            name = self._name_of(step)
            if isinstance(name, int):
                if name >= len(COLUMNS):
                    parts.append(_Part(step.rows, name, lines.views(step.start, step.length)))
                continue
            kept = np.flatnonzero(name >= len(COLUMNS))
            views = lines.views(step.start[kept], step.length[kept])
            parts.append(_Part(step.rows[kept], name[kept], views))
        for names, values in self._set_fields:
            name = names[captures.which]
            rows = np.flatnonzero(name >= 0)
            views = self._constants.views[values[captures.which[rows]]]
            parts.append(_Part(rows, name[rows], views))
        for field, span in header.fields.items():
            part = span.take(rank)
            rows = np.flatnonzero(part.length > 0)
            views = header.lines.views(part.start[rows], part.length[rows], buffer=2)
            parts.append(_Part(rows, self._names[field], views))
        parts = [part for part in parts if len(part.rows)]
        extra = None if header.extra is None else self._extra(header.extra, header, rank, parts)
        if not parts and extra is None:
            return pl.repeat(None, len(rank), dtype=polars_type("map"), eager=True)
        return self._map(lines, header.lines, len(rank), parts, extra)

    def _extra(
        self, extra: Extra, header: Header, rank: Ints, parts: Sequence[_Part]
    ) -> tuple[Ints, Words, Words]:
        """Rows, names and values, without those whose name the message has filled."""
        place = np.empty(len(rank), np.int64)
        place[rank] = np.arange(len(rank))
        rows = place[extra.row]
        free = np.ones(len(rows), bool)
        if parts:
            names = header.lines.text(extra.name.start, extra.name.length)
            number = names.replace_strict(self._names, default=-1, return_dtype=pl.Int64)
            key = rows * len(self._names) + number.to_numpy()
            taken = np.concatenate([p.rows * len(self._names) + p.name for p in parts])
            known = np.flatnonzero(number.to_numpy() >= 0)
            free[known] = ~np.isin(key[known], taken)
        kept = np.flatnonzero(free)
        name, value = extra.name.take(kept), extra.value.take(kept)
        return (
            rows[kept],
            header.lines.views(name.start, name.length, buffer=2),
            header.lines.views(value.start, value.length, buffer=2),
        )

    def _map(
        self, lines: Lines, heads: Lines, count: int, parts: list[_Part],
        extra: tuple[Ints, Words, Words] | None,
    ) -> pl.Series:  # fmt: skip
        sizes = np.zeros(count, np.int32)
        if extra is not None:
            sizes += np.bincount(extra[0], minlength=count).astype(np.int32)
        places = []
        for part in parts:
            place = sizes[part.rows]
            places.append(place)
            sizes[part.rows] = place + 1
        offsets = np.zeros(count + 1, np.int32)
        np.cumsum(sizes, out=offsets[1:])
        total = int(offsets[-1])
        keys = np.empty((total, 2), np.uint64)
        values = np.empty((total, 2), np.uint64)
        for part, place in zip(parts, places, strict=True):
            at = offsets[part.rows] + place
            keys[at] = self._constants.views[part.name]
            values[at] = part.views
        if extra is not None:
            rows, names, texts = extra
            at = offsets[rows] + _in_turn(rows)
            keys[at], values[at] = names, texts
        array = pa.MapArray.from_arrays(
            pa.array(offsets),
            self._array(lines, keys, heads=heads),
            self._array(lines, values, heads=heads),
        )
        return cast(pl.Series, pl.from_arrow(array))


def _in_turn(rows: Ints) -> Ints:
    """How many of the same row stand before each, where those of a row stand together."""
    number = np.arange(len(rows))
    first = np.ones(len(rows), bool)
    first[1:] = rows[1:] != rows[:-1]
    turn: Ints = number - np.maximum.accumulate(np.where(first, number, 0))
    return turn


def _names(matcher: Matcher, sets: Sequence[Mapping[str, str]]) -> list[str]:
    """Names of columns and fields, the columns first."""
    fields = {name for pairs in sets for name in pairs}
    for template in matcher.templates:
        fields |= {c.name for c in template.captures if not c.name.startswith("_")}
    return [*COLUMNS, *sorted(fields - set(COLUMNS))]


def _of_name(steps: list[_Named], wanted: int) -> tuple[Ints, Ints, Ints]:
    """Rows, starts and lengths of all captures with a name."""
    found = []
    for name, step in steps:
        if isinstance(name, int):
            if name == wanted:
                found.append((step.rows, step.start, step.length))
            continue
        hit = np.flatnonzero(name == wanted)
        if len(hit):
            found.append((step.rows[hit], step.start[hit], step.length[hit]))
    if not found:
        none = np.empty(0, np.int64)
        return none, none, none
    rows, start, length = (np.concatenate(part) for part in zip(*found, strict=True))
    return rows, start, length


def _unmapped(lines: Lines, start: Ints, length: Ints) -> tuple[Ints, Ints]:
    """IPv4 addresses that were written as ones of IPv6 (`::ffff:192.0.2.1`) as they are."""
    head = lines.words[start] & LOW_BYTES[7]
    rows = np.flatnonzero(((head == _MAPPED[0]) | (head == _MAPPED[1])) & (length > 7))
    if len(rows):
        at = start[rows]
        rows = rows[lines.find(at, at + length[rows], ".") > 0]
        start, length = start.copy(), length.copy()
        start[rows] += 7
        length[rows] -= 7
    return start, length


def _numbers(lines: Lines, count: int, rows: Ints, start: Ints, length: Ints) -> pl.Series:
    """Numbers at some rows of `count`, null elsewhere."""
    if not len(rows):
        return pl.repeat(None, count, dtype=pl.Int32, eager=True)
    values = np.full(count, -1, np.int32)
    values[rows] = lines.number(start, length)
    return nullable(values, pl.Int32())


def nullable(values: npt.NDArray[np.integer], dtype: pl.DataType) -> pl.Series:
    """Numbers with -1 as null."""
    null = values < 0
    mask = None
    if null.any():
        mask = pa.py_buffer(np.packbits(~null, bitorder="little"))
    array = pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype), len(values), [mask, pa.py_buffer(values)]
    )
    return cast(pl.Series, pl.from_arrow(array)).cast(dtype)
