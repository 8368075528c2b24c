"""What the original siemstress did with a line: a regular expression, an INSERT and a commit.

Needs a MariaDB server's programs and PyMySQL; the server is private, in a folder of its own, and
listens on a socket alone.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

LINE = re.compile(r"(\w{3}\s+\d+ \d\d:\d\d:\d\d) (\S+) ([^\[:]+)(?:\[(\d+)\])?: (.*)")
TABLE = """
CREATE TABLE Entries (
    Id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    DateStamp TIMESTAMP, RawStamp VARCHAR(32), SourceHost VARCHAR(32), Process VARCHAR(32),
    PID INT UNSIGNED, Message VARCHAR(1024), ParsedOn VARCHAR(32), SourcePath VARCHAR(128))
"""
ROOT_WITHOUT_PASSWORD = ["--auth-root-authentication-method=normal", "--skip-test-db"]
INSERT = """
INSERT INTO Entries (DateStamp, RawStamp, SourceHost, Process, PID, Message, ParsedOn, SourcePath)
VALUES (now(), %s, %s, %s, %s, %s, 'bench', %s)
"""


def missing() -> str | None:
    """What is not installed, if anything."""
    if importlib.util.find_spec("pymysql") is None:
        return "PyMySQL"
    for program in ("mariadb-install-db", "mariadbd"):
        if shutil.which(program, path=_path()) is None:
            return program
    return None


def lines_per_second(path: Path, count: int) -> float:
    """How many lines a second of the file's first `count` are inserted that way."""
    import pymysql

    with server() as socket:
        connection = pymysql.connect(unix_socket=socket, user="root", autocommit=True)
        with connection, connection.cursor() as cursor, path.open() as lines:
            cursor.execute("CREATE DATABASE siemstressdb")
            cursor.execute("USE siemstressdb")
            cursor.execute(TABLE)
            start = time.perf_counter()
            for line in islice(lines, count):
                match = LINE.match(line)
                if match:
                    cursor.execute(INSERT, (*match.groups(), str(path)))
            seconds = time.perf_counter() - start
            cursor.execute("SELECT count(*) FROM Entries")
            (stored,) = cursor.fetchone() or (0,)
    if stored != count:
        raise SystemExit(f"bench: {stored} of {count} lines are in MariaDB")
    return count / seconds


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A MariaDB server while the block runs; its socket."""
    with tempfile.TemporaryDirectory(prefix="siemstress-bench-") as folder:
        data, socket = f"{folder}/data", f"{folder}/socket"
        options = ["--no-defaults", f"--datadir={data}", f"--pid-file={folder}/pid"]
        options += ["--user=root"] if os.geteuid() == 0 else []
        env = {**os.environ, "PATH": _path()}
        subprocess.run(
            ["mariadb-install-db", *options, *ROOT_WITHOUT_PASSWORD],
            check=True,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        process = subprocess.Popen(
            ["mariadbd", *options, f"--socket={socket}", "--skip-networking"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 30
            while not Path(socket).exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("bench: mariadbd does not start")
                time.sleep(0.05)
            yield socket
        finally:
            process.terminate()
            process.wait()


def _path() -> str:
    """Where programs are, those for root among them."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
