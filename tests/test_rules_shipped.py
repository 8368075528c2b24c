"""The shipped rules: what raises each alert, and what must not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rules import TABLES, alerts, run, store_events
from siemstress.rules import settings
from siemstress.rules.load import load_rules
from siemstress.store.base import Store
from siemstress.store.lake import Lake

Columns = dict[str, Any]

FAILED: Columns = {"process": "sshd", "action": "login", "outcome": "failure"}
ACCEPTED: Columns = {"process": "sshd", "action": "login", "outcome": "success"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Lake(tmp_path / "lake")


def raised(store: Store) -> list[str]:
    loaded = load_rules(sorted(settings.SHIPPED.glob("*.conf")), TABLES)
    run(store, *loaded.rules)
    return [alert["source_rule"] for alert in alerts(store)]


def put(store: Store, count: int, columns: Columns, table: str = "Entries", first: int = 0) -> None:
    known = {"host": "web1", "user_name": "mallory", **columns}
    store_events(store, [(first + n, "203.0.113.9") for n in range(count)], table, **known)


def siemtrigger(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """siemtrigger with the shipped rules, run to its end."""
    (folder / "siemtrigger.conf").write_text("[siemstress]\nlake=lake\n")
    program = Path(sys.executable).parent / "siemtrigger"
    command: list[str | Path] = [program, "-c", folder / "siemtrigger.conf", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_every_shipped_rule_does_what_its_samples_say(tmp_path: Path) -> None:
    run_of = siemtrigger(tmp_path, "test")
    assert run_of.returncode == 0, run_of.stdout + run_of.stderr
    assert " 0 wrong; " in run_of.stderr


def test_every_shipped_rule_has_samples_of_both_kinds(tmp_path: Path) -> None:
    shown = siemtrigger(tmp_path, "test", "--verbose").stdout.splitlines()
    kinds: dict[str, set[str]] = {}
    for line in shown:
        _, rule, sample = line.split("\t")[:3]
        kinds.setdefault(rule, set()).add("match" if sample.startswith("match") else "none")
    rules = {line.split("\t")[0] for line in siemtrigger(tmp_path, "--rules").stdout.splitlines()}
    assert rules - {rule for rule, found in kinds.items() if found == {"match", "none"}} == set()


def test_rules_watch_whichever_table_the_lines_went_to(store: Store) -> None:
    for n, table in enumerate(("Auth", "Entries", "Access")):
        put(store, 16, FAILED, table, first=n * 100_000)
    assert raised(store) == ["ssh_brute_force"] * 3


def test_a_break_in(store: Store) -> None:
    put(store, 20, FAILED, "Auth")
    put(store, 1, ACCEPTED, "Entries", first=3000)
    assert raised(store) == ["ssh_brute_force", "ssh_break_in"]
    last = alerts(store)[-1]
    assert (last["severity"], last["source_host"]) == (1, "203.0.113.9")
    assert last["message"] == (
        "SSH break-in: a login from 203.0.113.9 succeeded after many that were refused"
    )
