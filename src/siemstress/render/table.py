"""Rows as a table for people: columns side by side, fitted to the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, chop_cells

from siemstress.render.output import Target
from siemstress.render.text import visible

if TYPE_CHECKING:
    import pyarrow as pa

GAP = 2
NARROWEST = 8

# Without a terminal's width: longer values stick out. With one: they end in an ellipsis.
WIDEST = 64
LONGEST = 4_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


class Table:
    """Writes batches as lines of columns whose widths follow from the first batch.

    Where the target has a width, longer values go on in the next line; without one, a row is one
    line however long. Where the columns cannot be narrow enough, they stand one below the other.
    Times are shown in `zone` (None: the machine's own). What could steer a terminal is written as
    escapes.
    """

    def __init__(
        self, columns: Sequence[str], target: Target, *, zone: tzinfo | None = None
    ) -> None:
        self._columns = columns
        self._target = target
        self._width = target.width
        self._zone = zone
        self._widths: list[int] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch's rows."""
        if not batch.num_rows:
            return
        columns = [_cells(column, self._zone) for column in batch.columns]
        right = [_is_number(kind) for kind in batch.schema.types]
        headings = [cell(name) for name in self._columns]
        if self._width and len(headings) * (NARROWEST + GAP) > self._width:
            self._put(self._records(headings, zip(*columns, strict=True)))
            return
        if not self._widths:
            folds = [_is_text(kind) for kind in batch.schema.types]
            self._widths = self._fitted(headings, columns, folds)
            self._put(self._lines([headings], right), bold=self._target.may_colour)
        self._put(self._lines(zip(*columns, strict=True), right))

    def close(self) -> None:
        """Nothing stands behind the last row."""

    def _put(self, lines: Iterable[str], *, bold: bool = False) -> None:
        text = "".join(f"{_BOLD}{line}{_PLAIN}\n" if bold else f"{line}\n" for line in lines)
        self._target.stream.write(text.encode(self._target.encoding, "backslashreplace"))

    def _fitted(
        self, headings: Sequence[str], columns: Sequence[Sequence[str]], folds: Sequence[bool]
    ) -> list[int]:
        """The widths of the columns, narrower than they would be where the terminal ends."""
        widths = [
            max(map(_length, (heading, *cells)))
            for heading, cells in zip(headings, columns, strict=True)
        ]
        if self._width is None:
            return [min(width, WIDEST) for width in widths]
        excess = sum(widths) + GAP * (len(widths) - 1) - self._width
        # Texts fold well; numbers and times only where there is no other way.
        texts = [n for n in range(len(widths)) if folds[n]]
        for places in (texts, range(len(widths))):
            while excess > 0 and places and (most := max(widths[n] for n in places)) > NARROWEST:
                # The widest gives, down to the next widest, which then gives with it.
                widest = next(n for n in places if widths[n] == most)
                others = (widths[n] for n in places if widths[n] < most)
                given = max(1, min(excess, most - max(NARROWEST, *others, NARROWEST)))
                widths[widest] -= given
                excess -= given
        return widths

    def _lines(self, rows: Iterable[Sequence[str]], right: Sequence[bool]) -> Iterator[str]:
        widths = self._widths
        places = range(len(widths))
        for row in rows:
            lengths = [_length(text) for text in row]
            if self._width is None or all(lengths[n] <= widths[n] for n in places):
                yield _line(row, lengths, widths, right)
                continue
            folded = [fold(_cut(text), widths[n]) for n, text in enumerate(row)]
            for number in range(max(map(len, folded))):
                parts = [part[number] if number < len(part) else "" for part in folded]
                yield _line(parts, [_length(text) for text in parts], widths, right)

    def _records(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
        """The rows' columns one below the other, those that are empty left out."""
        indent = max(map(_length, headings)) + GAP
        for row in rows:
            for heading, text in zip(headings, row, strict=True):
                if text:
                    room = max(NARROWEST, (self._width or WIDEST) - indent)
                    first, *rest = fold(_cut(text), room)
                    yield heading + " " * (indent - _length(heading)) + first
                    yield from (" " * indent + line for line in rest)
            yield ""


def _line(
    row: Sequence[str], lengths: Sequence[int], widths: Sequence[int], right: Sequence[bool]
) -> str:
    parts = []
    for text, length, width, is_number in zip(row, lengths, widths, right, strict=True):
        blanks = " " * (width - length)
        parts.append(blanks + text if is_number else text + blanks)
    return (" " * GAP).join(parts).rstrip()


def cell(value: str) -> str:
    """A text on one line, with nothing in it that steers a terminal."""
    return visible(value).replace("\n", "\\n").replace("\t", "\\t")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def fold(text: str, width: int) -> list[str]:
    """The text in lines of so many cells at most, broken at blanks where there are some."""
    lines = []
    while _length(text) > width:
        head = chop_cells(text[: width + 1], width)[0]
        blank = head.rfind(" ")
        if blank > len(head) // 2 and text[len(head) : len(head) + 1] != " ":
            head = head[:blank]
        lines.append(head.rstrip(" "))
        text = text[len(head) :].lstrip(" ")
    return [*lines, text]


def show_time(micros: int, zone: tzinfo | None) -> str:
    """A time given in microseconds since 1970, UTC, as a person of the zone writes it."""
    try:
        moment = (_EPOCH + timedelta(microseconds=micros)).astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return f"{micros} µs"
    text = moment.strftime("%Y-%m-%d %H:%M:%S") if moment.year > 999 else str(moment)[:19]
    if not moment.microsecond:
        return text
    return f"{text}.{moment.microsecond:06}".removesuffix("000")


def _length(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_nested(kind)
    )


def _cells(array: pa.Array, zone: tzinfo | None) -> list[str]:
    import pyarrow as pa

    kind = array.type
    show: Callable[[Any], str] = lambda value: cell(str(value))  # noqa: E731
    if pa.types.is_timestamp(kind):
        if kind.unit != "us":
            array = array.cast(pa.timestamp("us"), safe=False)
        array = array.view(pa.int64())
        show = lambda micros: show_time(micros, zone)  # noqa: E731
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        show = lambda value: cell(value.decode("utf-8", "backslashreplace"))  # noqa: E731
    elif pa.types.is_map(kind):
        show = _map_cell
    elif pa.types.is_boolean(kind):
        show = lambda value: "yes" if value else "no"  # noqa: E731
    return ["" if value is None else show(value) for value in array.to_pylist()]


def _map_cell(pairs: Sequence[tuple[object, object]]) -> str:
    return " ".join(cell(f"{key}={'' if value is None else value}") for key, value in pairs)
