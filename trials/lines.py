"""Lines that each carry a number of their own, and a query that finds out what became of them.

A line is told whole by its number alone: of one that was stored torn or mixed with another, its
message is not what the number wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlglot import exp, parse_one

from siemstress.store.base import Bounds, Scan, Store, rows

# A number times this, in 32 bits, stands behind it as a check (Knuth's multiplicative hash).
_FACTOR, _MODULUS = 2_654_435_761, 1 << 32
_MESSAGE = "   alice : TTY=pts/3 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/trial "
_LINE = f"Oct %2d %02d:%02d:%02d web1 sudo: {_MESSAGE}%s %d %d\n".encode()
_PER_SECOND = 1000  # lines that have one stamp

# The number is in front of the check; a line that was cut has none that fits.
_PARTS = """
    SELECT id, split_part(tail, ' ', 1) AS kind, try_cast(split_part(tail, ' ', 2) AS BIGINT) AS n,
           tail, message
    FROM (SELECT id, message, split_part(message, 'COMMAND=/bin/trial ', 2) AS tail FROM t) AS m"""
_WHOLE = f"""
    message = '{_MESSAGE}' || kind || ' ' || n || ' ' || (n * {_FACTOR} % {_MODULUS})"""
_ALL = f"""
    SELECT kind, count(*) AS stored, count(DISTINCT n) FILTER (WHERE whole) AS different,
           min(n) AS first, max(n) AS last, count(*) FILTER (WHERE whole IS NOT TRUE) AS damaged
    FROM (SELECT *, {_WHOLE} AS whole FROM ({_PARTS}) AS p) AS w GROUP BY kind"""
_NEWEST = f"SELECT kind, max(n) + 1 AS upto, max(id) AS id FROM ({_PARTS}) AS p GROUP BY kind"


def numbered(kind: str, first: int, count: int) -> bytes:
    """Lines of a kind (a word) with the numbers from `first` on; sudo's, by way of BSD syslog."""
    name = kind.encode()
    parts = []
    for n in range(first, first + count):
        second = n // _PER_SECOND
        day, hour, minute = second // 86400 % 31, second // 3600 % 24, second // 60 % 60
        check = n * _FACTOR % _MODULUS
        parts.append(_LINE % (1 + day, hour, minute, second % 60, name, n, check))
    return b"".join(parts)


@dataclass(frozen=True)
class Found:
    """What is stored of a kind: events, different numbers, the highest number; damaged lines."""

    stored: int = 0
    different: int = 0
    first: int = 0
    last: int = -1
    damaged: int = 0


def found(store: Store, table: str) -> dict[str, Found]:
    """What is stored of each kind of line."""
    result: dict[str, Found] = {}
    for row in _ask(store, _ALL, Scan(table)):
        numbers = {name: row[name] or 0 for name in ("stored", "different", "first", "damaged")}
        last = -1 if row["last"] is None else int(row["last"])
        result[str(row["kind"])] = Found(**numbers, last=last)
    return result


def newest(store: Store, table: str, since: int = 0) -> tuple[dict[str, int], int]:
    """Of events with ids from `since` on: the number behind the highest of each kind; and an id.

    The id is the highest one that there is, for the next time. Only for kinds whose numbers are
    stored in their order.
    """
    kinds: dict[str, int] = {}
    scan = Scan(table, Bounds(id_min=since), where=parse_one(f"id >= {since:d}", dialect="duckdb"))
    for row in _ask(store, _NEWEST, scan):
        if row["upto"] is not None:
            kinds[str(row["kind"])] = int(row["upto"])
        since = max(since, int(row["id"]))
    return kinds, since


def _ask(store: Store, sql: str, scan: Scan) -> list[dict[str, Any]]:
    query = parse_one(sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    return list(rows(store.select(query, {"t": scan})))
