"""Counts over time as bars, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bars(counts: Sequence[tuple[str, int]], width: int, *, encoding: str = "utf-8") -> list[str]:
    """A line for each count: its label, the number, and a bar; `width` is the terminal's."""
    if not counts:
        return []
    numbers = [f"{count:,}" for _, count in counts]
    digits = max(map(len, numbers))
    room = max(10, width - max(len(label) for label, _ in counts) - digits - 4)
    largest = max(1, *(count for _, count in counts))
    plain = not _can_write(_EIGHTHS, encoding)
    return [
        f"{label}  {number:>{digits}}  {_bar(count / largest * room, plain=plain)}".rstrip()
        for (label, count), number in zip(counts, numbers, strict=True)
    ]


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


def label(moment: datetime, zone: tzinfo | None, *, seconds: bool, days: bool) -> str:
    """The start of a bucket, given in UTC with its zone, as a person of the zone writes it."""
    local = moment.astimezone(zone)
    if days:
        return f"{local:%Y-%m-%d}"
    return f"{local:%Y-%m-%d %H:%M:%S}" if seconds else f"{local:%Y-%m-%d %H:%M}"
