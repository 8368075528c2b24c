"""Rules and helpers in the original's JSON: into the store, out of it, and at work."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import mariadb_server
from siemstress.commands import siemmanage, siemtrigger
from siemstress.config import load
from siemstress.rules import kept
from siemstress.store.base import Scan, Store
from siemstress.store.opening import open_store
from stores import STORES, ask, events, put

SQL = (
    "SELECT Id FROM Auth WHERE DateStamp >= timestamp(date_sub(now(), interval 10 minute))"
    ' AND (Message LIKE "%fail%" AND Message LIKE "%pam%")'
)
EARLY = {
    "EventLimit": 2,
    "IsEnabled": 1,
    "Message": "Over 2 failures",
    "OutTable": "SIEMDefault",
    "RuleName": "PAM_AuthFail_10m",
    "SQLQuery": SQL,
    "Severity": 4,
    "SourceTable": "Auth",
    "TimeInt": 10,
}
LATE = {
    "desc": "as it was",
    "event_limit": 2,
    "is_enabled": 1,
    "message": "Over 2 failures",
    "name": "Late_10m",
    "out_table": "SIEMDefault",
    "severity": 4,
    "source_table": "Auth",
    "sql_query": SQL,
    "time_int": 10,
}


class Site:
    """A folder with a config and the store that it names."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        place = "lake=lake"
        if kind == "mariadb":
            server = mariadb_server.shared(folder)
            place = f"socket={server.socket}\nuser=root\ndatabase={server.database}"
        (folder / "rules").mkdir()
        self.config = folder / "s.conf"
        sections = "[auth]\ntable=Auth\n[siem]\ntable=SIEMDefault\n"
        self.config.write_text(f"[siemstress]\n{place}\n{sections}")
        self.trigger = folder / "siemtrigger.conf"
        self.trigger.write_text("[siemstress]\nconfdir=rules\nconfig=s.conf\n")

    @property
    def store(self) -> Store:
        return open_store(load(self.config))

    def file(self, content: Any, name: str = "in.json") -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def manage(self, *arguments: str) -> int:
        return siemmanage.main(["-c", str(self.config), *arguments])

    def triggered(self, *arguments: str) -> int:
        return siemtrigger.main(["-c", str(self.trigger), *arguments])

    def exported(self, flag: str, *arguments: str) -> Any:
        path = self.folder / "out.json"
        assert self.manage(flag, str(path), *arguments) == 0
        text = path.read_text()
        again = json.dumps(json.loads(text), indent=2, sort_keys=True, separators=(",", ": "))
        assert text == again + "\n"
        return json.loads(text)


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.param)


@pytest.fixture
def lake(tmp_path: Path) -> Site:
    return Site(tmp_path, "lake")


def test_rules_come_and_go_in_the_spelling_of_0_8(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"RULESAuth": [{**LATE, "id": 7}], "RULESNight": [EARLY]}
    assert site.manage("--importrules", site.file(given)) == 0
    said = capsys.readouterr().err.splitlines()
    assert "siemmanage: added rule Late_10m" in said
    assert said[-1] == "siemmanage: rules: 2 added, 0 replaced, 0 already there"
    early = {**LATE, "name": "PAM_AuthFail_10m", "desc": None}
    wanted = {"RULESAuth": [LATE], "RULESNight": [early]}
    out = site.exported("--exportrules")
    assert out == wanted
    assert site.exported("--exportrules", "--table", "RULESNight") == {"RULESNight": [early]}
    # What was exported is already there.
    capsys.readouterr()
    assert site.manage("--importrules", site.file(out)) == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "siemmanage: rules: 0 added, 0 replaced, 2 already there"
    changed = {"RULESNight": [{**LATE, "event_limit": 3}]}
    assert site.manage("--importrules", site.file(changed)) == 0
    assert "siemmanage: replaced rule Late_10m" in capsys.readouterr().err
    moved = {"RULESNight": [{**LATE, "event_limit": 3}, early]}
    assert sorted(site.exported("--exportrules")["RULESNight"], key=str) == sorted(
        moved["RULESNight"], key=str
    )


