"""Collecting into a store that is away for a while: nothing is lost, and nothing stored twice."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from collecting import Watched, append, connected, free_port, stop, until
from faults import OVER, USER, WAITING, away, crashed, row_locked, site_of
from mariadb_server import PrivateServer
from running import Site, Talk, split, syslog

# How many wait for locks on rows. (The tables of locks stand still for whoever asks often.)
WAITS = "SHOW STATUS LIKE 'Innodb_row_lock_current_waits'"


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    """A server that can be ended and started."""
    with tempfile.TemporaryDirectory(prefix="siemstress-db-") as folder:
        server = PrivateServer(Path(folder), ["--innodb-buffer-pool-size=64M"])
        server.execute(USER)
        yield server
        server.kill()


@pytest.fixture
def site(server: PrivateServer, tmp_path: Path) -> Iterator[Watched]:
    site = Watched(tmp_path, site_of(server, tmp_path).server)
    yield site
    site.end()


def test_a_server_that_is_away_for_a_while(server: PrivateServer, site: Watched) -> None:
    path, port = site.file("a.log", syslog(10)), free_port()
    process = site.start("--follow", path, "--listen", f"tcp://127.0.0.1:{port}")
    talk = Talk(process)
    with connected(port) as sender:
        until(lambda: site.count() == 10)
        lines = 10
        for number, fault in enumerate((away, crashed), 1):
            with fault(server, site):
                append(path, syslog(1000, lines))
                sender.sendall(b"by TCP " + syslog(1, lines))
                talk.wait_for(WAITING, number)
                append(path, syslog(1000, lines + 1000))
                sender.sendall(b"by TCP " + syslog(1, lines + 1000))
            talk.wait_for(OVER, number)
            lines += 2000
        until(lambda: site.count() == lines + 4)
    process.send_signal(signal.SIGTERM)
    talk.end()
    wanted = split(syslog(lines)) + [
        b"by TCP " + split(syslog(1, n))[0] for n in (10, 1010, 2010, 3010)
    ]
    assert sorted(site.lines()) == sorted(wanted)


def test_no_end_is_held_up_by_a_server_that_does_not_answer(
    server: PrivateServer, site: Watched
) -> None:
    path = site.file("a.log", syslog(10))
    process = site.start("--follow", path)
    until(lambda: site.count() == 10)
    with row_locked(server, site):
        append(path, syslog(10, 10))
        until(lambda: server.execute(WAITS)[0][1] != "0")
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1].decode().splitlines()
    assert process.returncode == 1
    assert "bytes that were read are not stored" in said[0]
    assert said[1:] == ["siemparse: the store was still at work at the end, and was not waited for"]
    site.run("-q", path)
    assert site.lines() == split(syslog(20))


def test_a_full_disk_that_gets_room_again(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        site = Watched(tmp_path)
        conf = tmp_path / "s.conf"
        conf.write_text(conf.read_text().replace("lake=lake", "lake=disk/lake"))
        path, port = site.file("a.log", syslog(10)), free_port()
        process = site.start("--follow", path, "--listen", f"tcp://127.0.0.1:{port}")
        until(lambda: _count(site, disk) == 10)
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        append(path, syslog(60_000, 10))
        with connected(port) as sender:
            sender.sendall(b"by TCP\n")
        time.sleep(4)
        filler.unlink()
        until(lambda: _count(site, disk) == 60_011)
        said = stop(process)
        assert "waiting since" in said
        site.end()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _count(site: Site, disk: Path) -> int:
    from siemstress.store.lake import Lake

    status = Lake(disk / "lake").status("Entries")
    return status.rows if status and site else 0
