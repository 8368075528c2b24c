"""What stands between stamp and message in logs of applications: level, thread, logger, number.

Only layouts that cannot be anything else are read: log4j's and its like, and a few of others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from siemstress.formats.header import Codes, Span
from siemstress.formats.keys import LEVELS
from siemstress.formats.plain import ascii_only
from siemstress.sources.lines import Ints, Lines, clipped

_SEEN = 400
_LEVEL = r"(?<level>(?i:trace|debug|info|notice|warn|warning|error|severe|fatal|critical))"
# `[main]`, `[QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:Election@774]`
_THREAD = r"\[(?<thread>(?:[^\[\]]|\[[^\[\]]*\]){0,200})\]"
_CLASS = r"(?<logger>[A-Za-z_$][\w$-]*(?:\.[\w$-]+)+)"
_FORMS = (
    rf"^(?<whole>(?:(?<pid>\d{{1,8}}) )?{_LEVEL}\s+(?:{_THREAD}\s+)?{_CLASS}:\s)",
    rf"^(?<whole>(?:-\s)?{_LEVEL}\s+{_THREAD}\s-\s)",
    r"^(?<whole>(?<level>Info|Warning|Error) {8,}(?<logger>[A-Z]{2,8})\s+)",
    r"^(?<whole>(?<logger>[A-Za-z]\w{2,40})\|(?<pid>\d{1,8})\|)",
    r"^(?<whole>(?<logger>[\w.-]{1,60}\.exe(?: \*64)?) - )",
)
_PLAIN = tuple(ascii_only(form) for form in _FORMS)


@dataclass
class Layout:
    """Where messages begin, what levels (-1: none) and numbers are, and where names stand."""

    behind: Ints
    severity: Codes
    pid: Ints
    fields: dict[str, Span]


def find(lines: Lines, at: Ints, ends: Ints) -> Layout:
    """The layouts of what stands behind stamps."""
    count = len(lines)
    found = Layout(
        at.copy(), np.full(count, -1, np.int8), np.full(count, -1, np.int64),
        {name: Span(np.zeros(count, np.int64), np.full(count, -1, np.int64)) for name in _NAMES},
    )  # fmt: skip
    rows = np.arange(count)
    text = lines.text(at, clipped(lines, at, np.clip(ends - at, 0, _SEEN)))
    for form in _PLAIN:
        hit = text.str.contains(form)
        if not hit.any():
            continue
        groups = text.filter(hit).str.extract_groups(form).struct.unnest()
        _put(found, rows[hit.to_numpy()], at, groups)
        rows, text = rows[~hit.to_numpy()], text.filter(~hit)
        if not len(rows):
            break
    return found


_NAMES = ("thread", "logger")


def _put(found: Layout, rows: Ints, at: Ints, groups: pl.DataFrame) -> None:
    found.behind[rows] = at[rows] + groups["whole"].str.len_bytes().cast(pl.Int64).to_numpy()
    if "level" in groups.columns:
        level = groups["level"].str.to_lowercase()
        code = level.replace_strict(LEVELS, default=-1, return_dtype=pl.Int8)
        found.severity[rows] = code.fill_null(-1).to_numpy()
    if "pid" in groups.columns:
        found.pid[rows] = groups["pid"].cast(pl.Int64).fill_null(-1).to_numpy()
    for name in _NAMES:
        if name in groups.columns:
            found_at = pl.col("whole").str.find(pl.col(name), literal=True)
            place = groups.select(found_at).to_series()
            size = groups[name].str.len_bytes().cast(pl.Int64).fill_null(-1).to_numpy()
            found.fields[name].start[rows] = at[rows] + place.fill_null(0).to_numpy()
            found.fields[name].length[rows] = size
