"""A private MariaDB server for the tests: a folder and a socket of its own, no network.

Every test process has one, started when it is first wanted and ended with the process; processes
that a test starts use the same one.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pymysql
import pytest

from siemstress.config import Server

PROGRAMS = ("mariadb-install-db", "mariadbd")
# Where root's programs are; others do not have it in their path.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
_VARIABLE = "SIEMSTRESS_TEST_MARIADB"


def required() -> None:
    """Skip the test where MariaDB is not installed; fail it where CI is set."""
    lacking = [p for p in PROGRAMS if shutil.which(p, path=PATH) is None]
    if lacking:
        reason = f"{lacking[0]} is not installed: apt-get install mariadb-server"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


class PrivateServer:
    """A server in a folder; `options` are mariadbd's. It can be stopped, killed and started."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        required()
        self.folder = folder
        self.socket = folder / "socket"
        self._options = ["--no-defaults", f"--datadir={folder}/data", f"--pid-file={folder}/pid"]
        # A server that starts deletes what looks like its leftovers there, whosever it is.
        self._options.append(f"--tmpdir={folder}")
        if os.geteuid() == 0:
            self._options.append("--user=root")
        self._more = [f"--socket={self.socket}", "--skip-networking", *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log"
        # A socket's path can have some hundred characters only.
        assert len(str(self.socket)) < 100, self.socket
        self._run(
            "mariadb-install-db", "--auth-root-authentication-method=normal", "--skip-test-db"
        )
        self.start()

    def _run(self, program: str, *options: str) -> None:
        with self.log.open("ab") as log:
            subprocess.run(
                [program, *self._options, *options],
                check=True,
                env={**os.environ, "PATH": PATH},
                stdout=log,
                stderr=log,
            )

    def start(self, *options: str) -> None:
        """Start the server and wait until it answers; `options` are for this time only."""
        program = shutil.which("mariadbd", path=PATH)
        assert program
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, *self._options, *self._more, *options], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                # Asked for directly: the driver leaves sockets open that cannot be connected.
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.socket))
                self.root().close()
                return
            except (FileNotFoundError, ConnectionError):
                assert self._process.poll() is None, self.log.read_text()[-2000:]
                assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            except pymysql.err.OperationalError as e:
                if e.args[0] not in (2002, 2003, 2013):
                    return  # It answers, if not to root.
                assert self._process.poll() is None, self.log.read_text()[-2000:]
                assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        """End the server in order."""
        if self._process:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def root(self, database: str | None = None) -> pymysql.connections.Connection:
        """A connection with all rights."""
        return pymysql.connect(
            unix_socket=str(self.socket), user="root", database=database, autocommit=True
        )

    def execute(self, *statements: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Run statements as root; the rows of the last one."""
        connection = self.root(database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def address(self, database: str, user: str = "root", password: str = "") -> Server:
        """What a config would say of a database, which is made if it is not there."""
        self.execute(f"CREATE DATABASE IF NOT EXISTS `{database}`")
        return Server("localhost", user, password, database, socket=self.socket)


# Durability is the server's business; the tests that look at it say so themselves.
QUICK = ("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M")


@cache
def shared_socket() -> Path:
    """The socket of this process's server, or of the process that started this one."""
    if named := os.environ.get(_VARIABLE):
        return Path(named)
    folder = Path(tempfile.mkdtemp(prefix="siemstress-db-"))
    server = PrivateServer(folder, QUICK)
    owner = os.getpid()

    def end() -> None:
        if os.getpid() == owner:
            server.kill()
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    os.environ[_VARIABLE] = str(server.socket)
    return server.socket


def shared(folder: Path) -> Server:
    """A database of its own for a test's folder, the same at every call, on the shared server."""
    name = "t" + hashlib.sha1(str(folder).encode(), usedforsecurity=False).hexdigest()[:16]
    socket = shared_socket()
    connection = pymysql.connect(unix_socket=str(socket), user="root", autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}`")
    return Server("localhost", "root", "", name, socket=socket)
