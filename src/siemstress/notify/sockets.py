"""Connections that take no longer than they may."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

from siemstress.notify.base import Options

_SERVER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]/@]+))(?::([0-9]{1,5}))?\Z")
Server = tuple[str, int]


def server_of(options: Options, key: str, port: int) -> Server:
    """The host and the port that a key names.

    Raises:
        ConfigError: it names none.

    """
    match = _SERVER.match(options.needed(key))
    number = int(match[3] or port) if match else 0
    if match is None or not 0 < number < 65536:
        raise options.keys.mistake(key, "must be HOST, HOST:PORT or [IPV6]:PORT")
    return match[1] or match[2], number


def connected(server: Server, timeout: float) -> socket.socket:
    """A connection to a server.

    Raises:
        OSError: there is none.

    """
    return socket.create_connection(server, timeout)


@contextlib.contextmanager
def limited(sock: socket.socket, seconds: float) -> Iterator[None]:
    """End a connection that takes longer in all, whatever is done with it meanwhile.

    Time limits of sockets are for each step: a server that sends a byte now and then keeps to
    them for ever.
    """
    # Of its own, as what is made of the socket meanwhile (TLS) owns the other number.
    own = sock.dup()

    def end() -> None:
        with contextlib.suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        own.close()
