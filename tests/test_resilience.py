"""siemparse and a MariaDB server that is away, locked, slow or full: each line is stored once."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import (
    closing,
    suppress,
)
from dataclasses import replace
from pathlib import Path

import pytest

from faults import (
    DATA,
    LINES,
    OVER,
    RANDOM,
    SECRET,
    USER,
    WAITING,
    Fault,
    Midst,
    all_is_stored,
    away,
    befallen,
    crashed,
    crowded,
    frozen,
    halted,
    locked_out,
    other_password,
    read_locked,
    read_only,
    row_locked,
    site_of,
    table_locked,
    wait_until,
)
from mariadb_server import PrivateServer
from rules import starts, store_events
from running import PROGRAM, Site, Talk, split, store_keys, syslog
from siemstress.errors import Unavailable
from siemstress.store.mariadb.connection import Connection


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    """A server that can be ended and started, with a user of few rights."""
    with tempfile.TemporaryDirectory(prefix="siemstress-db-") as folder:
        # As a server is by default: what it has acknowledged survives a crash.
        server = PrivateServer(Path(folder), ["--innodb-buffer-pool-size=64M"])
        server.execute(USER)
        yield server
        server.kill()


@pytest.fixture
def site(server: PrivateServer, tmp_path: Path) -> Site:
    return site_of(server, tmp_path)


@pytest.mark.parametrize("faults", [(locked_out, crowded), (other_password, read_only)])
def test_refused_for_a_while(server: PrivateServer, site: Site, faults: Sequence[Fault]) -> None:
    midst = Midst(server, site)
    for number, fault in enumerate(faults, 1):
        with befallen(midst, fault):
            midst.talk.wait_for(WAITING, number)
        midst.talk.wait_for(OVER, number)
    midst.end(waits=len(faults))


def test_restarts_and_crashes(server: PrivateServer, site: Site) -> None:
    midst = Midst(server, site, DATA + DATA)
    memory = 0
    for number, fault in enumerate((crashed, away, crashed), 1):
        time.sleep(RANDOM.uniform(0, 0.1))
        with befallen(midst, fault):
            midst.talk.wait_for(WAITING, number)
            memory = midst.memory if midst.goes_on else memory
        midst.talk.wait_for(OVER, number)
    waits = midst.talk.count(WAITING)
    assert waits > 1
    midst.end(waits=waits)
    assert 0 < memory < 500


@pytest.mark.parametrize("faults", [(read_locked, frozen), (table_locked, row_locked)])
def test_held_up_for_a_while(server: PrivateServer, site: Site, faults: Sequence[Fault]) -> None:
    """What works before anything times out is nothing to talk about."""
    midst = Midst(server, site)
    held = 0
    for fault in faults:
        with fault(server, site):
            time.sleep(0.7)
            if midst.goes_on:
                held += 1
                assert midst.memory < 500
        midst.next_commit()
    assert held
    midst.end(waits=0)


def test_broken_off(server: PrivateServer, site: Site) -> None:
    """An administrator ends what is under way."""
    midst = Midst(server, site)
    for what in ("QUERY USER", "USER", "QUERY USER"):
        server.execute(f"KILL {what} siem@localhost")
        time.sleep(RANDOM.uniform(0, 0.2))
    midst.end(waits=None)


def test_a_server_that_does_not_answer(server: PrivateServer, site: Site) -> None:
    """After a time, here a second, it is given up, and tried again."""
    midst = Midst(server, site, answer_seconds=1)
    with befallen(midst, frozen):
        midst.talk.wait_for(WAITING)
    midst.end(waits=1)


def test_full(tmp_path: Path) -> None:
    """The server's one file has its largest size; then there is room again."""
    one_file = [
        "--innodb-buffer-pool-size=64M",
        "--innodb-file-per-table=0",
        "--innodb-data-file-path=ibdata1:12M:autoextend:max:64M",
    ]
    with tempfile.TemporaryDirectory(prefix="siemstress-db-") as folder:
        server = PrivateServer(Path(folder), one_file)
        server.execute(USER)
        site = site_of(server, tmp_path)
        try:
            server.execute(
                "CREATE DATABASE other",
                "CREATE TABLE other.filler ENGINE=InnoDB "
                "SELECT repeat('x', 1000000) AS x FROM seq_1_to_40",
                database="mysql",
            )
            midst = Midst(server, site)
            midst.talk.wait_for(WAITING)
            assert "full" in midst.talk.lines[0]
            server.execute("DROP TABLE other.filler")
            midst.end(waits=1)
        finally:
            server.kill()


def test_interrupted_while_it_waits(server: PrivateServer, site: Site) -> None:
    midst = Midst(server, site)
    with befallen(midst, crashed):
        midst.talk.wait_for(WAITING)
        time.sleep(1)
        midst.process.send_signal(signal.SIGINT)
        said = midst.talk.end(130, seconds=3)
    assert said[1:] == [
        f"siemparse: {midst.path}: not all of it is stored; nothing is lost, run again to go on"
    ]
    assert 0 < site.count() < LINES
    site.run("-q", midst.path)
    all_is_stored(site)


