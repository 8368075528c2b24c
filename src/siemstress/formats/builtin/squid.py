"""Squid's access log in its native format (logformat squid)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.header import Header
from siemstress.formats.outcomes import first_known, of_status, where
from siemstress.formats.said import groups, take_apart
from siemstress.sources.lines import Mask

# Squid writes no blanks within a URL or a user.
_LINE = (
    r"(?s)^(?P<_stamp>1?\d{9}\.\d{3}) +(?P<duration>-?\d+) (?P<source_host>[^ ]+) "
    r"(?P<result>[A-Z_]+)/(?P<status>\d{3}) (?P<bytes>\d+) (?P<method>[^ ]+) (?P<url>[^ ]+) "
    r"(?P<user_name>[^ ]+) (?P<hierarchy>[A-Z_]+)/(?P<dest_host>[^ ]+) (?P<content_type>[^ ]+)"
    r"(?: (?P<extra>.*))?$"
)


def _read(text: pl.Series) -> tuple[Mask, Mapping[str, pl.Series]]:
    ok, parts = groups(text, _LINE)
    denied = parts["result"].str.contains("DENIED", literal=True)
    action = first_known(where(denied, "deny"), where(~denied, "request"))
    outcome = pl.select(pl.when(~denied).then(of_status(parts["status"]))).to_series()
    return ok, parts | {"action": action, "outcome": outcome}


_refine = partial(take_apart, name="squid", read=_read)


def _claims(header: Header) -> Mask:
    return header.begins("1", "9")


SQUID = Format(
    name="squid",
    read=standing(_refine, _claims),
    rank=26,
    refines=SYSLOGS,
    claims=lambda header: _claims(header) & header.process_begins("squid", "(squid"),
    refine=_refine,
    samples=(
        Sample(
            "1503468938.123      4 203.0.113.9 TCP_DENIED/403 4099 GET http://example.org/a - "
            "HIER_NONE/- text/html",
            {"time": "2017-08-23T06:15:38.123", "source_host": "203.0.113.9", "action": "deny",
             "outcome": None, "dest_host": None, "user_name": None, "fields.status": "403",
             "fields.url": "http://example.org/a"},
        ),
        Sample(
            "1503468938.000    400 2001:db8::9 TCP_TUNNEL/200 512 CONNECT example.org:443 bob "
            "HIER_DIRECT/192.0.2.1 -",
            {"source_host": "2001:db8::9", "dest_host": "192.0.2.1", "user_name": "bob",
             "action": "request", "outcome": "success"},
        ),
    ),
)  # fmt: skip
