"""Redis' and Valkey's own log: `1234:M 15 Jan 2024 10:11:12.123 * message`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span, unread
from siemstress.formats.named import untimed
from siemstress.formats.syslog import without_return
from siemstress.sources.lines import Lines, Mask, clipped

_HEAD = r"^([0-9]{1,8}):[MSCX] ([0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8}\.[0-9]{3}) ([.*#-]) "
_LONGEST_HEAD = 48
_BLANK = 32
# Its marks of debug, verbose, notice and warning.
_LEVELS = {".": 7, "-": 6, "*": 5, "#": 4}


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, _ = without_return(lines)
    ok = (ends - lines.starts > 31) & (lines.byte(lines.starts) - np.uint8(48) <= 9)
    colon = lines.find(lines.starts, np.minimum(lines.starts + 9, ends), ":")
    ok &= (colon > 0) & (lines.byte(lines.starts + np.maximum(colon, 0) + 2) == _BLANK)
    rows = np.flatnonzero(ok)
    if not len(rows):
        return ok, unread(lines.take(rows))
    start = lines.starts[rows]
    size = clipped(lines, start, np.minimum(ends[rows] - start, _LONGEST_HEAD))
    found = lines.text(start, size).str.extract_groups(_HEAD).struct.unnest()
    pid, stamp, mark = (found[name] for name in found.columns)
    local = stamp.str.to_datetime("%d %b %Y %H:%M:%S%.3f", strict=False, time_unit="us")
    good = local.is_not_null().to_numpy()
    ok[rows[~good]] = False
    kept, rows = np.flatnonzero(good), rows[good]
    header = untimed(lines, rows, ends, "redis")
    length = pid.gather(kept).str.len_bytes().cast(pl.Int64).to_numpy() + 30
    time, zone = clock.to_utc(local.gather(kept).cast(pl.Int64).to_numpy())
    severity = mark.gather(kept).replace_strict(_LEVELS, return_dtype=pl.Int8).to_numpy()
    message = Span(header.message.start + length, header.message.length - length)
    return ok, replace(
        header,
        message=message,
        time=time,
        zone=zone.astype(np.int16),
        pid=pid.gather(kept).cast(pl.Int64).to_numpy(),
        severity=severity,
        program="redis",
    )


REDIS = Format(
    name="redis",
    read=_read,
    rank=35,
    samples=(
        Sample(
            "1234:M 15 Jan 2024 10:11:12.123 * Ready to accept connections",
            {"time": "2024-01-15T10:11:12.123", "pid": 1234, "severity": 5,
             "message": "Ready to accept connections"},
        ),
        Sample(
            "99:M 15 Jan 2024 10:11:12.123 - Accepted 203.0.113.9:4711",
            {"pid": 99, "severity": 6, "source_host": "203.0.113.9", "source_port": 4711,
             "action": "connect"},
        ),
    ),
)  # fmt: skip
