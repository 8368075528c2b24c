"""Formats and message tables that the user describes in TOML files."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from parsing import CLOCK, plain, written_again
from siemstress.commands import siemparse
from siemstress.config.format_files import FORMATS_VARIABLE, places, read_all
from siemstress.errors import ConfigError
from siemstress.fields.tables import tables
from siemstress.formats.base import formats
from siemstress.formats.clock import Clock
from siemstress.formats.own import own_formats
from siemstress.formats.own_times import notation
from siemstress.ingest import check_formats
from siemstress.ingest import own_formats as own_formats_of_all
from siemstress.ingest.check_formats import check
from siemstress.ingest.own_formats import usable
from siemstress.ingest.parsing import LineParser
from siemstress.sources.lines import of_bytes

DOOR = r"""
name = "door"
regex = '(?<time>\S+ \S+)\|(?<host>[^|]*)\|(?<level>\w+)\|(?<result>\w+)\|(?<message>.*)'
time = "%d.%m.%Y %H:%M:%S,%f"
zone = "Europe/Zurich"

[columns]
severity = "level"
outcome = "result"

[set]
action = "enter"
process = "doord"
site = "north"

[values.outcome]
OK = "success"
NO = "failure"

[values.severity]
bad = 3

[[messages]]
text = "denied card {card} of {user_name}"
set = {why = "card"}

[[samples]]
line = "14.10.2026 04:11:37,250|door-3|bad|NO|denied card 4711 of carol"
[samples.expect]
time = 2026-10-14T02:11:37.25
zone = "+02:00"
host = "door-3"
severity = 3
action = "enter"
outcome = "failure"
process = "doord"
user_name = "carol"
source_host = ""
"fields.site" = "north"
"fields.card" = "4711"
"fields.why" = "card"
"fields.result" = "NO"
"""
APP = r"""
name = "app"
json = true
program = "app"
behind = "@cee:"
time = ["epoch", "iso"]

[columns]
user_name = ["who.name", "who.id"]
fields = "host"

[where]
kind = ["a", "b"]

[values.kind]
a = "alpha"

[[samples]]
line = '<13>Aug 23 06:15:38 h app[3]: @cee:{"time":1503468930,"kind":"a","who":{"id":"7"},"host":1}'
[samples.expect]
time = 2017-08-23T06:15:30Z
host = "h"
pid = 3
severity = 5
user_name = "7"
"fields.kind" = "alpha"
"fields.host" = "1"
"""
MESSAGES = """
programs = ["gated"]

[[messages]]
text = "gate {gate} {{{state*}} by {user_name}"
set = {action = "enter", outcome = "success"}

[[samples]]
message = "gate 7 {half open} by bob"
[samples.expect]
gate = "7"
"fields.state" = "half open"
user_name = "bob"
action = "enter"
outcome = "success"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files, in place of the usual ones.

    Our own message tables take a while to be made ready; most tests do without.
    """
    monkeypatch.setenv(FORMATS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(own_formats_of_all, "tables", lambda **_: [])
    return tmp_path


def events(data: str | bytes, parser: str = "auto", clock: Clock = CLOCK) -> list[dict[str, Any]]:
    raw = data if isinstance(data, bytes) else data.encode()
    found = LineParser(parser).parse(of_bytes(raw), clock, "/log", 1).events.sort("id")
    return [plain(row) for row in found.iter_rows(named=True)]


def test_samples_come_out_as_expected(folder: Path) -> None:
    for name, text in {"door": DOOR, "app": APP, "messages": MESSAGES}.items():
        (folder / f"{name}.toml").write_text(text)
    (folder / "README").write_text("no TOML")
    found = check()
    assert found.problems == []
    assert [(c.name, c.samples, c.differences) for c in found.checked] == [
        ("app", 1, []), ("door", 1, []), ("messages of gated", 1, [])
    ]  # fmt: skip


def test_a_sample_that_comes_out_otherwise_is_told(folder: Path) -> None:
    (folder / "door.toml").write_text(
        DOOR.replace('host = "door-3"', 'host = "door-4"').replace("02:11:37.25", "02:11:38")
    )
    (folder / "messages.toml").write_text(MESSAGES.replace('gate = "7"\n', ""))
    (folder / "none.toml").write_text("name = 'none'\nregex = '(?<a>x)'\n")
    differences = {c.name: list(c.differences) for c in check().checked}
    assert differences == {
        "door": [
            "sample 1: time is 2026-10-14T02:11:37.250000, expected 2026-10-14T02:11:38",
            "sample 1: host is 'door-3', expected 'door-4'",
        ],
        "messages of gated": ["sample 1 of gated: gate is '7', expected nothing"],
        "none": ["has no samples"],
    }


def test_a_format_of_the_user_s_comes_before_those_that_have_fitted(folder: Path) -> None:
    (folder / "own.toml").write_text(r"""
