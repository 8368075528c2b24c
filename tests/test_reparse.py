"""siemmanage reparse: stored lines by today's formats, and nothing else becomes different."""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import querying
from rules import alerts
from running import Site
from siemstress.commands.command import run
from siemstress.formats.base import formats
from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.ingest.reparse import Reparsing
from siemstress.sources.lines import of_bytes
from siemstress.store.base import Scan, Store
from stores import START, STORES, Opener, ask, ids, put
from stores import events as rows

TABLES = ("Entries", "UserAuth")
SCAN = Scan("Entries")
ROOT = Path(__file__).parent.parent
HOSTILE = (
    b"Aug  1 10:00:00 web1 sshd[7]: Failed password for root from 203.0.113.9 port 22 ssh2\r\n"
    b"\n \n\0\x1b[31m\xff\xfe\n"
    b"Aug  1 10:00:01 web1 sshd[7]: Invalid user \xff\x1b[2J from 203.0.113.9 port 22\n"
    b"\tat java.lang.Thread.run(Thread.java:7)\n"
    b"Feb 31 10:00:60 web1 x: no such day\n"
    b"Aug  1 10:00:02 web1 app: \xe2\x80\xae'); DROP TABLE Entries; --\n"
    b"1503490000: >>> emerge (1 of 2) sys-apps/x-1 to /\n"
    b"no end of line"
)


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site.on(request.param, tmp_path)


Siem = Callable[..., str]


@pytest.fixture
def siem(
    site: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Siem]:
    """Runs a command in the site's folder; what it says, both outputs in one."""
    monkeypatch.chdir(site.folder)

    def call(command: str, *arguments: str, status: int = 0, zone: str = "UTC") -> str:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        module = importlib.import_module(f"siemstress.commands.{command}")
        capfd.readouterr()
        found = run(command, module._main, ["-c", "s.conf", *arguments])
        said = capfd.readouterr()
        assert found == status, said
        return said.out + said.err

    yield call
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def again(siem: Siem) -> Siem:
    """Runs siemmanage reparse on the default section."""
    return partial(siem, "siemmanage", "reparse", "-s", "default")


def configure(site: Site, *lines: str) -> None:
    """Have these lines in the default section."""
    conf = site.folder / "s.conf"
    text = re.sub(r"table=Entries\n(?:(?!\[).*\n)*", "table=Entries\n", conf.read_text())
    conf.write_text(text.replace("table=Entries\n", "\n".join(["table=Entries", *lines, ""])))


def aged(site: Site, name: str, data: bytes, year: int) -> str:
    """A file that was written to last at the end of a year."""
    path = site.file(name, data)
    moment = datetime(year, 12, 31, 12, tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))
    return name


def events(site: Site) -> list[dict[str, Any]]:
    """The events, without what differs from one time they are stored to the next."""
    return [{k: v for k, v in e.items() if k not in ("id", "received")} for e in site.events()]


# --- nothing changes where nothing has


def test_what_was_read_is_read_the_same_again(site: Site, siem: Siem, again: Siem) -> None:
    samples = [s.before + s.line for known in formats().values() for s in known.samples]
    siem("siemparse", aged(site, "samples", "\n".join(samples).encode(), 2017))
    siem("siemparse", aged(site, "hostile", HOSTILE, 2021))
    tcpdump = [s.line for s in formats()["tcpdump"].samples]
    siem("siemparse", "-p", "tcpdump", aged(site, "tcp", "\n".join(tcpdump).encode(), 2011))
    for name in ("auth.log", "access.log", "router.log"):
        lines = (ROOT / "samples/logs" / name).read_bytes().splitlines(keepends=True)
        siem("siemparse", "-z", "+0930", aged(site, name, b"".join(lines[:200]), 2026))
    before, lines = site.events(), site.lines()
    assert again().startswith(f"Entries: read {len(before):,} events again, 0 would change\n")
    assert "replaced 0 events" in again("--apply", zone="Asia/Kolkata")
    assert (site.events(), site.lines()) == (before, lines)


def test_an_hour_that_comes_twice_stays_where_it_was(site: Site, siem: Siem, again: Siem) -> None:
    line = b"Oct 29 %02d:%02d:00 web1 app: hello\n"
    times = [(2, n) for n in range(0, 60, 10)] * 2 + [(3, n) for n in range(0, 60, 10)]
    siem(
        "siemparse",
        "-z",
        "Europe/Berlin",
        aged(site, "night", b"".join(line % time for time in times), 2023),
    )
    second = "2023-10-29T01:20:00Z-2023-10-29T02:30:00Z"
    for arguments in ((), ("-z", "Europe/Berlin"), ("-z", "Europe/Berlin", "--range", second)):
        assert " again, 0 would change" in again(*arguments)
    # As of one zone for both times half of them are an hour later.
    assert "6 would change" in again("-z", "+0100")


