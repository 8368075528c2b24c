"""What a source says about its own lines: the lines of it that tell what stands in later ones.

Zeek's logs, and those in W3C's extended format, say in lines that begin with `#` what the parts of
the lines behind them mean; a CSV file says so in its first line. A `Heading` is what has been said
so far. Whoever reads a source keeps one up to date, and gives each chunk that which holds where it
begins, so that chunks may be parsed in any order, and in any process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from siemstress.sources.chunks import Buffer
    from siemstress.sources.files import LogFile
    from siemstress.sources.lines import Ints, Lines

# Zeek's directives (ASCII writer), and those of the W3C's extended log file format.
_TELLS = re.compile(
    rb"#(?:(?P<zeek>separator|set_separator|empty_field|unset_field|path|fields|types|close)"
    rb"(?![A-Za-z0-9_:])|(?P<w3c>(?i:fields|date|time format)):)"
)
_NAMES = re.compile(rb"[a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*){4,}\Z")
_WORD = 16
_BOM = b"\xef\xbb\xbf"
_FEED, _SHARP = 10, 35
# Headings for one batch of lines, at the most.
_MOST = 512
# Longer lines are no headings.
_LONGEST = 1 << 16
# How much is looked at once: what is made of it meanwhile stays in the cache.
_BLOCK = 1 << 18
_READ = 8 << 20
# What a file must begin with, within so many bytes, to be looked through for headings.
_HEAD = 1 << 16


@dataclass(frozen=True)
class Heading:
    """What a source has said so far.

    `first` is its first line, None before there is one; `told` the lines with `#` that hold now.
    `cut` is true where the last line goes on in what follows.
    """

    first: bytes | None = None
    told: tuple[bytes, ...] = ()
    cut: bool = False

    @cached_property
    def text(self) -> str:
        """What the lines with `#` say, as it is stored."""
        return b"\n".join(self.told).decode()

    @classmethod
    def of(cls, text: str) -> Heading:
        """The heading of a stored text, which may as well be a first line."""
        data = text.encode()
        told = tuple(data.split(b"\n")) if _TELLS.match(data) else ()
        return Heading(b"" if told else data, told)

    def after(self, data: Buffer) -> Heading:
        """What holds behind some more bytes of the source."""
        if not len(data):
            return self
        heading = self._after_start(data)
        for at in _sharps(data):
            heading = heading.told_by(_line(data, at))
        cut = int(data[-1]) != _FEED
        return heading if heading.cut == cut else replace(heading, cut=cut)

    def _after_start(self, data: Buffer) -> Heading:
        """What holds behind the first line of some bytes."""
        if self.cut:
            return self
        if self.first is None:
            line = _line(data, 0)
            return replace(self, first=_plain(line)).told_by(line)
        return self.told_by(_line(data, 0)) if int(data[0]) == _SHARP else self

    def told_by(self, line: bytes) -> Heading:
        """What holds behind a line."""
        line = line.removeprefix(_BOM) if line[:1] == _BOM[:1] else line
        found = _TELLS.match(line)
        if found is None:
            return self
        if found["zeek"] == b"close":
            return replace(self, told=())
        if len(line) >= _LONGEST:
            return replace(self, told=())
        # A separator begins a log's heading, whatever stood before.
        kept = () if found["zeek"] == b"separator" else self.told
        word = found[0].lower()
        of_kind = (b"#", found["w3c"] is not None)
        others = (o for o in kept if _kind(o) == of_kind and not o.lower().startswith(word))
        told = (*others, _plain(line))
        if any(o[:8].lower() == b"#fields:" and b" date " in o.lower() + b" " for o in told):
            told = tuple(o for o in told if not o.lower().startswith(b"#date:"))
        return replace(self, told=told)


START = Heading()
"""What is known at the start of a source."""


@dataclass(frozen=True)
class Described:
    """Which heading holds for each line: its place in `headings`, or -1."""

    headings: tuple[Heading, ...]
    number: Ints

    def take(self, rows: Ints) -> Described:
        """For some of the lines."""
        return Described(self.headings, self.number[rows])

    def rows(self) -> Iterator[tuple[Heading, Ints]]:
        """The lines of each heading."""
        order = np.argsort(self.number, kind="stable")
        edges = np.searchsorted(self.number[order], np.arange(len(self.headings) + 1))
        for place, heading in enumerate(self.headings):
            if edges[place] < edges[place + 1]:
                yield heading, order[edges[place] : edges[place + 1]]


def key(text: str) -> str:
    """A short name of a heading's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def describe(lines: Lines, headings: Sequence[Heading | None], counts: Ints) -> Described | None:
    """The headings of lines that come in runs of `counts`; None where nothing is said of any.

    `headings` are those that hold where each run begins; None: not known, nor known further on.
    Of more headings than anybody has in earnest, those beyond are not known either.
    """
    if not len(lines):
        return None
    sharp = lines.buffer[lines.starts] == _SHARP
    sharps = np.flatnonzero(sharp & _may_tell(lines, sharp))
    if not len(sharps) and all(h is None or not (h.first is None or _matters(h)) for h in headings):
        return None
    numbers: dict[Heading, int] = {}
    changes: list[tuple[int, int]] = []
    ends = np.cumsum(counts)
    for run, heading in enumerate(headings):
        begin, end = int(ends[run] - counts[run]), int(ends[run])
        if heading is None or begin == end:
            changes.append((begin, -1))
            continue
        for row, holds in _within(lines, heading, begin, sharps, end):
            number = -1
            if _matters(holds):
                plain = Heading(b"" if holds.told else holds.first, holds.told)
                if plain in numbers or len(numbers) < _MOST:
                    number = numbers.setdefault(plain, len(numbers))
            changes.append((row, number))
    rows, number = np.array(changes, np.int64).T
    sizes = np.diff(rows, append=len(lines))
    return Described(tuple(numbers), np.repeat(number, sizes)) if numbers else None


