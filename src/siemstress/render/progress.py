"""A line on the terminal that says that something is going on, once it takes a while."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

PATIENCE = 2.0
_INTERVAL = 0.5


class Progress:
    """Counts rows; `run` shows them on standard error while it lasts.

    Nothing is shown where standard error is no terminal, nor, once rows have come, where they go
    to the same terminal.
    """

    def __init__(self, *, rows_are_shown: bool) -> None:
        self.rows = 0
        self._rows_are_shown = rows_are_shown
        self._done = threading.Event()

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """Show progress within."""
        if not sys.stderr.isatty():
            yield
            return
        thread = threading.Thread(target=self._show, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()

    def _show(self) -> None:
        started = time.monotonic()
        wait, shown = PATIENCE, False
        while not self._done.wait(wait):
            wait = _INTERVAL
            if self.rows and self._rows_are_shown:
                break
            seconds = time.monotonic() - started
            sys.stderr.write(f"\r\x1b[K{self.rows:,} rows, {seconds:.0f} s")
            sys.stderr.flush()
            shown = True
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
