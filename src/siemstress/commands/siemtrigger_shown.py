"""What actions of siemtrigger print: tables, pairs, rows for other programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from siemstress.query.times import Zone
from siemstress.render.output import standard_output
from siemstress.render.table import NARROWEST, cell, fold, show_time

if TYPE_CHECKING:
    import polars as pl

_ELLIPSIS = "…"
# Fields that are shown of an event without a message.
_FIELDS = 10


def table(frame: pl.DataFrame, zone: Zone) -> None:
    """Print rows for people: with headings, in columns, columns without any value left out."""
    import pyarrow as pa

    from siemstress.render.table import Table

    kept = [name for name in frame.columns if frame[name].null_count() < len(frame)]
    sys.stdout.flush()
    target = standard_output()
    shown = Table(kept, target, zone=zone)
    arrow = frame.select(kept).to_arrow()
    for batch in pa.Table.from_arrays(list(arrow.columns), kept).to_batches():
        shown.write(batch)
    target.stream.flush()


def tabs(frame: pl.DataFrame) -> None:
    """Print rows for other programs: values with tabs between them, times in UTC."""
    for row in frame.iter_rows():
        print("\t".join(cell(plain_text(value)) for value in row))


def pairs(listed: Sequence[tuple[str, str]]) -> None:
    """Print names and values below each other; those without a value are left out."""
    listed = [(name, text) for name, text in listed if text]
    widest = max((len(name) for name, _ in listed), default=0)
    width = standard_output().width
    for name, text in listed:
        room = None if width is None else max(NARROWEST, width - widest - 2)
        first, *rest = [cell(text)] if room is None else fold(cell(text), room)
        print(f"{name:{widest}}  {first}")
        for more in rest:
            print(" " * (widest + 2) + more)


def event_line(event: Mapping[str, Any], zone: Zone) -> str:
    """An event in one line: when, in which table, its id, who said what, or its first fields."""
    who = f"{event.get('host') or ''} {event.get('process') or ''}".strip()
    fields = (f"{name}={value}" for name, value in (event.get("fields") or ())[:_FIELDS])
    message = " ".join((event.get("message") or " ".join(fields)).split())
    parts = (moment(event["time"], zone), event["table"], str(event["id"]), who, message)
    return "  ".join(part for part in parts if part)


def line(text: str) -> None:
    """Print one line: what steers a terminal made visible, cut where the terminal ends."""
    print(cut(cell(text)))


def cut(text: str) -> str:
    """A text as wide as the terminal at most; whole where there is none."""
    width = standard_output().width
    if width is None or len(text) <= width:
        return text
    return fold(text, max(1, width - 1))[0] + _ELLIPSIS


def moment(time: datetime | None, zone: Zone) -> str:
    """A time (UTC) as people of a zone write it."""
    from siemstress.rules.model import EPOCH, MICROSECOND

    return "" if time is None else show_time((time - EPOCH) // MICROSECOND, zone)


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: times with a Z, maps as objects."""
    return {name: _plain(value) for name, value in row.items()}


def plain_text(value: object) -> str:
    """A value as text for other programs."""
    value = _plain(value)
    return "" if value is None else str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list) and all(
        isinstance(pair, tuple) and len(pair) == 2 for pair in value
    ):
        return dict(value)
    return value
