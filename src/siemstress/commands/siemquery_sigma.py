"""siemquery --sigma: the events that Sigma rules match."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from siemstress.commands.command import say
from siemstress.errors import RuleError
from siemstress.query.events import Events
from siemstress.query.order import Answer, in_order
from siemstress.rules.sigma.cache import folder
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma.rule import Sigma
from siemstress.rules.sigma.values import Batch, columns_of

RULES = "rules"
"""The column that names the rules which an event matches."""

# Rules that cannot be used, and what they lack, are told of so many times.
_TOLD = 5


def matched(
    events: Events, columns: Sequence[str], files: Sequence[str], limit: int | None, *,
    newest_first: bool,
) -> Answer:  # fmt: skip
    """The events that a rule matches, in order of time, with the titles of their rules.

    Raises:
        RuleError: there is no rule that can be used.

    """
    rules = _rules(files)
    evaluator = Evaluator([rule.condition for rule in rules])
    needed = [name for name in columns_of(evaluator.fields) if name in events.columns]
    asked = list(dict.fromkeys([*columns, *needed]))
    answer = in_order(events, asked, newest_first=newest_first)
    schema = answer.schema.append(pa.field(RULES, pa.string()))
    found = _found(answer.batches, schema, evaluator, rules)
    if limit is not None:
        found = _first(found, limit) if newest_first else _last(found, limit)
    return Answer(schema, found)


def _rules(files: Sequence[str]) -> list[Sigma]:
    loaded = load([Path(file) for file in files], cache=folder())
    for problem in loaded.problems[:_TOLD]:
        say(f"siemquery: {problem}")
    more = len(loaded.problems) - _TOLD
    if more > 0:
        say(f"siemquery: {more} more rules cannot be used")
    rules = [rule for rule in loaded.rules if rule.fires]
    if not rules:
        raise RuleError("there is no rule that could match any log", file=files[0])
    others = len(loaded.rules) - len(rules)
    if others:
        say(f"siemquery: {others} rules are about logs that siemstress does not read")
    return rules


def _found(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, evaluator: Evaluator,
    rules: Sequence[Sigma],
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Of each batch the rows that a rule matches."""
    for batch in batches:
        frame = pl.DataFrame(pl.from_arrow(batch))
        titles: dict[int, list[str]] = {}
        for number, rows in evaluator.matches(Batch(frame, evaluator.fields)):
            for row in rows.tolist():
                titles.setdefault(row, []).append(rules[number].title)
        if titles:
            at = np.array(sorted(titles))
            names = pa.array(["; ".join(titles[row]) for row in at.tolist()], pa.string())
            taken = batch.take(pa.array(at))
            yield pa.RecordBatch.from_arrays([*taken.columns, names], schema=schema)


def _first(batches: Iterator[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.slice(0, limit)
        limit -= batch.num_rows
        if limit <= 0:
            return


def _last(batches: Iterator[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    held: deque[pa.RecordBatch] = deque()
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        while count - held[0].num_rows >= limit:
            count -= held.popleft().num_rows
    if held:
        yield held[0].slice(max(0, count - limit))
        yield from list(held)[1:]
