"""What is known of a batch of messages while templates are matched to it, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from siemstress.sources.lines import Ints, Lines, Mask

Numbers = npt.NDArray[np.int16]
Depths = npt.NDArray[np.int8]

_BLANK = 32
_HYPHEN = 45  # alone it stands for nothing
_MOST_BLANKS = 32
_ALL = np.int8(127)


@dataclass(frozen=True)
class Step:
    """Captures: rows, where they stand, and edges' numbers, or the number of the one edge."""

    rows: Ints
    start: Ints
    length: Ints
    edge: Numbers | int


@dataclass(frozen=True)
class Captures:
    """What matched: each row's pattern (0: none), and the captures of the rows that matched."""

    which: Numbers
    steps: list[Step]


@dataclass
class _Walk:
    """The steps of one way down the tree, and to which depth they count for each row."""

    steps: list[tuple[int, Step]]
    until: Depths


class State:
    """A batch under way: `which` is each row's pattern, 0 while there is none.

    Where a node had more than one edge to choose from, the last such choice is remembered, so
    that a row which comes to a dead end can go back to it.
    """

    def __init__(self, lines: Lines, start: Ints, end: Ints) -> None:
        self.lines = lines
        self.start = start
        self.end = end
        self.which = np.zeros(len(start), np.int16)
        self._walks: list[_Walk] = []
        self._node = np.zeros(len(start), np.int16)
        self._at = np.zeros(len(start), np.int64)
        self._place = np.full(len(start), -1, np.int8)
        self._depth = np.zeros(len(start), np.int8)

    def remember(
        self, rows: Ints, node: Numbers, at: Ints, place: Depths, depth: int | Depths
    ) -> None:
        """There were more edges behind `place` for these rows."""
        self._node[rows], self._at[rows], self._place[rows] = node, at, place
        self._depth[rows] = depth

    def forget(self, rows: Ints) -> None:
        """These rows have no other choice left."""
        self._place[rows] = -1

    def finish_walk(self, rows: Ints, steps: list[tuple[int, Step]]) -> Ints:
        """Keep a walk's steps; returns the rows that failed and have a choice to go back to."""
        until = np.zeros(len(self.which), np.int8)
        until[rows[self.which[rows] > 0]] = _ALL
        failed = rows[self.which[rows] == 0]
        can = self._place[failed] >= 0
        back: Ints = failed[can]
        lost = failed[~can]
        until[back] = self._depth[back]
        for walk in self._walks:
            walk.until[lost] = 0
        self._walks.append(_Walk(steps, until))
        return back

    def choices(self, rows: Ints) -> tuple[Numbers, Ints, Depths, Depths]:
        """Where rows can go back to: nodes, places in the text, edges to skip, depths."""
        node, at = self._node[rows], self._at[rows]
        skip, depth = self._place[rows] + np.int8(1), self._depth[rows]
        return node, at, skip, depth

    def captures(self, loose: Mask) -> Captures:
        """What has been found; `loose` says by edge which captures may hold blanks."""
        steps = []
        for walk in self._walks:
            for depth, step in walk.steps:
                start, length = self._trimmed(step, loose)
                kept = (walk.until[step.rows] > depth) & (length > 0)
                single = np.flatnonzero(length == 1)
                if len(single):
                    kept[single] &= self.lines.byte(start[single]) != _HYPHEN
                edge = step.edge
                if kept.all():
                    steps.append(Step(step.rows, start, length, edge))
                elif kept.any():
                    edge = edge if isinstance(edge, int) else edge[kept]
                    steps.append(Step(step.rows[kept], start[kept], length[kept], edge))
        return Captures(self.which, steps)

    def _trimmed(self, step: Step, loose: Mask) -> tuple[Ints, Ints]:
        """Starts and lengths without the blanks in front of text that may hold blanks."""
        start, length = step.start, step.length
        if isinstance(step.edge, int):
            if not loose[step.edge]:
                return start, length
            led = np.flatnonzero(self.lines.byte(start) == _BLANK)
        else:
            led = np.flatnonzero(loose[step.edge] & (self.lines.byte(start) == _BLANK))
        if len(led):
            start, length = start.copy(), length.copy()
        for _ in range(_MOST_BLANKS):
            led = led[(length[led] > 0) & (self.lines.byte(start[led]) == _BLANK)]
            if not len(led):
                break
            start[led] += 1
            length[led] -= 1
        return start, length
