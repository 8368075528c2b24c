"""Score what is made of the corpora: `python tests/scores.py [--wrong] [--only SCORE] [SET…]`.

Prints a table of every set, or of those that are named; with --wrong what is wrong, line by line.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from corpora import CORPORA, Mark
from corpora_more import SETS


def tally(marks: Iterable[Mark]) -> Mapping[str, tuple[int, int]]:
    """How many of each score are right, of how many."""
    found: dict[str, tuple[int, int]] = {}
    for mark in marks:
        right, count = found.get(mark.score, (0, 0))
        found[mark.score] = (right + mark.right, count + 1)
    return found


def _table(name: str, marks: Iterable[Mark]) -> None:
    rows = tally(marks)
    for score, (right, count) in rows.items():
        print(f"{name:15} {score:32} {right:6} of {count:6}  {right / count:7.2%}")
    right, count = (sum(row[i] for row in rows.values()) for i in (0, 1))
    print(f"{name:15} {'all':32} {right:6} of {count:6}  {right / max(count, 1):7.2%}\n")


def _wrong(marks: Iterable[Mark], only: str, width: int) -> None:
    for mark in marks:
        if not mark.right and mark.score.startswith(only):
            print(f"{mark.score}: want {mark.want!r}, got {mark.got!r}\n    {mark.line[:width]}")


def main() -> None:
    """Read the arguments, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--wrong", action="store_true", help="list what is wrong")
    parser.add_argument("--only", default="", help="of --wrong: scores that begin so")
    parser.add_argument("--width", type=int, default=240, help="of --wrong: bytes of a line")
    options = parser.parse_args()
    if not CORPORA.is_dir():
        parser.error(f"the corpora are not in {CORPORA}")
    for name in options.sets or SETS:
        marks = list(SETS[name]())
        if options.wrong:
            _wrong(marks, options.only, options.width)
        else:
            _table(name, marks)


if __name__ == "__main__":
    main()
