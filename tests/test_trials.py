"""The trials in short, and that one would show what is lost, double or torn."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from trials.__main__ import main
from trials.all import TRIALS, Trial
from trials.lines import numbered
from trials.place import Place
from trials.report import Skipped

import mariadb_server

ON_MARIADB = ("kill-listener",)
SHORT = [(trial, "lake") for trial in TRIALS] + [
    (trial, "mariadb") for trial in TRIALS if trial.name in ON_MARIADB
]
# It compares times, which say nothing where other tests run beside it.
SLOWER = "queries are slower than after one load"


@pytest.mark.parametrize(("trial", "kind"), SHORT, ids=lambda value: getattr(value, "name", value))
def test_a_short_form(trial: Trial, kind: str, tmp_path: Path) -> None:
    server = str(mariadb_server.shared_socket()) if kind == "mariadb" else None
    with Place(trial.name, tmp_path, server) as place:
        try:
            tally = trial.run(place, trial.short)
        except Skipped as e:
            if os.environ.get("CI") and not os.geteuid():
                pytest.fail(str(e))
            pytest.skip(str(e))
    assert tally.failure in ("", SLOWER)
    assert tally.sent > 0
    assert tally.lost == tally.reported
    assert tally.stored == tally.sent - tally.lost


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (numbered("file", 0, 100), ""),
        (numbered("file", 0, 50) + numbered("file", 51, 49), "1 lines are lost, 0 are reported"),
        (numbered("file", 0, 100) + numbered("file", 7, 2), "2 lines are stored more than once"),
        (numbered("file", 0, 100) + b"half a line", "1 events are no lines that were sent"),
        (numbered("file", 0, 100)[:-3], "1 lines are lost, 0 are reported"),
    ],
)
def test_what_went_wrong_shows(data: bytes, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(data)
    with Place("x", tmp_path) as place:
        place.run("-q", "a.log", program="siemparse")
        tally = place.tally({"file": 100})
    assert tally.failure.startswith(wanted)
    assert bool(tally.failure) == bool(wanted)


def test_drops_that_are_reported_may_be_lost(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(numbered("file", 0, 90))
    with Place("x", tmp_path) as place:
        place.run("-q", "a.log", program="siemparse")
        tally = place.tally({"file": 100}, reported=10)
    assert (tally.lost, tally.failure) == (10, "")
    assert replace(tally, reported=9).failure
    assert replace(tally, reported=11).failure
    assert replace(tally, memory=600_000_000).failure == "it took 600 MB"


def test_one_that_fails_keeps_its_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(place: Place, size: int) -> object:
        (place.folder / "a.log").write_bytes(numbered("file", 0, size))
        place.run("-q", "a.log", program="siemparse")
        return place.tally({"file": size + 1})

    trial = replace(TRIALS[0], name="failing", run=failing, stores=("lake",))  # type: ignore[arg-type]
    monkeypatch.setattr("trials.__main__.TRIALS", (trial,))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert main(["--only", "failing", "--size", "5"]) == 1
    said = capsys.readouterr().out
    assert "FAILED: 1 lines are lost" in said
    (kept,) = tmp_path.iterdir()
    assert str(kept) in said
    assert (kept / "a.log").exists()
