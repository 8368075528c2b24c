"""QRadar's Log Event Extended Format: `LEEF:1.0|vendor|product|version|id|key=value<tab>…`.

In version 2.0 the next part of the head may say what stands between pairs.
"""

import numpy as np
import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.builtin.cef import LEVELS
from siemstress.formats.clock import Clock
from siemstress.formats.devices import Meaning, stamped
from siemstress.formats.header import Header, Span
from siemstress.formats.leaves import Placed, together
from siemstress.formats.pairs import Pairs
from siemstress.formats.parts import Parts
from siemstress.sources.lines import Mask

_HEAD = ("vendor", "product", "version", "eventId")
# What may stand between pairs: a character, or its code.
_DELIMITER = r"^(?:0?x[0-9A-Fa-f]{2,4}|[^=\w])$"
# Other delimiters than the first so many in a batch are taken for the usual one.
_DELIMITERS = 16
_MEANING = Meaning(
    {
        "time": ("devtime",), "severity": ("sev",),
        "host": ("devname", "identhostname"),
        "source_host": ("src", "srcip"), "source_port": ("srcport",),
        "dest_host": ("dst", "dstip"), "dest_port": ("dstport",),
        "protocol": ("proto",), "user_name": ("usrname", "accountname", "username"),
        "action": ("action", "act"), "message": ("msg", "message"),
        "": ("version", "product", "date", "time", "level", "process", "ident", "log", "text"),
    },
    LEVELS,
)  # fmt: skip


def _claims(header: Header) -> Mask:
    return header.begins("LEEF:1.", "LEEF:2.")


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    pieces = Parts(header.lines, header.message).cut("|", 6)
    good = pieces[5].length >= 0
    rows = np.flatnonzero(good)
    header = header.take(rows)
    pieces = [piece.take(rows) for piece in pieces]
    placed = _pairs(header, pieces[5])
    placed = placed.led(dict(zip(_HEAD, pieces[1:5], strict=True)))
    placed = stamped(placed, ("devTime",), "devTime")
    return good, _MEANING.header(header, placed, clock, "leef")


def _pairs(header: Header, rest: Span) -> Placed:
    """The pairs, each line's by the delimiter that it names."""
    lines = header.lines
    bar = lines.find(rest.start, rest.start + np.minimum(rest.length, 8), "|")
    second = header.begins("LEEF:2.")
    said = lines.text(rest.start, np.where(second, bar, -1))
    given = said.str.contains(_DELIMITER).fill_null(False).to_numpy() | (second & (bar == 0))
    start = np.where(given, rest.start + bar + 1, rest.start)
    rest = Span(start, (rest.length - (start - rest.start)).astype(np.int64))
    named = pl.Series(given & (bar > 0))
    delimiter = pl.select(pl.when(named).then(said).otherwise(pl.lit("\t"))).to_series()
    parts: list[Placed] = []
    left = np.ones(len(header), bool)
    for text in [*delimiter.filter(delimiter != "\t").unique()[:_DELIMITERS], "\t"]:
        of_it = left if text == "\t" else (delimiter == text).to_numpy()
        byte = chr(int(text.lstrip("0x"), 16) & 0x7F) if len(text) > 1 else text
        if text != "\t" and not (of_it.any() and byte.isascii()):
            continue
        pairs = Pairs(separators=byte, quotes="", escaped="")
        parts.append(pairs.read(lines, Span(rest.start, np.where(of_it, rest.length, -1))))
        left = left & ~of_it
    return together(parts)


LEEF = Format(
    name="leef",
    columns=_MEANING.columns,
    rank=31,
    refines=SYSLOGS,
    read=standing(_refine, _claims),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "LEEF:1.0|Example|Wall|4.1|flow-denied|src=198.51.100.7\tdst=192.0.2.1\tsrcPort=4022\t"
            "dstPort=22\tproto=TCP\tsev=8\tusrName=bob smith\taction=deny\tdevTime=1503468938000",
            {"time": "2017-08-23T06:15:38", "severity": 3, "source_host": "198.51.100.7",
             "source_port": 4022, "dest_host": "192.0.2.1", "dest_port": 22, "protocol": "tcp",
             "user_name": "bob smith", "action": "deny", "fields.eventId": "flow-denied"},
        ),
        Sample(
            "Aug 23 06:15:38 ids1 LEEF:2.0|Example|Sensor|1|77|^|cat=scan^src=2001:db8::7^"
            "devTime=Aug 23 2017 06:15:30.250 UTC^msg=a\tb",
            {"time": "2017-08-23T06:15:30.250", "host": "ids1", "source_host": "2001:db8::7",
             "message": "a\tb", "fields.cat": "scan"},
        ),
        Sample(
            "<13>LEEF:2.0|Example|Sensor|1|78|x7C|cat=scan|dst=192.0.2.7",
            {"facility": "user", "dest_host": "192.0.2.7", "fields.cat": "scan"},
        ),
        Sample(
            "LEEF:2.0|Example|Sensor|1|79|cat=a\tdst=192.0.2.7",
            {"dest_host": "192.0.2.7", "fields.cat": "a"},
        ),
    ),
)  # fmt: skip
