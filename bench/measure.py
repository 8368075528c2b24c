"""Run a command as a user would and say how long it took and how much memory it had.

This module and its callers import nothing heavy: Linux counts the memory of the parent as the
child's peak, if the parent's is larger at the time of the start.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run of a command: wall clock and CPU seconds, peak resident bytes, standard output."""

    seconds: float
    cpu: float
    peak: int
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
    return Run(seconds, cpu, usage.ru_maxrss * 1024, output.decode(errors="replace"))


def median(runs: Sequence[Run]) -> Run:
    """The run with the median time, and the highest peak of all."""
    middle = statistics.median_low(run.seconds for run in runs)
    run = next(run for run in runs if run.seconds == middle)
    return Run(run.seconds, run.cpu, max(r.peak for r in runs), run.output)


def in_turn(times: int, contenders: Mapping[str, Callable[[], Run]]) -> dict[str, Run]:
    """Each contender's median; they take turns, so that a noisy minute hits them alike."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for _ in range(times):
        for name, contender in contenders.items():
            runs[name].append(contender())
    return {name: median(done) for name, done in runs.items()}
