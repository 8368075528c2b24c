"""Matches as windows take them: of every part of a rule, with its groups and values.

A part may itself be windows, each of whose episodes is a match, at the time of its start.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from siemstress.rules.episodes.find import episodes, reach
from siemstress.rules.episodes.model import MATCHES
from siemstress.rules.feeds import Feed, Part, Windowed
from siemstress.rules.matches import SEPARATOR, rolled, taken


def matches_of(
    windowed: Windowed, found: Mapping[str, pl.DataFrame], low: int | None, now: int | None
) -> pl.DataFrame:
    """The matches of windows, as `rules.episodes.model.MATCHES`.

    `found` are those of each feed by its digest, from `low` (µs; None: all there are) on.
    """
    frames = [
        _of_part(part, number, found, low, now).select(list(MATCHES))
        for number, part in enumerate(windowed.parts)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=MATCHES)


def episodes_of(
    windowed: Windowed,
    found: Mapping[str, pl.DataFrame],
    low: int | None,
    now: int | None,
    groups: Collection[str] | None = None,
) -> pl.DataFrame:
    """The episodes of windows among matches by feed; see `matches_of`.

    With `groups` those of other groups are not all there. What is new or rare is the last of the
    group's values.
    """
    matches = matches_of(windowed, found, low, now)
    if groups is not None:
        matches = matches.filter(pl.col("group").is_in(list(groups)))
    runs = episodes(matches, windowed.window, now)
    if not len(runs) or runs["value"].null_count() == len(runs):
        return runs
    parts = ["value"] if runs["group"].max() == "" else ["group", "value"]
    whole = pl.concat_str(parts, separator=SEPARATOR)
    return runs.with_columns(group=pl.coalesce(whole, "group"))


def margin(windowed: Windowed) -> int:
    """How far before and after the times of its moments windows need matches (µs)."""
    inner = [margin(p.source) for p in windowed.parts if isinstance(p.source, Windowed)]
    return 2 * reach(windowed.window) + max(inner, default=0)


def groups_of(windowed: Windowed, feed: str, kept: pl.DataFrame) -> pl.Series:
    """The groups that a feed's kept values (column `kept`) belong to, each once."""
    found = [
        kept.select(group=_group(part, "kept")).drop_nulls()["group"]
        for part in windowed.parts
        if isinstance(part.source, Feed) and part.source.digest == feed
    ]
    for part in windowed.parts:
        if isinstance(part.source, Windowed):
            inner = groups_of(part.source, feed, kept).rename("kept").to_frame()
            found.append(inner.select(group=_inner_group(part, part.source)).drop_nulls()["group"])
    return pl.concat(found).unique() if found else pl.Series("group", [], pl.String)


def _of_part(
    part: Part, number: int, found: Mapping[str, pl.DataFrame], low: int | None, now: int | None
) -> pl.DataFrame:
    if isinstance(part.source, Feed):
        frame = found.get(part.source.digest)
        if frame is None:
            return pl.DataFrame(schema=MATCHES)
        value = _value(part, part.source.keep, "kept")
        return (
            rolled(frame, part.source)
            .select(
                pl.col("t"),
                pl.col("event").alias("id"),
                pl.lit(number, pl.Int32).alias("part"),
                _group(part, "kept").alias("group"),
                value.alias("value"),
                pl.col("count").fill_null(1).cast(pl.Int64),
                pl.col("last").fill_null(pl.col("t")).cast(pl.Int64),
            )
            .filter(pl.col("group").is_not_null())
        )
    inner = part.source
    runs = episodes_of(inner, found, low, now)
    if low is not None:
        # What begins near the edge may have begun before.
        runs = runs.filter(pl.col("start") >= low + margin(inner))
    return runs.select(
        pl.col("start").alias("t"),
        pl.col("ids").list.first().alias("id"),
        pl.lit(number, pl.Int32).alias("part"),
        _inner_group(part, inner, "group").alias("group"),
        _value(part, inner.group_by, "group").alias("value"),
        pl.lit(1, pl.Int64).alias("count"),
        pl.col("start").alias("last"),
    ).filter(pl.col("group").is_not_null())


def _group(part: Part, column: str) -> pl.Expr:
    """The group of each row of a feed's kept values."""
    assert isinstance(part.source, Feed)  # noqa: S101 - by the caller's choice
    return _some(part.group, part.source.keep, column)


def _inner_group(part: Part, inner: Windowed, column: str = "kept") -> pl.Expr:
    return _some(part.group, inner.group_by, column)


def _value(part: Part, among: tuple[str, ...], column: str) -> pl.Expr:
    return _some(part.value, among, column) if part.value else pl.lit(None, pl.String)


def _some(wanted: tuple[str, ...], among: tuple[str, ...], column: str) -> pl.Expr:
    return taken(column, [among.index(name) for name in wanted], len(among))
