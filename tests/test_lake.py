"""The lake: open files with true statistics, a log that survives, a folder of its own."""

from __future__ import annotations

import os
import random
import threading
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, QueryBuilder

import stores
from siemstress.config import Config, Server
from siemstress.errors import StoreError
from siemstress.store.base import Advance, Bounds, Scan
from siemstress.store.lake import Lake
from siemstress.store.mariadb.database import MariaDB
from siemstress.store.opening import open_store
from stores import START, ask, events, ids, put


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def parts(lake: Lake, table: str = "Auth") -> list[Path]:
    return sorted((lake.folder.path / table).glob("*.parquet"), key=lambda p: p.stat().st_mtime_ns)


# --- open files


def test_polars_and_delta_read_the_tables(lake: Lake) -> None:
    put(lake, "Auth", events(5, fields={"a": "b"}))
    put(lake, "Auth", events(5, first=5, score=1.5))
    path = str(lake.folder.path / "Auth")
    frame = pl.read_delta(path).sort("id")
    assert frame["time"].to_list() == [START + timedelta(seconds=n) for n in range(10)]
    assert frame["score"].to_list() == [None] * 5 + [1.5] * 5
    table = QueryBuilder().register("t", DeltaTable(path))
    sql = "SELECT id FROM t WHERE time >= timestamp '2026-03-01 12:00:07' ORDER BY id"
    assert pl.DataFrame(table.execute(sql).read_all())["id"].to_list() == [7, 8, 9]
    lake.compact("Auth")
    assert pl.read_delta(path).sort("id").equals(frame)


def test_the_log_has_each_files_hash_and_writer(lake: Lake) -> None:
    import hashlib

    put(lake, "Auth", events(5))
    (note,) = DeltaTable(str(lake.folder.path / "Auth")).history(1)
    (file,) = parts(lake)
    assert note["sha256"] == {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}
    assert note["writer"].endswith(f":{os.getpid()}")


@pytest.mark.parametrize("seed", range(4))
def test_statistics_are_true(lake: Lake, seed: int) -> None:
    chance = random.Random(seed)
    times = [
        chance.choice([None, START + timedelta(days=chance.gauss(0, 30) ** 3)]) for _ in range(200)
    ]
    put(lake, "Auth", events(200, time=times, id=[chance.getrandbits(63) for _ in range(200)]))
    if seed % 2:
        lake.compact("Auth")
    table = DeltaTable(str(lake.folder.path / "Auth"))
    for row in pl.DataFrame(table.get_add_actions(flatten=True)).iter_rows(named=True):
        file = pl.read_parquet(lake.folder.path / "Auth" / row["path"])
        assert row["num_records"] == file.height
        assert row["size_bytes"] == (lake.folder.path / "Auth" / row["path"]).stat().st_size
        for name in ("id", "time", "received"):
            assert row[f"min.{name}"] == file[name].min()
            assert row[f"max.{name}"] == file[name].max()
            assert row[f"null_count.{name}"] == file[name].null_count()


def test_stamps_far_from_the_rest_get_files_of_their_own(lake: Lake) -> None:
    times = [START + timedelta(seconds=n) for n in range(200)]
    times[17], times[99], times[150] = datetime(1970, 1, 1), datetime(2099, 1, 1), times[17]
    staged = lake.stage("Auth", events(200, time=times))
    assert sorted(s.rows for s in staged) == [1, 1, 198]
    lake.commit("Auth", staged)
    assert ids(lake, "Auth") == list(range(200))
    assert len(lake.stage("Auth", events(200))) == 1
    year = [START + timedelta(days=n) for n in range(200)]
    assert len(lake.stage("Auth", events(200, time=year))) == 1


def test_years_that_python_does_not_know_are_stored(lake: Lake) -> None:
    far = pl.Series("time", [0, 2**60, -(2**60)]).cast(pl.Datetime("us"))
    put(lake, "Auth", pl.DataFrame({"id": [1, 2, 3], "time": far}))
    scan = Scan("Auth", Bounds(time_min=datetime(2000, 1, 1)))
    sql = "SELECT id FROM t WHERE time > TIMESTAMP '2000-01-01'"
    assert ask(lake, sql, t=scan) == [{"id": 2}]
    assert lake.compact("Auth")["merged"] == 0
    put(lake, "Auth", events(1, first=4))
    assert lake.compact("Auth")["merged"] > 1
    assert ids(lake, "Auth") == [1, 2, 3, 4]


def test_files_outside_the_bounds_are_not_read(lake: Lake) -> None:
    for n in range(3):
        put(lake, "Auth", events(5, first=100 * n))
    parts(lake)[0].unlink()
    parts(lake)[-1].unlink()
    inside = Bounds(START + timedelta(seconds=100), START + timedelta(seconds=150))
    assert ids(lake, "Auth", bounds=inside) == [100, 101, 102, 103, 104]
    assert ids(lake, "Auth", bounds=Bounds(id_min=100, id_max=199)) == list(range(100, 105))
    with pytest.raises(StoreError):
        ids(lake, "Auth")


@pytest.mark.parametrize("name", ["la%ke #1?é", "[a-z]*", "with 'quotes' \"too\"", "s3:x"])
def test_the_folder_may_be_called_anything(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path / name / "deep")
    put(lake, "Auth", events(3))
    put(lake, "Auth", events(3, first=3))
    assert ids(lake, "Auth") == list(range(6))
    assert lake.select_typed("SELECT id FROM t", {"t": Scan("Auth")}).read_all().num_rows == 6
    lake.compact("Auth")
    assert ids(Lake(tmp_path / name / "deep"), "Auth") == list(range(6))


# --- ids


def test_ids_hold_the_time_of_arrival(lake: Lake) -> None:
    seconds = lake.take_ids(1) >> 32
    assert abs(datetime(2020, 1, 1).timestamp() + seconds - datetime.now().timestamp()) < 86_400


def test_ids_count_up_though_the_clock_steps_back(lake: Lake) -> None:
    lake.take_ids(5)
    state = lake.folder.path / "siemstress.ids"
    ahead = 2**31 - 100
    state.write_text(f"{ahead:010} {2**22 - 3:08}\n")
    assert lake.take_ids(3) == (ahead << 32) + 2**22 - 3
    assert lake.take_ids(2**22) == (ahead + 1) << 32
    assert lake.take_ids(1) == (ahead + 2) << 32
    state.write_text(f"{2**31 - 1:010} {2**22:08}\n")
    with pytest.raises(StoreError, match="clock"):
        lake.take_ids(1)


@pytest.mark.parametrize(
    "state", [b"", b"\0" * 20, b"garbage", b"9999999999 00000000\n", b"0000000001 99999999\n", None]
)
def test_no_id_comes_twice_though_the_state_is_lost(lake: Lake, state: bytes | None) -> None:
    highest = (2**31 - 10) << 32
    put(lake, "Auth", events(1, id=[highest + 7]))
    path = lake.folder.path / "siemstress.ids"
    if state is None:
        path.unlink()
    else:
        path.write_bytes(state)
    first = Lake(lake.folder.path).take_ids(10)
    assert first > highest + 7
    assert lake.take_ids(1) >= first + 10


# --- the log


def test_checkpoints_keep_positions_and_rows(lake: Lake) -> None:
    for n in range(205):
        lake.commit("Auth", [], [Advance("x", n or None, n + 1), Advance(f"file {n}", None, n)])
    put(lake, "Auth", events(2))
    log = lake.folder.path / "Auth/_delta_log"
    assert len(list(log.glob("*.checkpoint.parquet"))) == 20
    other = Lake(lake.folder.path)
    assert other.position("Auth", "x") == 205
    assert other.position("Auth", "file 7") == 7
    status = other.status("Auth")
    assert status is not None
    assert len(status.consumers) == 206
    assert ids(other, "Auth") == [0, 1]


def test_a_file_that_is_gone_is_not_committed(lake: Lake) -> None:
    put(lake, "Auth", events(1))
    staged = lake.stage("Auth", events(2, first=1))
    parts(lake)[-1].unlink()
    with pytest.raises(StoreError):
        lake.commit("Auth", staged)
    staged = lake.stage("Auth", events(2, first=1))
    os.truncate(parts(lake)[-1], 10)
    with pytest.raises(StoreError):
        lake.commit("Auth", staged)
    assert ids(lake, "Auth") == [0]


def test_threads_share_a_lake(lake: Lake) -> None:
    def work(number: int) -> None:
        for n in range(10):
            first = 1000 * number + 10 * n
            staged = lake.stage("Auth", events(10, first=first))
            lake.commit("Auth", staged, [Advance(str(number), n or None, n + 1)])
            assert ids(lake, "Auth", bounds=Bounds(id_min=first, id_max=first + 9))[0] <= first

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids(lake, "Auth")) == 400
    assert [lake.position("Auth", str(n)) for n in range(4)] == [10] * 4


# The file, what is left of it in bytes, whether Delta minds not, and the rows that remain.
TORN = [
    ("00000000000000000005.json", 200, False, [0, 1, 2, 3]),
    ("00000000000000000005.json", 1, False, [0, 1, 2, 3]),
    ("00000000000000000005.json", 0, True, [0, 1, 2, 3]),
    ("00000000000000000003.json", 300, False, [0, 1, 3, 4]),
    ("_last_checkpoint", 5, True, [0, 1, 2, 3, 4]),
    ("00000000000000000005.checkpoint.parquet", 400, False, [0, 1, 2, 3, 4]),
]


