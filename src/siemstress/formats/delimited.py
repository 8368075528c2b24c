"""Parts of lines between delimiters: tabs, blanks, commas and others, a batch at a time.

`split` knows no quotes. `split_quoted` does, in two ways of writing them (`Quoting`), by one
expression of Rust's, in linear time. A quote that is not closed is text like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import polars as pl

from siemstress.formats.header import Span
from siemstress.formats.leaves import Placed
from siemstress.sources.lines import Ints, Lines, Mask

MOST = 1024
"""Lines with more parts are not split."""

# Lines with more delimiters than this, quoted or not, are not looked at.
_MOST_DELIMITERS = 1 << 14
_QUOTE, _OPEN, _CLOSE = 34, 91, 93


class Quoting(Enum):
    """How delimiters within a part are hidden."""

    DOUBLED = 0
    """Between quotes, which are doubled within: CSV (RFC 4180)."""
    ESCAPED = 1
    """Between quotes, with a backslash before one within, or in brackets: access logs."""


_WITHIN = {Quoting.DOUBLED: r'^(?:[^"]|"")*$', Quoting.ESCAPED: r'(?s)^(?:[^"\\]|\\.)*$'}


@dataclass(frozen=True)
class Split:
    """Parts of lines, one behind the other: the line's number, the part's in it, where it stands.

    `quoted` says of which there were quotes or brackets around what stands there.
    """

    row: Ints
    place: Ints
    span: Span
    quoted: Mask | None = None

    def take(self, at: Ints | Mask) -> Split:
        """Some of the parts."""
        quoted = None if self.quoted is None else self.quoted[at]
        span = Span(self.span.start[at], self.span.length[at])
        return Split(self.row[at], self.place[at], span, quoted)


def split(
    lines: Lines, start: Ints, ends: Ints, delimiter: str, least: int = 1, most: int = MOST,
    *, runs: bool = False,
) -> tuple[Mask, Split]:  # fmt: skip
    """Split what stands from `start` to `ends` of each line.

    Tells which lines have from `least` to `most` parts, and gives the parts of these; lines keep
    their numbers. With `runs` parts that are empty do not count.
    """
    if runs:
        _, parts = split(lines, start, ends, delimiter)
        return _without_empty(parts, len(start), least, most)
    at, first, count = _delimiters(lines, start, ends, delimiter)
    ok = (count >= least) & (count <= most)
    rows = np.flatnonzero(ok)
    row, place = _numbered(rows, count[rows])
    begin = start[row]
    inner = np.flatnonzero(place)
    begin[inner] = at[first[row[inner]] + place[inner] - 1] + 1
    return ok, Split(row, place, Span(begin, _ends(begin, ends[rows], count[rows]) - begin))


def split_quoted(
    lines: Lines, start: Ints, ends: Ints, delimiter: str, quoting: Quoting,
    least: int = 1, most: int = MOST,
) -> tuple[Mask, Split]:  # fmt: skip
    """As `split`, where quotes hide delimiters; what is around a part is not part of it."""
    marks = '"' if quoting is Quoting.DOUBLED else '"['
    if all((_delimiters(lines, start, ends, mark)[2] < 2).all() for mark in marks):
        return split(lines, start, ends, delimiter, least, most)
    _, _, least_count = _delimiters(lines, start, ends, delimiter)
    rows = np.flatnonzero((least_count >= least) & (least_count <= _MOST_DELIMITERS))
    text = lines.text(start[rows], ends[rows] - start[rows]) + delimiter
    parts = text.str.extract_all(_expression(delimiter, quoting))
    number = parts.list.len().cast(pl.Int64).to_numpy()
    fits = (number >= least) & (number <= most)
    ok = np.zeros(len(start), bool)
    ok[rows[fits]] = True
    rows, count = rows[fits], number[fits]
    row, place = _numbered(rows, count)
    size = parts.filter(pl.Series(fits)).explode().str.len_bytes().cast(pl.Int64).to_numpy()
    behind = np.cumsum(size)
    # Counted from the line's first part.
    before = np.repeat(behind[np.cumsum(count) - count] - size[np.cumsum(count) - count], count)
    begin = start[row] + behind - size - before
    found = Split(row, place, Span(begin, size - 1))
    return ok, _without_quotes(lines, found, quoting)


def _delimiters(
    lines: Lines, start: Ints, ends: Ints, delimiter: str
) -> tuple[Ints, Ints, Ints]:  # fmt: skip
    """Where delimiters stand; of each line the number of the first one, and its count of parts."""
    if not len(start):
        none = np.empty(0, np.int64)
        return none, none, none
    low, high = int(start.min()), int(ends.max())
    at = np.flatnonzero(lines.buffer[low:high] == ord(delimiter)) + low
    first, behind = np.searchsorted(at, start), np.searchsorted(at, ends)
    return at, first, np.maximum(behind - first, 0) + 1


def _numbered(rows: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Of each part the line's number, and its place in the line."""
    row = np.repeat(rows, count)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)