name = "own"
regex = '(?<time>\w+ +\d+ \S+) (?<host>\S+) gate: (?<message>.*)'
starts = "Aug"
contains = " gate: "
time = "%b %d %H:%M:%S"
""")
    other = "Aug 23 06:15:38 h sshd[1]: Invalid user x from 192.0.2.1\n"
    parser = LineParser("auto")
    for data in (other * 300, (other * 300) + "Aug 24 06:15:38 h gate: m\n"):
        found = parser.parse(of_bytes(data.encode()), CLOCK, "/log", 1).events.sort("id")
    assert found["format"].value_counts().sort("count").rows() == [("own", 1), ("syslogbsd", 300)]
    assert found["time"][-1] == datetime(2017, 8, 24, 6, 15, 38)


def test_the_user_s_format_takes_the_place_of_one_of_ours(folder: Path) -> None:
    (folder / "emerge.toml").write_text("name = 'emerge'\nregex = '(?<x>\\d+)'\n")
    assert events("17\n", "emerge")[0]["fields"] == {"x": "17"}
    assert events("1522965713: m\n", "emerge")[0]["parsed"] is False
    assert formats(own=False)["emerge"].samples


def test_ours_can_be_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of them: test_formats and test_messages run the samples of all."""
    (folder / "emerge.toml").write_text("name = 'emerge'\nregex = '(?<x>\\d+)'\n")
    ours = {n: f for n, f in formats(own=False).items() if n in {"emerge", "sojson", "rfc5424"}}
    monkeypatch.setattr(check_formats, "formats", lambda own: {} if own else ours)
    few = tables(own=False)[:2]
    monkeypatch.setattr(check_formats, "tables", lambda **_: few)
    monkeypatch.setattr(own_formats_of_all, "tables", lambda **_: few)
    found = check_formats.check(builtin=True).checked
    assert [c.name for c in found[:3]] == ["emerge", "sojson", "rfc5424"]
    assert [c for c in found[1:] if c.differences] == []
    assert len(found) == 5


def test_messages_of_ours_and_of_the_user_s_go_together(folder: Path) -> None:
    (folder / "sshd.toml").write_text(
        'programs = ["sshd"]\n[[messages]]\ntext = "I like {what}"\n'
        '[[messages]]\ntext = "Invalid user {user_name} from {where} port {source_port}"\n'
    )
    lines = (
        b"Aug 23 06:15:38 h sshd[1]: I like cheese\n"
        b"Aug 23 06:15:38 h sshd[1]: Invalid user x from 192.0.2.1 port 7\n"
    )
    known = replace(usable(), tables=tables())
    parser = LineParser("auto", known=known)
    found = parser.parse(of_bytes(lines), CLOCK, None, 1).events.sort("id")
    first, second = (plain(row) for row in found.iter_rows(named=True))
    assert first["fields"] == {"what": "cheese"}
    # Of templates that fit alike the user's own counts.
    assert (second["fields"].get("where"), second["source_port"]) == ("192.0.2.1", 7)


def test_what_is_set_counts_whatever_the_line_says(folder: Path) -> None:
    (folder / "j.toml").write_text(
        "name = 'j'\njson = true\n[set]\naction = 'login'\nsite = 'here'\noutcome = 'failure'\n"
    )
    (event,) = events('{"action":"x","action\\n":"y","site":"there","outcome":"success"}\n', "j")
    assert (event["action"], event["outcome"]) == ("login", "failure")
    assert event["fields"] == {"action": "x", "site": "here", "outcome": "success"}


def test_words_for_outcome_and_action_that_are_not_known_fill_no_column(folder: Path) -> None:
    (folder / "w.toml").write_text(
        "name = 'w'\nregex = '(?<action>\\w+) (?<outcome>\\w+)'\n"
        "[values.action]\nIN = 'login'\n[values.outcome]\nYES = 'success'\n"
    )
    found = events("in yes\nout maybe\n", "w")
    assert [(e["action"], e["outcome"]) for e in found] == [("login", "success"), (None, None)]
    assert found[1]["fields"] == {"action": "out", "outcome": "maybe"}


