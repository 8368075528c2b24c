"""How fast each format is read: lines made of its samples, through a parser, in one thread.

Large files are parsed by two processes, so that the target on two cores is half of it here.
"""

from __future__ import annotations

import re
import sys
import time
from random import Random

import numpy as np

from report import Report
from siemstress.formats.base import Format, formats
from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.sources.lines import PADDING, Lines, split

TARGET = 50_000
"""Lines a second of one thread: no format below 100,000 on two cores."""

_NUMBER = re.compile(r"\d+")
# As much as a chunk of a file.
_SIZE = 4_000_000
_REFERENCE = 1_514_764_800_000_000
# Digits in stamps and heads stay as they are, or lines would be of no format.
_KEPT = 40


def measure(report: Report, only: str = "") -> None:
    """Print a figure for each format whose lines stand alone."""
    report.heading("Formats, one thread, CPU time")
    for name, known in sorted(formats().items()):
        if known.unpack is None and only in name:
            report.rate(name, rate(known), cpu=None, at_least=TARGET)


def rate(known: Format, seconds: float = 0.5) -> float:
    """Lines a second."""
    lines, count = _lines(known)
    parser = LineParser(known.name)
    clock = Clock(_REFERENCE, 0)
    parser.parse(lines, clock, "/log", 1)
    times = 0
    before = time.process_time()
    while time.process_time() - before < seconds or not times:
        parser.parse(lines, clock, "/log", 1)
        times += 1
    return times * count / (time.process_time() - before)


def _lines(known: Format) -> tuple[Lines, int]:
    """Lines made of the samples in turn, with other numbers in them."""
    random = Random(1)
    samples = [sample.line for sample in known.samples if "\n" not in sample.line]
    made: list[str] = []
    size = 0
    while size < _SIZE:
        line = samples[len(made) % len(samples)]
        made.append(line[:_KEPT] + _NUMBER.sub(lambda m: _other(m[0], random), line[_KEPT:]))
        size += len(made[-1]) + 1
    data = np.frombuffer("".join(f"{line}\n" for line in made).encode(), np.uint8)
    buffer = np.concatenate([data, np.zeros(PADDING, np.uint8)])
    return split(buffer, len(data)), len(made)


def _other(digits: str, random: Random) -> str:
    """A number as long, which differs in its last digits if it is a port or the like."""
    if len(digits) < 4 or len(digits) > 5:
        return digits
    return digits[:2] + str(random.randrange(10 ** (len(digits) - 2))).zfill(len(digits) - 2)


def main() -> None:
    """Print all figures, or those of formats whose names hold a word."""
    for name, known in sorted(formats().items()):
        if known.unpack is None and any(w in name for w in sys.argv[1:] or [""]):
            print(f"{name:20} {rate(known):12,.0f} lines/s", flush=True)


if __name__ == "__main__":
    main()
