"""AWS Application Load Balancers' access logs.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.delimited import Quoting, named, split_quoted
from siemstress.formats.found import Found
from siemstress.formats.header import Header, unread
from siemstress.formats.named import event, untimed
from siemstress.formats.outcomes import of_status, where
from siemstress.formats.stamps import NO_TIME
from siemstress.formats.syslog import without_return
from siemstress.sources.lines import Ints, Lines, Mask

_ALB = (
    "type", "time", "elb", "client", "target", "request_processing_time", "target_processing_time",
    "response_processing_time", "status", "target_status", "received_bytes", "bytes", "request",
    "user_agent", "ssl_cipher", "ssl_protocol", "target_group_arn", "trace_id", "vhost",
    "chosen_cert_arn", "matched_rule_priority", "request_creation_time", "actions_executed",
    "redirect_url", "error_reason", "target_list", "target_status_list", "classification",
    "classification_reason", "conn_trace_id", "transformed_host", "transformed_uri",
    "request_transform_status",
)  # fmt: skip
_ELB = (
    "time", "elb", "client", "target", "request_processing_time", "target_processing_time",
    "response_processing_time", "status", "target_status", "received_bytes", "bytes", "request",
    "user_agent", "ssl_cipher", "ssl_protocol",
)  # fmt: skip
_PEER = r"^(?P<host>.+):(?P<port>\d{1,5})$"
_COLUMNS = {"": ("type", "elb", "target", "client")}
"""Names that say nothing of the event's columns."""


def _read(
    lines: Lines, clock: Clock, name: str, names: tuple[str, ...], least: int, claims: str
) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    ok = _begins(lines, ends, claims)
    rows = np.flatnonzero(ok)
    if not len(rows):
        return ok, unread(lines.take(rows))
    fits, parts = split_quoted(
        lines, lines.starts[rows], ends[rows], " ", Quoting.ESCAPED, least, len(names) + 8
    )
    ok[rows[~fits]] = False
    number = np.cumsum(fits) - 1
    whole = untimed(lines, rows[fits], ends, name)
    placed = named(lines, replace(parts, row=number[parts.row]), names)
    header = event(Found(whole.lines, placed, _COLUMNS), whole, clock, name)
    _put(header, Found(whole.lines, placed, _COLUMNS), returned, rows[fits])
    kept = np.flatnonzero(header.time != NO_TIME)
    ok[rows[fits]] = header.time != NO_TIME
    return ok, header.take(kept)


def _begins(lines: Lines, ends: Ints, claims: str) -> Mask:
    """Lines whose first bytes an expression fits."""
    ok = ends - lines.starts > 60
    rows = np.flatnonzero(ok)
    text = lines.text(lines.starts[rows], ends[rows] - lines.starts[rows])
    ok[rows] = text.str.contains(claims).to_numpy()
    return ok


def _put(header: Header, found: Found, returned: Mask | None, rows: Ints) -> None:
    """What is made of the parts: peers, the action and the outcome."""
    client, target = (
        found.named(side).str.extract_groups(_PEER).struct.unnest() for side in ("client", "target")
    )
    for column, value in (
        ("source_host", client["host"]), ("source_port", client["port"]),
        ("dest_host", target["host"]), ("dest_port", target["port"]),
        ("action", where(found.named("status").is_not_null(), "request")),
        ("outcome", of_status(found.named("status"))),
    ):  # fmt: skip
        if value.null_count() < len(value):
            header.values[column] = value
    header.rebuilt = np.ones(len(header), bool)
    if returned is not None:
        header.rebuilt &= ~returned[rows]


ALB = Format(
    name="alb",
    read=partial(
        _read, name="alb", names=_ALB, least=17,
        claims=r"^(?:https?|h2|wss?|grpcs) \d{4}-\d\d-\d\dT[0-9:.]+Z [^ ]+ [^ ]+:\d+ ",
    ),
    rank=28,
    samples=(
        Sample(
            "https 2017-08-23T06:15:38.186641Z app/lb/50dc6c495c0c9188 203.0.113.9:2817 "
            '192.0.2.10:80 0.000 0.001 0.000 403 200 34 366 "GET https://h.example.org:443/a '
            'HTTP/1.1" "curl/8.5.0" ECDHE TLSv1.2 arn:aws:x "Root=1-58337364" "h.example.org" "-" '
            '0 2017-08-23T06:15:38.000000Z "forward" "-" "-" "192.0.2.10:80" "200" "-" "-"',
            {"time": "2017-08-23T06:15:38.186641", "source_host": "203.0.113.9",
             "source_port": 2817, "dest_host": "192.0.2.10", "dest_port": 80, "action": "request",
             "outcome": "failure", "fields.status": "403", "fields.vhost": "h.example.org",
             "fields.request": "GET https://h.example.org:443/a HTTP/1.1"},
        ),
    ),
)  # fmt: skip
_classic = partial(
    _read,
    name="elb",
    names=_ELB,
    least=12,
    claims=r"^\d{4}-\d\d-\d\dT[0-9:.]+Z [^ ]+ [^ ]+:\d+ (?:-|[^ ]+:\d+) -?[0-9.]+ -?[0-9.]+ ",
)
ELB = Format(
    name="elb",
    about="AWS Classic Load Balancers' access logs.",
    read=_classic,
    rank=9,
    refines=("syslogiso",),
    claims=lambda header: header.begins(*"0123456789"),
    refine=lambda header, clock: _classic(header.lines, clock),
    samples=(
        Sample(
            "2017-08-23T06:15:38.945958Z my-lb 203.0.113.9:2817 192.0.2.10:80 0.000073 0.001048 "
            '0.000057 200 200 0 29 "GET http://h.example.org:80/ HTTP/1.1" "curl/8.5.0" - -',
            {"time": "2017-08-23T06:15:38.945958", "source_host": "203.0.113.9",
             "dest_host": "192.0.2.10", "outcome": "success", "fields.bytes": "29"},
        ),
    ),
)  # fmt: skip
