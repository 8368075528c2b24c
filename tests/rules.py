"""Rules and events to try them on, and what a plain model of windows says about both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from siemstress.rules.engine import Engine, Raised
from siemstress.rules.load import Loaded, load_rules
from siemstress.rules.model import EPOCH, GroupKey, Rule, Window
from siemstress.rules.raised import standing
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma_rules import Tables, rules_of
from siemstress.schema import EVENT, polars_schema
from siemstress.store.base import Scan, Store
from stores import ask, put

START = datetime(2026, 3, 1, 12)
TABLES = {"default": "Entries", "auth": "Auth", "userauth": "UserAuth", "access": "Access"}
TABLES |= {table: table for table in TABLES.values()}

# An event of the model: seconds since START, and its group.
Event = tuple[int, str | None]


def at(second: int) -> datetime:
    """A time, in seconds since START."""
    return START + timedelta(seconds=second)


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


def starts(store: Store, rule: str | None = None) -> list[tuple[str | None, int]]:
    """Group and start (seconds since START) of each alert that is current, sorted."""
    names = {a["source_rule"] for a in alerts(store)} if rule is None else {rule}
    found = standing(store, "UserAuth", names, -(2**62), 2**62)
    origin = (START - EPOCH) // timedelta(microseconds=1)
    return in_order(
        (json.loads(alert.group).get("source_host"), (alert.start - origin) // 1_000_000)
        for some in found.values()
        for alert in some
        if alert.current
    )


def in_order(found: Iterable[tuple[str | None, int]]) -> list[tuple[str | None, int]]:
    """Groups and starts, sorted."""
    return sorted(found, key=lambda pair: (str(pair[0]), pair[1]))


def hot(times: Sequence[int], span: int, limit: int) -> set[int]:
    """The times at which more than `limit` of the times lie within the `span` up to them."""
    return {t for t in times if sum(t - span <= other <= t for other in times) > limit}


def episodes(times: Sequence[int], span: int, limit: int) -> list[tuple[int, int]]:
    """First and last time of each run of hot times, each within the span of the one before."""
    return runs(hot(times, span, limit), span)


def runs(times: Iterable[int], span: int) -> list[tuple[int, int]]:
    """First and last of each run of times, each within the span of the one before."""
    found: list[tuple[int, int]] = []
    for t in sorted(set(times)):
        if found and t - found[-1][1] <= span:
            found[-1] = (found[-1][0], t)
        else:
            found.append((t, t))
    return found


def by_group(found: Iterable[Event]) -> dict[str | None, list[int]]:
    """Times of each group."""
    groups: dict[str | None, list[int]] = {}
    for second, group in found:
        groups.setdefault(group, []).append(second)
    return groups


def sigma_rules(folder: Path, text: str) -> list[Rule]:
    """The rules of some Sigma YAML, none of which has a mistake."""
    folder.mkdir(exist_ok=True)
    file = folder / "rules.yml"
    file.write_text(text)
    rules, problems = rules_of(load([file]), Tables(TABLES, ("Auth", "Access")))
    assert [str(p) for p in problems] == []
    return rules
