"""Two followers of one file."""

from __future__ import annotations

import time

from trials.place import Place
from trials.report import Tally
from trials.rotation import RotatedLog

_RATE = 10_000


def two_followers(place: Place, seconds: int) -> Tally:
    """Two processes follow one log that is written and rotated; each line is stored once."""
    log = RotatedLog(place, "a.log", "file", seed=8)
    log.write(1)
    processes = [place.start("-q", "--follow", log.path) for _ in range(2)]
    place.wait_for(1, *processes)
    began = time.monotonic()
    rotate_at = 2.0
    while (gone := time.monotonic() - began) < seconds:
        log.write(min(2000, max(0, int(gone * _RATE) - log.written)))
        if gone > rotate_at:
            log.rotate()
            rotate_at += 2
        place.check(*processes)
        time.sleep(0.02)
    place.wait_for(log.written, *processes)
    place.stop(*processes)
    return place.tally({log.kind: log.written}, note=f"{log.rotations} rotations")
