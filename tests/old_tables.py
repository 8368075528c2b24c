"""Tables as the original made them, in its three generations, and rows as it filled them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

EARLY_EVENTS = (
    "(Id INT PRIMARY KEY AUTO_INCREMENT, DateStamp TIMESTAMP, TZone NVARCHAR(5),"
    " RawStamp NVARCHAR(80), Facility NVARCHAR(15), Severity NVARCHAR(10),"
    " SourceHost NVARCHAR(25), SourcePort NVARCHAR(25), DestHost NVARCHAR(25),"
    " DestPort NVARCHAR(25), Process NVARCHAR(25), PID MEDIUMINT UNSIGNED,"
    " Protocol NVARCHAR(5), Message NVARCHAR(2000), ParsedOn NVARCHAR(32),"
    " SourcePath NVARCHAR(200))"
)
EARLY_ALERTS = (
    "(Id INT PRIMARY KEY AUTO_INCREMENT, DateStamp TIMESTAMP, TZone NVARCHAR(5),"
    " SourceRule NVARCHAR(25), Severity TINYINT UNSIGNED, SourceTable NVARCHAR(25),"
    " EventLimit INT, EventCount INT, TimeInt INT, Message NVARCHAR(1000),"
    " SourceIDs NVARCHAR(2000))"
)
EARLY_RULES = (
    "(RuleName NVARCHAR(25), IsEnabled BOOLEAN, Severity TINYINT, TimeInt INT, EventLimit INT,"
    " SQLQuery NVARCHAR(1000), SourceTable NVARCHAR(25), OutTable NVARCHAR(25),"
    " Message NVARCHAR(1000))"
)
MIDDLE_EVENTS = (
    "(id INT PRIMARY KEY AUTO_INCREMENT, date_stamp TIMESTAMP(6), f_date_stamp DECIMAL(20, 1),"
    " date_stamp_utc TIMESTAMP(6), t_zone NVARCHAR(5), raw_stamp NVARCHAR(80),"
    " facility NVARCHAR(15), severity NVARCHAR(10), source_host NVARCHAR(25),"
    " source_port NVARCHAR(25), dest_host NVARCHAR(25), dest_port NVARCHAR(25),"
    " source_process NVARCHAR(25), source_pid MEDIUMINT UNSIGNED, protocol NVARCHAR(5),"
    " message NVARCHAR(2000), extended NVARCHAR(1000), parsed_on NVARCHAR(32),"
    " source_path NVARCHAR(200))"
)
HELPERS = "(id INT PRIMARY KEY AUTO_INCREMENT, var_name NVARCHAR(25), reg_exp NVARCHAR(200))"
LATE_EVENTS = (
    "(id INT PRIMARY KEY AUTO_INCREMENT, parsed_at TIMESTAMP(6), date_stamp TIMESTAMP(6),"
    " date_stamp_utc TIMESTAMP(6), t_zone NVARCHAR(5), raw_text NVARCHAR(1280),"
    " facility TINYINT UNSIGNED, severity TINYINT UNSIGNED, source_host NVARCHAR(32),"
    " source_port NVARCHAR(6), dest_host NVARCHAR(32), dest_port NVARCHAR(6),"
    " source_process NVARCHAR(24), source_pid MEDIUMINT UNSIGNED, protocol NVARCHAR(12),"
    " message NVARCHAR(1024), extended NVARCHAR(1024), parsed_on NVARCHAR(32),"
    " source_path NVARCHAR(200))"
)
LATE_ALERTS = (
    "(id INT PRIMARY KEY AUTO_INCREMENT, date_stamp TIMESTAMP, date_stamp_utc TIMESTAMP,"
    " t_zone NVARCHAR(5), source_rule NVARCHAR(25), severity TINYINT UNSIGNED,"
    " source_table NVARCHAR(25), event_limit INT UNSIGNED, event_count INT UNSIGNED,"
    " magnitude INT UNSIGNED, time_int INT UNSIGNED, message NVARCHAR(1000))"
)
LATE_RULES = (
    "(id INT PRIMARY KEY AUTO_INCREMENT, name NVARCHAR(32), `desc` NVARCHAR(200),"
    " is_enabled BOOLEAN, severity TINYINT UNSIGNED, time_int INT UNSIGNED,"
    " event_limit INT UNSIGNED, sql_query NVARCHAR(1024), source_table NVARCHAR(32),"
    " out_table NVARCHAR(32), message NVARCHAR(1024))"
)

# What follows `SELECT` to fill a LATE_EVENTS table; `n` counts from 1.
_LATE_ROW = (
    "n, '2017-11-05 12:00:00' + INTERVAL n SECOND, '2017-11-05 07:00:00' + INTERVAL n SECOND,"
    " '2017-11-05 12:00:00' + INTERVAL n SECOND, '-0500',"
    " concat(date_format('2017-11-05 07:00:00' + INTERVAL n SECOND, '%b  5 %H:%i:%s'),"
    " ' host1 sshd[', n % 30000, ']: Failed password for root from 203.0.113.', n % 250,"
    " ' port ', n % 60000, ' ssh2'), NULL, NULL, 'host1', NULL, NULL, NULL, 'sshd', n % 30000,"
    " NULL, concat('Failed password for root from 203.0.113.', n % 250, ' port ', n % 60000,"
    " ' ssh2'), '{\"users\": [\"root\"], \"ip4s\": []}', 'siem.example.org', '/var/log/auth.log'"
)


def created(name: str, columns: str) -> str:
    """The statement that makes a table."""
    return f"CREATE TABLE {quoted(name)} {columns}"


def inserted(name: str, rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Statements that put rows into a table, one each, as the original did."""
    return [
        f"INSERT INTO {quoted(name)} ({', '.join(map(quoted, row))})"  # noqa: S608
        f" VALUES ({', '.join(_literal(v) for v in row.values())})"
        for row in rows
    ]


def late_rows(name: str, count: int, first: int = 1) -> str:
    """The statement that fills a LATE_EVENTS table with `count` syslog lines, a second apart."""
    numbers = f"SELECT seq + {first - 1} AS n FROM seq_1_to_{count}"  # noqa: S608
    return f"INSERT INTO {quoted(name)} SELECT {_LATE_ROW} FROM ({numbers}) s"  # noqa: S608


def quoted(name: str) -> str:
    """A name in a statement."""
    return "`" + name.replace("`", "``") + "`"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
