"""When the original's events were, in UTC.

It stored the stamp as written, in later releases the same in UTC, and an offset, whose sign it
often got wrong. So the time in UTC counts where it is stored; where not, the stamp with the offset
as it is stored, or with the zone that the user names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

_MINUTE = 60_000_000
# No zone is farther from UTC, in minutes.
_FARTHEST = 18 * 60


@dataclass(frozen=True)
class Times:
    """Times in UTC, when the rows were read then, offsets as `+05:00`; and stamps that are none."""

    time: pl.Series
    received: pl.Series
    zone: pl.Series
    unread: pl.Series | None


def times_of(
    given: Mapping[str, pl.Series],
    moments: Mapping[str, pl.Series],
    count: int,
    now: datetime,
    zone: str | int | None,
) -> Times:
    """The times of some rows, by the columns `given` as texts, and what the server takes them for.

    The keys are folded. A row without any time has the one when it was parsed, or else `now`,
    which is also when it was received unless that is stored.
    """
    nothing = pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, count)
    local = _read(given.get("datestamp"), nothing)
    utc = _read(given.get("datestamputc"), nothing)
    parsed_at = _moment(moments.get("parsedat"), nothing)
    received = parsed_at.fill_null(now)
    offset = _offsets(given.get("tzone"), count)
    by_zone = local - _duration(offset)
    if zone is not None:
        by_zone, offset = _in_zone(local, zone)
    by_server = _moment(moments.get("datestamp"), nothing)
    time = utc.fill_null(by_zone).fill_null(by_server).fill_null(received)
    # The stamp and its time in UTC say more of the offset than what is stored of it.
    apart = ((local - utc).dt.total_seconds() / 60).round()
    offset = apart.cast(pl.Int64).zip_with(apart.is_not_null(), offset)
    offset = offset.set(offset.abs() > _FARTHEST, None).set(local.is_null(), None)
    text = given.get("datestamp", pl.Series([None], dtype=pl.String).new_from_index(0, count))
    lost = text.set(local.is_not_null() | utc.is_not_null(), None)
    unread = lost if lost.null_count() < count else None
    return Times(time.rename("time"), received, _spelled(offset), unread)


def wrong_sign(given: Mapping[str, pl.Series], moments: Mapping[str, pl.Series]) -> str | None:
    """The offset of a row, where it is the opposite of the server's and no time in UTC is stored.

    It then most likely has the wrong sign. `given` and `moments` are as for `times_of`.
    """
    if "datestamputc" in given or not {"datestamp", "tzone"} <= given.keys():
        return None
    count = len(given["tzone"])
    nothing = pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, count)
    by_server = _read(given["datestamp"], nothing) - _moment(moments.get("datestamp"), nothing)
    stored = _offsets(given["tzone"], count)
    opposite = (stored != 0) & (_duration(stored) == -by_server)
    rows = opposite.fill_null(value=False).arg_true()
    return str(given["tzone"][rows[0]]) if len(rows) else None


def _read(text: pl.Series | None, nothing: pl.Series) -> pl.Series:
    """Times as the server writes them; null for what is none."""
    if text is None:
        return nothing
    read = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return read.set(read.dt.year() < 1, None)


def _moment(text: pl.Series | None, nothing: pl.Series) -> pl.Series:
    """Moments in µs since 1970; what the server gives for no moment is 0."""
    if text is None:
        return nothing
    number = text.cast(pl.Int64, strict=False)
    return number.set(number <= 0, None).cast(pl.Datetime("us"))


def _offsets(text: pl.Series | None, count: int) -> pl.Series:
    """`+0500` in minutes; null for what is none."""
    if text is None:
        return pl.Series([None], dtype=pl.Int64).new_from_index(0, count)
    parts = text.str.strip_chars().str.extract_groups(r"^([+-])(\d\d):?(\d\d)$").struct
    sign = parts.field("1").replace_strict({"+": 1, "-": -1}, default=None, return_dtype=pl.Int64)
    hours, minutes = (parts.field(n).cast(pl.Int64, strict=False) for n in ("2", "3"))
    found = sign * (hours * 60 + minutes)
    return found.set((found.abs() > _FARTHEST) | (minutes > 59), None)


def _in_zone(local: pl.Series, zone: str | int) -> tuple[pl.Series, pl.Series]:
    """Local times in UTC, and their offsets in minutes. Of one that comes twice, the first."""
    if isinstance(zone, int):
        offset = pl.Series([zone], dtype=pl.Int64).new_from_index(0, len(local))
        return local - _duration(offset), offset
    zoned = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    utc = zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return utc, (local - utc).dt.total_minutes()


def _duration(minutes: pl.Series) -> pl.Series:
    return (minutes * _MINUTE).cast(pl.Duration("us"))


def _spelled(minutes: pl.Series) -> pl.Series:
    """Offsets as `+05:00`."""
    frame = pl.DataFrame({"m": minutes}).select(
        pl.format(
            "{}{}:{}",
            pl.when(pl.col("m") < 0).then(pl.lit("-")).otherwise(pl.lit("+")),
            (pl.col("m").abs() // 60).cast(pl.String).str.zfill(2),
            (pl.col("m").abs() % 60).cast(pl.String).str.zfill(2),
        )
    )
    return frame.to_series().set(minutes.is_null(), None).rename("zone")
