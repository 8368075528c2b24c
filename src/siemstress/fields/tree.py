"""Templates as one tree a program, laid out in tables that numpy can index.

Templates that begin alike share their way: a node stands behind literal text, its edges are the
captures that may follow, each with the literal behind it. Edges of a node are in the order of the
templates that brought them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from siemstress.fields.tables import NUMBER_COLUMNS
from siemstress.fields.templates import Capture, Template
from siemstress.sources.lines import LOW_BYTES, Ints, Lines, Mask, Words

Numbers = npt.NDArray[np.int16]

NO_EDGE = -2
TO_END = -1


@dataclass
class _Node:
    number: int
    pattern: int = 0
    edges: list[tuple[Capture, _Node]] = field(default_factory=list)


@dataclass(frozen=True)
class Edge:
    """An edge by itself, for nodes at which many rows are.

    `search` is what to search for (None: `behind` ends the message), `behind` the literal, also
    as `words` of 8 bytes with masks and offsets; `kept` says whether the capture has a name.
    """

    place: int
    number: int
    child: int
    search: str | None
    behind: bytes
    words: tuple[tuple[np.uint64, np.uint64, int], ...]
    word: bool
    is_number: bool
    kept: bool


class Tree:
    """The nodes of all programs' templates, and tables over them.

    The tables have a row for each place an edge can have in its node and a column for each node:
    `search` is what ends the capture, as a number into `searches` (TO_END: the literal that
    ends the message; NO_EDGE), `child` the node it leads to, `edge` the edge's number; `word` and
    `number` say what the capture must be, `more` whether the node has edges behind this one.
    By edge, `names` are the captures' names and `loose` says which may hold blanks.
    `pattern` is the pattern (from 1) that is matched when a message ends at a node, or 0.
    """

    def __init__(self) -> None:
        self._nodes = [_Node(0)]
        self._paths: dict[int, list[tuple[int, Capture]]] = {}
        self._apart: dict[int, list[int]] = {}
        self.names: list[str] = []
        self.loose: list[bool] = []

    def add(self, templates: Sequence[tuple[int, Template]]) -> list[tuple[str, int]]:
        """Add a program's templates (number, template); returns their starts and first nodes."""
        roots: dict[str, _Node] = {}
        for number, template in templates:
            node = roots.get(template.starts)
            if node is None:
                node = roots[template.starts] = self._new()
            path = self._paths[number] = []
            for capture in template.captures:
                path.append((node.number, capture))
                node = self._follow(node, capture)
            node.pattern = node.pattern or number
        # What begins longer is more to the point and is tried first.
        ordered = sorted(roots, key=len, reverse=True)
        return [(start, roots[start].number) for start in ordered]

    def add_apart(self, templates: Sequence[tuple[int, Template]]) -> None:
        """Give names to the parts of templates (number, template) that have no way in the tree."""
        known: dict[tuple[str, bool], int] = {}
        for number, template in templates:
            parts = [(capture.name, capture.any_text) for capture in template.captures]
            for part in parts:
                if part not in known:
                    known[part] = len(self.names)
                    self.names.append(part[0])
                    self.loose.append(part[1])
            self._apart[number] = [known[part] for part in parts]

    def _new(self) -> _Node:
        self._nodes.append(_Node(len(self._nodes)))
        return self._nodes[-1]

    def _follow(self, node: _Node, capture: Capture) -> _Node:
        for known, child in node.edges:
            if known == capture:
                return child
        child = self._new()
        node.edges.append((capture, child))
        return child

    def path(self, number: int) -> list[int]:
        """The edges on a pattern's way through the tree, or what stands for them."""
        if number in self._apart:
            return self._apart[number]
        edges = []
        for node, capture in self._paths[number]:
            place = [known for known, _ in self._nodes[node].edges].index(capture)
            edges.append(int(self.edge[place, node]))
        return edges

    def finish(self) -> None:
        """Lay out the tables; nothing can be added afterwards."""
        places = max((len(node.edges) for node in self._nodes), default=0)
        shape = (places, len(self._nodes))
        self.search = np.full(shape, NO_EDGE, np.int16)
        self.child = np.zeros(shape, np.int16)
        self.edge = np.zeros(shape, np.int16)
        self.word = np.zeros(shape, bool)
        self.number = np.zeros(shape, bool)
        self.more = np.zeros(shape, bool)
        self.pattern = np.array([node.pattern for node in self._nodes], np.int16)
        self.leaf = np.array([not node.edges for node in self._nodes], bool)
        behind: list[dict[int, bytes]] = [{} for _ in range(places)]
        known: dict[str, int] = {}
        for node in self._nodes:
            node.edges = _longer_first(node.edges)
            for place, (capture, child) in enumerate(node.edges):
                # A word ends at the first blank; if that is not where the literal stands, the
                # template does not fit. A literal that ends the message is looked for there.
                last = not child.edges
                blank = capture.behind[:1] == " " and not capture.any_text and not last
                sought = " " if blank else capture.behind
                at = (place, node.number)
                self.search[at] = TO_END if last else known.setdefault(sought, len(known))
                self.child[at] = child.number
                self.edge[at] = len(self.names)
                self.word[at] = not capture.any_text and not blank
                self.more[at] = place + 1 < len(node.edges)
                self.number[at] = capture.name in NUMBER_COLUMNS
                behind[place][node.number] = capture.behind.encode()
                self.names.append(capture.name)
                self.loose.append(capture.any_text)
        self.searches = list(known)
        self.behind = [Literals(len(self._nodes), texts) for texts in behind]
        self._edges: dict[int, list[Edge]] = {}

    def edges(self, node: int) -> list[Edge]:
        """A node's edges; made when they are first asked for."""
        known = self._edges.get(node)
        if known is None:
            count = len(self._nodes[node].edges)
            known = [self._edge(self._nodes[node], place) for place in range(count)]
            self._edges[node] = known
        return known

    def _edge(self, node: _Node, place: int) -> Edge:
        capture, child = node.edges[place]
        at = (place, node.number)
        search = int(self.search[at])
        behind = capture.behind.encode()
        return Edge(
            place=place,
            number=int(self.edge[at]),
            child=child.number,
            search=None if search == TO_END else self.searches[search],
            behind=behind,
            words=tuple(_words(behind)),
            word=bool(self.word[at]),
            is_number=bool(self.number[at]),
            kept=not capture.name.startswith("_"),
        )


