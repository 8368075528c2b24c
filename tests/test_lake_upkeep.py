"""Upkeep of the lake: many files become one, leftovers go in time, the log is cut, all exact."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.transaction import RemoveAction

from siemstress.errors import Conflict, StoreError
from siemstress.store import chain_archive, upkeep
from siemstress.store.base import Advance, Bounds, Scan
from siemstress.store.lake import Lake
from siemstress.store.log import TableLog, Uncertain
from siemstress.store.merge import SLICE
from stores import START, ask, events, ids, put

NOW = timedelta(0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def files(lake: Lake) -> set[str]:
    return {p.name for p in (lake.folder.path / "Auth").iterdir() if p.is_file()}


def log_of(lake: Lake) -> TableLog:
    return TableLog(lake.folder, "Auth")


def age(path: Path, hours: float) -> None:
    then = path.stat().st_mtime - hours * 3600
    os.utime(path, (then, then))


def test_many_files_become_one(lake: Lake) -> None:
    for n in range(10):
        put(lake, "Auth", events(100, first=100 * n))
    done = lake.compact("Auth")
    assert (done["merged"], done["into"], done["deleted"]) == (10, 1, 0)
    assert done["bytes_after"] < done["bytes_before"]
    status = lake.status("Auth")
    assert status is not None
    assert (status.files, status.rows) == (1, 1000)
    assert (status.time_min, status.time_max) == (START, START + timedelta(seconds=999))
    assert lake.compact("Auth")["merged"] == 0


@pytest.mark.parametrize("seed", range(2))
def test_versions_stay_exact_when_all_history_is_gone(
    lake: Lake, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was merged, deleted and cut off: new since N is what was added after N."""
    monkeypatch.setattr(chain_archive, "FEWEST", 1)
    chance = random.Random(seed)
    added: dict[int, int] = {}
    for n in range(30):
        size = chance.randrange(1, 30)
        first = len(added)
        version = put(lake, "Auth", events(size, first=first, time=START - timedelta(hours=n)))
        added |= dict.fromkeys(range(first, first + size), version)
        if chance.random() < 0.3:
            upkeep.compact(log_of(lake), grace=NOW, log_kept=NOW)
    latest = lake.version("Auth") or 0
    for _ in range(10):
        after, upto = sorted(chance.randrange(latest + 1) for _ in range(2))
        assert ids(lake, "Auth", after=after) == [i for i, v in added.items() if v > after]
        wanted = [i for i, v in added.items() if after < v <= upto]
        assert ids(Lake(lake.folder.path), "Auth", after=after, upto=upto) == wanted
        assert ids(lake, "Auth", upto=upto) == [i for i, v in added.items() if v <= upto]


def test_rows_merged_from_files_with_other_columns_read_as_null(lake: Lake) -> None:
    put(lake, "Auth", events(2))
    put(lake, "Auth", events(2, first=2, score=1.5))
    version = lake.version("Auth")
    lake.compact("Auth")
    put(lake, "Auth", events(2, first=4, level=["a", "b"]))
    sql = "SELECT id, score, level FROM t ORDER BY id"
    found = ask(lake, sql, t=Scan("Auth"))
    assert [r["score"] for r in found] == [None, None, 1.5, 1.5, None, None]
    assert [r["level"] for r in found] == [None] * 4 + ["a", "b"]
    assert [r["id"] for r in ask(lake, sql, t=Scan("Auth", after=version))] == [4, 5]
    assert "_version" not in lake.columns("Auth")
    assert "_version" not in ask(lake, "SELECT * FROM t", t=Scan("Auth"))[0]


