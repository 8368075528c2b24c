"""A file's lines through rsyslog into MariaDB, by its ommysql with its own table and template.

The file is read by imfile, and the action has a queue of its own, as rsyslog's guide to databases
has it; the queue hands on batches of the default size, 128 lines, each a transaction.
"""

from __future__ import annotations

import glob
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import database
from measure import Run, cpu_seconds

if TYPE_CHECKING:
    from pymysql.connections import Connection

# Debian's package has the table in it.
TABLE = Path("/usr/share/dbconfig-common/data/rsyslog-mysql/install/mysql")
CONFIG = """
global(workDirectory="{folder}")
module(load="imfile")
module(load="ommysql")
input(type="imfile" file="{text}" tag="bench:" ruleset="store")
ruleset(name="store") {{
  action(type="ommysql" socket="{socket}" server="localhost" db="Syslog" uid="root" pwd=""
         queue.type="LinkedList" queue.filename="store" action.resumeRetryCount="-1")
}}
"""
PATIENCE = 300.0
"""Seconds until it is given up."""


def missing() -> str | None:
    """What is not installed, if anything."""
    if shutil.which("rsyslogd", path=database.path()) is None:
        return "rsyslog (apt-get install rsyslog rsyslog-mysql)"
    if not glob.glob("/usr/lib/*/rsyslog/ommysql.so") or not TABLE.exists():
        return "rsyslog-mysql (apt-get install rsyslog-mysql)"
    return None


def load(socket: str, text: Path, lines: int) -> Run:
    """From the start of rsyslogd until all of a file's lines are rows; the table is made anew."""
    import pymysql

    connection = pymysql.connect(unix_socket=socket, user="root", autocommit=True)
    with connection, tempfile.TemporaryDirectory(prefix="siemstress-bench-") as folder:
        _make_table(connection)
        config = Path(folder) / "rsyslog.conf"
        config.write_text(CONFIG.format(folder=folder, text=text, socket=socket))
        start = time.perf_counter()
        process = subprocess.Popen(
            ["rsyslogd", "-n", "-f", config, "-i", f"{folder}/pid"],
            env={"PATH": database.path()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(connection, process, lines, start + PATIENCE)
            seconds = time.perf_counter() - start
            cpu = cpu_seconds(process.pid)
        finally:
            process.terminate()
            process.wait()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM SystemEvents")
            (rows,) = cursor.fetchone() or (0,)
            cursor.execute("DROP DATABASE Syslog")
    if rows != lines:
        raise SystemExit(f"bench: rsyslog has stored {rows:,} of {lines:,} lines")
    return Run(seconds, cpu, "")


def _make_table(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE DATABASE Syslog")
        cursor.execute("USE Syslog")
        for statement in TABLE.read_text().split(";\n"):
            if statement.strip():
                cursor.execute(statement)


def _wait(
    connection: Connection, process: subprocess.Popen[bytes], lines: int, deadline: float
) -> None:
    """Wait until there are so many rows; counting them all would take the server's time."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT max(ID) FROM SystemEvents")
            (last,) = cursor.fetchone() or (None,)
            if last is not None and last >= lines:
                return
            if process.poll() is not None or time.perf_counter() > deadline:
                raise SystemExit(f"bench: rsyslog has stored {last or 0:,} of {lines:,} lines")
            time.sleep(0.05)