def test_interrupted_while_the_server_hangs(server: PrivateServer, site: Site) -> None:
    """Whoever asks twice need not wait for what a commit may still do."""
    midst = Midst(server, site)
    with befallen(midst, frozen):
        for _ in range(2):
            time.sleep(0.5)
            midst.process.terminate()
        said = midst.talk.end(143, seconds=3)
    assert len(said) == 1
    assert "not all of it is stored; nothing is lost" in said[0]
    site.run("-q", midst.path)
    all_is_stored(site)


def feed(process: subprocess.Popen[bytes], data: bytes) -> threading.Thread:
    """Write into a process, which takes its time; then end its input."""

    def write() -> None:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(data)
            process.stdin.close()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def test_a_pipe(server: PrivateServer, site: Site) -> None:
    """Its writer waits with us, so that memory is bounded. On a terminal, for once."""
    ours, terminal = pty.openpty()
    process = site.start(stderr=terminal)
    os.close(terminal)
    with os.fdopen(ours, "rb", buffering=0) as stream:
        talk = Talk(process, stream)
        writer = feed(process, DATA)
        wait_until(lambda: site.commits() > 1)
        with halted(process):
            server.kill()
        talk.wait_for(WAITING)
        time.sleep(1)
        assert writer.is_alive()
        server.start()
        said = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", line) for line in talk.end()]
    words = [line for line in " ".join(said).split("siemparse: ") if WAITING in line]
    assert len(words) == 1
    assert talk.count(OVER) == 1
    all_is_stored(site)


def test_a_pipe_interrupted_while_it_waits(server: PrivateServer, site: Site) -> None:
    process = site.start("-q")
    talk = Talk(process)
    assert process.stdin is not None
    process.stdin.write(syslog(5))
    process.stdin.flush()
    wait_until(site.commits)
    with crashed(server, site):
        process.stdin.write(syslog(7, 5) + b"and a half")
        process.stdin.flush()
        talk.wait_for(WAITING)
        process.send_signal(signal.SIGTERM)
        said = talk.end(143, seconds=3)
    assert said[1:] == [
        "siemparse: 8 of the lines that were read from standard input are not stored"
    ]
    assert site.lines() == split(syslog(5))


def test_a_server_that_takes_no_files(server: PrivateServer, site: Site) -> None:
    server.execute("SET GLOBAL local_infile = 0")
    try:
        said = site.run(data=syslog(5000))
    finally:
        server.execute("SET GLOBAL local_infile = 1")
    assert [line.split(": ")[1][:10] for line in said] == ["the server", "stored 5,0"]
    assert "local_infile" in said[0]
    assert site.lines() == split(syslog(5000))


def test_what_has_never_worked_is_not_waited_for(site: Site) -> None:
    assert site.server
    path = site.file("a.log", syslog(5))
    wrong = replace(site.server, password=SECRET[1:])
    (said,) = Site(site.folder, wrong).run("-q", path, status=2)
    assert "Access denied" in said
    (said,) = Site(site.folder, replace(site.server, database="nowhere")).run("-q", path, status=2)
    assert "nowhere" in said
    (said,) = Site(site.folder, replace(site.server, socket=site.folder / "none")).run(
        "-q", status=1, data=syslog(5)
    )
    assert "none" in said
    assert site.count() == 0


RULE = """
[burst]
section=auth
group_by=source_host
interval=1m
limit=2
"""


def test_siemtrigger_watches_on(server: PrivateServer, site: Site) -> None:
    assert site.server
    (site.folder / "rules").mkdir()
    (site.folder / "rules" / "burst.conf").write_text(RULE)
    conf = site.folder / "t.conf"
    conf.write_text(f"[siemstress]\n{store_keys(site.server)}\nconfdir=rules\npoll=0.05\n")
    conf.chmod(0o600)
    happen(site, 0)
    watcher = subprocess.Popen(
        [PROGRAM.with_name("siemtrigger"), "-c", conf], stderr=subprocess.PIPE
    )
    talk = Talk(watcher)
    talk.wait_for("[burst]")
    with crashed(server, site):
        talk.wait_for(WAITING)
    talk.wait_for(OVER)
    happen(site, 100)
    talk.wait_for("[burst]", 2)
    with away(server, site):
        talk.wait_for(WAITING, 2)
        watcher.terminate()
        talk.end(0, seconds=3)
    with closing(site.store) as store:
        assert starts(store) == [("a", 2), ("a", 102)]


def happen(site: Site, second: int) -> None:
    """What the rule is about happens at a second."""
    with closing(site.store) as store:
        store_events(store, [(second + n, "a") for n in range(3)])


def test_a_connection_that_is_lost_says_so_again(server: PrivateServer, site: Site) -> None:
    """A rollback does not fail where the connection is gone; what comes next does."""
    assert site.server
    connection = Connection(site.server)
    server.execute(f"KILL {connection.id}")
    connection.rollback()
    with pytest.raises(Unavailable, match="connection"):
        connection.execute("SELECT 1")
    connection.close()
