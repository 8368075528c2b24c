"""Commits to MariaDB whose answer never comes: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import mariadb_server
from mariadb_server import PrivateServer
from siemstress.config import Server
from siemstress.errors import Conflict, StoreError, Unavailable
from siemstress.store.base import Advance, Staged
from siemstress.store.mariadb.database import MariaDB
from stores import events, ids, put

COMMIT = b"\x03COMMIT"


class Relay:
    """A socket before a server's, which breaks off connections that send COMMIT.

    `cuts` says what becomes of the next ones: `before` the server gets it, `after` it has
    answered, or None to let one through. While `held` is set nothing can be connected.
    """

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = dataclasses.replace(server, socket=folder / "relay")
        self.cuts: list[str | None] = []
        self._target = str(server.socket)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.server.socket))
        self._listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(self._target)
            answers = threading.Thread(target=self._answer, args=(server, client), daemon=True)
            answers.start()
            while data := client.recv(1 << 16):
                cut = self.cuts.pop(0) if data.endswith(COMMIT) and self.cuts else None
                if cut == "before":
                    break
                if cut == "after":
                    client.shutdown(socket.SHUT_RDWR)
                server.sendall(data)
                if cut == "after":
                    time.sleep(0.05)
                    break
            server.shutdown(socket.SHUT_RDWR)
            answers.join()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take no more connections."""
        # Without this `accept` goes on waiting.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    made = Relay(tmp_path, mariadb_server.shared(tmp_path))
    yield made
    made.close()


@pytest.fixture
def store(relay: Relay) -> Iterator[MariaDB]:
    made = MariaDB(relay.server)
    yield made
    made.close()


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_the_same_commit_again_is_made_once(
    store: MariaDB, relay: Relay, cut: str, count: int
) -> None:
    version = put(store, "Auth", events(1, first=1000))
    staged = store.stage("Auth", events(count))
    relay.cuts = [cut]
    with pytest.raises(Unavailable):
        store.commit("Auth", staged, [Advance("x", None, 7)])
    assert store.commit("Auth", staged, [Advance("x", None, 7)]) == version + 1
    assert store.version("Auth") == version + 1
    assert store.position("Auth", "x") == 7
    assert ids(store, "Auth") == [*range(count), 1000]
    assert ids(store, "Auth", after=version) == list(range(count))
    with pytest.raises(Conflict):
        store.commit("Auth", store.stage("Auth", events(1, first=99)), [Advance("x", None, 7)])


def test_rows_alone_are_made_once(store: MariaDB, relay: Relay) -> None:
    put(store, "Auth", events(0))
    staged = [*store.stage("Auth", events(5)), *store.stage("Auth", events(5, first=5))]
    relay.cuts = ["before", "after", "after"]
    for _ in range(2):
        with pytest.raises(Unavailable):
            store.commit("Auth", staged)
    version = store.commit("Auth", staged)
    assert ids(store, "Auth") == list(range(10))
    assert version == store.version("Auth") == 2
    with pytest.raises(StoreError, match="committed already"):
        store.commit("Auth", staged)


def test_others_may_commit_between(store: MariaDB, relay: Relay) -> None:
    other = MariaDB(mariadb_server.shared(relay.server.socket.parent))  # type: ignore[union-attr]
    put(other, "Auth", events(1, first=1000))
    for n, cut in enumerate(["before", "after"]):
        staged = store.stage("Auth", events(5, first=5 * n))
        relay.cuts = [cut]
        with pytest.raises(Unavailable):
            store.commit("Auth", staged, [Advance("x", n or None, n + 1)])
        put(other, "Auth", events(1, first=1001 + n))
        other.commit("Auth", [], [Advance("y", n or None, n + 1)])
        store.commit("Auth", staged, [Advance("x", n or None, n + 1)])
    assert ids(store, "Auth") == [*range(10), 1000, 1001, 1002]
    assert (store.position("Auth", "x"), store.version("Auth")) == (2, 7)
    other.close()


def test_a_turn_that_fails_is_not_asked_for_again(store: MariaDB) -> None:
    asked: list[int] = []

    def turn() -> None:
        asked.append(1)
        failure = Unavailable("a deadlock of somebody else's")
        failure.code = 1213
        raise failure

    with pytest.raises(Unavailable, match="somebody"):
        store.commit("Auth", store.stage("Auth", events(2)), turn=turn)
    assert len(asked) == 1
    assert store.tables() == []


def test_a_table_may_be_dropped_between(store: MariaDB, relay: Relay) -> None:
    put(store, "Auth", events(1, first=1000))
    staged = store.stage("Auth", events(5))
    relay.cuts = ["after"]
    with pytest.raises(Unavailable):
        store.commit("Auth", staged, [Advance("x", None, 1)])
    store.drop("Auth")
    with pytest.raises(StoreError, match="deleted"):
        store.commit("Auth", staged, [Advance("x", None, 1)])
    assert ids(store, "Auth") == []


def test_ids_that_nobody_heard_of_are_not_given_again(store: MariaDB, relay: Relay) -> None:
    first = store.take_ids(10)
    relay.cuts = ["after"]
    with pytest.raises(Unavailable):
        store.take_ids(10)
    assert store.take_ids(10) >= first + 20


def _until_made(store: MariaDB, staged: list[Staged], moves: list[Advance]) -> int:
    while True:
        try:
            return store.commit("Auth", staged, moves)
        except Unavailable:
            time.sleep(0.02)


def test_nothing_is_lost_or_twice_while_the_server_is_killed(tmp_path: Path) -> None:
    server = PrivateServer(tmp_path, ["--innodb-buffer-pool-size=64M"])
    store = MariaDB(server.address("d"))
    chance = random.Random(7)
    ended = threading.Event()

    def kill() -> None:
        for _ in range(4):
            time.sleep(chance.uniform(0.02, 0.3))
            server.kill()
            server.start()
        ended.set()

    put(store, "Auth", events(0))
    thread = threading.Thread(target=kill)
    thread.start()
    n = 0
    try:
        while not ended.is_set():
            at = n or None
            with contextlib.suppress(Unavailable):
                staged = list(store.stage("Auth", events(200, first=200 * n)))
                moves = [Advance("x", at, n + 1)]
                assert _until_made(store, staged, moves) == 2 * n + 2
                assert _until_made(store, [], [Advance("y", at, n + 1)]) == 2 * n + 3
                n += 1
        thread.join()
        assert n > 4
        assert ids(store, "Auth") == list(range(200 * n))
        status = store.status("Auth")
        assert status is not None
        assert (status.rows, status.consumers) == (200 * n, {"x": n, "y": n})
        assert store.repair("Auth").lost == ()
    finally:
        thread.join()
        store.close()
        server.kill()
