"""What is the same in many lines, found without a string of its own for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from siemstress.formats.header import Span
from siemstress.sources.lines import LOW_BYTES, Ints, Lines, Words

# Names up to so many bytes are told apart by words, longer ones, and more than fit, as strings.
_WORDS = 3
_SLOTS, _ROUNDS = 12, 4
_PRIMES = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xFF51AFD7ED558CCD,
     0xC4CEB9FE1A85EC53, 0x94D049BB133111EB], np.uint64
)  # fmt: skip
# Up to so many places for values, more than there are values, a table finds those named twice.
_TABLE = 1 << 22


@dataclass(frozen=True)
class Numbered:
    """Names in lines as numbers into the distinct ones; -1: none that counts."""

    number: Ints
    names: Sequence[str]


def numbered(lines: Lines, span: Span, fitting: str) -> Numbered:
    """The distinct names at `span`, of which those count that a regular expression fits."""
    words = _words(lines, span)
    number = np.full(len(span.start), -1, np.int64)
    ended = lines.byte(span.start + span.length - 1) != 0
    left = np.flatnonzero((span.length <= 8 * _WORDS) & (span.length > 0) & ended)
    found: list[pl.Series] = []
    count = 0
    for turn in range(_ROUNDS):
        if not len(left):
            break
        # Of all names that share a slot one stands for itself, the others wait for a next round.
        now = words if len(left) == len(number) else [word[left] for word in words]
        mixed = now[0] * _PRIMES[turn]
        for place, word in enumerate(now[1:], 1):
            mixed += word * _PRIMES[turn + place]
        slot = (mixed >> np.uint64(64 - _SLOTS)).view(np.int64)
        of_slot = np.full(1 << _SLOTS, -1, np.int64)
        of_slot[slot] = np.arange(len(left))
        taken = np.flatnonzero(of_slot >= 0)
        same = now[0][of_slot][slot] == now[0]
        for word in now[1:]:
            same &= word[of_slot][slot] == word
        new = np.empty(1 << _SLOTS, np.int64)
        new[taken] = count + np.arange(len(taken))
        one = left[of_slot[taken]]
        found.append(lines.text(span.start[one], span.length[one]))
        count += len(taken)
        if same.all():
            number[left] = new[slot]
            left = left[:0]
            break
        number[left[same]] = new[slot[same]]
        left = left[~same]
    left = np.concatenate([left, np.flatnonzero((span.length > 8 * _WORDS) & ended)])
    if len(left):
        texts = lines.text(span.start[left], span.length[left])
        distinct = texts.unique()
        new = np.arange(count, count + len(distinct))
        number[left] = texts.replace_strict(distinct, new, return_dtype=pl.Int64).to_numpy()
        found.append(distinct)
    names = pl.concat(found) if found else pl.Series([], dtype=pl.String)
    fits = names.str.contains(fitting).to_numpy()
    if not fits.all():
        # The last number of all, -1, stands for none.
        kept = np.append(np.where(fits, np.cumsum(fits) - 1, -1), -1)
        number, names = kept[number], names.filter(fits)
    return Numbered(number, names.to_list())


def _words(lines: Lines, span: Span) -> list[Words]:
    """The first bytes of names, in words; what is behind a name is 0."""
    length = span.length
    words: list[Words] = [lines.words[span.start] & LOW_BYTES[np.minimum(length, 8)]]
    for place in range(1, _WORDS):
        rows = np.flatnonzero(length > 8 * place)
        if not len(rows):
            break
        word = np.zeros(len(length), np.uint64)
        some = np.minimum(length[rows] - 8 * place, 8)
        word[rows] = lines.words[span.start[rows] + 8 * place] & LOW_BYTES[some]
        words.append(word)
    return words


def once(row: Ints, name: Ints, rows: int, names: int, *, last: bool = False) -> Ints | None:
    """Of each name in a row the first, or the last; None where all are there once."""
    key = row * names + name
    number = np.arange(len(key))
    order = number if last else number[::-1]
    if rows * names <= max(_TABLE, 4 * len(key)):
        # Of several that are put into one place the last one stays.
        table = np.empty(rows * names, np.int64)
        table[key[order]] = order
        kept = np.flatnonzero(table[key] == number)
    else:
        frame = pl.DataFrame({"key": key, "at": number})
        unique = frame.unique("key", keep="last" if last else "first", maintain_order=True)
        kept = unique["at"].to_numpy().astype(np.int64)
        kept.sort()
    return None if len(kept) == len(key) else kept
