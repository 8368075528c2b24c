"""siemparse at work on a private MariaDB server, and what may befall the server meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from pathlib import Path
from random import Random

import pymysql

from mariadb_server import PrivateServer
from running import PROGRAM, Site, Talk, split, syslog

# So long lines that there are few of them in a chunk, and several chunks, each a commit.
LINES = 20_000
DATA = syslog(LINES, extra=b" " + b"x" * 1400)
WAITING = "nothing is lost"
OVER = "works again after"
RANDOM = Random(23)
SECRET = "secret"  # noqa: S105
USER = f"CREATE USER siem@localhost IDENTIFIED BY '{SECRET}'"

# siemparse that waits for the server's answers for so many seconds only.
SHORT_OF_PATIENCE = """
import sys
from siemstress.commands import siemparse
from siemstress.store.mariadb import pool
pool.Pool.__init__.__defaults__ = (float(sys.argv.pop(1)),)
sys.exit(siemparse.main())
"""


def site_of(server: PrivateServer, folder: Path) -> Site:
    name = re.sub(r"\W", "_", folder.name)[-60:]
    address = server.address(name, "siem", SECRET)
    server.execute(f"GRANT ALL ON `{name}`.* TO siem@localhost")
    return Site(folder, address)


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.003)


@contextmanager
def halted(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """A process stands still within."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


class Midst:
    """siemparse in the midst of a file: some of it is stored."""

    def __init__(
        self,
        server: PrivateServer,
        site: Site,
        data: bytes = DATA,
        answer_seconds: float | None = None,
    ) -> None:
        self.server = server
        self.site = site
        self.data = data
        self.path = site.file("a.log", data)
        program: list[str | Path] = [PROGRAM]
        if answer_seconds is not None:
            program = [sys.executable, "-c", SHORT_OF_PATIENCE, str(answer_seconds)]
        self.process = site.start(self.path, program=program)
        self.talk = Talk(self.process)
        self.next_commit()

    def next_commit(self) -> None:
        """Wait until there is one more commit."""
        before = self.site.commits()
        wait_until(lambda: self.site.commits() > before or not self.goes_on)

    @property
    def goes_on(self) -> bool:
        return self.process.poll() is None

    @property
    def memory(self) -> int:
        """The most memory that it has held, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) >> 10

    def end(self, *, waits: int | None) -> None:
        """It ends well, has waited so often (None: or not), and all is stored once and in order."""
        said = self.talk.end()
        waits = self.talk.count(WAITING) if waits is None else waits
        kinds = [
            WAITING if WAITING in line else OVER if OVER in line else "stored" for line in said
        ]
        assert kinds == [WAITING, OVER] * waits + ["stored"], said
        stored = re.search(r"stored ([\d,]+) lines", said[-1])
        assert stored
        assert int(stored[1].replace(",", "")) == self.data.count(b"\n")
        assert self.site.lines() == split(self.data)


def all_is_stored(site: Site) -> None:
    assert site.lines() == split(DATA)


# What befalls a server; it is over at the end of the context.


@contextmanager
def away(server: PrivateServer, _site: Site) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def crashed(server: PrivateServer, _site: Site) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextmanager
def locked_out(server: PrivateServer, _site: Site) -> Iterator[None]:
    server.execute("ALTER USER siem@localhost ACCOUNT LOCK", "KILL USER siem@localhost")
    try:
        yield
    finally:
        server.execute("ALTER USER siem@localhost ACCOUNT UNLOCK")


@contextmanager
def other_password(server: PrivateServer, _site: Site) -> Iterator[None]:
    server.execute("SET PASSWORD FOR siem@localhost = password('else')", "KILL USER siem@localhost")
    try:
        yield
    finally:
        server.execute("SET PASSWORD FOR siem@localhost = password('secret')")


@contextmanager
def crowded(server: PrivateServer, _site: Site) -> Iterator[None]:
    server.execute("SET GLOBAL max_connections = 10", "KILL USER siem@localhost")
    held = []
    with suppress(pymysql.err.OperationalError):
        while True:
            held.append(
                pymysql.connect(unix_socket=str(server.socket), user="siem", password=SECRET)
            )
    try:
        yield
    finally:
        for connection in held:
            connection.close()
        server.execute("SET GLOBAL max_connections = 150")


@contextmanager
def read_only(server: PrivateServer, _site: Site) -> Iterator[None]:
    server.execute("SET GLOBAL read_only = 1")
    try:
        yield
    finally:
        server.execute("SET GLOBAL read_only = 0")


@contextmanager
def read_locked(server: PrivateServer, _site: Site) -> Iterator[None]:
    with closing(server.root()) as connection:
        connection.cursor().execute("FLUSH TABLES WITH READ LOCK")
        yield


@contextmanager
def table_locked(server: PrivateServer, site: Site) -> Iterator[None]:
    assert site.server
    with closing(server.root(site.server.database)) as connection:
        connection.cursor().execute("LOCK TABLES Entries READ")
        yield


@contextmanager
def row_locked(server: PrivateServer, site: Site) -> Iterator[None]:
    assert site.server
    with closing(server.root(site.server.database)) as connection:
        connection.begin()
        connection.cursor().execute("SELECT * FROM siemstress_tables FOR UPDATE")
        yield


@contextmanager
def frozen(server: PrivateServer, _site: Site) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


Fault = Callable[[PrivateServer, Site], AbstractContextManager[None]]


@contextmanager
def befallen(midst: Midst, fault: Fault) -> Iterator[None]:
    """Something befalls the server between one moment of siemparse and the next."""
    with ExitStack() as stack:
        # It cannot end meanwhile; but with its statements half sent, `read_only` would not begin.
        with nullcontext() if fault is read_only else halted(midst.process):
            stack.enter_context(fault(midst.server, midst.site))
        yield
