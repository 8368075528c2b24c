"""siemparse and a disk that is full: it waits for room, and then each line is stored once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Site, Talk, split, syslog

SIZE = 24 << 20
ROOM = 2 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own; only root can have one."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        if os.environ.get("CI") and not os.geteuid():
            pytest.fail("root cannot mount a tmpfs here")
        pytest.skip("this takes the right to mount")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.parametrize("lines", [5, 700_000])
def test_a_full_disk(disk: Path, lines: int) -> None:
    """With many lines it happens to both processes, with few when the lake is made."""
    site = Site(disk.parent)
    (disk / "lake").mkdir()
    (site.folder / "lake").symlink_to(disk / "lake")
    data = syslog(50_000) * (lines // 50_000) or syslog(lines)
    path = site.file("a.log", data)
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free - (ROOM if lines > 5 else 0)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free)
    process = site.start(path)
    talk = Talk(process)
    talk.wait_for("no space left on device; waiting since")
    assert process.poll() is None
    # What could not be written is gone; what is read and not stored yet is little.
    assert len(list(disk.glob("lake/Entries/*.parquet*"))) < 20
    filler.unlink()
    said = talk.end()
    assert [line.split(" ")[1] for line in said[1:]] == ["works", "stored"], said
    assert f"stored {lines:,} lines" in said[-1]
    stored = site.lines()
    assert len(stored) == lines
    assert stored == split(data)
    # No file is left that is part of nothing.
    status = site.store.status("Entries")
    assert status is not None
    assert status.files == len(list(disk.glob("lake/Entries/*.parquet*")))