def _ends(begin: Ints, line_ends: Ints, count: Ints) -> Ints:
    """Where parts end: before the delimiter that the next one follows, or with the line."""
    end = np.empty(len(begin), np.int64)
    end[:-1] = begin[1:] - 1
    end[np.cumsum(count) - 1] = line_ends
    return end


def _without_empty(parts: Split, lines: int, least: int, most: int) -> tuple[Mask, Split]:
    parts = parts.take(parts.span.length > 0)
    count = np.bincount(parts.row, minlength=lines)
    ok: Mask = (count >= least) & (count <= most)
    parts = parts.take(ok[parts.row])
    row, place = _numbered(np.flatnonzero(ok), count[ok])
    return ok, Split(row, place, parts.span)


def _expression(delimiter: str, quoting: Quoting) -> str:
    """Matches a part with its delimiter, wherever it begins; finds follow without a gap."""
    mark = f"\\x{ord(delimiter):02x}"
    rest = f"[^{mark}]*{mark}"
    if quoting is Quoting.DOUBLED:
        return f'"(?:[^"]|"")*"{rest}|{rest}'
    return f'(?s)"(?:[^"\\\\]|\\\\.)*"{rest}|\\[[^\\]]*\\]{rest}|{rest}'


def _without_quotes(lines: Lines, parts: Split, quoting: Quoting) -> Split:
    """Parts without the quotes or brackets around them, where nothing is behind these."""
    start, length = parts.span.start, parts.span.length
    first, last = lines.byte(start), lines.byte(np.maximum(start + length - 1, 0))
    quoted = (first == _QUOTE) & (last == _QUOTE) & (length >= 2)
    _whole(lines, parts, quoted, _WITHIN[quoting])
    if quoting is Quoting.ESCAPED:
        bracketed = (first == _OPEN) & (last == _CLOSE) & (length >= 2)
        _whole(lines, parts, bracketed, r"^[^\]]*$")
        quoted |= bracketed
    return Split(parts.row, parts.place, Span(start + quoted, length - 2 * quoted), quoted)


def _whole(lines: Lines, parts: Split, quoted: Mask, within: str) -> None:
    """Of what is quoted leave what has quotes within that do not belong there."""
    at = np.flatnonzero(quoted)
    inner = lines.text(parts.span.start[at] + 1, parts.span.length[at] - 2)
    odd = inner.str.contains(r'["\\\]]')
    quoted[at[odd.to_numpy()]] = inner.filter(odd).str.contains(within).to_numpy()


def undoubled(lines: Lines, parts: Split) -> tuple[Ints, pl.Series]:
    """Of parts of CSV lines those with doubled quotes: their numbers, and texts without these."""
    at = np.flatnonzero(parts.quoted) if parts.quoted is not None else np.empty(0, np.int64)
    text = lines.text(parts.span.start[at], parts.span.length[at])
    doubled = text.str.contains('""', literal=True)
    changed = text.filter(doubled).str.replace_all('""', '"', literal=True)
    return at[doubled.to_numpy()], changed


def stands(lines: Lines, parts: Split, texts: Iterable[str]) -> Mask:
    """Which parts are one of some texts."""
    found = np.zeros(len(parts.row), bool)
    for text in texts:
        at = np.flatnonzero(parts.span.length == len(text.encode()))
        start = parts.span.start[at]
        found[at] |= lines.stands(start, start + len(text.encode()), text.encode())
    return found


def told(
    lines: Lines, parts: Split, names: Sequence[str], unset: Iterable[str] = ("-",)
) -> Split:  # fmt: skip
    """Parts without those that are empty, unset, without a name, or whose name is ""."""
    unnamed = np.array([name == "" for name in names], bool)
    kept = (parts.span.length > 0) & (parts.place < len(names)) & ~stands(lines, parts, unset)
    if unnamed.any():
        kept &= ~unnamed[np.minimum(parts.place, len(names) - 1)]
    return parts.take(kept)


def named(
    lines: Lines, parts: Split, names: Sequence[str], unset: Iterable[str] = ("-",),
    *, doubled: bool = False,
) -> Placed:  # fmt: skip
    """Parts under their names; with `doubled` quotes within count as half as many."""
    parts = told(lines, parts, names, unset)
    quoted = np.zeros(len(parts.row), bool) if parts.quoted is None else parts.quoted
    placed = Placed(lines, parts.row, parts.place, names, parts.span, quoted)
    return placed.changed(*undoubled(lines, parts)) if doubled else placed


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Names of columns, those that come again with a number behind."""
    found: dict[str, None] = {}
    for name in names:
        number, own = 1, name
        while name and own in found:
            number += 1
            own = f"{name}.{number}"
        found[own if name else f"\0{len(found)}"] = None
    return tuple("" if name.startswith("\0") else name for name in found)
