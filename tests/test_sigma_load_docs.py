"""What the document about Sigma rules shows can be read, and nothing is missing in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from siemstress.rules.sigma import correlations, own
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma_rules import Tables, rules_of
from sigma_files import rule, told

TEXT = (Path(__file__).parent.parent / "docs/sigma.md").read_text()


def blocks(kind: str) -> list[str]:
    found = re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return found


RULES = [block for block in blocks("yaml") if "transformations:" not in block]


@pytest.mark.parametrize("text", RULES, ids=[re.sub(r"\W+", "-", t[:40]) for t in RULES])
def test_rules_can_be_used(text: str) -> None:
    found = load([], more=[("rules.yml", text.encode())])
    assert told(found) == []
    rules, problems = rules_of(found, Tables({"auth": "Auth"}, ("Auth",)))
    assert not problems
    assert rules or "filter:" in text


def test_pipelines_and_mappings_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "servers.txt").write_text("web1\nweb2\n")
    (tmp_path / "fields.toml").write_text("".join(blocks("toml")))
    (pipeline,) = (block for block in blocks("yaml") if "transformations:" in block)
    (tmp_path / "pipeline.yml").write_text(pipeline)
    text = rule("r", "{s: {u|expand: '%admins%', h|expand: '%servers%'}, condition: s}")
    found = load(
        [],
        more=[("rules.yml", text.encode())],
        pipelines=[tmp_path / "pipeline.yml"],
        mappings=[tmp_path / "fields.toml"],
    )
    assert told(found) == []
    assert found.rules[0].fires


def test_every_key_and_type_is_told_of() -> None:
    named = set(re.findall(r"`([\w-]+)`", TEXT))
    assert set(own.KEYS) | set(correlations.TYPES) <= named
    assert named | {"generate"} >= correlations.KEYS
    assert "`generate: true`" in TEXT
