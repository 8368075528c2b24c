"""siemquery --sigma: the events that Sigma rules match, and what is said of rules."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from querying import ALWAYS, Query, error_of, folder, query

__all__ = ["folder", "query"]

FAILED = """
title: Failed password for root
id: 6d3c6e0e-6a9c-4d0a-9a55-2f1c0a6d1f01
status: test
level: medium
tags: [attack.credential-access, attack.t1110]
logsource: {product: linux, service: sshd}
detection:
    selection:
        User: root
        method|startswith: pass
    keywords: ['failed password']
    condition: selection and keywords
"""
ANY = """
title: All that web1 says
logsource: {product: linux}
detection:
    selection:
        Computer: WEB*
    condition: selection
"""
CRON = """
title: Jobs
logsource: {service: cron}
detection:
    selection:
        message|re: '^\\(root\\) CMD'
    condition: selection
"""


def _asked(query: Query, *arguments: str) -> list[tuple[int, str]]:
    out = query("-s", "auth", *ALWAYS, "--format", "jsonl", *arguments)
    return [(row["id"], row["rules"]) for row in map(json.loads, out.splitlines())]


def test_events_come_with_the_rules_that_match_them(query: Query, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yml").write_text(FAILED)
    (rules / "b.yaml").write_text(f"{ANY}---\n{CRON}")
    (rules / "note.txt").write_text("no rule")
    wanted = [(1, "Failed password for root; All that web1 says"), (2, "Jobs")]
    assert _asked(query, "--sigma", str(rules)) == wanted
    assert _asked(query, "--sigma", str(rules), "--reverse", "--limit", "1") == wanted[1:]
    assert _asked(query, "--sigma", str(rules), "--limit", "1") == wanted[1:]
    assert _asked(query, "--sigma", str(rules), "--process", "sshd") == wanted[:1]
    with zipfile.ZipFile(tmp_path / "rules.zip", "w") as archive:
        archive.write(rules / "a.yml", "deep/a.yml")
    found = _asked(query, "--sigma", str(tmp_path / "rules.zip"))
    assert found == [(1, "Failed password for root")]


def test_one_broken_rule_keeps_no_other_from_being_used(query: Query, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yml").write_text(FAILED)
    (rules / "b.yml").write_text("title: [")
    (rules / "c.yml").write_text(FAILED.replace("selection and", "nothing and"))
    (rules / "d.yml").write_text(CRON.replace("'^", "'(?=x)^"))
    (rules / "e.yml").write_text("- a\n- list\n")
    (rules / "f.yml").write_bytes(b"\xff\xfe\x00")
    (rules / "g.yml").write_text("")
    assert _asked(query, "--sigma", str(rules)) == [(1, "Failed password for root")]
    told = error_of(query).splitlines()
    for name in "bcdef":
        assert sum(f"{name}.yml: " in line for line in told) == 1
    assert "Traceback" not in error_of(query)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--sigma", "missing.yml"), "missing.yml: cannot be read: No such file"),
        (("--sigma", "x", "--histogram"), "--sigma: cannot go with --histogram"),
        (("--sigma", "x", "--count-by", "host"), "--sigma: cannot go with --count-by"),
    ],
)
def test_mistakes_are_one_line(query: Query, arguments: tuple[str, ...], told: str) -> None:
    query("-s", "auth", *ALWAYS, *arguments, status=2)
    assert told in error_of(query)
    assert error_of(query).count("\n") == 1
