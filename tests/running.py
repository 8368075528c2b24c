"""siemparse run as its users run it, and what is in the store then."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pymysql
from sqlglot import exp, parse_one

import mariadb_server
from parsing import WRITTEN_AGAIN, plain
from siemstress.config import Server
from siemstress.store.base import Scan, Store
from siemstress.store.lake import Lake
from siemstress.store.mariadb.database import MariaDB
from stores import ask

PROGRAM = Path(sys.executable).parent / "siemparse"
CONFIG = """
[siemstress]
{store}
[default]
table=Entries
[auth]
table=Auth
parser=syslogbsd
[odd]
table=Odd
parser=nonsense
"""


def store_keys(server: Server | None) -> str:
    """What a config says of a server's database; without one, of the lake beside it."""
    if server is None:
        return "lake=lake"
    return (
        f"socket={server.socket}\nuser={server.user}\n"
        f"password={server.password}\ndatabase={server.database}"
    )


@dataclass(frozen=True)
class Site:
    """A folder with a config and a store of its own: the lake, or a database of a server."""

    folder: Path
    server: Server | None = None

    def __post_init__(self) -> None:
        path = self.folder / "s.conf"
        path.write_text(CONFIG.format(store=store_keys(self.server)))
        path.chmod(0o600)

    @classmethod
    def on(cls, kind: str, folder: Path) -> Site:
        """A site with the store of this name."""
        return cls(folder, mariadb_server.shared(folder) if kind == "mariadb" else None)

    @property
    def store(self) -> Store:
        """The store, opened anew."""
        return Lake(self.folder / "lake") if self.server is None else MariaDB(self.server)

    def clear(self) -> None:
        """Take everything out of the store."""
        if self.server is None:
            shutil.rmtree(self.folder / "lake")
        else:
            with closing(self.store) as store:
                for table in store.tables():
                    store.drop(table)

    def _root(self) -> pymysql.connections.Connection:
        assert self.server
        return pymysql.connect(
            unix_socket=str(self.server.socket), user="root", database=self.server.database
        )

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def start(
        self,
        *arguments: object,
        zone: str = "UTC",
        program: Sequence[str | Path] = (PROGRAM,),
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """siemparse, under way on a machine in a time zone."""
        environment = {**os.environ, "HOME": str(self.folder), "TZ": zone}
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [*program, "-c", "s.conf", *map(str, arguments)]
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, text=False, **(pipes | options)
        )

    def run(self, *arguments: object, data: bytes = b"", status: int = 0) -> list[str]:
        """The lines on standard error of a run that ends with `status`."""
        process = self.start(*arguments)
        out, said = process.communicate(data, timeout=200)
        text = said.decode()
        assert process.returncode == status, text
        assert out == b""
        assert "Traceback" not in text
        return text.splitlines()

    def commits(self) -> int:
        """How many commits there have been to the tables that there are, as seen from outside."""
        if self.server is None:
            return sum(1 for _ in (self.folder / "lake").glob("*/_delta_log/*.json"))
        sql = "SELECT coalesce(sum(version), 0) FROM siemstress_tables"
        try:
            with closing(self._root()) as connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return int(cursor.fetchone()[0])
        except pymysql.err.ProgrammingError:
            return 0

    def count(self, table: str = "Entries") -> int:
        """How many events are stored."""
        with closing(self.store) as store:
            status = store.status(table)
            return status.rows if status else 0

    def lines(self, table: str = "Entries") -> list[bytes]:
        """The lines that are stored, in the order of their ids."""
        line = parse_one(WRITTEN_AGAIN, dialect="duckdb")
        query = exp.select(line.as_("line")).from_("t").order_by("id")
        with closing(self.store) as store:
            return [
                line
                for batch in store.select(query, {"t": Scan(table)})
                for line in batch.column("line").to_pylist()
            ]

    def events(self, table: str = "Entries") -> list[dict[str, Any]]:
        """The events that are stored, in the order of their ids."""
        with closing(self.store) as store:
            found = ask(store, "SELECT * FROM t ORDER BY id", t=Scan(table))
        return [plain(row) for row in found]


class Talk:
    """What a process says on standard error, a line at a time, as it says it.

    `stream` is the other end of its standard error where that is a terminal.
    """

    def __init__(self, process: subprocess.Popen[bytes], stream: IO[bytes] | None = None) -> None:
        self._process = process
        self._stream = stream or process.stderr
        self.lines: list[str] = []
        self._come = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._stream is not None
        with contextlib.suppress(OSError):  # so ends a terminal
            for line in self._stream:
                with self._come:
                    self.lines.append(line.decode().rstrip("\r\n"))
                    self._come.notify_all()

    def wait_for(self, text: str, times: int = 1, seconds: float = 60) -> None:
        """Wait until so many lines have this text in them, or the process ends."""
        deadline = time.monotonic() + seconds
        with self._come:
            while self.count(text) < times and self._process.poll() is None:
                assert time.monotonic() < deadline, (text, self.lines)
                self._come.wait(0.1)

    def count(self, text: str) -> int:
        """How many lines have this text in them."""
        return sum(text in line for line in self.lines)

    def end(self, status: int = 0, seconds: float = 60) -> list[str]:
        """Wait until the process ends with `status`; all that it has said."""
        code = self._process.wait(seconds)
        self._thread.join(seconds)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        assert code == status, self.lines
        assert not any("Traceback" in line for line in self.lines), self.lines
        return self.lines


def syslog(count: int, first: int = 0, extra: bytes = b"") -> bytes:
    """Numbered syslog lines, a second apart; `extra` stands at the end of each."""
    return b"".join(
        b"Aug %2d %02d:%02d:%02d web1 sshd[%d]: Failed password for root from 203.0.113.%d "
        b"port %d ssh2%s\n"
        % (
            1 + n // 86400 % 28,
            n // 3600 % 24,
            n // 60 % 60,
            n % 60,
            n % 30000,
            n % 250,
            n % 60000,
            extra,
        )
        for n in range(first, first + count)
    )


def split(data: bytes) -> list[bytes]:
    """The lines of some bytes."""
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines
