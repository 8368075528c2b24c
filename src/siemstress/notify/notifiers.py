"""All that are told of alerts: what siemtrigger's loop has to do with them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from siemstress.errors import Conflict, Failure, StoreError
from siemstress.notify.ledger import (
    FAILED,
    GIVEN_UP,
    PLANNED,
    Entry,
    Ledger,
    entry_of,
    moment,
    newest,
)
from siemstress.notify.plan import plan
from siemstress.notify.sender import Sender
from siemstress.notify.settings import Receiver
from siemstress.rules.alert_states import in_texts
from siemstress.rules.tables import NOTIFIED
from siemstress.store.base import Scan, Store, rows

_ATTEMPTS = 50


class Notifiers:
    """The receivers of a config. `tables` are those that alerts go to; `say` is told of trouble.

    `close` must be called in the end.
    """

    def __init__(
        self,
        store: Store,
        receivers: Sequence[Receiver],
        tables: Sequence[str],
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._receivers = list(receivers)
        self._tables = list(dict.fromkeys(tables))
        self._say = say
        self._ledger = Ledger(store)
        self._told = ""
        self._senders = [
            Sender(store, self._ledger, receiver, self._tables, say) for receiver in receivers
        ]

    def watch(self, tables: Iterable[str]) -> None:
        """Alerts go to these tables, too."""
        self._tables += [table for table in dict.fromkeys(tables) if table not in self._tables]

    def look(self, *, save: bool = False) -> bool:
        """Plan what is to be told of new alerts, and let it be sent meanwhile; soon back.

        With `save` it is stored how far alerts were looked at, even if nothing is to be told.
        A store that cannot be used is told of; then the next look finds the same. Whether all
        went well.
        """
        if not self._receivers:
            return True
        try:
            self._plan(save=save)
        except Failure as e:
            if str(e) != self._told:
                self._told = str(e)
                self._say(f"notify: {e}")
            return False
        self._told = ""
        names = {entry.notifier for entry in list(self._ledger.waiting.values())}
        for sender in self._senders:
            if sender.receiver.name in names:
                sender.wake()
        return True

    def finish(self) -> bool:
        """Send what is due, once, and come back when that is done; whether nothing failed."""
        for sender in self._senders:
            sender.finish()
        self._join()
        return not any(sender.failed for sender in self._senders)

    def retry(self) -> int:
        """Make due again what has failed or was given up; how many messages that are."""
        names = {receiver.name for receiver in self._receivers}
        for _ in range(_ATTEMPTS):
            with self._ledger.lock:
                self._ledger.sync()
                now = moment()
                found = [
                    replace(e, state=PLANNED, since=now, next_try=now, attempt=0, error=None)
                    for e in _with_trouble(self._store)
                    if e.notifier in names
                ]
                try:
                    self._ledger.commit(found)
                except Conflict:
                    continue
                return len(found)
        raise StoreError(f"too many siemtriggers write to {NOTIFIED} at once")

    def close(self) -> None:
        """End; what is being sent is sent, all else is for the next start."""
        for sender in self._senders:
            sender.stop()
        self._join()

    def _plan(self, *, save: bool) -> None:
        for attempt in range(_ATTEMPTS):
            with self._ledger.lock:
                self._ledger.sync()
                entries, reached = plan(self._store, self._ledger, self._receivers, self._tables)
                try:
                    return self._ledger.commit(entries, reached, save=save)
                except Conflict:
                    pass
            time.sleep(random.uniform(0, 0.02 * min(attempt + 1, 10)))  # noqa: S311 - no secret
        raise StoreError(f"too many siemtriggers write to {NOTIFIED} at once")

    def _join(self) -> None:
        for sender in self._senders:
            sender.join()


def _with_trouble(store: Store) -> list[Entry]:
    if store.version(NOTIFIED) is None:
        return []
    query = newest().where(in_texts("state", [FAILED, GIVEN_UP]))
    return [entry_of(row) for row in rows(store.select(query, {"ledger": Scan(NOTIFIED)}))]
