"""DuckDB's engines: to make one takes longer than most questions do, so they are used again.

A question that makes tables or views has a database of its own, which goes with the question.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

DATABASE = "question"
"""The name of such a database."""

# DuckDB's own default is four fifths; other programs live on the machine too.
MEMORY_SHARE = 0.5
SPILL_SHARE = 0.5
# An engine keeps what it knows of files in memory, so none lives for ever.
_USES = 200
_IDLE = 4

# The bar would be drawn on standard error, whoever listens there.
_SETTINGS = ("TimeZone = 'UTC'", "parquet_metadata_cache = true", "enable_progress_bar = false")

_numbers = itertools.count()
_idle: list[Engine] = []


class Engine:
    """An engine, and the folder that it may spill into. One question at a time.

    `memory` (bytes) is what it may use; None: half of the machine's.
    """

    def __init__(self, memory: int | None = None) -> None:
        import duckdb

        name = f"siemstress-{os.getpid()}-{next(_numbers)}"
        self._spill = Path(tempfile.gettempdir()) / name
        self._uses = 0
        self._has_database = False
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "temp_directory": str(self._spill),
                "memory_limit": f"{memory or _memory()}B",
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "allow_persistent_secrets": False,
            },
        )

    def question(self) -> duckdb.DuckDBPyConnection:
        """A connection for one question."""
        free = shutil.disk_usage(tempfile.gettempdir()).free
        connection = self._connection.cursor()
        spill = f"max_temp_directory_size = '{int(free * SPILL_SHARE)}B'"
        for setting in (*_SETTINGS, spill):
            connection.execute(f"SET {setting}")
        return connection

    def make_database(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give a question an empty database of its own, where it makes what it likes."""
        connection.execute(f"ATTACH ':memory:' AS {DATABASE}")
        connection.execute(f"USE {DATABASE}")
        self._has_database = True

    def give_back(self) -> None:
        """Let the next question have it, once the connection of the last is closed."""
        import duckdb

        self._uses += 1
        with contextlib.suppress(duckdb.Error):
            if self._uses < _USES and len(_idle) < _IDLE:
                if self._has_database:
                    self._connection.execute(f"DETACH {DATABASE}")
                    self._has_database = False
                _idle.append(self)
                return
        self.close()

    def forsake(self) -> None:
        """Leave it to a job that does not end; what it has spilled goes."""
        shutil.rmtree(self._spill, ignore_errors=True)

    def close(self) -> None:
        """Let go of it and of its spill folder."""
        self._connection.close()
        self.forsake()


def taken() -> Engine:
    """An engine that has nothing to do, or a new one."""
    try:
        return _idle.pop()
    except IndexError:
        return Engine()


def _memory() -> int:
    """Bytes that a query may use where nothing else is said."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(256 << 20, int(pages * MEMORY_SHARE))


@atexit.register
def _close_all() -> None:
    while _idle:
        _idle.pop().close()
