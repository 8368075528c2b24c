"""What peers may take of a listener: attackers with raw sockets, and senders beside them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from certificates import Authority
from collecting import connected, free_port
from siemstress.config.sources import ListenLimits, read_limits
from siemstress.errors import UserError
from siemstress.sources.listen import listener as listening
from siemstress.sources.listen.address import parse
from siemstress.sources.listen.listener import Listener
from siemstress.sources.listen.streams import tls_context


class Listening:
    """A listener in this process, what it has handed over, and connections to it."""

    def __init__(self, limits: ListenLimits, certificate: tuple[Path, Path] | None = None) -> None:
        self.port = free_port()
        scheme = "tcp" if certificate is None else "tls"
        tls = None if certificate is None else tls_context(*certificate, None)
        address = parse(f"{scheme}://127.0.0.1:{self.port}")
        self.listener = Listener([address], lambda _: None, tls, limits)
        self.data = b""
        self.said: list[str] = []
        self._open = ExitStack()

    def connect(self, data: bytes = b"") -> socket.socket:
        """A connection that has sent some bytes."""
        sender = self._open.enter_context(connected(self.port))
        sender.sendall(data)
        return sender

    def until(self, condition: Callable[[], bool]) -> None:
        """Look until something holds."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, (self.data[-300:], self.said)
            self.data += b"".join(piece.data for piece in self.listener.gather(1 << 30))
            self.said += self.listener.notes()
            time.sleep(0.01)

    def until_come(self, line: bytes) -> None:
        """Look until a line has come."""
        self.until(lambda: line in self.data.splitlines())

    def end(self) -> None:
        """Close all."""
        self.data += b"".join(piece.data for piece in self.listener.finish())
        self._open.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Listening]]:
    """Start listeners that end with the test."""
    started: list[Listening] = []

    def start(limits: ListenLimits, certificate: tuple[Path, Path] | None = None) -> Listening:
        started.append(Listening(limits, certificate))
        return started[-1]

    yield start
    for one in started:
        one.end()


Start = Callable[..., Listening]


@pytest.mark.parametrize(("sent", "stored"), [(b"99999 <", b"<\n"), (b"a\0b", b"a\0b\n")])
def test_those_who_only_hold_connections_make_way(
    start: Start, monkeypatch: pytest.MonkeyPatch, sent: bytes, stored: bytes
) -> None:
    monkeypatch.setattr(listening, "_MAKES_WAY", 0.05)
    it = start(ListenLimits(connections=8))
    for _ in range(20):
        it.connect(sent)
    it.connect(b"from a sender\n")
    it.until_come(b"from a sender")
    assert any("the oldest by which nothing came make way" in note for note in it.said)
    # What little came is stored.
    assert it.data.count(stored) >= 12


def test_senders_wait_for_senders(start: Start) -> None:
    it = start(ListenLimits(connections=3))
    senders = [it.connect(b"one\n") for _ in range(3)]
    it.until(lambda: it.data == b"one\n" * 3)
    it.connect(b"two\n")
    it.until(lambda: it.said == ["3 connections are open; others wait for an end"])
    assert it.data == b"one\n" * 3
    senders[0].close()
    it.until_come(b"two")


def test_whoever_is_silent_too_long_is_let_go(start: Start) -> None:
    it = start(ListenLimits(idle=0.4, first=0.2))
    silent, spoke = it.connect(), it.connect(b"a line\nand half of")
    for one in (silent, spoke):
        it.until(lambda one=one: _is_closed(one))  # type: ignore[misc]
    assert it.data == b"a line\nand half of\n"


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False


def test_handshakes_that_are_never_finished(start: Start, tmp_path: Path) -> None:
    certificate = Authority(tmp_path / "pki").sign("server")
    it = start(ListenLimits(first=0.3), certificate)
    # The head of a TLS record that promises more than comes.
    half = it.connect(b"\x16\x03\x01\x02\x00\x01")
    it.until(lambda: _is_closed(half))
    for _ in range(5):
        it.connect(b"GET / HTTP/1.0\r\n\r\n")
    it.until(lambda: bool(it.said))
    time.sleep(0.1)
    it.until(lambda: True)
    assert it.said == ["tls://127.0.0.1: no connection: HTTP_REQUEST"]
    assert it.data == b""


def test_half_lines_of_many_take_no_more_than_they_may(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_HALVES", 20_000)
    it = start(ListenLimits())
    senders = [it.connect(b"<%d>" % n + b"x" * 900) for n in range(30)]
    senders += [it.connect(b"1000 <%d>" % n + b"x" * 900) for n in range(100, 130)]
    it.until(lambda: it.data.count(b"x") >= 34_000)
    for sender in senders[:30]:
        sender.sendall(b"end\n")
    for sender in senders[30:]:
        sender.sendall(b"y" * 95 + b"11 <1>another\n")
    it.until(lambda: it.data.count(b"end") == 30 and it.data.count(b"<1>another\n") == 30)
    assert it.data.count(b"x") == 60 * 900
    assert it.data.count(b"y") == 30 * 95


def test_numbers_that_lie(start: Start) -> None:
    it = start(ListenLimits(line=100))
    it.connect(b"99999999999 x\n")
    it.connect(b"999999999 <1>" + b"z" * 250).close()
    it.connect(b"5 <1>ab0 <1>\n-1 <1>\n\0\n").close()
    it.until_come(b"\0")
    it.until(lambda: it.data.count(b"z") == 250)
    it.until_come(b"99999999999 x")
    assert max(map(len, it.data.splitlines())) <= 100


@pytest.mark.parametrize("text", ["0", "-1", "1e3", "many", "9" * 30])
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="must be a whole number from 1 to 1048576"):
        read_limits({"max_connections": text})


def test_limits_that_are_given() -> None:
    given = {"max_connections": "10", "max_line": "8192", "idle": " 30 "}
    assert read_limits(given) == ListenLimits(8192, 10, 30.0, 30.0)
    assert read_limits({}) == ListenLimits()
