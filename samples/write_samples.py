"""Write the sample logs anew: `python samples/write_samples.py [FOLDER]`.

The same lines come out every time. Sizes are kept small enough to be part of the repository.
"""

from __future__ import annotations

import gzip
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

from intrusion import hidden
from network import MONDAY, Week, ordinary_week

# Monday's and Tuesday's auth.log has been rotated away and packed.
ROTATED = MONDAY + timedelta(days=2)


def make_week(seed: int = 2026) -> dict[str, str]:
    """The whole text of each log, by file name."""
    week = Week(random.Random(seed))
    hidden(week)
    ordinary_week(week)
    texts = {name: _text(lines) for name, lines in week.lines.items() if name != "auth.log"}
    auth = week.lines["auth.log"]
    texts["auth.log.1.gz"] = _text([pair for pair in auth if pair[0] < ROTATED])
    texts["auth.log"] = _text([pair for pair in auth if pair[0] >= ROTATED])
    return texts


def _text(lines: list[tuple[datetime, str]]) -> str:
    ordered = sorted(lines, key=lambda pair: pair[0])
    return "".join(f"{line}\n" for _, line in ordered)


def write(folder: Path) -> None:
    """Write the logs into a folder that exists."""
    for name, text in make_week().items():
        data = text.encode()
        if name.endswith(".gz"):
            data = gzip.compress(data, mtime=0)
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "logs")
