"""What the original siemstress did with a line: a regular expression, an INSERT and a commit."""

from __future__ import annotations

import re
import time
from itertools import islice
from pathlib import Path

LINE = re.compile(r"(\w{3}\s+\d+ \d\d:\d\d:\d\d) (\S+) ([^\[:]+)(?:\[(\d+)\])?: (.*)")
TABLE = """
CREATE TABLE Entries (
    Id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    DateStamp TIMESTAMP, RawStamp VARCHAR(32), SourceHost VARCHAR(32), Process VARCHAR(32),
    PID INT UNSIGNED, Message VARCHAR(1024), ParsedOn VARCHAR(32), SourcePath VARCHAR(128))
"""
INSERT = """
INSERT INTO Entries (DateStamp, RawStamp, SourceHost, Process, PID, Message, ParsedOn, SourcePath)
VALUES (now(), %s, %s, %s, %s, %s, 'bench', %s)
"""


def lines_per_second(socket: str, path: Path, count: int) -> float:
    """How many lines a second of the file's first `count` are inserted that way."""
    import pymysql

    connection = pymysql.connect(unix_socket=socket, user="root", autocommit=True)
    with connection, connection.cursor() as cursor, path.open() as lines:
        cursor.execute("CREATE OR REPLACE DATABASE original")
        cursor.execute("USE original")
        cursor.execute(TABLE)
        start = time.perf_counter()
        for line in islice(lines, count):
            match = LINE.match(line)
            if match:
                cursor.execute(INSERT, (*match.groups(), str(path)))
        seconds = time.perf_counter() - start
        cursor.execute("SELECT count(*) FROM Entries")
        (stored,) = cursor.fetchone() or (0,)
        cursor.execute("DROP DATABASE original")
    if stored != count:
        raise SystemExit(f"bench: {stored} of {count} lines are in MariaDB")
    return count / seconds
