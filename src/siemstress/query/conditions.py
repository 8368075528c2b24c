"""Filters as SQL expressions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from siemstress.query.patterns import matches
from siemstress.schema import Column

if TYPE_CHECKING:
    from siemstress.query.filters import Filter, Value


def of(wanted: Filter) -> exp.Expr | None:
    """The condition of a filter in the house dialect, its columns quoted; None: all events."""
    parts = [*_times(wanted), *_included(wanted), *_excluded(wanted)]
    return exp.and_(*parts) if parts else None


def column(name: str) -> exp.Expr:
    """A column by its name, quoted."""
    return exp.column(name, quoted=True)


def timestamp(moment: datetime) -> exp.Expr:
    """A time in UTC as a literal."""
    text = moment.isoformat(sep=" ", timespec="microseconds")
    return exp.cast(exp.Literal.string(text), "timestamp")


def microseconds(name: str) -> exp.Expr:
    """A time in a column as microseconds since 1970."""
    return exp.Anonymous(this="epoch_us", expressions=[column(name)])


def map_value(name: str, key: str) -> exp.Expr:
    """The value of a key in a map column."""
    return exp.Bracket(this=column(name), expressions=[exp.Literal.string(key)])


def _times(wanted: Filter) -> Iterator[exp.Expr]:
    if wanted.time_min is not None:
        yield exp.GTE(this=column("time"), expression=timestamp(wanted.time_min))
    if wanted.time_max is not None:
        yield exp.LTE(this=column("time"), expression=timestamp(wanted.time_max))


def _included(wanted: Filter) -> Iterator[exp.Expr]:
    for flag, values in wanted.include.items():
        yield exp.or_(*(match for _, match in _tests(flag, values)))


def _excluded(wanted: Filter) -> Iterator[exp.Expr]:
    for flag, values in wanted.exclude.items():
        for value, match in _tests(flag, values):
            yield exp.or_(exp.Is(this=value, expression=exp.Null()), exp.not_(match))


def _tests(flag: str, values: Sequence[Value]) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """What a flag looks at, each with the condition that it is one of the values."""
    from siemstress.query.filters import COLUMNS

    if flag == "field":
        fields: dict[str, list[str]] = {}
        for text in values:
            key, _, pattern = str(text).partition("=")
            fields.setdefault(key.strip(), []).append(pattern)
        for key, patterns in fields.items():
            value = map_value("fields", key)
            yield value.copy(), matches(value, patterns)
        return
    for looked_at in COLUMNS[flag]:
        yield column(looked_at.name), _test(flag, looked_at, values)


def _actions(categories: Sequence[Value]) -> Iterator[exp.Expr]:
    """The actions of some categories as literals."""
    from siemstress.fields.actions import of_category

    names = {name: None for category in categories for name in of_category(str(category))}
    yield from map(exp.Literal.string, names)


def _test(flag: str, looked_at: Column, values: Sequence[Value]) -> exp.Expr:
    value = column(looked_at.name)
    if flag == "unparsed":
        return exp.EQ(this=value, expression=exp.false())
    if flag == "category":
        return exp.In(this=value, expressions=list(_actions(values)))
    if looked_at.kind == "text":
        return matches(value, map(str, values), anywhere=flag == "grep")
    numbers = [exp.Literal.number(n) for n in values]
    if len(numbers) == 1:
        return exp.EQ(this=value, expression=numbers[0])
    return exp.In(this=value, expressions=numbers)
