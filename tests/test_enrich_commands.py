"""Enrichment as users have it: on the way in, when read again, over what is stored."""

from __future__ import annotations

import importlib
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parsing import CLOCK, plain
from running import Site
from siemstress.commands.command import run
from siemstress.config import load
from siemstress.errors import ConfigError
from siemstress.formats.base import formats
from siemstress.ingest.parsing import LineParser
from siemstress.ingest.worker import WorkerProcess
from siemstress.sources.lines import of_bytes
from siemstress.store.opening import open_store
from stores import STORES

LINES = b"""\
Aug  1 10:00:00 web1 sshd[7]: Failed password for root from 203.0.113.9 port 22 ssh2
Aug  1 10:00:01 web1 sshd[7]: Failed password for invalid user eve x from 192.0.2.9 port 22 ssh2
Aug  1 10:00:02 web1 sshd[7]: Failed password for \xff\xfe from 192.0.2.9 port 22 ssh2
Aug  1 10:00:03 web2 foo: bar
"""
SECTIONS = """\
[list bad]
file=bad
[list people]
file=people
kind=user
[assets]
file=assets.csv
"""
MASK = "[mask]\ncolumns=user_name\nkey=key\n"
Siem = Callable[..., str]


def configure(site: Site, more: str = SECTIONS) -> None:
    path = site.folder / "s.conf"
    path.write_text(path.read_text() + more)
    site.file("bad", b"203.0.113.0/24\n")
    site.file("people", b"root\n")
    site.file("assets.csv", b"host,owner\nweb1,Ops\n203.0.113.0/28,Eve\n")
    site.file("key", b"0123456789abcdef").chmod(0o600)
    site.file("log", LINES)


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    found = Site.on(request.param, tmp_path)
    configure(found)
    return found


@pytest.fixture
def lake(tmp_path: Path) -> Site:
    found = Site(tmp_path)
    configure(found)
    return found


