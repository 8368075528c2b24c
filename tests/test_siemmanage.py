"""siemmanage as its users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from siemstress.store.base import Advance
from siemstress.store.lake import Lake
from stores import events, ids, put

PROGRAM = Path(sys.executable).parent / "siemmanage"
CONFIG = """
[siemstress]
lake=lake
[auth]
table=Auth
[logins]
table=Auth
[web]
table=Access
parser=webaccess
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    (tmp_path / "s.conf").write_text(CONFIG)
    return Lake(tmp_path / "lake")


def siemmanage(tmp_path: Path, *arguments: str, status: int = 0) -> tuple[str, str]:
    """Standard output and standard error of a run that ends with `status`."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "60"},
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def fill(lake: Lake) -> None:
    for n in range(3):
        staged = lake.stage("Auth", events(1000, first=1000 * n))
        lake.commit("Auth", staged, [Advance("/var/log/auth.log \x1b[31m", n or None, n + 1)])
    put(lake, "Access", events(5))
    put(lake, "Orphan", events(1))


def test_help_is_quick_and_shows_examples(tmp_path: Path) -> None:
    said, _ = siemmanage(tmp_path, "--help")
    assert "siemmanage status" in said
    for action in ("status", "sections", "compact", "clear", "repair"):
        assert action in said
        assert f"siemmanage {action}" in siemmanage(tmp_path, action, "--help")[0]
    started = time.monotonic()
    siemmanage(tmp_path, "--help")
    assert time.monotonic() - started < 1


def test_status_shows_each_table(lake: Lake, tmp_path: Path) -> None:
    fill(lake)
    said, _ = siemmanage(tmp_path, "status", "-c", "s.conf")
    auth, access, orphan = said.split("\n\n")
    words = [" ".join(line.split()) for line in auth.splitlines()]
    assert words[0] == "Auth section auth, logins"
    assert "events 3,000" in words
    assert "first event 2026-03-01 12:00:00 UTC" in words
    assert "last event 2026-03-01 12:49:59 UTC" in words
    assert "last received 2026-03-02 12:00:00 UTC" in words
    assert any(w.startswith("size ") and w.endswith(" in 3 files") for w in words)
    assert "progress /var/log/auth.log \\x1b[31m: 3" in words
    assert access.startswith("Access")
    assert "section web" in access
    assert "section none" in orphan
    only, _ = siemmanage(tmp_path, "-c", "s.conf", "status", "-s", "web")
    assert only.strip() == access.strip()


def test_status_as_json(lake: Lake, tmp_path: Path) -> None:
    fill(lake)
    said, _ = siemmanage(tmp_path, "-c", "s.conf", "status", "--json")
    auth, access, _ = json.loads(said)
    assert auth["table"] == "Auth"
    assert auth["sections"] == ["auth", "logins"]
    assert auth["rows"] == 3000
    assert auth["consumers"] == {"/var/log/auth.log \x1b[31m": 3}
    assert datetime.fromisoformat(auth["time_max"]).isoformat() == "2026-03-01T12:49:59+00:00"
    assert access["files"] == 1


def test_nothing_stored_yet(lake: Lake, tmp_path: Path) -> None:
    said, talk = siemmanage(tmp_path, "-c", "s.conf", "status")
    assert (said, talk) == ("", "siemmanage: nothing is stored yet\n")
    said, _ = siemmanage(tmp_path, "-c", "s.conf", "status", "--json")
    assert json.loads(said) == []
    assert siemmanage(tmp_path, "-c", "s.conf", "compact") == ("", "")
    assert siemmanage(tmp_path, "-c", "s.conf", "repair") == ("", "")
    assert not lake.folder.path.exists()


def test_sections(lake: Lake, tmp_path: Path) -> None:
    put(lake, "Auth", events(1))
    said, _ = siemmanage(tmp_path, "-c", "s.conf", "sections")
    assert [line.split() for line in said.splitlines()] == [
        ["SECTION", "TABLE", "PARSER", "STORED"],
        ["auth", "Auth", "auto", "yes"],
        ["logins", "Auth", "auto", "yes"],
        ["web", "Access", "webaccess", "no"],
    ]


def test_clear_tells_and_does_it_only_when_forced(lake: Lake, tmp_path: Path) -> None:
    fill(lake)
    said, talk = siemmanage(tmp_path, "-c", "s.conf", "clear", "-s", "auth", status=2)
    assert said == ""
    assert "would delete Auth with 3,000 events" in talk
    assert "1 consumer" in talk
    assert "also the table of logins" in talk
    assert talk.count("\n") == 1
    assert len(ids(lake, "Auth")) == 3000
    _, talk = siemmanage(tmp_path, "-c", "s.conf", "clear", "-s", "auth", "--force")
    assert "deleted Auth" in talk
    assert lake.tables() == ["Access", "Orphan"]
    _, talk = siemmanage(tmp_path, "-c", "s.conf", "clear", "-s", "auth", "--force")
    assert "does not exist" in talk


def test_clear_also_deletes_what_cannot_be_read(lake: Lake, tmp_path: Path) -> None:
    put(lake, "Auth", events(1))
    (lake.folder.path / "Auth/_delta_log/00000000000000000001.json").write_text("{")
    _, talk = siemmanage(tmp_path, "-c", "s.conf", "clear", "-s", "auth", status=2)
    assert "cannot be read" in talk
    siemmanage(tmp_path, "-c", "s.conf", "clear", "-s", "auth", "--force")
    assert lake.tables() == []


def test_compact_says_what_it_did(lake: Lake, tmp_path: Path) -> None:
    fill(lake)
    said, _ = siemmanage(tmp_path, "-c", "s.conf", "compact", "-s", "auth")
    assert said.startswith("Auth: merged 3 files into 1, ")
    said, _ = siemmanage(tmp_path, "-c", "s.conf", "compact")
    assert said == "Auth: nothing to do\nAccess: nothing to do\nOrphan: nothing to do\n"
    assert len(ids(lake, "Auth")) == 3000


def test_repair(lake: Lake, tmp_path: Path) -> None:
    fill(lake)
    assert siemmanage(tmp_path, "-c", "s.conf", "repair", "-s", "web")[0] == "Access: is whole\n"
    torn = lake.folder.path / "Auth/_delta_log/00000000000000000003.json"
    os.truncate(torn, 10)
    _, talk = siemmanage(tmp_path, "-c", "s.conf", "status", status=1)
    assert "run siemmanage repair" in talk
    assert talk.count("\n") == 1
    said, _ = siemmanage(tmp_path, "-c", "s.conf", "repair")
    assert "Auth: 00000000000000000003.json: was torn" in said
    assert len(ids(lake, "Auth")) == 2000
    next((lake.folder.path / "Access").glob("*.parquet")).unlink()
    _, talk = siemmanage(tmp_path, "-c", "s.conf", "repair", status=1)
    assert "is missing" in talk


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "ACTION"),
        (["dance"], "dance"),
        (["clear"], "-s"),
        (["status", "-s", "nope"], "[nope]: no such section; there are: auth"),
        (["status", "--jso"], "--jso"),
        (["-c", "none.conf", "status"], "none.conf"),
    ],
)
def test_mistakes_are_one_line(
    lake: Lake, tmp_path: Path, arguments: list[str], words: str
) -> None:
    arguments = arguments if "-c" in arguments else ["-c", "s.conf", *arguments]
    said, talk = siemmanage(tmp_path, *arguments, status=2)
    assert said == ""
    assert words in talk
    assert talk.count("\n") == 1
    assert not lake.folder.path.exists()


def test_a_closed_pipe_is_quiet(lake: Lake, tmp_path: Path) -> None:
    for n in range(3):
        put(lake, f"T{n}", events(1))
    with subprocess.Popen(
        [PROGRAM, "-c", "s.conf", "status", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout
        assert child.stderr
        child.stdout.close()
        assert child.stderr.read() == ""
    assert child.returncode == 141
