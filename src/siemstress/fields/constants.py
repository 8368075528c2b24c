"""Texts that stand in many rows, as Arrow string views into one buffer of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Views = npt.NDArray[np.uint64]


class Constants:
    """Texts known beforehand; text number i has the view `views[i]` (two words).

    The views are for arrays in which these texts' buffer is the second one (number 1).
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        encoded = [text.encode() for text in texts]
        self.buffer = pa.py_buffer(b"".join(encoded))
        self.views = np.zeros((len(texts), 2), np.uint64)
        at = 0
        for number, text in enumerate(encoded):
            self.views[number] = _view(text, at)
            at += len(text)


def _view(text: bytes, at: int) -> tuple[int, int]:
    size = len(text)
    if size <= 12:
        whole = size.to_bytes(4, "little") + text.ljust(12, b"\0")
    else:
        whole = (
            size.to_bytes(4, "little") + text[:4]
            + (1).to_bytes(4, "little") + at.to_bytes(4, "little")
        )  # fmt: skip
    return int.from_bytes(whole[:8], "little"), int.from_bytes(whole[8:], "little")
