"""siemparse interrupted, killed, and several at once: every line is stored exactly once."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import signal
import subprocess
import termios
import time
from array import array
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import IO

import pytest

from running import Site, split, syslog
from stores import STORES


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def digest(lines: list[bytes]) -> str:
    """The same for the same lines in the same order."""
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def end(process: subprocess.Popen[bytes]) -> str:
    """What a process says until it ends."""
    out, said = process.communicate(timeout=100)
    assert out == b""
    return said.decode()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes several chunks and commits."""
    path = tmp_path_factory.mktemp("large") / "large.log"
    part = syslog(50_000)
    path.write_bytes(b"".join(part.replace(b"web1", b"web%d" % n) for n in range(14)))
    assert path.stat().st_size > 52_000_000  # enough for a second process to help
    return path


@dataclass(frozen=True)
class Trial:
    """How often siemparse is killed, and how many bytes of a file it is given."""

    kills: int
    size: int


# With the lake a second process helps.
TRIALS = {"lake": Trial(12, 53_000_000), "mariadb": Trial(8, 13_000_000)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", STORES)
def test_killed_at_any_moment_and_run_again_each_line_is_stored_once(
    kind: str, tmp_path: Path, large: Path
) -> None:
    """Kills fall before the first commit, and around each of the next ones.

    Whenever a run ends before its kill the store is looked at and a new one begun. Now and then
    it is asked to end instead, which leaves a file stored in part.
    """
    site = Site.on(kind, tmp_path)
    trial = TRIALS[kind]
    data = large.read_bytes()[: trial.size].rpartition(b"\n")[0] + b"\n"
    # A commit for each of some small files, and several for a larger one.
    cuts = [data.rindex(b"\n", 0, at) + 1 for at in range(500_000, 4_500_000, 500_000)]
    parts = [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]
    paths = [site.file(f"{n}.log", part) for n, part in enumerate(parts)]
    wanted = split(data)
    random = Random(11)
    kills = ends = 0
    counts = set()
    while kills < trial.kills or not ends:
        process = site.start("-q", *paths)
        if kills < trial.kills:
            _wait_for_progress(process, site, commits=kills % 4)
            time.sleep(random.uniform(0, 0.1))
        if kills < trial.kills and process.poll() is None:
            ask = random.randrange(5) == 0
            process.terminate() if ask else process.kill()
            kills += 1
            end(process)
            counts.add(site.count())
            continue
        assert (end(process), process.returncode) == ("", 0)
        ends += 1
        lines = site.lines()
        assert len(lines) == len(wanted)
        assert digest(lines) == digest(wanted)
        site.clear()
    assert 0 in counts
    assert len(counts - {0, len(wanted)}) > 2


def _wait_for_progress(process: subprocess.Popen[bytes], site: Site, commits: int) -> None:
    """Wait until it reads, and has made so many commits, or has ended."""
    first = site.commits()
    while process.poll() is None and not _reads(process):
        time.sleep(0.01)
    while process.poll() is None and site.commits() < first + commits:
        time.sleep(0.01)


def _reads(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has opened one of the log files."""
    with suppress(OSError):
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            with suppress(OSError):
                if link.readlink().suffix == ".log":
                    return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_whole_commits(
    site: Site, large: Path, number: signal.Signals
) -> None:
    wanted = split(large.read_bytes())
    for seconds in (0.6, 1.3):
        process = site.start(large)
        time.sleep(seconds)
        process.send_signal(number)
        said = end(process)
        if process.returncode != 0:
            assert process.returncode in {128 + number, -number}
            assert "Traceback" not in said
            assert "lines in" not in said
        lines = site.lines() if site.store.tables() else []
        assert lines == wanted[: len(lines)]
    site.run("-q", large)
    assert digest(site.lines()) == digest(wanted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pipe_interrupted_stores_what_has_been_read(site: Site, number: signal.Signals) -> None:
    """It is gone from the pipe, and nobody else has it."""
    process = site.start()
    assert process.stdin is not None
    data = syslog(5) + b"and a half"
    process.stdin.write(data)
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while _in_pipe(process.stdin) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    assert end(process) == ""
    assert process.returncode == 128 + number
    assert site.lines() == split(data)


def _in_pipe(pipe: IO[bytes]) -> int:
    """How many bytes in a pipe nobody has read yet."""
    answer = array("i", [0])
    fcntl.ioctl(pipe.fileno(), termios.FIONREAD, answer)
    return answer[0]


def test_a_pipe_that_pauses_is_stored_meanwhile(site: Site) -> None:
    process = site.start("-q")
    assert process.stdin is not None
    for n in range(3):
        process.stdin.write(syslog(2, 2 * n))
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if site.store.tables() and len(site.lines()) == 2 * n + 2:
                break
            time.sleep(0.1)
        assert site.lines() == split(syslog(2 * n + 2))
    assert end(process) == ""
    assert process.returncode == 0


def test_at_the_end_of_its_input_it_does_not_spin(site: Site) -> None:
    """Waiting for lines takes no processor either."""
    process = site.start("-q")
    assert process.stdin is not None
    process.stdin.write(syslog(5))
    process.stdin.flush()
    time.sleep(3)
    ticks = _ticks(process.pid)
    time.sleep(2)
    assert _ticks(process.pid) - ticks < 0.2 * os.sysconf("SC_CLK_TCK")
    assert end(process) == ""


def _ticks(pid: int) -> int:
    """Processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("kind", ["plain", "gz"])
def test_two_at_once_store_a_file_once(site: Site, large: Path, kind: str) -> None:
    data = large.read_bytes()[:25_000_000].rpartition(b"\n")[0] + b"\n"
    path = site.file("a.log", data if kind == "plain" else gzip.compress(data, 1))
    processes = [site.start("-q", path) for _ in range(2)]
    assert [end(process) for process in processes] == ["", ""]
    assert [process.returncode for process in processes] == [0, 0]
    lines = site.lines()
    # Which of the two has stored a part says nothing about its ids.
    assert len(lines) == data.count(b"\n")
    assert digest(sorted(lines)) == digest(sorted(split(data)))


def test_many_at_once_into_one_table(site: Site) -> None:
    paths = [site.file(f"{n}.log", syslog(2000, 2000 * n)) for n in range(4)]
    processes = [site.start("-q", path) for path in paths]
    assert [end(process) for process in processes] == [""] * 4
    assert sorted(site.lines()) == sorted(split(syslog(8000)))
