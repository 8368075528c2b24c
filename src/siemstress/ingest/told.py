"""What stored lines were read by, where that stands in other lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import sqlglot

from siemstress.fields.maps import apart
from siemstress.formats.base import formats
from siemstress.formats.headed import HEADER, HEADER_ID
from siemstress.sources.headings import Described, Heading, key
from siemstress.store.base import Scan, Store, rows


@dataclass
class Told:
    """The headings that lines of a table were read by; looked up once it is asked for one."""

    store: Store
    table: str

    def unknown(self, events: pl.DataFrame) -> pl.Series:
        """Which lines were read by a heading that is not there any more."""
        number = _entry(events, HEADER_ID)
        if number.null_count() == len(number):
            return number.is_not_null()
        return number.is_not_null() & ~number.is_in(list(self._texts))

    def described(self, events: pl.DataFrame) -> Described | None:
        """The headings of stored lines, by what they keep of them."""
        number = _entry(events, HEADER_ID)
        text = _entry(events, HEADER)
        if number.null_count() < len(number):
            known = number.replace_strict(self._texts, default=None, return_dtype=pl.String)
            text = known.zip_with(known.is_not_null(), text)
        if text.null_count() == len(text):
            return None
        distinct = text.drop_nulls().unique(maintain_order=True)
        place = text.replace_strict(
            distinct, np.arange(len(distinct)), default=-1, return_dtype=pl.Int64
        )
        return Described(tuple(map(Heading.of, distinct)), place.fill_null(-1).to_numpy())

    @cached_property
    def _texts(self) -> dict[str, str]:
        """The headings that stand in the table, by their short names."""
        names = ", ".join(f"'{f.name}'" for f in formats().values() if f.described)
        query = sqlglot.parse_one(
            f"SELECT DISTINCT \"fields\"['{HEADER}'] AS header FROM events"  # noqa: S608  # our own
            f' WHERE "format" IN ({names}) AND "fields"[\'{HEADER}\'] IS NOT NULL',
            dialect="duckdb",
        )
        assert isinstance(query, sqlglot.exp.Query)  # noqa: S101 - it is a SELECT
        found = rows(self.store.select(query, {"events": Scan(self.table)}))
        return {key(row["header"]): row["header"] for row in found}


def _entry(events: pl.DataFrame, name: str) -> pl.Series:
    """The field of that name of each event; null where it has none."""
    entries = apart(events["fields"]).filter(pl.col("key") == name)
    row = pl.DataFrame({"row": np.arange(len(events))})
    return row.join(entries, "row", "left", maintain_order="left")["value"]
