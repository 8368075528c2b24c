"""Match templates to a batch of messages, all templates at once.

The batch comes sorted by program and by the first bytes of its messages, so that what begins
alike stands together. First every row gets the first template whose literal start it has; then
all rows go from one capture to the next in step, whatever their templates; what does not fit goes
on to its next template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.fields.tables import NUMBER_COLUMNS, Table
from siemstress.fields.templates import Template
from siemstress.sources.lines import Ints, Lines, Mask

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int16]

# How many of a message's first bytes its sort key is sure to hold.
KEY_BYTES = 6

_LOW_BYTES = np.array([(1 << (8 * i)) - 1 for i in range(9)], dtype=np.uint64)


@dataclass(frozen=True)
class Captures:
    """What matched: each row's pattern (0: none), and per step where its capture stands.

    `steps[k]` holds the rows whose pattern has a capture number k, with starts and lengths.
    """

    which: Numbers
    steps: list[tuple[Ints, Ints, Ints]]


@dataclass(frozen=True)
class _Program:
    """A program's patterns (numbers from 1), with the stretch of keys each one's start covers."""

    patterns: tuple[int, ...]
    low: Words
    high: Words


class Matcher:
    """Message tables made ready for matching; may be used by many threads at once."""

    def __init__(self, tables: Sequence[Table]) -> None:
        of_program: dict[str, list[int]] = {}
        self.templates: list[Template] = []
        for table in tables:
            first = len(self.templates) + 1
            self.templates += [pattern.template() for pattern in table.patterns]
            for program in table.programs:
                of_program.setdefault(program, []).extend(range(first, len(self.templates) + 1))
        self.programs = sorted(of_program)
        self._programs = [self._stretches(of_program[name]) for name in self.programs]
        self._lay_out()

    def _stretches(self, patterns: list[int]) -> _Program:
        heads = [self.templates[p - 1].starts.encode()[:KEY_BYTES] for p in patterns]
        low = [int.from_bytes(head.ljust(8, b"\0"), "big") for head in heads]
        high = [int.from_bytes(head.ljust(8, b"\xff"), "big") for head in heads]
        return _Program(tuple(patterns), np.array(low, np.uint64), np.array(high, np.uint64))

    def _lay_out(self) -> None:
        """Put the templates into tables that are indexed by pattern and step."""
        count = len(self.templates) + 1
        self.depth = max((len(t.captures) for t in self.templates), default=0)
        # What to search for behind a capture, as a number into `searches`; -1: the end; -2: no
        # such capture.
        self._search = np.full((self.depth + 1, count), -2, np.int16)
        self._searches: list[str] = []
        self._wordly = np.zeros((self.depth + 1, count), bool)
        self._number = np.zeros((self.depth + 1, count), bool)
        literals: list[list[bytes]] = [[b""] * count for _ in range(self.depth + 1)]
        known: dict[str, int] = {}
        for number, template in enumerate(self.templates, 1):
            literals[0][number] = template.starts.encode()
            for step, capture in enumerate(template.captures):
                literals[step + 1][number] = capture.behind.encode()
                # A word ends at the first blank; if that is not where the literal stands, the
                # template does not fit.
                blank = capture.behind[:1] == " " and not capture.any_text
                sought = " " if blank else capture.behind
                self._search[step, number] = known.setdefault(sought, len(known)) if sought else -1
                self._wordly[step, number] = not capture.any_text and not blank
                self._number[step, number] = capture.name in NUMBER_COLUMNS
        self._searches = list(known)
        self._literals = [_Literals(of_step) for of_step in literals]

    def match(self, lines: Lines, start: Ints, length: Ints, key: Words, first: Ints) -> Captures:
        """Match a batch that is sorted by program and, within, by key.

        `start` and `length` say where in `lines` the messages stand, `key` begins with the
        first KEY_BYTES bytes of each as a big-endian number; program number p (into `programs`) has the rows from
        first[p] up to first[p + 1].
        """
        which = np.zeros(len(start), np.int16)
        state = _State(lines, start, start + length, which)
        candidates = self._candidates(key, first)
        for turn in candidates:
            self._turn(state, turn)
        self._read_again(state, candidates)
        return Captures(which, state.steps)

    def _candidates(self, key: Words, first: Ints) -> list[list[tuple[int, int, int]]]:
        """Turns of (pattern, row, end row): stretches of rows to try a pattern on.

        In one turn stretches do not overlap, so that a turn handles all of them at once.
        """
        turns: list[list[tuple[int, int, int]]] = []
        for number, program in enumerate(self._programs):
            begin, end = int(first[number]), int(first[number + 1])
            if begin == end:
                continue
            keys = key[begin:end]
            lows = begin + np.searchsorted(keys, program.low, "left")
            highs = begin + np.searchsorted(keys, program.high, "right")
            busy: list[list[tuple[int, int]]] = []
            for pattern, low, high in zip(program.patterns, lows, highs, strict=True):
                if low == high:
                    continue
                turn = _last_overlap(busy, int(low), int(high)) + 1
                if turn == len(busy):
                    busy.append([])
                if turn == len(turns):
                    turns.append([])
                busy[turn].append((int(low), int(high)))
                turns[turn].append((pattern, int(low), int(high)))
        return turns

    def _turn(self, state: _State, turn: list[tuple[int, int, int]]) -> None:
        rows, pattern = self._open(state, turn)
        if not len(rows):
            return
        at = state.start[rows]
        fits = self._literals[0].stand_at(state.lines, at, state.end[rows], pattern)
        rows, pattern = rows[fits], pattern[fits]
        at = at[fits] + self._literals[0].size[pattern]
        self._walk(state, rows, pattern, at)

    def _open(self, state: _State, turn: list[tuple[int, int, int]]) -> tuple[Ints, Numbers]:
        """The rows of a turn that nothing has matched yet, and the pattern to try on each."""
        rows = np.concatenate([np.arange(low, high) for _, low, high in turn])
        pattern = np.repeat(
            np.array([p for p, _, _ in turn], np.int16), [high - low for _, low, high in turn]
        )
        todo = state.which[rows] == 0
        if todo.all():
            return rows, pattern
        return rows[todo], pattern[todo]

    def _walk(self, state: _State, rows: Ints, pattern: Numbers, at: Ints) -> None:
        """Go from capture to capture; rows that reach their end are matched."""
        found: list[tuple[Ints, Ints, Ints]] = []
        finished = _Finished()
        for step in range(self.depth + 1):
            search = self._search[step][pattern]
            done = search == -2
            if done.any():
                over = done & (at == state.end[rows])
                finished.add(rows[over], pattern[over])
                keep = ~done
                rows, pattern, at, search = rows[keep], pattern[keep], at[keep], search[keep]
            if not len(rows):
                break
            length = self._find(state, rows, search, at)
            fits = length >= 0
            fits &= self._check(state, step, rows, pattern, at, length)
            size = self._literals[step + 1].size[pattern]
            behind = at + length
            fits &= self._literals[step + 1].stand_at(state.lines, behind, state.end[rows], pattern)
            if not fits.all():
                rows, pattern, at = rows[fits], pattern[fits], at[fits]
                length, behind, size = length[fits], behind[fits], size[fits]
            found.append((rows, at, length))
            at = behind + size
        rows, pattern = finished.all()
        state.which[rows] = pattern
        state.add(found)

    def _find(self, state: _State, rows: Ints, search: Numbers, at: Ints) -> Ints:
        """How long each row's capture is; -1 where what must follow is not there."""
        length = np.full(len(rows), -1, np.int64)
        for number in np.flatnonzero(np.bincount(search + 1)) - 1:
            of_search = slice(None) if (search == number).all() else search == number
            begin, end = at[of_search], state.end[rows[of_search]]
            if number < 0:
                length[of_search] = end - begin
            else:
                length[of_search] = state.lines.find(begin, end, self._searches[number])
        return length

    def _check(
        self, state: _State, step: int, rows: Ints, pattern: Numbers, at: Ints, length: Ints
    ) -> Mask:
        """Whether words hold no blank and numbers are numbers."""
        fits = np.ones(len(rows), bool)
        words = np.flatnonzero(self._wordly[step][pattern] & (length > 0))
        if len(words):
            begin = at[words]
            fits[words] = state.lines.find(begin, begin + length[words], " ") < 0
        numbers = np.flatnonzero(self._number[step][pattern])
        if len(numbers):
            value = state.lines.number(at[numbers], length[numbers])
            fits[numbers] &= (value >= 0) & (value <= 65_535)
        return fits

    def _read_again(self, state: _State, candidates: list[list[tuple[int, int, int]]]) -> None:
        """Read what no template fitted once more, with the user name as long as possible."""
        for turn in candidates:
            for number, low, high in turn:
                template = self.templates[number - 1]
                if not any(c.name == "user_name" for c in template.captures):
                    continue
                rows = np.flatnonzero(state.which[low:high] == 0) + low
                if len(rows):
                    _by_regex(state, rows, number, template)


