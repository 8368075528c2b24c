"""Make the trials: `make trials`, or `python -m trials --short --only rotation`.

Each prints a row: lines sent, stored, lost, double. A trial that fails keeps its folder, and the
exit status is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import database
from siemstress.errors import SiemstressError
from trials import report
from trials.all import TRIALS, Trial
from trials.place import Place, Trouble


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the trials that are asked for; 1 when one of them failed."""
    options = _parser().parse_args(arguments)
    # Whoever ends the trials ends what they have started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kinds = ("lake", "mariadb") if options.store == "both" else (options.store,)
    wanted = [trial for trial in TRIALS if not options.only or trial.name in options.only]
    report.head()
    with contextlib.ExitStack() as stack:
        server = None
        if "mariadb" in kinds and any("mariadb" in trial.stores for trial in wanted):
            if lacking := database.missing():
                raise SystemExit(f"trials: {lacking} is not installed")
            server = stack.enter_context(database.server())
        failed = 0
        for trial in wanted:
            size = options.size or (trial.short if options.short else trial.long)
            for kind in trial.stores:
                if kind in kinds:
                    failed += not _make(trial, size, server if kind == "mariadb" else None)
    print(f"{failed} failed" if failed else "all as they should be")
    return 1 if failed else 0


def _make(trial: Trial, size: int, server: str | None) -> bool:
    """Make one trial on one store; whether it went well."""
    kind = "lake" if server is None else "mariadb"
    folder = Path(tempfile.mkdtemp(prefix=f"siemstress-trial-{trial.name}-"))
    well = False
    try:
        with Place(trial.name, folder, server) as place:
            tally = trial.run(place, size)
        report.row(tally)
        well = not tally.failure
    except report.Skipped as e:
        report.skip(trial.name, kind, str(e))
        well = True
    except (Trouble, SiemstressError, OSError) as e:
        print(f"{trial.name:<16} {kind:<8} FAILED: {e}", flush=True)
    finally:
        if well:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"    its folder is {folder}", flush=True)
    return well


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make trials",
        description="Kill, halt, flood and starve siemstress, and count what became of each line.",
    )
    names = [trial.name for trial in TRIALS]
    parser.add_argument("--only", action="append", choices=names, help="this trial; repeat it")
    parser.add_argument("--short", action="store_true", help="seconds each, not minutes")
    parser.add_argument("--size", type=int, help="the size; what it counts is in docs/trials.md")
    parser.add_argument(
        "--store", choices=("lake", "mariadb", "both"), default="lake", help="default: lake"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
