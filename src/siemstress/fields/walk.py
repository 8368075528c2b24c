"""Go down a tree of templates with all messages of a batch at once.

Where many rows stand at one node, its edges are tried on all of them together. What is left is
taken along row by row in step, each at its own node: slower a row, but at no cost a node.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from siemstress.fields.captures import Depths, State, Step
from siemstress.fields.tree import NO_EDGE, TO_END, Edge, Tree
from siemstress.sources.lines import Ints, Lines, Mask

Numbers = npt.NDArray[np.int16]

# From so many rows on a node is worth a call of its own.
_MANY = 1_000


@dataclass(frozen=True)
class _Group:
    """Rows at one node, and where in their text they are."""

    node: int
    rows: Ints
    at: Ints
    depth: int


@dataclass
class _Pool:
    """Rows that wait to be taken along from a depth on, each at its own node."""

    _rows: list[Ints] = field(default_factory=list)
    _node: list[Numbers] = field(default_factory=list)
    _at: list[Ints] = field(default_factory=list)
    _skip: list[Depths] = field(default_factory=list)

    def add(self, rows: Ints, node: int, at: Ints, skip: int) -> None:
        """Add rows at a node of which the edges before `skip` have been tried."""
        self._rows.append(rows)
        self._node.append(np.full(len(rows), node, np.int16))
        self._at.append(at)
        self._skip.append(np.full(len(rows), skip, np.int8))

    def joined(
        self, rows: Ints, node: Numbers, at: Ints, skip: Depths
    ) -> tuple[Ints, Numbers, Ints, Depths]:
        """Other rows, and the pool's behind them."""
        return (
            np.concatenate([rows, *self._rows]),
            np.concatenate([node, *self._node]),
            np.concatenate([at, *self._at]),
            np.concatenate([skip, *self._skip]),
        )


def _pool(pools: list[_Pool], depth: int) -> _Pool:
    while len(pools) <= depth:
        pools.append(_Pool())
    return pools[depth]


