"""Comma-separated values (RFC 4180), and with semicolons, tabs or bars, by the file's first line.

`auto` reads lines so only where the first line names a time and another column that we know, and
of these lines those that have a time.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.delimited import Quoting, distinct
from siemstress.formats.headed import MOMENT, Layout, read
from siemstress.formats.header import Header, unread
from siemstress.formats.keys import spellings
from siemstress.formats.named import event
from siemstress.formats.stamps import NO_TIME
from siemstress.formats.syslog import without_return
from siemstress.sources.headings import Heading
from siemstress.sources.lines import Ints, Lines, Mask

_MARKS = ",;\t|"
_NAME = re.compile(r"[A-Za-z_@#][\w .:@()/#-]{0,63}\Z", re.ASCII)
_COLUMNS = {"time": (MOMENT,)}
_BOM = b"\xef\xbb\xbf"


def _layouts(heading: Heading, *, sure: bool) -> Sequence[Layout]:
    return _understood(heading.first, sure) if heading.first and not heading.told else ()


@lru_cache(256)
def _understood(first: bytes, sure: bool) -> Sequence[Layout]:  # it is cached by it
    text = first.decode("utf-8", "replace")
    mark = max(_MARKS, key=text.count)
    try:
        words = [word.strip() for word in next(csv.reader([text], delimiter=mark))]
    except (csv.Error, StopIteration):
        return ()
    names = [re.sub(r"\s+", "_", word) for word in words]
    if len(names) < 2 or (sure and not _is_header(words, names)):
        return ()
    small = [name.lower() for name in names]
    moment = None
    if "date" in small and "time" in small:
        moment = (small.index("date"), small.index("time"))
        names = ["" if place in moment else name for place, name in enumerate(names)]
    return (Layout(text, distinct(names), mark, Quoting.DOUBLED, moment=moment),)


def _is_header(words: Sequence[str], names: Sequence[str]) -> bool:
    """Whether these are names of columns beyond doubt: of a time, and of something else."""
    known = {spellings().get(name.lower(), ("",))[0] for name in names} - {""}
    return (
        len(names) > 2
        and len({name.lower() for name in names}) == len(names)
        and all(_NAME.match(word) for word in words)
        and "time" in known
        and len(known) > 1
    )


def _read(lines: Lines, clock: Clock, *, sure: bool) -> tuple[Mask, Header]:
    ok = np.zeros(len(lines), bool)
    if lines.described is None:
        return ok, unread(lines.take(np.empty(0, np.int64)))
    ends, returned = without_return(lines)
    own = _first_lines(lines, ends, sure=sure)
    headed = read(lines, ends, own, partial(_layouts, sure=sure), "csv", _COLUMNS)
    if headed is None:
        return ok, unread(lines.take(np.empty(0, np.int64)))
    header = event(headed.found, headed.whole, clock, "csv")
    header.rebuilt = header.message.start == headed.whole.message.start
    if returned is not None:
        header.rebuilt &= ~returned[headed.rows]
    kept = np.arange(len(header))
    if sure:
        kept = np.flatnonzero((header.time != NO_TIME) | own[headed.rows])
    ok[headed.rows[kept]] = True
    return ok, header.take(kept)


def _first_lines(lines: Lines, ends: Ints, *, sure: bool) -> Mask:
    """The lines that name the columns, wherever they come again."""
    own = np.zeros(len(lines), bool)
    assert lines.described is not None  # noqa: S101 - asked for only then
    for heading, rows in lines.described.rows():
        if not _layouts(heading, sure=sure) or heading.first is None:
            continue
        start, end = lines.starts[rows], ends[rows]
        for text in (heading.first, _BOM + heading.first):
            same = np.flatnonzero(end - start == len(text))
            own[rows[same]] |= lines.stands(start[same], end[same], text)
    return own


CSV = Format(
    name="csv",
    read=partial(_read, sure=True),
    asked=partial(_read, sure=False),
    rank=8,
    described=True,
    samples=(
        Sample(
            '2017-08-23T06:15:38Z,fw1,203.0.113.9,4022,"denied, as ""told""",7',
            {"time": "2017-08-23T06:15:38", "host": "fw1", "source_host": "203.0.113.9",
             "source_port": 4022, "message": 'denied, as "told"', "fields.Rule": "7"},
            before="Timestamp,Host,Source IP,src_port,Message,Rule\n",
        ),
        Sample(
            "2017-08-23;06:15:38;web1;bob;login",
            {"time": "2017-08-23T06:15:38", "host": "web1", "user_name": "bob",
             "action": "login", "message": "2017-08-23;06:15:38;web1;bob;login"},
            before="Date;Time;Hostname;User;Action\n",
        ),
    ),
)  # fmt: skip
