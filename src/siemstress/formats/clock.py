"""From a stamp's local time to UTC: years that are not written, zones that are not written."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from siemstress.errors import UserError
from siemstress.sources.lines import Ints

DAY = 86_400_000_000
MINUTE = 60_000_000
# A stamp may be this much later than the file's own time before it is taken for last year's.
SLACK = DAY
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})\Z", re.ASCII)


@dataclass(frozen=True)
class Clock:
    """How stamps that say less than all are read.

    `reference` (µs since 1970, UTC) is the latest moment that a line may stem from: the file's
    modification time or now. `zone` is an IANA name, or an offset in minutes east of UTC. Lines
    that are `in_order` are of one source, in the order in which it wrote them.
    """

    reference: int
    zone: str | int = 0
    in_order: bool = True

    def local_reference(self) -> int:
        """The reference on the zone's own clock, in µs since 1970 there."""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.reference)
        if isinstance(self.zone, int):
            return self.reference + self.zone * MINUTE
        offset = moment.astimezone(ZoneInfo(self.zone)).utcoffset()
        return self.reference + int((offset or timedelta()) / timedelta(microseconds=1))

    def to_utc(self, local: Ints) -> tuple[Ints, Ints]:
        """UTC and the offset in minutes for local times, both int64 arrays; times in µs.

        A time that a clock change skips is read by the offset before the change. Of a time that
        comes twice the first is meant, unless the lines have just gone back over the change.
        """
        if isinstance(self.zone, int):
            return local - self.zone * MINUTE, np.full(len(local), self.zone, np.int64)
        series = pl.Series(local).cast(pl.Datetime("us"))
        first = self._attach(series, "earliest")
        utc = first.cast(pl.Int64)
        if utc.null_count():
            # Skipped: take the offset that held three hours before.
            earlier = self._attach(series.dt.offset_by("-3h"), "earliest").cast(pl.Int64)
            utc = utc.fill_null(earlier + 3 * 60 * MINUTE)
        result = utc.to_numpy().astype(np.int64)
        later = self._attach(series, "latest").cast(pl.Int64).fill_null(utc).to_numpy()
        twice = later != result
        if twice.any():
            result = np.where(twice & _gone_back(local, twice), later, result)
        return result, (local - result) // MINUTE

    def _attach(self, local: pl.Series, ambiguous: Literal["earliest", "latest"]) -> pl.Series:
        return local.dt.replace_time_zone(str(self.zone), ambiguous=ambiguous, non_existent="null")


def _gone_back(
    local: Ints, twice: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Of the times that come twice: those behind a jump back of more than 20 minutes."""
    jump = np.zeros(len(local), bool)
    jump[1:] = (np.diff(local) < -20 * MINUTE) & twice[1:] & twice[:-1]
    return np.maximum.accumulate(jump)


def parse_zone(text: str) -> str | int:
    """`+0500`, `-03:30`, `Z`, `UTC` or an IANA name, as Clock takes it.

    Raises:
        UserError: it is none of these.

    """
    text = text.strip()
    if text.upper() in {"Z", "UTC", "GMT"}:
        return 0
    match = _OFFSET.match(text)
    if match:
        hours, minutes = int(match[2]), int(match[3])
        if hours < 24 and minutes < 60:
            return (-1 if match[1] == "-" else 1) * (hours * 60 + minutes)
    elif re.fullmatch(r"[A-Za-z0-9_+\-/]{1,64}", text):
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return text
    raise UserError(f"no such time zone: {text!r}; give +0500 or a name such as Europe/Zurich")


def local_zone() -> str | int:
    """The machine's own zone: from TZ, else from /etc, else today's offset."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        link = os.path.realpath("/etc/localtime")
        name = link.partition("/zoneinfo/")[2]
    if not name:
        try:
            name = Path("/etc/timezone").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            name = ""
    if name:
        try:
            return parse_zone(name)
        except UserError:
            pass
    offset = datetime.now().astimezone().utcoffset() or timedelta()
    return round(offset / timedelta(minutes=1))
