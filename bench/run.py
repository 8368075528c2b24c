"""Measure siemstress beside other programs, in one run: `make bench`.

Every figure is a whole process with its output read, from start to exit; several times, in turn,
and the median counts. Files stay in `.bench` for the next run. Nothing here decides a test.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path

import formats
import latency
import many_rules
import mariadb
from measure import Run, in_turn, median, once, peak
from report import Report

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".bench"
CONFIG = FOLDER / "siemstress.conf"
LAKE = FOLDER / "lake"
BIN = Path(sys.executable).parent
RARE_WORD = "xylophone"  # one line in 400,000 holds it
ASKED = {
    "grep": ("--grep", RARE_WORD),
    "top": ("--count-by", "source_host", "--limit", "10"),
    "hours": ("--histogram", "1h"),
}
RANGE = ["--range", "20261012000000-20270101000000"]


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="a tenth of the lines, one run each")
    parser.add_argument("--lines", type=int, help="lines of the file (default 2,000,000)")
    parser.add_argument("--times", type=int, help="runs of each (default 5)")
    parser.add_argument(
        "--mariadb-lines", type=int, help="lines for MariaDB (default 500,000, or 50,000 if quick)"
    )
    parser.add_argument("--rules", help="a folder of Sigma's rules (default: rules like them)")
    parser.add_argument("--only-mariadb", action="store_true", help="measure nothing else")
    options = parser.parse_args()
    lines = options.lines or (200_000 if options.quick else 2_000_000)
    times = options.times or (1 if options.quick else 5)
    FOLDER.mkdir(exist_ok=True)
    CONFIG.write_text("[siemstress]\nlake=lake\n\n[default]\ntable=Entries\n")
    # lnav keeps a folder in the home folder; it gets one of its own.
    os.environ["HOME"] = str(FOLDER / "home")
    Path(os.environ["HOME"]).mkdir(exist_ok=True)
    os.environ["TZ"] = "UTC"

    text = text_file(lines)
    report = Report(lines, text.stat().st_size, times)
    if not options.only_mariadb:
        starts(report, times)
        parsing(report, text, lines, times)
        questions(report, text, times)
        formats.measure(report)
        many_rules.measure(report, 100_000 if options.quick else 1_000_000, options.rules)
        latency.measure(report, 10_000, 5.0 if options.quick else 30.0)
    count = options.mariadb_lines or (50_000 if options.quick else 500_000)
    mariadb.measure(report, FOLDER, text_file(count), count, min(times, 3), ASKED)
    report.end()


def text_file(lines: int) -> Path:
    """The generated lines, made unless they are there."""
    path = FOLDER / f"lines-{lines}.log"
    if not path.exists():
        once([sys.executable, ROOT / "bench/generate.py", str(lines), path])
    # Reading it once puts it into the page cache, for everybody.
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
    return path


def siem(command: str, *arguments: str | Path) -> Run:
    """One run of a siemstress command with the bench's config."""
    return once([BIN / command, "-c", CONFIG, *arguments])


def parse_anew(*paths: Path) -> Run:
    """siemparse into a lake that is not there yet."""
    shutil.rmtree(LAKE, ignore_errors=True)
    return siem("siemparse", "-q", "-s", "default", *paths)


def lnav(path: Path) -> Run:
    """Lnav reads and indexes all of a file, says how many lines there are, and exits.

    `lnav -n FILE` alone also prints every line, which takes it four times as long.
    """
    return once(["lnav", "-n", "-c", ";SELECT count(*) FROM all_logs", path])


def starts(report: Report, times: int) -> None:
    """What a user waits for before anything happens."""
    report.heading("Start")
    run = median([once([BIN / "siemquery", "--help"]) for _ in range(times + 2)])
    report.seconds("siemquery --help", run.seconds, budget=0.15)
    shutil.rmtree(LAKE, ignore_errors=True)
    siem("siemparse", "-q", "-s", "default", ROOT / "samples/logs/auth.log")
    ask = ("siemquery", "-s", "default", *RANGE, "--process", "sudo", "--limit", "20")
    run = median([siem(*ask) for _ in range(times + 2)])
    report.seconds("a small query (5,121 rows)", run.seconds, budget=0.6)


def parsing(report: Report, text: Path, lines: int, times: int) -> None:
    """File to committed events, beside lnav's index."""
    report.heading("Parsing")
    contenders = {"siemparse": partial(parse_anew, text)}
    if shutil.which("lnav"):
        contenders["lnav"] = partial(lnav, text)
    else:
        report.skip("lnav", "it is not installed")
    runs = in_turn(times, contenders)
    ours, theirs = runs["siemparse"], runs.get("lnav")
    report.rate("siemparse", lines / ours.seconds, cpu=ours.cpu)
    if theirs:
        if str(lines) not in theirs.output.split():
            raise SystemExit(f"bench: lnav counts {theirs.output!r}")
        report.rate("lnav -n, count", lines / theirs.seconds, cpu=theirs.cpu)
        report.ratio("siemparse / lnav", theirs.seconds / ours.seconds, at_least=1.3)
    for what, path in (("", text), (", file twice as large", text_file(2 * lines))):
        shutil.rmtree(LAKE, ignore_errors=True)
        memory = peak([BIN / "siemparse", "-c", CONFIG, "-q", "-s", "default", path])
        report.megabytes(f"peak memory{what}", memory, budget=500)


def stored_files() -> list[Path]:
    """The Parquet files of the table. The lake is new: all that are there are part of it."""
    return sorted(LAKE.rglob("*.parquet"))


def questions(report: Report, text: Path, times: int) -> None:
    """Three questions, each a whole process, beside ripgrep and a bare DuckDB."""
    parse_anew(text)
    files = stored_files()
    size = sum(path.stat().st_size for path in files)
    report.stored(size)
    report.heading("Questions")
    bare: list[str | Path] = [sys.executable, ROOT / "bench/duckdb_bare.py"]
    names = json.dumps([str(path) for path in files])
    for name, flags in ASKED.items():
        contenders = {
            "siemquery": partial(siem, "siemquery", "-s", "default", *RANGE, *flags),
            "duckdb": partial(once, [*bare, name, names]),
        }
        if name == "grep" and shutil.which("rg"):
            contenders["rg"] = partial(once, ["rg", "-c", "-i", RARE_WORD, text])
        runs = in_turn(times, contenders)
        if name == "grep":
            same_answer({who: run.output for who, run in runs.items()})
        ours, theirs = runs["siemquery"].seconds, runs["duckdb"].seconds
        report.seconds(f"siemquery {' '.join(flags)}", ours, budget=1.3 * theirs + 0.4)
        report.seconds("    a bare DuckDB on the same files", theirs)
        if "rg" in runs:
            report.seconds("    rg -c -i on the text", runs["rg"].seconds)
    if not shutil.which("rg"):
        report.skip("ripgrep", "it is not installed")


def same_answer(outputs: dict[str, str]) -> None:
    """All must have found the rare word in as many lines, or the times mean nothing."""
    found = {who: output.count(RARE_WORD) for who, output in outputs.items() if who != "rg"}
    if "rg" in outputs:
        found["rg"] = int(outputs["rg"])
    if len(set(found.values())) != 1 or 0 in found.values():
        raise SystemExit(f"bench: lines with {RARE_WORD}: {found}")


if __name__ == "__main__":
    main()
