"""`kill -9` at any moment: of what follows files, of what listens, and of what merges files."""

from __future__ import annotations

import contextlib
import socket
import time
from random import Random

from trials.lines import numbered
from trials.place import PATIENCE, Place, Trouble, append, connected, free_port
from trials.report import Tally
from trials.rotation import RotatedLog

# A process lives for so long, in seconds: from before it has read its config to some commits.
_SHORTEST, _LONGEST = 0.05, 1.6
# Every third one lives until it has stored something, whatever else the machine does.
_STORES = 3
# At every so many kills small files are merged.
_MERGED = 25


class Life:
    """How long a process may live: its `over` is true from a random moment on."""

    def __init__(self, place: Place, random: Random, number: int) -> None:
        self._place = place
        self._random = random
        self._had = place.count() if number % _STORES == 0 else -1
        self._until = time.monotonic() + random.uniform(_SHORTEST, _LONGEST)
        self._deadline = time.monotonic() + PATIENCE

    @property
    def over(self) -> bool:
        """Whether it is time."""
        now = time.monotonic()
        if now < self._until:
            return False
        if self._place.count() > self._had:
            return True
        if now > self._deadline:
            raise Trouble("nothing more is stored")
        # It is stored at some moment until then, not just before it.
        self._until = now + self._random.uniform(0, 0.5)
        return False


def kill_follower(place: Place, kills: int) -> Tally:
    """A log is written and rotated, while what follows it is killed and started again.

    Its first line is stored in peace. A log that nothing was ever stored of is new to the one
    that follows it, and what was put aside before is not wanted.
    """
    random = Random(1)
    log = RotatedLog(place, "a.log", "file", seed=2)
    log.write(1)
    process = place.start("-q", "--follow", log.path)
    place.wait_for(1, process)
    place.kill(process)
    rotate_at = 0.0
    for number in range(kills):
        process = place.start("-q", "--follow", log.path)
        life = Life(place, random, number)
        while not life.over:
            log.write(random.randrange(100))
            if (now := time.monotonic()) > rotate_at:
                log.rotate()
                rotate_at = now + random.uniform(0.4, 0.8)
            place.check(process)
            time.sleep(0.02)
        if number % _MERGED == 0:
            place.run("compact")
        place.kill(process)
    process = place.start("-q", "--follow", log.path)
    place.wait_for(log.written, process)
    place.stop(process)
    note = f"{kills} kills, {log.rotations} rotations"
    return place.tally({log.kind: log.written}, note=note)


class Peer:
    """Sends numbered lines by TCP, and again what was not stored when its connection broke.

    Syslog by TCP has no receipts (RFC 6587): what was under way at a kill is lost, and only the
    store knows what was not. So the peer asks the store where it has got to, and goes on there.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.at = self.sent = self.again = 0
        self._socket: socket.socket | None = None

    def connect(self, connection: socket.socket, stored: int) -> None:
        """Go on behind what is stored, on a new connection."""
        self._socket = connection
        self.again += self.sent - stored
        self.at = stored

    def send(self, count: int) -> None:
        """Send so many lines; nothing where nobody takes them any more."""
        assert self._socket is not None
        with contextlib.suppress(OSError):
            self._socket.sendall(numbered(self.kind, self.at, count))
        self.at += count
        self.sent = max(self.sent, self.at)

    def close(self) -> None:
        """Let the connection go."""
        if self._socket is not None:
            self._socket.close()


def kill_listener(place: Place, kills: int) -> Tally:
    """Three peers send by TCP, while what listens is killed; they send again what was not stored.

    Stored of each peer must be all from its first line on to some line, or something is missing
    that no peer would send again: that shows as lost. What is sent again was not stored, or it
    shows as double.
    """
    random = Random(3)
    peers = [Peer(kind) for kind in ("one", "two", "three")]
    stored: dict[str, int] = {}
    since = 0
    for number in range(kills + 1):
        port = free_port()
        process = place.start("-q", "--listen", f"tcp://127.0.0.1:{port}")
        if number % 10 == 9 and number < kills:
            # Before anybody has connected.
            time.sleep(random.uniform(_SHORTEST, _LONGEST))
            place.kill(process)
            continue
        newer, since = place.newest(since)
        stored |= newer
        for peer in peers:
            peer.connect(connected(port, process), stored.get(peer.kind, 0))
        if number == kills:
            break
        life = Life(place, random, number)
        while not life.over:
            for peer in peers:
                peer.send(random.randrange(60))
            place.check(process)
            time.sleep(0.01)
        if number % _MERGED == 0:
            place.run("compact")
        place.kill(process)
        for peer in peers:
            peer.close()
    for peer in peers:
        peer.send(peer.sent + 100 - peer.at)
        peer.close()
    place.wait_for(sum(peer.sent for peer in peers), process)
    place.stop(process)
    note = f"{kills} kills, {sum(peer.again for peer in peers):,} lines sent again"
    return place.tally({peer.kind: peer.sent for peer in peers}, note=note)


def kill_compactor(place: Place, kills: int) -> Tally:
    """A log is followed in small commits, while what merges their files is killed."""
    random = Random(4)
    place.configure(flush=0.2)
    path = place.folder / "a.log"
    path.touch()
    written = in_time = 0
    span = 0.0
    follower = place.start("-q", "--follow", path)
    for number in range(kills):
        began = time.monotonic()
        compactor = place.start("compact", program="siemmanage")
        # Now and then one may end by itself, which tells how long it takes by now.
        whole = number % _MERGED == 0
        kill_at = began + random.uniform(0.1, 1.1) * span
        while (whole or time.monotonic() < kill_at) and compactor.poll() is None:
            count = random.randrange(100)
            append(path, numbered("file", written, count))
            written += count
            place.check(follower)
            time.sleep(0.02)
        if whole:
            span = time.monotonic() - began
        in_time += compactor.poll() is None
        # It is no collector: what memory it takes is not looked at.
        compactor.kill()
        compactor.wait()
    place.wait_for(written, follower)
    place.stop(follower)
    place.run("compact")
    note = f"{in_time} of {kills} kills before its end"
    return place.tally({"file": written}, note=note)
