"""Every rule of SigmaHQ's regression data fires on its own Windows event log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from corpora import CORPORA
from corpora_more import unpacked
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma.values import Batch

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here")


def test_rules_fire_on_their_own_logs() -> None:
    text = (CORPORA / "train" / "sigma_regression.jsonl").read_text(encoding="utf-8")
    cases = [json.loads(line) for line in text.splitlines()]
    files = [CORPORA / "sigma_rules" / case["meta"]["rule_path"] for case in cases]
    loaded = load([file for file in files if file.exists()])
    assert not loaded.problems
    frames = [unpacked(CORPORA / case["file"]) for case in cases]
    lengths = [len(frame) for frame in frames]
    starts = [sum(lengths[:n]) for n in range(len(lengths))]
    evaluator = Evaluator([rule.condition for rule in loaded.rules])
    events = pl.concat(frame.cast({pl.Enum: pl.String}) for frame in frames)
    batch = Batch(events, evaluator.fields)
    rows = {loaded.rules[n].about.id: found for n, found in evaluator.matches(batch)}
    short = []
    for case, start, length in zip(cases, starts, lengths, strict=True):
        own = rows.get(case["expect"]["rule_id"], np.empty(0, np.int64))
        count = int(((start <= own) & (own < start + length)).sum())
        if count < case["expect"]["min_matches"]:
            short.append((Path(case["meta"]["rule_path"]).name, count))
    assert short == []
