"""siemparse run as its users run it, and what is in the lake then."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp, parse_one

from parsing import WRITTEN_AGAIN, plain
from siemstress.store.base import Scan, Store
from siemstress.store.lake import Lake
from stores import ask

PROGRAM = Path(sys.executable).parent / "siemparse"
CONFIG = """
[siemstress]
lake=lake
[default]
table=Entries
[auth]
table=Auth
parser=syslogbsd
[odd]
table=Odd
parser=nonsense
"""


@dataclass(frozen=True)
class Site:
    """A folder with a config and a lake of its own."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "s.conf").write_text(CONFIG)

    @property
    def store(self) -> Store:
        return Lake(self.folder / "lake")

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def start(
        self, *arguments: object, zone: str = "UTC", **options: Any
    ) -> subprocess.Popen[bytes]:
        """siemparse, under way on a machine in a time zone."""
        environment = {**os.environ, "HOME": str(self.folder), "TZ": zone}
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [str(PROGRAM), "-c", "s.conf", *map(str, arguments)]
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, text=False, **(pipes | options)
        )

    def run(self, *arguments: object, data: bytes = b"", status: int = 0) -> list[str]:
        """The lines on standard error of a run that ends with `status`."""
        process = self.start(*arguments)
        out, said = process.communicate(data, timeout=200)
        text = said.decode()
        assert process.returncode == status, text
        assert out == b""
        assert "Traceback" not in text
        return text.splitlines()

    def count(self, table: str = "Entries") -> int:
        """How many events are stored."""
        status = self.store.status(table)
        return status.rows if status else 0

    def lines(self, table: str = "Entries") -> list[bytes]:
        """The lines that are stored, in the order of their ids."""
        line = parse_one(WRITTEN_AGAIN, dialect="duckdb")
        query = exp.select(line.as_("line")).from_("t").order_by("id")
        return [
            line.as_py()
            for batch in self.store.select(query, {"t": Scan(table)})
            for line in batch.column("line")
        ]

    def events(self, table: str = "Entries") -> list[dict[str, Any]]:
        """The events that are stored, in the order of their ids."""
        found = ask(self.store, "SELECT * FROM t ORDER BY id", t=Scan(table))
        return [plain(row) for row in found]


def syslog(count: int, first: int = 0) -> bytes:
    """Numbered syslog lines, a second apart."""
    return b"".join(
        b"Aug %2d %02d:%02d:%02d web1 sshd[%d]: Failed password for root from 203.0.113.%d "
        b"port %d ssh2\n"
        % (1 + n // 86400 % 28, n // 3600 % 24, n // 60 % 60, n % 60, n % 30000, n % 250, n % 60000)
        for n in range(first, first + count)
    )


def split(data: bytes) -> list[bytes]:
    """The lines of some bytes."""
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines
