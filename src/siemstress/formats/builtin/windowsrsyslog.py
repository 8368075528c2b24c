"""Windows events as agents send them by syslog: the source as the tag, then the event's number."""

from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.formats.windows import told
from siemstress.sources.lines import Mask


def _claims(header: Header) -> Mask:
    return header.process_begins("Microsof")


def _refine(header: Header, _clock: Clock) -> tuple[Mask, Header]:
    better = replace(header, format="windowsrsyslog", program="windowsrsyslog")
    process = header.spans["process"]
    message = header.lines.text(header.message.start, header.message.length)
    known = told(
        header.lines.text(process.start, process.length), message.str.extract(r"^(\d{1,5}): ")
    )
    outcome = known["outcome"].replace_strict({"success": "success", "failure": "failure"},
                                              default=None, return_dtype=pl.String)  # fmt: skip
    better.values = header.values | {"action": known["action"], "outcome": outcome}
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
             "message": "4625: An account failed to log on.", "fields.event_id": "4625",
             "action": "login", "outcome": "failure"},
        ),
        Sample(
            "Apr  5 10:11:12 WIN1 Microsoft-Windows-Sysmon: 22: Dns query",
            {"host": "WIN1", "action": "dns_query", "fields.event_id": "22"},
        ),
    ),
)  # fmt: skip
