"""What rotations have put aside is read in its order, also while they rename it."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import threading
import time
from pathlib import Path

from siemstress.sources.files import place_name
from siemstress.sources.follow import Follower
from siemstress.sources.pieces import Piece

FILES = 12


def _shift(folder: Path, done: threading.Event) -> None:
    """Move each packed file to the next number, as a rotation would, and back, over and over."""
    numbers = range(2, 2 + FILES)
    while not done.is_set():
        for n in reversed(numbers):
            os.rename(folder / f"a.log.{n}.gz", folder / f"a.log.{n + 1}.gz")
        # There is a moment of peace, as there is between rotations.
        done.wait(0.03)
        for n in numbers:
            os.rename(folder / f"a.log.{n + 1}.gz", folder / f"a.log.{n}.gz")
        done.wait(0.03)


def test_packed_files_that_are_renamed_meanwhile(tmp_path: Path) -> None:
    # Of the place something was stored, so that all that is aside is wanted.
    log = tmp_path / "a.log"
    log.write_bytes(b"first\n")
    follower = Follower([str(log)], lambda _: None, lambda: ())
    (piece,) = follower.gather(1 << 20)
    stored = dict(piece.moves)
    follower.finish()
    for n in range(FILES):
        packed = tmp_path / f"a.log.{FILES + 1 - n}.gz"
        packed.write_bytes(gzip.compress(b"line %d\n" % n))
        os.utime(packed, (1_700_000_000 + n, 1_700_000_000 + n))
    log.write_bytes(b"last\n")
    done = threading.Event()
    shifting = threading.Thread(target=_shift, args=(tmp_path, done))
    shifting.start()
    try:
        for _ in range(40):
            follower = Follower([str(log)], stored.get, stored.keys)
            lines = []
            for _ in range(3 * FILES):
                lines += [piece.data for piece in follower.gather(1 << 20)]
                if len(lines) > FILES:
                    break
            follower.finish()
            assert lines == [*(b"line %d\n" % n for n in range(FILES)), b"last\n"]
    finally:
        done.set()
        shifting.join()


def test_what_was_packed_while_nobody_looked_is_read_first(tmp_path: Path) -> None:
    """Rotations between two looks: what was packed is older than the rest, but not settled."""
    log = tmp_path / "a.log"
    log.write_bytes(b"first\n")
    follower = Follower([str(log)], lambda _: None, lambda: ())
    lines = [piece.data for piece in follower.gather(1 << 20)]
    log.unlink()
    (tmp_path / "a.log.2.gz").write_bytes(gzip.compress(b"second\n"))
    (tmp_path / "a.log.1").write_bytes(b"third\n")
    log.write_bytes(b"fourth\n")
    deadline = time.monotonic() + 60
    while len(lines) < 4 and time.monotonic() < deadline:
        lines += [piece.data for piece in follower.gather(1 << 20)]
        time.sleep(0.05)
    follower.finish()
    assert lines == [b"first\n", b"second\n", b"third\n", b"fourth\n"]


def test_a_file_that_is_cut_while_it_is_named(tmp_path: Path) -> None:
    """What is written in its place has another name; what it had is in the copy."""
    log, copy = tmp_path / "a.log", tmp_path / "a.log.1"
    log.write_bytes(b"old\nold too\n")

    def position(_consumer: str) -> None:
        # It is asked for once the file has its names, by its first line.
        if not copy.exists():
            shutil.copyfile(log, copy)
            log.write_bytes(b"new\n")

    follower = Follower([str(log)], position, lambda: [f"{place_name(str(log))}mark"])
    pieces: list[Piece] = []
    deadline = time.monotonic() + 60
    while len(pieces) < 2 and time.monotonic() < deadline:
        pieces += follower.gather(1 << 20)
    follower.finish()
    assert [piece.data for piece in pieces] == [b"old\nold too\n", b"new\n"]
    marks = [{name.rpartition(":")[2] for name in piece.moves} for piece in pieces]
    assert marks == [{hashlib.sha256(first).hexdigest()[:16]} for first in (b"old\n", b"new\n")]


def test_a_file_that_is_filled_and_cut_between_two_looks(tmp_path: Path) -> None:
    """The copy has been there for less than what is put aside is looked for; it is older."""
    log = tmp_path / "a.log"
    log.touch()
    follower = Follower([str(log)], lambda _: None, lambda: ())
    assert not follower.gather(1 << 20)
    (tmp_path / "a.log.1").write_bytes(b"old\n")
    log.write_bytes(b"new\n")
    lines = [piece.data for _ in range(3) for piece in follower.gather(1 << 20)]
    follower.finish()
    assert lines == [b"old\n", b"new\n"]
