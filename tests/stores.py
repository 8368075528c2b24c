"""Stores to test, and events to put into them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlglot import exp, parse_one

import mariadb_server
from siemstress.schema import EVENT, polars_schema
from siemstress.store.base import Limits, Scan, Store, rows
from siemstress.store.lake import Lake
from siemstress.store.mariadb.database import MariaDB

NO_LIMITS = Limits()
START = datetime(2026, 3, 1, 12)


def make_lake(folder: Path) -> Store:
    """The lake in a folder; every call opens the same one anew."""
    return Lake(folder / "lake")


def make_mariadb(folder: Path) -> Store:
    """A database for a folder; every call opens the same one anew."""
    return MariaDB(mariadb_server.shared(folder))


Opener = Callable[[], Store]

# Every store of the project: what opens it, given a folder of its own.
STORES: Mapping[str, Callable[[Path], Store]] = {"lake": make_lake, "mariadb": make_mariadb}


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    """Each store's name."""
    return str(request.param)


@pytest.fixture
def opened(kind: str, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store anew at every call."""
    # The first one now: processes that a test starts are to find the same server.
    made = [STORES[kind](tmp_path)]

    def make() -> Store:
        made.append(STORES[kind](tmp_path))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(opened: Opener) -> Store:
    """A store that nobody has used yet."""
    return opened()


def events(count: int, first: int = 0, **columns: Any) -> pl.DataFrame:
    """Events a second apart, numbered from `first`; `columns` are values or lists of them."""
    numbers = range(first, first + count)
    frame = pl.DataFrame(
        {
            "id": list(numbers),
            "time": [START + timedelta(seconds=n % 10**9) for n in numbers],
            "received": [START + timedelta(days=1)] * count,
            "host": ["web1"] * count,
            "process": ["sshd"] * count,
            "message": [f"event {n}" for n in numbers],
        },
        schema_overrides=polars_schema(EVENT),
    )
    values = {
        name: value if isinstance(value, list) else [value] * count
        for name, value in columns.items()
    }
    types = polars_schema(EVENT)
    series = [pl.Series(name, v, dtype=types.get(name)) for name, v in values.items()]
    return frame.with_columns(series)


def put(store: Store, table: str, frame: pl.DataFrame) -> int:
    """Stage and commit a frame; the version."""
    return store.commit(table, store.stage(table, frame))


def ask(store: Store, sql: str, limits: Limits = NO_LIMITS, **scans: Scan) -> list[dict[str, Any]]:
    """The rows of a query whose tables are the keywords."""
    query = parse_one(sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    return list(rows(store.select(query, scans, limits=limits)))


def ids(store: Store, table: str, **scan: Any) -> list[int]:
    """The ids of a table's rows, sorted."""
    return [r["id"] for r in ask(store, "SELECT id FROM t ORDER BY id", t=Scan(table, **scan))]


# A test that is killed must leave no process behind that goes on for minutes.
_ORPHANS_END = """
import os, threading, time
def end(parent=os.getppid()):
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
threading.Thread(target=end, daemon=True).start()
"""


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python process that runs code, with this folder's modules at hand.

    It ends when this one does.
    """
    return subprocess.Popen(
        [sys.executable, "-c", _ORPHANS_END + code, *map(str, arguments)],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