@pytest.fixture
def siem(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Siem:
    """Runs a command on a site; what it says, both outputs in one."""

    def call(site: Site, command: str, *arguments: str, status: int = 0) -> str:
        monkeypatch.chdir(site.folder)
        module = importlib.import_module(f"siemstress.commands.{command}")
        capfd.readouterr()
        found = run(command, module._main, ["-c", "s.conf", *arguments])
        said = capfd.readouterr()
        assert found == status, said
        return said.out + said.err

    return call


def fields(site: Site) -> list[dict[str, str]]:
    found = sorted(map(plain, site.events("Auth")), key=lambda event: event["id"])
    return [event["fields"] for event in found]


def test_in_and_again_and_back(site: Site, siem: Siem) -> None:
    siem(site, "siemparse", "-s", "auth", "log")
    first = fields(site)
    assert [{k: v for k, v in f.items() if k == "list" or "asset" in k} for f in first] == [
        {"list": '["bad","people"]', "asset.owner": "Ops", "source.asset.owner": "Eve"},
        {"asset.owner": "Ops"},
        {"asset.owner": "Ops"},
        {},
    ]
    assert site.lines("Auth") == LINES.splitlines()
    # Read again, everything is the same.
    assert "4 events again, 0 would change" in siem(site, "siemmanage", "reparse", "-s", "auth")
    site.file("bad", b"192.0.2.9\n")
    said = siem(site, "siemmanage", "match-list", "bad")
    assert "192.0.2.9  2       2" in said
    assert "Auth: 2 of 4 events are on a list\n" in said
    assert fields(site) == first
    ids = [event["id"] for event in site.events("Auth")]
    said = siem(site, "siemmanage", "match-list", "--mark", "-s", "auth")
    assert "Auth: 3 of 4 events are on a list; marked 2\n" in said
    assert [f.get("list") for f in fields(site)] == ['["bad","people"]', "bad", "bad", None]
    assert [f | {"list": ""} for f in fields(site)] == [f | {"list": ""} for f in first]
    assert site.lines("Auth") == LINES.splitlines()
    assert sorted(event["id"] for event in site.events("Auth")) == sorted(ids)
    assert "; marked 0\n" in siem(site, "siemmanage", "match-list", "--mark")
    found = json.loads(
        siem(site, "siemmanage", "match-list", "bad", "--json").partition("]\n")[0] + "]"
    )
    assert [(f["list"], f["value"], f["events"]) for f in found] == [("bad", "192.0.2.9", 2)]


def test_another_list_is_added_to_the_mark(lake: Site, siem: Siem) -> None:
    siem(lake, "siemparse", "-s", "auth", "log")
    lake.file("people", b"eve x\n")
    siem(lake, "siemmanage", "match-list", "--mark", "people")
    marks = [f.get("list") for f in fields(lake)]
    assert marks == ['["bad","people"]', "people", None, None]
    lake.file("bad", b"192.0.2.9\n")
    siem(lake, "siemmanage", "match-list", "--mark", "bad", "--range", "20200101-20200102")
    assert [f.get("list") for f in fields(lake)] == marks
    siem(lake, "siemmanage", "match-list", "--mark")
    assert [f.get("list") for f in fields(lake)][:3] == [
        '["bad","people"]',
        '["people","bad"]',
        "bad",
    ]
    shown = siem(lake, "siemquery", "-s", "auth", "--range", "20200101-", "--field", "list=%bad%",
                 "--columns", "id")  # fmt: skip
    assert len(shown.splitlines()) == 4


def test_lists_of_all_sections_of_a_table(lake: Site, siem: Siem) -> None:
    conf = lake.folder / "s.conf"
    more = "[second]\ntable=Auth\n[list theirs]\nfile=theirs\nsections=second\n"
    conf.write_text(conf.read_text() + more)
    lake.file("theirs", b"192.0.2.9\n")
    siem(lake, "siemparse", "-s", "auth", "log")
    assert "1 of 4 events are on a list\n" in siem(lake, "siemmanage", "match-list", "-s", "auth")
    assert "3 of 4 events are on a list\n" in siem(lake, "siemmanage", "match-list")
    said = siem(lake, "siemmanage", "match-list", "theirs", "-s", "auth")
    assert said == "siemmanage: nothing is stored yet that a list is for\n"


def test_masked_on_the_way_in(lake: Site, siem: Siem) -> None:
    conf = lake.folder / "s.conf"
    before = conf.read_text()
    conf.write_text(before + MASK)
    siem(lake, "siemparse", "-s", "auth", "log")
    events = lake.events("Auth")
    tokens = siem(lake, "siemmanage", "mask", "root", "eve x").split()
    assert [event["user_name"] for event in sorted(events, key=lambda e: e["id"])][:2] == tokens
    stored = b"\n".join(lake.lines("Auth"))
    assert b"root" not in stored
    assert b"eve" not in stored
    assert b"\xff" not in stored
    for token in tokens:
        assert token.encode() in stored
        shown = siem(lake, "siemquery", "-s", "auth", "--range", "20200101-", "--user", token,
                     "--columns", "id")  # fmt: skip
        assert len(shown.splitlines()) == 2
    # What is masked is not what was read, and stays as it is.
    for conf_text in (before + MASK, before):
        conf.write_text(conf_text)
        said = siem(lake, "siemmanage", "reparse", "-s", "auth", "--apply")
        assert "4 events again, 0 changed" in said
        assert "3 stay as they are" in said
    assert lake.events("Auth") == events


def test_masked_afterwards(lake: Site, siem: Siem) -> None:
    siem(lake, "siemparse", "-s", "auth", "log")
    conf = lake.folder / "s.conf"
    conf.write_text(conf.read_text() + MASK)
    assert "4 events again, 3 changed" in siem(
        lake, "siemmanage", "reparse", "-s", "auth", "--apply"
    )
    stored = b"\n".join(lake.lines("Auth"))
    assert b"root" not in stored
    assert stored.count(b"masked") == 3


def test_mask_reads_values_from_the_input(
    lake: Site, siem: Siem, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = lake.folder / "s.conf"
    conf.write_text(conf.read_text() + MASK)
    named = siem(lake, "siemmanage", "mask", "root", "eve x")
    monkeypatch.setattr(sys, "stdin", io.StringIO("root\r\neve x\n"))
    assert siem(lake, "siemmanage", "mask") == named
    assert named.count("\n") == 2


def test_the_key_is_made_once(lake: Site, siem: Siem) -> None:
    conf = lake.folder / "s.conf"
    conf.write_text(conf.read_text() + MASK.replace("key=key", "key=new"))
    said = siem(lake, "siemparse", "-s", "auth", "log", status=2)
    assert said.count("\n") == 1
    assert "[mask] key: " in said
    assert "new is not there: siemmanage mask --make-key makes one" in said
    assert not (lake.folder / "lake").exists()
    assert "wrote" in siem(lake, "siemmanage", "mask", "--make-key")
    key = (lake.folder / "new").read_bytes()
    assert "is there; nothing was changed" in siem(
        lake, "siemmanage", "mask", "--make-key", status=2
    )
    assert (lake.folder / "new").read_bytes() == key
    siem(lake, "siemparse", "-s", "auth", "log")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("match-list", "nope"), "there is no list 'nope'; there are: bad, people"),
        (("match-list", "--last", "x"), "--last: must be a span"),
        (("mask", "x"), "there is no [mask] section"),
    ],
)
def test_what_cannot_be_asked(
    arguments: tuple[str, ...], problem: str, lake: Site, siem: Siem
) -> None:
    siem(lake, "siemparse", "-s", "auth", "log")
    said = siem(lake, "siemmanage", *arguments, status=2)
    assert said.count("\n") == 1
    assert problem in said