@pytest.mark.parametrize(("name", "size", "harmless", "left"), TORN)
def test_what_a_power_cut_tore_is_repaired(
    lake: Lake, name: str, size: int, harmless: bool, left: list[int]
) -> None:
    for n in range(5):
        put(lake, "Auth", events(1, first=n))
    if "checkpoint" in name:
        DeltaTable(str(lake.folder.path / "Auth")).create_checkpoint()
    os.truncate(lake.folder.path / "Auth/_delta_log" / name, size)
    other = Lake(lake.folder.path)
    if harmless:
        assert ids(other, "Auth") == left
    else:
        with pytest.raises(StoreError, match=rf"{name} is damaged.*siemmanage repair"):
            ids(other, "Auth")
    found = other.repair("Auth")
    assert found.lost == []
    assert [line.partition(":")[0] for line in found.done] == [name]
    put(other, "Auth", events(1, first=9))
    assert ids(Lake(lake.folder.path), "Auth") == [*left, 9]
    assert ids(Lake(lake.folder.path), "Auth", after=4) == [n for n in (4, 9) if n in {*left, 9}]
    assert list(other.repair("Auth").done) == []


def test_a_table_torn_as_it_was_made_can_be_made_again(lake: Lake) -> None:
    lake.stage("Auth", events(1))
    log = lake.folder.path / "Auth/_delta_log"
    log.mkdir()
    (log / "00000000000000000000.json").write_text('{"protocol":{"minR')
    with pytest.raises(StoreError, match="repair"):
        ids(lake, "Auth")
    assert lake.repair("Auth").lost == []
    put(lake, "Auth", events(2))
    assert ids(lake, "Auth") == [0, 1]


def test_repair_tells_of_lost_files(lake: Lake) -> None:
    put(lake, "Auth", events(1))
    put(lake, "Auth", events(1, first=1))
    first, second = parts(lake)
    first.unlink()
    os.truncate(second, 20)
    lost = lake.repair("Auth").lost
    assert sorted(line.partition(":")[0] for line in lost) == sorted([first.name, second.name])


# --- the folder


def test_a_folder_with_other_things_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("x")
    lake = Lake(tmp_path)
    for attempt in (lake.tables, lambda: put(lake, "Auth", events(1)), lambda: lake.take_ids(1)):
        with pytest.raises(StoreError, match="no lake"):
            attempt()
    assert [p.name for p in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    lake = Lake(tmp_path / "file")
    for attempt in (
        lake.tables,
        lambda: put(lake, "Auth", events(1)),
        lambda: lake.take_ids(1),
        lambda: ids(lake, "Auth"),
    ):
        with pytest.raises(StoreError, match="not a directory"):
            attempt()


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "none/yet")
    assert lake.tables() == []
    assert ids(lake, "Auth") == []
    assert lake.status("Auth") is None
    lake.drop("Auth")
    assert lake.compact("Auth") == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_can_be_read(lake: Lake) -> None:
    put(lake, "Auth", events(2))
    for folder in (lake.folder.path, lake.folder.path / "Auth"):
        folder.chmod(0o555)
    other = Lake(lake.folder.path)
    assert ids(other, "Auth") == [0, 1]
    with pytest.raises(StoreError, match="permission denied"):
        put(other, "Auth", events(1))
    for folder in (lake.folder.path, lake.folder.path / "Auth"):
        folder.chmod(0o755)


FULL = """
import pathlib, resource, sys, stores
from siemstress.errors import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
store = stores.make_lake(pathlib.Path(sys.argv[1]))
try:
    stores.put(store, "Auth", stores.events(500, first=1000))
except StoreError as e:
    print(e)
"""


@pytest.mark.parametrize("limit", [0, 100, 2000])
def test_a_disk_that_takes_no_more_is_one_line(lake: Lake, tmp_path: Path, limit: int) -> None:
    put(lake, "Auth", events(2))
    with stores.python(FULL, tmp_path, limit) as child:
        said, problem = child.communicate(timeout=30)
    assert child.returncode == 0, problem
    assert said.count("\n") == 1, problem
    assert "too large" in said
    put(lake, "Auth", events(2, first=2))
    assert ids(lake, "Auth") == [0, 1, 2, 3]
    assert len(parts(lake)) == 2


def test_tables_deleted_by_hand_are_gone(lake: Lake) -> None:
    import shutil

    other = Lake(lake.folder.path)
    lake.commit("Auth", lake.stage("Auth", events(2)), [Advance("x", None, 2)])
    assert ids(other, "Auth") == [0, 1]
    shutil.rmtree(lake.folder.path / "Auth")
    assert ids(other, "Auth") == []
    assert other.position("Auth", "x") is None
    put(other, "Auth", events(1))
    assert ids(lake, "Auth") == [0]


def test_the_config_says_which_store_it_is(tmp_path: Path) -> None:
    config = Config(path=None, lake=tmp_path, sections={})
    assert isinstance(open_store(config), Lake)
    server = Server(host="db", user="u", password="p", database="d")  # noqa: S106
    opened = open_store(Config(path=None, lake=tmp_path, sections={}, server=server))
    assert isinstance(opened, MariaDB)