def _within(
    lines: Lines, heading: Heading, begin: int, sharps: Ints, end: int
) -> Iterator[tuple[int, Heading]]:
    """Where in a run another heading begins to hold, the first at its start."""
    skipped = heading.cut
    if heading.first is None:
        line = _row(lines, begin)
        heading = replace(heading, first=_plain(line)).told_by(line)
    yield begin, heading
    low, high = np.searchsorted(sharps, [begin, end])
    for row in sharps[low:high].tolist():
        if row == begin and skipped:
            continue
        after = heading.told_by(_row(lines, row))
        if after is not heading:
            heading = after
            yield row, heading


def _may_tell(lines: Lines, sharp: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Of lines with `#` those whose next letter is one that a directive begins with."""
    if not sharp.any():
        return sharp
    return np.isin(lines.buffer[lines.starts + 1], np.frombuffer(b"seuptcfFdDtT", np.uint8))


def _matters(heading: Heading) -> bool:
    """Whether lines may mean something by it, as far as is quickly told."""
    return bool(heading.told) or (heading.first is not None and _is_list(heading.first))


def _is_list(first: bytes) -> bool:
    """Whether a first line may name the parts of those behind it."""
    return (
        any(mark in first for mark in (b",", b";", b"\t", b"|")) or _NAMES.match(first) is not None
    )


def _row(lines: Lines, row: int) -> bytes:
    start = int(lines.starts[row])
    return lines.buffer[start : min(int(lines.ends[row]), start + _LONGEST)].tobytes()


def _plain(line: bytes) -> bytes:
    """A line without what does not belong to it, as UTF-8; empty where it is too long."""
    if len(line) >= _LONGEST:
        return b""
    return line.removeprefix(_BOM).rstrip(b"\r\n").decode("utf-8", "replace").encode()


def _kind(line: bytes) -> tuple[bytes, bool]:
    found = _TELLS.match(line)
    return line[:1], found is not None and found["w3c"] is not None


def _line(data: Buffer, at: int) -> bytes:
    """The line that begins somewhere, as far as headings may reach; briefly, if it is none."""
    start = data[at : at + _WORD].tobytes()
    if at and not _TELLS.match(start):
        return start
    return data[at : at + _LONGEST].tobytes().partition(b"\n")[0]


def _sharps(data: Buffer) -> Iterator[int]:
    """Where lines begin with `#`, but for the first line."""
    for begin in range(0, len(data), _BLOCK):
        part = data[begin : begin + _BLOCK + 1]
        found = (part[1:] == _SHARP) & (part[:-1] == _FEED)
        if found.any():
            yield from (np.flatnonzero(found) + begin + 1).tolist()


def before(log: LogFile, start: int) -> Heading:
    """What a file has said before a byte.

    A file is looked through only if it says something within its first 64 KB. What is being read
    of it elsewhere, as a stream, must be read anew afterwards.
    """
    if not start:
        return START
    heading = START.after(np.frombuffer(log.read_at(0, min(start, _HEAD)), np.uint8))
    if start <= _HEAD or not heading.told:
        return heading
    heading, stream = START, log.stream(0)
    buffer = np.empty(_READ, np.uint8)
    at = kept = 0
    while at < start:
        try:
            got = stream.readinto(buffer.data[kept : min(len(buffer), kept + start - at)])
        except Exception:  # a damaged file: whatever its decoder raises
            break
        if not got:
            break
        size, at = kept + got, at + got
        feeds = np.flatnonzero(buffer[:size] == _FEED)
        whole = int(feeds[-1]) + 1 if len(feeds) and at < start else size
        heading = heading.after(buffer[:whole])
        kept = size - whole
        buffer[:kept] = buffer[whole:size].copy()
    return heading
