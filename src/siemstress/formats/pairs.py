"""Key=value pairs in parts of lines, all lines at once.

The bytes that mean something (equals signs, separators, quotes, ends) are found once; which of the
equals signs are those of pairs, and where their values end, follows from their order alone. A pair
whose value is in quotes may hold what looks like others: which pairs count is found by following,
from each line's first pair, where the one behind it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from siemstress.formats.distinct import numbered, once
from siemstress.formats.header import Span
from siemstress.formats.leaves import Placed
from siemstress.formats.parts import Parts, trimmed
from siemstress.sources.lines import Ints, Lines, Mask

Bytes = npt.NDArray[np.uint8]

_FEED, _BACKSLASH = 10, 92
# What may stand behind a closing quote, beside the separators.
_BEHIND = b" \t\n\r,;)]}|"

NAMES = r"^[A-Za-z_@][A-Za-z0-9_.:@/\[\]-]*$"
"""Names that count, unless other ones are asked for."""


@dataclass(frozen=True)
class Pairs:
    """How pairs are written.

    Any byte of `separators` ends a pair, any byte of `quotes` quotes a value if it stands first
    and once more last; in quotes a backslash takes their meaning from those of `escaped`. A quote
    that nothing closes goes to the end. With `blanks`, instead, values are not quoted, and hold
    blanks up to the next name with an equals sign (CEF); a backslash takes its meaning from that,
    too. Only names that the regular expression `names` fits count. Of a name that stands twice in
    a line the first counts, or the last if so asked. `trailing` are bytes that do not belong to a
    value that is not quoted if they stand last, one of them.
    """

    separators: str = " \t"
    equals: str = "="
    quotes: str = '"'
    escaped: str = '"\\'
    blanks: bool = False
    names: str = NAMES
    last: bool = False
    trailing: str = ""

    def read(self, lines: Lines, part: Span) -> Placed:
        """The pairs in a part of each line, without those that have no value."""
        text = Parts(lines, part)
        marks = _Marks(self, text)
        name = numbered(text.lines, marks.key, self.names)
        marks.keep(name.number >= 0)
        number = name.number[name.number >= 0]
        if self.blanks:
            start, end, quoted = _to_next(marks)
        else:
            start, end, quoted, reached = _quoted(self, marks)
            if self.trailing:
                end = end - (np.isin(text.bytes[end - 1], _codes(self.trailing)) & ~quoted)
            if not reached.all():
                start, end, number = start[reached], end[reached], number[reached]
                quoted = quoted[reached]
                marks.keep(reached)
        if " " not in self.separators:
            start, end = trimmed(text.bytes, start, end, ~quoted)
        kept = np.flatnonzero(end > start)
        row, number = marks.row[kept], number[kept]
        first = once(row, number, len(lines), len(name.names), last=self.last)
        if first is not None:
            kept, row, number = kept[first], row[first], number[first]
        start, end, quoted = start[kept], end[kept], quoted[kept]
        held = quoted | self.blanks
        changed = np.flatnonzero(_with_backslash(text, start, end) & held)
        span = Span(start + text.moved[row], end - start)
        placed = Placed(lines, row, number, name.names, span, quoted)
        if not len(changed) or not self.escaped:
            return placed
        plain = span.take(changed)
        codes = "".join(f"\\x{code:02x}" for code in self.escaped.encode())
        texts = lines.text(plain.start, plain.length).str.replace_all(rf"\\([{codes}])", "$1")
        return placed.changed(changed, texts)


class _Marks:
    """The bytes of a text that mean something, and which of these may be pairs' equals signs."""

    def __init__(self, pairs: Pairs, text: Parts) -> None:
        self.text = text
        separators = (*pairs.separators.encode(), _FEED)
        quotes = b"" if pairs.blanks else pairs.quotes.encode()
        equals = ord(pairs.equals)
        found = text.bytes == equals
        for code in (*separators, *quotes):
            found |= text.bytes == code
        at = np.flatnonzero(found)
        kind = text.bytes[at]
        if (quotes or pairs.blanks) and (escaped := text.escaped(at)) is not None:
            # Only a separator cannot be escaped.
            kept = ~escaped | np.isin(kind, separators)
            at, kind = at[kept], kind[kept]
        self.at, self.kind = at, kind
        separating = kind == _FEED
        for code in separators[:-1]:
            separating |= kind == code
        self.separating = separating
        self.last = np.searchsorted(at, text.ends)
        """Each line's end among the marks."""
        pair = kind == equals
        pair[1:] &= separating[:-1]
        self.pair = np.flatnonzero(pair)
        start, end = at[self.pair - 1] + 1, at[self.pair]
        if pair[:1].any():
            start[0] = 0
        if " " not in pairs.separators:
            start, end = trimmed(text.bytes, start, end, np.ones(len(start), bool))
        self.key = Span(start, end - start)
        counts = np.diff(np.searchsorted(self.pair, self.last), prepend=0)
        self.row = np.repeat(np.arange(len(counts)), counts)

    def keep(self, wanted: Mask) -> None:
        """Only these pairs are some."""
        if not wanted.all():
            self.pair, self.row = self.pair[wanted], self.row[wanted]
            self.key = self.key.take(np.flatnonzero(wanted))

    def next(self, wanted: Mask) -> Ints:
        """For each mark, and for the end, the first of those wanted from it on."""
        number = np.where(wanted, np.arange(len(wanted)), len(wanted))
        result = np.empty(len(wanted) + 1, np.int64)
        result[-1] = len(wanted)
        result[:-1] = np.minimum.accumulate(number[::-1])[::-1]
        return result


