"""Times as JSON logs write them: ISO 8601, seconds or less since 1970, or 14 digits."""

from __future__ import annotations

import numpy as np
import polars as pl

from siemstress.errors import UserError
from siemstress.formats.clock import Clock, parse_zone
from siemstress.formats.header import Span
from siemstress.formats.stamps import EARLIEST, NO_TIME, NO_ZONE, Stamps, iso
from siemstress.sources.lines import Ints, Lines, Mask

# Seconds, ms, µs and ns since 1970 do not meet between the years 1973 and 5138.
_MS, _US, _NS = 1e11, 1e14, 1e17
_LARGEST = 9e18
# Seconds before the year 1973 are other numbers.
_SMALLEST = 1e8
_OWN_ZONE = r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"
_DIGITS = r"^(?:19|20)\d{12}$"


def read(lines: Lines, span: Span, zone: pl.Series, clock: Clock) -> tuple[Stamps, Mask]:
    """The times that stand at `span`, and which of them go by `zone`.

    `zone` is what each line says its zone is, or null: it counts where the time names none.
    `exact` is false everywhere.
    """
    text = lines.text(span.start, span.length)
    own = text.str.contains(_OWN_ZONE).to_numpy()
    digits = text.str.contains(_DIGITS).to_numpy()
    result = _iso(lines, span, clock)
    _put(result, np.flatnonzero(digits), _of_digits(text.filter(digits), clock))
    zoned = np.zeros(len(text), bool)
    for name in zone.drop_nulls().unique():
        of_zone = _clock(name, clock)
        rows = np.flatnonzero((zone == name).fill_null(False).to_numpy() & result.ok & ~own)
        if of_zone is None or not len(rows):
            continue
        zoned[rows] = True
        _put(result, rows, _iso(lines, span.take(rows), of_zone))
        rows = rows[digits[rows]]
        _put(result, rows, _of_digits(text.gather(rows), of_zone))
    _put_numbers(result, text, ~result.ok & ~digits)
    return result, zoned


def _clock(zone: str, clock: Clock) -> Clock | None:
    """The clock of a zone that a line names; None where it is no zone."""
    try:
        return Clock(clock.reference, parse_zone(zone), clock.in_order)
    except UserError:
        return None


def _iso(lines: Lines, span: Span, clock: Clock) -> Stamps:
    stamps = iso(lines, span.start, span.start + span.length, clock)
    ok = stamps.ok & (stamps.length == span.length)
    return Stamps(ok, stamps.time.copy(), stamps.zone.copy(), np.zeros(len(ok), bool), span.length)


def _put(into: Stamps, rows: Ints, part: Stamps) -> None:
    into.ok[rows] = part.ok
    into.time[rows] = part.time
    into.zone[rows] = part.zone


def _of_digits(text: pl.Series, clock: Clock) -> Stamps:
    """`YYYYmmddHHMMSS`, on the clock's zone."""
    local = text.str.to_datetime("%Y%m%d%H%M%S", strict=False, time_unit="us").cast(pl.Int64)
    ok = local.is_not_null().to_numpy()
    time = np.full(len(text), NO_TIME, np.int64)
    zone = np.full(len(text), NO_ZONE, np.int16)
    time[ok], zone[ok] = clock.to_utc(local.drop_nulls().to_numpy())
    return Stamps(ok, time, zone, np.zeros(len(text), bool), np.zeros(len(text), np.int64))


def _put_numbers(into: Stamps, text: pl.Series, wanted: Mask) -> None:
    """Numbers since 1970; by their size they are seconds, ms, µs or ns."""
    rows = np.flatnonzero(wanted)
    whole = text.gather(rows).cast(pl.Int64, strict=False)
    number = text.gather(rows).cast(pl.Float64, strict=False).to_numpy()
    number = np.where(np.abs(number) < _LARGEST, number, np.nan)
    size = np.abs(number)
    scale = np.select([size < _MS, size < _US, size < _NS], [1e6, 1e3, 1.0], 1e-3)
    with np.errstate(invalid="ignore"):
        time = np.where(np.isnan(number), 0, np.rint(number * scale)).astype(np.int64)
    exact = whole.is_not_null().to_numpy()
    integer = whole.fill_null(0).to_numpy()
    times = np.select(
        [size < _MS, size < _US, size < _NS], [integer * 1_000_000, integer * 1000, integer],
        integer // 1000,
    )  # fmt: skip
    time = np.where(exact, times, time)
    ok = ~np.isnan(number) & (size >= _SMALLEST) & (time >= EARLIEST)
    into.time[rows[ok]] = time[ok]
    into.zone[rows[ok]] = 0
    into.ok[rows[ok]] = True
