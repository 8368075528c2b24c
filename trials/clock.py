"""The wall clock jumps, forth and back, also over a year, while lines come."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from contextlib import closing
from pathlib import Path
from random import Random

from sqlglot import exp, parse_one

from siemstress.store.base import Scan, rows
from trials.lines import numbered
from trials.place import TABLE, Place, Trouble, append, connected, free_port
from trials.report import Skipped, Tally

_SOURCE = Path(__file__).with_name("shifted_clock.c")
_DAY = 86_400
# In seconds, beside the machine's own clock. Where it is behind 2020 ids have no time left.
_JUMPS = (3600, -3600, 400 * _DAY, -30 * _DAY, 1, -1, 0, -5 * 365 * _DAY, 20 * 365 * _DAY)

# Of each origin: how many ids there are, and how often a line has a higher id than the next one.
_ORDER = """
    SELECT count(*) - count(DISTINCT id) AS same,
           count(*) FILTER (WHERE n < before) AS back
    FROM (SELECT id, n, lag(n) OVER (PARTITION BY source_path ORDER BY id) AS before
          FROM (SELECT id, source_path,
                       try_cast(split_part(split_part(message, 'trial ', 2), ' ', 2) AS BIGINT) AS n
                FROM t) AS p) AS q"""


def clock_jumps(place: Place, jumps: int) -> Tally:
    """A file is followed and a peer sends by TCP; the process is started anew now and then.

    Ids must be different, and in the order in which the lines of each origin came.
    """
    library = _build(place.folder)
    shift = place.folder / "shift"
    shift.write_bytes(struct.pack("=q", 0))
    env = {"LD_PRELOAD": str(library), "TRIAL_CLOCK": str(shift)}
    path, random = place.folder / "a.log", Random(5)
    path.touch()
    sent = dict.fromkeys(("file", "tcp"), 0)
    for number in range(jumps):
        if number % 4 == 0:
            port = free_port()
            source = f"tcp://127.0.0.1:{port}"
            process = place.start("-q", "--follow", path, "--listen", source, env=env)
            peer = connected(port, process)
        with shift.open("r+b") as file:
            file.write(struct.pack("=q", _JUMPS[number % len(_JUMPS)]))
        until = time.monotonic() + 1
        while time.monotonic() < until:
            count = random.randrange(200)
            append(path, numbered("file", sent["file"], count))
            # The file's time is by the clock that jumps, too.
            os.utime(path, (time.time() + _JUMPS[number % len(_JUMPS)],) * 2)
            peer.sendall(numbered("tcp", sent["tcp"], count))
            sent = {kind: had + count for kind, had in sent.items()}
            place.check(process)
            time.sleep(0.02)
        if number % 4 == 3 or number == jumps - 1:
            peer.close()
            place.wait_for(sum(sent.values()), process)
            place.stop(process)
    same, back = _ids(place)
    if same or back:
        raise Trouble(f"{same} ids are there twice, {back} are out of order")
    return place.tally(sent, note=f"{jumps} jumps, ids in order")


def _build(folder: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        raise Skipped("a C compiler is needed to shift the clock: apt-get install gcc libc6-dev")
    library = folder / "shifted_clock.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


def _ids(place: Place) -> tuple[int, int]:
    query = parse_one(_ORDER, dialect="duckdb")
    assert isinstance(query, exp.Query)
    with place.store() as store, closing(store.select(query, {"t": Scan(TABLE)})) as reader:
        (row,) = rows(reader)
    return int(row["same"]), int(row["back"])
