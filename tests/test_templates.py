"""siemquery --templates: messages that are alike, grouped."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from querying import ALWAYS, Query, error_of, folder, query
from siemstress.query import templates as mining
from siemstress.query.events import Events
from siemstress.query.templates import Miner, masked
from siemstress.store.base import Store
from siemstress.store.lake import Lake
from stores import START, events, kind, opened, put, store

__all__ = ["folder", "kind", "opened", "query", "store"]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("from 192.0.2.7:4022 in 0.25 s", "from <ip>:<num> in <num> s"),
        ("from 2001:db8::1 and fe80::1%eth0", "from <ip> and <ip>"),
        ("id 0x7f and deadbeefdeadbeef01", "id <hex> and <hex>"),
        ("550e8400-e29b-41d4-a716-446655440000", "<uuid>"),
        ("mac 00:16:3e:aa:bb:cc", "mac <mac>"),
        ("at 2026-10-14T04:11:37.5Z", "at <time>"),
        ("std::vector of web1", "std::vector of web1"),
        ("added 12 of 1,024: 99%", "added <num> of <num>: <num>%"),
        ("", ""),
    ],
)
def test_masks(message: str, wanted: str) -> None:
    assert masked(pl.Series([message])).to_list() == [wanted]


def test_templates_on_every_store(store: Store) -> None:
    users = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"]
    messages = [f"login of {users[n % 8]} from 192.0.2.{n} took {n} ms" for n in range(40)]
    hosts = [f"web{n % 5}" for n in range(40)]
    put(store, "t", events(40, message=messages, host=hosts))
    put(store, "t", events(3, 40, message=["disk full", None, ""], host=[None, "db1", "db1"]))
    asked = Events(store, ["t"])
    answer = mining.templates(asked, mining.statement(asked))
    rows = [row for batch in answer.batches for row in batch.to_pylist()]
    first = rows[0]
    assert (first["count"], first["template"]) == (
        40, "login of <*> from <ip> took <num> ms"
    )  # fmt: skip
    assert (first["first"], first["last"]) == (START, START + timedelta(seconds=39))
    assert first["hosts"] == "web0, web1, web2 and 2 more"
    assert first["sample"] in messages
    assert [(r["count"], r["template"], r["hosts"]) for r in rows[1:]] == [
        (1, "disk full", ""), (1, "", "db1")
    ]  # fmt: skip


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "_SHAPES", 50)
    monkeypatch.setattr(mining, "_TEMPLATES", 20)
    miner = Miner()
    for batch in range(4):
        names = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(100)]
        texts = [f"{name} {name} {'x' * batch} {name}x y{name}" for name in names]
        frame = events(100, message=texts).select(mining.READ)
        miner.add(frame.to_arrow().combine_chunks().to_batches()[0])
        assert miner._shapes is None or len(miner._shapes) <= 50
    found = dict(miner.found())
    assert len(found) <= 21
    assert sum(known.count for known in found.values()) == 400
    assert found["<all other messages>"].count > 0


def test_hostile_messages_are_grouped() -> None:
    texts = ["<*> <num>", "\0", "\x1b[31m", " ", "x" * 100_000, "a " * 5_000, "\ufffd", "{}%s"]
    miner = Miner()
    miner.add(events(8, message=texts).select(mining.READ).to_arrow().to_batches()[0])
    assert sum(known.count for _, known in miner.found()) == 8


def test_the_command(query: Query, folder: Path) -> None:
    put(Lake(folder / "lake"), "Many", events(9, message=[f"a {n} b" for n in range(8)] + ["c"]))
    out = query("--table", "Many", *ALWAYS, "--templates", "--format", "jsonl")
    found = [json.loads(line) for line in out.splitlines()]
    assert [(f["count"], f["template"]) for f in found] == [(8, "a <num> b"), (1, "c")]
    out = query("--table", "Many", *ALWAYS, "--templates", "--reverse", "--limit", "1")
    assert out.splitlines()[1].split()[:2] == ["1", "c"]
    assert "a <num>" not in query("--table", "Many", *ALWAYS, "--templates", "--grep", "c")
    query("--table", "Many", "--templates", "--columns", "host", status=2)
    assert "--columns: cannot go with --templates" in error_of(query)
    assert query("-s", "auth", *ALWAYS, "--unparsed", "--templates").count("\n") == 2
