"""Match templates by their regexes: where no template fitted, and those that only a regex reads.

One pass over the messages finds all texts that the templates need, so that each regex sees only
messages that it may fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from siemstress.fields.captures import State, Step
from siemstress.fields.tables import NUMBER_COLUMNS
from siemstress.fields.templates import Piece, Template
from siemstress.fields.tree import Tree
from siemstress.sources.lines import Ints

# Shorter texts are in too many messages to tell them apart.
_SHORTEST = 3


class Again:
    """A program's templates that are read by their regexes, the longest start first."""

    def __init__(self, templates: Sequence[tuple[int, Template]], tree: Tree) -> None:
        """`templates` with their numbers; all of them are in the tree."""
        self._templates = sorted(templates, key=lambda item: -len(item[1].starts))
        self._tree = tree
        # In any case: those who need it in their own have it checked by their regex.
        needs = [tuple(text.lower() for text in template.needs) for _, template in self._templates]
        self._needs = [() if min(map(len, n)) < _SHORTEST else n for n in needs]
        self._words = sorted({word for words in self._needs for word in words})
        self._always = any(not words for words in self._needs)

    def read(self, state: State, rows: Ints) -> None:
        """Read some rows that no template has fitted."""
        if not self._templates:
            return
        text = state.lines.text(state.start[rows], state.end[rows] - state.start[rows])
        holding = self._holding(text)
        if not holding and not self._always:
            return
        everywhere = np.arange(len(rows))
        for (number, template), words in zip(self._templates, self._needs, strict=True):
            parts = [holding[word] for word in words if word in holding]
            if words and not parts:
                continue
            at = everywhere if not words else np.unique(np.concatenate(parts))
            at = at[state.which[rows[at]] == 0]
            start = state.start[rows[at]]
            at = at[state.lines.stands(start, state.end[rows[at]], template.starts.encode())]
            if len(at):
                path = self._tree.path(number)
                _by_regex(state, rows[at], text.gather(at), number, template, path)

    def _holding(self, text: pl.Series) -> dict[str, Ints]:
        """By each of the words which texts hold it; only those that are somewhere."""
        if not self._words:
            return {}
        found = (
            text.to_frame("text")
            .select(
                row=pl.int_range(pl.len(), dtype=pl.Int64),
                word=pl.col("text").str.extract_many(
                    self._words, ascii_case_insensitive=True, overlapping=True
                ),
            )
            .filter(pl.col("word").list.len() > 0)
            .explode("word")
            .with_columns(pl.col("word").str.to_lowercase())
            .group_by("word")
            .agg("row")
        )
        return {word: row.to_numpy() for word, row in zip(found["word"], found["row"], strict=True)}


def _by_regex(
    state: State, rows: Ints, text: pl.Series, number: int, template: Template, path: list[int]
) -> None:
    """Match a template's regex; where the captures stand follows from their lengths."""
    groups = text.str.extract_groups(f"({template.regex})").struct.unnest()
    sizes = [groups[name].str.len_bytes().cast(pl.Int64) for name in groups.columns]
    matched = sizes[0].is_not_null().to_numpy()
    if not matched.any():
        return
    rows = rows[matched]
    lengths = iter([size.fill_null(-1).to_numpy()[matched] for size in sizes[1:]])
    at = state.start[rows]
    steps: list[tuple[int, Step]] = []
    fits = np.ones(len(rows), bool)
    edges = iter(path)
    for piece in template.pieces or _pieces(template):
        if piece.capture is None:
            literal = next(lengths) if piece.optional else len(piece.text.encode())
            at = at + np.maximum(literal, 0)
            continue
        length = next(lengths).astype(np.int64)
        there = np.maximum(length, 0)
        if piece.capture.name in NUMBER_COLUMNS:
            value = state.lines.number(at, there)
            fits &= (length < 0) | ((value >= 0) & (value <= 65_535))
        edge = np.full(len(rows), next(edges), np.int16)
        steps.append((len(steps), Step(rows, at, there, edge)))
        at = at + there
    state.which[rows[fits]] = number
    state.forget(rows)
    state.finish_walk(rows, steps)


def _pieces(template: Template) -> Iterator[Piece]:
    yield Piece(template.starts, None)
    for capture in template.captures:
        yield Piece("", capture)
        yield Piece(capture.behind, None)
