"""Sending: one thread for each notifier, so that a slow receiver holds up nobody else.

What is due is claimed in the ledger, sent, and recorded. A process that dies in between leaves its
claim, which others take over once it is known to be dead, or after a while; so what was sent but
not recorded is sent again, under the same id, and nothing is forgotten.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from siemstress.errors import Conflict, Failure, SiemstressError
from siemstress.notify import worker
from siemstress.notify.base import Notifier, NotSent
from siemstress.notify.compose import compose
from siemstress.notify.ledger import (
    FAILED,
    GIVEN_UP,
    PLANNED,
    SENDING,
    SENT,
    SKIPPED,
    SUMMED,
    Entry,
    Ledger,
    moment,
)
from siemstress.notify.message import SUMMARY, Message
from siemstress.notify.settings import Receiver
from siemstress.notify.texts import one_line
from siemstress.store.base import Store

# Seconds between attempts, at first and at the most; each by chance up to a quarter more or less.
_FIRST, _LONGEST = 10.0, 3600.0
# Since it was planned; then it is tried no more.
_LONGEST_TRIED = timedelta(days=1)
# What another siemtrigger has planned is left to it for so long.
_OTHERS = timedelta(seconds=5)
# Seconds that a claim holds beyond what sending may take, and between looks.
_GRACE, _IDLE, _SOON = 60.0, 30.0, 0.05
_TIDY = 60.0
_LONGEST_ERROR = 300


@dataclass(frozen=True)
class _Due:
    """What is to be sent now, one by one or summed up, and seconds until there may be more."""

    entries: Sequence[Entry]
    seconds: float
    in_one: bool = False


@dataclass(frozen=True)
class _Claim:
    """What is being sent: entries as they were recorded, and their messages."""

    entries: Sequence[Entry]
    messages: Sequence[Message]


class Sender:
    """Sends what the ledger has for one receiver, until it is closed."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        receiver: Receiver,
        tables: Sequence[str],
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self.receiver = receiver
        self._tables = tables
        self._say = say
        self._wake = threading.Event()
        self._ended = False
        self._once = False
        self._thread: threading.Thread | None = None
        self._notifier: Notifier | None = None
        self._failures = 0
        self._paused_until = datetime.min
        self._tidied = datetime.min
        self._told = ""
        self.failed = False
        """Whether anything has ever failed."""

    def wake(self) -> None:
        """Look at the ledger now; in a thread, which is started at the first call."""
        if self._thread is None:
            name = f"notify {self.receiver.name}"
            self._thread = threading.Thread(target=self._run, name=name)
            self._thread.start()
        self._wake.set()

    def finish(self) -> None:
        """Send what is due, and no more after that."""
        self._once = True
        self.wake()

    def stop(self) -> None:
        """Send no more; what is being sent is sent."""
        self._ended = True
        self._wake.set()

    def join(self) -> None:
        """Wait for the thread's end."""
        if self._thread is not None:
            self._thread.join()
        if self._notifier is not None:
            self._notifier.close()

    def _run(self) -> None:
        while not self._ended:
            self._wake.clear()
            once = self._once
            try:
                seconds = self.step()
            except Exception as e:  # A notifier of somebody else may raise anything.
                self._trouble(e)
                seconds = _IDLE
            if seconds <= 0:
                continue
            if once:
                return
            self._wake.wait(min(seconds, _IDLE))

    def step(self) -> float:
        """Send once, if anything is due; seconds until there may be more."""
        self._tidy()
        now = moment()
        if self._paused_until > now:
            return (self._paused_until - now).total_seconds()
        with self._ledger.lock:
            self._ledger.sync()
            due = self._due(now)
        if not due.entries:
            return due.seconds
        claim = self._claim(due)
        if claim is not None and claim.entries:
            self._send(claim)
        return 0.0

    # What is due ------------------------------------------------------------------------------

    def _due(self, now: datetime) -> _Due:
        mine = [e for e in self._ledger.waiting.values() if e.notifier == self.receiver.name]
        due = [e for e in mine if _is_due(e, now)]
        later = [(_due_at(e) - now).total_seconds() for e in mine if e not in due]
        seconds = max(_SOON, min(later, default=_IDLE))
        if not due:
            return _Due([], seconds)
        room, wait = self._room(now)
        if not room:
            return _Due([], max(_SOON, wait))
        due.sort(key=lambda e: (e.next_try or e.since, e.about))
        fresh = [e for e in due if e.attempt == 0 and e.what != SUMMARY]
        # The last message that may be sent for now sums up all that wait.
        if self.receiver.kind.sums and room == 1 and len(fresh) == len(due) > 1:
            return _Due(due, seconds, in_one=True)
        return _Due(due[: min(self.receiver.kind.at_once, room)], seconds)

    def _room(self, now: datetime) -> tuple[int, float]:
        """How many messages may be sent now; if none, seconds until one may."""
        if self.receiver.rate is None:
            return 1 << 30, 0.0
        count, span = self.receiver.rate
        edge = now - timedelta(seconds=span)
        recent = sorted(t for t in self._ledger.sent[self.receiver.name] if t > edge)
        if len(recent) < count:
            return count - len(recent), 0.0
        return 0, (recent[-count] - edge).total_seconds()

    # Claim, send, record ----------------------------------------------------------------------

    def _claim(self, due: _Due) -> _Claim | None:
        """Write that some are being sent; None: somebody else was quicker."""
        written = list(due.entries)
        chosen, parts = written, []
        if due.in_one:
            summary = self._summary(written)
            parts = [_done(e, SUMMED, part_of=summary.about) for e in written]
            chosen = [summary]
        until = moment() + timedelta(seconds=3 * self.receiver.timeout + _GRACE)
        sending, messages, refused = [], [], []
        for entry in chosen:
            made = compose(self._store, self._ledger, self._tables, entry, parts)
            problem = made if isinstance(made, str) else self._made().refused(made)
            if isinstance(made, str) or problem is not None:
                refused.append(_done(entry, SKIPPED, problem))
                continue
            messages.append(made)
            claimed = replace(entry, state=SENDING, next_try=until, worker=worker.this())
            sending.append(replace(claimed, attempt=entry.attempt + 1))
        with self._ledger.lock:
            self._ledger.sync()
            if any(self._ledger.waiting.get(e.key) != e for e in written):
                return None
            try:
                self._ledger.commit([*parts, *sending, *refused])
            except Conflict:
                return None
        return _Claim(sending, messages)

    def _summary(self, parts: Sequence[Entry]) -> Entry:
        return Entry(
            notifier=self.receiver.name,
            about=self._store.take_ids(1),
            about_table=None,
            alert_id=None,
            what=SUMMARY,
            state=PLANNED,
            since=moment(),
            worker=worker.this(),
            event_count=sum(e.event_count for e in parts),
        )

    def _send(self, claim: _Claim) -> None:
        try:
            self._made().send(claim.messages)
        except NotSent as e:
            self._failed(claim, e.message, e.after)
        except SiemstressError as e:
            self._failed(claim, e.message, None)
        except Exception as e:  # A notifier of somebody else may raise anything.
            self._failed(claim, f"{type(e).__name__}: {e}", None)
        else:
            if self._failures > 1:
                self._say(f"notify {self.receiver.name}: works again")
            self._failures = 0
            self._record([_done(e, SENT) for e in claim.entries])

    def _failed(self, claim: _Claim, problem: str, after: float | None) -> None:
        problem = one_line(problem, _LONGEST_ERROR)
        self._failures += 1
        self.failed = True
        now = moment()
        pause = max(_pause(self._failures), min(after or 0.0, 4 * _LONGEST))
        self._paused_until = now + timedelta(seconds=pause)
        entries = []
        for entry in claim.entries:
            over = entry.attempt > self.receiver.retries or now - entry.since > _LONGEST_TRIED
            wait = max(pause, _pause(entry.attempt))
            due = None if over else now + timedelta(seconds=wait)
            entries.append(_done(entry, GIVEN_UP if over else FAILED, problem, due))
        self._record(entries)
        given_up = sum(e.state == GIVEN_UP for e in entries)
        if given_up:
            told = f"given up after {entries[0].attempt} attempts: {problem}"
            self._say(f"notify {self.receiver.name}: {told}")
        elif self._failures == 1:
            self._say(f"notify {self.receiver.name}: {problem}; it is tried again")

    def _record(self, entries: Sequence[Entry]) -> None:
        """Write what became of claims: once the store works again, or never if told to stop."""
        pause = 0.25
        while True:
            try:
                return self._ledger.append(entries)
            except Failure as e:
                self._trouble(e)
                if self._ended or self._once:
                    return
                self._wake.wait(pause)
                pause = min(pause * 2, _IDLE)

    # Its surroundings --------------------------------------------------------------------------

    def _made(self) -> Notifier:
        if self._notifier is None:
            self._notifier = self.receiver.make()
        return self._notifier

    def _tidy(self) -> None:
        now = moment()
        if (now - self._tidied).total_seconds() < _TIDY:
            return
        self._tidied = now
        try:
            self._made().tidy()
        except SiemstressError as e:
            self._say(f"notify {self.receiver.name}: {one_line(e.message, _LONGEST_ERROR)}")

    def _trouble(self, error: Exception) -> None:
        self.failed = True
        text = one_line(str(error) or type(error).__name__, _LONGEST_ERROR)
        if text != self._told:
            self._told = text
            self._say(f"notify {self.receiver.name}: {text}")


def _is_due(entry: Entry, now: datetime) -> bool:
    return _due_at(entry) <= now or (entry.state == SENDING and worker.is_dead(entry.worker))


def _due_at(entry: Entry) -> datetime:
    """When it is ours to send: what another has planned is left to it, if that is not too long."""
    due = entry.next_try or entry.since
    if entry.state == SENDING or entry.worker == worker.this() or worker.is_dead(entry.worker):
        return due
    return due + _OTHERS


def _done(
    entry: Entry,
    state: str,
    error: str | None = None,
    due: datetime | None = None,
    part_of: int | None = None,
) -> Entry:
    return replace(entry, state=state, error=error, next_try=due, part_of=part_of)


def _pause(failures: int) -> float:
    """Seconds until the next attempt after so many that failed."""
    usual = min(_FIRST * 2.0 ** min(failures - 1, 20), _LONGEST)
    return usual * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
