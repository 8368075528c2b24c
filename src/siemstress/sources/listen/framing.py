"""Where in a stream messages end: RFC 6587, octet counting or a line feed, told apart by itself.

A stream that begins with a number, a blank and `<` counts octets (section 3.4.1), as RFC 5425
does; any other has a message a line (section 3.4.2). One that stops to count where a number
should be goes on with a message a line.
"""

from __future__ import annotations

import re

_COUNT = re.compile(rb"([1-9][0-9]{0,8}) ")
_COUNTED = re.compile(rb"[1-9][0-9]{0,8} <")
# What may yet become a count, and a message behind it.
_UNDECIDED = re.compile(rb"[1-9][0-9]{0,8} ?\Z")
_UNFINISHED = re.compile(rb"[1-9][0-9]{0,8}\Z")


class Framing:
    """Makes whole lines of one stream; a line of more than `longest` bytes comes in parts."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._left = b""
        self._counted: bool | None = None
        # Of a message that is longer than may be, what has not come yet.
        self._owed = 0

    def add(self, data: bytes) -> bytes:
        """What has come, to lines that each end with a line feed."""
        if self._left:
            data = self._left + data
            self._left = b""
        if self._counted is None:
            if _UNDECIDED.match(data):
                self._left = data
                return b""
            self._counted = _COUNTED.match(data) is not None
        if not self._counted:
            return self._lines(data)
        parts: list[bytes] = []
        place = self._messages(data, parts)
        if self._counted:
            self._left = data[place:]
        else:
            parts.append(self._lines(data[place:]))
        return b"".join(parts)

    @property
    def kept(self) -> int:
        """Bytes that are kept of a line whose end has not come."""
        return len(self._left)

    def part(self) -> bytes:
        """What there is of such a line, as if it were too long; empty before a message begins."""
        if not self._left or self._counted is None:
            return b""
        left, self._left = self._left, b""
        if self._counted and not self._owed:
            match = _COUNT.match(left)
            if match is None or match.end() == len(left):
                # As yet there is nothing of the message itself.
                self._left = left
                return b""
            left = left[match.end() :]
            self._owed = int(match[1])
        self._owed = max(0, self._owed - len(left))
        return left + b"\n"

    def rest(self) -> bytes:
        """The last line, if it lacks its end."""
        left, self._left = self._left, b""
        if self._counted and not self._owed and (match := _COUNT.match(left)):
            left = left[match.end() :]
        return left

    def _lines(self, data: bytes) -> bytes:
        end = data.rfind(b"\n") + 1
        self._left = data[end:]
        if len(self._left) < self._longest:
            return data[:end]
        part, self._left = self._left, b""
        return data[:end] + part + b"\n"

    def _messages(self, data: bytes, parts: list[bytes]) -> int:
        """Take the messages that are whole; where the next one begins."""
        place, size = 0, len(data)
        if self._owed:
            place = self._take_owed(data, 0, parts)
            if self._owed:
                return place
        while place < size:
            match = _COUNT.match(data, place)
            if match is None:
                if data[place] == 10:
                    # Some put a line feed behind a message all the same.
                    place += 1
                    continue
                self._counted = _UNFINISHED.match(data, place) is not None
                return place
            begin = match.end()
            end = begin + int(match[1])
            if end - begin > self._longest:
                self._owed = end - begin
                place = self._take_owed(data, begin, parts)
                if self._owed:
                    return place
                continue
            if end > size:
                return place
            message = data[begin:end]
            parts.append(message if message.endswith(b"\n") else message + b"\n")
            place = end
        return place

    def _take_owed(self, data: bytes, place: int, parts: list[bytes]) -> int:
        """Take parts of a message that is longer than may be."""
        while self._owed:
            part = data[place : place + min(self._owed, self._longest)]
            if len(part) < min(self._owed, self._longest):
                break
            parts.append(part + b"\n")
            place += len(part)
            self._owed -= len(part)
        return place
