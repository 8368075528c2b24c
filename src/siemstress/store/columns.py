"""The types of columns, as the event schema, Polars, Delta and DuckDB call them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.errors import StoreError
from siemstress.schema import ALERT, ALL, EVENT, polars_type

if TYPE_CHECKING:
    import polars as pl
    from deltalake import Field, Schema

MAP = "map"

# Delta's primitive types and DuckDB's, for columns that a section adds to the event's too.
DUCKDB = {
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "timestamp_ntz": "TIMESTAMP",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "string": "VARCHAR",
    "binary": "BLOB",
    "boolean": "BOOLEAN",
    MAP: "MAP(VARCHAR, VARCHAR)",
}
_KINDS = {
    "int64": "long",
    "int32": "integer",
    "int8": "byte",
    "time": "timestamp_ntz",
    "text": "string",
    "binary": "binary",
    "bool": "boolean",
    "map": MAP,
}
EVENT_TYPES: dict[str, str] = {c.name: _KINDS[c.kind] for c in EVENT}
ALERT_TYPES: dict[str, str] = {c.name: _KINDS[c.kind] for c in (*EVENT, *ALERT)}


@cache
def _delta_names() -> dict[pl.DataType, str]:
    import polars as pl

    return {
        pl.Int64(): "long",
        pl.Int32(): "integer",
        pl.Int16(): "short",
        pl.Int8(): "byte",
        pl.Float32(): "float",
        pl.Float64(): "double",
        pl.Datetime("us"): "timestamp_ntz",
        pl.Date(): "date",
        pl.String(): "string",
        pl.Binary(): "binary",
        pl.Boolean(): "boolean",
        pl.Map(pl.String(), pl.String()): MAP,
    }


@cache
def _wanted(name: str, given: pl.DataType) -> pl.DataType:
    """The type that a column of the given type is stored as."""
    import polars as pl

    if name in ALL:
        return polars_type(ALL[name].kind)
    if isinstance(given, (pl.Categorical, pl.Enum)):
        return pl.String()
    if isinstance(given, pl.Datetime):
        return pl.Datetime("us")
    wider: dict[pl.DataType, pl.DataType] = {
        pl.UInt8(): pl.Int16(),
        pl.UInt16(): pl.Int32(),
        pl.UInt32(): pl.Int64(),
    }
    return wider.get(given, given)


def stored(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """The frame with the types in which it is stored, and Delta's name of each column's type.

    Columns of the event get the event's types; zoned times become UTC without a zone; columns
    without a type (all null) are left out.

    Raises:
        StoreError: a column that cannot be stored, or two whose names differ in case only.

    """
    import polars as pl

    casts = []
    names: dict[str, str] = {}
    for name, given in frame.schema.items():
        if given == pl.Null() and name not in ALL:
            frame = frame.drop(name)
            continue
        wanted = _wanted(name, given)
        delta = _delta_names().get(wanted)
        if delta is None:
            raise StoreError(f"column {name!r}: {given} cannot be stored")
        if isinstance(given, pl.Enum) and wanted == pl.String():
            # Written with its own dictionary, which readers see as plain text.
            pass
        elif given != wanted:
            casts.append(_cast(name, given, wanted))
        names[name] = delta
    if len({name.lower() for name in names}) < len(names):
        raise StoreError("two columns have names that differ in upper and lower case only")
    if casts:
        try:
            frame = frame.with_columns(casts)
        except pl.exceptions.PolarsError as e:
            raise StoreError(f"a column has the wrong type: {e}") from e
    return frame, names


def _cast(name: str, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    import polars as pl

    column = pl.col(name)
    if isinstance(given, pl.Datetime) and given.time_zone:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.cast(wanted)


def polars_types(delta: Mapping[str, str]) -> dict[str, pl.DataType]:
    """The Polars types of a table's columns.

    Raises:
        StoreError: a column of a type that siemstress does not write.

    """
    known = {name: dtype for dtype, name in _delta_names().items()}
    strange = sorted(name for name, kind in delta.items() if kind not in known)
    if strange:
        raise StoreError(f"column {strange[0]!r} has the type {delta[strange[0]]}")
    return {name: known[kind] for name, kind in delta.items()}


def delta_field(name: str, delta: str) -> Field:
    """A nullable column of a Delta table."""
    from deltalake.schema import Field, MapType, PrimitiveType

    if delta == MAP:
        text = PrimitiveType("string")
        return Field(name, MapType(text, text, value_contains_null=True))
    return Field(name, PrimitiveType(delta))


def delta_schema(names: dict[str, str]) -> Schema:
    """The schema of a Delta table with these columns."""
    from deltalake import Schema

    return Schema([delta_field(name, delta) for name, delta in names.items()])


def delta_types(schema: Schema) -> dict[str, str]:
    """Names and types of a Delta table's columns; other nested types by their JSON."""
    from deltalake.schema import PrimitiveType

    text_map = delta_field("", MAP).type
    types: dict[str, str] = {}
    for field in schema.fields:
        if isinstance(field.type, PrimitiveType):
            types[field.name] = field.type.type
        else:
            types[field.name] = MAP if field.type == text_map else field.type.to_json()
    return types


def missing_columns(
    known: Mapping[str, str], wanted: Mapping[str, str], table: Path
) -> list[Field]:
    """The wanted columns that a table with the known ones lacks.

    Raises:
        StoreError: a column is known by another type, or by a name in other letters.

    """
    folded = {name.lower(): name for name in known}
    missing = []
    for name, delta in wanted.items():
        if name in known and known[name] != delta:
            raise StoreError(
                f"column {name!r} is of type {known[name]} in the table, not {delta}", file=table
            )
        if name not in known and name.lower() in folded:
            raise StoreError(
                f"column {name!r} is called {folded[name.lower()]!r} in the table", file=table
            )
        if name not in known:
            missing.append(delta_field(name, delta))
    return missing
