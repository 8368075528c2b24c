"""Sets of a batch's rows as numbers: bit n is row n. And, or and not of them cost next to nothing,
however many rules ask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from siemstress.rules.sigma.values import Column, Rows

Bits = int


def of_mask(mask: npt.NDArray[np.bool_]) -> Bits:
    """The rows that a mask holds."""
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


def of_rows(rows: Rows, count: int) -> Bits:
    """Some rows, of `count` that there are."""
    if not len(rows):
        return 0
    mask = np.zeros(count, bool)
    mask[rows] = True
    return of_mask(mask)


def of_values(column: Column, values: Rows, count: int) -> Bits:
    """The rows that have one of some distinct values of a column."""
    return of_rows(column.rows_of(values), count)


def rows_in(bits: Bits, count: int) -> Rows:
    """The numbers of the rows, ascending."""
    held = np.frombuffer(bits.to_bytes((count + 7) // 8, "little"), np.uint8)
    return np.flatnonzero(np.unpackbits(held, count=count, bitorder="little")).astype(np.int64)
