"""Maps from names to texts, put together from entries of any rows."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa


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
