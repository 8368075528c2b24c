"""Times in a notation that the user gives: a name such as `iso`, or one of strptime."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from siemstress.formats import moments, stamps
from siemstress.formats.clock import MINUTE, SLACK, Clock
from siemstress.formats.header import Span
from siemstress.formats.stamps import NO_TIME, NO_ZONE, ZULU, Stamps
from siemstress.formats.years import year_of
from siemstress.sources.lines import Ints, of_texts

NAMED = ("iso", "bsd", "access", "epoch")

_ZONE = r"(Z|[+-]\d\d:?\d\d)$"
_WITH_YEAR = re.compile(r"%(?:Y|y|F|D|x|c|v|G|g|s|\+)")
_WITH_DAY = re.compile(r"%(?:d|e|j|F|D|x|c|v|s|\+)")
# As many years back there was a 29 February.
_YEARS = 9
_TRIED = datetime(2017, 8, 23, 16, 15, 38)


@dataclass(frozen=True)
class Notation:
    """How a time is written: a name of NAMED, or what strptime is told.

    `zoned`: an offset stands at the end; `comma`: fractions follow a comma; `dated`: the year is
    written.
    """

    text: str
    zoned: bool = False
    comma: bool = False
    dated: bool = True

    def read(self, text: pl.Series, clock: Clock) -> Stamps:
        """The times that texts are; `ok` where one is of this notation as a whole."""
        return _named(self.text, text, clock) if self.text in NAMED else self._strptime(text, clock)

    def _strptime(self, text: pl.Series, clock: Clock) -> Stamps:
        offset = text.str.extract(_ZONE) if self.zoned else None
        if self.zoned:
            text = text.str.replace(rf"\s*{_ZONE}", "")
        if self.comma:
            text = text.str.replace(r",(\d+)", ".$1")
        local = self._local(text, clock)
        ok = local.is_not_null().to_numpy()
        time = np.full(len(text), NO_TIME, np.int64)
        zone = np.full(len(text), NO_ZONE, np.int16)
        if offset is None:
            time[ok], zone[ok] = clock.to_utc(local.drop_nulls().to_numpy())
        else:
            ok &= offset.is_not_null().to_numpy()
            minutes = _minutes(offset)
            time[ok] = local.to_numpy()[ok].astype(np.int64) - minutes[ok] * MINUTE
            zone[ok] = np.where((offset == "Z").fill_null(False).to_numpy(), ZULU, minutes)[ok]
        ok &= time >= stamps.EARLIEST
        time[~ok], zone[~ok] = NO_TIME, NO_ZONE
        return Stamps(ok, time, zone, np.zeros(len(ok), bool), np.zeros(len(ok), np.int64))

    def _local(self, text: pl.Series, clock: Clock) -> pl.Series:
        """Times by the clock on the wall, in µs; null where there is none."""
        if self.dated:
            return _parsed(text, self.text)
        # The last year that does not make it later than the reference by more than a day.
        latest = clock.local_reference() + SLACK
        year = year_of(latest)
        found = pl.repeat(None, len(text), dtype=pl.Int64, eager=True)
        for back in range(_YEARS):
            left = found.is_null()
            if not left.any():
                break
            tried = _parsed(pl.lit(f"{year - back} ") + pl.col(text.name), f"%Y {self.text}", text)
            found = found.fill_null(tried.set(tried > latest, None))
        return found


def notation(text: str) -> Notation:
    """The notation that a name or strptime's letters stand for.

    Raises:
        ValueError: it is none; says what would be right.

    """
    if text in NAMED:
        return Notation(text)
    names = ", ".join(NAMED)
    if "%" not in text:
        raise ValueError(f"must be one of {names}, or have strptime's %Y, %m, %d …")
    pattern, zoned = re.subn(r"\s*%:?z$", "", text)
    if re.search(r"%:?[zZ#]", pattern):
        raise ValueError("may have %z at its end only, and no %Z: names of zones are ambiguous")
    if not _WITH_DAY.search(pattern):
        raise ValueError("has no day")
    pattern, comma = re.subn(",%f", "%.f", pattern)
    pattern = pattern.replace(".%f", "%.f")
    if "%f" in pattern:
        raise ValueError("has a %f that is not behind a point or a comma: write %S.%f")
    made = Notation(pattern, bool(zoned), bool(comma), bool(_WITH_YEAR.search(pattern)))
    if not _gives_back(made):
        raise ValueError(f"cannot be used: no time can be read by {text!r}")
    return made


def read(notations: Sequence[Notation], text: pl.Series, clock: Clock) -> Stamps:
    """The times that texts are, each by the first notation that it is of."""
    result = notations[0].read(text, clock)
    for other in notations[1:]:
        rows = np.flatnonzero(~result.ok)
        if not len(rows):
            break
        part = other.read(text.gather(rows), clock)
        result.ok[rows], result.time[rows], result.zone[rows] = part.ok, part.time, part.zone
    return result


def none(count: int) -> Stamps:
    """No times for so many lines."""
    return Stamps(
        np.zeros(count, bool),
        np.full(count, NO_TIME, np.int64),
        np.full(count, NO_ZONE, np.int16),
        np.zeros(count, bool),
        np.zeros(count, np.int64),
    )


def _gives_back(made: Notation) -> bool:
    """Whether a time comes back that is written in a notation."""
    try:
        written = pl.Series([_TRIED]).dt.strftime(made.text)
        text = written + " +00:00" if made.zoned else written
        reference = int(_TRIED.timestamp()) * 1_000_000 + 86_400_000_000
        read_again = made.read(text, Clock(reference))
    except (pl.exceptions.PolarsError, ValueError):
        return False
    return bool(read_again.ok.all())


def _parsed(text: pl.Series | pl.Expr, pattern: str, of: pl.Series | None = None) -> pl.Series:
    """Times by strptime, in µs; null where there is none."""
    if isinstance(text, pl.Expr):
        assert of is not None  # noqa: S101 - an expression is over a series
        text = of.to_frame().select(text).to_series()
    return text.str.to_datetime(pattern, strict=False, time_unit="us").cast(pl.Int64)


def _minutes(offset: pl.Series) -> Ints:
    """Minutes east of UTC; zero where there is no offset."""
    parts = offset.str.extract_groups(r"^([+-])(\d\d):?(\d\d)$").struct.unnest()
    hours, minutes = (parts[name].cast(pl.Int64) for name in ("2", "3"))
    size = (hours * 60 + minutes).fill_null(0).to_numpy()
    return np.where((parts["1"] == "-").fill_null(False).to_numpy(), -size, size).astype(np.int64)


def _named(name: str, text: pl.Series, clock: Clock) -> Stamps:
    lines = of_texts(text)
    length = lines.ends - lines.starts
    if name == "epoch":
        ok = text.str.contains(r"^\d{1,19}(?:\.\d+)?$").to_numpy()
        none = pl.repeat(None, len(text), dtype=pl.String, eager=True)
        found, _ = moments.read(lines, Span(lines.starts, length), none, clock)
        return _only(found, ok)
    if name == "bsd":
        found = stamps.bsd(lines, lines.starts, clock)
    elif name == "access":
        found = stamps.access(lines, lines.starts)
    else:
        found = stamps.iso(lines, lines.starts, lines.ends, clock)
    return _only(found, found.length == length)


def _only(found: Stamps, wanted: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Stamps:
    ok = found.ok & wanted
    time, zone = np.where(ok, found.time, NO_TIME), np.where(ok, found.zone, NO_ZONE)
    return Stamps(ok, time, zone.astype(np.int16), np.zeros(len(ok), bool), found.length)
