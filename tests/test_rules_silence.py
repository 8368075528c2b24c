"""Silence: told once, however long it lasts, and over when an event comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rules import START, alerts, at, sigma_rules, silent, store_events
from siemstress.query.times import now
from siemstress.rules import clocks
from siemstress.rules.engine import Engine
from siemstress.rules.tables import ALERT_LOG
from siemstress.store.base import Scan, Store
from siemstress.store.lake import Lake
from stores import ask

RULE = """\
title: Silence
correlation: {type: absence, group-by: [source_host], timespan: 30s, learn: 5m, at-least: 2}
"""


def told(store: Store) -> list[tuple[str, datetime]]:
    """What the log says of alerts, by group, in order."""
    if ALERT_LOG not in store.tables():
        return []
    groups: dict[Any, str] = {a["alert_id"]: a["source_host"] for a in alerts(store)}
    rows = ask(store, "SELECT * FROM t ORDER BY id", t=Scan(ALERT_LOG))
    return [(f"{groups[r['alert_id']]} {r['change']}", r["last_time"]) for r in rows]


def test_a_silence_ends_with_the_next_event_however_long_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_often", lambda _: 0)
    rules = sigma_rules(tmp_path / "sigma", RULE)
    store = Lake(tmp_path / "lake")
    engine = Engine(store, rules, silent)
    since = (now() - START) // timedelta(seconds=1)
    store_events(store, [(since - 900_000, "a"), (since - 500_000, "b"), (since - 400_000, "c")])
    assert engine.run().count == 3
    for _ in range(3):
        assert engine.run().count == 0
    assert all(a["ongoing"] for a in alerts(store))
    assert told(store) == []
    store_events(store, [(since, "b")])
    for _ in range(2):
        assert engine.run().count == 0
    assert told(store) == [("b over", at(since))]
    # What came late ends it where it ended.
    store_events(store, [(since - 300_000, "b")])
    assert Engine(store, rules, silent).run().count == 1
    assert told(store)[1:] == [("b over", at(since - 300_000))]
