"""Rows as a MariaDB server sends them, read a column at a time.

In MySQL's protocol a row is a packet: its length in three bytes, a running number, and then every
value as text, with its length in front. A driver that makes Python objects of them reads some
hundred thousand values a second; here the bytes stay where they are, and Arrow's string views
point at them.

The protocol: https://mariadb.com/kb/en/result-set-packets/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from siemstress.errors import StoreError

if TYPE_CHECKING:
    Bytes = npt.NDArray[np.uint8]
    Numbers = npt.NDArray[np.int64]

_HEAD = 4
# A packet of this many bytes goes on in the next one.
_LONGEST = 0xFFFFFF
# No server sends a longer row (its max_allowed_packet); views count in 31 bits.
_MOST_BYTES = 1 << 30
_ERROR, _END, _NULL = 0xFF, 0xFE, 0xFB
# The first byte of a length that does not fit into it, and in how many bytes it follows.
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
# A view holds a text of up to 12 bytes itself; of a longer one its first four.
_INLINE = 12


def batches(
    pieces: Iterator[bytes],
    binary: Sequence[bool],
    failed: Callable[[bytes], NoReturn],
    rows: int,
    size: int,
) -> Iterator[list[pa.Array]]:
    """The columns of an answer, of some rows at a time: text, or bytes where `binary` says so.

    `pieces` are what the server sends after it has described the columns. A batch has up to
    `rows` rows, and fewer when they take `size` bytes. `failed` raises what the packet of an
    error says.

    Raises:
        StoreError: the server sends what is no answer.

    """
    rest = bytearray()
    starts: list[int] = []
    ends: list[int] = []
    at, goes_on = 0, False
    for piece in pieces:
        rest += piece
        while len(rest) >= at + _HEAD:
            length = rest[at] | rest[at + 1] << 8 | rest[at + 2] << 16
            if len(rest) < at + _HEAD + length:
                break
            if goes_on:
                # The row is to stand in one piece.
                del rest[at : at + _HEAD]
                at = ends[-1] = at + length
            else:
                first = rest[at + _HEAD] if length else _NULL
                if first == _ERROR:
                    failed(bytes(rest[at + _HEAD : at + _HEAD + length]))
                if first == _END and length < 9:
                    if starts:
                        yield columns(rest[:at], starts, ends, binary)
                    return
                starts.append(at + _HEAD)
                at = at + _HEAD + length
                ends.append(at)
            goes_on = length == _LONGEST
            if not goes_on and (len(starts) >= rows or at >= size):
                yield columns(rest[:at], starts, ends, binary)
                del rest[:at]
                starts, ends, at = [], [], 0
        if len(rest) - at > _MOST_BYTES or at > _MOST_BYTES:
            break
    raise StoreError("the server's answer breaks off")


def columns(
    data: bytes | bytearray, starts: Sequence[int], ends: Sequence[int], binary: Sequence[bool]
) -> list[pa.Array]:
    """The columns of the rows that stand in `data` from each start up to each end.

    Raises:
        StoreError: it is not that.

    """
    # Behind the last value as many bytes are read as behind any other.
    padded = bytes(data) + bytes(_INLINE)
    known = np.frombuffer(padded, np.uint8)
    place, end = np.array(starts, np.int64), np.array(ends, np.int64)
    found = []
    for is_binary in binary:
        start, length, null = _values(known, place, end)
        found.append(_array(padded, known, start, length, null, is_binary))
        place = start + length
    if not np.array_equal(place, end):
        raise StoreError("the server's answer has other columns than it says")
    return found


def _values(
    known: Bytes, place: Numbers, end: Numbers
) -> tuple[Numbers, Numbers, npt.NDArray[np.bool_]]:
    """Where the values begin, how long they are, and which are null."""
    first = known[place]
    null = first == _NULL
    length = np.where(null, 0, first).astype(np.int64)
    start = place + 1
    for mark, width in _WIDTHS.items():
        some = np.flatnonzero(first == mark)
        if len(some):
            digits = known[np.minimum(start[some, None] + np.arange(width), len(known) - 1)]
            length[some] = digits[:, :6].astype(np.int64) @ (1 << 8 * np.arange(min(width, 6)))
            start[some] += width
    if (first == _ERROR).any() or (place >= end).any() or (start + length > end).any():
        raise StoreError("the server's answer is cut off within a row")
    return start, length, null


def _array(
    padded: bytes,
    known: Bytes,
    start: Numbers,
    length: Numbers,
    null: npt.NDArray[np.bool_],
    is_binary: bool,
) -> pa.Array:
    kind = pa.binary_view() if is_binary else pa.string_view()
    if null.all():
        return pa.nulls(len(null), kind)
    views = np.zeros((len(start), 4), np.int32)
    views[:, 0] = length
    head = known[start[:, None] + np.arange(_INLINE)]
    head[np.arange(_INLINE) >= length[:, None]] = 0
    views.view(np.uint8)[:, 4:] = head
    long = np.flatnonzero(length > _INLINE)
    views[long, 2] = 0
    views[long, 3] = start[long]
    valid = np.packbits(~null, bitorder="little") if null.any() else None
    buffers = [None if valid is None else pa.py_buffer(valid), pa.py_buffer(views)]
    array = pa.Array.from_buffers(kind, len(start), [*buffers, pa.py_buffer(padded)])
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as e:
        raise StoreError(f"the server sends what is not UTF-8: {e}") from e
    return array
