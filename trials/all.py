"""The trials there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trials.clock import clock_jumps
from trials.disk import disk_full
from trials.followers import two_followers
from trials.halted import halted
from trials.kills import kill_compactor, kill_follower, kill_listener
from trials.long_line import long_line
from trials.mutated import mutated
from trials.network import connections, sustained
from trials.place import Place
from trials.report import Tally
from trials.rotation import rotation
from trials.week import week

BOTH = ("lake", "mariadb")
LAKE = ("lake",)


@dataclass(frozen=True)
class Trial:
    """A trial: what makes it, its size as `make trials` has it and in short, and its stores.

    What the size counts is `unit`.
    """

    name: str
    run: Callable[[Place, int], Tally]
    long: int
    short: int
    unit: str
    stores: tuple[str, ...] = BOTH


TRIALS = (
    Trial("kill-follower", kill_follower, 500, 2, "kills"),
    Trial("kill-listener", kill_listener, 500, 2, "kills"),
    Trial("kill-compactor", kill_compactor, 500, 2, "kills", LAKE),
    Trial("rotation", rotation, 60, 3, "seconds"),
    Trial("two-followers", two_followers, 60, 2, "seconds"),
    Trial("disk-full", disk_full, 30, 1, "times", LAKE),
    Trial("clock-jumps", clock_jumps, 45, 2, "jumps"),
    Trial("halted", halted, 60, 2, "seconds"),
    Trial("connections", connections, 1000, 100, "connections"),
    Trial("long-line", long_line, 2048, 12, "MB", LAKE),
    Trial("mutated", mutated, 10_000, 5, "thousands of lines", LAKE),
    Trial("week", week, 6_000, 180, "commits", LAKE),
    Trial("sustained", sustained, 300, 2, "seconds"),
)
