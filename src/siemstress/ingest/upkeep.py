"""Upkeep beside collecting: small files are merged by a process of its own, now and then.

Merging takes memory and time that the collector does not have. Any such process may be killed at
any moment; the table is none the worse for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

EVERY = 60.0
"""Seconds from the end of one time to the next, where anything was stored."""

_COMMAND = (sys.executable, "-P", "-m", "siemstress.commands.siemmanage")
_NICE = 10
# How long one waits for the process to end at a stop, in seconds.
_LAST = 5.0


class Upkeep:
    """Merges the files of some sections' tables. `stored` counts the lines stored so far."""

    def __init__(
        self,
        config: Path | None,
        sections: Sequence[str],
        stored: Callable[[], int],
        tell: Callable[[str], None],
        every: float = EVERY,
    ) -> None:
        self._config = config
        self._sections = sections
        self._stored = stored
        self._tell = tell
        self._every = every
        self._next = time.monotonic() + every
        self._at = 0
        self._left: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Do what is due; little work when nothing is."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._say(self._process)
            self._process = None
            self._next = time.monotonic() + self._every
        if self._left:
            self._begin(self._left.pop())
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            stored = self._stored()
            if stored != self._at:
                self._at = stored
                self._left = list(self._sections)

    def close(self) -> None:
        """End what is under way."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_LAST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr is not None:
            process.stderr.close()

    def _begin(self, section: str) -> None:
        config = ["-c", str(self._config)] if self._config is not None else []
        self._process = subprocess.Popen(  # noqa: S603  # ourselves
            [*_COMMAND, *config, "compact", "-s", section],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)

    def _say(self, process: subprocess.Popen[bytes]) -> None:
        """Pass on why it failed."""
        said = process.stderr.read() if process.stderr is not None else b""
        if process.stderr is not None:
            process.stderr.close()
        if process.returncode:
            text = " ".join(said.decode("utf-8", "replace").split())
            self._tell(f"small files are not merged: {text or 'siemmanage compact failed'}")
