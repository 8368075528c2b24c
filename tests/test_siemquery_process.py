"""siemquery as a process: pipes, signals, terminals, memory, and what it imports."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from siemstress.store.lake import Lake
from stores import events, put

PROGRAM = Path(sys.executable).parent / "siemquery"
ROWS = 200_000
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with many events, and its config."""
    folder = tmp_path_factory.mktemp("siem")
    (folder / "s.conf").write_text("[siemstress]\nlake=lake\n[default]\ntable=Entries\n")
    put(Lake(folder / "lake"), "Entries", events(ROWS, message="caf\xe9 \x1b[31mred\x9b"))
    return folder


def start(folder: Path, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [PROGRAM, "-c", "s.conf", *arguments],
        cwd=folder,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "TZ": "UTC"},
    )


ALL = ("--range", "20260101-20261231")
MEASURED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    for form in ("table", "jsonl", "raw"):
        process = start(folder, *ALL, "--format", form)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141
        process.stderr.close()


def test_ctrl_c_ends_it_and_leaves_no_half_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    process = start(folder, "--sql", ENDLESS, "--output", str(out))
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_rows_are_written(folder: Path, tmp_path: Path) -> None:
    process = start(folder, *ALL, "--format", "jsonl", "--json", str(tmp_path / "half.json"))
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (130, 0)
    assert b"Traceback" not in said
    files = {path.name for path in tmp_path.iterdir()}
    assert files == (set() if process.returncode else {"half.json"})


@pytest.mark.parametrize(
    ("form", "bold"), [("table", True), ("jsonl", False), ("csv", False), ("raw", False)]
)
def test_a_terminal_gets_no_control_characters_of_others(
    folder: Path, form: str, bold: bool
) -> None:
    master, slave = pty.openpty()
    arguments = [*ALL, "--limit", "2", "--format", form, "--columns", "id,message"]
    process = start(folder, *(arguments if form != "raw" else arguments[:-2]), stdout=slave)
    os.close(slave)
    text = b""
    try:
        while part := os.read(master, 65536):
            text += part
    except OSError:
        pass  # The other end is closed.
    os.close(master)
    assert process.communicate(timeout=60)[1] == b""
    shown = text.decode()
    assert ("\x1b[1m" in shown) == bold
    rest = shown.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert not {"\x1b", "\x9b"} & set(rest)
    assert "red" in rest
    if form == "jsonl":
        rows = [json.loads(line) for line in rest.splitlines()]
        assert [row["message"] for row in rows] == ["caf\xe9 \x1b[31mred\x9b"] * 2


def test_no_color_and_pipes_have_no_colour(folder: Path) -> None:
    out, _ = start(folder, *ALL, "--limit", "2").communicate(timeout=60)
    assert b"\x1b" not in out


def test_a_large_answer_streams(folder: Path) -> None:
    """Every row is written, in order, with no more memory than a fraction of them takes."""
    # A process starts with its parent's peak: measured is the child of one that has none.
    program = [sys.executable, "-c", MEASURED, str(PROGRAM), "-c", "s.conf"]
    process = subprocess.Popen(
        [*program, *ALL, "--format", "jsonl"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    numbers = [json.loads(line)["id"] for line in process.stdout]
    _, peak = process.communicate()
    assert process.returncode == 0
    assert numbers == list(range(ROWS))
    assert int(peak) < 500 * 1024


def test_a_small_question_imports_no_polars(folder: Path) -> None:
    code = (
        "import sys\nfrom siemstress.commands.siemquery import main\n"
        "status = main(sys.argv[1:])\n"
        "print(status, sorted({'polars', 'rich.console', 'pyarrow.compute'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "-c", "s.conf", *ALL, "--limit", "1"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_full_disk_is_one_line(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start(folder, *ALL, "--format", "jsonl", stdout=full.fileno())
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.decode().startswith("siemquery: ")
    assert said.count(b"\n") == 1
