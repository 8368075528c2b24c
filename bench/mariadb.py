"""siemstress on MariaDB, beside rsyslog and the original's way, on the same server.

The server has its own defaults, and all store the same lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import database
import original
import rsyslog
from measure import Run, in_turn, median, once, peak
from report import Report

BIN = Path(sys.executable).parent
ORIGINAL_LINES = 20_000
RANGE = ["--range", "20261012000000-20270101000000"]


def measure(
    report: Report,
    folder: Path,
    text: Path,
    lines: int,
    times: int,
    questions: dict[str, tuple[str, ...]],
) -> None:
    """Measure it all, and ask the questions. `folder` is for a config file."""
    report.heading(f"MariaDB, {lines:,} lines, the server's defaults, medians of {times}")
    if lacking := database.missing():
        report.skip("MariaDB", f"{lacking} is not installed")
        return
    with database.server() as socket:
        config = folder / "mariadb.conf"
        config.write_text(
            f"[siemstress]\nserver={socket}\nuser=root\ndatabase=bench\n\n[default]\ntable=Entries\n"
        )
        parse = partial(_parse_anew, socket, config, text)
        contenders: dict[str, Callable[[], Run]] = {"siemparse": parse}
        if lacking := rsyslog.missing():
            report.skip("rsyslog's ommysql", f"{lacking} is not installed")
        else:
            contenders["rsyslog"] = partial(rsyslog.load, socket, text, lines)
        runs = in_turn(times, contenders)
        slow = original.lines_per_second(socket, text, min(lines, ORIGINAL_LINES))
        ours = runs["siemparse"]
        report.rate("siemparse", lines / ours.seconds, cpu=ours.cpu)
        if theirs := runs.get("rsyslog"):
            report.rate("rsyslog, imfile to ommysql", lines / theirs.seconds, cpu=theirs.cpu)
        report.rate("one INSERT and commit a line", slow)
        if theirs:
            report.ratio("siemparse / rsyslog", theirs.seconds / ours.seconds, at_least=8)
        report.ratio("siemparse / one INSERT a line", lines / ours.seconds / slow, at_least=40)
        _empty(socket)
        memory = peak([BIN / "siemparse", "-c", config, "-q", "-s", "default", text])
        report.megabytes("peak memory", memory, budget=500)
        for flags in questions.values():
            command: list[str | Path] = [
                BIN / "siemquery",
                "-c",
                config,
                "-s",
                "default",
                *RANGE,
                *flags,
            ]
            run = median([once(command) for _ in range(times)])
            report.seconds(f"siemquery {' '.join(flags)}", run.seconds)


def _empty(socket: str) -> None:
    import pymysql

    connection = pymysql.connect(unix_socket=socket, user="root", autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE DATABASE bench")


def _parse_anew(socket: str, config: Path, text: Path) -> Run:
    """siemparse into a database that holds nothing."""
    _empty(socket)
    return once([BIN / "siemparse", "-c", config, "-q", "-s", "default", text])
