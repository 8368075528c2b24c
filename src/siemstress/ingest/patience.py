"""Waiting for a store that is away, locked or full, until it works again.

A store raises Unavailable where nothing was changed and the same call may be made again later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from siemstress.errors import Failure, Unavailable

T = TypeVar("T")

# Seconds between attempts, at first and at the most, and between two lines that remind the user.
_FIRST = 0.25
_LONGEST = 30.0
_REMIND = 600.0
# What works at the second attempt, and failed at once at the first, is not worth a word.
_AT_ONCE = 1.0


class Patience:
    """Makes calls again until they work; threads may share one.

    Before anything has worked nothing is waited for: what fails then is most likely set up wrong.
    """

    def __init__(self, say: Callable[[str], None], *, kinds: type[Failure] = Unavailable) -> None:
        """`say` takes lines for the user, `kinds` are the failures that are waited out."""
        self.changed = threading.Condition()
        """Held while anything here changes, and notified then."""
        self.gave_up = False
        """Whether the wait for a call was ended before it worked."""
        self._say = say
        self._kinds = kinds
        self._worked = False
        self._successes = 0
        self._failing: set[object] = set()
        self._since = 0.0
        self._told = 0.0

    @property
    def trouble(self) -> bool:
        """Whether some call is waiting for the store now."""
        return bool(self._failing)

    def attempt(self, call: Callable[[], T], ended: Callable[[], bool] = lambda: False) -> T:
        """What `call` gives once it works.

        Where `ended` says so, its failure is raised instead of being waited out; `changed` must
        be notified when that changes. A signal's exception ends the wait too.
        """
        me = object()
        failures = 0
        try:
            while True:
                began = time.monotonic()
                seen = self._successes
                try:
                    result = call()
                except self._kinds as e:
                    failures += 1
                    if not self._worked or ended():
                        raise
                    self._failed(me, e, began, failures)
                    self._pause(min(_FIRST * 2 ** min(failures - 1, 10), _LONGEST), seen, ended)
                    if ended():
                        raise
                else:
                    self._succeeded(me)
                    return result
        finally:
            self._leave(me)

    def _pause(self, seconds: float, seen: int, ended: Callable[[], bool]) -> None:
        """Wait, but no longer than until another call works."""
        with self.changed:
            self.changed.wait_for(lambda: ended() or self._successes != seen, seconds)

    def _failed(self, me: object, error: Failure, began: float, failures: int) -> None:
        with self.changed:
            now = time.monotonic()
            if not self._failing:
                self._since, self._told = began, 0.0
            self._failing.add(me)
            self.changed.notify_all()
            if not self._told and (failures > 1 or now - began > _AT_ONCE):
                self._told = now
                clock = time.strftime("%H:%M:%S", time.localtime(time.time() - (now - self._since)))
                self._say(f"{error}; waiting since {clock} until it works again, nothing is lost")
            elif self._told and now - self._told >= _REMIND:
                self._told = now
                self._say(f"still waiting, for {spelled(now - self._since)} by now: {error}")

    def _succeeded(self, me: object) -> None:
        if self._worked and not self._failing:
            return
        with self.changed:
            self._worked = True
            if not self._failing:
                return
            self._successes += 1
            self._failing.discard(me)
            if not self._failing and self._told:
                self._told = 0.0
                self._say(f"works again after {spelled(time.monotonic() - self._since)}, going on")
            self.changed.notify_all()

    def _leave(self, me: object) -> None:
        if me in self._failing:
            with self.changed:
                self.gave_up = True
                self._failing.discard(me)
                self.changed.notify_all()


def spelled(seconds: float) -> str:
    """A time in seconds for people: `7 s`, `2 min 5 s`, `3 h 0 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole // 60 % 60} min"
