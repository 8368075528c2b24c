"""The chain: whoever changes what is stored is found out, and named at the first commit touched."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siemstress.store import chain_archive, upkeep
from siemstress.store.base import Advance
from siemstress.store.chain import digest_of, next_head, seals_of
from siemstress.store.chain_anchor import Anchor
from siemstress.store.chain_verify import Verdict, head, verify
from siemstress.store.expire import expire
from siemstress.store.lake import Lake
from siemstress.store.log import TableLog
from stores import START, events, put, python

NOW = timedelta(0)
COMMITS = 14  # Version 0 makes the table; there are two checkpoints.
HEADER = RECORD = 64


def fill(lake: Lake, first: int, count: int) -> None:
    for n in range(first, first + count):
        staged = lake.stage("Auth", events(3, first=3 * n))
        lake.commit("Auth", staged, [Advance("x", n or None, n + 1)])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of single commits."""
    folder = tmp_path_factory.mktemp("plain") / "lake"
    fill(Lake(folder), 0, COMMITS)
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake after upkeep: merged files, archived entries, and commits after that."""
    folder = tmp_path_factory.mktemp("kept") / "lake"
    lake = Lake(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain_archive, "FEWEST", 1)
        fill(lake, 0, COMMITS)
        upkeep.compact(TableLog(lake.folder, "Auth"), grace=NOW, log_kept=NOW)
        fill(lake, COMMITS, 4)
    return folder


@pytest.fixture
def lake(plain: Path, tmp_path: Path) -> Lake:
    shutil.copytree(plain, tmp_path / "lake")
    return Lake(tmp_path / "lake")


def check(lake: Lake, *anchors: Anchor) -> Verdict:
    return verify(lake.folder, "Auth", anchors)


def entry(lake: Lake, version: int) -> Path:
    return lake.folder.path / f"Auth/_delta_log/{version:020}.json"


def seals(lake: Lake) -> Path:
    return lake.folder.path / "Auth/_chain/seals"


def data_file(lake: Lake, version: int) -> Path:
    """The file that a version added."""
    actions = [json.loads(line) for line in entry(lake, version).read_text().splitlines()]
    return lake.folder.path / "Auth" / str(next(a["add"]["path"] for a in actions if "add" in a))


def flip(path: Path, at: int, bit: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ bit]))


def test_what_nobody_touched_is_as_it_was(lake: Lake, kept: Path) -> None:
    verdict = check(lake)
    assert verdict.fault is None
    assert (verdict.first, verdict.last, verdict.sealed) == (0, COMMITS, COMMITS)
    assert (verdict.files, verdict.rows, verdict.unnamed) == (COMMITS, 3 * COMMITS, 0)
    verdict = check(Lake(kept))
    assert verdict.fault is None
    assert (verdict.first, verdict.sealed) == (0, verdict.last)
    assert (verdict.files, verdict.rows, verdict.merges) == (5, 3 * COMMITS + 12, 1)


# --- what an attacker does who knows nothing of the chain


def change_a_byte_of_data(lake: Lake) -> None:
    flip(data_file(lake, 5), 100)


def cut_a_data_file(lake: Lake) -> None:
    os.truncate(data_file(lake, 5), 100)


def delete_a_data_file(lake: Lake) -> None:
    data_file(lake, 5).unlink()


def put_a_pipe_in_place_of_a_data_file(lake: Lake) -> None:
    path = data_file(lake, 5)
    path.unlink()
    os.mkfifo(path)


def change_a_byte_of_an_entry(lake: Lake) -> None:
    text = entry(lake, 5).read_bytes()
    entry(lake, 5).write_bytes(text.replace(b'"numRecords', b'"numRecorde'))


def change_data_and_hash(lake: Lake) -> None:
    path = data_file(lake, 5)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    flip(path, 100)
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    entry(lake, 5).write_text(entry(lake, 5).read_text().replace(before, after))


def swap_two_entries(lake: Lake) -> None:
    first, second = entry(lake, 5).read_bytes(), entry(lake, 8).read_bytes()
    entry(lake, 5).write_bytes(second)
    entry(lake, 8).write_bytes(first)


def delete_an_entry(lake: Lake) -> None:
    entry(lake, 5).unlink()


def empty_an_entry(lake: Lake) -> None:
    entry(lake, 5).write_bytes(b"")


def take_a_commit_out_and_close_the_gap(lake: Lake) -> None:
    for version in range(5, COMMITS):
        entry(lake, version + 1).rename(entry(lake, version))


def put_a_commit_in_between(lake: Lake) -> None:
    for version in range(COMMITS, 4, -1):
        entry(lake, version).rename(entry(lake, version + 1))
    entry(lake, 5).write_bytes(entry(lake, 6).read_bytes().replace(b"x", b"y"))


def change_a_seal(lake: Lake) -> None:
    flip(seals(lake), HEADER + RECORD * 5 + 40)


def change_a_sealed_digest(lake: Lake) -> None:
    flip(seals(lake), HEADER + RECORD * 5)


@pytest.mark.parametrize(
    "attack",
    [
        change_a_byte_of_data,
        cut_a_data_file,
        delete_a_data_file,
        put_a_pipe_in_place_of_a_data_file,
        change_a_byte_of_an_entry,
        change_data_and_hash,
        swap_two_entries,
        delete_an_entry,
        empty_an_entry,
        take_a_commit_out_and_close_the_gap,
        put_a_commit_in_between,
        change_a_seal,
        change_a_sealed_digest,
    ],
)
def test_the_first_commit_touched_is_named(lake: Lake, attack: Callable[[Lake], None]) -> None:
    attack(lake)
    fault = check(lake).fault
    assert fault is not None
    assert fault.version == 5


def test_the_earliest_of_two_is_named(lake: Lake) -> None:
    change_a_byte_of_an_entry(lake)
    flip(data_file(lake, 3), 50)
    flip(data_file(lake, 9), 50)
    fault = check(lake).fault
    assert fault is not None
    assert (fault.version, "is not what was stored" in fault.text) == (3, True)


def test_a_commit_of_another_program_at_the_end_is_named(lake: Lake) -> None:
    shutil.copy(data_file(lake, 2), lake.folder.path / "Auth/extra.parquet")
    actions = entry(lake, 2).read_text().replace(data_file(lake, 2).name, "extra.parquet")
    lines = [line for line in actions.splitlines() if '"add"' in line]
    entry(lake, COMMITS + 1).write_text("\n".join(lines))
    fault = check(lake).fault
    assert fault is not None
    assert fault.version == COMMITS + 1
    assert "without its SHA-256" in fault.text


# --- what an attacker does who knows of the chain


def reseal(lake: Lake, changed: int, *, mentions: bool) -> None:
    """Compute everything anew from a version on, as an attacker would."""
    records = bytearray(seals(lake).read_bytes())
    head = bytes(records[RECORD * changed + 32 : RECORD * changed + 64])
    heads: dict[int, str] = {}
    for version in range(changed, COMMITS + 1):
        path = entry(lake, version)
        actions = [json.loads(line) for line in path.read_text().splitlines()]
        known = actions[0]["commitInfo"].get("sealed")
        if mentions and known and known["version"] in heads:
            known["head"] = heads[known["version"]]
            path.write_text("".join(json.dumps(action) + "\n" for action in actions))
        digest = digest_of(path.read_bytes())
        head = next_head(head, digest)
        heads[version] = head.hex()
        records[RECORD * (version + 1) : RECORD * (version + 2)] = digest + head
    seals(lake).write_bytes(records)


@pytest.fixture
def anchored(lake: Lake) -> Anchor:
    seal, identity = head(lake.folder, "Auth") or (None, None)
    assert seal is not None
    return Anchor(seal.head, "Auth", seal.version, identity)


def test_only_an_anchor_finds_who_computes_all_anew(lake: Lake, anchored: Anchor) -> None:
    change_data_and_hash(lake)
    reseal(lake, 5, mentions=True)
    assert check(lake).fault is None
    for anchor in (anchored, Anchor(anchored.head)):
        fault = check(lake, anchor).fault
        assert fault is not None
        assert "anchor" in fault.text


def test_anchors_close_in_on_the_change(lake: Lake) -> None:
    with seals_of(lake.folder.path / "Auth") as file:
        assert file is not None
        records = {v: file.record(v) for v in range(COMMITS + 1)}
    heads = {v: record.head for v, record in records.items() if record is not None}
    change_data_and_hash(lake)
    reseal(lake, 5, mentions=True)
    fault = check(lake, *(Anchor(heads[v], "Auth", v) for v in (2, 4, 7, 11))).fault
    assert fault is not None
    assert fault.version == 5
    assert "up to version 7" in fault.text


def test_a_forged_commit_at_the_end_is_not_seen(lake: Lake, anchored: Anchor) -> None:
    """What has siemstress' own form and comes after all others: that is what a commit is."""
    put(lake, "Auth", events(1, first=500))
    verdict = check(lake, anchored)
    assert (verdict.fault, verdict.anchors) == (None, 1)


