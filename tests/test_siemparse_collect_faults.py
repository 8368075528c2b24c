"""Collecting into a store that comes and goes, on MariaDB and in a lake on a full disk."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from collecting import Watched, append, connected, free_port, stop, until
from mariadb_server import PrivateServer
from running import Site, split, syslog


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateServer]:
    folder = tmp_path / "server"
    folder.mkdir()
    server = PrivateServer(folder)
    yield server
    server.stop()


def test_a_server_that_goes_away_and_comes_back(server: PrivateServer, tmp_path: Path) -> None:
    server.execute("CREATE DATABASE events")
    folder = tmp_path / "site"
    folder.mkdir()
    site = Watched(folder, server.address("events"))
    path, port = site.file("a.log", syslog(100)), free_port()
    process = site.start("--follow", path, "--listen", f"tcp://127.0.0.1:{port}")
    until(lambda: site.count() == 100)
    with connected(port) as sender:
        for n in range(2):
            server.kill() if n else server.stop()
            append(path, syslog(100, 100 * (n + 1)))
            sender.sendall(b"by TCP %d\n" % n)
            time.sleep(2.5)
            append(path, b"half a line, ")
            server.start()
            append(path, b"and the rest\n")
            until(lambda: site.count() == 102 * (n + 1) + 100)  # noqa: B023
    said = stop(process)
    assert "waiting since" in said
    assert "works again after" in said
    wanted = [*split(syslog(300)), b"by TCP 0", b"by TCP 1", *[b"half a line, and the rest"] * 2]
    assert sorted(site.lines()) == sorted(wanted)
    site.end()


def test_a_store_that_was_never_there_ends_it(tmp_path: Path, server: PrivateServer) -> None:
    site = Site(tmp_path, server.address("nowhere"))
    path = site.file("a.log", syslog(1))
    said = site.run("--follow", path, status=1)
    assert "nowhere" in said[-1]


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
