"""What a rule's windows ask for, and what there was around an event, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from siemstress.rules.alerts import spelled
from siemstress.rules.episodes.model import (
    Both,
    Each,
    Either,
    First,
    Followed,
    Need,
    Number,
    Ordered,
    Part,
    Rare,
    Silent,
    Spike,
    Threshold,
    Together,
    Window,
    Without,
)
from siemstress.rules.feeds import Windowed

_BOUNDS = {
    ">": "more than", ">=": "at least", "<": "less than", "<=": "at most", "=": "exactly",
    "!=": "any number but",
}  # fmt: skip
# Of so many matches at most is each looked at as the end of a window.
_LOOKED_AT = 2_000


def asked_for(windowed: Windowed) -> str:
    """When windows raise an alert: `more than 5 events within 10m, by source_host`."""
    by = f", by {' and '.join(windowed.group_by)}" if windowed.group_by else ""
    return _condition(windowed) + by


def number_of(kind: Number) -> str:
    """A number and its bounds: `at least 3 different values`."""
    bounds = " and ".join(f"{_BOUNDS[op]} {bound:g}" for op, bound in kind.threshold.bounds)
    if kind.of in ("events", "values"):
        return f"{bounds} {'events' if kind.of == 'events' else 'different values'}"
    what = {"sum": "sum", "avg": "average"}.get(kind.of, f"percentile {kind.percentile:g}")
    return f"values whose {what} is {bounds}"


def there_was(windowed: Windowed, matches: pl.DataFrame, event: int) -> str:
    """What there was of what windows ask for, around an event that is one of the matches.

    `matches` are those of the event's group, as `rules.episodes.model.MATCHES`.
    """
    window = windowed.window
    own = matches.filter(pl.col("id") == event)
    if not len(own):
        return ""
    near = matches.filter(
        pl.col("t").is_between(own["t"].min() - window.span, own["t"].max() + window.span)  # type: ignore[operator] # µs
    )
    match window.kind:
        case Number():
            best = _best(near, window, own["t"].item(0))
            return f"the window of the event that comes nearest has {best:g}"
        case Together() | Ordered() | Followed():
            count = dict(near.group_by("part").agg(pl.col("count").sum()).iter_rows())
            of = [f"{part.name}: {count.get(n, 0)}" for n, part in enumerate(windowed.parts)]
            return f"within {_span(window.span)} before and after it there were {', '.join(of)}"
        case First() | Rare():
            value = own["value"].item(0)
            before = near.filter(pl.col("value") == value, pl.col("t") < own["t"].item(0))
            since = _span(own["t"].item(0) - matches["t"].min())
            times = before["count"].sum()
            return f"the value was there {times} times before; its group was known for {since}"
        case Spike(bucket=bucket):
            same = matches.filter(pl.col("t") // bucket == own["t"].item(0) // bucket)
            return f"there were {same['count'].sum()} events in its {_span(bucket)}"
    return ""


def _condition(windowed: Windowed) -> str:
    window = windowed.window
    span = _span(window.span)
    names = [part.name for part in windowed.parts]
    match window.kind:
        case Each():
            return "every such event"
        case Number("events", Threshold(((">", 0),))):
            return "every such event"
        case Number() as kind:
            return f"{number_of(kind)} within {span}"
        case Together(need):
            return f"{_need(need, names)} within {span}"
        case Ordered():
            return f"{', then '.join(names)}, in this order within {span}"
        case Followed(limit):
            return f"more than {limit} counted events within {span}, and after them one of then"
        case First(learn):
            return f"a value that was not there for {span}, once {_span(learn)} are known"
        case Rare(most, learn):
            return f"a value at most {most} times within {span}, once {_span(learn)} are known"
        case Spike(factor, least, days, _, bucket):
            usual = f"{factor:g} times the usual of {days} days before"
            return f"at least {least} events within {_span(bucket)}, and more than {usual}"
        case Silent(factor):
            return f"no event for {span}, or for {factor:g} times the usual where that is longer"


def _need(need: Need, names: Sequence[str]) -> str:
    match need:
        case Part(number):
            return names[number]
        case Without(inner):
            return f"not {_need(inner, names)}"
        case Both(needs):
            return f"({' and '.join(_need(one, names) for one in needs)})"
        case Either(needs):
            return f"({' or '.join(_need(one, names) for one in needs)})"


def _best(near: pl.DataFrame, window: Window, t: int) -> float:
    """The number that comes nearest to the bounds, of the windows that an event is in."""
    assert isinstance(window.kind, Number)  # noqa: S101 - by the caller's choice
    ends = near.filter(pl.col("t").is_between(t, t + window.span))["t"].unique().sort()
    found = [
        _number(near.filter(pl.col("t").is_between(end - window.span, end)), window.kind)
        for end in ends.head(_LOOKED_AT)
    ]
    op, bound = window.kind.threshold.bounds[0]
    if op in (">", ">="):
        return max(found)
    return min(found) if op in ("<", "<=") else min(found, key=lambda n: abs(n - bound))


def _number(within: pl.DataFrame, kind: Number) -> float:
    if kind.of == "events":
        return float(within["count"].sum())
    if kind.of == "values":
        return float(within["value"].drop_nulls().n_unique())
    numbers = within["value"].str.strip_chars().cast(pl.Float64, strict=False).drop_nulls()
    if kind.of == "sum":
        return float(numbers.sum())
    found = (
        numbers.mean() if kind.of == "avg" else numbers.quantile(kind.percentile / 100, "linear")
    )
    return float("nan") if found is None else float(found)  # type: ignore[arg-type] # of floats


def _span(microseconds: int) -> str:
    return spelled(timedelta(microseconds=microseconds))
