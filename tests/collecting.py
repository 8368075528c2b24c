"""siemparse as a collector under test: started, waited for, stopped."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import mariadb_server
from certificates import Authority
from running import Site

# How long lines wait in these tests, in seconds, as a config says it.
FLUSH = "flush=0.4\n"


@dataclass(frozen=True)
class Watched(Site):
    """A site whose processes end with the test; of one that fails, what they said is shown."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.configure("[siemstress]\n", f"[siemstress]\n{FLUSH}")

    def configure(self, before: str, after: str) -> None:
        """Change a part of the config."""
        path = self.folder / "s.conf"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after, 1))

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        self.started.append(super().start(*arguments, **options))
        return self.started[-1]

    def end(self) -> None:
        for process in self.started:
            process.kill()
            if process.stdout is not None and not process.stdout.closed:
                print(*process.communicate())


@pytest.fixture
def site(kind: str, tmp_path: Path) -> Iterator[Watched]:
    """A site on each of the stores."""
    with watched(kind, tmp_path) as site:
        yield site


@pytest.fixture
def lake_site(tmp_path: Path) -> Iterator[Watched]:
    """A site on the lake, for what has nothing to do with the store."""
    with watched("lake", tmp_path) as site:
        yield site


@contextmanager
def watched(kind: str, folder: Path) -> Iterator[Watched]:
    """A site whose processes are ended."""
    site = Watched(folder, mariadb_server.shared(folder) if kind == "mariadb" else None)
    try:
        yield site
    finally:
        site.end()


def stop(process: subprocess.Popen[bytes]) -> str:
    """End it as a service is ended; what it said."""
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 0, said
    return said


def until(condition: Callable[[], bool], seconds: float = 60) -> float:
    """Wait until something holds; how long that took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.02)
    return time.monotonic() - started


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connected(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A connection, as soon as somebody listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection((host, port), 30)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of certificates."""
    return Authority(tmp_path_factory.mktemp("pki") / "authority")


def tls_flags(pki: Authority) -> list[object]:
    """What siemparse listens with where every peer must have a certificate."""
    certificate, key = pki.sign("server", "IP:127.0.0.1")
    return ["--tls-certificate", certificate, "--tls-key", key, "--tls-ca", pki.certificate]
