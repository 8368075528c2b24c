"""Cisco IOS by way of a syslog server: BSD syslog, a sequence number, `%FACILITY-n-MNEMONIC:`."""

from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.sources.lines import Lines, Mask, clipped

# What may stand before the mark: the device's name, its own stamp.
_MARK = r"^((?:[^%]{0,80}: )?)%([A-Z0-9_]+(?:-[A-Z0-9_]+)?-[0-7]-[A-Z0-9_]+): "
_LONGEST = 256


def _claims(header: Header) -> Mask:
    """The tag is a number."""
    process = header.spans["process"]
    first = header.lines.byte(process.start) - np.uint8(48)
    return (process.length > 0) & (first <= 9)


def _refine(header: Header, _clock: Clock) -> tuple[Mask, Header]:
    lines = header.lines
    process = header.spans["process"]
    sequence = lines.number(process.start, process.length)
    size = np.minimum(header.message.length, _LONGEST)
    text = lines.text(header.message.start, clipped(lines, header.message.start, size))
    groups = text.str.extract_groups(_MARK).struct.unnest()
    sizes = groups.select(pl.all().str.len_bytes().cast(pl.Int64).fill_null(-1))
    before, mark = (sizes[name].to_numpy() for name in sizes.columns)
    good = (sequence >= 0) & (mark > 0)
    start = header.message.start + before + 1
    behind = before + mark + 3
    device = Span(header.message.start, np.where(before > 2, before - 2, -1))
    better = replace(
        header,
        format="ciscoios",
        program="ciscoios",
        spans={**header.spans, "process": Span(start, mark)},
        fields={**header.fields, "sequence": process, "device": device},
        message=Span(header.message.start + behind, header.message.length - behind),
        severity=_severity(lines, start, mark),
        rebuilt=None,
    )
    return good, better.take(np.flatnonzero(good))


def _severity(
    lines: Lines, start: np.ndarray[tuple[int], np.dtype[np.int64]],
    length: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.int8]]:  # fmt: skip
    """The digit between the last two hyphens."""
    text = lines.text(start, length)
    digit = text.str.extract(r"-([0-7])-[A-Z0-9_]+$").cast(pl.Int8).fill_null(-1)
    return digit.to_numpy()


CISCO = Format(
    name="ciscoios",
    refines=("syslogbsd",),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "Apr  5 10:11:12 10.0.0.1 45: R1: %SYS-5-CONFIG_I: Configured from console by vty0",
            {"time": "2017-04-05T10:11:12", "host": "10.0.0.1", "process": "SYS-5-CONFIG_I",
             "severity": 5, "message": "Configured from console by vty0",
             "fields.device": "R1", "fields.sequence": "45"},
        ),
        Sample(
            "Apr  5 10:11:12 10.0.0.1 46: *Apr  5 10:11:11.123: %LINK-3-UPDOWN: Interface up",
            {"process": "LINK-3-UPDOWN", "severity": 3, "message": "Interface up"},
        ),
    ),
)  # fmt: skip
