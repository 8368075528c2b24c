"""siemmanage rules: rules are listed, counted, put on and off, kept in the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siemstress.errors import StoreError
from siemstress.rules.ruleset import SIGMA, STATE, Named, State, keep, meant, stored
from siemstress.store.base import Store

FOLDER = Path(sys.executable).parent
LINE = "Oct 14 04:11:30 web1 sudo: bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/{}"
RULE = """\
title: {title}
id: {id}
level: {level}
tags: [attack.defense-evasion, attack.t1070.002]
logsource: {{product: {product}, service: sudo}}
detection: {{s: {{{field}|contains: {word}}}, condition: s}}
"""
ONE = "0b3f6c1e-6a7e-4d2b-9a53-0d3f3c1f6a01"
TWO = "0b3f6c1e-6a7e-4d2b-9a53-0d3f3c1f6a02"


def rule(title: str, id_: str, **more: str) -> str:
    values = {"level": "low", "product": "linux", "field": "message", "word": "=/bin/", **more}
    return RULE.format(title=title, id=id_, **values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "siemstress.conf").write_text("[siemstress]\nlake=lake\n[default]\ntable=Entries\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "siemtrigger.conf").write_text("[siemstress]\nconfdir=rules\n")
    return tmp_path


def ran(folder: Path, program: str, *arguments: str, status: int = 0) -> tuple[str, str]:
    """Standard output and standard error of a run that ends with `status`."""
    done = subprocess.run(
        [FOLDER / program, "-c", "siemstress.conf", *arguments], capture_output=True, text=True,
        check=False, cwd=folder, timeout=60, env={**os.environ, "XDG_CACHE_HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def names(folder: Path, *words: str) -> dict[str, bool]:
    out, _ = ran(folder, "siemmanage", "rules", "list", "--json", *words)
    return {one["name"]: one["enabled"] for one in json.loads(out)}


def alerts(folder: Path) -> str:
    return ran(folder, "siemtrigger", "-c", "siemtrigger.conf", "--oneshot")[1]


def test_rules_of_the_store_are_used_and_put_off(folder: Path) -> None:
    (folder / "one.yml").write_text(rule("First", ONE))
    (folder / "log").write_text(f"{LINE.format('ls')}\n")
    ran(folder, "siemparse", "-q", "log")
    (folder / "rules" / "two.yml").write_text(rule("Second", TWO, level="high", word="nothing"))
    assert "1 in 1 files added" in ran(folder, "siemmanage", "rules", "add", "one.yml")[1]
    (folder / "one.yml").unlink()
    assert names(folder) == {"First": True, "Second": True}
    ran(folder, "siemmanage", "rules", "disable", "level:low")
    assert names(folder) == {"First": False, "Second": True}
    assert "1 rules, 0 new alerts" in alerts(folder)
    ran(folder, "siemmanage", "rules", "enable", ONE)
    assert names(folder, "first") == {"First": True}
    assert "1 new alerts" in alerts(folder)


def test_a_rule_of_the_same_id_takes_the_place(folder: Path) -> None:
    (folder / "one.yml").write_text(rule("First", ONE))
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("a/new.yml", rule("Anew", ONE))
        archive.writestr("a/two.yml", rule("Second", TWO, product="windows"))
        archive.writestr("a/bad.yml", "title: Bad\ndetection: {}\n")
    ran(folder, "siemmanage", "rules", "add", "one.yml")
    _, told = ran(folder, "siemmanage", "rules", "add", "more.zip", status=2)
    assert "bad.yml" in told
    assert "2 in 2 files added; files replaced: 1; mistakes: 1" in told
    assert names(folder) == {"Anew": True, "Second": True}
    assert names(folder, "product:windows") == {"Second": True}
    ran(folder, "siemmanage", "rules", "remove", "file:*two.yml")
    assert names(folder) == {"Anew": True}
    assert "keeps no rule" in ran(folder, "siemmanage", "rules", "remove", "x*", status=2)[1]


def test_what_can_fire_is_told_and_what_others_lack(folder: Path) -> None:
    rules = folder / "rules"
    (rules / "one.yml").write_text(rule("First", ONE))
    (rules / "two.yml").write_text(rule("Second", TWO, product="windows"))
    (rules / "three.yml").write_text(rule("Third", "", field="NoSuchField"))
    (rules / "bad.yml").write_text("title: [\n")
    (folder / "log").write_text(f"{LINE.format('ls')}\n")
    ran(folder, "siemparse", "-q", "log")
    out, told = ran(folder, "siemmanage", "rules", "show", "--json")
    found = json.loads(out)
    assert found["rules"] == 3
    assert found["can fire on what is stored"] == 1
    assert found["tactic"] == {"defense-evasion": 3}
    assert found["cannot fire"] == {
        "no event has NoSuchField": 1,
        "no log of windows/sudo is read": 1,
    }
    assert "1 rule or file cannot be used" in told
    whole, _ = ran(folder, "siemmanage", "rules", "show", ONE)
    assert "First" in whole
    assert "1 rule or file cannot be used" in ran(folder, "siemmanage", "status")[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("show", "nothing"), "there is no rule 'nothing'"),
        (("disable", "level:"), "means no rule"),
        (("disable", "nothing"), "there is no rule"),
        (("add", "nothing.yml"), "there is no such file"),
        (("add", "siemtrigger.conf"), "is no file of Sigma rules"),
    ],
)
def test_mistakes_are_told_in_a_line(
    folder: Path, arguments: tuple[str, ...], problem: str
) -> None:
    _, told = ran(folder, "siemmanage", "rules", *arguments, status=2)
    assert problem in told
    assert len(told.splitlines()) == 1


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "a*", "level:low", "tag:t1"]), st.booleans())))
def test_the_last_word_that_means_a_rule_counts(said: list[tuple[str, bool]]) -> None:
    rules = [Named("a", level="low"), Named("b", tags=("attack.t1",)), Named("ab")]
    state = State()
    for word, on in said:
        state.say(word, on=on)
    for one in rules:
        last = [on for word, on in said if meant(word, one)]
        assert state.disabled(one) == (bool(last) and not last[-1])


def test_what_was_kept_is_read_again(store: Store) -> None:
    assert stored(store) == {}
    files = {"a.yml": b"\xff\x00title", "b/c.yml": b"x" * 300_000}
    keep(store, files)
    assert stored(store) == files
    state = State([("level:low", False), ("x'\"\u2028", True)])
    state.save(store)
    assert State.load(store) == state
    for name, read in ((SIGMA, stored), (STATE, State.load)):
        store.save_text(name, "[1")
        with pytest.raises(StoreError, match="cannot be read"):
            read(store)