ODD = (
    b"", b"\xff\xfe", b"\0", b"|" * 50, b"14.10.2026 04:11:37,250|", b"x" * 100_000, b"{", b"{}",
    b'{"kind":"a"}', b"\r", b"14.10.2026 04:11:37,250|h\xff|bad|OK|m\r",
    b"31.02.2026 04:11:37,250|h|bad|OK|m", b"Aug 23 06:15:38 h app[3]: @cee:{",
    b'Aug 23 06:15:38 h app[3]: @cee:{"kind":["a"],"time":{}}',
    b'Aug 23 06:15:38 h app[3]: @cee:{"kind":"a","time":"never"}',
    b'Aug 23 06:15:38 h app: @cee:{"kind":"a","who":{"name":""}}',
)  # fmt: skip


@pytest.mark.parametrize("parser", ["auto", "door", "app"])
def test_every_line_comes_back(folder: Path, parser: str) -> None:
    (folder / "door.toml").write_text(DOOR)
    (folder / "app.toml").write_text(APP)
    lines = [*ODD, *(s.line.encode() for f in own_formats()[0] for s in f.samples)]
    data = b"\n".join([*lines, *(line[: len(line) // 2] for line in lines), b"end"])
    found = LineParser(parser).parse(of_bytes(data), CLOCK, None, 1).events.sort("id")
    assert written_again(found) == data.split(b"\n")


def test_a_time_that_is_none_makes_the_line_none_of_the_format(folder: Path) -> None:
    (folder / "door.toml").write_text(DOOR)
    (event,) = events("31.02.2026 04:11:37,250|h|bad|OK|m\n", "door")
    assert (event["parsed"], event["host"]) == (False, None)


@pytest.mark.parametrize(
    ("text", "given", "wanted"),
    [
        ("iso", "2026-10-14T04:11:37+02:00", "2026-10-14T02:11:37"),
        ("iso", "2026-10-14T04:11:37 x", None),
        ("epoch", "1503468930.5", "2017-08-23T06:15:30.500"),
        ("epoch", "2026-10-14", None),
        ("bsd", "Aug 23 06:15:38", "2017-08-23T06:15:38"),
        ("access", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36"),
        ("%Y%m%d-%H%M%S", "20261014-041137", "2026-10-14T04:11:37"),
        ("%d/%m/%y %I:%M %p", "14/10/26 04:11 PM", "2026-10-14T16:11:00"),
        ("%Y-%m-%d %H:%M:%S.%f %z", "2026-10-14 04:11:37.5 -0330", "2026-10-14T07:41:37.500"),
        ("%Y-%m-%d %H:%M:%S %z", "2026-10-14 04:11:37 Z", "2026-10-14T04:11:37"),
        ("%Y-%m-%d %H:%M:%S %z", "2026-10-14 04:11:37", None),
        ("%d %b %H:%M", "31 Dec 23:59", "2017-12-31T23:59:00"),
        ("%d %b %H:%M", "2 Jan 23:59", "2017-01-02T23:59:00"),
        ("%d %b %H:%M", "1 Jan 01:00", "2018-01-01T01:00:00"),
        ("%d %b %H:%M", "29 Feb 01:00", "2016-02-29T01:00:00"),
        ("%d %b %H:%M", "30 Feb 01:00", None),
        ("%a %b %e %H:%M:%S %Y", "Wed Oct 14 04:11:37 2026", "2026-10-14T04:11:37"),
    ],
)
def test_notations_of_time(text: str, given: str, wanted: str | None) -> None:
    import polars as pl

    found = notation(text).read(pl.Series([given, "", "x"]), CLOCK)
    assert found.ok.tolist() == [wanted is not None, False, False]
    if wanted:
        moment = datetime(1970, 1, 1).fromisoformat(wanted) - datetime(1970, 1, 1)
        assert found.time[0] == round(moment.total_seconds() * 1e6)


def test_a_slow_regex_is_refused_with_the_reason(folder: Path) -> None:
    random = Random(1)
    line = "".join(random.choice("abcde ") for _ in range(300))
    (folder / "slow.toml").write_text(
        "name = 'slow'\nregex = '(?<a>(?:[^ ]{0,40} ?.{0,40}b?){20})(?<b>.*)'\n"
        f"[[samples]]\nline = '{line}'\nexpect = {{host = ''}}\n"
    )
    known = usable()
    (error,) = known.problems
    assert str(error).startswith(f"{folder}/slow.toml regex: is slow: ")
    assert "10,000 is the least" in str(error)
    assert "slow" not in known.formats
    # Another process is told, so that both read lines alike.
    again = pickle.loads(pickle.dumps(LineParser("auto", known=known)))  # noqa: S301 - ours
    assert isinstance(again, LineParser)
    with pytest.raises(ConfigError, match="no parser 'slow'"):
        LineParser("slow", known=known)


def test_files_that_cannot_be_read(folder: Path) -> None:
    (folder / "a.toml").write_text("name = 'a'\nname = 'b'\n")
    (folder / "b.toml").write_bytes(b"# \xff\n")
    (folder / "c.toml").mkdir()
    (folder / "d.toml").write_text("#" * (1 << 20) + "\n")
    (folder / "e.toml").write_text("name = 'e'\njson = true\n")
    (folder / "f.toml").write_text("name = 'e'\njson = true\n")
    (folder / "g.toml").write_text("a = " + "[" * 10_000 + "\n")
    told = [str(e).removeprefix(f"{folder}/") for e in usable().problems]
    assert [text.split(":")[0] for text in told] == [
        "a.toml", "b.toml", "c.toml", "d.toml", "g.toml", "f.toml name"
    ]  # fmt: skip
    assert "line 2" in told[0]
    assert told[1] == "b.toml: line 1 is not UTF-8 text"
    assert told[5] == "f.toml name: another file has a format 'e'"
    missing = read_all([folder / "none"])[1]
    assert str(missing[0]) == f"{folder}/none: is not there"


def test_where_files_are_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(FORMATS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert places() == [tmp_path / "siemstress/formats.d", Path("/etc/siemstress/formats.d")]
    monkeypatch.setenv(FORMATS_VARIABLE, "/a:/b")
    assert places() == [Path("/a"), Path("/b")]
    assert read_all() == ([], [])


def test_siemparse_goes_on_without_a_broken_file(folder: Path) -> None:
    (folder / "door.toml").write_text(DOOR)
    (folder / "bad.toml").write_text("name = 'bad'\n")
    (folder / "s.conf").write_text("[siemstress]\nlake=lake\n")
    (folder / "door.log").write_text("14.10.2026 04:11:37,250|door-3|bad|NO|m\n")
    program = Path(sys.executable).parent / "siemparse"
    done = subprocess.run(
        [program, "-c", "s.conf", "door.log"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"HOME": str(folder), "TZ": "UTC", "PATH": "/usr/bin", FORMATS_VARIABLE: str(folder)},
    )
    assert done.returncode == 0
    first, second = done.stderr.splitlines()
    assert first == (
        f"siemparse: {folder}/bad.toml: must have one of the keys regex, pairs, json; "
        "lines are read by the other formats"
    )
    assert "(all read)" in second


def test_siemparse_check_formats(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "door.toml").write_text(DOOR)
    assert siemparse._main(["--check-formats"]) == 0
    assert capsys.readouterr() == (f"door: 1 sample as expected ({folder}/door.toml)\n", "")
    (folder / "messages").write_text(MESSAGES.replace('"half open"', '"open"'))
    (folder / "bad.toml").write_text("name = 'bad'\n")
    assert siemparse._main(["--check-formats", "--quiet", "door.toml", "messages"]) == 1
    assert capsys.readouterr() == (
        "messages of gated: sample 1 of gated: state is 'half open', expected 'open' (messages)\n",
        "",
    )
    assert siemparse._main(["--check-formats", "bad.toml"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("siemparse: bad.toml: must have one of ")


def test_pairs(folder: Path) -> None:
    (folder / "p.toml").write_text(
        "name = 'p'\nstarts = 'gate['\nbehind = ']: '\n"
        "pairs = {separators = ';', equals = ':', quotes = \"'\"}\n[columns]\nuser_name = 'who'\n"
    )
    first, second = events("gate[7]: who:bob;door:'a;b';x:\ngate[7]: none\n", "p")
    assert (first["user_name"], first["fields"]) == ("bob", {"door": "a;b"})
    assert second["parsed"] is False


def test_messages_of_a_format_are_for_no_process_of_its_name(folder: Path) -> None:
    (folder / "door.toml").write_text(DOOR)
    (event,) = events("Aug 23 06:15:38 h door[1]: denied card 4711 of carol\n")
    assert (event["format"], event["user_name"]) == ("syslogbsd", None)
