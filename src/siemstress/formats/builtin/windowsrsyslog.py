"""Windows events as agents send them by syslog: the source as the tag, then the event's number."""

from dataclasses import replace

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.sources.lines import Mask


def _claims(header: Header) -> Mask:
    return header.process_begins("Microsof")


def _refine(header: Header, _clock: Clock) -> tuple[Mask, Header]:
    better = replace(header, format="windowsrsyslog", program="windowsrsyslog")
    return np.ones(len(header), bool), better


WINDOWS = Format(
    name="windowsrsyslog",
    refines=("syslogbsd",),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "Apr  5 10:11:12 WIN1 Microsoft-Windows-Security-Auditing: 4625: An account failed "
            "to log on.",
            {"time": "2017-04-05T10:11:12", "host": "WIN1",
             "process": "Microsoft-Windows-Security-Auditing",
             "message": "4625: An account failed to log on.", "fields.event_id": "4625"},
        ),
    ),
)  # fmt: skip
