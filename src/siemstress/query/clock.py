"""How far the clocks of hosts are from ours: the stamps of lines beside when they were read.

A line that arrives live, by the network, bears a stamp of some moments ago: the difference is the
clock's. A line of a file may have been read at any time after it was written, so that of files only
one thing is sure: what is later than when it was read comes from a clock that is ahead (or from
another zone than was assumed).
"""

from __future__ import annotations

from dataclasses import replace

import sqlglot
from sqlglot import exp

from siemstress.query.conditions import column, timestamp
from siemstress.query.events import Events
from siemstress.query.order import Answer

COLUMNS = ("host", "read", "count", "median", "smallest", "largest", "last", "clock")
_READ = ("host", "time", "received", "zone", "source_path")
WRONG = 60
"""Seconds: a clock that is off by more is said to be wrong."""

# Live is what has the URL of a peer.
_QUERY = f"""
SELECT "host", "read", "count", "median", "smallest", "largest", "last",
  CASE WHEN "read" = 'live' AND ABS("median") <= {WRONG} AND "largest" <= {WRONG} THEN 'right'
    WHEN "largest" > {WRONG} AND "median" <= {WRONG} THEN 'ahead at times'
    WHEN "read" = 'live' AND ABS("median" - ROUND("median" / 1800) * 1800) <= {WRONG}
      AND ABS("median") < 86400 THEN 'another zone'
    WHEN "largest" > {WRONG} THEN 'ahead'
    WHEN "read" = 'live' THEN 'behind'
    ELSE NULL END AS "clock"
FROM (
  SELECT "host", "read", COUNT(*) AS "count", ROUND(MEDIAN("off"), 3) AS "median",
    MIN("off") AS "smallest", MAX("off") AS "largest", ARG_MAX("off", "received") AS "last"
  FROM (
    SELECT "host", "received",
      CASE WHEN "source_path" LIKE '%://%' THEN 'live' ELSE 'file' END AS "read",
      ROUND((EPOCH_US("time") - EPOCH_US("received")) / 1000000, 3) AS "off"
    FROM "events" WHERE "zone" IS NOT NULL
  ) AS "offsets" GROUP BY "host", "read"
) AS "clocks"
"""  # noqa: S608 - a number of ours


def by_arrival(events: Events) -> Events:
    """The same events, the time that is asked for being when they were read.

    By their own time those whose clock is off by days would not be found.
    """
    wanted = events.wanted
    arrived = column("received")
    more = list(events.more)
    if wanted.time_min is not None:
        more.append(exp.GTE(this=arrived, expression=timestamp(wanted.time_min)))
    if wanted.time_max is not None:
        more.append(exp.LT(this=arrived.copy(), expression=timestamp(wanted.time_max)))
    return replace(events, wanted=replace(wanted, time_min=None, time_max=None), more=more)


def statement(events: Events, limit: int | None = None, *, reverse: bool = False) -> exp.Query:
    """The question: for each host its clock's offset in seconds, those that are off most first."""
    query = sqlglot.parse_one(_QUERY, dialect="duckdb")
    assert isinstance(query, exp.Select)  # noqa: S101 - it is one
    for table in query.find_all(exp.Table):
        table.replace(events.select(_READ).subquery("events"))
    far = exp.Abs(this=exp.column("median", quoted=True))
    query = query.order_by(
        exp.Ordered(this=exp.column("read", quoted=True), desc=not reverse),
        exp.Ordered(this=far, desc=not reverse),
        exp.column("host", quoted=True),
    )
    return query if limit is None else query.limit(limit)


def clocks(events: Events, query: exp.Query) -> Answer:
    """The answer to the question."""
    reader = events.ask(query, _READ)
    return Answer(reader.schema, iter(reader))
