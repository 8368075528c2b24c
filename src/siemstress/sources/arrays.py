"""A JSON array as a stream of lines, one for each of its items.

The array may be all there is, or be wrapped in an object of which it is the first value, as in
`{"Records":[…]}`: then only its items that are objects count, and nothing else of the wrapping.

Line breaks between the parts of an item become blanks; everything else of it stays as it is. What
is not an array passes through. Nothing is held but the piece that is being read: how large the
array is does not matter.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from siemstress.sources.chunks import ByteStream

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_PIECE = 1 << 20
_FEED, _RETURN, _BLANK, _TAB, _QUOTE, _COMMA, _BACKSLASH = 10, 13, 32, 9, 34, 44, 92
_OPENING, _CLOSING = (91, 123), (93, 125)  # brackets and braces
# What AWS, Azure and Microsoft's services wrap arrays in.
_WRAPPED = re.compile(rb"""\s*\{\s*"(?:Records|records|value)"\s*:\s*\[\s*(?:\{|\Z)""")
_ALONE = re.compile(rb"""\s*\[[ \t]*\r?\n\s*\{""")
# So many bytes tell what there is.
_HEAD = 256


def begins_array(head: bytes) -> bool:
    """Whether what begins so is no log but one array, printed over lines, or a wrapped one."""
    return _ALONE.match(head) is not None or _WRAPPED.match(head) is not None


class ArrayLines:
    """The items of the array in a stream, as lines."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._buffer = memoryview(bytearray(_PIECE))
        self._ready = memoryview(b"")
        self._is_array: bool | None = None
        # How deep the items' array stands, in how many brackets and braces.
        self._level = 1
        # How things stand at the end of what has been read.
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._at_line_start = True

    def readinto(self, buffer: memoryview, /) -> int:
        """Lines, up to a buffer full; 0 at the end."""
        while not self._ready:
            got = self._stream.readinto(self._buffer)
            if not got:
                return 0
            self._ready = memoryview(self._lines(bytes(self._buffer[:got])))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _lines(self, piece: bytes) -> bytes:
        if self._is_array is None:
            start = piece.lstrip(b" \t\r\n")
            if not start:
                return b""
            self._is_array = start.startswith(b"[")
            if _WRAPPED.match(piece[:_HEAD]):
                self._is_array, self._level = True, 2
        return self._items(piece) if self._is_array else piece

    def _items(self, piece: bytes) -> bytes:
        text = np.frombuffer(piece, np.uint8).copy()
        outside = ~self._strings(text)
        opening = np.isin(text, _OPENING) & outside
        closing = np.isin(text, _CLOSING) & outside
        # How deep each byte stands: both brackets count as inside.
        after = self._depth + np.cumsum(opening.astype(np.int64) - closing)
        inside = after + closing
        self._depth = int(after[-1])
        breaks = outside & ((text == _FEED) | (text == _RETURN))
        space = breaks | (outside & ((text == _BLANK) | (text == _TAB)))
        text[breaks] = _BLANK
        level = self._level
        between = (inside == level) & outside
        ends = between & ((text == _COMMA) | closing)
        text[ends] = _FEED
        dropped = (space & (inside <= level)) | (between & opening)
        if level > 1:
            dropped |= (inside <= level) & ~ends
        return self._without_empty(text[~dropped])

    def _without_empty(self, text: Bytes) -> bytes:
        """Without lines that hold nothing: of an empty array, behind its last comma."""
        if not len(text):
            return b""
        feed = text == _FEED
        before = np.empty(len(text), bool)
        before[0] = self._at_line_start
        before[1:] = feed[:-1]
        self._at_line_start = bool(feed[-1])
        return bytes(text[~(feed & before)].data)

    def _strings(self, text: Bytes) -> Mask:
        """Which bytes belong to strings; a closing quote does not count."""
        quotes = text == _QUOTE
        escaped = self._escapes(text)
        quotes &= ~escaped
        within: Mask = (np.cumsum(quotes) + self._in_string) % 2 == 1
        self._in_string = bool(within[-1])
        return within

    def _escapes(self, text: Bytes) -> Mask:
        """Which bytes have an odd number of backslashes in a row before them."""
        back = text == _BACKSLASH
        number = np.arange(len(text))
        # Where the row of backslashes that ends before a byte begins.
        last_other = np.maximum.accumulate(np.where(back, -1, number))
        count = number - last_other
        first_row = last_other < 0
        count[first_row] = number[first_row] + 1 + self._escaped
        odd = back & (count % 2 == 1)
        escaped = np.empty(len(text), bool)
        escaped[0] = self._escaped
        escaped[1:] = odd[:-1]
        self._escaped = bool(odd[-1])
        return escaped
