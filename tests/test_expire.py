"""Retention on every store: what is too old goes, for good, and nobody else is disturbed."""

from __future__ import annotations

import random
import threading
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import mariadb_server
from siemstress.errors import Conflict
from siemstress.store import expire as lake_expire
from siemstress.store.base import Advance, Expired, Scan, Store
from siemstress.store.lake import Lake
from siemstress.store.log import TableLog
from siemstress.store.mariadb.connection import Connection
from siemstress.store.mariadb.database import MariaDB
from stores import START, Opener, ask, events, ids, kind, opened, put, store

__all__ = ["kind", "opened", "store"]

NOW = timedelta(0)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_what_is_older_goes(store: Store) -> None:
    assert store.expire("Auth", at(0)) == Expired()
    assert store.tables() == []
    for first in range(0, 100, 10):
        put(store, "Auth", events(10, first=first))
    assert store.expire("Auth", at(0)).rows == 0
    assert store.expire("Auth", at(40)).rows == 40
    assert ids(store, "Auth") == list(range(40, 100))
    assert store.expire("Auth", at(45)).rows == 5
    assert store.expire("Auth", at(45)).rows == 0
    status = store.status("Auth")
    assert status is not None
    assert (status.rows, status.time_min) == (55, at(45))
    assert store.expire("Auth", at(10_000)).rows == 55
    assert ids(store, "Auth") == []
    status = store.status("Auth")
    assert status is not None
    assert (status.rows, status.time_min, status.time_max) == (0, None, None)
    put(store, "Auth", events(1, first=200))
    assert ids(store, "Auth") == [200]


def test_without_a_time_it_goes_by_when_it_was_received(store: Store) -> None:
    put(store, "Auth", events(4, time=None, received=at(10)))
    put(store, "Auth", events(4, first=4, time=[at(5), None, at(5), None], received=at(10)))
    put(store, "Auth", events(4, first=8, time=None, received=None))
    store.expire("Auth", at(10))
    assert {0, 1, 2, 3, 5, 7} <= set(ids(store, "Auth"))
    store.expire("Auth", at(11))
    assert ids(store, "Auth") == [8, 9, 10, 11]


def test_whoever_reads_meanwhile_reads_it_all(store: Store) -> None:
    for first in range(0, 6000, 1000):
        put(store, "Auth", events(1000, first=first))
    from sqlglot import exp, parse_one

    query = parse_one("SELECT id FROM t", dialect="duckdb")
    assert isinstance(query, exp.Query)
    reader = store.select(query, {"t": Scan("Auth")}, batch_rows=500)
    first = reader.read_next_batch().num_rows
    assert store.expire("Auth", at(5500)).rows == 5500
    assert first + sum(batch.num_rows for batch in reader) == 6000
    assert len(ids(store, "Auth")) == 500


def test_writers_go_on_meanwhile(opened: Opener) -> None:
    store = opened()
    put(store, "Auth", events(20_000))
    end = threading.Event()
    stored: list[int] = []

    def write() -> None:
        other = opened()
        while not end.is_set() or len(stored) < 3:
            first = 1_000_000 + 10 * len(stored)
            frame = events(10, first=first, time=at(30_000))
            other.commit(
                "Auth",
                other.stage("Auth", frame),
                [Advance("w", len(stored) or None, len(stored) + 1)],
            )
            stored.append(first)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert store.expire("Auth", at(19_990)).rows == 19_990
    finally:
        end.set()
        writer.join()
    found = ids(store, "Auth")
    assert found[:10] == list(range(19_990, 20_000))
    assert found[10:] == [n for first in stored for n in range(first, first + 10)]
    assert store.position("Auth", "w") == len(stored)
    status = store.status("Auth")
    assert status is not None
    assert status.rows == len(found)


def test_a_commit_in_the_midst_of_it_holds_nothing_up(opened: Opener) -> None:
    store = opened()
    put(store, "Auth", events(100))
    done: list[Expired] = []
    store.commit(
        "Auth",
        store.stage("Auth", events(10, first=100)),
        turn=lambda: done.append(opened().expire("Auth", at(90))),
    )
    assert done == [Expired(90, done[0].bytes)]
    assert ids(store, "Auth") == list(range(90, 110))


def test_a_transaction_that_reads_on_the_server_sees_what_it_saw(tmp_path: Path) -> None:
    address = mariadb_server.shared(tmp_path)
    reader = Connection(address)
    with closing(MariaDB(address)) as store, closing(reader):
        put(store, "Auth", events(100))
        reader.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        assert reader.value("SELECT count(*) FROM Auth") == 100
        assert store.expire("Auth", at(90)).rows == 90
        assert reader.value("SELECT count(*) FROM Auth") == 100
        reader.rollback()
        assert reader.value("SELECT count(*) FROM Auth") == 10


