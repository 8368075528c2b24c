"""What was read of Sigma rules is kept, so that the next start reads only what has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siemstress.rules.sigma.load import load
from siemstress.rules.sigma.pool import Writer, built
from sigma_files import FILTER, OWN, rule, told

SEVERAL = rule("one", "{s: {a: x, n|gte: 5.0, m: 5, c|cidr: 192.0.2.0/24}, k: ['w*d'], "
               "condition: s or k}", more="name: one\n") + OWN + """
---
title: many
correlation:
  type: value_count
  rules: [one]
  group-by: [u]
  aliases: {u: {one: user}}
  timespan: 5m
  condition: {gte: 3, field: c}
---
title: silent
date: 2026-01-02
correlation: {type: absence, group-by: host, timespan: 1h, expected: {file: hosts.txt}}
"""  # fmt: skip


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    rules, cache = tmp_path / "rules", tmp_path / "cache"
    rules.mkdir()
    (rules / "a.yml").write_text(SEVERAL)
    (rules / "b.yml").write_text("- wrong")
    (rules / "c.yml").write_text(FILTER.format(rules="any"))
    (rules / "hosts.txt").write_text("Web1\n# none\nweb2  # ours\n")
    plain = load([rules])
    assert len(plain.rules) == 1
    assert len(plain.correlations) == 2
    for _ in range(2):
        found = load([rules], cache=cache)
        assert (found.rules, found.correlations) == (plain.rules, plain.correlations)
        assert told(found) == told(plain)
    (kept,) = cache.iterdir()
    before = kept.stat().st_ino
    load([rules], cache=cache)
    assert kept.stat().st_ino == before, "nothing has changed, and it is written again"
    (rules / "hosts.txt").write_text("web3")
    (silent,) = (c for c in load([rules], cache=cache).correlations if c.title == "silent")
    assert getattr(silent.kind, "listed", None) == ("web3",)
    (rules / "c.yml").unlink()
    assert load([rules], cache=cache).rules == load([rules]).rules != plain.rules


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "null", '{"values": 5, "files": {}}', '{"values": [["?"]], "files": {}}',
     '{"values": [["All", 9]], "files": {}}', '{"values": [], "files": {"x": {}}}',
     '{"values": [], "files": 5}', "[" * 100_000, '{"values": ["x", ["Sigma", 0]], "files": {}}',
     '{"values": ["x"], "files": {"KEY": {"under": "", "rules": [0], "problems": [],'
     ' "filters": []}}}'],
)  # fmt: skip
def test_a_broken_cache_is_as_none(tmp_path: Path, text: str) -> None:
    rules, cache = tmp_path / "rules", tmp_path / "cache"
    rules.mkdir()
    (rules / "a.yml").write_text(rule("one", "{s: {a: x}, condition: s}"))
    plain = load([rules], cache=cache)
    (kept,) = cache.iterdir()
    for key in json.loads(kept.read_text())["files"]:
        text = text.replace("KEY", key)
    kept.write_text(text)
    assert load([rules], cache=cache) == plain
    assert json.loads(kept.read_text())["files"]


def test_a_cache_that_cannot_be_written_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    (tmp_path / "a.yml").write_text(rule("one", "{s: {a: x}, condition: s}"))
    assert len(load([tmp_path / "a.yml"], cache=tmp_path / "cache").rules) == 1


def test_a_start_without_changes_imports_no_pysigma(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(SEVERAL.replace("{file: hosts.txt}", "[web1]"))
    code = (
        "import sys; from pathlib import Path; from siemstress.rules.sigma.load import load\n"
        f"found = load([Path({str(tmp_path / 'a.yml')!r})], cache=Path({str(tmp_path / 'c')!r}))\n"
        "print(len(found.rules), 'sigma' in sys.modules, 'yaml' in sys.modules)"
    )
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    out = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env=environment,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert out == [["1", "True", "True"], ["1", "False", "False"]]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=2) | st.integers() | st.booleans(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(VALUES, max_size=6))
def test_all_values_come_back_as_they_are(values: list[Any]) -> None:
    writer = Writer()
    places = [writer.add(value) for value in values]
    back = built(json.loads(json.dumps(writer.entries)))
    assert repr([back[place] for place in places]) == repr(values)
