"""From process names, as lines spell them, to the programs that message tables are for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.sources.lines import LOW_BYTES, Ints, Lines, Mask, Words, clipped

Numbers = npt.NDArray[np.int16]

_SPREAD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_SLOTS = 14  # bits
# Names beyond this many are looked up anew in each batch; only an attacker has so many.
_REMEMBERED = 1 << (_SLOTS - 1)


class Programs:
    """Looks up program numbers; remembers the names it has seen. Safe for many threads."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are programs in lower case; program number i is names[i].

        The name that is empty is that of lines which name no program.
        """
        self._number = {name: number for number, name in enumerate(names)}
        self.unknown = len(names)
        self.nameless = self._number.get("", self.unknown)
        self._lock = threading.Lock()
        self._seen = 0
        self._slots: tuple[Words, Numbers] = (
            np.zeros(1 << _SLOTS, np.uint64),
            np.full(1 << _SLOTS, self.unknown, np.int16),
        )

    def look_up(self, lines: Lines, start: Ints, length: Ints) -> tuple[Numbers, Words]:
        """Each name's program number (`unknown` where there is none) and a hash of the name."""
        hashes = _hash(lines, start, length)
        known, numbers = self._slots
        slot = (hashes * _SPREAD[0]) >> np.uint64(64 - _SLOTS)
        result = numbers[slot]
        missing = np.flatnonzero((known[slot] != hashes) & (length > 0))
        if len(missing):
            result[missing] = self._learn(lines, start, length, hashes, missing)
        result[length <= 0] = self.nameless
        return result, hashes

    def known(self, names: pl.Series) -> Mask:
        """Which names are those of programs."""
        found: Mask = self._numbers(names) != self.unknown
        return found

    def _learn(
        self, lines: Lines, start: Ints, length: Ints, hashes: Words, missing: Ints
    ) -> Numbers:
        distinct, first, inverse = np.unique(
            hashes[missing], return_index=True, return_inverse=True
        )
        rows = missing[first]
        size = np.minimum(length[rows], 256)
        names = lines.text(start[rows], clipped(lines, start[rows], size))
        numbers = self._numbers(names)
        with self._lock:
            room = _REMEMBERED - self._seen
            if room > 0:
                known, by_slot = self._slots[0].copy(), self._slots[1].copy()
                new = slice(0, room)
                slot = (distinct[new] * _SPREAD[0]) >> np.uint64(64 - _SLOTS)
                by_slot[slot] = numbers[new]
                known[slot] = distinct[new]
                self._slots = (known, by_slot)
                self._seen += len(distinct[new])
        return numbers[inverse]

    def _numbers(self, names: pl.Series) -> Numbers:
        """`/usr/sbin/SSHD(pam_unix)` is sshd; `postfix-in/submission/smtpd` is postfix/smtpd."""
        text = pl.col("name").str.to_lowercase().str.replace(r"^/.*/", "")
        text = text.str.replace(r"\(.*$", "").str.replace(r"^postfix[^/]*/(?:.*/)?", "postfix/")
        plain = names.alias("name").to_frame().select(text).to_series()
        if self._number:
            numbers = plain.replace_strict(
                self._number, default=self.unknown, return_dtype=pl.Int16
            )
        else:
            numbers = pl.repeat(self.unknown, len(plain), dtype=pl.Int16, eager=True)
        return numbers.to_numpy().astype(np.int16)


def _hash(lines: Lines, start: Ints, length: Ints) -> Words:
    """A number for each name: of its first 16 bytes, its last 8 and its length."""
    size = np.maximum(length, 0)
    words = lines.words
    result = words[start] & LOW_BYTES[np.minimum(size, 8)]
    result *= _SPREAD[0]
    more = np.flatnonzero(size > 8)
    if len(more):
        begin, extra = start[more], size[more]
        second = words[begin + 8] & LOW_BYTES[np.minimum(extra - 8, 8)]
        last = words[begin + extra - 8]
        result[more] ^= (second ^ (last << np.uint64(1))) * _SPREAD[1]
    result += size.view(np.uint64)
    # Zero marks an empty slot.
    return result | np.uint64(1)