def _words(text: bytes) -> Iterator[tuple[np.uint64, np.uint64, int]]:
    """A text as little-endian words of 8 bytes, each with a mask of the bytes that count."""
    for at in range(0, len(text), 8):
        part = text[at : at + 8]
        word = int.from_bytes(part.ljust(8, b"\0"), "little")
        yield np.uint64(word), LOW_BYTES[len(part)], at


def _longer_first(edges: list[tuple[Capture, _Node]]) -> list[tuple[Capture, _Node]]:
    """Edges in their order, but with a literal before those that it begins with."""
    ordered: list[tuple[Capture, _Node]] = []
    for edge in edges:
        places = (i for i, (c, _) in enumerate(ordered) if _is_more(edge[0].behind, c.behind))
        ordered.insert(next(places, len(ordered)), edge)
    return ordered


def _is_more(literal: str, other: str) -> bool:
    return literal != other and literal.startswith(other)


class Literals:
    """Literal texts by number, compared with what stands in lines 8 bytes at a time."""

    def __init__(self, count: int, texts: Mapping[int, bytes]) -> None:
        """There are `count` numbers; those that are not in `texts` have an empty text."""
        self.size = np.zeros(count, np.int64)
        steps = -(-max(map(len, texts.values()), default=0) // 8)
        self._words: list[Words] = [np.zeros(count, np.uint64) for _ in range(steps)]
        self._masks: list[Words] = [np.zeros(count, np.uint64) for _ in range(steps)]
        if not steps:
            return
        numbers = np.fromiter(texts, np.int64, len(texts))
        sizes = np.fromiter(map(len, texts.values()), np.int64, len(texts))
        padded = np.array(list(texts.values()), f"S{steps * 8}").view("<u8").reshape(-1, steps)
        self.size[numbers] = sizes
        for step in range(steps):
            self._words[step][numbers] = padded[:, step]
            self._masks[step][numbers] = LOW_BYTES[np.clip(sizes - 8 * step, 0, 8)]

    def stand_at(self, lines: Lines, at: Ints, ends: Ints, number: Numbers) -> Mask:
        """Whether text number `number` stands at `at` and ends not later than `ends`."""
        size = self.size[number]
        fits: Mask = at + size <= ends
        for step, (words, masks) in enumerate(zip(self._words, self._masks, strict=True)):
            rows = slice(None) if step == 0 else np.flatnonzero(fits & (size > 8 * step))
            if step and not len(rows):  # type: ignore[arg-type]  # an array from step 1 on
                break
            which = number[rows]
            # Where there is no room the text behind the line is read, and does not count.
            place = np.minimum(at[rows] + 8 * step, ends[rows])
            fits[rows] &= (lines.words[place] ^ words[which]) & masks[which] == 0
        return fits