def test_commits_cut_off_the_end_are_missed(lake: Lake, anchored: Anchor) -> None:
    entry(lake, COMMITS).unlink()
    fault = check(lake).fault
    assert fault is not None
    assert (fault.version, "missing" in fault.text) == (COMMITS, True)
    os.truncate(seals(lake), HEADER + RECORD * COMMITS)
    assert check(lake).fault is None
    fault = check(lake, anchored).fault
    assert fault is not None
    assert "cut off its end" in fault.text


@pytest.mark.parametrize(("left", "first"), [(HEADER + 5 * RECORD, 5), (HEADER, 0), (None, 0)])
def test_seals_that_were_cut_are_missed(lake: Lake, left: int | None, first: int) -> None:
    put(Lake(lake.folder.path), "Auth", events(1, first=900))
    if left is None:
        shutil.rmtree(seals(lake).parent)
    else:
        os.truncate(seals(lake), left)
    fault = check(lake).fault
    assert fault is not None
    assert (fault.version, "seal is gone" in fault.text) == (first, True)


def test_a_torn_end_of_the_seals_is_written_anew(lake: Lake, anchored: Anchor) -> None:
    os.truncate(seals(lake), seals(lake).stat().st_size - 70)
    with seals(lake).open("ab") as file:
        file.write(bytes(90))
    verdict = check(lake, anchored)
    assert verdict.fault is None
    assert verdict.sealed == COMMITS - 2
    put(lake, "Auth", events(1, first=500))
    verdict = check(lake, anchored)
    assert (verdict.fault, verdict.sealed) == (None, COMMITS + 1)
    assert seals(lake).stat().st_size == HEADER + RECORD * (COMMITS + 2)


