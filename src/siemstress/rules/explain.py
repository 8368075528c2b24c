"""Which clauses of a rule's condition events meet, and what they have there instead.

Every clause is asked by what the engine asks by: of Sigma's conditions by the very evaluator, of
those in SQL by the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from sqlglot import exp

from siemstress.rules.explain_words import field_of, in_words
from siemstress.rules.feeds import Feed
from siemstress.rules.sigma.condition import All, Any, Atom, Condition, Not
from siemstress.rules.sigma.evaluate import TEXT, Evaluator
from siemstress.rules.sigma.values import Batch, columns_of
from siemstress.store.base import Bounds, Scan, Store

ALL, ONE, NOT, TEST = "all", "one", "not", "test"


@dataclass(frozen=True)
class Clause:
    """A part of a condition, and whether an event meets it.

    `kind` is all, one or not, of the `parts`, or test. `about` is what a test is of, `text` says
    it whole; `value` is what the event has there, None: nothing. `name` is what the part is called.
    """

    kind: str
    met: bool
    parts: tuple[Clause, ...] = ()
    about: str = ""
    text: str = ""
    value: str | None = None
    name: str = ""


def explained(
    store: Store, feed: Feed, table: str, ids: Sequence[int], names: Mapping[Condition, str]
) -> dict[int, Clause]:
    """How far events of a table, by their ids, meet a feed's condition; none that are not there.

    `names` are what parts of conditions are called.

    Raises:
        StoreError: the store cannot be read, or the condition not evaluated.

    """
    if not ids:
        return {}
    condition = feed.of_sigma
    if condition is None:
        from siemstress.rules.explain_sql import explained_in_sql

        return explained_in_sql(store, feed, table, ids)
    nodes = list(_nodes(condition))
    evaluator = Evaluator(nodes)
    events = _events(store, table, ids, evaluator.fields)
    batch = Batch(events, evaluator.fields)
    met = np.zeros((len(nodes), batch.count), bool)
    for number, rows in evaluator.matches(batch):
        met[number, rows] = True
    tree = _Tree(batch, met, names)
    return {number: tree.of(condition, row) for row, number in enumerate(events["id"])}


def clauses(clause: Clause) -> Iterator[Clause]:
    """A clause, and all within it."""
    yield clause
    for part in clause.parts:
        yield from clauses(part)


class _Tree:
    """Puts clauses together, of which all events are told by their nodes' numbers."""

    def __init__(
        self, batch: Batch, met: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
        names: Mapping[Condition, str],
    ) -> None:  # fmt: skip
        self._batch = batch
        self._met = met
        self._names = names

    def of(self, condition: Condition, row: int) -> Clause:
        self._next = 0
        return self._of(condition, row)

    def _of(self, condition: Condition, row: int) -> Clause:
        met = bool(self._met[self._next, row])
        self._next += 1
        name = self._names.get(condition, "")
        match condition:
            case Atom(field, test):
                value = self._value(field or TEXT, row)
                about, text = field_of(field), in_words(field, test)
                return Clause(TEST, met, about=about, text=text, value=value, name=name)
            case Not(part):
                return Clause(NOT, met, (self._of(part, row),), name=name)
            case All(parts) | Any(parts):
                kind = ALL if isinstance(condition, All) else ONE
                return Clause(kind, met, tuple(self._of(p, row) for p in parts), name=name)

    def _value(self, field: str, row: int) -> str | None:
        column = self._batch.column(field)
        at = int(np.searchsorted(column.rows, row))
        if at == len(column.rows) or column.rows[at] != row:
            return None
        return str(column.distinct[int(column.codes[at])])


def _nodes(condition: Condition) -> Iterator[Condition]:
    yield condition
    match condition:
        case Not(part):
            yield from _nodes(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from _nodes(part)


def _events(store: Store, table: str, ids: Sequence[int], fields: Sequence[str]) -> pl.DataFrame:
    present = set(store.columns(table))
    wanted = dict.fromkeys(["id", "time", *columns_of(fields)])
    columns = [exp.column(name, quoted=True) for name in wanted if name in present]
    query = exp.select(*columns).from_(exp.to_table("events")).where(of_ids(ids))
    reader = store.select(query, {"events": Scan(table, id_bounds(ids))})
    return pl.DataFrame(pl.from_arrow(reader.read_all())).unique("id", maintain_order=True)


def of_ids(ids: Sequence[int]) -> exp.Expr:
    """The event has one of some ids."""
    return exp.column("id", quoted=True).isin(*(exp.Literal.number(number) for number in ids))


def id_bounds(ids: Sequence[int]) -> Bounds:
    """The limits of some ids."""
    return Bounds(id_min=min(ids), id_max=max(ids))
