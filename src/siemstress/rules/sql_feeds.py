"""Which new events a feed is about, of feeds whose condition is SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl
from sqlglot import exp

from siemstress.query.conditions import microseconds
from siemstress.rules.feeds import Feed
from siemstress.rules.matches import together
from siemstress.rules.model import GroupKey
from siemstress.store.base import Scan, Store, rows

# Feeds that are asked about at once in one pass over what is new.
_SCREENED = 40


def arrived(store: Store, scan: Scan) -> int:
    """How many rows a scan has."""
    query = exp.select(exp.alias_(exp.Count(this=exp.Star()), "events"))
    row = next(rows(store.select(query.from_(exp.to_table("fresh")), {"fresh": scan})))
    return int(row["events"])


def counts(store: Store, scan: Scan, feeds: Sequence[Feed]) -> Iterator[int]:
    """How many events of a scan each of the feeds is about."""
    present = set(store.columns(scan.table))
    for first in range(0, len(feeds), _SCREENED):
        some = feeds[first : first + _SCREENED]
        parts = [
            exp.alias_(
                exp.Count(this=exp.Case(ifs=[exp.If(this=holds(f, present), true=_one())])), f"n{n}"
            )
            for n, f in enumerate(some)
        ]
        query = exp.select(*parts).from_(exp.to_table("fresh"))
        row = next(rows(store.select(query, {"fresh": scan})))
        for n in range(len(some)):
            yield row[f"n{n}"]


def matches(store: Store, scan: Scan, feed: Feed) -> Iterator[pl.DataFrame]:
    """The events of a scan that a feed is about, as `rules.matches.FOUND`."""
    present = set(store.columns(scan.table))
    columns: list[exp.Expr] = [
        exp.alias_(exp.column("id", quoted=True), "event"),
        exp.alias_(microseconds("time"), "t"),
    ]
    for n, name in enumerate(feed.keep):
        columns.append(exp.alias_(present_only(group_value(GroupKey(name)), present), f"k{n}"))
    query = exp.select(*columns).from_(exp.to_table("fresh")).where(holds(feed, present))
    for batch in store.select(query, {"fresh": scan}):
        frame = pl.DataFrame(pl.from_arrow(batch))
        kept = together([frame[f"k{n}"] for n in range(len(feed.keep))])
        yield frame.select(
            pl.lit(feed.digest).alias("feed"),
            pl.col("event").cast(pl.Int64),
            pl.col("t").cast(pl.Int64),
            (kept if feed.keep else pl.lit("")).alias("kept"),
        )


def derived(feeds: Sequence[Feed]) -> Mapping[str, exp.Expr]:
    """Columns that must be worked out for some feeds: whole lines, if one speaks of them."""
    for feed in feeds:
        condition = feed.condition
        if isinstance(condition, exp.Expr) and any(
            column.name == "raw" for column in condition.find_all(exp.Column)
        ):
            from siemstress.query.events import derived_columns

            return derived_columns()
    return {}


def holds(feed: Feed, present: set[str]) -> exp.Expr:
    """What holds for the events that a feed is about; those without a time are never.

    `present` are the columns that the table has; the others are null.
    """
    has_time = exp.Not(this=exp.Is(this=exp.column("time", quoted=True), expression=exp.null()))
    condition = feed.condition
    if condition is None:
        return present_only(has_time, present)
    assert isinstance(condition, exp.Expr)  # noqa: S101 - by the caller's choice
    return present_only(exp.and_(has_time, exp.paren(condition.copy())), present)


def group_value(key: GroupKey) -> exp.Expr:
    """A key's value as groups compare it: text in lower case.

    An event without a host counts for the machine that parsed it.
    """
    column: exp.Expr = exp.column(key.column, quoted=True)
    if key.name == "host":
        column = exp.Coalesce(this=column, expressions=[exp.column("parsed_on", quoted=True)])
    if key.field is not None:
        value: exp.Expr = exp.Bracket(
            this=column, expressions=[exp.Literal.string(key.field)], safe=True
        )
    else:
        value = exp.cast(column, "text")
    return exp.Lower(this=value)


def present_only(node: exp.Expr, present: set[str]) -> exp.Expr:
    """The expression with null for every column that the table does not have."""

    def known(part: exp.Expr) -> exp.Expr:
        return exp.null() if isinstance(part, exp.Column) and part.name not in present else part

    return node.copy().transform(known)


def _one() -> exp.Expr:
    return exp.Literal.number(1)
