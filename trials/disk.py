"""The disk is full, and has room again."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from random import Random

from trials.lines import numbered
from trials.place import Place, append, connected, free_port
from trials.report import Skipped, Tally

_SIZE = 48 << 20


def disk_full(place: Place, times: int) -> Tally:
    """A lake on a small disk that fills up, while lines come by a file and by TCP.

    So many bytes are left that it is now the data, now the log, now nothing that fits.
    """
    disk = place.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        raise Skipped("only root can mount a small disk")
    try:
        place.configure(lake="disk/lake")
        return _fill(place, times)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _fill(place: Place, times: int) -> Tally:
    path, port, random = place.folder / "a.log", free_port(), Random(6)
    path.touch()
    process = place.start("-q", "--follow", path, "--listen", f"tcp://127.0.0.1:{port}")
    peer = connected(port, process)
    sent = 0
    for _ in range(times):
        # Before anything has worked, siemparse takes a full disk for a mistake in the config.
        append(path, numbered("file", sent, 1))
        peer.sendall(numbered("tcp", sent, 1))
        sent += 1
        place.wait_for(2 * sent, process)
        filler = place.folder / "disk" / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(1 << 16)):
                pass
        os.truncate(filler, max(0, filler.stat().st_size - random.choice((0, 1, 2, 8, 60)) * 4096))
        count = random.randrange(1, 5000)
        append(path, numbered("file", sent, count))
        peer.sendall(numbered("tcp", sent, count))
        sent += count
        time.sleep(random.uniform(0.5, 3))
        place.check(process)
        filler.unlink()
    peer.close()
    place.wait_for(2 * sent, process)
    place.stop(process)
    waited = place.said.read_text().count("waiting since")
    return place.tally({"file": sent, "tcp": sent}, note=f"{times} times full, {waited} waits")
