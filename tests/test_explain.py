"""siemparse --explain: what would be made of lines."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from parsing import CLOCK
from siemstress.commands import siemparse
from siemstress.config.format_files import read_all
from siemstress.fields.tables import Table, tables
from siemstress.ingest import explain as explaining
from siemstress.ingest import own_formats
from siemstress.ingest.explain import Explanation, explain
from siemstress.ingest.inputs import open_inputs
from siemstress.ingest.own_formats import usable
from siemstress.ingest.parsing import LineParser
from siemstress.sources.lines import of_bytes

LINES = (
    "Aug 23 06:15:38 h sshd[1]: Invalid user x from 192.0.2.1 port 7\n"
    "Aug 23 06:15:38 h doord[1]: open\n"
    "what\n"
    '{"a":1,"b":2}\n'
    '{"a":1}\n'
)


@pytest.fixture(scope="module")
def parser() -> LineParser:
    return LineParser("auto", known=replace(usable(), tables=sshd()))


def sshd() -> list[Table]:
    """Some message tables: all of them take a while to be made ready."""
    return [table for table in tables(own=False) if "sshd" in table.programs]


def test_what_formats_took_and_what_they_filled(parser: LineParser, tmp_path: Path) -> None:
    (tmp_path / "x.log.gz").write_bytes(gzip.compress(LINES.encode() * 3))
    found = Explanation()
    (source,) = open_inputs([str(tmp_path / "x.log.gz")])
    assert explain(source, 0, parser, found) is None
    assert (found.lines, found.bytes) == (15, 3 * len(LINES))
    assert {name: (t.lines, t.sample) for name, t in found.formats.items()} == {
        "syslogbsd": (6, LINES.splitlines()[0]),
        "": (3, "what"),
        "linejson": (6, '{"a":1,"b":2}'),
    }
    filled = found.formats["syslogbsd"].filled
    assert (filled["time"], filled["host"], filled["user_name"], filled["dest_host"]) == (
        6,
        6,
        3,
        0,
    )
    assert found.formats["linejson"].filled == {"fields.a": 6, "fields.b": 3}
    assert found.formats[""].filled == {}
    assert found.processes == {"doord": 3}


def test_made_up_names_take_bounded_memory(
    parser: LineParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "_NAMES", 10)
    monkeypatch.setattr(explaining, "_PROCESSES", 10)
    data = "".join(f"Aug 23 06:15:38 h p{n}: x\n" + f'{{"k{n}":1}}\n' for n in range(50)).encode()
    lines = of_bytes(data)
    found = Explanation()
    found.add(lines, parser.parse(lines, CLOCK, None, 0), parser)
    assert len(found.processes) == 10
    assert len(found.formats["linejson"].filled) <= 10 + len(explaining.COLUMNS) + 1


def test_a_damaged_file_is_told(parser: LineParser, tmp_path: Path) -> None:
    packed = gzip.compress("".join(f"line {n}\n" for n in range(50_000)).encode())
    (tmp_path / "x.gz").write_bytes(packed[:-2000])
    (source,) = open_inputs([str(tmp_path / "x.gz")])
    found = Explanation()
    assert "damaged behind byte" in str(explain(source, 0, parser, found))
    assert found.formats[""].lines > 0


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(own_formats, "tables", lambda **_: sshd())
    (tmp_path / "s.conf").write_text("[siemstress]\nlake=lake\n")
    (tmp_path / "x.log").write_text(LINES + "\x1b[31mred\n" * 1000)
    assert siemparse._main(["-c", "s.conf", "--explain", "x.log"]) == 0
    shown = capfd.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[1][:5] == ["syslogbsd", "2", "0.2", "%", "Aug"]
    assert rows[3][:4] == ["(none)", "1001", "99.6", "%"]
    assert "user_name 50.0 %" in shown.out
    assert rows[-1] == ["doord", "1"]
    assert "\x1b" not in shown.out
    assert shown.err.startswith("siemparse: read 1,005 lines in ")
    assert shown.err.endswith("stored nothing\n")
    assert not (tmp_path / "lake").exists()
    with pytest.raises(SystemExit):
        siemparse._main(["-c", "s.conf", "--explain", "--follow", "x.log"])


def test_a_format_with_messages_of_its_own_lacks_no_table(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        "name = 'own'\nregex = 'own (?<host>.*)'\n[set]\nprocess = 'ownd'\n"
        "[[messages]]\ntext = 'x'\n"
    )
    known = usable(read_all([tmp_path])[0])
    parser = LineParser("own", known=replace(known, tables=[]))
    lines = of_bytes(b"own h\n")
    found = Explanation()
    found.add(lines, parser.parse(lines, CLOCK, None, 0), parser)
    assert found.formats["own"].filled == {"host": 1, "process": 1}
    assert found.processes == {}
