"""The drawings of docs/episodes.md are what windows find."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from rules import sigma_rules
from siemstress.rules.episodes.find import episodes
from siemstress.rules.episodes.model import MATCHES, Window

DOCUMENT = Path(__file__).resolve().parent.parent / "docs/episodes.md"
SECOND = 1_000_000
DRAWINGS = re.findall(r"^```text\n(\{.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
BASE = """\
title: {name}
name: {name}
logsource: {{product: linux}}
detection: {{sel: {{action: {name}}}, condition: sel}}
---
"""


def window_of(folder: Path, correlation: str, names: list[str]) -> Window:
    """The window of a correlation about rules of some names."""
    text = "".join(BASE.format(name=name) for name in names)
    (rule,) = sigma_rules(folder, f"{text}title: drawn\ncorrelation: {correlation}\n")
    assert rule.windowed is not None
    return rule.windowed.window


def drawn(window: Window, lines: dict[str, str]) -> str:
    """The alerts of a drawing, whose lines show events; a letter or digit is a value."""
    rows = [
        (at * SECOND, at * 10 + part, part, "g", mark, 1, at * SECOND)
        for part, line in enumerate(lines.values())
        for at, mark in enumerate(line)
        if mark not in " ."
    ]
    now = max(map(len, lines.values()))
    found = episodes(pl.DataFrame(rows, schema=MATCHES, orient="row"), window, now * SECOND)
    shown = [" "] * (now + 1)
    for n, row in enumerate(found.iter_rows(named=True), 1):
        start, last = row["start"] // SECOND, row["last"] // SECOND
        if row["ongoing"]:
            last = now - 1
        shown[start : last + 1] = "=" * (last + 1 - start)
        shown[start] = str(n)
    return "".join(shown).rstrip()


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda d: re.findall(r"type: (\w+)", d)[0])
def test_a_drawing_is_what_windows_find(drawing: str, tmp_path: Path) -> None:
    correlation, *shown = drawing.splitlines()
    lines = {name.strip(): line for name, line in (s.split("|", 1) for s in shown)}
    alerts = lines.pop("alert").rstrip()
    window = window_of(tmp_path / "sigma", correlation, list(lines))
    assert drawn(window, lines) == alerts, json.dumps(lines)


def test_there_are_drawings() -> None:
    assert len(DRAWINGS) >= 10
