"""Counts over time as bars, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

from siemstress.render.output import Target

# Of a line, where no terminal says otherwise.
WIDTH = 100

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bars(counts: Sequence[tuple[str, int]], target: Target) -> None:
    """Write a line for each count: its label, the number, and a bar."""
    if not counts:
        return
    numbers = [f"{count:,}" for _, count in counts]
    digits = max(map(len, numbers))
    labels = max(len(label) for label, _ in counts)
    room = max(10, (target.width or WIDTH) - labels - digits - 4)
    largest = max(1, *(count for _, count in counts))
    plain = not _can_write(_EIGHTHS, target.encoding)
    for (label, count), number in zip(counts, numbers, strict=True):
        bar = _bar(count / largest * room, plain=plain)
        line = f"{label:{labels}}  {number:>{digits}}  {bar}".rstrip()
        target.stream.write(f"{line}\n".encode(target.encoding))


def _bar(cells: float, *, plain: bool) -> str:
    if plain:
        return "#" * max(round(cells), cells > 0)
    eighths = max(round(cells * 8), int(cells > 0))
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def labels(starts: Iterable[datetime], zone: tzinfo | None) -> list[str]:
    """Starts of buckets, in UTC without a zone, as a person of the zone writes them.

    What is zero in all of them is left out: seconds, and the time of day.
    """
    local = [_local(start, zone) for start in starts]
    form = "%Y-%m-%d %H:%M:%S"
    if not any(moment.second for moment in local):
        form = "%Y-%m-%d %H:%M"
        if not any(moment.hour or moment.minute for moment in local) and len(local) > 1:
            form = "%Y-%m-%d"
    return [moment.strftime(form) for moment in local]


def _local(moment: datetime, zone: tzinfo | None) -> datetime:
    try:
        return moment.replace(tzinfo=UTC).astimezone(zone)
    except (OverflowError, ValueError):
        return moment
