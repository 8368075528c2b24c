"""Solaris' syslog: `[ID 800047 auth.info]` between the tag and the message."""

from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.keys import FACILITY_NUMBERS, LEVELS
from siemstress.sources.lines import Mask, clipped

_LONGEST = 64
_IDENTITY = r"^\[ID (\d{1,10}) ([a-z0-9]{1,16})\.([a-z]{1,8})\] "


def _claims(header: Header) -> Mask:
    return header.begins("[ID ")


def _refine(header: Header, _clock: Clock) -> tuple[Mask, Header]:
    start = header.message.start
    size = clipped(header.lines, start, np.minimum(header.message.length, _LONGEST))
    found = header.lines.text(start, size).str.extract_groups(_IDENTITY).struct.unnest()
    sizes = found.select(pl.all().str.len_bytes().cast(pl.Int64).fill_null(-1))
    number, facility, level = (sizes[name].to_numpy() for name in sizes.columns)
    ok = number > 0
    behind = number + facility + level + len("[ID  .] ")
    facilities, levels = (
        found[name].replace_strict(known, default=-1, return_dtype=pl.Int8).fill_null(-1)
        for name, known in (("2", FACILITY_NUMBERS), ("3", LEVELS))
    )
    better = replace(
        header,
        format="solaris",
        message=Span(start + behind, header.message.length - behind),
        fields={**header.fields, "msgid": Span(start + len("[ID "), number)},
        rebuilt=None,
        facility=facilities.to_numpy(),
        severity=levels.to_numpy(),
    )
    return ok, better.take(np.flatnonzero(ok))


SOLARIS = Format(
    name="solaris",
    rank=70,
    refines=SYSLOGS,
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "Aug 23 06:15:38 sun1 sshd[26560]: [ID 800047 auth.info] Failed password for root from "
            "203.0.113.9 port 4022 ssh2",
            {"host": "sun1", "process": "sshd", "pid": 26560, "facility": "auth", "severity": 6,
             "fields.msgid": "800047", "user_name": "root", "source_host": "203.0.113.9",
             "outcome": "failure",
             "message": "Failed password for root from 203.0.113.9 port 4022 ssh2"},
        ),
    ),
)  # fmt: skip
