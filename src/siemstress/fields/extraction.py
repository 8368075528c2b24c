"""Helpers at work: regular expressions that the user gave, on the messages of a batch.

They are Rust's, which take linear time whatever the message and the expression are.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from siemstress.config import Helper
from siemstress.errors import ConfigError
from siemstress.fields.maps import apart, maps
from siemstress.formats.expression import reason


@dataclass(frozen=True)
class _Expression:
    """An expression, how many groups it has, and what puts a mark around each of its finds."""

    variable: str
    pattern: str
    groups: int
    marked: str


class Extraction:
    """Adds what helpers find to the fields of events; may be used by many threads at once."""

    def __init__(self, helpers: Sequence[Helper]) -> None:
        """Check the expressions.

        Raises:
            ConfigError: one cannot be used; says which, and why.

        """
        # Nobody who writes a log can know it, so that no message holds it.
        self._mark = f"\ufdd0{secrets.token_hex(8)}\ufdd1"
        self._expressions = [self._expression(helper) for helper in helpers]

    def __bool__(self) -> bool:
        """Whether there is any helper."""
        return bool(self._expressions)

    def add(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events, `fields` with one entry more for each variable that something was found for.

        An entry is the value that was found, or of several different ones a JSON array of texts,
        in the order of the helpers and of the message. It takes the place of one of that name.
        """
        found = [
            part
            for expression in self._expressions
            if len(part := self._found(expression, events["message"]))
        ]
        if not found:
            return events
        return _with_entries(events, _entries(pl.concat(found)))

    def _expression(self, helper: Helper) -> _Expression:
        if not helper.variable:
            raise ConfigError("has no variable", file=helper.file, section=helper.section)
        pattern = translated(helper.regex)
        try:
            groups = _groups(pattern)
        except pl.exceptions.PolarsError as e:
            raise ConfigError(
                f"cannot be used: {reason(e)}",
                file=helper.file,
                section=helper.section,
                key=helper.key,
            ) from None
        mark = self._mark
        finds = range(1, groups + 1) if groups else range(1)
        marked = "".join(f"{mark}${{{n}}}{mark}" for n in finds)
        return _Expression(helper.variable, pattern, groups, marked)

    def _found(self, expression: _Expression, messages: pl.Series) -> pl.DataFrame:
        """Rows and what was found there, as `row`, `key` and `value`."""
        rows = messages.str.contains(expression.pattern).arg_true()
        messages = messages.gather(rows)
        parts = [pl.DataFrame({"row": rows.head(0), "value": messages.head(0)})]
        if expression.groups <= 1:
            # Most often there is one find, which is quicker to take out.
            once = messages.str.count_matches(expression.pattern) == 1
            value = messages.filter(once).str.extract(expression.pattern, expression.groups)
            parts.append(pl.DataFrame({"row": rows.filter(once), "value": value}))
            messages, rows = messages.filter(~once), rows.filter(~once)
        if len(rows):
            # Every second piece lies between two marks.
            marked = messages.str.replace_all(expression.pattern, expression.marked)
            pieces = marked.str.split(self._mark).list.gather_every(2, 1)
            parts.append(pl.DataFrame({"row": rows, "value": pieces}).explode("value"))
        key = pl.lit(expression.variable).alias("key")
        return pl.concat(parts).filter(pl.col("value") != "").select("row", key, "value")


def _groups(pattern: str) -> int:
    """How many groups an expression captures."""
    pl.Series([""]).str.contains(pattern)
    captured = pl.Series([""]).str.extract_groups(pattern).dtype
    return len(captured.fields) if isinstance(captured, pl.Struct) else 0


def _entries(found: pl.DataFrame) -> pl.DataFrame:
    """One row for each `row` and `key`, with all values in one text."""
    parts = []
    for part in found.partition_by("key", maintain_order=True):
        row = part["row"].to_numpy()
        several = pl.Series(np.bincount(row)[row] > 1)
        parts.append(part.filter(~several))
        if several.any():
            parts.append(_joined(part.filter(several)))
    return pl.concat(parts)


def _joined(found: pl.DataFrame) -> pl.DataFrame:
    """One row for each `row`; of several different values a JSON array."""
    values = (
        found.unique(maintain_order=True)
        .group_by("row", "key", maintain_order=True)
        .agg(pl.col("value"))
    )
    # A structure of one member, `{"value":[...]}`, without what is around the array.
    array = pl.struct("value").struct.json_encode().str.slice(len('{"value":')).str.head(-1)
    only = pl.when(pl.col("value").list.len() == 1).then(pl.col("value").list.first())
    return values.with_columns(only.otherwise(array).alias("value"))


def _with_entries(events: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    rows = entries["row"].unique().sort()
    # Numbers among the rows that something was found in.
    place = pl.col("row").replace_strict(rows, pl.int_range(len(rows), eager=True))
    found = entries.select(place, "key", "value")
    there = apart(events["fields"].gather(rows))
    there = there.join(found, on=("row", "key"), how="anti", maintain_order="left")
    fresh = pl.DataFrame({"row": rows, "entries": maps(pl.concat([there, found]), len(rows))})
    number = pl.int_range(pl.len()).cast(rows.dtype).alias("row")
    return (
        events.with_columns(number)
        .join(fresh, on="row", how="left", maintain_order="left")
        .with_columns(fields=pl.coalesce("entries", "fields"))
        .drop("row", "entries")
    )


def translated(regex: str) -> str:
    """An expression in Python's notation in Rust's, as far as they differ in what is common.

    In a class Rust gives a meaning to `[`, `&&`, `~~` and `--`; the end of the text is `\\z`.
    """
    out: list[str] = []
    at, start = 0, -1  # Where the class's members begin; -1 outside of a class.
    while at < len(regex):
        here = regex[at]
        if here == "\\":
            pair = regex[at : at + 2]
            out.append(r"\z" if pair == r"\Z" and start < 0 else pair)
            at += 2
            continue
        if start < 0 and here == "[":
            opening = re.compile(r"\[\^?\]?").match(regex, at)
            assert opening is not None  # noqa: S101 - it begins with what was found
            # A bracket that comes first is a member.
            out.append(opening[0].replace("]", r"\]"))
            at = start = opening.end()
            continue
        if start >= 0:
            named = re.compile(r"\[:\^?\w+:\]").match(regex, at)
            if here == "]":
                start = -1
            elif named is not None:
                here = named[0]
            elif here == "[" or (here in "&~-" and at > start and regex[at - 1] == here):
                here = f"\\{here}"
        out.append(here)
        at += len(here.removeprefix("\\"))
    return "".join(out)
