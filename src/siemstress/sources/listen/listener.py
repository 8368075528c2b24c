"""Listens on any number of addresses at once, and hands over what comes, by peer."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from siemstress.sources.listen.address import Address
from siemstress.sources.listen.datagrams import DatagramSocket
from siemstress.sources.listen.streams import Connection, StreamSocket, Wants
from siemstress.sources.pieces import Piece, Stream

# While lines wait for the store, datagrams are read on up to so many bytes.
_NOBODY_KEEPS_THEM = 32 << 20
_COUNT_DROPS_EVERY = 1.0
# What is read of each socket at a stop, at the most, in bytes.
_LAST = 16 << 20


@dataclass(frozen=True)
class Limits:
    """What peers may take.

    A line of more than `line` bytes comes in parts. More than `connections` wait until one ends.
    A connection is closed that has been silent for `idle` seconds, or has said nothing in its
    first `first` seconds.
    """

    line: int = 256 << 10
    connections: int = 4096
    idle: float = 3600.0
    first: float = 60.0


_LIMITS = Limits()
_STREAM_EVENTS = {Wants.READ: selectors.EVENT_READ, Wants.WRITE: selectors.EVENT_WRITE}


class Listener:
    """What comes to some addresses. `position` gives where the store has a consumer."""

    def __init__(
        self,
        addresses: Sequence[Address],
        position: Callable[[str], int | None],
        tls: ssl.SSLContext | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        """Bind all addresses.

        Raises:
            InputError: one cannot be bound.

        """
        self.more = False
        self._position = position
        self._limits = limits
        self._datagrams: list[DatagramSocket] = []
        self._streams: list[StreamSocket] = []
        self._connections: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._accepting = False
        self._drops: dict[str, tuple[Stream, int]] = {}
        self._count_drops_at = 0.0
        self._check_idle_at = 0.0
        self._notes: list[str] = []
        try:
            for address in addresses:
                self._bind(address, tls)
            self._accept_more(yes=True)
        except BaseException:
            self._close_all()
            raise

    def _bind(self, address: Address, tls: ssl.SSLContext | None) -> None:
        if address.is_datagram:
            bound = DatagramSocket(address)
            self._datagrams.append(bound)
            self._selector.register(bound.socket, selectors.EVENT_READ, bound)
        else:
            self._streams.append(StreamSocket(address, tls))

    def sockets(self) -> int:
        """What can be waited for: the number of a file that is readable when something came."""
        return self._selector.fileno()

    def gather(self, room: int) -> Sequence[Piece]:
        """What has come, about `room` bytes of it at most; datagrams somewhat beyond that."""
        self.more = False
        pieces: list[Piece] = []
        for connection in [c for c in self._connections.values() if c.more]:
            # TLS may hold what has come already, and the kernel says nothing of it.
            if room > 0 and (piece := self._read(connection)) is not None:
                pieces.append(piece)
                room -= len(piece.data)
        for key, _ in self._selector.select(0):
            if isinstance(key.data, DatagramSocket):
                if room > -_NOBODY_KEEPS_THEM:
                    pieces += self._read_datagrams(key.data)
            elif room > 0:
                if isinstance(key.data, StreamSocket):
                    self._accept(key.data)
                elif (piece := self._read(key.data)) is not None:
                    pieces.append(piece)
                    room -= len(piece.data)
        now = time.monotonic()
        if now >= self._count_drops_at:
            self._count_drops_at = now + _COUNT_DROPS_EVERY
            pieces += self._count_drops()
        if now >= self._check_idle_at:
            self._check_idle_at = now + min(1.0, self._limits.first / 4, self._limits.idle / 4)
            pieces += self._close_idle(now)
        return pieces

    def finish(self) -> Sequence[Piece]:
        """What has come so far, half lines as well; closes all."""
        pieces = [piece for bound in self._datagrams for piece in self._last_datagrams(bound)]
        for connection in list(self._connections.values()):
            size = 0
            while size < _LAST and (piece := self._read(connection)) is not None:
                pieces.append(piece)
                size += len(piece.data)
            if (rest := connection.close()) != b"":
                pieces.append(Piece(rest, connection.name))
        pieces += self._count_drops()
        self._close_all()
        return pieces

    def notes(self) -> Sequence[str]:
        """What the user should know, and has not been told yet."""
        notes, self._notes = self._notes, []
        return notes

    def _read_datagrams(self, bound: DatagramSocket) -> Iterator[Piece]:
        found, more = bound.read()
        self.more = self.more or more
        for name, lines in found:
            yield Piece(lines, name)

    def _last_datagrams(self, bound: DatagramSocket) -> Iterator[Piece]:
        size, self.more = 0, True
        while self.more and size < _LAST:
            self.more = False
            for piece in self._read_datagrams(bound):
                size += len(piece.data)
                yield piece

    def _accept_more(self, *, yes: bool) -> None:
        """Take connections, or let them wait."""
        if yes == self._accepting:
            return
        self._accepting = yes
        for bound in self._streams:
            if yes:
                self._selector.register(bound.socket, selectors.EVENT_READ, bound)
            else:
                self._selector.unregister(bound.socket)
        if not yes:
            self._notes.append(
                f"{self._limits.connections:,} connections are open; others wait until one ends"
            )

    def _accept(self, bound: StreamSocket) -> None:
        while len(self._connections) < self._limits.connections:
            connection = bound.accept(self._limits.line)
            if connection is None:
                return
            self._connections[connection.socket.fileno()] = connection
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._accept_more(yes=False)

    def _read(self, connection: Connection) -> Piece | None:
        if connection.wants is Wants.NOTHING:
            return None
        number = connection.socket.fileno()
        before = connection.wants
        data = connection.read()
        events = _STREAM_EVENTS.get(connection.wants)
        if events is None:
            self._forget(number, connection)
        elif connection.wants is not before:
            self._selector.modify(connection.socket, events, connection)
        self.more = self.more or connection.more
        return Piece(data, connection.name) if data else None

    def _forget(self, number: int, connection: Connection) -> None:
        """A connection is closed: make room for another."""
        if connection.problem is not None:
            self._notes.append(f"{connection.name}: no connection: {connection.problem}")
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(number)
        self._connections.pop(number, None)
        self._accept_more(yes=True)

    def _close_idle(self, now: float) -> Iterator[Piece]:
        for number, connection in list(self._connections.items()):
            limit = self._limits.first if connection.silent else self._limits.idle
            if now - connection.heard > limit:
                self._selector.unregister(connection.socket)
                rest = connection.close()
                self._forget(number, connection)
                if rest:
                    yield Piece(rest, connection.name)

    def _count_drops(self) -> Iterator[Piece]:
        """Note in the store how many datagrams the kernel has dropped, in all."""
        for bound in self._datagrams:
            new = bound.newly_dropped()
            if not new:
                continue
            self._notes.append(
                f"{bound.address}: the kernel dropped {new:,} datagrams; a larger "
                "net.core.rmem_max gives it more room"
            )
            consumer = f"drops:{socket.gethostname()}:{bound.address}"
            stream, total = self._drops.get(consumer, (None, 0))
            if stream is None or stream.broken:
                stored = self._position(consumer)
                stream, total = Stream({consumer: stored}), stored or 0
            total += new
            self._drops[consumer] = (stream, total)
            yield Piece(b"", None, 0, stream, {consumer: total})

    def _close_all(self) -> None:
        bound_sockets: list[DatagramSocket | StreamSocket] = [*self._datagrams, *self._streams]
        for bound in bound_sockets:
            bound.socket.close()
            if bound.address.path:
                with contextlib.suppress(OSError):
                    Path(os.fsdecode(bound.address.path)).unlink()
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._selector.close()


def shown_drops(consumer: str, position: int) -> str | None:
    """How many datagrams were dropped, in words; None for other consumers."""
    kind, _, rest = consumer.partition(":")
    if kind != "drops":
        return None
    host, _, address = rest.partition(":")
    return f"{address} on {host}: {position:,} datagrams dropped by the kernel"