class Walker:
    """Takes rows down a tree of templates."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def walk(self, state: State, rows: Ints, node: Numbers, at: Ints) -> None:
        """Go down the tree; rows whose message ends where a pattern does are matched.

        Rows that come to a dead end go back to where they last had a choice.
        """
        state.forget(rows)
        skip, depth = np.zeros(len(rows), np.int8), 0
        waiting = rows[:0]
        first = True
        while len(rows):
            back = self._descend(state, rows, node, at, skip, depth, first=first)
            first = False
            back = np.concatenate([back, waiting])
            node, at, skip, depths = state.choices(back)
            # One depth at a time, the deepest first: the others wait for their turn.
            depth = int(depths.max(initial=0))
            now = depths == depth
            waiting = back[~now]
            rows, node, at, skip = back[now], node[now], at[now], skip[now]
            state.forget(rows)

    def _descend(
        self, state: State, rows: Ints, node: Numbers, at: Ints, skip: Depths, depth: int,
        *, first: bool,
    ) -> Ints:  # fmt: skip
        """One way down the tree, leaving out a first node's edges before `skip`.

        Returns the rows that came to a dead end and have a choice to go back to.
        """
        steps: list[tuple[int, Step]] = []
        pools: list[_Pool] = []
        all_rows = rows
        if first:
            rows, node, at, skip = self._large(state, rows, node, at, steps, pools)
        while len(rows) or depth < len(pools):
            if depth < len(pools):
                rows, node, at, skip = pools[depth].joined(rows, node, at, skip)
            pattern = self.tree.pattern[node]
            over = (pattern > 0) & (at == state.end[rows])
            if over.any():
                state.which[rows[over]] = pattern[over]
            going = ~(over | self.tree.leaf[node])
            if not going.all():
                rows, node, at, skip = rows[going], node[going], at[going], skip[going]
            place, length, size = self._choose(state, rows, node, at, skip)
            done = place >= 0
            if not done.all():
                rows, at, node, length, place, size = (
                    rows[done], at[done], node[done], length[done], place[done], size[done]
                )  # fmt: skip
            more = self.tree.more[place, node]
            if more.any():
                state.remember(rows[more], node[more], at[more], place[more], depth)
            steps.append((depth, Step(rows, at, length, self.tree.edge[place, node])))
            at = at + length + size
            node = self.tree.child[place, node]
            skip = np.zeros(len(rows), np.int8)
            depth += 1
        return state.finish_walk(all_rows, steps)

    def _large(
        self, state: State, rows: Ints, node: Numbers, at: Ints,
        steps: list[tuple[int, Step]], pools: list[_Pool],
    ) -> tuple[Ints, Numbers, Ints, Depths]:  # fmt: skip
        """Take rows that are many at one node down the tree; returns those that are few."""
        cuts = np.flatnonzero(node[1:] != node[:-1]) + 1
        edges = [0, *cuts.tolist(), len(node)]
        few = np.ones(len(node), bool)
        for low, high in itertools.pairwise(edges):
            if high - low >= _MANY:
                few[low:high] = False
                group = _Group(int(node[low]), rows[low:high], at[low:high], 0)
                self._take_down(state, group, steps, pools)
        rows, node, at = rows[few], node[few], at[few]
        return rows, node, at, np.zeros(len(rows), np.int8)

    def _take_down(
        self, state: State, group: _Group, steps: list[tuple[int, Step]], pools: list[_Pool]
    ) -> None:
        """Take rows at one node down; where they become few they go into the pool of the depth."""
        rows, at, depth = group.rows, group.at, group.depth
        pattern = int(self.tree.pattern[group.node])
        if pattern:
            over = at == state.end[rows]
            state.which[rows[over]] = pattern
            rows, at = rows[~over], at[~over]
        found: dict[str, Ints] = {}
        edges = self.tree.edges(group.node)
        for edge in edges:
            if len(rows) < _MANY:
                _pool(pools, depth).add(rows, group.node, at, edge.place)
                return
            end = state.end[rows]
            if edge.search is None:
                length = end - at - len(edge.behind)
            else:
                if edge.search not in found:
                    found[edge.search] = state.lines.find(at, end, edge.search)
                length = found[edge.search]
            fits = _edge_fits(state.lines, edge, at, length, end)
            if fits.any():
                whole = bool(fits.all())
                hit, start, size = (
                    (rows, at, length) if whole else (rows[fits], at[fits], length[fits])
                )
                if edge is not edges[-1]:
                    places = np.full(len(hit), edge.place, np.int8)
                    nodes = np.full(len(hit), group.node, np.int16)
                    state.remember(hit, nodes, start, places, depth)
                if edge.kept:
                    steps.append((depth, Step(hit, start, size, edge.number)))
                behind = start + size + len(edge.behind)
                child = _Group(edge.child, hit, behind, depth + 1)
                if len(hit) >= _MANY:
                    self._take_down(state, child, steps, pools)
                else:
                    _pool(pools, depth + 1).add(hit, edge.child, behind, 0)
                if whole:
                    return
                rows, at = rows[~fits], at[~fits]
                found = {literal: length[~fits] for literal, length in found.items()}

    def _choose(
        self, state: State, rows: Ints, node: Numbers, at: Ints, skip: Depths
    ) -> tuple[Depths, Ints, Ints]:
        """The first edge of each row's node that fits: its place, or -1; lengths; what follows."""
        tree = self.tree
        count = len(rows)
        end = state.end[rows]
        length = np.zeros(count, np.int64)
        place = np.full(count, -1, np.int8)
        sought = np.full(count, NO_EDGE, np.int16)
        size = np.zeros(count, np.int64)
        todo = np.arange(count)
        for edge in range(len(tree.behind)):
            search = tree.search[edge][node[todo]]
            there = (search != NO_EDGE) & (place[todo] < 0)
            todo, search = todo[there], search[there]
            if not len(todo):
                break
            late = skip[todo] > edge
            turn, wanted = (todo[~late], search[~late]) if late.any() else (todo, search)
            # What ends a message is not searched for; where it stands depends on the edge.
            new = (sought[turn] != wanted) | (wanted == TO_END)
            self._find(state.lines, turn[new], wanted[new], at, end, length)
            last = turn[wanted == TO_END]
            length[last] -= tree.behind[edge].size[node[last]]
            sought[turn] = wanted
            fits = self._fits(state.lines, edge, node[turn], at[turn], length[turn], end[turn])
            hit = turn[fits]
            place[hit] = edge
            size[hit] = tree.behind[edge].size[node[hit]]
        return place, length, size

    def _find(
        self, lines: Lines, todo: Ints, search: Numbers, at: Ints, end: Ints, length: Ints
    ) -> None:
        """Set `length` of the rows `todo` to where what they search for stands, or to -1."""
        if not len(todo):
            return
        for number in np.flatnonzero(np.bincount(search + 1)) - 1:
            rows = todo[search == number]
            if number == TO_END:
                length[rows] = end[rows] - at[rows]
            else:
                length[rows] = lines.find(at[rows], end[rows], self.tree.searches[number])

    def _fits(
        self, lines: Lines, edge: int, node: Numbers, at: Ints, length: Ints, end: Ints
    ) -> Mask:
        """Whether captures are there, are what they must be, and have behind them what must be."""
        tree = self.tree
        fits: Mask = length >= 0
        literals = tree.behind[edge]
        fits &= literals.stand_at(lines, at + np.maximum(length, 0), end, node)
        words = np.flatnonzero(tree.word[edge][node] & fits & (length > 0))
        if len(words):
            begin = at[words]
            fits[words] = lines.find(begin, begin + length[words], " ") < 0
        numbers = np.flatnonzero(tree.number[edge][node] & fits)
        if len(numbers):
            value = lines.number(at[numbers], length[numbers])
            fits[numbers] = (value >= 0) & (value <= 65_535)
        return fits


def _edge_fits(lines: Lines, edge: Edge, at: Ints, length: Ints, end: Ints) -> Mask:
    """Whether one edge's capture is there, is what it must be, and has its literal behind it."""
    fits: Mask = length >= 0
    behind = at + length
    size = len(edge.behind)
    if edge.search is not None and size > len(edge.search):
        fits &= behind + size <= end
    if size and (edge.search is None or size > len(edge.search)):
        for word, mask, offset in edge.words:
            place = behind + offset if fits.all() else np.where(fits, behind + offset, 0)
            fits &= (lines.words[place] ^ word) & mask == 0
    if edge.word:
        some = np.flatnonzero(fits & (length > 0))
        begin = at[some]
        fits[some] = lines.find(begin, begin + length[some], " ") < 0
    if edge.is_number:
        some = np.flatnonzero(fits)
        value = lines.number(at[some], length[some])
        fits[some] = (value >= 0) & (value <= 65_535)
    return fits