def test_merged_files_are_in_slices_of_time(lake: Lake) -> None:
    count = SLICE + 5000
    hours = [START + timedelta(seconds=n // 10) for n in range(count)]
    frame = pl.DataFrame({"id": range(count), "time": hours, "message": ["x"] * count})
    frame = frame.with_columns(process=(pl.col("id") % 3).cast(pl.String))
    put(lake, "Auth", frame[::2])
    put(lake, "Auth", frame[1::2])
    put(lake, "Auth", events(3, first=count, time=[None, None, START]))
    lake.compact("Auth")
    (merged,) = (lake.folder.path / "Auth").glob("merged-*")
    rows = pl.read_parquet(merged)
    assert rows["id"].sort().to_list() == list(range(count + 3))
    assert rows["time"][:2].null_count() == 2
    second = rows[-4000:]
    assert second["time"].min() > rows[2:200_000]["time"].max()  # type: ignore[operator]
    assert second["process"].is_sorted()


def test_stamps_far_away_are_not_merged_with_the_rest(lake: Lake) -> None:
    for n in range(4):
        times = [START + timedelta(minutes=n), *[START] * 30, datetime(1970, 1, 1), *[START] * 30]
        put(lake, "Auth", events(len(times), first=100 * n, time=times))
    lake.compact("Auth")
    snapshot = log_of(lake).snapshot()
    assert snapshot is not None
    spans = sorted((f.time_min, f.time_max, f.rows) for f in snapshot.files)
    assert spans == [
        (datetime(1970, 1, 1), datetime(1970, 1, 1), 4),
        (START, START + timedelta(minutes=3), 244),
    ]


def test_files_are_not_merged_again_and_again(lake: Lake) -> None:
    put(lake, "Auth", events(5000))
    put(lake, "Auth", events(5000, first=5000))
    lake.compact("Auth")
    large = {name for name in files(lake) if name.startswith("merged-")}
    for n in range(3):
        put(lake, "Auth", events(2, first=20_000 + 2 * n))
        put(lake, "Auth", events(2, first=30_000 + 2 * n))
        assert lake.compact("Auth")["merged"] >= 2
    snapshot = log_of(lake).snapshot()
    assert snapshot is not None
    assert large <= {f.path for f in snapshot.files}


def test_files_of_the_size_wanted_are_left(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "TARGET", 20_000)
    for n in range(8):
        put(lake, "Auth", events(200, first=200 * n, message=[os.urandom(20).hex()] * 200))
    lake.compact("Auth")
    status = lake.status("Auth")
    assert status is not None
    assert 1 < status.files < 8
    assert ids(lake, "Auth") == list(range(1600))


# --- leftovers


def test_leftovers_go_after_hours(lake: Lake) -> None:
    put(lake, "Auth", events(2))
    folder = lake.folder.path / "Auth"
    young = lake.stage("Auth", events(1, first=2))
    killed = folder / "part-00.parquet"
    temporary = folder / "_delta_log/00000000000000000007.json#1"
    stranger = folder / "README"
    for path in (killed, temporary, stranger):
        path.write_text("left behind")
        age(path, 7)
    (live,) = (p for p in folder.glob("part-*") if p != killed and p.name != young[0].path.name)  # type: ignore[attr-defined]
    age(live, 100)
    done = lake.compact("Auth")
    assert (done["deleted"], done["deleted_bytes"]) == (2, 22)
    assert not killed.exists()
    assert not temporary.exists()
    assert stranger.exists()
    lake.commit("Auth", young)
    assert ids(lake, "Auth") == [0, 1, 2]


def test_merged_files_stay_for_those_who_read_them(lake: Lake) -> None:
    put(lake, "Auth", events(2))
    put(lake, "Auth", events(2, first=2))
    originals = files(lake)
    for name in originals:
        age(lake.folder.path / "Auth" / name, 100)
    assert lake.compact("Auth")["deleted"] == 0
    assert files(lake) > originals
    assert upkeep.compact(log_of(lake), grace=NOW)["deleted"] == 2
    assert not files(lake) & originals
    assert ids(lake, "Auth") == [0, 1, 2, 3]


def test_what_was_dropped_half_way_is_swept(lake: Lake) -> None:
    put(lake, "Auth", events(2))
    half = lake.folder.path / ".dropped-0123"
    (half / "deep").mkdir(parents=True)
    assert lake.tables() == ["Auth"]
    lake.compact("Auth")
    assert not half.exists()


# --- the log


def test_the_log_is_cut_where_a_checkpoint_covers_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_archive, "FEWEST", 1)
    for n in range(20):
        lake.commit(
            "Auth", lake.stage("Auth", events(1, first=n)), [Advance("x", n or None, n + 1)]
        )
    log = lake.folder.path / "Auth/_delta_log"
    assert lake.compact("Auth")["log_entries"] == 0
    for entry in log.glob("*.json"):
        age(entry, 25)
    assert lake.compact("Auth")["log_entries"] > 15
    assert len(list(log.glob("*.json"))) < 5
    other = Lake(lake.folder.path)
    assert other.position("Auth", "x") == 20
    assert ids(other, "Auth", after=10) == list(range(10, 20))
    status = other.status("Auth")
    assert status is not None
    assert status.consumers == {"x": 20}
    other.commit("Auth", other.stage("Auth", events(1, first=20)), [Advance("x", 20, 21)])
    assert lake.position("Auth", "x") == 21


def test_a_log_that_others_have_cut_says_so(lake: Lake) -> None:
    for n in range(5):
        put(lake, "Auth", events(1, first=n))
    log_of(lake).checkpoint()
    for version in range(4):
        (lake.folder.path / f"Auth/_delta_log/{version:020}.json").unlink()
    other = Lake(lake.folder.path)
    assert ids(other, "Auth") == list(range(5))
    assert ids(other, "Auth", after=3) == [3, 4]
    for wrong in ({"after": 1}, {"upto": 2}):
        with pytest.raises(StoreError, match="not in the log"):
            ids(other, "Auth", **wrong)
    other.compact("Auth")
    assert ids(other, "Auth") == list(range(5))
    assert ids(other, "Auth", after=3) == [3, 4]


def test_checkpoints_forget_files_that_went_long_ago(lake: Lake) -> None:
    """A follower has tens of thousands of them in a day."""
    put(lake, "Auth", events(1))
    old = {"delta.deletedFileRetentionDuration": "interval 1 weeks"}
    DeltaTable(lake.folder.path / "Auth").alter.set_table_properties(old)
    for n in range(2):
        put(lake, "Auth", events(1, first=n + 1))
    assert lake.compact("Auth")["merged"] == 3
    found = DeltaTable(lake.folder.path / "Auth").metadata().configuration
    assert found["delta.deletedFileRetentionDuration"] == "interval 1 hours"
    assert found["delta.enableExpiredLogCleanup"] == "false"
    version = lake.version("Auth")
    lake.compact("Auth")
    assert lake.version("Auth") == version


def test_files_that_another_has_replaced_are_not_replaced_again(lake: Lake) -> None:
    put(lake, "Auth", events(2))
    put(lake, "Auth", events(2, first=2))
    old = sorted(files(lake))
    lake.compact("Auth")
    log = log_of(lake)
    removes = [RemoveAction(name, False, 0, 1) for name in old]
    with pytest.raises(Conflict):
        log.commit(removes, [Advance("upkeep", 0, 2)], {}, {}, live=old)
    with pytest.raises(Conflict):
        log.commit(removes, [Advance("upkeep", 1, 2)], {}, {}, live=old)
    assert ids(lake, "Auth") == [0, 1, 2, 3]


def test_no_consumer_is_called_upkeep(lake: Lake) -> None:
    with pytest.raises(ValueError, match="upkeep"):
        lake.commit("Auth", [], [Advance("upkeep", None, 1)])


def test_a_merged_file_is_pruned_like_any(lake: Lake) -> None:
    for n in range(3):
        put(lake, "Auth", events(5, first=100 * n))
    lake.compact("Auth")
    (merged,) = (lake.folder.path / "Auth").glob("merged-*")
    merged.unlink()
    assert ids(lake, "Auth", bounds=Bounds(id_min=300)) == []
    with pytest.raises(StoreError):
        ids(lake, "Auth", bounds=Bounds(id_min=200))


def test_a_commit_is_not_taken_for_failed_because_the_log_was_cut(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a process stands still for hours between its commit and its look at the log."""
    monkeypatch.setattr(chain_archive, "FEWEST", 1)
    put(lake, "Auth", events(1))
    (staged,) = lake.stage("Auth", events(1, first=1))
    plain = DeltaTable.create_write_transaction

    def pause(self: DeltaTable, *arguments: Any, **options: Any) -> None:
        plain(self, *arguments, **options)
        monkeypatch.undo()
        monkeypatch.setattr(chain_archive, "FEWEST", 1)
        other = Lake(lake.folder.path)
        for n in range(3):
            put(other, "Auth", events(1, first=10 + n))
        upkeep.compact(TableLog(other.folder, "Auth"), grace=NOW, log_kept=NOW)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", pause)
    with pytest.raises(Uncertain, match="cut meanwhile"):
        lake.commit("Auth", [staged])
    lake.discard([staged])
    assert ids(Lake(lake.folder.path), "Auth") == [0, 1, 10, 11, 12]
