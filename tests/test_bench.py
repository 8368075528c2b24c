"""What is measured is what it should be; how fast it is decides no test."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

import generate
import mariadb_server
import original
from measure import cpu_seconds, once, peak


def test_the_same_lines_come_out_each_time(tmp_path: Path) -> None:
    for name in ("one", "other"):
        generate.write(tmp_path / name, 3000)
    text = (tmp_path / "one").read_text()
    assert (tmp_path / "other").read_text() == text
    lines = text.splitlines()
    assert len(lines) == 3000
    assert 120 < len(text) / len(lines) < 150
    assert all(re.match(r"[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d \S+ [^ :]+: .", ln) for ln in lines)
    assert text.count(generate.RARE_WORD) == 1
    assert len({line.split()[4].split("[")[0] for line in lines}) >= 10


def test_a_failed_command_is_not_measured() -> None:
    assert once(["printf", "a"]).output == "a"
    assert once(["sleep", "0.05"]).seconds >= 0.05
    with pytest.raises(SystemExit, match="exit status 1"):
        once(["false"])


def test_memory_of_children_counts() -> None:
    take = "held = bytearray(60_000_000); import time; time.sleep(0.4)"
    both = f"import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', {take!r}]); {take}"
    alone = peak([sys.executable, "-c", take])
    assert 60_000_000 < alone < 90_000_000
    assert peak([sys.executable, "-c", f"{both}; c.wait()"]) > alone + 50_000_000


def test_the_originals_way_stores_every_line(tmp_path: Path) -> None:
    text = tmp_path / "lines"
    generate.write(text, 300)
    socket = str(mariadb_server.shared_socket())
    assert original.lines_per_second(socket, text, 200) > 0
    text.write_text("no log line\n" * 10)
    with pytest.raises(SystemExit, match="0 of 10 lines are in MariaDB"):
        original.lines_per_second(socket, text, 10)


def test_cpu_of_a_process_that_runs() -> None:
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) < before + 0.05:
        sum(range(10_000))
    assert cpu_seconds(1) >= 0
