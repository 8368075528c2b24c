"""Where thousands of byte strings stand in a text, without looking at the text once for each.

Of each string a few bytes are looked up (its anchor, those that fewest others have); where they
stand, the whole string is compared. All in numpy: nothing has to be built for a new text, and
other threads may run meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]

ROOM = 8
"""So many bytes of a text must be behind those that are searched."""
_CHUNK = 1 << 17
# So many places where an anchor stands are compared together.
_MANY = 1 << 17
_BITS = 18
_FACTOR = np.uint32(2654435761)


class Finder:
    """Byte strings, none of them empty, made ready to be looked for."""

    def __init__(self, strings: Sequence[bytes]) -> None:
        by_width: dict[int, list[int]] = {}
        for number, string in enumerate(strings):
            by_width.setdefault(min(len(string), 4), []).append(number)
        self._anchors = [
            _Anchors(width, numbers, [strings[n] for n in numbers])
            for width, numbers in by_width.items()
        ]
        self._length = np.array([len(string) for string in strings], np.int64)
        self._longest = int(self._length.max(initial=0))
        counts = (self._length + 7) // 8
        self._first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        padded = b"".join(s + bytes(-len(s) % 8) for s in strings)
        self._words = np.frombuffer(padded, "<u8")
        held = b"".join(b"\xff" * len(s) + bytes(-len(s) % 8) for s in strings)
        self._masks = np.frombuffer(held, "<u8")

    def find(self, text: bytes) -> Iterator[tuple[Numbers, Numbers]]:
        """Which strings stand in a text, and at which places, some at a time; the last `ROOM`
        bytes of the text are not part of it."""
        size = len(text) - ROOM
        words: _Words = np.ndarray((max(size + 1, 0),), "<u8", text, 0, (1,))
        for anchors in self._anchors:
            for candidates in anchors.candidates(text, size):
                number, start = candidates
                if start.min() < 0 or start.max() + self._longest > size:
                    fits = (start >= 0) & (start + self._length[number] <= size)
                    number, start = number.compress(fits), start.compress(fits)
                yield from self._compared(words, number, start)

    def _compared(
        self, words: _Words, number: Numbers, start: Numbers
    ) -> Iterator[tuple[Numbers, Numbers]]:
        """Those of some strings at some places that stand there, compared by eight bytes."""
        at, offset = self._first[number], 0
        while len(number):
            same = words[start + offset] & self._masks[at] == self._words[at]
            number, start, at = number.compress(same), start.compress(same), at.compress(same) + 1
            offset += 8
            over = self._first[number + 1] == at
            if over.all():
                yield number, start
                return
            if over.any():
                yield number.compress(over), start.compress(over)
                number, start, at = (each.compress(~over) for each in (number, start, at))


class _Anchors:
    """The anchors of some strings, all of one width of at most four bytes."""

    def __init__(self, width: int, numbers: Sequence[int], strings: Sequence[bytes]) -> None:
        self._mask = np.uint32((1 << (8 * width)) - 1)
        grams = [
            [int.from_bytes(s[i : i + width], "little") for i in range(len(s) - width + 1)]
            for s in strings
        ]
        common = Counter(gram for some in grams for gram in set(some))
        places = [min(range(len(some)), key=lambda i: common[some[i]]) for some in grams]
        chosen = np.array([some[at] for some, at in zip(grams, places, strict=True)], np.uint32)
        hashes = self._hashed(chosen)
        order = np.argsort(hashes, kind="stable")
        self._number = np.array(numbers, np.int64)[order]
        self._offset = np.array(places, np.int64)[order]
        self._first = np.searchsorted(hashes[order], np.arange((1 << _BITS) + 1))
        self._any = np.diff(self._first) > 0

    def _hashed(self, grams: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        return ((grams & self._mask) * _FACTOR) >> np.uint32(32 - _BITS)

    def candidates(self, text: bytes, size: int) -> Iterator[tuple[Numbers, Numbers]]:
        """Which strings may stand in a text, and where they would begin."""
        grams: npt.NDArray[np.uint32] = np.ndarray((max(size, 0),), "<u4", text, 0, (1,))
        waiting: list[tuple[Numbers, Numbers]] = []
        many = 0
        for begin in range(0, size, _CHUNK):
            hashes = self._hashed(grams[begin : begin + _CHUNK]).astype(np.int64)
            at = np.flatnonzero(self._any.take(hashes))
            if not len(at):
                continue
            hashes = hashes.take(at)
            first = self._first.take(hashes)
            count = self._first.take(hashes + 1) - first
            ends = np.cumsum(count)
            which = np.arange(ends[-1]) + np.repeat(first - ends + count, count)
            place = np.repeat(at + begin, count) - self._offset.take(which)
            waiting.append((self._number.take(which), place))
            many += len(which)
            if many > _MANY:
                yield _joined(waiting)
                waiting, many = [], 0
        if waiting:
            yield _joined(waiting)


def _joined(some: Sequence[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
    return np.concatenate([a for a, _ in some]), np.concatenate([b for _, b in some])
