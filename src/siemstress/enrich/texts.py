"""Texts that are looked for among those of a batch."""

from __future__ import annotations

import numpy as np
import polars as pl


class Texts:
    """A table of texts, each with a number; may hold hundreds of thousands.

    Texts are compared by hash first: a batch has few finds, and so the table is rarely touched.
    """

    def __init__(self, texts: pl.Series, numbers: pl.Series) -> None:
        self._table = pl.DataFrame({"text": texts, "number": numbers.cast(pl.Int64)})
        self._hashes = np.sort(texts.hash().to_numpy())

    def __len__(self) -> int:
        return self._table.height

    def look_up(self, texts: pl.Series) -> pl.DataFrame:
        """The finds, as `place` among the texts and `number`; of one text there may be several."""
        if not len(self._hashes) or not len(texts):
            return pl.DataFrame(schema={"place": pl.Int64, "number": pl.Int64})
        hashes = texts.hash().to_numpy()
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        places = np.flatnonzero(self._hashes[at] == hashes)
        maybe = pl.DataFrame({"place": places, "text": texts.gather(places)})
        if not maybe.height:
            return pl.DataFrame(schema={"place": pl.Int64, "number": pl.Int64})
        return maybe.join(self._table, on="text").select("place", "number")
