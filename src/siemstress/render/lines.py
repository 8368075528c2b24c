"""Rows as lines of text that other programs read: JSON, CSV, and the raw lines.

A whole batch is written by one SELECT of DuckDB's, which is some ten times as fast as Python's own
writers, and gives one text column whose buffer goes out as it is.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO

from sqlglot import exp

from siemstress.render.text import visible, visible_json

if TYPE_CHECKING:
    import pyarrow as pa

TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
"""ISO 8601 in UTC, as DuckDB and Python spell it."""

_BATCH = "batch"
_TEXT = "VARCHAR"


class Lines:
    """Writes batches to a binary stream, as lines in UTF-8, as jsonl, json, csv or raw.

    json is an array of objects with their keys sorted, indented by two. Times are ISO 8601 in UTC,
    bytes are base64, what JSON has no number for (not a number, infinity) is null. `to_terminal`:
    characters that could steer a terminal are written as escapes.
    """

    def __init__(
        self, form: str, schema: pa.Schema, out: BinaryIO, *, to_terminal: bool = False
    ) -> None:
        import duckdb

        self._form = form
        self._out = out
        self._connection = duckdb.connect(config={"arrow_large_buffer_size": True})
        self._rows = 0
        self._shown = (visible if form in ("csv", "raw") else visible_json) if to_terminal else None
        self._end = "\n" if to_terminal or form != "csv" else "\r\n"
        fields = list(zip(unique(schema.names), schema.types, strict=True))
        columns = [
            _Column(name, exp.column(f"c{place}", quoted=True), kind)
            for place, (name, kind) in enumerate(fields)
        ]
        line = _LINES[form](columns, self._end)
        self._sql = exp.select(line).from_(_BATCH).sql("duckdb")
        if form == "csv":
            heading = io.StringIO()
            csv.writer(heading, lineterminator=self._end).writerow([c.name for c in columns])
            self._put(heading.getvalue().encode())

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch's rows."""
        import pyarrow as pa

        if not batch.num_rows:
            return
        arrays = [_writable(array) for array in batch.columns]
        names = [f"c{place}" for place in range(len(arrays))]
        self._connection.register(_BATCH, pa.Table.from_arrays(arrays, names))
        (lines,) = self._connection.sql(self._sql).to_arrow_table().columns
        for chunk in lines.chunks:
            text = _bytes_of(chunk)
            if self._form == "json":
                # Each object ends in `,` and a line feed, the last one's comma goes at the end.
                self._put(b"[\n" if not self._rows else b",\n")
                text = text[:-2]
            self._rows += len(chunk)
            self._put(text)

    def close(self) -> None:
        """Write what belongs behind the last row."""
        if self._form == "json":
            self._put(b"\n]\n" if self._rows else b"[]\n")
        self._connection.close()

    def _put(self, text: bytes | memoryview) -> None:
        if self._shown is None:
            self._out.write(text)
        else:
            self._out.write(self._shown(bytes(text).decode("utf-8", "replace")).encode())


class _Column:
    """A column as it is named in the output, as an expression over the batch, and its type."""

    def __init__(self, name: str, value: exp.Expr, kind: pa.DataType) -> None:
        import pyarrow as pa

        self.name = name
        self.value = value
        self.is_nested = pa.types.is_nested(kind)
        self.is_plain = False
        if pa.types.is_timestamp(kind):
            self.value = exp.func("strftime", value, exp.Literal.string(TIME))
            self.is_plain = True
        elif _is_binary(kind):
            self.value = exp.func("base64", value)
            self.is_plain = True
        elif pa.types.is_floating(kind):
            finite = exp.func("isfinite", value.copy())
            self.value = exp.Case(ifs=[exp.If(this=finite, true=value)])
            self.is_plain = True
        elif _holds_floats(kind):
            self.value = exp.cast(value, "JSON", dialect="duckdb")
        elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            self.is_plain = True
        self.is_map = pa.types.is_map(kind) and not _holds_floats(kind)

    def json(self) -> exp.Expr:
        """The value as JSON text."""
        return exp.cast(exp.func("to_json", self.value), _TEXT)

    def csv(self) -> exp.Expr:
        """The value as RFC 4180 has it: quoted where it must be, the empty text too."""
        if self.is_plain:
            return exp.cast(self.value, _TEXT)
        text = self.json() if self.is_nested else exp.cast(self.value, _TEXT)
        special = exp.func("regexp_matches", text.copy(), exp.Literal.string('^$|[",\r\n]'))
        doubled = exp.func("replace", text.copy(), _literal('"'), _literal('""'))
        quoted = _join(_literal('"'), doubled, _literal('"'))
        return exp.Case(ifs=[exp.If(this=special, true=quoted)], default=text)


