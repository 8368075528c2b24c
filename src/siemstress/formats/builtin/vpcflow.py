"""AWS VPC flow logs: the default fields (version 2), or those that the file's first line names.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import polars as pl

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.headed import Layout, read
from siemstress.formats.header import Header, unread
from siemstress.formats.named import event
from siemstress.formats.outcomes import first_known
from siemstress.formats.stamps import NO_TIME
from siemstress.formats.syslog import without_return
from siemstress.sources.headings import Described, Heading
from siemstress.sources.lines import Ints, Lines, Mask

_DEFAULT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start "
    "end action log-status"
)
# A line is of the default fields if it begins with their version and an account's twelve digits.
_DEFAULT_LINE = r"^2 (?:\d{12}|unknown) (?:eni-|-)"
_COLUMNS = {
    "time": ("start",),
    "source_host": ("srcaddr",), "source_port": ("srcport",),
    "dest_host": ("dstaddr",), "dest_port": ("dstport",), "": ("version", "end", "type"),
}  # fmt: skip
_ACTIONS = {"accept": "allow", "reject": "deny"}
_PROTOCOLS = {
    "1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "41": "ipv6", "47": "gre", "50": "esp",
    "51": "ah", "58": "ipv6-icmp", "89": "ospf", "132": "sctp",
}  # fmt: skip
"""IP protocols by number (IANA), as they are mostly called."""


def _layouts(heading: Heading) -> Sequence[Layout]:
    return _understood(heading.first) if heading.first and not heading.told else ()


@lru_cache(256)
def _understood(first: bytes) -> Sequence[Layout]:
    text = first.decode("utf-8", "replace").rstrip()
    names = tuple(text.split(" "))
    known = set(_DEFAULT.split(" ")) & set(names)
    if len(known) < 4 or "start" not in known or len(set(names)) < len(names):
        return ()
    return (Layout("" if text == _DEFAULT else text, names, " "),)


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ok = np.zeros(len(lines), bool)
    ends, returned = without_return(lines)
    own = _first_lines(lines, ends)
    some = _described(lines, ends)
    headed = read(some, ends, own, _layouts, "vpcflow", _COLUMNS)
    if headed is None:
        return ok, unread(lines.take(np.empty(0, np.int64)))
    number = headed.found.named("protocol")
    header = event(headed.found, headed.whole, clock, "vpcflow", actions=_ACTIONS)
    named = number.replace_strict(_PROTOCOLS, default=None, return_dtype=pl.String)
    header.values["protocol"] = named
    traffic = pl.select(pl.when(number.is_not_null()).then(pl.lit("flow"))).to_series()
    header.values["action"] = first_known(header.values.get("action"), traffic)
    header.rebuilt = np.ones(len(header), bool)
    if returned is not None:
        header.rebuilt &= ~returned[headed.rows]
    kept = np.flatnonzero((header.time != NO_TIME) | own[headed.rows])
    ok[headed.rows[kept]] = True
    return ok, header.take(kept)


def _described(lines: Lines, ends: Ints) -> Lines:
    """The lines, those that have the default fields under the heading that says so."""
    rows = np.flatnonzero((lines.words[lines.starts] & np.uint64(0xFFFF)) == np.uint64(0x2032))
    if not len(rows):
        return lines
    text = lines.text(lines.starts[rows], ends[rows] - lines.starts[rows])
    rows = rows[text.str.contains(_DEFAULT_LINE).to_numpy()]
    known = lines.described or Described((), np.full(len(lines), -1))
    # Whatever the file itself says of them counts more.
    told = np.array([bool(_layouts(heading)) for heading in (*known.headings, Heading(b""))])
    rows = rows[~told[known.number[rows]]]
    number = known.number.copy()
    number[rows] = len(known.headings)
    headings = (*known.headings, Heading(_DEFAULT.encode()))
    return replace(lines, described=Described(headings, number))


def _first_lines(lines: Lines, ends: Ints) -> Mask:
    own = np.zeros(len(lines), bool)
    rows = np.flatnonzero((lines.byte(lines.starts) - np.uint8(97)) < 26)
    if not len(rows):
        return own
    own[rows] = lines.stands(lines.starts[rows], ends[rows], _DEFAULT.encode())
    own[rows] &= ends[rows] - lines.starts[rows] == len(_DEFAULT)
    if lines.described is None:
        return own
    for heading, of in lines.described.rows():
        if _layouts(heading) and heading.first is not None:
            start, end = lines.starts[of], ends[of]
            same = np.flatnonzero(end - start == len(heading.first))
            own[of[same]] |= lines.stands(start[same], end[same], heading.first)
    return own


VPCFLOW = Format(
    name="vpcflow",
    columns=_COLUMNS,
    read=_read,
    rank=7,
    described=True,
    samples=(
        Sample(
            "2 123456789010 eni-0123456789abcdef0 203.0.113.9 192.0.2.1 20641 22 6 20 4249 "
            "1503468938 1503468998 REJECT OK",
            {"time": "2017-08-23T06:15:38", "source_host": "203.0.113.9", "source_port": 20641,
             "dest_host": "192.0.2.1", "dest_port": 22, "protocol": "tcp", "action": "deny",
             "outcome": None, "fields.bytes": "4249", "fields.interface-id":
             "eni-0123456789abcdef0"},
        ),
        Sample(
            "2 123456789010 eni-0123456789abcdef0 - - - - - - - 1503468938 1503468998 - NODATA",
            {"time": "2017-08-23T06:15:38", "source_host": None, "action": None,
             "fields.log-status": "NODATA"},
        ),
        Sample(
            "3 vpc-0a 192.0.2.1 203.0.113.9 443 50900 17 ACCEPT 1503468938",
            {"time": "2017-08-23T06:15:38", "dest_host": "203.0.113.9", "protocol": "udp",
             "action": "allow", "fields.vpc-id": "vpc-0a"},
            before="version vpc-id srcaddr dstaddr srcport dstport protocol action start\n",
        ),
    ),
)  # fmt: skip