# --- what changes


def test_lines_that_no_format_read(site: Site, siem: Siem, again: Siem) -> None:
    data = HOSTILE + b"\n" + (ROOT / "samples/logs/auth.log").read_bytes()[:20_000]
    name = aged(site, "log", data, 2023)
    configure(site, "parser=syslogiso")
    siem("siemparse", name)
    stored, lines = site.events(), site.lines()
    configure(site, "parser=auto")
    helper = "[helper dog]\nregex=port (\\d+)\nvariable=dog\n"
    (site.folder / "s.conf").write_text((site.folder / "s.conf").read_text() + helper)
    shown = again()
    assert "are read by a format, and were by none" in shown
    assert "none → syslogbsd" in shown
    assert "nothing was replaced; say --apply as well to do it" in shown
    assert site.events() == stored
    assert "\x1b" not in shown
    shown = again("--apply")
    assert "siemmanage: replaced " in shown
    found = site.events()
    kept = ("id", "received", "source_path", "parsed_on", "raw_bytes")
    assert [[e[c] for c in kept] for e in found] == [[e[c] for c in kept] for e in stored]
    assert site.lines() == lines
    assert any(e["fields"].get("dog") == "22" for e in found)
    assert " again, 0 would change" in again()
    # As if the file had been read only now.
    had = events(site)
    siem("siemmanage", "clear", "-s", "default", "--force")
    siem("siemparse", name)
    assert had == events(site)


def test_only_what_is_asked_for(site: Site, siem: Siem, again: Siem) -> None:
    configure(site, "parser=emerge")
    siem("siemparse", aged(site, "a", b"Aug  1 10:00:00 h app: one\n", 2021))
    siem("siemparse", aged(site, "b", b"Aug  1 10:00:00 h app: two\n", 2022))
    siem("siemparse", "-p", "auto", aged(site, "c", b"Aug  1 10:00:00 h app: three\n", 2022))
    for arguments, count in (
        (("--parser", "syslogbsd", "--range", "20210101-20220101"), 1),
        (("--format", "syslogiso", "--unparsed"), 0),
        (("-p", "syslogbsd", "--unparsed"), 1),
    ):
        assert f"replaced {count} event" in again("--apply", *arguments)
    assert [e["message"] for e in site.events()] == ["one", "two", "three"]
    assert all(e["parsed"] for e in site.events())
    configure(site, "parser=emerge", "zone=+0100")
    shown = again("--last", "1h")
    assert shown == "Entries: read 0 events again, 0 would change\n"
    configure(site, "parser=auto", "zone=+0100")
    again("--apply")
    found = {(e["zone"], e["time"].hour) for e in site.events()}
    assert found == {("+01:00", 9)}
    again("--apply", "--zone", "America/New_York")
    assert {(e["zone"], e["time"].hour) for e in site.events()} == {("-04:00", 14)}


def test_alerts_and_lines_that_are_not_kept_stay(site: Site, siem: Siem, again: Siem) -> None:
    conf = site.folder / "s.conf"
    conf.write_text(conf.read_text() + "[userauth]\ntable=UserAuth\n")
    with closing(site.store) as store:
        querying.fill(store)
        put(store, "Entries", rows(1, first=60, format="gone", message="kept without its head"))
        before = [ask(store, "SELECT * FROM t ORDER BY id", t=Scan(t)) for t in TABLES]
        shown = siem("siemmanage", "reparse", "-s", "userauth", "--apply")
        assert "UserAuth: read 0 events again, 0 changed" in shown
        assert "Entries: read 0 events" in again("--range", "20900101-", "--apply")
        assert "1 stay as they are: their lines are not kept" in again()
        assert [ask(store, "SELECT * FROM t ORDER BY id", t=Scan(t)) for t in TABLES] == before


