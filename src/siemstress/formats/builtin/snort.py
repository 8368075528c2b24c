"""Fast alerts of Snort and Suricata: `[**] [1:2008578:4] text [**] … {TCP} source -> target`."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.devices import Meaning, given
from siemstress.formats.expression import Expression
from siemstress.formats.header import Header
from siemstress.sources.lines import Mask

_ADDRESS = r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*?)"
_ALERT = Expression(
    r"^(?:(?P<month>\d\d)/(?P<day>\d\d)(?:/(?P<year>\d{4}|\d\d))?-(?P<clock>\d\d:\d\d:\d\d\.\d{1,6})"
    r"\s+)?(?:\[(?P<decision>[A-Za-z]+)\] )?(?:\[\*\*\] )?\[(?P<generator>\d+):(?P<signature>\d+):"
    r'(?P<revision>\d+)\] "?(?P<message>.*?)"?(?: \[\*\*\])?(?: \[Classification: '
    r"(?P<classification>[^\]]*)\])?(?: \[Priority: (?P<priority>\d+)\])?:?(?: \[AppID: [^\]]*\])?"
    r" (?:<[^>]*> )?\{(?:(?P<protocol>(?i:TCP|UDP|SCTP))\} "
    rf"\[?(?P<source_host>{_ADDRESS})\]?:(?P<source_port>\d{{1,5}}) -> "
    rf"\[?(?P<dest_host>{_ADDRESS})\]?:(?P<dest_port>\d{{1,5}})"
    rf"|(?P<other>[A-Za-z0-9-]+)\}} (?P<source>{_ADDRESS}) -> (?P<target>{_ADDRESS}))\s*$"
)
_MEANING = Meaning(
    {
        "time": ("_time",),
        "severity": ("priority",),
        "protocol": ("protocol", "other"),
        "source_host": ("source_host", "source"),
        "dest_host": ("dest_host", "target"),
    },
    # Snort's manual: 1 is high, 2 medium, 3 low.
    levels={"1": 2, "2": 4, "3": 5, "4": 6},
    of=(("decision",),),
    judge=lambda said: ("deny" if said[0] in ("drop", "wdrop", "block") else "alert", None),
)


def _alone(header: Header) -> Mask:
    """A month and a day stand first, or the mark of an alert."""
    first = header.lines.byte(header.message.start) - np.uint8(48)
    third = header.lines.byte(np.minimum(header.message.start + 2, len(header.lines.buffer) - 1))
    found: Mask = (first <= 1) & (third == ord("/"))
    return found | header.begins("[**] [")


def _claims(header: Header) -> Mask:
    found = header.process_begins("snort", "suricata")
    return found & header.begins("[") if found.any() else found


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    text = header.lines.text(header.message.start, header.message.length)
    good, leaves = _ALERT.match(text)
    header = header.take(np.flatnonzero(good))
    placed = leaves.placed(header.lines)
    parts = pl.DataFrame({n: placed.texts_of(n) for n in ("year", "month", "day", "clock")})
    # Where there is no year, the last one counts that does not lie ahead.
    now = datetime.fromtimestamp(clock.local_reference() // 1_000_000, UTC) + timedelta(days=1)
    ahead = pl.concat_str("month", "day") > f"{now:%m%d}"
    known = pl.when(pl.col("year").str.len_bytes() == 2).then("20" + pl.col("year"))
    year = known.otherwise(pl.col("year").fill_null(
        pl.when(ahead).then(pl.lit(str(now.year - 1))).otherwise(pl.lit(str(now.year)))
    ))  # fmt: skip
    stamp = pl.concat_str(year, pl.lit("-"), "month", pl.lit("-"), "day", pl.lit("T"), "clock")
    time = parts.select(stamp).to_series()
    placed = given(placed, {"_time": time}, instead_of=("year", "month", "day", "clock"))
    return good, _MEANING.header(header, placed, clock, "snort")


SNORT = Format(
    name="snort",
    aliases=("fastlog",),
    rank=36,
    refines=SYSLOGS,
    read=standing(_refine, _alone),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "08/23/2017-06:15:38.250000  [**] [1:2008578:4] SCAN of a kind [**] [Classification: "
            "Attempted Information Leak] [Priority: 2] {UDP} 203.0.113.9:5116 -> 192.0.2.55:5060",
            {"time": "2017-08-23T06:15:38.250", "severity": 4, "action": "alert",
             "source_host": "203.0.113.9", "source_port": 5116, "dest_host": "192.0.2.55",
             "dest_port": 5060, "protocol": "udp", "message": "SCAN of a kind",
             "fields.signature": "2008578",
             "fields.classification": "Attempted Information Leak"},
        ),
        Sample(
            "08/23-06:15:38.000001 [Drop] [**] [1:1000001:1] Echo [**] [Priority: 0] {IPV6-ICMP} "
            "2001:db8::7 -> 2001:db8::1",
            {"time": "2017-08-23T06:15:38.000001", "action": "deny", "source_host": "2001:db8::7",
             "dest_host": "2001:db8::1", "source_port": None, "protocol": "ipv6-icmp"},
        ),
        Sample(
            "Aug 23 06:15:38 ids1 snort[77]: [1:1000002:3] Shell code [Classification: Executable "
            "code] [Priority: 1]: <eth0> {TCP} 203.0.113.9:4022 -> 192.0.2.1:80",
            {"host": "ids1", "process": "snort", "pid": 77, "severity": 2, "dest_port": 80,
             "message": "Shell code"},
        ),
    ),
)  # fmt: skip
