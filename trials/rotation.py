"""A log that is written and rotated, and the trial that does so at full speed.

The log's writer rotates it itself, between two lines, so that every line is in a file: with
copytruncate, lines that others write between the copying and the truncating are in none, and
nobody could store them.
"""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from random import Random

from trials.lines import numbered
from trials.place import Place, append
from trials.report import Tally

WAYS = ("rename and create", "copy and truncate")
_RATE = 50_000
# A file that was put aside is packed at the next rotation; so many packed ones are kept.
_KEPT = 12


class RotatedLog:
    """A log that its writer rotates as logrotate would: to `.1`, then `.2.gz` and so on."""

    def __init__(self, place: Place, name: str, kind: str, seed: int) -> None:
        self.path = place.folder / name
        self.path.touch()
        self.kind = kind
        self.written = 0
        self.rotations = 0
        self._place = place
        self._random = Random(seed)
        self._upto: dict[int, int] = {}  # of packed files, by inode: the number behind the last
        self._since, self._stored = 0, 0

    def write(self, count: int) -> None:
        """Append so many lines, now and then with a pause within one."""
        data = numbered(self.kind, self.written, count)
        self.written += count
        cut = self._random.randrange(len(data) + 1) if data else 0
        append(self.path, data[:cut])
        append(self.path, data[cut:])

    def rotate(self) -> None:
        """Move the log aside in one of the ways there are, and pack what was aside before."""
        self.rotations += 1
        aside = self._numbered(1)
        if aside.exists():
            self._shift()
            status = aside.stat()
            packed = self._numbered(2, ".gz")
            packed.write_bytes(gzip.compress(aside.read_bytes(), 1))
            os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
            aside.unlink()
            self._upto[packed.stat().st_ino] = self._upto.pop(0, 0)
        if WAYS[self._random.randrange(2)] == WAYS[0]:
            self.path.rename(aside)
            self.path.touch()
        else:
            aside.write_bytes(self.path.read_bytes())
            os.truncate(self.path, 0)
        self._upto[0] = self.written

    def _shift(self) -> None:
        """Make room for `.2.gz`; the oldest goes once it is stored: else nobody has its lines."""
        number = 2
        while self._numbered(number, ".gz").exists():
            number += 1
        if number > _KEPT:
            oldest = self._numbered(number - 1, ".gz")
            upto = self._upto.get(oldest.stat().st_ino, self.written)
            if self._stored < upto:
                kinds, self._since = self._place.newest(self._since)
                self._stored = max(self._stored, kinds.get(self.kind, 0))
            if self._stored >= upto:
                self._upto.pop(oldest.stat().st_ino, None)
                oldest.unlink()
                number -= 1
        for n in range(number, 2, -1):
            self._numbered(n - 1, ".gz").rename(self._numbered(n, ".gz"))

    def _numbered(self, number: int, end: str = "") -> Path:
        return self.path.with_name(f"{self.path.name}.{number}{end}")


def rotation(place: Place, seconds: int) -> Tally:
    """50,000 lines a second into a log that is rotated every second or two."""
    place.configure(flush=2)
    log = RotatedLog(place, "a.log", "file", seed=1)
    # What was put aside of a log before anything of it was followed is not wanted.
    log.write(1)
    process = place.start("-q", "--follow", log.path)
    place.wait_for(1, process)
    began = time.monotonic()
    rotate_at, random = 1.0, Random(2)
    while (gone := time.monotonic() - began) < seconds:
        log.write(min(5000, max(0, int(gone * _RATE) - log.written)))
        if gone > rotate_at:
            log.rotate()
            rotate_at = gone + random.uniform(1, 2)
        place.check(process)
        time.sleep(0.01)
    rate = log.written / (time.monotonic() - began)
    place.wait_for(log.written, process)
    place.stop(process)
    note = f"{rate:,.0f} lines/s, {log.rotations} rotations"
    return place.tally({log.kind: log.written}, note=note)