def test_siemtrigger_does_not_see_them_again(site: Site, siem: Siem, again: Siem) -> None:
    (site.folder / "rules").mkdir()
    (site.folder / "rules/a.conf").write_text(
        "[burst]\nsection=default\ngroup_by=source_host\ninterval=1m\nlimit=2\nmessage={source_host}\n"
        "[tick]\nsqlquery=SELECT id FROM Entries\nlimit=2\n"
    )
    conf = site.folder / "s.conf"
    conf.write_text(conf.read_text().replace("[siemstress]", "[siemstress]\nconfdir=rules"))
    line = (
        b"Aug  1 10:00:%02d web1 sshd[7]: Failed password for root from 192.0.2.%d port 22 ssh2\n"
    )
    configure(site, "parser=emerge")
    siem("siemparse", aged(site, "a", b"".join(line % (n, 1 + n // 2) for n in range(5)), 2021))
    assert "tick" in siem("siemtrigger", "--oneshot")
    with closing(site.store) as store:
        raised = alerts(store)
        assert [a["source_rule"] for a in raised] == ["tick"]
        assert "replaced 5 events" in again("--apply", "-p", "auto")
        assert "0 new alerts" in siem("siemtrigger", "--oneshot")
        assert alerts(store) == raised
        evidence = [int(n) for a in raised for n in re.findall(r"\d+", a["source_ids"])]
        assert set(evidence) <= set(ids(store, "Entries"))
        # What comes later is seen; those that were replaced are, where history is looked at again.
        siem("siemparse", "-p", "auto", aged(site, "b", line % (7, 1), 2021))
        assert "192.0.2.1" not in siem("siemtrigger", "--oneshot")
        siem("siemtrigger", "--backtest", "20210801-20210801", "--rule", "burst", "--commit")
        assert {a["source_rule"]: a["event_count"] for a in alerts(store)}["burst"] == 3


# --- in the midst of others, and of itself


def sixty(store: Store) -> None:
    """Six batches of ten lines that were stored as they are."""
    parser = LineParser("emerge")
    for n in range(6):
        data = b"".join(b"Aug  1 10:%02d:%02d h app: %d\n" % (n, i, i) for i in range(10))
        clock = Clock(1_640_000_000_000_000)
        put(store, "Entries", parser.parse(of_bytes(data), clock, "/log", 100 * n).events)


def reparsing(store: Store, watch: Callable[[int], None] = lambda _: None) -> Reparsing:
    return Reparsing(store, "Entries", LineParser("auto"), 0, watch=watch)


def test_one_that_was_broken_off_is_taken_up(store: Store) -> None:
    sixty(store)
    looks: list[int] = []

    def stop(rows: int) -> None:
        looks.append(rows)
        if len(looks) == 3:
            raise KeyboardInterrupt

    first = reparsing(store, stop)
    try:
        first.apply()
    except KeyboardInterrupt:
        assert first.replaced == 20
    second = reparsing(store)
    second.apply()
    assert first.replaced + second.replaced == 60
    assert second.difference.rows == 60
    found = ask(store, "SELECT DISTINCT format FROM t", t=SCAN)
    assert found == [{"format": "syslogbsd"}]
    assert ids(store, "Entries") == [100 * n + i for n in range(6) for i in range(10)]


def test_others_may_merge_and_delete_meanwhile(store: Store, opened: Opener) -> None:
    sixty(store)
    looks: list[int] = []

    def disturb(rows: int) -> None:
        looks.append(rows)
        if len(looks) == 2 or (len(looks) == 1 and rows == 60):
            opened().compact("Entries")
            opened().expire("Entries", START - timedelta(days=9999))

    work = reparsing(store, disturb)
    work.apply()
    assert work.replaced == 60
    assert work.difference.changed == 60
    assert ask(store, "SELECT count(*) AS n FROM t WHERE host = 'h'", t=SCAN) == [{"n": 60}]


@pytest.mark.parametrize("site", ["lake"], indirect=True)
def test_mistakes_are_one_line(site: Site, siem: Siem, again: Siem) -> None:
    assert "Entries does not exist; nothing to read again" in again()
    siem("siemparse", aged(site, "a", b"x\n", 2021))
    for text, *arguments in (
        ("--range: must be START-FINISH", "--range", "yesterday"),
        ("--last: must be a span", "--last", "1"),
        ("--range and --last do not go together", "--last", "1d", "--range", "2026-"),
        ("no such time zone: 'Nowhere'", "-z", "Nowhere"),
        ("there is no parser 'nonsense'", "-p", "nonsense"),
    ):
        said = again(*arguments, status=2)
        assert text in said
        assert said.count("\n") == 1
    said = siem("siemmanage", "reparse", "-s", "odd", status=0)
    assert "Odd does not exist" in said
