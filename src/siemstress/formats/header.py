"""What a log format finds out about a batch of lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from siemstress.formats.stamps import NO_TIME, NO_ZONE
from siemstress.sources.lines import LOW_BYTES, PADDING, Ints, Lines, Mask, Words

Codes = npt.NDArray[np.int8]

# Lines that are less than one in so many of their buffer's bytes are worth copying.
_COMPACT = 4


@dataclass(frozen=True)
class Span:
    """Parts of lines: int64 starts in the buffer and lengths, negative where there is none."""

    start: Ints
    length: Ints

    def take(self, rows: Ints) -> Span:
        """The spans of some rows."""
        return Span(self.start[rows], self.length[rows])


@dataclass(frozen=True)
class Extra:
    """Fields whose names only the lines know, in the order of the lines.

    `row` is a line's number; name and value stand in the buffer. No line has a name twice.
    """

    row: Ints
    name: Span
    value: Span

    def take(self, rows: Ints, count: int) -> Extra:
        """Those of some of `count` lines, which get new numbers; `rows` ascend."""
        number = np.full(count, -1, np.int64)
        number[rows] = np.arange(len(rows))
        row = number[self.row]
        kept = np.flatnonzero(row >= 0)
        return Extra(row[kept], self.name.take(kept), self.value.take(kept))


@dataclass
class Header:
    """The head of each line of a batch, and where the message behind it stands.

    All arrays are one entry a line of `lines`. `time` is µs since 1970 in UTC or NO_TIME; `zone`
    minutes east of UTC, NO_ZONE or ZULU; `pid`, `facility` and `severity` are -1 where there is
    none. `spans` are columns by name, and so are `values`, texts that stand nowhere in the lines:
    they come first. `fields` and `extra` go into the map. `rebuilt` says for which lines the
    format's layout gives back the very same line from what is stored. `program` names the message
    tables to use instead of those of the line's process.
    """

    lines: Lines
    format: str
    message: Span
    time: Ints
    zone: npt.NDArray[np.int16]
    spans: dict[str, Span] = field(default_factory=dict)
    values: dict[str, pl.Series] = field(default_factory=dict)
    fields: dict[str, Span] = field(default_factory=dict)
    extra: Extra | None = None
    pid: Ints | None = None
    facility: Codes | None = None
    severity: Codes | None = None
    rebuilt: Mask | None = None
    program: str | None = None
    parsed: bool = True

    def __len__(self) -> int:
        return len(self.lines)

    def begins(self, *texts: str) -> Mask:
        """Which messages begin with one of some texts."""
        return self._begins(self.message, self._message_words, texts)

    def process_begins(self, *texts: str) -> Mask:
        """Which lines' processes begin with one of some texts."""
        process = self.spans.get("process")
        if process is None:
            return np.zeros(len(self), bool)
        return self._begins(process, self._process_words, texts)

    @cached_property
    def braced(self) -> Mask:
        """Which messages begin with a brace, perhaps behind `@cee:`."""
        found: Mask = (self._message_words & LOW_BYTES[1]) == ord("{")
        found &= self.message.length > 1
        if (marked := self.begins("@cee:")).any():
            found |= marked
        return found

    def _begins(self, span: Span, words: Words, texts: tuple[str, ...]) -> Mask:
        found = np.zeros(len(self), bool)
        # By two bytes most lines are out; only what is left is looked at.
        rows = np.flatnonzero(_first_bytes(texts)[words.astype(np.uint16)])
        if not len(rows):
            return found
        start, length, words = span.start[rows], span.length[rows], words[rows]
        some = np.zeros(len(rows), bool)
        for text in texts:
            head = text.encode()[:8]
            wanted = np.uint64(int.from_bytes(head, "little"))
            same: Mask = (words & LOW_BYTES[len(head)]) == wanted
            if len(text.encode()) > 8:
                same &= self.lines.stands(start, start + length, text.encode())
            else:
                same &= length >= len(head)
            some |= same
        found[rows[some]] = True
        return found

    @cached_property
    def _message_words(self) -> Words:
        return self.lines.words[self.message.start]

    @cached_property
    def _process_words(self) -> Words:
        return self.lines.words[self.spans["process"].start]

    def compact(self) -> Header:
        """The same with the lines in a buffer of their own, if they are a small part of theirs.

        What works on few lines of many copies no more than these then.
        """
        starts, ends = self.lines.starts, self.lines.ends
        sizes = ends - starts + 1
        total = int(sizes.sum())
        spans = [self.message, *self.spans.values(), *self.fields.values()]
        elsewhere = self.extra is not None or any(
            ((s.length > 0) & ((s.start < starts) | (s.start > ends))).any() for s in spans
        )
        if elsewhere or _COMPACT * total > len(self.lines.buffer):
            return self
        places = np.zeros(len(self) + 1, np.int64)
        np.cumsum(sizes, out=places[1:])
        moved = places[:-1] - starts
        buffer = np.zeros(total + PADDING, np.uint8)
        buffer[:total] = self.lines.buffer[np.arange(total) - np.repeat(moved, sizes)]
        lines = Lines(buffer, places[:-1], places[1:] - 1)

        def shifted(span: Span) -> Span:
            inside = (span.start >= starts) & (span.start <= ends)
            return Span(np.where(inside, span.start + moved, 0), span.length)

        return replace(
            self,
            lines=lines,
            message=shifted(self.message),
            spans={name: shifted(span) for name, span in self.spans.items()},
            fields={name: shifted(span) for name, span in self.fields.items()},
        )

    def take(self, rows: Ints) -> Header:
        """Some of the lines."""
        return Header(
            lines=self.lines.take(rows),
            format=self.format,
            message=self.message.take(rows),
            time=self.time[rows],
            zone=self.zone[rows],
            spans={name: span.take(rows) for name, span in self.spans.items()},
            values={name: text.gather(rows) for name, text in self.values.items()},
            fields={name: span.take(rows) for name, span in self.fields.items()},
            extra=None if self.extra is None else self.extra.take(rows, len(self)),
            pid=None if self.pid is None else self.pid[rows],
            facility=None if self.facility is None else self.facility[rows],
            severity=None if self.severity is None else self.severity[rows],
            rebuilt=None if self.rebuilt is None else self.rebuilt[rows],
            program=self.program,
            parsed=self.parsed,
        )


@cache
def _first_bytes(texts: tuple[str, ...]) -> Mask:
    """Which two bytes, as a little-endian number, some texts begin with."""
    table = np.zeros((256, 256), bool)
    for text in texts:
        head = text.encode()
        table[head[1] if len(head) > 1 else slice(None), head[0]] = True
    return table.ravel()


def unread(lines: Lines) -> Header:
    """The header of lines that no format reads: all is message, nothing is known."""
    count = len(lines)
    return Header(
        lines=lines,
        format="",
        message=Span(lines.starts, lines.ends - lines.starts),
        time=np.full(count, NO_TIME, np.int64),
        zone=np.full(count, NO_ZONE, np.int16),
        rebuilt=np.ones(count, bool),
        parsed=False,
    )