def unique(names: Sequence[str]) -> list[str]:
    """The names, those that came before in upper or lower case with a number behind them."""
    taken: set[str] = set()
    result = []
    for name in names:
        chosen, number = name, 1
        while chosen.lower() in taken:
            number += 1
            chosen = f"{name}_{number}"
        taken.add(chosen.lower())
        result.append(chosen)
    return result


def _jsonl(columns: Sequence[_Column], end: str) -> exp.Expr:
    pairs = [exp.PropertyEQ(this=_literal(c.name), expression=c.value) for c in columns]
    text = exp.cast(exp.func("to_json", exp.Struct(expressions=pairs)), _TEXT)
    return _join(text, _literal(end))


def _json(columns: Sequence[_Column], end: str) -> exp.Expr:
    parts: list[exp.Expr] = []
    for column in sorted(columns, key=lambda c: c.name):
        key = json.dumps(column.name, ensure_ascii=False)
        parts.append(_literal(f"{',' if parts else '  {'}{end}    {key}: "))
        value = _indented(column) if column.is_map else column.json()
        parts.append(exp.func("coalesce", value, _literal("null")))
    return _join(*parts, _literal(f"{end}  }},{end}"))


def _indented(column: _Column) -> exp.Expr:
    """A map as a JSON object over several lines, its keys sorted."""
    entry = exp.to_identifier("e")
    key, value = (exp.Dot(this=entry.copy(), expression=exp.to_identifier(n)) for n in _ENTRY)
    name, text = (exp.cast(exp.func("to_json", part), _TEXT) for part in (key, value))
    text_or_null = exp.func("coalesce", text, _literal("null"))
    line = exp.Lambda(this=_join(name, _literal(": "), text_or_null), expressions=[entry])
    entries = exp.func("list_sort", exp.func("map_entries", column.value))
    lines = exp.func("array_to_string", exp.func("list_transform", entries, line), _literal(_NEXT))
    full = _join(_literal(f"{{{_NEXT[1:]}"), lines, _literal("\n    }"))
    empty = exp.EQ(this=exp.func("cardinality", column.value), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=empty, true=_literal("{}"))], default=full)


_ENTRY = ("key", "value")
_NEXT = ",\n      "


def _csv(columns: Sequence[_Column], end: str) -> exp.Expr:
    parts: list[exp.Expr] = []
    for column in columns:
        if parts:
            parts.append(_literal(","))
        parts.append(exp.func("coalesce", column.csv(), _literal("")))
    return _join(*parts, _literal(end))


def _raw(columns: Sequence[_Column], end: str) -> exp.Expr:
    """The line as it was read; of an event that never was a line, its message."""
    named = {c.name: exp.column(f"c{place}", quoted=True) for place, c in enumerate(columns)}
    text = exp.func("coalesce", named["raw"], named["message"], _literal(""))
    encoded = exp.Anonymous(this="encode", expressions=[text])
    line = exp.func("coalesce", named["raw_bytes"], encoded)
    return _join(line, exp.Anonymous(this="encode", expressions=[_literal(end)]))


RAW_COLUMNS = ("raw", "raw_bytes", "message")
"""The columns that the raw form is made of."""

_LINES: dict[str, Callable[[Sequence[_Column], str], exp.Expr]] = {
    "jsonl": _jsonl,
    "json": _json,
    "csv": _csv,
    "raw": _raw,
}


def _literal(text: str) -> exp.Expr:
    return exp.Literal.string(text)


def _join(*parts: exp.Expr) -> exp.Expr:
    """Texts, or bytes, one behind the other; null if one is."""
    joined = parts[0]
    for part in parts[1:]:
        joined = exp.DPipe(this=joined, expression=part, safe=True)
    return joined


def _is_binary(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_floats(kind: pa.DataType) -> bool:
    """Whether floating point numbers are somewhere inside a nested type."""
    import pyarrow as pa

    if not pa.types.is_nested(kind):
        return False
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return any(pa.types.is_floating(t) or _holds_floats(t) for t in inner)


def _writable(array: pa.Array) -> pa.Array:
    """The column in the types that the SELECT expects."""
    import pyarrow as pa

    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("us"), safe=False)
    if _holds_floats(array.type):
        texts = (
            None if v is None else json.dumps(_finite(v), default=str) for v in array.to_pylist()
        )
        return pa.array(texts, pa.large_string())
    return array


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value


def _bytes_of(array: pa.Array) -> memoryview:
    """The bytes of a text or binary column without nulls, one value behind the other."""
    import numpy as np

    _, offsets, data = array.buffers()
    places = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(data)[places[0] : places[-1]]
