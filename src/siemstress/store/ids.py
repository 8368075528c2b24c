"""Numbers for events: unique among all writers of a lake, roughly in order of arrival.

An id has 31 bits of seconds since 2020, 10 bits of machine number and a 22 bit counter. Blocks of
ids are handed out from a small file under a lock, so that writers on one file system never get
the same ones, also where the clock steps back.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from siemstress.errors import StoreError
from siemstress.store.folder import failure

EPOCH = 1_577_836_800  # 2020-01-01T00:00:00Z
COUNTER_BITS = 22
MACHINE_BITS = 10
BLOCK = 1 << COUNTER_BITS
_SECONDS_MAX = (1 << 31) - 1
_STATE = re.compile(rb"(\d{1,10}) (\d{1,8})\n")


def take(path: Path, count: int, highest_known: Callable[[], int], machine: int = 0) -> int:
    """The first of `count` ids in a row, up to 2**22 of them, that no one else gets.

    `path` is the file of the last id given out. Where that is empty or damaged,
    `highest_known()` says which ids are in use.

    Raises:
        StoreError: the file cannot be written, or the clock is beyond 2087.

    """
    check(count)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as e:
        raise failure(e, path) from e
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        second, used = _last(os.pread(file, 64, 0), highest_known)
        second, used = following(second, used, count)
        os.pwrite(file, b"%010d %08d\n" % (second, used + count), 0)
    except OSError as e:
        raise failure(e, path) from e
    finally:
        os.close(file)
    return number(second, used, machine)


def check(count: int) -> None:
    """Raise ValueError unless so many ids can be taken at once."""
    if not 0 < count <= BLOCK:
        raise ValueError(f"count is {count}, not from 1 to {BLOCK}")


def following(second: int, used: int, count: int) -> tuple[int, int]:
    """Where the next `count` ids stand when `used` of `second` are: their second, those before.

    Raises:
        StoreError: the clock is beyond 2087.

    """
    now = max(1, int(time.time()) - EPOCH)
    if now > second:
        second, used = now, 0
    if used + count > BLOCK:
        second, used = second + 1, 0
    if second > _SECONDS_MAX:
        raise StoreError("ids end in 2087; set the clock right")
    return second, used


def number(second: int, used: int, machine: int = 0) -> int:
    """The id that has a second, and in it a count of ids before."""
    return (second << (COUNTER_BITS + MACHINE_BITS)) | (machine << COUNTER_BITS) | used


def after(highest: int) -> int:
    """The first second in which no id up to the highest one is; 0 without any id."""
    return (highest >> (COUNTER_BITS + MACHINE_BITS)) + 1 if highest else 0


def _last(state: bytes, highest_known: Callable[[], int]) -> tuple[int, int]:
    """The second of the last id given out, and how many of that second are used."""
    match = _STATE.match(state)
    if match and int(match[1]) <= _SECONDS_MAX and int(match[2]) <= BLOCK:
        return int(match[1]), int(match[2])
    return after(highest_known()), 0
