"""siemtrigger test: samples of rules, in the rule's file and beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

PROGRAM = Path(sys.executable).parent / "siemtrigger"
RULE = """\
title: "Root <&\\x1b login"
id: 6f0a1a52-0000-4000-8000-0000000000aa
logsource: {product: linux, service: sshd}
detection: {sel: {action: login, user_name: root}, condition: sel}
siemstress:
  samples:
    match:
      - "Oct 14 04:11:30 web1 sshd[1]: Accepted password for root from 192.0.2.1 port 1 ssh2"
      - name: of another user
        line: "Oct 14 04:11:30 web1 sshd[1]: Accepted password for bob from 192.0.2.1 port 1 ssh2"
    no_match:
      - event: {process: sshd, action: login, user_name: root}
      - event: {process: sshd, action: logout, user_name: root}
      - {event: {pid: none}, name: no number}
"""
LIMIT = """\
[burst]
section=auth
grep=boo
interval=1m
limit=2
[asked]
sqlquery=SELECT Id FROM Auth WHERE DateStamp >= now() - interval 1 minute AND Message LIKE '%boo%'
    GROUP BY Id
interval=1m
limit=1
"""
BESIDE = """\
burst:
  match: {line: "Oct 14 04:11:30 web1 app: boo", repeat: 3, alerts: 1}
  no_match: {line: "Oct 14 04:11:30 web1 app: boo", repeat: 2}
asked:
  match:
    - {events: [{message: boo}, {message: BOO}]}
  no_match: ["Oct 14 04:11:30 web1 app: boo"]
"""


def tried(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """siemtrigger test, run to its end in a folder."""
    (folder / "siemtrigger.conf").write_text("[siemstress]\nlake=lake\nconfdir=rules\n")
    command: list[str | Path] = [PROGRAM, "-c", folder / "siemtrigger.conf", "test", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    return tmp_path / "rules"


def test_samples_that_are_wrong_are_told_with_what_was_read(tmp_path: Path, rules: Path) -> None:
    (rules / "root.yml").write_text(RULE)
    done = tried(tmp_path, "--verbose", "--junit", "report.xml")
    assert done.returncode == 1
    title = "Root <&\\x1b login"
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(line[0], line[1], line[2]) for line in lines] == [
        ("ok", title, "match 1"),
        ("not ok", title, "of another user"),
        ("not ok", title, "no_match 1"),
        ("ok", title, "no_match 2"),
        ("not ok", title, "no number"),
    ]
    assert lines[1][3].startswith("raised no alert; read: format=syslogbsd process=sshd")
    assert "user_name=bob" in lines[1][3]
    assert lines[2][3].startswith("raised 1 alerts, not 0")
    assert "5 samples of 1 rules, 3 wrong; 0 rules have no samples" in done.stderr
    suite = ET.parse(tmp_path / "report.xml").getroot()  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "2", "1")
    assert [len(case) for case in suite] == [0, 1, 1, 0, 1]
    assert {case.get("classname") for case in suite} == {"Root <&\ufffd login"}


def test_samples_beside_rules_of_all_kinds(tmp_path: Path, rules: Path) -> None:
    (rules / "some.conf").write_text(LIMIT)
    (rules / "some.samples.yml").write_text(BESIDE)
    done = tried(tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "4 samples of 2 rules, 0 wrong" in done.stderr
    only = tried(tmp_path, "--rule", "burst", "--verbose", "rules/some.conf")
    assert only.stdout == "ok\tburst\tmatch 1\nok\tburst\tno_match 1\n"


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        ("burst: {match: [{lime: x}]}", "match 1: there is no 'lime'"),
        ("burst: {maybe: []}", "samples: there is no 'maybe'"),
        ("burst: {match: [{}]}", "match 1 has no line and no event"),
        ("burst: {match: [{line: x, alerts: many}]}", "match 1: alerts must be a whole number"),
        ("burst: {match: [{line: x, after: soon}]}", "match 1: after must be a time span"),
        ("[]", "a file of samples must be a mapping"),
        ("burst: [", "is no YAML"),
    ],
)
def test_mistakes_in_samples_are_one_line(
    tmp_path: Path, rules: Path, samples: str, complaint: str
) -> None:
    (rules / "some.conf").write_text(LIMIT)
    (rules / "some.samples.yml").write_text(samples)
    done = tried(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"{rules / 'some.samples.yml'}" in line
    assert complaint in line
