"""Match templates to a batch of messages, all templates at once.

The batch comes sorted by program and by the first bytes of its messages, so that what begins
alike stands together. Every row gets the longest literal start that it has; then all rows go
down the tree of templates in step, a capture at a time. What does not come to an end goes on with
its next shorter start.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from siemstress.fields.again import Again
from siemstress.fields.captures import Captures, State
from siemstress.fields.tables import Table
from siemstress.fields.templates import Template
from siemstress.fields.tree import Tree
from siemstress.fields.walk import Walker
from siemstress.sources.lines import Ints, Lines, Words

Numbers = npt.NDArray[np.int16]

# How many of a message's first bytes its sort key is sure to hold.
KEY_BYTES = 6


@dataclass(frozen=True)
class _Starts:
    """A program's literal starts, longest first: stretches of keys, numbers and first nodes.

    `again` has the patterns that are read by their regex.
    """

    low: Words
    high: Words
    first: int
    nodes: Numbers
    again: Again


class Matcher:
    """Message tables made ready for matching; may be used by many threads at once.

    `programs` are the programs' names, `templates` all templates in the order of the patterns,
    `names` the capture's name of each edge.
    """

    def __init__(
        self, tables: Sequence[Table], programs: Sequence[str], wanted: Container[str]
    ) -> None:
        """`programs` are names in the order of their numbers; only those `wanted` are known."""
        of_program: dict[str, list[int]] = {}
        self.templates: list[Template] = []
        for table in tables:
            first = len(self.templates) + 1
            self.templates += [pattern.template() for pattern in table.patterns]
            for program in table.programs:
                if program in wanted:
                    of_program.setdefault(program, []).extend(range(first, len(self.templates) + 1))
        self.programs = programs
        self._tree = Tree()
        self._texts: list[bytes] = []
        # Programs that say the same share their part of the tree.
        known: dict[tuple[int, ...], _Starts] = {}
        numbers = [of_program.get(name, []) for name in self.programs]
        for patterns in numbers:
            if tuple(patterns) not in known:
                known[tuple(patterns)] = self._add(patterns)
        self._starts = [known[tuple(patterns)] for patterns in numbers]
        self._tree.finish()
        self.names = self._tree.names
        self._walker = Walker(self._tree)
        self._loose = np.array(self._tree.loose, bool)

    def _add(self, patterns: list[int]) -> _Starts:
        known = [(p, self.templates[p - 1]) for p in patterns]
        roots = self._tree.add([(p, t) for p, t in known if not t.pieces])
        self._tree.add_apart([(p, t) for p, t in known if t.pieces])
        heads = [start.encode()[:KEY_BYTES] for start, _ in roots]
        low = [int.from_bytes(head.ljust(8, b"\0"), "big") for head in heads]
        high = [int.from_bytes(head.ljust(8, b"\xff"), "big") for head in heads]
        first = len(self._texts)
        self._texts += [start.encode() for start, _ in roots]
        nodes = np.array([node for _, node in roots], np.int16)
        again = Again([(p, t) for p, t in known if t.read_again], self._tree)
        return _Starts(np.array(low, np.uint64), np.array(high, np.uint64), first, nodes, again)

    def match(self, lines: Lines, start: Ints, length: Ints, key: Words, first: Ints) -> Captures:
        """Match a batch that is sorted by program and, within, by key.

        `start` and `length` say where in `lines` the messages stand; `key` begins with the first
        KEY_BYTES bytes of each, as a big-endian number; program number p (into `programs`) has
        the rows from first[p] up to first[p + 1].
        """
        state = State(lines, start, start + length)
        turns = self._turns(key, first)
        tried = np.zeros(len(start), np.int16)
        while True:
            rows, node, at = self._next_start(state, turns, tried)
            if not len(rows):
                break
            self._walker.walk(state, rows, node, at)
        self._read_again(state, first)
        return state.captures(self._loose)

    def _turns(self, key: Words, first: Ints) -> list[list[_Stretch]]:
        """Stretches of rows that may have a start; those of one turn do not overlap."""
        turns: list[list[_Stretch]] = []
        for number, starts in enumerate(self._starts):
            begin, end = int(first[number]), int(first[number + 1])
            if begin == end:
                continue
            keys = key[begin:end]
            lows = (begin + np.searchsorted(keys, starts.low, "left")).tolist()
            highs = (begin + np.searchsorted(keys, starts.high, "right")).tolist()
            for place, (low, high) in enumerate(zip(lows, highs, strict=True)):
                if low == high:
                    continue
                stretch = _Stretch(low, high, starts.first + place, int(starts.nodes[place]))
                turn = _behind(turns, stretch)
                if turn == len(turns):
                    turns.append([])
                turns[turn].append(stretch)
        return turns

    def _next_start(
        self, state: State, turns: list[list[_Stretch]], tried: Numbers
    ) -> tuple[Ints, Numbers, Ints]:
        """For each row without a pattern the next start that it has: rows, nodes, where it ends.

        `tried` counts the turns that are behind each row, and is moved on.
        """
        found: list[tuple[Ints, Numbers, Ints]] = []
        for number, turn in enumerate(turns):
            for stretch in turn:
                part = slice(stretch.low, stretch.high)
                todo = (tried[part] <= number) & (state.which[part] == 0)
                if not todo.any():
                    continue
                rows = np.flatnonzero(todo) + stretch.low
                text = self._texts[stretch.literal]
                at = state.start[rows]
                has = state.lines.stands(at, state.end[rows], text)
                if not has.all():
                    rows, at = rows[has], at[has]
                tried[rows] = number + 1
                # A row takes part once a round: until then it waits behind this turn.
                state.which[rows] = _UNDER_WAY
                node = np.full(len(rows), stretch.node, np.int16)
                found.append((rows, node, at + len(text)))
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int16), np.empty(0, np.int64)
        rows, node, at = (np.concatenate(part) for part in zip(*found, strict=True))
        state.which[rows] = 0
        return rows, node, at

    def _read_again(self, state: State, first: Ints) -> None:
        """Read what no template fitted once more, with user names as long as possible."""
        for program, starts in enumerate(self._starts):
            begin, end = int(first[program]), int(first[program + 1])
            if begin == end or state.which[begin:end].all():
                continue
            rows = np.flatnonzero(state.which[begin:end] == 0) + begin
            starts.again.read(state, rows)


_UNDER_WAY = np.int16(-1)


@dataclass(frozen=True)
class _Stretch:
    """Rows whose key allows a literal start (number `literal`), and the node behind it."""

    low: int
    high: int
    literal: int
    node: int

    def meets(self, other: _Stretch) -> bool:
        """Whether the two have rows in common."""
        return self.low < other.high and other.low < self.high


def _behind(turns: list[list[_Stretch]], stretch: _Stretch) -> int:
    """The turn after the last one that has rows in common with a stretch."""
    for number in range(len(turns) - 1, -1, -1):
        if any(stretch.meets(other) for other in turns[number]):
            return number + 1
    return 0
