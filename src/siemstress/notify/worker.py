"""Who is sending: a process, such that others can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def _place() -> str:
    """The machine and the namespace within which process ids mean the same."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}"


def this() -> str:
    """This process."""
    pid = os.getpid()
    return f"{_place()} {pid} {_started(pid)}"


def is_dead(worker: str | None) -> bool:
    """Whether a process is known not to run any more; false where that cannot be told from here."""
    place, _, rest = (worker or "").rpartition(" ")
    place, _, pid = place.rpartition(" ")
    if place != _place() or not pid.isdecimal() or not rest:
        return False
    return _started(int(pid)) != rest


def _started(pid: int) -> str:
    """When a process was started, in the kernel's count; empty without such a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    # The second field is the name in parentheses, which may hold anything; the 22nd is wanted.
    return text.rpartition(")")[2].split()[19]
