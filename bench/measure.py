"""Run a command as a user would and say how long it took, or how much memory it had."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run of a command: wall clock and CPU seconds, standard output."""

    seconds: float
    cpu: float
    output: str


def once(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end; its standard output goes through a pipe.

    Raises:
        SystemExit: it failed.

    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        raise SystemExit(
            f"bench: exit status {process.returncode} of {' '.join(map(str, command))}"
        )
    cpu = usage.ru_utime + usage.ru_stime
    return Run(seconds, cpu, output.decode(errors="replace"))


def peak(command: Sequence[str | Path]) -> int:
    """The most memory that a command and the processes it starts have together, in bytes.

    Looked up every 20 ms (Linux's proportional set sizes, so that what they share counts once),
    and never less than what each alone had at its peak.
    """
    highest, done = 0, threading.Event()

    def watch(number: int) -> None:
        nonlocal highest
        while not done.wait(0.02):
            family = list(_family(number))
            together = sum(_memory(member, "smaps_rollup", "Pss:") for member in family)
            alone = max(_memory(member, "status", "VmHWM:") for member in family)
            highest = max(highest, together, alone)

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watcher = threading.Thread(target=watch, args=(process.pid,))
    watcher.start()
    process.wait()
    done.set()
    watcher.join()
    if process.returncode != 0:
        raise SystemExit(
            f"bench: exit status {process.returncode} of {' '.join(map(str, command))}"
        )
    return highest


def _family(number: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield number
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{number}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def cpu_seconds(number: int) -> float:
    """The CPU seconds that a process which still runs has used so far."""
    # The name, in parentheses, may hold blanks; user's and system's time are the 14th and 15th.
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(number: int, file: str, name: str) -> int:
    """A figure about a process's memory in bytes; 0 when the process is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{number}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def median(runs: Sequence[Run]) -> Run:
    """The run with the median time."""
    middle = statistics.median_low(run.seconds for run in runs)
    return next(run for run in runs if run.seconds == middle)


def in_turn(times: int, contenders: Mapping[str, Callable[[], Run]]) -> dict[str, Run]:
    """Each contender's median; they take turns, so that a noisy minute hits them alike."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for _ in range(times):
        for name, contender in contenders.items():
            runs[name].append(contender())
    return {name: median(done) for name, done in runs.items()}
