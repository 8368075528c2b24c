"""lighttpd's error log, alone and in syslog."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.header import Header
from siemstress.formats.outcomes import where
from siemstress.formats.said import TEXT, groups, take_apart
from siemstress.sources.lines import Mask

_LINE = (
    r"(?s)^(?:(?P<_stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d): )?"
    r"\(?(?P<module>[a-z][a-z0-9_-]*\.c\.\d+)\) (?P<_text>.+)$"
)
# The server writes the address last.
_FAILED = (
    r"(?s)^(?:password doesn't match for .* username: (?P<user_name>.*?),?"
    r"|digest: auth failed for +(?P<digest>.*) : wrong password,|digest: auth failed:.*,"
    r"|get_password failed,) IP: (?P<source_host>[0-9A-Fa-f.:]+)$"
)


def _read(text: pl.Series) -> tuple[Mask, Mapping[str, pl.Series]]:
    ok, parts = groups(text, _LINE)
    found = parts[TEXT].str.extract_groups(_FAILED).struct.unnest()
    user = found["user_name"].zip_with(found["user_name"].is_not_null(), found["digest"])
    failed = found["source_host"].is_not_null()
    login = {"action": where(failed, "login"), "outcome": where(failed, "failure")}
    return ok, parts | {"source_host": found["source_host"], "user_name": user} | login


_refine = partial(take_apart, name="lighttpderror", read=_read)


def _claims(header: Header) -> Mask:
    return header.begins("20")


LIGHTTPD = Format(
    name="lighttpderror",
    read=standing(_refine, _claims),
    rank=23,
    refines=SYSLOGS,
    claims=lambda header: header.process_begins("lighttpd") & header.begins("("),
    refine=_refine,
    samples=(
        Sample(
            "2017-08-23 06:15:38: (http_auth.c.875) password doesn't match for /git/ username: "
            "bob, IP: 203.0.113.9",
            {"time": "2017-08-23T06:15:38", "source_host": "203.0.113.9", "user_name": "bob",
             "action": "login", "outcome": "failure", "fields.module": "http_auth.c.875"},
        ),
        Sample(
            "2017-08-23T06:15:38Z web1 lighttpd[764]: (mod_auth.c.853) password doesn't match for "
            "/ username: x IP: 198.51.100.1 IP: 203.0.113.9",
            {"source_host": "203.0.113.9", "user_name": "x IP: 198.51.100.1", "host": "web1"},
        ),
        Sample("2017-08-23 06:15:38: (server.c.1512) server started",
               {"message": "server started", "action": None}),
    ),
)  # fmt: skip
