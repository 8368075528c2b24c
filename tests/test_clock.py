"""siemquery --clock: how far the clocks of hosts are off."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from querying import ALWAYS, Query, error_of, folder, query
from siemstress.query.clock import by_arrival, clocks, statement
from siemstress.query.events import Events
from siemstress.query.filters import Filter
from siemstress.store.base import Store
from siemstress.store.lake import Lake
from stores import events, kind, opened, put, store

__all__ = ["folder", "kind", "opened", "query", "store"]

READ = datetime(2026, 3, 2, 12)


def fill(store: Store, table: str) -> None:
    """Lines of hosts whose stamps are off by so many seconds from when they were read."""
    number = 0
    for host, offsets, path, zone in (
        ("right", [-2.0, -0.5, 0.25], "udp://192.0.2.1", "+00:00"),
        ("ahead", [300.0, 301.0, 299.0], "tcp://192.0.2.2", "Z"),
        ("behind", [-400.0, -402.0, -7_000_000.0], "tls://192.0.2.3", "Z"),
        ("zoned", [-7201.0, -7200.0], "udp://192.0.2.4", "+02:00"),
        ("jumps", [-1.0, -1.0, 900.0], "udp://192.0.2.5", "Z"),
        ("old", [-90_000.0, -80_000.0], "/var/log/old.log", "Z"),
        ("future", [90_000.0], "/var/log/new.log", "Z"),
        ("unread", [500.0], "udp://192.0.2.6", None),
    ):
        read = [READ + timedelta(seconds=n) for n in range(len(offsets))]
        times = [at + timedelta(seconds=off) for at, off in zip(read, offsets, strict=True)]
        more = {"host": host, "source_path": path, "zone": zone, "time": times, "received": read}
        put(store, table, events(len(offsets), number, **more))
        number += len(offsets)


def answer(store: Store, **wanted: Any) -> dict[str, dict[str, Any]]:
    asked = by_arrival(Events(store, ["t"], Filter(**wanted)))
    rows = [r for b in clocks(asked, statement(asked)).batches for r in b.to_pylist()]
    return {row["host"]: row for row in rows}


def test_clocks_on_every_store(store: Store) -> None:
    fill(store, "t")
    found = answer(store)
    assert {host: (row["read"], row["clock"]) for host, row in found.items()} == {
        "right": ("live", "right"),
        "ahead": ("live", "ahead"),
        "behind": ("live", "behind"),
        "zoned": ("live", "another zone"),
        "jumps": ("live", "ahead at times"),
        # Who knows when these lines were read?
        "old": ("file", None),
        "future": ("file", "ahead"),
    }
    right = {name: found["right"][name] for name in ("count", "median", "smallest", "largest")}
    assert right == {"count": 3, "median": -0.5, "smallest": -2.0, "largest": 0.25}
    assert found["right"]["last"] == 0.25
    assert found["ahead"]["last"] == 299.0
    assert list(found)[:2] == ["zoned", "behind"]


def test_the_time_that_is_asked_for_is_when_lines_were_read(store: Store) -> None:
    fill(store, "t")
    found = answer(store, time_min=READ + timedelta(seconds=2))
    assert {host: row["count"] for host, row in found.items()} == {
        "right": 1, "ahead": 1, "behind": 1, "jumps": 1
    }  # fmt: skip
    assert answer(store, time_max=READ) == {}


def test_the_command(query: Query, folder: Path) -> None:
    fill(Lake(folder / "lake"), "Clocks")
    out = query("--table", "Clocks", *ALWAYS, "--clock", "--format", "jsonl", "--limit", "2")
    assert [json.loads(line)["host"] for line in out.splitlines()] == ["zoned", "behind"]
    assert "ahead at times" in query("--table", "Clocks", *ALWAYS, "--clock")
    assert query("--table", "Clocks", *ALWAYS, "--clock", "--shost", "right").count("\n") == 2
    query("--table", "Clocks", "--clock", "--templates", status=2)
    assert "cannot go with" in error_of(query)
