"""Collecting into a lake on a disk that is full for a while."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from collecting import Watched, append, connected, free_port, stop, until
from running import Site, syslog


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