def test_the_second_process_enriches_too(lake: Site) -> None:
    config = load(lake.folder / "s.conf")
    parser = LineParser("syslogbsd", (), config.enrichment)
    again: LineParser = pickle.loads(pickle.dumps(parser))  # noqa: S301
    events = again.parse(of_bytes(LINES), CLOCK, None, 1).events.sort("id")
    assert dict(events["fields"][0])["list"] == '["bad","people"]'
    process = WorkerProcess(config, "Auth", parser)
    try:
        process.ready()
        process.buffer[: len(LINES)] = np.frombuffer(LINES, np.uint8)
        process.parse(len(LINES), CLOCK, None, 1)
        staged = process.stage()
        (lake.folder / "bad").unlink()
    finally:
        process.close()
    with closing(open_store(config)) as store:
        store.commit("Auth", staged)
    assert fields(lake)[0]["list"] == '["bad","people"]'
    late: LineParser = pickle.loads(pickle.dumps(parser))  # noqa: S301
    with pytest.raises(ConfigError, match=r"\[list bad\] file: .* cannot be read"):
        late.parse(of_bytes(LINES), CLOCK, None, 1)


def test_nothing_is_imported_for_nothing() -> None:
    code = (
        "import sys\nfrom siemstress.config import Enrichment\n"
        "from siemstress.ingest.parsing import LineParser\n"
        "LineParser('auto', (), Enrichment())\n"
        "print([m for m in sys.modules if 'siemstress.enrich' in m or 'maxminddb' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[geoip]\n", "[geoip] database: is missing, and so is `asn`"),
        ("[geoip]\nasn=x\nfields=nope\n", "[geoip] fields: there is no 'nope'; there are: cont"),
        ("[geoip]\nasn=x\nother=1\n", "[geoip] other: no such key; there are: asn, database"),
        ("[list x]\n", "[list x] file: is missing"),
        ("[list a b]\nfile=x\n", "[list a b]: a list's name must be"),
        ("[list ]\nfile=x\n", "[list ]: a list's name must be"),
        ("[list x]\nfile=x\nkind=ip\n", "[list x] kind: must be one of auto, address"),
        ("[list x]\nfile=x\ncolumns=pid\n", "[list x] columns: 'pid' cannot be; there are: sou"),
        ("[list x]\nfile=x\nsections=nope\n", "[list x] sections: no such section: nope"),
        ("[list x]\nfile=a\n[list  x]\nfile=b\n", "[list x]: another list has this name"),
        ("[assets]\n", "[assets] file: is missing"),
        ("[mask]\nkey=k\n", "[mask] columns: is missing"),
        ("[mask]\ncolumns=message\nkey=k\n", "[mask] columns: 'message' cannot be"),
        ("[mask]\ncolumns=user_name\n", "[mask] key: is missing"),
    ],
)
def test_a_mistake_is_one_line(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "siemstress.conf"
    path.write_text(f"[auth]\ntable=Auth\n{text}")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path} {problem}")


def test_kinds_of_log_may_have_such_names(tmp_path: Path) -> None:
    path = tmp_path / "siemstress.conf"
    path.write_text("[mask]\ntable=Mask\n[assets]\ntable=A\n[GeoIP]\nasn=x\nsections=mask\n")
    found: Any = load(path)
    assert list(found.sections) == ["mask", "assets"]
    assert found.enrichment.of_section("mask").geoip
    assert not found.enrichment.of_section("assets")


def test_lines_come_back_and_nothing_but_fields_differs(lake: Site) -> None:
    """Of every format's samples, whole and mangled."""
    samples = [sample.line.encode() for known in formats().values() for sample in known.samples]
    mangled = [line[: len(line) // 2] + b"\xff\0" + line[len(line) // 2 :] for line in samples]
    lines = of_bytes(b"\n".join([*samples, *mangled, b"", b'{"list": "bad", "own.list": 1}']))
    bare = LineParser("auto").parse(lines, CLOCK, None, 1).events.sort("id")
    enrichment = load(lake.folder / "s.conf").enrichment
    found = LineParser("auto", (), enrichment).parse(lines, CLOCK, None, 1).events.sort("id")
    assert found.drop("fields", "received").equals(bare.drop("fields", "received"))
    for before, after in zip(bare["fields"], found["fields"], strict=True):
        old, new = dict(before or {}), dict(after or {})
        added = {name for name in new if name == "list" or "asset." in name}
        if "list" in old:
            old["own.list"] = old.pop("list")
        assert {name: v for name, v in new.items() if name not in added} == old
