"""A thread that does one question's work, while its caller stays open to signals and the clock."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from siemstress.errors import QueryError

T = TypeVar("T")

# How long an interrupted job is waited for. Few single steps of an engine take longer.
PATIENCE = 3.0
WAIT = 0.1


class Jobs:
    """Does jobs one after the other, in a thread of its own, within a time for all of them.

    An engine's own check for signals comes only between steps that can take half a minute. Here a
    signal or the end of the time reaches the waiting caller at once, and stops the job.
    """

    def __init__(self, seconds: float | None, stop: Callable[[], None]) -> None:
        """`stop` makes the engine give up what it does; it may be called again and again."""
        self.lost = False
        """Whether a job did not end when it was stopped, and goes on without anyone waiting."""
        self._stop_engine = stop
        self._left = seconds
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[object, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(
            target=_work, args=(self._jobs, self._results), name="query", daemon=True
        ).start()

    def close(self) -> None:
        """End the thread once it has done what it does."""
        self._jobs.put(None)

    def run(self, job: Callable[[], T]) -> T:
        """What a job returns or raises.

        Raises:
            QueryError: it took longer than all jobs together may.

        """
        started = time.monotonic()
        self._jobs.put(job)
        try:
            result, error = self._wait(started)
        except BaseException:
            self._stop()
            raise
        if self._left is not None:
            self._left = max(0.001, self._left - (time.monotonic() - started))
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def _wait(self, started: float) -> tuple[object, BaseException | None]:
        end = None if self._left is None else started + self._left
        while end is None or time.monotonic() < end:
            # In short waits: where Polars is loaded, signals do not wake a thread from a long one.
            with contextlib.suppress(queue.Empty):
                left = WAIT if end is None else max(0.0, min(WAIT, end - time.monotonic()))
                return self._results.get(timeout=left)
        raise too_long()

    def _stop(self) -> None:
        """Stop the engine and wait for it; a step that does not end is left to itself."""
        self.lost = True
        end = time.monotonic() + PATIENCE
        while self.lost and time.monotonic() < end:
            # Again and again: the engine forgets it when it is only about to begin.
            self._stop_engine()
            with contextlib.suppress(queue.Empty):
                self._results.get(timeout=0.02)
                self.lost = False


def too_long() -> QueryError:
    """The error of a query that took longer than it may."""
    return QueryError("took longer than it may; ask for less, or raise the limit")


def _work(
    jobs: queue.SimpleQueue[Callable[[], object] | None],
    results: queue.SimpleQueue[tuple[object, BaseException | None]],
) -> None:
    while (job := jobs.get()) is not None:
        try:
            results.put((job(), None))
        except BaseException as e:
            results.put((None, e))
        del job
