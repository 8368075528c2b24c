"""What every store does when many write at once, or one is killed, or others keep house."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import stores
from siemstress.errors import StoreError
from siemstress.store.base import Advance, Scan, Store
from stores import START, Opener, ask, events, ids, put

WRITER = """
import sys, pathlib, stores
kind, folder, number = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
store = stores.STORES[kind](folder)
print("ready", flush=True)
while not (folder / "go").exists():
    pass
for i in range(8):
    first = store.take_ids(5)
    columns = {"extra": number} if i == 3 else {}
    stores.put(store, "Auth", stores.events(5, first=first, pid=number, **columns))
"""


def test_many_processes_may_make_and_fill_a_table_at_once(
    kind: str, opened: Opener, tmp_path: Path
) -> None:
    writers = [stores.python(WRITER, kind, tmp_path, n) for n in range(4)]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    for writer in writers:
        _, problem = writer.communicate(timeout=60)
        assert writer.returncode == 0, problem
    found = ask(
        opened(),
        "SELECT pid, count(*) AS n, count(DISTINCT id) AS d, count(extra) AS e FROM t GROUP BY pid",
        t=Scan("Auth"),
    )
    assert sorted((r["pid"], r["n"], r["d"], r["e"]) for r in found) == [
        (n, 40, 40, 5) for n in range(4)
    ]
    assert len(set(ids(opened(), "Auth"))) == 160


MORTAL = """
import sys, pathlib, stores
from siemstress.store.base import Advance
store = stores.STORES[sys.argv[1]](pathlib.Path(sys.argv[2]))
at = store.position("Auth", "file")
print("ready", flush=True)
while True:
    first = at or 0
    staged = store.stage("Auth", stores.events(50, first=first))
    store.commit("Auth", staged, [Advance("file", at, first + 50)])
    at = first + 50
    print(at, flush=True)
"""


def test_every_row_is_there_once_whenever_the_writer_is_killed(
    kind: str, opened: Opener, tmp_path: Path
) -> None:
    chance = random.Random(2)
    acknowledged = 0
    for _ in range(12):
        with stores.python(MORTAL, kind, tmp_path) as writer:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0, 0.12))
            writer.send_signal(signal.SIGKILL)
            said, _ = writer.communicate()
        acknowledged = max([acknowledged, *map(int, said.split("\n")[:-1])])
    position = opened().position("Auth", "file") or 0
    assert position >= acknowledged > 0
    assert ids(opened(), "Auth") == list(range(position))
    store = opened()
    store.compact("Auth")
    assert ids(store, "Auth") == list(range(position))


# --- status, drop, compact


def test_status_counts(store: Store) -> None:
    put(store, "Auth", events(3, first=10))
    store.commit("Auth", store.stage("Auth", events(2)), [Advance("b", None, 2)])
    version = store.commit("Auth", [], [Advance("a", None, 1), Advance("b", 2, 7)])
    status = store.status("Auth")
    assert status is not None
    assert (status.table, status.rows, status.version) == ("Auth", 5, version)
    assert status.bytes > 0
    assert status.time_min == START
    assert status.time_max == START + timedelta(seconds=12)
    assert status.received_max == START + timedelta(days=1)
    assert status.consumers == {"a": 1, "b": 7}


def test_dropping_forgets_rows_and_positions(store: Store, opened: Opener) -> None:
    other = opened()
    store.commit("Auth", store.stage("Auth", events(3)), [Advance("x", None, 3)])
    put(store, "Access", events(1))
    assert other.position("Auth", "x") == 3
    late = other.stage("Auth", events(1))
    store.drop("Auth")
    assert other.tables() == ["Access"]
    assert other.position("Auth", "x") is None
    assert ids(other, "Auth") == []
    with pytest.raises(StoreError):
        other.commit("Auth", late)
    for n in range(5):
        other.commit(
            "Auth", other.stage("Auth", events(1, first=n)), [Advance("x", n or None, n + 1)]
        )
    assert ids(store, "Auth") == list(range(5))
    assert store.position("Auth", "x") == 5
    assert ids(store, "Access") == [0]


TRICKS = ["", ".", "..", "../x", "/etc", "a/b", "a\0b", "-rf", "Auth; DROP", "A" * 65, "é", "a\n"]


@pytest.mark.parametrize("name", TRICKS)
def test_table_names_with_tricks_are_refused(store: Store, tmp_path: Path, name: str) -> None:
    put(store, "Auth", events(1))
    before = sorted(tmp_path.rglob("*"))
    for attempt in (
        lambda: put(store, name, events(1)),
        lambda: store.drop(name),
        lambda: store.compact(name),
        lambda: store.position(name, "x"),
        lambda: ids(store, name),
    ):
        with pytest.raises(StoreError):
            attempt()
    assert sorted(tmp_path.rglob("*")) == before


def test_compacting_changes_no_answer(store: Store, opened: Opener) -> None:
    versions = []
    for n in range(12):
        frame = events(20, first=20 * n, extra=[n] * 20) if n % 3 else events(20, first=20 * n)
        staged = store.stage("Auth", frame)
        versions.append(store.commit("Auth", staged, [Advance("x", n or None, n + 1)]))

    def answers() -> list[object]:
        return [
            ask(opened(), "SELECT * FROM t ORDER BY id", t=Scan("Auth")),
            ids(opened(), "Auth", after=versions[4]),
            ids(opened(), "Auth", after=versions[4], upto=versions[8]),
            ids(opened(), "Auth", upto=versions[8]),
            opened().position("Auth", "x"),
            opened().columns("Auth"),
        ]

    before = answers()
    opened().compact("Auth")
    assert answers() == before
    version = store.version("Auth")
    put(store, "Auth", events(3, first=1000))
    opened().compact("Auth")
    assert ids(store, "Auth", after=version) == [1000, 1001, 1002]
    assert ids(store, "Auth", upto=version) == list(range(240))


def test_repairing_what_is_whole_does_nothing(store: Store) -> None:
    put(store, "Auth", events(3))
    found = store.repair("Auth")
    assert (list(found.done), list(found.lost)) == ([], [])
    assert list(store.repair("Nothing").done) == []
    assert ids(store, "Auth") == [0, 1, 2]


def test_readers_and_writers_go_on_beside_compaction(opened: Opener) -> None:
    put(opened(), "Auth", events(10))
    stop = threading.Event()
    problems: list[BaseException] = []

    def forever(step: Callable[[Store, int], None]) -> None:
        store, n = opened(), 0
        try:
            while not stop.is_set():
                step(store, n)
                n += 1
        except BaseException as e:
            problems.append(e)

    written: list[int] = []

    def write(store: Store, n: int) -> None:
        put(store, "Auth", events(10, first=10 * (n + 1)))
        written.append(n)

    def read(store: Store, _: int) -> None:
        found = ids(store, "Auth")
        assert found == list(range(len(found)))

    seen: list[int] = []
    mark = [opened().version("Auth")]

    def follow(store: Store, _: int) -> None:
        latest = store.version("Auth")
        seen.extend(ids(store, "Auth", after=mark[0], upto=latest))
        mark[0] = latest

    def compact(store: Store, _: int) -> None:
        store.compact("Auth")

    steps = (write, read, follow, compact, compact)
    threads = [threading.Thread(target=forever, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    time.sleep(3)
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    follow(opened(), 0)
    assert ids(opened(), "Auth") == list(range(10 * (len(written) + 1)))
    assert sorted(seen) == list(range(10, 10 * (len(written) + 1)))
    assert written
