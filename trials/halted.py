"""A collector that stands still, as under SIGSTOP or on a machine that is paused."""

from __future__ import annotations

import signal
import socket
import threading
import time

from siemstress.store.base import Store
from trials.lines import numbered
from trials.place import TABLE, Place, append, connected, free_port, until
from trials.report import Tally

# More than the kernel keeps of them meanwhile.
_DATAGRAMS = 250_000
_LINES = 2000
"""By the file and by TCP, a second."""


def halted(place: Place, seconds: int) -> Tally:
    """SIGSTOP for so long, while lines come by a file, by TCP, and by UDP more than can wait.

    The file waits, TCP makes its sender wait; of UDP the drops that are reported are lost.
    """
    path, port, datagrams = place.folder / "a.log", free_port(), free_port(socket.SOCK_DGRAM)
    path.touch()
    process = place.start(
        "-q", "--follow", path,
        "--listen", f"tcp://127.0.0.1:{port}", f"udp://127.0.0.1:{datagrams}",
    )  # fmt: skip
    peer = connected(port, process)
    lines = _LINES * seconds
    # A sender that has to wait, so in a thread.
    sender = threading.Thread(target=peer.sendall, args=(numbered("tcp", 0, 10 * lines),))
    process.send_signal(signal.SIGSTOP)
    try:
        sender.start()
        ends = time.monotonic() + seconds
        steps = 20
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for step in range(steps):
                append(path, numbered("file", step * lines // steps, lines // steps))
                some = _DATAGRAMS // steps
                for line in numbered("udp", step * some, some).split(b"\n")[:-1]:
                    udp.sendto(line, ("127.0.0.1", datagrams))
                time.sleep(max(0.0, ends - time.monotonic()) / (steps - step))
    finally:
        process.send_signal(signal.SIGCONT)
    sender.join()
    peer.close()
    place.wait_for(lines * 11, process)
    until(lambda: _all_there(place, lines * 11), "datagrams are neither stored nor reported")
    place.stop(process)
    sent = {"file": lines, "tcp": 10 * lines, "udp": _DATAGRAMS}
    with place.store() as store:
        reported = _drops(store)
    return place.tally(sent, reported=reported, note=f"stood still for {seconds} s")


def _all_there(place: Place, others: int) -> bool:
    with place.store() as store:
        status = store.status(TABLE)
        return status is not None and status.rows + _drops(store) >= others + _DATAGRAMS


def _drops(store: Store) -> int:
    """What `siemmanage status` says that the kernel has dropped."""
    status = store.status(TABLE)
    positions = status.consumers.items() if status else ()
    return sum(position for name, position in positions if name.startswith("drops:"))
