"""Named values found in a batch of lines, whatever way they are written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from siemstress.sources.lines import Ints


@dataclass(frozen=True)
class Leaves:
    """Values found in a batch of lines, in the order of the lines.

    `row` is the line's number in the batch, `name` a number into `names`. No line has a name
    twice; no value is null or empty.
    """

    row: Ints
    name: Ints
    names: Sequence[str]
    text: pl.Series


def of_columns(columns: Mapping[str, pl.Series]) -> Leaves:
    """The values of columns, text by line; what is null or empty is left out."""
    rows, names, texts = [], [], []
    for number, text in enumerate(columns.values()):
        kept = np.flatnonzero(text.str.len_bytes().fill_null(0).to_numpy())
        if not len(kept):
            continue
        rows.append(kept)
        names.append(np.full(len(kept), number))
        texts.append(text if len(kept) == len(text) else text.gather(kept))
    if not rows:
        none = np.empty(0, np.int64)
        return Leaves(none, none, tuple(columns), pl.Series([], dtype=pl.String))
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    name = np.concatenate(names)[order]
    return Leaves(row[order], name, tuple(columns), pl.concat(texts).gather(order))
