"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import forked
from running import Site, syslog

ALL = "-s auth --range 20200101000000-20300101000000"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site.on("lake", tmp_path)
    site.run("-s", "auth", data=syslog(5))
    return site


def shell(site: Site, command: str) -> tuple[int, str]:
    """The status of a command in a shell and what stands on its standard error."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{forked.BIN}/{command}"],
        cwd=site.folder,
        check=False,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "command", [f"siemquery -c s.conf {ALL}", "siemtrigger -c s.conf --rules", "siemquery --help"]
)
def test_a_full_disk_under_standard_output_is_a_failure(site: Site, command: str) -> None:
    program = command.partition(" ")[0]
    said = f"{program}: [Errno 28] No space left on device\n"
    assert shell(site, f"{command} > /dev/full") == (1, said)


def test_standard_streams_may_be_closed(site: Site) -> None:
    assert shell(site, f"siemquery -c s.conf {ALL} <&- >&-") == (0, "")
    assert shell(site, "siemtrigger -c s.conf --rules >&- 2>&-") == (0, "")
    assert shell(site, f"siemquery -c no.conf {ALL} <&- >&- 2>&-") == (2, "")
    lines = site.file("more.log", syslog(7))
    assert shell(site, f"siemparse -c s.conf -s auth {lines} <&- >&- 2>&-") == (0, "")
    assert site.count("Auth") == 12


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (f"siemquery -c s.conf {ALL}", 0),
        (f"siemquery -c no.conf {ALL}", 2),
        ("siemquery --no-such-flag", 2),
        ("siemtrigger -c s.conf --oneshot", 0),
    ],
)
def test_nobody_may_read_what_is_said(site: Site, command: str, expected: int) -> None:
    read, write = os.pipe()
    os.close(read)
    name, *words = command.split()
    done = subprocess.run(
        [forked.BIN / name, *words], cwd=site.folder, check=False, stdout=write, stderr=write
    )
    os.close(write)
    # Who reads no answer has seen enough.
    assert done.returncode == (141 if expected == 0 and name == "siemquery" else expected)
