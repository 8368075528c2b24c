"""What a trial found, as a row."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version

MEMORY_BUDGET = 500_000_000
"""Bytes that a collector may hold."""


class Skipped(Exception):
    """A trial cannot be made on this machine; its text says why."""


@dataclass(frozen=True)
class Tally:
    """Lines sent, stored, lost and double; what the kernel dropped of them and was reported.

    `damaged` are events that are no line that was sent. `seconds` and `memory` (bytes, at the
    peak; 0: not looked at) are the whole trial's. `note` says what else there is to say.
    """

    name: str
    store: str
    sent: int
    stored: int
    lost: int
    double: int
    damaged: int = 0
    reported: int = 0
    seconds: float = 0.0
    memory: int = 0
    note: str = ""
    wrong: str = ""

    @property
    def failure(self) -> str:
        """Why the trial failed; empty when it did not."""
        if self.wrong:
            return self.wrong
        if self.lost != self.reported:
            return f"{self.lost:,} lines are lost, {self.reported:,} are reported"
        if self.double:
            return f"{self.double:,} lines are stored more than once"
        if self.damaged:
            return f"{self.damaged:,} events are no lines that were sent"
        if self.memory > MEMORY_BUDGET:
            return f"it took {self.memory / 1e6:,.0f} MB"
        return ""


_ROW = "{:<16} {:<8} {:>11} {:>11} {:>9} {:>7} {:>8} {:>6}  {}"


def head() -> None:
    """What stands above the rows."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    print(f"siemstress {version('siemstress')}, Python {platform.python_version()}, ", end="")
    print(f"{cores} cores, {memory:.0f} GB")
    names = ("trial", "store", "sent", "stored", "lost", "double", "time", "MB", "")
    print(_ROW.format(*names).rstrip(), flush=True)


def row(tally: Tally) -> None:
    """Print a trial's row."""
    notes = [f"{tally.reported:,} drops were reported" if tally.reported else "", tally.note]
    if tally.failure:
        notes.insert(0, f"FAILED: {tally.failure}")
    text = _ROW.format(
        tally.name,
        tally.store,
        f"{tally.sent:,}",
        f"{tally.stored:,}",
        f"{tally.lost:,}",
        f"{tally.double:,}",
        f"{tally.seconds:,.0f} s",
        f"{tally.memory / 1e6:,.0f}" if tally.memory else "-",
        "; ".join(note for note in notes if note),
    )
    print(text.rstrip(), flush=True)


def skip(name: str, store: str, why: str) -> None:
    """Print that a trial was not made."""
    print(f"{name:<16} {store:<8} skipped: {why}", flush=True)
