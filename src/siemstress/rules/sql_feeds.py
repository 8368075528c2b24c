"""Which new events a feed is about, of feeds whose condition is SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import lru_cache

import polars as pl
from sqlglot import exp

from siemstress.query.conditions import microseconds
from siemstress.rules.feeds import Feed
from siemstress.rules.matches import together
from siemstress.rules.model import GroupKey
from siemstress.store.base import Scan, Store, rows
from siemstress.store.dialect import lasting

# Feeds that are asked about at once, in one pass over what is new.
_TOGETHER = 40


def arrived(store: Store, scan: Scan) -> int:
    """How many rows a scan has."""
    query = exp.select(exp.alias_(exp.Count(this=exp.Star()), "events"))
    row = next(rows(store.select(query.from_(exp.to_table("fresh")), {"fresh": scan})))
    return int(row["events"])


def matches(store: Store, scan: Scan, feeds: Sequence[Feed]) -> Iterator[pl.DataFrame]:
    """The events of a scan that each feed is about, as `rules.matches.FOUND`; a feed each time."""
    present = frozenset(store.columns(scan.table))
    for first in range(0, len(feeds), _TOGETHER):
        some = feeds[first : first + _TOGETHER]
        query, kept = _query(tuple(some), present)
        for batch in store.select(query, {"fresh": scan}):
            rows = pl.DataFrame(pl.from_arrow(batch))
            for n, feed in enumerate(some):
                mine = rows.filter(pl.col(f"c{n}").cast(pl.Boolean))
                if len(mine):
                    yield _found(mine, feed, [kept[name] for name in feed.keep])


def _found(rows: pl.DataFrame, feed: Feed, kept: Sequence[str]) -> pl.DataFrame:
    values = together([rows[name] for name in kept])
    return rows.select(
        pl.lit(feed.digest).alias("feed"),
        pl.col("event").cast(pl.Int64),
        pl.col("t").cast(pl.Int64),
        (values if kept else pl.lit("")).alias("kept"),
    )


@lru_cache(maxsize=32)
def _query(
    feeds: tuple[Feed, ...], present: frozenset[str]
) -> tuple[exp.Select, Mapping[str, str]]:
    """Events that any feed is about, `c0` and so on telling which, and where each value stands."""
    kept = {name: f"k{n}" for n, name in enumerate(dict.fromkeys(k for f in feeds for k in f.keep))}
    tests = [holds(feed, present) for feed in feeds]
    query = exp.select(
        exp.alias_(exp.column("id", quoted=True), "event"),
        exp.alias_(microseconds("time"), "t"),
        *(
            exp.alias_(present_only(group_value(GroupKey(name)), present), place)
            for name, place in kept.items()
        ),
        *(exp.alias_(exp.paren(test), f"c{n}") for n, test in enumerate(tests)),
    )
    return lasting(query.from_(exp.to_table("fresh")).where(exp.or_(*tests))), kept


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


def holds(feed: Feed, present: Set[str]) -> exp.Expr:
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


def present_only(node: exp.Expr, present: Set[str]) -> exp.Expr:
    """The expression with null for every column that the table does not have."""

    def known(part: exp.Expr) -> exp.Expr:
        return exp.null() if isinstance(part, exp.Column) and part.name not in present else part

    return node.copy().transform(known)
