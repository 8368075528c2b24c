"""Lines and messages of nothing but key=value pairs: logfmt, and what many programs write.

Names that are known (see `formats.keys`) fill columns, all others go into the fields.
"""

from functools import partial

import numpy as np

from siemstress.formats.base import LOOSE, SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.devices import Meaning, peers
from siemstress.formats.header import Header
from siemstress.formats.pairs import Pairs
from siemstress.sources.lines import Mask

_NAME = r"[A-Za-z_@][A-Za-z0-9_.:@/#\[\]-]*"
_BLANKS = Pairs(quotes="\"'", names=f"^{_NAME}$", trailing=",")
_COMMAS = Pairs(separators=",", quotes="\"'", names=f"^{_NAME}$")
_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_ONLY_BLANKS = rf"^\s*(?:{_NAME}=(?:{_QUOTED}|[^\s\"',][^\s]*|),?(?:\s+|$)){{2,}}$"
_ONLY_COMMAS = rf"^\s*(?:{_NAME}=(?:{_QUOTED}|[^\",]*)(?:,\s*|$)){{3,}}$"
_EQUALS = np.uint64(0x3D3D3D3D3D3D3D3D)
_ONES, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_BLANK = 32
_SOURCES = ("src", "saddr", "source", "client", "remote", "rip", "peer", "rhost", "addr", "address")
_DESTINATIONS = ("dst", "daddr", "dest", "destination", "server")
_MEANING = Meaning(
    {
        "source_host": ("_source",), "source_port": ("_source_port", "sport", "spt"),
        "dest_host": ("_dest",), "dest_port": ("_dest_port", "dport", "dpt"),
        "": _SOURCES + _DESTINATIONS,
    },
    actions={},
    program=False,
)  # fmt: skip


def _claims(header: Header) -> Mask:
    """An equals sign is among the first eight bytes; the kernel's packets are not meant."""
    words = header.lines.words[header.message.start] ^ _EQUALS
    found: Mask = ((words - _ONES) & ~words & _HIGH) != 0
    return found & ~header.process_begins("kernel") if found.any() else found


def _refine(
    header: Header, clock: Clock, pairs: Pairs, only: str, name: str
) -> tuple[Mask, Header]:  # fmt: skip
    text = header.lines.text(header.message.start, header.message.length)
    good = text.str.contains(only).to_numpy()
    header = header.take(np.flatnonzero(good))
    placed = pairs.read(header.lines, header.message)
    placed = peers(placed, _SOURCES, "_source", "_source_port")
    placed = peers(placed, _DESTINATIONS, "_dest", "_dest_port")
    return good, _MEANING.header(header, placed, clock, name)


def _named(header: Header, separator: str) -> Mask:
    """An equals sign comes before the first separator, but for blanks that lead."""
    start = header.message.start
    end = start + header.message.length
    sign = header.lines.find(start, end, "=")
    other = header.lines.find(start, np.where(sign > 0, start + sign, start), separator)
    found: Mask = (sign > 0) & ((other < 0) | (header.lines.byte(start) == _BLANK))
    return found


_WITH_BLANKS = partial(_refine, pairs=_BLANKS, only=_ONLY_BLANKS, name="keyvalue")
_WITH_COMMAS = partial(_refine, pairs=_COMMAS, only=_ONLY_COMMAS, name="keyvaluecommas")
KEY_VALUE = Format(
    name="keyvalue",
    aliases=("logfmt",),
    rank=LOOSE + 2,
    refines=SYSLOGS,
    read=standing(_WITH_BLANKS, partial(_named, separator=" ")),
    claims=_claims,
    refine=_WITH_BLANKS,
    samples=(
        Sample(
            'time="2017-08-23T06:15:38Z" level=warning msg="login failed \\"twice\\"" user=bob '
            "remote=198.51.100.7:4022 tries=2 err=",
            {"time": "2017-08-23T06:15:38", "zone": "Z", "severity": 4, "user_name": "bob",
             "message": 'login failed "twice"', "source_host": "198.51.100.7",
             "source_port": 4022, "fields.tries": "2"},
        ),
        Sample(
            "Aug 23 06:15:38 web1 shop[77]: lvl=info src=main.go:12 msg='cart is full' id=7",
            {"host": "web1", "process": "shop", "pid": 77, "severity": 6, "source_host": None,
             "message": "cart is full", "fields.src": "main.go:12"},
        ),
    ),
)  # fmt: skip
COMMAS = Format(
    name="keyvaluecommas",
    rank=LOOSE + 3,
    read=standing(_WITH_COMMAS, partial(_named, separator=",")),
    samples=(
        Sample(
            'at=info,method=GET,path="/index, all",status=200',
            {"fields.path": "/index, all", "fields.status": "200", "fields.method": "GET",
             "message": 'at=info,method=GET,path="/index, all",status=200'},
        ),
    ),
)  # fmt: skip