def test_wrong_rules_are_named_and_the_others_come(
    lake: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [
        LATE,
        {**LATE, "name": "nowhere", "sql_query": "SELECT id FROM Nowhere"},
        {**LATE, "name": "two", "sql_query": "SELECT 1; DROP TABLE Auth"},
        {**LATE, "name": "loud", "severity": 9},
        {**LATE, "name": "long", "time_int": -5},
        {**LATE, "name": None},
        LATE,
    ]
    file = lake.file({"RULESAuth": rules})
    assert lake.manage("--importrules", file) == 2
    said = capsys.readouterr().err.splitlines()
    place = f"siemmanage: {file}, RULESAuth"
    assert said[0].startswith(f"{place} [nowhere] sql_query: there is no table 'Nowhere'")
    assert said[1].startswith(f"{place} [two] sql_query: ")
    assert said[2] == f"{place} [loud] severity: must be a number from 0 to 7"
    assert said[3].startswith(f"{place} [long] time_int: must be minutes")
    assert said[4] == f"{place} [] name: is missing"
    assert said[5].startswith(f"{place} [Late_10m]: a rule of this name is in ")
    assert said[6:] == [
        "siemmanage: added rule Late_10m",
        "siemmanage: rules: 1 added, 0 replaced, 0 already there; mistakes: 6",
    ]
    assert lake.exported("--exportrules") == {"RULESAuth": [LATE]}


@pytest.mark.parametrize(
    ("flag", "content", "problem"),
    [
        ("--importrules", "[]", "must be an object"),
        ("--importrules", '{"a": {}}', "[a]: must be a list of objects"),
        ("--importhelpers", '{"a": [1]}', "[a]: must be a list of objects"),
        ("--importrules", "{nonsense", "is not JSON"),
        ("--importhelpers", "[" * 100_000, "is nested too deeply"),
        ("--importhelpers", '{"a": []}', "[b]: no such table; there are: a"),
    ],
)
def test_what_is_no_such_file(
    lake: Site, flag: str, content: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--table", "b"] if "[b]" in problem else []
    assert lake.manage(flag, lake.file(content), *more) == 2
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1
    assert not (lake.folder / "lake").exists()


def test_helpers_come_and_go(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    early = {"reg_exp": r"user[=\s]([A-Za-z0-9-_]+)", "var_name": "users"}
    late = {"name": "len", "desc": "d", "var_name": "lengths", "reg_exp": r"length: (\d\d:\d\d)"}
    given = {"HELPERSAuth": [early, {**early, "reg_exp": "("}, {"reg_exp": "x"}], "V": [late]}
    file = site.file(given)
    assert site.manage("--importhelpers", file) == 2
    said = capsys.readouterr().err.splitlines()
    place = f"siemmanage: {file}, HELPERSAuth"
    assert said[0] == f"{place} [users] reg_exp: cannot be used: unclosed group"
    assert said[1] == f"{place} []: has no variable"
    assert said[-1] == "siemmanage: helpers: 2 added, 0 replaced, 0 already there; mistakes: 2"
    wanted = {"HELPERSAuth": [{**early, "name": "", "desc": ""}], "V": [late]}
    assert site.exported("--exporthelpers") == wanted
    changed = {"V": [{**late, "reg_exp": "x"}], "HELPERSAuth": [early]}
    assert site.manage("--importhelpers", site.file(changed)) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "siemmanage: replaced helper len",
        "siemmanage: helpers: 0 added, 1 replaced, 1 already there",
    ]


def test_standard_input_and_output(
    lake: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = json.dumps({"RULESAuth": [LATE]}).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert lake.manage("--importrules", "-") == 0
    capsys.readouterr()
    assert lake.manage("--exportrules", "-") == 0
    assert json.loads(capsys.readouterr().out) == {"RULESAuth": [LATE]}
    assert lake.manage("--exportrules", str(lake.folder / "no" / "file")) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_one_thing_at_a_time(lake: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        [],
        ["--importrules", "x", "status"],
        ["--importrules", "x", "--exportrules", "y"],
    ):
        with pytest.raises(SystemExit) as e:
            lake.manage(*wrong)
        assert e.value.code == 2
        assert capsys.readouterr().err.count("\n") <= 3


def test_siemtrigger_runs_the_stores_rules(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    (site.folder / "rules" / "a.conf").write_text(
        "[burst]\nsection=auth\nlimit=100\n[taken]\nsection=auth\nlimit=100\n"
    )
    rules = [
        LATE,
        {**LATE, "name": "taken"},
        {**LATE, "name": "off", "is_enabled": 0},
        {**LATE, "name": "cron", "time_int": 0},
    ]
    assert site.manage("--importrules", site.file({"RULESAuth": rules})) == 0
    put(site.store, "Auth", events(3, message="pam: authentication failure", time=_minutes_ago(2)))
    capsys.readouterr()
    assert site.triggered("--check") == 2
    said = capsys.readouterr().err.splitlines()
    clash = f"a rule of this name is in {site.folder / 'rules' / 'a.conf'} too"
    assert said == [
        f"the store's rules, RULESAuth [taken]: {clash}",
        "4 rules in 1 files and the store are fine, 1 are disabled; mistakes: 1",
    ]
    assert site.triggered("--rules") == 0
    shown = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in shown] == ["burst", "taken", "Late_10m", "cron", "off"]
    assert shown[2][1:] == ["Auth -> SIEMDefault", "more than 2 in 10m"]
    assert shown[4][1:] == ["disabled"]
    assert site.triggered("--oneshot") == 0
    found = ask(site.store, "SELECT source_rule, event_count FROM t", t=Scan("SIEMDefault"))
    assert {(row["source_rule"], row["event_count"]) for row in found} == {
        ("Late_10m", 3),
        ("cron", 3),
    }


def _minutes_ago(minutes: int) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=minutes)


def test_a_damaged_collection_is_one_line(lake: Site, capsys: pytest.CaptureFixture[str]) -> None:
    lake.store.save_text(kept.NAME, "{")
    assert lake.manage("--exportrules", "-") == 2
    assert "the store's rules: is not JSON" in capsys.readouterr().err
