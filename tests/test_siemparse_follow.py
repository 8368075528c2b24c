"""siemparse --follow as its users run it: killed, stopped, two at once, hundreds of files."""

from __future__ import annotations

import gzip
import os
import signal
import time
from pathlib import Path
from random import Random

import pytest

from collecting import FLUSH, Watched, append, lake_site, site, stop, until
from running import Site, split, syslog

__all__ = ["lake_site", "site"]


def test_a_line_that_arrives_alone_is_there_within_two_seconds(site: Watched) -> None:
    site.configure(FLUSH, "")
    path = site.file("a.log", syslog(1))
    process = site.start("--follow", path)
    until(lambda: site.count() == 1)
    times = []
    for n in range(1, 4):
        append(path, syslog(1, n))
        times.append(until(lambda n=n: site.count() == n + 1))  # type: ignore[misc]
    said = stop(process)
    assert min(times) < 2
    assert site.lines() == split(syslog(4))
    assert said.startswith("siemparse: stored 4 lines in Entries (all read)")
    assert {event["source_path"] for event in site.events()} == {str(path)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_has_stored_what_it_has_read(site: Site, number: signal.Signals) -> None:
    path = site.file("a.log", syslog(20_000) + b"half")
    process = site.start("-q", "--follow", path)
    until(lambda: site.count() > 0)
    process.send_signal(number)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 0
    lines = site.lines()
    assert lines == split(syslog(20_000))[: len(lines)]
    # What follows and what reads once know the same positions.
    site.run("-q", path)
    assert site.lines() == [*split(syslog(20_000)), b"half"]
    append(path, b" line\nmore\n")
    process = site.start("-q", "--follow", path)
    until(lambda: site.count() == 20_003)
    stop(process)
    assert site.lines()[-3:] == [b"half", b" line", b"more"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--follow"], "no file to follow; see siemparse --help"),
        (["--follow", "--again", "a.log"], "--again does not go with sources that go on"),
        (["--follow", "-p", "nope", "a.log"], "there is no parser 'nope'"),
        (["--follow", "-s", "nope", "a.log"], "no such section"),
    ],
)
def test_mistakes_are_one_line(lake_site: Site, arguments: list[str], wanted: str) -> None:
    said = lake_site.run(*arguments, status=2)
    assert len(said) == 1
    assert wanted in said[0]


def _rotate(random: Random, log: Path) -> None:
    """Move the log aside in one of the ways there are."""
    aside = log.with_name("a.log.1")
    if aside.exists():
        packed = log.with_name(f"a.log.{time.time_ns() % 10**12}.gz")
        packed.write_bytes(gzip.compress(aside.read_bytes(), 1))
        status = aside.stat()
        os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
        aside.unlink()
    if random.randrange(2):
        log.rename(aside)
        log.touch()
    else:
        aside.write_bytes(log.read_bytes())
        os.truncate(log, 0)


# The trials do the same with the lake.
@pytest.mark.parametrize("kind", ["mariadb"])
def test_killed_at_any_moment_under_rotation_each_line_is_stored_once(site: Site) -> None:
    random = Random(3)
    log, other = site.file("a.log", syslog(1)), site.file("b.log", b"")
    process = site.start("-q", "--follow", log, other)
    until(lambda: site.count() == 1)
    number, others, kills = 1, 0, 0
    commits = site.commits()
    rotate_at = 0.0
    while kills < 2:
        count = random.randrange(500)
        data = syslog(count, number)
        number += count
        append(log, data[: len(data) // 3])
        append(other, b"other %d\n" % others)
        append(log, data[len(data) // 3 :])
        others += 1
        if time.monotonic() > rotate_at:
            _rotate(random, log)
            rotate_at = time.monotonic() + random.uniform(0.4, 0.8)
        time.sleep(0.02)
        if site.commits() > commits + kills % 2:
            time.sleep(random.uniform(0, 0.3))
            process.kill()
            process.communicate()
            kills += 1
            commits = site.commits()
            process = site.start("-q", "--follow", log, other)
    # Of the last line it is known that the last process was there to store it.
    append(other, b"other %d\n" % others)
    others += 1
    until(lambda: site.count() >= number + others)
    stop(process)
    wanted = split(syslog(number)) + [b"other %d" % n for n in range(others)]
    assert sorted(site.lines()) == sorted(wanted)


def test_two_followers_of_one_file_store_each_line_once(site: Site) -> None:
    path, own = site.file("a.log", syslog(500)), site.file("own.log", b"")
    processes = [site.start("-q", "--follow", path), site.start("-q", "--follow", path, own)]
    for n in range(5):
        append(path, syslog(500, 500 * (n + 1)))
        append(own, b"own %d\n" % n)
        time.sleep(0.4)
    until(lambda: site.count() == 3005)
    for process in processes:
        assert stop(process) == ""
    wanted = split(syslog(3000)) + [b"own %d" % n for n in range(5)]
    assert sorted(site.lines()) == sorted(wanted)


def test_hundreds_of_files(site: Site) -> None:
    for n in range(300):
        site.file(f"{n}.log", b"Aug 23 06:15:38 h%d p: first\n at Some.java:1\n" % n)
    process = site.start("-q", "--follow", "*.log")
    until(lambda: site.count() == 600)
    for n in range(300):
        append(site.folder / f"{n}.log", b"Aug 23 06:16:39 h%d p: second\n" % n)
    until(lambda: site.count() == 900)
    stop(process)
    events = site.events()
    for event in events:
        if event["host"] is not None:
            assert Path(event["source_path"]).name == event["host"][1:] + ".log"
    without = [event for event in events if event["host"] is None]
    assert len(without) == 300
    # A line without a stamp has the time of the line before it in its own file.
    assert {str(event["time"])[-8:] for event in without} == {"06:15:38"}