class _State:
    """A batch under way."""

    def __init__(self, lines: Lines, start: Ints, end: Ints, which: Numbers) -> None:
        self.lines = lines
        self.start = start
        self.end = end
        self.which = which
        self.steps: list[tuple[Ints, Ints, Ints]] = []

    def add(self, found: list[tuple[Ints, Ints, Ints]]) -> None:
        """Keep the captures, step by step, of the rows that have just matched."""
        for step, (rows, at, length) in enumerate(found):
            kept = self.which[rows] > 0
            part = (rows[kept], at[kept], length[kept])
            if step == len(self.steps):
                self.steps.append(part)
            else:
                old, new = self.steps[step], part
                self.steps[step] = (
                    np.concatenate((old[0], new[0])),
                    np.concatenate((old[1], new[1])),
                    np.concatenate((old[2], new[2])),
                )


class _Finished:
    """Rows that came to their template's end."""

    def __init__(self) -> None:
        self._rows: list[Ints] = []
        self._patterns: list[Numbers] = []

    def add(self, rows: Ints, patterns: Numbers) -> None:
        self._rows.append(rows)
        self._patterns.append(patterns)

    def all(self) -> tuple[Ints, Numbers]:
        if not self._rows:
            return np.empty(0, np.int64), np.empty(0, np.int16)
        return np.concatenate(self._rows), np.concatenate(self._patterns)


