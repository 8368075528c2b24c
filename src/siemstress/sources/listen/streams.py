"""Connections that messages come by: TCP, TLS (RFC 5425) and Unix streams."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from siemstress.errors import InputError
from siemstress.sources.listen.address import Address, bind, peer_name
from siemstress.sources.listen.framing import Framing

AT_ONCE = 1 << 18
"""How much is read of a connection at once, in bytes."""

_BACKLOG = 1024


class Wants(Enum):
    """What a connection waits for."""

    READ = 1
    WRITE = 2
    NOTHING = 0
    """It is closed."""


class StreamSocket:
    """A socket that connections come to."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None) -> None:
        self.address = address
        self.socket = bind(address)
        self.tls = tls if address.scheme == "tls" else None
        try:
            self.socket.listen(_BACKLOG)
        except OSError as e:
            self.socket.close()
            raise InputError(f"cannot listen: {e.strerror}", file=str(address)) from e

    def accept(self, longest: int) -> Connection | None:
        """The next connection; None where there is none, or it has gone already."""
        try:
            connected, peer = self.socket.accept()
        except OSError:
            return None
        try:
            connected.setblocking(False)
            if self.address.path:
                name = str(self.address)
            else:
                name = peer_name(self.address.scheme, peer[0])
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self.tls is not None:
                connected = self.tls.wrap_socket(
                    connected, server_side=True, do_handshake_on_connect=False
                )
        except OSError:
            connected.close()
            return None
        return Connection(connected, name, longest)


class Connection:
    """One connection and its half line, of `half` bytes.

    `since` says when it was opened, `heard` when something last came; it is `silent` until
    something has, and `useful` once a whole line has.
    """

    def __init__(self, connected: socket.socket, name: str, longest: int) -> None:
        self.socket = connected
        self.name = name
        self.wants = Wants.READ
        self.since = self.heard = time.monotonic()
        self.silent = True
        self.useful = False
        self.more = False
        self.problem: str | None = None
        self._framing = Framing(longest)
        self._shaking = isinstance(connected, ssl.SSLSocket)

    def read(self) -> bytes:
        """Whole lines of what has come, and at the end the last one that lacks its end."""
        self.more = False
        try:
            if self._shaking and isinstance(self.socket, ssl.SSLSocket):
                self.socket.do_handshake()
                self._shaking = False
            data = self._receive()
        except (ssl.SSLWantReadError, BlockingIOError):
            self.wants = Wants.READ
            return b""
        except ssl.SSLWantWriteError:
            self.wants = Wants.WRITE
            return b""
        except OSError as e:
            if isinstance(e, ssl.SSLError) and self._shaking:
                self.problem = e.reason or "TLS failed"
            return self.close()
        self.wants = Wants.READ
        if not data:
            return self.close()
        self.heard = time.monotonic()
        self.silent = False
        lines = self._framing.add(data)
        self.useful = self.useful or bool(lines)
        return lines

    @property
    def half(self) -> int:
        """Bytes of a line whose end has not come."""
        return self._framing.kept

    def part(self) -> bytes:
        """What there is of a line whose end has not come, as a line."""
        return self._framing.part()

    def _receive(self) -> bytes:
        if not isinstance(self.socket, ssl.SSLSocket):
            data = self.socket.recv(AT_ONCE)
            self.more = len(data) == AT_ONCE
            return data
        # TLS gives a record of up to 16 kB at a time, and the next ones may have come already.
        parts = [self.socket.recv(AT_ONCE)]
        size = len(parts[0])
        while parts[-1] and size < AT_ONCE:
            try:
                parts.append(self.socket.recv(AT_ONCE))
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError:
                # What has come counts; the next read meets the same end.
                break
            size += len(parts[-1])
        self.more = size >= AT_ONCE
        return b"".join(parts)

    def close(self) -> bytes:
        """Close it; the last line, if it lacks its end."""
        self.wants = Wants.NOTHING
        self.more = False
        with contextlib.suppress(OSError):
            self.socket.close()
        rest = self._framing.rest()
        return rest if rest.endswith(b"\n") or not rest else rest + b"\n"


def tls_context(certificate: Path, key: Path | None, ca: Path | None) -> ssl.SSLContext:
    """A server's TLS: its certificate and key; with authorities every peer must prove itself.

    Raises:
        InputError: one of the files cannot be used.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A sender that never reads, as most do, and closes with a session ticket unread resets the
    # connection, which would throw away what it sent last.
    context.num_tickets = 0
    _load(certificate, lambda: context.load_cert_chain(certificate, key, password=lambda: b""))
    if ca is not None:
        _load(ca, lambda: context.load_verify_locations(ca))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load(file: Path, action: Callable[[], None]) -> None:
    try:
        action()
    except ssl.SSLError as e:
        raise InputError(f"cannot be used for TLS: {e.reason or 'not PEM'}", file=file) from e
    except OSError as e:
        raise InputError(e.strerror or str(e), file=e.filename or file) from e
