"""How many events a second many rules together look at, beside one query of SQLite for each rule.

`python bench/many_rules.py KIND EVENTS [--rules FOLDER]` prints the figures of one kind as JSON; it
is a process of its own, so that its memory can be told. Without a folder, rules like Sigma's are
made.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from itertools import islice
from pathlib import Path

import polars as pl

import rule_events
import rules_sqlite
from measure import once
from report import Report
from siemstress.rules.sigma.condition import Condition
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma.values import Batch

KINDS = {
    "mixed": ("525 rules, mixed events", 525, 100_000),
    "process": ("1,559 rules, started processes", 1559, 50_000),
}
# So many rows, a batch as large as in use, are asked of SQLite, and of us.
_FOR_SQLITE = 50_000
_SMALL = 100


def measure(report: Report, events: int, folder: str | None) -> None:
    """Print the figures of all kinds."""
    report.heading("Rules")
    for kind, (title, _, at_least) in KINDS.items():
        chosen = ["--rules", folder] if folder else []
        run = once([sys.executable, Path(__file__), kind, str(events), *chosen])
        figures = json.loads(run.output)
        used = f" ({figures['rules']:,} used)" if folder else ""
        report.rate(title + used, figures["rate"], cpu=figures["cpu"], at_least=at_least)
        report.megabytes("    peak memory", figures["peak"], budget=1000)
        report.seconds(f"    a look at {_SMALL} new events", figures["small"], budget=0.02)
        report.ratio("    SQLite, a query a rule / ours", figures["sqlite"], at_least=30)


def main() -> None:
    """Measure one kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("events", type=int)
    parser.add_argument("--rules", type=Path, help="a folder of Sigma's rules")
    options = parser.parse_args()
    print(json.dumps(figures_of(options.kind, options.events, options.rules)))


def figures_of(kind: str, events: int, folder: Path | None) -> dict[str, float]:
    """Events a second (wall clock), CPU seconds, peak memory, and how much faster than SQLite."""
    conditions = _conditions(kind, folder)
    evaluator = Evaluator(conditions)
    some = rule_events.process_events if kind == "process" else rule_events.mixed_events
    spent = [0.0, 0.0]
    list(evaluator.all_matches(some(1000)))
    # Making the events is not measured, they are there before, a few batches at a time.
    frames = some(events)
    while ready := list(islice(frames, 8)):
        before = (time.perf_counter(), time.process_time())
        for _ in evaluator.all_matches(ready):
            pass
        spent[0] += time.perf_counter() - before[0]
        spent[1] += time.process_time() - before[1]
    return {
        "rules": len(conditions),
        "rate": events / spent[0],
        "cpu": spent[1],
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "small": _small(evaluator, next(some(_SMALL))),
        "sqlite": _beside_sqlite(evaluator, conditions, next(some(_FOR_SQLITE))),
    }


def _small(evaluator: Evaluator, frame: pl.DataFrame) -> float:
    """The CPU seconds of a small batch, when all is warm."""
    times = []
    for _ in range(10):
        before = time.process_time()
        list(evaluator.matches(Batch(frame, evaluator.fields)))
        times.append(time.process_time() - before)
    return sorted(times)[len(times) // 2]


def _beside_sqlite(
    evaluator: Evaluator, conditions: list[Condition], frame: pl.DataFrame
) -> float:  # fmt: skip
    """How many times as long SQLite takes, for as many rules, in CPU seconds.

    Raises:
        SystemExit: it finds something else.

    """
    theirs, found = rules_sqlite.seconds(frame, evaluator.fields, conditions)
    before = time.process_time()
    matches = {n: len(rows) for n, rows in evaluator.matches(Batch(frame, evaluator.fields))}
    ours = time.process_time() - before
    odd = {n: count for n, count in found.items() if matches.get(n, 0) != count}
    if len(odd) > len(found) // 100:
        raise SystemExit(f"bench: SQLite finds other rows for {len(odd)} of {len(found)} rules")
    return (theirs / len(found)) / (ours / len(conditions))


def _conditions(kind: str, folder: Path | None) -> list[Condition]:
    if folder is None:
        make = rule_events.process_rules if kind == "process" else rule_events.mixed_rules
        return make(KINDS[kind][1])
    wanted = [
        path
        for path in sorted(folder.rglob("*.yml"))
        if ("windows/process_creation" in path.as_posix()) == (kind == "process")
        and (kind == "process" or "windows" not in path.parts)
    ]
    return [rule.condition for rule in load(wanted).rules if rule.fires]


if __name__ == "__main__":
    main()
