"""Sigma rules as texts, and which events they match."""

from __future__ import annotations

from typing import Any

import polars as pl

from siemstress.fields.maps import ENTRIES
from siemstress.rules.sigma.condition import Condition
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma.rule import Loaded
from siemstress.rules.sigma.values import Batch, columns_of

FILTER = """
title: not for us
logsource: {{product: opencanary}}
filter:
  rules: {rules}
  selection_1: {{u: root}}
  selection_2: {{u: admin}}
  condition: not 1 of selection_*
"""


OWN = """
siemstress:
  group_by: [source_host, user]
  suppress_for: 2h
  message: "{user} of {source_host}: {count}"
  out_table: Alerts
  severity: 2
  magnitude: 7
  section: [Auth, Web]
  samples: {match: ["x"], no_match: [{line: y}]}
"""


ID = "5f1abf38-1f4c-4e0b-8b0a-6b8f4f4f3a1"
Event = dict[str, str]


def loaded(text: str, **options: Any) -> Loaded:
    """What is loaded of a file."""
    return load([], more=[("rules.yml", text.encode())], **options)


def matched(condition: Condition, *events: Event) -> list[int]:
    """The numbers of the events that a condition holds for."""
    evaluator = Evaluator([condition])
    names = [n for n in columns_of(evaluator.fields) if n != "fields"]
    columns: dict[str, Any] = {n: [e.get(n) for e in events] for n in names}
    maps = [[{"key": k, "value": v} for k, v in e.items() if k not in names] for e in events]
    frame = pl.DataFrame(
        {"fields": pl.Series(maps, dtype=ENTRIES)}
        | {n: pl.Series(v, dtype=pl.String) for n, v in columns.items()}
    )
    return [row for _, rows in evaluator.matches(Batch(frame, evaluator.fields)) for row in rows]


def rule(title: str, detection: str, source: str = "{product: opencanary}", more: str = "") -> str:
    return f"title: {title}\n{more}logsource: {source}\ndetection: {detection}\n"


def told(found: Loaded) -> list[str]:
    return [str(problem) for problem in found.problems]


CANARY = {"format": "linejson"}


def hits(found: Loaded, *events: Event) -> dict[str, list[int]]:
    """By title the events that each rule matches."""
    return {r.title: matched(r.condition, *(CANARY | e for e in events)) for r in found.rules}
