"""Messages that expressions take apart: what the formats of many servers are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from siemstress.formats.clock import Clock
from siemstress.formats.expression import Expression
from siemstress.formats.found import Found
from siemstress.formats.header import Header
from siemstress.formats.leaves import appended, of_columns
from siemstress.formats.named import event
from siemstress.formats.stamps import NO_TIME
from siemstress.formats.wild import find
from siemstress.sources.lines import PADDING, Lines, Mask

Read = Callable[[pl.Series], tuple[Mask, Mapping[str, pl.Series]]]
"""Tells which messages are of a format, and gives what stands in these by column and field."""

STAMP = "_stamp"
"""The name of a stamp."""
TEXT = "_text"
"""The name of what is the message; without one it stays as it was."""


def take_apart(
    header: Header, clock: Clock, name: str, read: Read,
    columns: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Mask, Header]:  # fmt: skip
    """Which messages are of a format, and what stands in them.

    The time of the lines around, where there is one, counts more than that of the messages.
    """
    ok, parts = read(header.lines.text(header.message.start, header.message.length))
    base = header.take(np.flatnonzero(ok))
    if not len(base):
        return ok, base
    stamp = parts.get(STAMP)
    leaves = of_columns({name: text for name, text in parts.items() if name != STAMP})
    better = event(
        Found(base.lines, leaves, {"message": (TEXT,), **(columns or {})}), base, clock, name
    )
    lacking = np.flatnonzero(base.time == NO_TIME)
    if stamp is not None and len(lacking):
        # Behind a stamp that counts no word may go on.
        buffer, ends = appended(np.zeros(PADDING, np.uint8), stamp.gather(lacking) + "\n")
        lines = Lines(buffer, ends[:-1], ends[1:] - 1)
        stamps = find(lines, lines.starts, lines.ends, clock).stamps
        better.time[lacking], better.zone[lacking] = stamps.time, stamps.zone
    return ok, better


def groups(text: pl.Series, regex: str) -> tuple[Mask, dict[str, pl.Series]]:
    """Which texts an expression fits, and its groups in these; empty ones and `-` are null."""
    ok, found = Expression(regex).groups(text)
    told = pl.DataFrame(found).select(
        pl.when(~pl.col(n).is_in(["", "-"])).then(pl.col(n)).alias(n) for n in found
    )
    return ok, {name: told[name] for name in found}
