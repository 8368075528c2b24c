"""Windows events: what their numbers mean, .evtx files, exports."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import polars as pl
import pytest

from event_logs import chunk, event_log, logon
from parsing import parsed, plain
from running import Site
from siemstress.fields.actions import ACTIONS
from siemstress.formats.windows import EVENTS, USERS, told
from siemstress.sources.eventlogs import EventLogLines


def test_the_table_uses_the_vocabulary() -> None:
    assert {t.action for t in EVENTS.values()} <= {*ACTIONS}
    assert {t.outcome for t in EVENTS.values()} <= {"", "-", "success", "failure"}
    assert {t.user for t in EVENTS.values()} <= {*USERS}


def test_what_an_event_tells_depends_on_its_provider() -> None:
    found = told(
        pl.Series(["Microsoft-Windows-Sysmon", "Linux-Sysmon", "Another", None]),
        pl.Series(["1", "3", "1", "4625"]),
    )
    assert found["action"].to_list() == ["process_start", "connect", None, None]


def _lines(data: bytes, step: int = 1 << 20) -> tuple[list[bytes], str | None]:
    """The lines of a log, and what is said of its damage."""
    stream = EventLogLines(io.BytesIO(data))
    buffer = memoryview(bytearray(step))
    found = b""
    while got := stream.readinto(buffer):
        found += buffer[:got]
    return found.splitlines(), stream.damage


LOG = event_log(
    chunk([logon(n, f"user{n}") for n in range(1, 6)], 1),
    chunk([logon(n, f"user{n}") for n in range(6, 9)], 6),
)


@pytest.mark.parametrize("step", [7, 1 << 20])
def test_the_records_of_an_event_log_are_lines(step: int) -> None:
    lines, damage = _lines(LOG, step)
    assert damage is None
    rows = [plain(row) for row in parsed(b"\n".join(lines)).iter_rows(named=True)]
    assert [row["user_name"] for row in rows] == [f"user{n}" for n in range(1, 9)]
    assert {(r["action"], r["outcome"], r["host"], r["source_host"]) for r in rows} == {
        ("login", "failure", "dc1", "192.0.2.7")
    }
    assert {row["format"] for row in rows} == {"windowsjson"}


def test_what_is_damaged_takes_nothing_else_with_it() -> None:
    record = LOG.find(b"**\0\0", 4096 + 600)
    broken = LOG[: record + 30] + b"\xff" * 40 + LOG[record + 70 :]
    lines, damage = _lines(broken)
    assert (len(lines), damage) == (7, "1 record damaged and left out")
    lines, damage = _lines(LOG[:4096] + b"x" * 65536 + LOG[4096:] + bytes(65536))
    assert (len(lines), damage) == (8, "1 chunk damaged and left out")
    assert len(_lines(LOG[:-60_000])[0]) == 8


@pytest.mark.parametrize("seed", range(30))
def test_any_damage_is_borne(seed: int) -> None:
    random = Random(seed)
    data = bytearray(LOG[: 4096 + 8192])
    for _ in range(random.choice((1, 5, 50))):
        data[random.randrange(4096, len(data))] = random.randrange(256)
    lines, _ = _lines(bytes(data))
    assert len(lines) <= 5


def test_what_is_no_event_log_passes_through() -> None:
    assert _lines(b'{"a":1}\n{"b":2}\n')[0] == [b'{"a":1}', b'{"b":2}']
    assert _lines(b"") == ([], None)


def test_siemparse_knows_an_event_log_and_goes_on_where_it_grows(tmp_path: Path) -> None:
    site = Site(tmp_path)
    path = site.file("Security.evtx", LOG)
    assert "stored 8 lines in Entries (all read)" in site.run(path)[0]
    assert "all of it is stored already" in site.run("-p", "evtx", path)[0]
    more = chunk([logon(n, f"user{n}") for n in range(9, 11)], 9)
    grown = event_log(LOG[4096:69632], LOG[69632:], more)
    assert "went on behind byte" in site.run(site.file("Security.evtx", grown))[0]
    assert [row["user_name"] for row in site.events()] == [f"user{n}" for n in range(1, 11)]
    site.run("-q", "-s", "auth", data=LOG)
    assert len(site.lines("Auth")) == 8
