"""Messages that come as datagrams, and those that the kernel had to drop.

A message ends with its datagram (RFC 5426, section 3.1); line feeds within make lines of it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence

from siemstress.sources.listen.address import Address, bind, peer_name

# So much is asked for to hold datagrams until they are read, in bytes; the kernel may give less.
RECEIVE_BUFFER = 32 << 20
# How many are read at once at the most, and how large one may be.
_AT_ONCE = 4000
_LARGEST = 65_536
# socket(7): SO_RCVBUFFORCE, and SO_MEMINFO with the number of drops as its ninth number
# (include/uapi/linux/sock_diag.h).
_RCVBUFFORCE, _MEMINFO, _DROPS = 33, 55, 8


class DatagramSocket:
    """A socket that datagrams come to."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.socket = bind(address)
        self._peers: dict[object, str] = {}
        self._dropped = 0
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

    def read(self) -> tuple[Sequence[tuple[str, bytes]], bool]:
        """Lines by peer, in the order in which each sent them; and whether there may be more."""
        receive = self.socket.recvfrom
        by_peer: dict[object, list[bytes]] = {}
        more = True
        for _ in range(_AT_ONCE):
            try:
                data, peer = receive(_LARGEST)
            except BlockingIOError:
                more = False
                break
            except OSError:
                # What a peer's host answers to something else, say.
                continue
            if data:
                host = peer[0] if isinstance(peer, tuple) else None
                by_peer.setdefault(host, []).append(data)
        found = [(self._name(peer), _lines(some)) for peer, some in by_peer.items()]
        return [(name, lines) for name, lines in found if lines], more

    def newly_dropped(self) -> int:
        """How many datagrams the kernel has dropped since this was last asked."""
        try:
            numbers = self.socket.getsockopt(socket.SOL_SOCKET, _MEMINFO, 64)
            total = struct.unpack_from("=I", numbers, 4 * _DROPS)[0]
        except (OSError, struct.error):
            return 0
        # The kernel's number begins anew behind 32 bits.
        new = (total - self._dropped) % 2**32
        self._dropped = total
        return int(new)

    def _name(self, host: object) -> str:
        if not isinstance(host, str):
            return str(self.address)
        if host not in self._peers:
            if len(self._peers) > 10_000:
                self._peers.clear()  # Whoever forges addresses shall not fill the memory.
            self._peers[host] = peer_name(self.address.scheme, host)
        return self._peers[host]


def _lines(datagrams: Sequence[bytes]) -> bytes:
    """Datagrams to lines; NULs and line feeds at their ends are the sender's framing."""
    stripped = [data.rstrip(b"\n\0") for data in datagrams]
    lines = [data for data in stripped if data]
    return b"\n".join([*lines, b""]) if lines else b""
