"""Structured data of RFC 5424 (section 6.3) to named values, a batch at a time."""

from __future__ import annotations

import polars as pl

from siemstress.formats.leaves import Leaves
from siemstress.sources.lines import Mask

_NAME = r"[!#-<>-\\^-~]{1,32}"
# A backslash in front of another character than it must be in front of stands for itself.
_VALUE = r'"(?:[^"\\\]]|\\(?s:.))*"'
_PARAMETER = rf"{_NAME}= ?{_VALUE}"
WHOLE = rf"^((?:\[{_NAME}(?: {_PARAMETER})* ?\])+)(?: |$)"
"""An expression of structured data at the beginning of a text; what follows is a blank or none."""
REGISTERED = rf"^\[(?:timeQuality|origin|meta|{_NAME}@\d[\d.]*)(?: {_PARAMETER})+ ?\]"
"""An expression of data whose name is registered, or says whose it is."""


def take_apart(texts: pl.Series) -> tuple[Mask, Leaves]:
    """Which texts, well-formed all, name no element twice, and the parameters of these.

    A parameter's name is `element.name`; of one that comes several times all values are given,
    with commas between. What is empty is left out.
    """
    tokens = pl.DataFrame({"token": texts.str.extract_all(rf"\[{_NAME}|{_PARAMETER}")})
    tokens = tokens.with_row_index("row").explode("token")
    element = pl.col("token").str.starts_with("[")
    tokens = tokens.with_columns(
        element=pl.when(element).then(pl.col("token").str.slice(1)).forward_fill()
    )
    elements = tokens.filter(element)
    twice = elements.filter(pl.struct("row", "element").is_duplicated())["row"].unique()
    good = ~pl.int_range(len(texts), eager=True).is_in(twice.cast(pl.Int64).implode())
    parts = pl.col("token").str.extract_groups(r'(?s)^(?<name>[^=]+)= ?"(?<text>.*)"$')
    values = (
        tokens.filter(~element & ~pl.col("row").is_in(twice.implode()))
        .with_columns(parts.struct.unnest())
        .with_columns(
            name=pl.concat_str("element", pl.lit("."), "name"),
            text=pl.col("text").str.replace_all(r'\\(["\\\]])', "$1"),
        )
        .filter(pl.col("text") != "")
        .group_by("row", "name", maintain_order=True)
        .agg(pl.col("text").str.join(","))
    )
    names = values["name"].unique(maintain_order=True)
    number = values["name"].replace_strict(
        names, pl.int_range(len(names), eager=True), return_dtype=pl.Int64
    )
    kept = good.cast(pl.Int64).cum_sum() - 1
    row = kept.gather(values["row"])
    return good.to_numpy(), Leaves(
        row.to_numpy(), number.to_numpy(), names.to_list(), values["text"]
    )
