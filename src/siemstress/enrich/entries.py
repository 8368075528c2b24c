"""The entries of events' `fields`, one behind the other, and more of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import polars as pl

from siemstress.fields.maps import apart, maps

OURS = r"^(?:list$|(?:source|destination)\.(?:geo|as)\.|(?:source\.|destination\.)?asset\.)"
"""Names of fields that enrichment adds."""


class Entries:
    """The entries of a column of maps: each one's row, key and value."""

    def __init__(self, fields: pl.Series) -> None:
        self.count = len(fields)
        self.changed = False
        self._fields = fields

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The entries as `row`, `key` and `value`."""
        return apart(self._fields)

    def without_ours(self) -> Entries:
        """Those that did not come with the line, left out."""
        entries = Entries(self._fields)
        entries.frame = self.frame.filter(~pl.col("key").str.contains(OURS))
        return entries

    def rename(self, name: str, other: str) -> None:
        """Have entries of one name under another, which loses what it had."""
        key = pl.col("key")
        if (self.frame["key"] == name).any():
            other_key = pl.when(key == name).then(pl.lit(other)).otherwise(key)
            # A name must be there once.
            kept = self.frame.filter(key != other)
            self.frame = kept.with_columns(key=other_key)
            self.changed = True


def addition(rows: pl.Series, key: str, values: pl.Series) -> pl.DataFrame:
    """Entries of one name for some rows."""
    return pl.DataFrame({"row": rows.cast(pl.Int64), "value": values.cast(pl.String)}).select(
        "row", pl.lit(key).alias("key"), "value"
    )


def with_more(entries: Entries, more: Sequence[pl.DataFrame]) -> pl.Series:
    """The maps with more entries, which take the place of those of their names."""
    there = entries.frame
    if not more:
        return maps(there, entries.count)
    fresh = pl.concat(more)
    names = fresh["key"].unique().implode()
    if there["key"].is_in(names).any():
        there = there.join(fresh, on=("row", "key"), how="anti", maintain_order="left")
    return maps(pl.concat([there, fresh]), entries.count)
