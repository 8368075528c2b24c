"""Times as users type them: --last, --range and -z; on the inside all is UTC without a zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from siemstress.errors import QueryError

DEFAULT_SPAN = timedelta(hours=24)
MICROSECOND = timedelta(microseconds=1)

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SPAN = re.compile(r"(\d{1,12})([smhdw])", re.ASCII | re.IGNORECASE)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)
_DIGITS = {8: "%Y%m%d", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}

# ISO 8601's extended form, where a fraction or a zone may follow and a space stands for the `T`.
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_START_FINISH = re.compile(
    rf"(?P<start>\d*|{_ISO.pattern})\s*-\s*(?P<finish>\d*|{_ISO.pattern})", re.ASCII | re.IGNORECASE
)

Zone = tzinfo | None
"""A time zone; None is the machine's own."""


@dataclass(frozen=True)
class Moment:
    """A moment as typed: its start and the last microsecond of what it covers, both UTC."""

    first: datetime
    last: datetime


def now() -> datetime:
    """The time in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def parse_span(text: str, key: str) -> timedelta:
    """A span like `5m`, `24h`, `7d`, `30s` or `2w`.

    Raises:
        QueryError: it is none, or nothing; `key` is the flag.

    """
    found = _SPAN.fullmatch(text.strip())
    if found and int(found[1]):
        try:
            return int(found[1]) * _UNITS[found[2].lower()]
        except OverflowError:
            pass
    raise QueryError(f"must be a span like 30s, 5m, 24h, 7d or 2w, not {text[:40]!r}", key=key)


def before(moment: datetime, span: timedelta) -> datetime:
    """The time a span before a moment, or the first there is."""
    try:
        return moment - span
    except OverflowError:
        return datetime.min


def parse_zone(text: str, key: str) -> tzinfo:
    """A zone as an offset to UTC (`+0500`, `-03:30`), `Z`, or a name (`Europe/Berlin`).

    Raises:
        QueryError: there is no such zone; `key` is the flag.

    """
    if text.upper() in ("Z", "UTC"):
        return UTC
    if found := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if int(found[3]) < 60 and offset < timedelta(hours=24):
            return timezone(-offset if found[1] == "-" else offset)
    else:
        try:
            return ZoneInfo(text)
        except (ValueError, OSError, LookupError):
            pass
    raise QueryError(
        f"must be an offset like +0500 or a name like Europe/Berlin, not {text[:40]!r}", key=key
    )


def parse_range(
    text: str, zone: Zone, key: str = "--range"
) -> tuple[datetime | None, datetime | None]:
    """The first and the last moment of START-FINISH; an end that is left out is open.

    The finish counts as a whole: the second, minute or day that it names is part of the range.

    Raises:
        QueryError: it is no such thing, or ends before it starts; `key` is the flag.

    """
    found = _START_FINISH.fullmatch(text.strip())
    if not found or not (found["start"] or found["finish"]):
        raise QueryError(
            "must be START-FINISH, each YYYYmmddHHMMSS, YYmmddHHMMSS, YYYYmmdd or like "
            f"2026-10-14T04:11:30, not {text[:60]!r}",
            key=key,
        )
    start = parse_moment(found["start"], zone, key) if found["start"] else None
    finish = parse_moment(found["finish"], zone, key) if found["finish"] else None
    if start and finish and finish.last < start.first:
        raise QueryError("ends before it starts", key=key)
    return start.first if start else None, finish.last if finish else None


def parse_moment(text: str, zone: Zone, key: str) -> Moment:
    """A moment as digits or in ISO 8601's form; without a zone of its own it is in `zone`.

    Raises:
        QueryError: it is none; `key` is the flag.

    """
    try:
        local, unit, own = _read(text, key)
        return Moment(
            min(_utc(local, zone if own is None else own)),
            max(_utc(local + unit - MICROSECOND, zone if own is None else own)),
        )
    except (ValueError, OverflowError):
        raise QueryError(f"there is no time {text[:40]!r}", key=key) from None


def _read(text: str, key: str) -> tuple[datetime, timedelta, tzinfo | None]:
    """The local time, how long the last of its written parts lasts, and its own zone."""
    if text.isdecimal():
        if len(text) not in _DIGITS:
            raise ValueError(text)
        unit = _UNITS["d"] if len(text) == 8 else _UNITS["s"]
        return datetime.strptime(text, _DIGITS[len(text)]), unit, None
    found = _ISO.fullmatch(text)
    if not found:
        raise ValueError(text)
    day, minute, second, fraction, zone = found.groups()
    if minute is None:
        return datetime.fromisoformat(day), _UNITS["d"], None
    local = datetime.fromisoformat(f"{day} {minute}:{second or '00'}")
    unit = _UNITS["s"] if second else _UNITS["m"]
    if fraction:
        local += timedelta(microseconds=int(fraction.ljust(6, "0")))
        unit = MICROSECOND * 10 ** (6 - len(fraction))
    return local, unit, parse_zone(zone, key) if zone else None


def _utc(local: datetime, zone: Zone) -> tuple[datetime, datetime]:
    """The local time in UTC: both times, where clocks were put back or forward over it."""
    first, second = (
        local.replace(tzinfo=zone, fold=fold).astimezone(UTC).replace(tzinfo=None)
        for fold in (0, 1)
    )
    return first, second
