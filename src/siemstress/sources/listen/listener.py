"""Listens on any number of addresses at once, and hands over what comes, by peer."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from siemstress.config.sources import ListenLimits
from siemstress.sources.listen.address import Address
from siemstress.sources.listen.datagrams import DatagramSocket
from siemstress.sources.listen.streams import Connection, StreamSocket, Wants
from siemstress.sources.pieces import Piece, Stream

# While lines wait for the store, datagrams are read on up to so many bytes.
_NOBODY_KEEPS_THEM = 32 << 20
_COUNT_DROPS_EVERY = 1.0
# What is read of each socket at a stop, at the most, in bytes.
_LAST = 16 << 20


_LIMITS = ListenLimits()
# Half lines of all connections may take so many bytes; beyond that the longest comes in parts.
_HALVES = 64 << 20
# A connection that has said nothing yet makes way for another after so many seconds.
_MAKES_WAY = 1.0
# How many connections are taken at once at the most: who floods must not hold up the rest.
_TAKEN_AT_ONCE = 256
# The same is not said again for so long, in seconds, and so many different things in that time.
_SAID = 600.0
_MOST_SAID = 100
_STREAM_EVENTS = {Wants.READ: selectors.EVENT_READ, Wants.WRITE: selectors.EVENT_WRITE}


class Listener:
    """What comes to some addresses. `position` gives where the store has a consumer."""

    def __init__(
        self,
        addresses: Sequence[Address],
        position: Callable[[str], int | None],
        tls: ssl.SSLContext | None = None,
        limits: ListenLimits = _LIMITS,
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
        self._halves = 0
        self._ended: list[Piece] = []
        self._notes: list[str] = []
        self._said: dict[str, float] = {}
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
        pieces += self._shorten_halves()
        now = time.monotonic()
        if now >= self._count_drops_at:
            self._count_drops_at = now + _COUNT_DROPS_EVERY
            pieces += self._count_drops()
        if now >= self._check_idle_at:
            self._check_idle_at = now + min(1.0, self._limits.first / 4, self._limits.idle / 4)
            self._close_idle(now)
            self._accept_more(yes=self._has_room(now))
        ended, self._ended = self._ended, []
        return pieces + ended

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
        pieces += [*self._ended, *self._count_drops()]
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
            self._say(f"{self._limits.connections:,} connections are open; others wait for an end")

    def _accept(self, bound: StreamSocket) -> None:
        for _ in range(_TAKEN_AT_ONCE):
            if not self._has_room(time.monotonic()):
                self._accept_more(yes=False)
                return
            connection = bound.accept(self._limits.line)
            if connection is None:
                return
            self._make_way()
            self._connections[connection.socket.fileno()] = connection
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _has_room(self, now: float) -> bool:
        """Whether one more connection can be taken, if need be in the place of another."""
        if len(self._connections) < self._limits.connections:
            return True
        oldest = self._oldest_without_a_line()
        return oldest is not None and now - oldest.since > _MAKES_WAY

    def _make_way(self) -> None:
        """Close a connection by which no whole line has come yet, if too many are open."""
        if len(self._connections) < self._limits.connections:
            return
        if (oldest := self._oldest_without_a_line()) is not None:
            self._say(
                f"{self._limits.connections:,} connections are open; the oldest by which nothing "
                "came make way for others"
            )
            self._close(oldest)

    def _oldest_without_a_line(self) -> Connection | None:
        idle = (c for c in self._connections.values() if not c.useful)
        return min(idle, key=lambda connection: connection.since, default=None)

    def _read(self, connection: Connection) -> Piece | None:
        if connection.wants is Wants.NOTHING:
            return None
        number = connection.socket.fileno()
        before, half = connection.wants, connection.half
        data = connection.read()
        self._halves += connection.half - half
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
            self._say(f"{connection.name}: no connection: {connection.problem}")
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(number)
        self._connections.pop(number, None)
        self._accept_more(yes=True)

    def _close_idle(self, now: float) -> None:
        for connection in list(self._connections.values()):
            limit = self._limits.first if connection.silent else self._limits.idle
            if now - connection.heard > limit:
                self._close(connection)

    def _close(self, connection: Connection) -> None:
        """Close a connection; its half line comes with what is gathered."""
        number = connection.socket.fileno()
        self._selector.unregister(connection.socket)
        self._halves -= connection.half
        rest = connection.close()
        self._forget(number, connection)
        if rest:
            self._ended.append(Piece(rest, connection.name))

    def _shorten_halves(self) -> Iterator[Piece]:
        """Take what there is of the longest half lines, while all are more than may be kept."""
        if self._halves <= _HALVES:
            return
        for connection in sorted(self._connections.values(), key=lambda c: -c.half):
            if self._halves <= _HALVES // 2:
                return
            half = connection.half
            if data := connection.part():
                self._halves += connection.half - half
                yield Piece(data, connection.name)

    def _say(self, note: str) -> None:
        """Note something for the user, but not again and again."""
        now = time.monotonic()
        if note not in self._said and len(self._said) < _MOST_SAID:
            self._said[note] = now
            self._notes.append(note)
        elif self._said and now - next(iter(self._said.values())) > _SAID:
            self._said.clear()
            self._say(note)

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
