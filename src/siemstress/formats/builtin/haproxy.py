"""HAProxy's logs of requests, of connections and of connections that failed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.header import Header
from siemstress.formats.outcomes import first_known, of_status, where
from siemstress.formats.said import groups, take_apart
from siemstress.sources.lines import Mask

# HAProxy writes quotes and braces in what a client sent as #22, #7B and #7D.
_LINE = (
    r"(?s)^(?:::ffff:)?(?P<source_host>[0-9A-Fa-f.:]+):(?P<source_port>\d{1,5}) "
    r"\[(?P<_stamp>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] (?:"
    r"(?P<frontend>[^ ]+) (?P<backend>[^ /]+)/(?P<server>[^ ]+) (?P<timers>[-+0-9/]+) "
    r"(?:(?P<status>\d{3}|-1) (?P<bytes>\+?\d+) [^ ]+ [^ ]+|(?P<tcp>\+?\d+)) "
    r"(?P<termination>[A-Za-z-]{2,4}) (?P<connections>[0-9+/]+) (?P<queues>\d+/\d+)"
    r'(?: (?P<headers>\{[^"]*\}))?'
    r'(?: "(?:(?P<method>[A-Z]{2,32}) (?P<path>[^ "]+)(?: (?P<version>HTTP/[0-9.]+))?'
    r'|(?P<request>[^"]*))"?.*)?'
    r"|(?P<listener>[^ :]+/[^ :]+): (?P<error>.+))$"
)


def _read(text: pl.Series) -> tuple[Mask, Mapping[str, pl.Series]]:
    ok, parts = groups(text, _LINE)
    size = first_known(parts["bytes"], parts.pop("tcp")).str.strip_prefix("+")
    failed = parts["error"].is_not_null()
    asked = parts["status"].is_not_null()
    action = first_known(where(asked, "request"), where(failed | ~asked, "connect"))
    outcome = first_known(where(failed, "failure"), of_status(parts["status"]))
    return ok, parts | {"bytes": size, "action": action, "outcome": outcome}


_refine = partial(take_apart, name="haproxy", read=_read)


def _begins(header: Header) -> Mask:
    return header.begins(*"0123456789abcdef:")


HAPROXY = Format(
    name="haproxy",
    read=standing(_refine, _begins),
    rank=27,
    refines=SYSLOGS,
    claims=lambda header: header.process_begins("haproxy") & _begins(header),
    refine=_refine,
    samples=(
        Sample(
            "Aug 23 06:15:38 lb1 haproxy[760]: ::ffff:203.0.113.9:58444 [23/Aug/2017:06:15:37.439] "
            'main~ app/app1 1939/0/1/0/1940 403 5168 - - ---- 3/3/0/0/0 0/0 {a|b} "GET /x '
            'HTTP/1.1"',
            {"time": "2017-08-23T06:15:38", "host": "lb1", "pid": 760, "source_port": 58444,
             "source_host": "203.0.113.9", "action": "request", "outcome": "failure",
             "fields.status": "403", "fields.path": "/x", "fields.server": "app1"},
        ),
        Sample(
            "2001:db8::9:33317 [23/Aug/2017:06:15:38.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 "
            "0/0",
            {"time": "2017-08-23T06:15:38.443", "source_host": "2001:db8::9", "action": "connect",
             "outcome": None, "fields.bytes": "212", "fields.status": None},
        ),
        Sample(
            "203.0.113.9:34548 [23/Aug/2017:06:15:38.380] frt/f1: Connection error during SSL "
            "handshake",
            {"source_host": "203.0.113.9", "action": "connect", "outcome": "failure",
             "fields.error": "Connection error during SSL handshake"},
        ),
        Sample(
            '203.0.113.9:34548 [23/Aug/2017:06:15:38.380] f f/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- '
            '0/0/0/0/0 0/0 "<BADREQ>"',
            {"fields.request": "<BADREQ>", "outcome": "failure", "fields.method": None},
        ),
    ),
)  # fmt: skip
