"""Cisco's marks in front of messages, `%ASA-6-302013: `, as they come by syslog or alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.header import Header, Span
from siemstress.sources.lines import Mask, clipped

# What of a message is looked at: the mark, and what a device puts in front of it.
_SEEN = 256


def from_tag(header: Header) -> Span:
    """Messages with the mark that a syslog's head has taken for a tag."""
    process = header.spans.get("process")
    if process is None:
        return header.message
    end = header.message.start + header.message.length
    tagged = (process.length > 0) & (header.lines.byte(process.start) == ord("%"))
    start = np.where(tagged, process.start, header.message.start)
    return Span(start, end - start)


def marked(header: Header, regex: str, name: str) -> tuple[Mask, Header]:
    """Which messages bear a mark, and the header of these with the mark taken off.

    `regex` has the groups `before` (what is in front), `mark` and `level`, and fits the mark up to
    where the message begins; it may have `device` at the start of what is in front.
    """
    lines, whole = header.lines, from_tag(header)
    size = clipped(lines, whole.start, np.minimum(whole.length, _SEEN))
    groups = lines.text(whole.start, size).str.extract_groups(rf"(?P<all>^{regex})").struct.unnest()
    length = {n: groups[n].str.len_bytes().cast(pl.Int64) for n in groups.columns}
    good = groups["all"].is_not_null().to_numpy()
    rows = np.flatnonzero(good)
    header, whole = header.take(rows), whole.take(rows)

    def of(group: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        found: np.ndarray[tuple[int], np.dtype[np.int64]] = (
            length[group].gather(rows).fill_null(-1).to_numpy()
        )
        return found

    behind = of("all")
    fields = dict(header.fields)
    if "device" in length:
        device = of("device")
        fields["device"] = Span(whole.start, np.where(device > 0, device, -1))
    level = groups["level"].gather(rows).cast(pl.Int8).fill_null(-1).to_numpy()
    return good, replace(
        header,
        format=name,
        program=name,
        spans={**header.spans, "process": Span(whole.start + of("before") + 1, of("mark"))},
        fields=fields,
        message=Span(whole.start + behind, whole.length - behind),
        severity=level,
        rebuilt=None,
        parsed=True,
    )
