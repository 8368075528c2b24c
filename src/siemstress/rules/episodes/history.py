"""What is new, rare, unusually much, or missing, against what was before.

All look back no further than a fixed time, so that the matches of that time decide alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.rules.episodes.model import EPISODES, First, Rare, Silent, Spike
from siemstress.rules.episodes.rows import IDS_MAX, Ints, Rows

_DAY = 86_400_000_000


def first_or_rare(rows: Rows, kind: First | Rare, span: int, joins: int) -> pl.DataFrame:
    """The values of each group that it has not had in the span before, or hardly ever.

    A group is known well enough at a match if it had one between `learn` and `learn` and the span
    before.
    """
    frame = rows.frame.with_columns(
        last=pl.col("last").fill_null(pl.col("t")),
        count=pl.col("count").fill_null(1),
        known=pl.Series(_known(rows, kind.learn, span)),
    ).filter(pl.col("value").is_not_null())
    if not len(frame):
        return pl.DataFrame(schema=EPISODES)
    of = Rows(
        frame.with_columns(
            pl.concat_str("group", "value", separator="\x1e").alias("group")
        ).with_columns(part=pl.lit(0, pl.Int32))
    )
    whole = of.frame
    if isinstance(kind, First):
        before = pl.col("last").cum_max().shift(1).over("group")
        met = (
            whole.select((before.is_null() | (pl.col("t") - before > span)) & pl.col("known"))
            .to_series()
            .to_numpy()
        )
    else:
        low = of.first(of.g, of.t - span)
        past = of.past(of.g, of.t)
        met = (of.before[past] - of.before[low] <= kind.most) & whole["known"].to_numpy()
    at = np.flatnonzero(met)
    return _chained(of, at, joins)


def _chained(of: Rows, at: Ints, joins: int) -> pl.DataFrame:
    """Episodes of single values: `of` is grouped by group and value together."""
    some = of.frame.select("group", "t", "id", "count").with_row_index("row")[pl.Series(at)]
    new = (pl.col("t") - pl.col("t").shift(1).over("group") > joins).fill_null(value=True)
    names = pl.col("group").str.splitn("\x1e", 2)
    return (
        some.with_columns(run=new.cum_sum().over("group"))
        .group_by("group", "run", maintain_order=True)
        .agg(
            start=pl.col("t").min(),
            last=pl.col("t").max(),
            opened=pl.col("t").min(),
            events=pl.col("count").sum(),
            ids=pl.col("id").head(IDS_MAX),
        )
        .with_columns(
            group=names.struct.field("field_0"),
            value=names.struct.field("field_1"),
            ongoing=pl.lit(None, pl.Boolean),
        )
        .select(pl.col(name).cast(kind) for name, kind in EPISODES.items())
        .sort("start", "group", "value")
    )


def spike(rows: Rows, kind: Spike, joins: int) -> pl.DataFrame:
    """The buckets of time in which a group had many more matches than on the days before.

    Days on which it was not known yet do not count, of those of the last `days`.
    """
    size = kind.bucket
    a_day = _DAY // size
    frame = rows.frame.select(
        "group", "t", "id",
        last=pl.col("last").fill_null(pl.col("t")),
        count=pl.col("count").fill_null(1),
        bucket=pl.col("t") // size,
    )  # fmt: skip
    totals = frame.group_by("group", "bucket").agg(pl.col("count").sum().alias("total"))
    same = pl.concat(
        totals.select("group", pl.col("bucket") + day * a_day, before=pl.col("total"))
        for day in range(1, kind.days + 1)
    )
    usual = same.group_by("group", "bucket").agg(pl.col("before").sum())
    seen = totals.sort("group", "bucket").rename({"bucket": "first"}).select("group", "first")
    horizon = totals.with_columns(since=pl.col("bucket") - kind.days * a_day).sort("since")
    judged = (
        horizon.join_asof(
            seen.sort("first"),
            left_on="since",
            right_on="first",
            by="group",
            strategy="forward",
            check_sortedness=False,
        )
        .join(usual, on=["group", "bucket"], how="left")
        .with_columns(known=((pl.col("bucket") - pl.col("first")) // a_day).clip(0, kind.days))
        .filter(pl.col("known") >= kind.least_days)
        .with_columns(bound=kind.factor * pl.col("before").fill_null(0) / pl.col("known"))
        .select("group", "bucket", "bound")
    )
    crossed = (
        frame.join(judged, on=["group", "bucket"])
        .sort("group", "t", "id")
        .with_columns(
            so_far=pl.col("count").cum_sum().over("group", "bucket"),
            opened=pl.col("t").min().over("group", "bucket"),
        )
        .filter((pl.col("so_far") > pl.col("bound")) & (pl.col("so_far") >= kind.least))
    )
    new = (pl.col("last") - pl.col("last").shift(1).over("group") > joins).fill_null(value=True)
    return (
        crossed.with_columns(run=new.cum_sum().over("group"))
        .group_by("group", "run", maintain_order=True)
        .agg(
            start=pl.col("last").min(),
            last=pl.col("last").max(),
            opened=pl.col("opened").min(),
            events=pl.col("so_far").last(),
            ids=pl.col("id").head(IDS_MAX),
            value=pl.lit(None, pl.String),
            ongoing=pl.lit(None, pl.Boolean),
        )
        .select(pl.col(name).cast(type_) for name, type_ in EPISODES.items())
        .sort("start", "group")
    )


def silent(rows: Rows, kind: Silent, span: int, now: int | None) -> pl.DataFrame:
    """The times in which groups were silent for longer than they may be."""
    late = rows.frame.select(pl.col("last").fill_null(pl.col("t")).max()).item()
    at = late if now is None else now
    by_time = f"{kind.learn}i"
    frame = (
        rows.frame.select("group", "t", "id", last=pl.col("last").fill_null(pl.col("t")))
        .sort("group", "t", "id")
        .with_columns(last=pl.col("last").cum_max().over("group"))
        .with_columns(
            gap=(pl.col("t") - pl.col("last").shift(1).over("group")).clip(0),
            following=pl.col("t").shift(-1).over("group"),
            one=1,
        )
        .with_columns(
            longest=pl.col("gap").rolling_max_by("t", by_time).over("group"),
            seen=pl.col("one").rolling_sum_by("t", by_time).over("group"),
        )
        .with_columns(
            allowed=pl.when(pl.col("seen") > kind.least)
            .then((pl.col("longest").fill_null(0) * kind.factor).cast(pl.Int64).clip(span))
            .otherwise(span)
        )
        .with_columns(start=pl.col("last") + pl.col("allowed"))
    )
    found = frame.filter(
        pl.col("start") < pl.col("following").fill_null(at),
        pl.col("start") <= at,
    ).select(
        "group",
        "start",
        last=pl.col("following").fill_null(pl.col("start")),
        opened=pl.col("last"),
        events=pl.lit(1),
        ids=pl.concat_list("id"),
        value=pl.lit(None, pl.String),
        ongoing=pl.col("following").is_null(),
    )
    never = _never_seen(rows, kind, span, at)
    parts = [part.select(pl.col(n).cast(t) for n, t in EPISODES.items()) for part in (found, never)]
    return pl.concat(parts).sort("start", "group")


def _never_seen(rows: Rows, kind: Silent, span: int, at: int) -> pl.DataFrame:
    """Listed groups that were not seen since they are listed."""
    missing = pl.Series("group", kind.listed, pl.String)
    if kind.since is None or kind.since + span > at:
        missing = missing.clear()
    first = rows.frame.group_by("group").agg(pl.col("t").min().alias("first"))
    return (
        missing.to_frame()
        .join(first, on="group", how="left")
        .filter(pl.col("first").is_null() | (pl.col("first") > (kind.since or 0) + span))
        .select(
            "group",
            start=pl.lit((kind.since or 0) + span),
            last=pl.col("first").fill_null((kind.since or 0) + span),
            opened=pl.lit(kind.since or 0),
            events=pl.lit(0),
            ids=pl.lit([], pl.List(pl.Int64)),
            value=pl.lit(None, pl.String),
            ongoing=pl.col("first").is_null(),
        )
    )


def _known(rows: Rows, learn: int, span: int) -> npt.NDArray[np.bool_]:
    """Whether each match's group had one between `learn` and `learn` and the span before."""
    low = rows.first(rows.g, rows.t - learn - span)
    past = rows.past(rows.g, rows.t - learn)
    return past > low
