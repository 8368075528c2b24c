"""A lake to ask siemquery about, and siemquery in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from siemstress.commands.siemquery import main
from siemstress.query.times import now
from siemstress.schema import ALERT, EVENT, polars_schema
from siemstress.store.base import Store
from siemstress.store.lake import Lake
from stores import put

CONFIG = """
[siemstress]
lake=lake
[default]
table=Entries
[auth]
table=Auth
queryfields=Id,DateStamp,SourceHost,Process,PID,Message
[userauth]
table=UserAuth
queryfields=Id,DateStamp,SourceRule,EventLimit,EventCount,Message
"""
START = datetime(2026, 3, 1, 12)
ALWAYS = ("--range", "20260101-20261231")

AUTH: list[dict[str, Any]] = [
    {
        "id": 1, "time": START, "host": "web1", "process": "sshd", "pid": 11, "facility": "auth",
        "severity": 6, "source_host": "10.0.0.5", "source_port": 22, "user_name": "root",
        "action": "login", "outcome": "failure", "message": "Failed password for root",
        "fields": {"method": "password"}, "parsed": True, "format": "syslogbsd", "zone": "+00:00",
        "raw": "Mar  1 12:00:00 web1 sshd[11]: Failed password for root",
    },
    {
        "id": 2, "time": START + timedelta(hours=1), "host": "web1", "process": "CRON",
        "message": "(root) CMD (x)", "parsed": True, "raw": "cron line",
    },
    {
        "id": 3, "time": START + timedelta(hours=2), "message": "caf\ufffd \x1b[31mred",
        "parsed": False, "raw": "caf\ufffd \x1b[31mred", "raw_bytes": b"caf\xe9 \x1b[31mred",
    },
    {
        "id": 123, "time": START + timedelta(hours=26), "host": "2001:db8::8a2e:370:7334",
        "message": "h\u202eidden", "source_host": "h" * 200, "parsed": True, "raw": "hidden",
    },
]  # fmt: skip

Query = Callable[..., str]


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    types = polars_schema((*EVENT, *ALERT) if "alert_id" in rows[0] else EVENT)
    return pl.DataFrame([{**dict.fromkeys(types), **row} for row in rows], schema=types)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a few events of each kind, and its config."""
    folder = tmp_path_factory.mktemp("siem")
    (folder / "s.conf").write_text(CONFIG)
    fill(Lake(folder / "lake"))
    return folder


def fill(store: Store) -> None:
    """Put a few events of each kind into a store."""
    put(store, "Auth", frame(AUTH))
    put(store, "Entries", frame([{**AUTH[0], "id": 50, "message": "an entry"}]))
    alert = {
        "id": 9, "time": START, "alert_id": "a", "source_rule": "burst", "event_limit": 7,
        "event_count": 8, "message": "Over 7",
    }  # fmt: skip
    put(store, "UserAuth", frame([alert]))
    put(
        store, "Loose", frame([{"id": 77, "time": now() - timedelta(minutes=30), "message": "new"}])
    )


@pytest.fixture
def query(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Query]:
    """Runs siemquery in the folder; its standard output. `.error` is its standard error."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("COLUMNS", raising=False)
    time.tzset()

    def ask(*arguments: str, status: int = 0) -> str:
        found = main(["-c", "s.conf", *arguments])
        written = capsysbinary.readouterr()
        ask.error = written.err.decode()  # type: ignore[attr-defined]
        assert found == status, ask.error  # type: ignore[attr-defined]
        return written.out.decode("utf-8", "surrogateescape")

    yield ask
    monkeypatch.undo()
    time.tzset()


def error_of(query: Query) -> str:
    return str(query.error)  # type: ignore[attr-defined]
