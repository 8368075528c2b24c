"""Where a trial happens: a folder with a config, a store, and the processes that were started."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pymysql

from siemstress.config import Server
from siemstress.store.base import Store
from siemstress.store.lake import Lake
from siemstress.store.mariadb.database import MariaDB
from trials.lines import Found, found, newest
from trials.report import Tally

BIN = Path(sys.executable).parent
TABLE = "Entries"
PATIENCE = 60.0
"""Seconds without any progress until a trial goes on to count what is there."""


class Trouble(Exception):
    """Something that must not happen in a trial, whatever the counts say."""


class Place:
    """A folder, a config, and a store: the lake, or a database of a server with this socket.

    Used as a context it ends all processes that were started.
    """

    def __init__(self, name: str, folder: Path, server: str | None = None) -> None:
        self.name = name
        self.folder = folder
        self.lake = folder / "lake"
        self.config = folder / "siemstress.conf"
        self.memory = 0
        self.said = folder / "said"
        self._started = time.monotonic()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._server = server
        self._database = re.sub(r"\W", "_", f"trial_{folder.name}")[-60:]
        if server is not None:
            connection = pymysql.connect(unix_socket=server, user="root", autocommit=True)
            with connection, connection.cursor() as cursor:
                cursor.execute(f"CREATE OR REPLACE DATABASE `{self._database}`")
        self.configure()

    def configure(self, flush: float = 0.4, lake: str = "lake") -> None:
        """Write the config."""
        self.lake = self.folder / lake
        keys = [f"lake={lake}"]
        if self._server is not None:
            keys = [f"socket={self._server}", "user=root", f"database={self._database}"]
        lines = ["[siemstress]", *keys, f"flush={flush}", "", "[default]", f"table={TABLE}", ""]
        self.config.write_text("\n".join(lines))
        self.config.chmod(0o600)

    @property
    def kind(self) -> str:
        """The store's name."""
        return "lake" if self._server is None else "mariadb"

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """The store, opened anew."""
        if self._server is None:
            store: Store = Lake(self.lake)
        else:
            store = MariaDB(
                Server("localhost", "root", "", self._database, socket=Path(self._server))
            )
        try:
            yield store
        finally:
            store.close()

    # --- processes -----------------------------------------------------------------------------

    def start(
        self, *arguments: object, program: str = "siemparse", env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A command under way; what it says goes to the file `said`."""
        environment = {**os.environ, "HOME": str(self.folder), "TZ": "UTC", **(env or {})}
        command = [str(BIN / program), "-c", str(self.config), *map(str, arguments)]
        with self.said.open("ab") as said:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self._processes = [p for p in self._processes if p.poll() is None]
        self._processes.append(process)
        return process

    def stop(self, *processes: subprocess.Popen[bytes]) -> None:
        """End processes as a service is ended, and see that they end well."""
        for process in processes:
            self.note_memory(process)
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(120)
            except subprocess.TimeoutExpired as e:
                raise Trouble("a process does not end") from e
            if process.returncode != 0:
                raise Trouble(f"a process has ended with status {process.returncode}")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process as a crash would."""
        self.note_memory(process)
        process.kill()
        process.wait()

    def run(self, *arguments: object, program: str = "siemmanage") -> str:
        """Run a command to its end; its standard output.

        Raises:
            Trouble: it failed.

        """
        command = [str(BIN / program), "-c", str(self.config), *map(str, arguments)]
        with self.said.open("ab") as said:
            done = subprocess.run(
                command, check=False, cwd=self.folder, stdout=subprocess.PIPE, stderr=said
            )
        if done.returncode != 0:
            raise Trouble(f"{program} {arguments[0]} has ended with status {done.returncode}")
        return done.stdout.decode()

    def note_memory(self, process: subprocess.Popen[bytes]) -> None:
        """Look at the most that a process has held (Linux's VmHWM)."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            if match := re.search(r"VmHWM:\s+(\d+) kB", status):
                self.memory = max(self.memory, int(match[1]) * 1024)

    # --- what is stored ------------------------------------------------------------------------

    def count(self) -> int:
        """How many events there are."""
        with self.store() as store:
            status = store.status(TABLE)
        return status.rows if status else 0

    def newest(self, since: int = 0) -> tuple[dict[str, int], int]:
        """See `lines.newest`."""
        with self.store() as store:
            return newest(store, TABLE, since)

    def found(self) -> dict[str, Found]:
        """What is stored of each kind of line."""
        with self.store() as store:
            return found(store, TABLE)

    def wait_for(self, count: int, *processes: subprocess.Popen[bytes], more: float = 0) -> None:
        """Wait until so many events are stored, or nothing has come for a minute (and `more`).

        Raises:
            Trouble: one of the processes has ended.

        """
        had, since = -1, time.monotonic()
        while (has := self.count()) < count:
            if has != had:
                had, since = has, time.monotonic()
            if time.monotonic() - since > PATIENCE + more:
                return
            self.check(*processes)
            time.sleep(0.1)

    def wait_for_last(
        self, counts: Mapping[str, int], process: subprocess.Popen[bytes], seconds: float = 1200
    ) -> None:
        """Wait until the last of so many lines of each kind is stored.

        Raises:
            Trouble: the process has ended, or it takes longer than so many seconds.

        """

        def is_there() -> bool:
            self.check(process)
            self.note_memory(process)
            found = self.newest()[0]
            return all(found.get(kind) == count for kind, count in counts.items())

        until(is_there, "the last lines are not stored", seconds, every=0.5)

    def check(self, *processes: subprocess.Popen[bytes]) -> None:
        """Raise Trouble if one of some processes has ended."""
        for process in processes:
            if process.poll() is not None:
                raise Trouble(f"a process has ended with status {process.returncode}")

    def tally(self, sent: Mapping[str, int], *, reported: int = 0, note: str = "") -> Tally:
        """What became of so many lines of each kind, numbered from 0 on."""
        all_found = self.found()
        lost = double = stored = damaged = 0
        for kind, count in sent.items():
            here = all_found.pop(kind, Found())
            stored += here.stored
            double += here.stored - here.damaged - here.different
            damaged += here.damaged
            lost += count - here.different
            if here.first < 0 or here.last >= count:
                damaged += 1
        strange = sum(other.stored for other in all_found.values())
        return Tally(
            name=self.name,
            store=self.kind,
            sent=sum(sent.values()),
            stored=stored + strange,
            lost=lost,
            double=double,
            damaged=damaged + strange,
            reported=reported,
            seconds=time.monotonic() - self._started,
            memory=self.memory,
            note=note,
            wrong=self._wrong(),
        )

    def _wrong(self) -> str:
        """What is wrong beside the counts: what was said, and the chain over the lake's commits."""
        if b"Traceback" in (self.said.read_bytes() if self.said.exists() else b""):
            return "a traceback was shown"
        if self._server is None and self.lake.exists():
            try:
                self.run("verify")
            except Trouble as e:
                return str(e)
        return ""


def until(
    condition: Callable[[], bool], what: str, seconds: float = PATIENCE, every: float = 0.02
) -> None:
    """Wait until something holds.

    Raises:
        Trouble: it does not within so many seconds.

    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Trouble(f"waited in vain: {what}")
        time.sleep(every)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connected(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    """A connection, as soon as somebody listens.

    Raises:
        Trouble: the process has ended first, or does not listen.

    """
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        try:
            connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
            # Whoever listens may make it wait.
            connection.settimeout(None)
            return connection
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise Trouble("nobody listens") from None
            time.sleep(0.02)
    raise Trouble(f"a process has ended with status {process.returncode}")


def append(path: Path, data: bytes) -> None:
    """Write behind what a file has."""
    with path.open("ab") as file:
        file.write(data)