def _quoted(pairs: Pairs, marks: _Marks) -> tuple[Ints, Ints, Mask, Mask]:
    """Where values start and end, which are quoted, and which pairs are not inside of others."""
    text, at, pair = marks.text, marks.at, marks.pair
    last = marks.next(marks.separating)[pair + 1]
    start = at[pair] + 1
    quoted = np.zeros(len(pair), bool)
    first = text.lines.byte(start)
    behind = np.zeros(256, bool)
    behind[[*_BEHIND, *pairs.separators.encode()]] = True
    for quote in pairs.quotes.encode():
        rows = np.flatnonzero(first == quote)
        if not len(rows):
            continue
        places = np.flatnonzero(marks.kind == quote)
        closes = np.zeros(len(at), bool)
        closes[places] = behind[text.lines.byte(at[places] + 1)]
        closing = marks.next(closes)[pair[rows] + 2]
        last[rows] = np.minimum(closing, marks.last[marks.row[rows]])
        start[rows] += 1
        quoted[rows] = True
    end = at[last]
    # How many pairs begin before the end of each.
    before = np.zeros(len(at) + 1, np.int64)
    before[pair + 1] = 1
    following = np.cumsum(before)[last]
    return start, end, quoted, _reached(following)


def _reached(following: Ints) -> Mask:
    """Which numbers are come to from 0, where each says which number follows it, a higher one."""
    count = len(following)
    furthest = np.zeros(count + 1, np.int64)
    np.maximum.accumulate(following, out=furthest[1:])
    number = np.arange(count + 1)
    # What nobody goes over is come to in any case.
    sure = furthest <= number
    doubt = np.flatnonzero(~sure)
    if len(doubt):
        breaks = np.flatnonzero(np.diff(doubt) > 1)
        longest = np.diff(np.concatenate([[-1], breaks, [len(doubt) - 1]])).max()
        steps = int(longest).bit_length() + 1
        onward = np.append(following, count)
        group = np.union1d(doubt, doubt[sure[doubt - 1]] - 1)
        _follow(sure, onward, group, steps)
    return sure[:-1]


def _follow(reached: Mask, onward: Ints, group: Ints, steps: int) -> None:
    """Mark what is come to from what is marked: in each step twice as far, among a group."""
    place = np.zeros(len(onward), np.int64)
    place[group] = np.arange(len(group))
    inside = np.zeros(len(onward), bool)
    inside[group] = True
    # Within the group; who leaves it stays, as all outside are marked.
    goes = onward[group]
    jump = np.where(inside[goes], place[goes], np.arange(len(group)))
    marked = reached[group]
    for _ in range(steps):
        marked[jump[marked]] = True
        jump = jump[jump]
    reached[group] = marked


def _to_next(marks: _Marks) -> tuple[Ints, Ints, Mask]:
    """Where values with blanks start and end: before the next pair's name, or with the line."""
    at, pair = marks.at, marks.pair
    last = marks.last[marks.row]
    same = np.flatnonzero(marks.row[1:] == marks.row[:-1])
    last[same] = pair[same + 1] - 1
    # Of separators in a row the first, of those that stand first the last.
    number = np.arange(len(at))
    alone = np.ones(len(at), bool)
    alone[1:] = ~(marks.separating[1:] & marks.separating[:-1] & (at[1:] == at[:-1] + 1))
    first = np.maximum.accumulate(np.where(alone, number, 0))
    end = at[first[last]]
    start = at[pair] + 1
    led = np.flatnonzero(marks.separating[np.minimum(pair + 1, len(at) - 1)] & (
        at[np.minimum(pair + 1, len(at) - 1)] == start))  # fmt: skip
    if len(led):
        final = marks.next(np.append(alone[1:], True))[pair[led] + 1]
        start[led] = at[final] + 1
    return start, np.maximum(end, start), np.zeros(len(pair), bool)


def _with_backslash(text: Parts, start: Ints, end: Ints) -> Mask:
    """In which values there is one; they stand one behind the other."""
    found = np.zeros(len(start), bool)
    back = text.back
    if len(back) and len(start):
        value = np.searchsorted(start, back, "right") - 1
        found[value[(value >= 0) & (back < end[value])]] = True
    return found


def _codes(text: str) -> Sequence[int]:
    return [*text.encode()]
