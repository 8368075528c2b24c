"""Very many connections at once, and very many lines by one of them."""

from __future__ import annotations

import resource
import socket
import time
from random import Random

from trials.lines import numbered
from trials.place import Place, connected, free_port
from trials.report import Tally

_EACH = 500
"""Lines by a connection."""
_RATE = 100_000
_BLOCK = 1000


def connections(place: Place, count: int) -> Tally:
    """So many peers send by TCP at once, each a bit at a time, cut anywhere.

    Half of them end lines by line feeds, the others count octets (RFC 6587).
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    place.configure(flush=2)
    port, random = free_port(), Random(7)
    process = place.start("-q", "--listen", f"tcp://127.0.0.1:{port}")
    peers: list[tuple[socket.socket, bytes]] = []
    for number in range(count):
        peer = connected(port, process)
        data = numbered("tcp", number * _EACH, _EACH)
        if number % 2:
            messages = [b"<86>" + line for line in data.split(b"\n")[:-1]]
            data = b"".join(b"%d %s" % (len(message), message) for message in messages)
        peers.append((peer, data))
    left = peers
    while left:
        random.shuffle(left)
        for number, (peer, data) in enumerate(left):
            size = random.randrange(1, 8000)
            peer.sendall(data[:size])
            left[number] = (peer, data[size:])
        left = [(peer, data) for peer, data in left if data]
        place.check(process)
    for peer, _ in peers:
        peer.close()
    place.wait_for(count * _EACH, process)
    place.stop(process)
    return place.tally({"tcp": count * _EACH}, note=f"{count:,} connections")


def sustained(place: Place, seconds: int) -> Tally:
    """100,000 lines a second by one connection, for so long."""
    place.configure(flush=2)
    port = free_port()
    process = place.start("-q", "--listen", f"tcp://127.0.0.1:{port}")
    peer = connected(port, process)
    total, sent = seconds * _RATE, 0
    began = time.monotonic()
    while sent < total:
        due = min(total, int((time.monotonic() - began) * _RATE))
        if due - sent >= _BLOCK or due == total:
            peer.sendall(numbered("tcp", sent, due - sent))
            sent = due
        else:
            time.sleep(0.002)
    peer.close()
    took = time.monotonic() - began
    place.wait_for(total, process)
    later = time.monotonic() - began - took
    place.stop(process)
    return place.tally(
        {"tcp": total},
        note=f"{total / took:,.0f} lines/s, the last one stored {later:.1f} s after it was sent",
    )
