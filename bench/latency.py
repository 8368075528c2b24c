"""How long it takes from a line written to a followed file until its alert is on the terminal.

`python bench/latency.py [--rate LINES] [--seconds N] [--poll S]`. siemparse follows a file that
grows all the time, siemtrigger watches with the shipped rules; now and then one of the lines tells
of a new user, which is an alert at once.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import generate
from measure import cpu_seconds
from report import Report

BIN = Path(sys.executable).parent
_STEP = 0.05
_PROBES = 5  # a second
_BEHIND_HOST = 16  # where a generated line's stamp ends
_NAME = re.compile(r"probe\d+x")
# So long the commands may take to start, and the last alerts to come.
_START, _LAST = 8.0, 20.0


def measure(report: Report, rate: int, seconds: float) -> None:
    """Print the figures."""
    report.heading(f"From a line to its alert, {rate:,} lines/s")
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), rate, seconds)
    waits = sorted(found.waits)
    if not waits:
        raise SystemExit("bench: no alert came")
    report.seconds("half of the alerts within", _at(waits, 0.5))
    report.seconds("99 of 100 alerts within", _at(waits, 0.99), budget=3.0)
    report.line("    alerts that came", f"{len(waits)} of {found.written}", "all",
                len(waits) == found.written)  # fmt: skip
    report.line("    CPU of siemparse", f"{found.cpu[0] / seconds:.0%} of a core")
    report.line("    CPU of siemtrigger", f"{found.cpu[1] / seconds:.0%} of a core")


class Found:
    """What came of a run: seconds of each alert, how many there should be, CPU seconds of both."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.written = 0
        self.cpu = (0.0, 0.0)


def run(folder: Path, rate: int, seconds: float, poll: float | None = None) -> Found:
    """Write lines for some time, and see when their alerts come."""
    log, config = folder / "syslog", folder / "siemstress.conf"
    log.touch()
    config.write_text("[siemstress]\nlake=lake\n\n[default]\ntable=Entries\n")
    trigger = folder / "siemtrigger.conf"
    trigger.write_text(f"[siemstress]\nconfig={config.name}\n")
    often = [] if poll is None else ["--poll", str(poll)]
    parse: list[str | Path] = [BIN / "siemparse", "-c", config, "--follow", log]
    watch: list[str | Path] = [BIN / "siemtrigger", "-c", trigger, *often]
    messages = _messages(folder / "lines", int(rate * seconds))
    came: dict[str, float] = {}
    found = Found()
    with _started(parse) as parser, _started(watch) as watcher:
        threading.Thread(target=_listen, args=(watcher, came), daemon=True).start()
        threading.Thread(target=_listen, args=(parser, {}), daemon=True).start()
        time.sleep(_START)
        before = [cpu_seconds(process.pid) for process in (parser, watcher)]
        written = _write(log, messages, rate, seconds)
        after = [cpu_seconds(process.pid) for process in (parser, watcher)]
        until = time.monotonic() + _LAST
        while len(came) < len(written) and time.monotonic() < until:
            time.sleep(0.1)
    found.written = len(written)
    found.waits = [came[name] - at for name, at in written.items() if name in came]
    found.cpu = (after[0] - before[0], after[1] - before[1])
    return found


def _messages(path: Path, count: int) -> list[str]:
    """Lines without their stamps."""
    generate.write(path, count)
    return [line[_BEHIND_HOST:] for line in path.read_text().splitlines()]


def _write(log: Path, messages: Sequence[str], rate: int, seconds: float) -> dict[str, float]:
    """Write lines at a steady rate; tells when each new user's was written."""
    written: dict[str, float] = {}
    remaining = iter(messages)
    steps, every = int(seconds / _STEP), max(1, int(1 / _STEP / _PROBES))
    began = time.monotonic()
    with log.open("a") as file:
        for step in range(steps):
            stamp = datetime.now(UTC).isoformat()
            lines = [f"{stamp} {message}" for message in islice(remaining, int(rate * _STEP))]
            if step % every == 0:
                name = f"probe{step}x"
                told = f"new user: name={name}, UID=1001, GID=1001, home=/home/{name}"
                lines.append(f"{stamp} gate useradd[1]: {told}, shell=/bin/bash, from=none")
                written[name] = time.monotonic()
            file.write("\n".join(lines) + "\n")
            file.flush()
            time.sleep(max(0.0, began + (step + 1) * _STEP - time.monotonic()))
    return written


def _listen(process: subprocess.Popen[str], came: dict[str, float]) -> None:
    """Note when each name first stands on the terminal."""
    assert process.stderr is not None
    for line in process.stderr:
        now = time.monotonic()
        for name in _NAME.findall(line):
            came.setdefault(name, now)


@contextmanager
def _started(command: Sequence[str | Path]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _at(waits: Sequence[float], share: float) -> float:
    return waits[min(len(waits) - 1, int(share * len(waits)))]


def main() -> None:
    """Measure once, as the flags say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=10_000, help="lines a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--poll", type=float, help="siemtrigger's (default: its own)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), options.rate, options.seconds, options.poll)
    waits = sorted(found.waits)
    print(f"{len(waits)} of {found.written} alerts came")
    for share in (0.5, 0.9, 0.99) if waits else ():
        print(f"{share:.0%} within {_at(waits, share):.2f} s")
    for name, cpu in zip(("siemparse", "siemtrigger"), found.cpu, strict=True):
        print(f"{name}: {cpu / options.seconds:.0%} of a core")


if __name__ == "__main__":
    main()