def test_a_head_of_another_table_is_no_anchor(lake: Lake, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    fill(other, 0, 2)
    seal, identity = head(other.folder, "Auth") or (None, None)
    assert seal is not None
    for anchor in (Anchor(seal.head), Anchor(seal.head, "Auth", seal.version, identity)):
        assert check(lake, anchor).fault is not None


# --- what readers are told by the log's checkpoint


def rewrite_checkpoint(lake: Lake, change: Callable[[list[dict[str, object]]], None]) -> int:
    """Change the newest checkpoint's rows; its version."""
    path = max((lake.folder.path / "Auth/_delta_log").glob("*.checkpoint.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    return int(path.name[:20])


def added(rows: list[dict[str, object]]) -> dict[str, object]:
    return next(row for row in rows if row["add"])


def test_a_file_left_out_of_the_checkpoint_is_missed(lake: Lake) -> None:
    rewrite_checkpoint(lake, lambda rows: rows.remove(added(rows)))
    fault = check(lake).fault
    assert fault is not None
    assert "left out by the log's checkpoint" in fault.text


def test_statistics_that_hide_rows_are_noticed(lake: Lake) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        add = added(rows)["add"]
        assert isinstance(add, dict)
        add["stats"] = str(add["stats"]).replace("2026-03-01", "2021-03-01")

    rewrite_checkpoint(lake, change)
    fault = check(lake).fault
    assert fault is not None
    assert "checkpoint says otherwise" in fault.text


def test_a_position_changed_in_the_checkpoint_is_noticed(lake: Lake) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        row = next(row for row in rows if row["txn"])
        row["txn"] = {**row["txn"], "version": 999}  # type: ignore[dict-item]  # it is one

    version = rewrite_checkpoint(lake, change)
    fault = check(lake).fault
    assert fault is not None
    assert (fault.version, "consumer x" in fault.text) == (version, True)


def test_a_column_hidden_in_the_checkpoint_is_noticed(lake: Lake) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        definition = next(row["metaData"] for row in rows if row["metaData"])
        assert isinstance(definition, dict)
        definition["schemaString"] = str(definition["schemaString"]).replace('"user_name"', '"u"')

    rewrite_checkpoint(lake, change)
    fault = check(lake).fault
    assert fault is not None
    assert "column u" in fault.text


# --- after upkeep


def owners(lake: Lake) -> list[tuple[Path, int, int]]:
    """Every file that the chain vouches for: the least and largest version that it is part of."""
    folder = lake.folder.path / "Auth"
    found = [(p, int(p.stem), int(p.stem)) for p in (folder / "_delta_log").glob("*.json")]
    for path in (folder / "_chain").glob("*.zst"):
        start, end = path.stem.split("-")
        found.append((path, int(start), int(end)))
    for path in folder.glob("*.parquet"):
        naming = [v for e, v, _ in found if e.suffix == ".json" and path.name in e.read_text()]
        found.append((path, min(naming, default=COMMITS + 1), max(naming, default=COMMITS + 1)))
    return sorted(found)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
def test_any_change_of_any_byte_is_named(kept: Path, data: st.DataObject) -> None:
    lake = Lake(kept)
    path, first, last = data.draw(st.sampled_from(owners(lake)))
    at = data.draw(st.integers(0, path.stat().st_size - 1))
    bit = data.draw(st.integers(0, 7))
    flip(path, at, 1 << bit)
    try:
        fault = check(lake).fault
        # Some bits of a compressed file mean nothing; what it holds is then as it was.
        if fault is None and path.suffix == ".zst":
            return
        assert fault is not None, path.name
        assert first <= fault.version <= last, (path.name, fault)
    finally:
        flip(path, at, 1 << bit)


def test_archived_entries_are_missed(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept, tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    (archived,) = (lake.folder.path / "Auth/_chain").glob("*.zst")
    archived.unlink()
    fault = check(lake).fault
    assert fault is not None
    assert (fault.version, "missing" in fault.text) == (0, True)


# --- beside others, and killed


WORK = """
import os, random, sys
from datetime import timedelta
from pathlib import Path
from siemstress.errors import Conflict
from siemstress.store import chain_archive, upkeep
from siemstress.store.base import Advance
from siemstress.store.expire import expire
from siemstress.store.expire import expire
from siemstress.store.lake import Lake
from siemstress.store.log import TableLog
from stores import START, events
chain_archive.FEWEST = 1
now, lake = timedelta(0), Lake(Path(sys.argv[1]))
for n in range(int(sys.argv[2])):
    lake.commit("Auth", lake.stage("Auth", events(4, first=4 * n)))
    log = TableLog(lake.folder, "Auth")
    try:
        if n % 2:
            upkeep.compact(log, grace=timedelta(seconds=20), log_kept=now)
        if n % 5 == 4:
            expire(log, START + timedelta(seconds=n), grace=timedelta(seconds=20))
    except Conflict:
        pass
    print(n, flush=True)
"""


def test_verifying_beside_writers_and_upkeep(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    put(lake, "Auth", events(1))
    workers = [python(WORK, lake.folder.path, 30) for _ in range(2)]
    checks = 0
    try:
        while any(worker.poll() is None for worker in workers):
            verdict = check(lake)
            assert verdict.fault is None, verdict.fault
            checks += 1
        for worker in workers:
            assert worker.returncode == 0, worker.communicate()[1]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    verdict = check(lake)
    assert verdict.fault is None
    assert checks > 2
    assert verdict.last == verdict.sealed
    assert verdict.merges > 5
    assert verdict.expired > 0
    assert verdict.rows == 1 + 2 * 30 * 4 - verdict.expired


def test_old_anchors_stay_good_whatever_upkeep_does(
    lake: Lake, anchored: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_archive, "FEWEST", 1)
    anchors = [anchored]
    log = TableLog(lake.folder, "Auth")
    for n in range(4):
        fill(lake, COMMITS + 3 * n, 3)
        upkeep.compact(log, grace=NOW, log_kept=NOW)
        expire(log, START + timedelta(seconds=4 * n), grace=NOW)
        seal, identity = head(lake.folder, "Auth") or (None, None)
        assert seal is not None
        anchors.append(Anchor(seal.head, "Auth", seal.version, identity))
    assert len(list((lake.folder.path / "Auth/_delta_log").glob("*.json"))) < 6
    verdict = check(lake, *anchors)
    assert (verdict.fault, verdict.anchors) == (None, 5)
    assert verdict.expired == 12
    assert Lake(lake.folder.path).position("Auth", "x") == COMMITS + 12
    # And an old one still vouches for what has been merged since.
    (merged, *_) = (lake.folder.path / "Auth").glob("merged-*")
    flip(merged, 60)
    assert check(lake, anchors[0]).fault is not None


def test_killed_anywhere_the_chain_stays_whole(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    chance = random.Random(1)
    for _ in range(3):
        worker = python(WORK, lake.folder.path, 1000)
        try:
            assert worker.stdout is not None
            for _ in range(chance.randrange(2, 6)):
                worker.stdout.readline()
            time.sleep(chance.random() / 20)
        finally:
            worker.kill()
            worker.communicate()
        verdict = check(lake)
        assert verdict.fault is None, verdict.fault
        assert verdict.sealed is not None
        assert verdict.sealed >= verdict.last - 1
