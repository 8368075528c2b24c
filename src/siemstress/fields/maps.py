"""Maps from names to texts: taken apart into entries, and put together from entries of any rows."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

ENTRIES = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
"""What a column of maps is cast to, to look into them."""


def apart(fields: pl.Series) -> pl.DataFrame:
    """The entries of a column of maps as `row`, `key` and `value`, in the order of the rows."""
    entry = fields.cast(ENTRIES)
    length = entry.list.len().fill_null(0).to_numpy()
    pairs = entry.explode(empty_as_null=False, keep_nulls=False).struct.unnest()
    row = pl.Series("row", np.repeat(np.arange(len(fields)), length), dtype=pl.Int64)
    return pl.DataFrame({"row": row, "key": pairs["key"], "value": pairs["value"]})


def maps(entries: pl.DataFrame, count: int) -> pl.Series:
    """The maps of `count` rows, from entries as `row`, `key` and `value`; empty without any.

    A row's entries keep their order; a key must be there once only.
    """
    row = entries["row"].to_numpy()
    if len(row) and (row[1:] < row[:-1]).any():
        entries = entries.sort("row", maintain_order=True)
        row = entries["row"].to_numpy()
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(row, minlength=count), out=offsets[1:])
    key, value = (entries[name].cast(pl.String).to_arrow() for name in ("key", "value"))
    array = pa.MapArray.from_arrays(pa.array(offsets), key, value)
    return cast(pl.Series, pl.from_arrow(array))
