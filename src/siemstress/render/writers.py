"""From the name of a form to what writes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Protocol

from siemstress.errors import QueryError
from siemstress.render.output import Target

if TYPE_CHECKING:
    import pyarrow as pa


class Writer(Protocol):
    """Writes rows in some form, a batch at a time."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch's rows."""

    def close(self) -> None:
        """Write what belongs behind the last row."""


def writer(
    form: str, schema: pa.Schema, columns: Sequence[str] | None, target: Target, zone: tzinfo | None
) -> Writer:
    """What writes batches of a schema, of which these columns are wanted (None: all).

    Forms are table, jsonl, json, csv, raw and parquet. `zone` is for the times in a table (None:
    the machine's own).

    Raises:
        QueryError: the form is not for terminals, and the target is one.

    """
    if columns is None or list(columns) == schema.names:
        return _whole(form, schema, target, zone)
    import pyarrow as pa

    # By place: a SELECT may give two columns the same name.
    places = [schema.get_field_index(name) for name in columns]
    part = pa.schema([schema.field(place) for place in places])
    return _Part(_whole(form, part, target, zone), places)


def _whole(form: str, schema: pa.Schema, target: Target, zone: tzinfo | None) -> Writer:
    if form == "table":
        from siemstress.render.table import Table

        return Table(schema.names, target, zone=zone)
    if form == "parquet":
        from siemstress.render.parquet import Parquet

        if target.is_terminal:
            raise QueryError("is not for terminals; add --output FILE", key="--format parquet")
        return Parquet(schema, target.stream)
    from siemstress.render.lines import Lines

    return Lines(form, schema, target.stream, to_terminal=target.is_terminal)


class _Part:
    """Passes on some of the columns."""

    def __init__(self, whole: Writer, places: Sequence[int]) -> None:
        self._whole = whole
        self._places = list(places)

    def write(self, batch: pa.RecordBatch) -> None:
        self._whole.write(batch.select(self._places))

    def close(self) -> None:
        self._whole.close()
