"""How a request ended, by its status."""

from __future__ import annotations

import polars as pl


def of_status(status: pl.Series) -> pl.Series:
    """A request has failed where its status is 400 or more (RFC 9110); null where there is none.

    A status of which only the first digits were written is none.
    """
    number = status.str.extract(r"^([1-9]\d\d)$").cast(pl.Int16)
    frame = pl.DataFrame({"status": number})
    failed = pl.when(pl.col("status") >= 400).then(pl.lit("failure"))
    told = failed.when(pl.col("status") >= 100).then(pl.lit("success"))
    return frame.select(told.alias("outcome"))["outcome"]


def first_known(*texts: pl.Series | None) -> pl.Series:
    """Of several series the first value that each row has."""
    known = [text for text in texts if text is not None]
    return pl.select(pl.coalesce(known)).to_series()


def where(condition: pl.Series, text: str) -> pl.Series:
    """A text where something holds, null elsewhere."""
    return pl.select(pl.when(condition).then(pl.lit(text)).alias("text"))["text"]
