"""Connections that are kept for the next use."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping

from siemstress.config import Server
from siemstress.errors import SiemstressError
from siemstress.store.mariadb.connection import ANSWER_SECONDS, Connection

# A connection that has rested for longer, in seconds, is asked whether it still stands.
_RESTED = 1.0


class Pool:
    """Connections to one server; any thread takes one and gives it back."""

    def __init__(
        self,
        server: Server,
        settings: Mapping[str, object],
        answer_seconds: float | None = ANSWER_SECONDS,
    ) -> None:
        self._server = server
        self._answer_seconds = answer_seconds
        self._settings = settings
        self._idle: list[tuple[Connection, float]] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection without a transaction; what is not committed at the end is forgotten.

        Raises:
            Unavailable: the server cannot be reached.
            StoreError: something else is wrong with the connection.

        """
        connection = self._take()
        try:
            yield connection
            connection.rollback()
        except SiemstressError:
            connection.rollback()
            raise
        except BaseException:
            # It may have been left in the middle of a conversation.
            connection.close()
            raise
        finally:
            if not connection.lost:
                with self._lock:
                    self._idle.append((connection, time.monotonic()))

    def _take(self) -> Connection:
        while True:
            with self._lock:
                if not self._idle:
                    break
                connection, since = self._idle.pop()
            if time.monotonic() - since < _RESTED or connection.stands():
                return connection
            connection.close()
        return Connection(
            self._server, settings=self._settings, answer_seconds=self._answer_seconds
        )

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()