class _Literals:
    """One literal a pattern, compared 8 bytes at a time."""

    def __init__(self, texts: list[bytes]) -> None:
        self.size = np.array([len(text) for text in texts], np.int64)
        self._words: list[Words] = []
        self._masks: list[Words] = []
        for at in range(0, max(map(len, texts)), 8):
            part = [text[at : at + 8] for text in texts]
            self._words.append(
                np.array([int.from_bytes(p.ljust(8, b"\0"), "little") for p in part], np.uint64)
            )
            self._masks.append(_LOW_BYTES[[len(p) for p in part]])

    def stand_at(self, lines: Lines, at: Ints, ends: Ints, pattern: Numbers) -> Mask:
        """Where each row's pattern has its literal at `at`."""
        fits: Mask = at + self.size[pattern] <= ends
        for number, (words, masks) in enumerate(zip(self._words, self._masks, strict=True)):
            mask = masks[pattern]
            if number and not mask.any():
                break
            # Past the end nothing is compared: rows without room have failed already.
            place = np.where(fits, at + 8 * number, 0)
            place[mask == 0] = 0
            fits &= ((lines.words[place] ^ words[pattern]) & mask) == 0
        return fits


def _last_overlap(turns: list[list[tuple[int, int]]], low: int, high: int) -> int:
    """The last turn that has a stretch in common with low..high; -1: none."""
    for number in range(len(turns) - 1, -1, -1):
        if any(a < high and low < b for a, b in turns[number]):
            return number
    return -1


def _by_regex(state: _State, rows: Ints, number: int, template: Template) -> None:
    """Match a template's regex; where the captures stand follows from their lengths."""
    text = state.lines.text(state.start[rows], state.end[rows] - state.start[rows])
    groups = text.str.extract_groups(template.regex).struct.unnest()
    sizes = [groups[name].str.len_bytes().cast(pl.Int64) for name in groups.columns]
    matched = sizes[0].is_not_null().to_numpy()
    if not matched.any():
        return
    rows = rows[matched]
    at = state.start[rows] + len(template.starts.encode())
    found = []
    fits = np.ones(len(rows), bool)
    for capture, size in zip(template.captures, sizes, strict=True):
        length = size.to_numpy()[matched].astype(np.int64)
        if capture.name in NUMBER_COLUMNS:
            value = state.lines.number(at, length)
            fits &= (value >= 0) & (value <= 65_535)
        found.append((rows, at, length))
        at = at + length + len(capture.behind.encode())
    state.which[rows[fits]] = number
    state.add(found)
