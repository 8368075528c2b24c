"""Rules and events to try them on, and what a plain model of windows says about both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from siemstress.rules.engine import Engine, Raised
from siemstress.rules.load import Loaded, load_rules
from siemstress.rules.model import GroupKey, Rule, Window
from siemstress.schema import EVENT, polars_schema
from siemstress.store.base import Scan, Store
from stores import ask, put

START = datetime(2026, 3, 1, 12)
TABLES = {"default": "Entries", "auth": "Auth", "userauth": "UserAuth", "access": "Access"}
TABLES |= {table: table for table in TABLES.values()}

# An event of the model: seconds since START, and its group.
Event = tuple[int, str | None]


def silent(_text: str) -> None:
    """Nobody to be told."""


def window_rule(
    span: int = 60, limit: int = 2, group_by: Sequence[str] = ("source_host",), **changes: Any
) -> Rule:
    """A rule on all events of Auth; the span is in seconds."""
    length = timedelta(seconds=span)
    match = Window(None, tuple(GroupKey(name) for name in group_by), length)
    values: dict[str, Any] = {
        "name": "burst",
        "file": Path("rules.conf"),
        "tables": ("Auth",),
        "match": match,
        "interval": length,
        "limit": limit,
        "out_table": "UserAuth",
        "message": "{count} from {source_host}",
    }
    return Rule(**{**values, **changes})


def read_rules(folder: Path, text: str, file: str = "rules.conf") -> Loaded:
    """What is read from a rule file of this text, and others that are there already."""
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(text)
    return load_rules(sorted(folder.glob("*.conf")), TABLES)


def store_events(store: Store, found: Iterable[Event], table: str = "Auth", **columns: Any) -> None:
    """Commit events in one batch; `columns` are values for all of them."""
    some = list(found)
    first = store.take_ids(max(1, len(some)))
    frame = pl.DataFrame(
        {
            "id": [first + n for n in range(len(some))],
            "time": [START + timedelta(seconds=second) for second, _ in some],
            "received": [START] * len(some),
            "source_host": [group for _, group in some],
            **{name: [value] * len(some) for name, value in columns.items()},
        },
        schema_overrides=polars_schema(EVENT),
    )
    put(store, table, frame)


def run(store: Store, *rules: Rule) -> Raised:
    """Evaluate rules as a siemtrigger does that has just started."""
    return Engine(store, rules, silent).run()


def alerts(store: Store, table: str = "UserAuth") -> list[dict[str, Any]]:
    """All alerts that are stored, by time and id."""
    if not store.columns(table):
        return []
    return ask(store, "SELECT * FROM t ORDER BY time, id", t=Scan(table))


def starts(store: Store) -> list[tuple[str | None, int]]:
    """Group and start (seconds since START) of each alert that is stored, sorted."""
    found = ((a["source_host"], (a["time"] - START) // timedelta(seconds=1)) for a in alerts(store))
    return in_order(found)


def in_order(found: Iterable[tuple[str | None, int]]) -> list[tuple[str | None, int]]:
    """Groups and starts, sorted."""
    return sorted(found, key=lambda pair: (str(pair[0]), pair[1]))


def hot(times: Sequence[int], span: int, limit: int) -> set[int]:
    """The times at which more than `limit` of the times lie within the `span` up to them."""
    return {t for t in times if sum(t - span <= other <= t for other in times) > limit}


def episodes(times: Sequence[int], span: int, limit: int) -> list[tuple[int, int]]:
    """First and last time of each unbroken run of hot times."""
    is_hot = hot(times, span, limit)
    found: list[tuple[int, int]] = []
    previous: int | None = None
    for t in sorted(set(times)):
        if t in is_hot:
            if previous in is_hot and previous is not None and t - previous <= span:
                found[-1] = (found[-1][0], t)
            else:
                found.append((t, t))
        previous = t
    return found


def by_group(found: Iterable[Event]) -> dict[str | None, list[int]]:
    """Times of each group."""
    groups: dict[str | None, list[int]] = {}
    for second, group in found:
        groups.setdefault(group, []).append(second)
    return groups
