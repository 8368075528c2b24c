"""Being the only one of several processes: a lock of the server's, that ends with a connection."""

from __future__ import annotations

import contextlib
import hashlib

from siemstress.config import Server
from siemstress.errors import StoreError
from siemstress.store.mariadb.connection import Connection


class ServerClaim:
    """A lock that a connection of its own holds; see `Store.claim`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def held(self) -> bool:
        """Whether the connection still stands."""
        return not self._connection.lost and self._connection.stands()

    def release(self) -> None:
        """Let others have it, at once: a server may see only later that a connection has ended."""
        if not self._connection.lost:
            with contextlib.suppress(StoreError):
                self._connection.execute("DO release_all_locks()")
        self._connection.close()


def claimed(server: Server, name: str) -> ServerClaim | None:
    """Claim a name; None: another process has it.

    Raises:
        Unavailable: the server cannot be reached.

    """
    # Names of locks are the whole server's.
    text = f"{server.database} claim {name}".lower()
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    connection = Connection(server)
    try:
        got = connection.value("SELECT get_lock(%s, 0)", (f"siemstress {digest}",)) == 1
    except BaseException:
        connection.close()
        raise
    if not got:
        connection.close()
        return None
    return ServerClaim(connection)