@pytest.mark.parametrize("seed", range(2))
def test_consumers_see_what_is_new_and_no_more(opened: Opener, seed: int) -> None:
    """Whatever expires and is compacted: new since N is what came after N and is still kept."""
    chance = random.Random(seed)
    store = opened()
    came: dict[int, int] = {}
    limit = 0
    versions: list[int] = [-1]
    for number in range(12):
        first = 10 * number
        version = put(store, "Auth", events(10, first=first))
        came.update(dict.fromkeys(range(first, first + 10), version))
        versions.append(version)
        if chance.random() < 0.4:
            limit = max(limit, chance.randrange(first + 10))
            store.expire("Auth", at(limit))
        if chance.random() < 0.3:
            store.compact("Auth")
    store.expire("Auth", at(limit))
    kept = [n for n in came if n >= limit]
    assert ids(store, "Auth") == kept
    for after in versions:
        upto = chance.choice(versions)
        wanted = [n for n in kept if after < came[n] <= upto]
        assert ids(store, "Auth", after=after if after >= 0 else None, upto=upto) == wanted


def test_positions_and_identity_stay(store: Store) -> None:
    store.commit("Auth", store.stage("Auth", events(3)), [Advance("a file", None, 99)])
    identity, version = store.identity("Auth"), store.version("Auth")
    store.expire("Auth", at(1000))
    assert store.position("Auth", "a file") == 99
    assert store.identity("Auth") == identity
    assert (store.version("Auth") or 0) >= (version or 0)


# --- the lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def files(lake: Lake) -> set[str]:
    return {p.name for p in (lake.folder.path / "Auth").iterdir() if p.is_file()}


def test_the_files_go_after_hours(lake: Lake) -> None:
    put(lake, "Auth", events(10))
    put(lake, "Auth", events(10, first=10))
    before = files(lake)
    assert lake.expire("Auth", at(12)).rows == 12
    assert lake.expire("Auth", at(15)).rows == 3
    assert files(lake) > before
    log = TableLog(lake.folder, "Auth")
    lake_expire.expire(log, at(15), grace=NOW)
    assert not files(lake) & before
    assert ids(lake, "Auth") == [15, 16, 17, 18, 19]


def test_a_large_file_is_written_anew_only_for_a_share_of_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, "Auth", events(161))
    monkeypatch.setattr(lake_expire, "SMALL", 0)
    assert lake.expire("Auth", at(9)).rows == 0
    assert lake.expire("Auth", at(10)).rows == 10
    assert ids(lake, "Auth") == list(range(10, 161))


def test_the_last_microseconds_of_a_file_are_not_taken_for_older(lake: Lake) -> None:
    time = at(0.0005)
    put(lake, "Auth", events(1, time=time))
    lake.expire("Auth", time)
    assert ids(lake, "Auth") == [0]
    lake.expire("Auth", time + timedelta(milliseconds=2))
    assert ids(lake, "Auth") == []


def test_what_another_expires_at_once_is_not_counted_twice(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in (0, 10, 20):
        put(lake, "Auth", events(10, first=first))
    other = Lake(lake.folder.path)
    taken: list[Expired] = []
    original = lake_expire._take_out

    def interrupted(log: TableLog, before: datetime) -> object:
        for step in original(log, before):
            if not taken:
                taken.append(other.expire("Auth", at(25)))
            yield step

    monkeypatch.setattr(lake_expire, "_take_out", interrupted)
    done = lake.expire("Auth", at(25))
    assert done.rows + taken[0].rows == 25
    assert ids(lake, "Auth") == [25, 26, 27, 28, 29]


def test_compaction_that_never_ends_is_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, "Auth", events(10))

    def busy(*_: object, **__: object) -> None:
        raise Conflict("busy")

    monkeypatch.setattr(lake_expire, "_take_out", busy)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(Conflict, match="others keep compacting"):
        lake.expire("Auth", at(5))
    assert len(ids(lake, "Auth")) == 10


def test_columns_of_their_own_survive(lake: Lake) -> None:
    put(lake, "Auth", events(2, vlan=[7, 8]))
    put(lake, "Auth", events(2, first=2))
    lake.expire("Auth", at(1))
    assert ask(lake, "SELECT id, vlan FROM t ORDER BY id", t=Scan("Auth")) == [
        {"id": 1, "vlan": 8},
        {"id": 2, "vlan": None},
        {"id": 3, "vlan": None},
    ]
