"""nginx's error log, alone and in syslog."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.header import Header
from siemstress.formats.outcomes import first_known, where
from siemstress.formats.said import TEXT, groups, take_apart
from siemstress.sources.lines import Mask

_LINE = (
    r"(?s)^(?P<_stamp>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>[a-z]+)\] (?P<pid>\d+)#"
    r"(?P<thread>\d+): (?:\*(?P<connection>\d+) )?(?P<_text>.+)$"
)
# The client counts only where it is told once: whoever asks may write one into a URL or a
# referrer, in front of the true one or behind it.
_CONTEXT = (
    r'(?s)^(?P<what>.*), client: (?P<source_host>[0-9A-Fa-f.:]+)(?:, server: (?P<server>[^,"]*))?'
    r'(?:, request: "(?:(?P<method>[A-Z]{2,32}) (?P<path>[^" ]*)(?: (?P<version>HTTP/[0-9.]+))?'
    r'|(?P<request>[^"]*))")?(?:, subrequest: "[^"]*")?(?:, upstream: "(?P<upstream>[^"]*)")?'
    r'(?:, host: "(?P<vhost>[^"]*)")?(?:, referrer: "(?P<referer>[^"]*)")?'
)
_CLIENT = ", client: "
_USER = r'^user "(.*)"(?:: password mismatch| was not found in ")'
_LOST = (
    r"\((?:2: No such file or directory|13: Permission denied)\)$|^directory index of .* is "
    r"forbidden$|^FastCGI sent in stderr: .*Primary script unknown"
)


def _read(text: pl.Series) -> tuple[Mask, Mapping[str, pl.Series]]:
    ok, parts = groups(text, _LINE)
    said = parts[TEXT]
    once = said.str.count_matches(_CLIENT, literal=True) == 1
    found = said.str.extract_groups(_CONTEXT).struct.unnest()
    known = found.select(pl.when(once & (pl.col(n) != "")).then(pl.col(n)).alias(n)
                         for n in found.columns)  # fmt: skip
    context = {name: known[name] for name in known.columns}
    what = first_known(context.pop("what"), said)
    user = what.str.extract(_USER)
    guarded = what.str.contains("ModSecurity: ", literal=True)
    denied = what.str.contains("ModSecurity: Access denied", literal=True)
    lost = what.str.contains(_LOST) & context["source_host"].is_not_null()
    action = first_known(
        where(user.is_not_null(), "login"),
        where(what.str.starts_with("access forbidden by rule") | denied, "deny"),
        where(what.str.contains(r"^(?:limiting|delaying) (?:requests?|connections)"), "flood"),
        where(guarded, "alert"),
        where(lost, "request"),
    )
    outcome = where(action.is_in(["login", "request"]), "failure")
    return ok, parts | context | {"user_name": user, "action": action, "outcome": outcome}


_refine = partial(take_apart, name="nginxerror", read=_read)


def _claims(header: Header) -> Mask:
    """The first year's digits, and the slash behind them."""
    slash: Mask = header.lines.byte(header.message.start + 4) == 47
    return slash & header.begins("20", "19") if slash.any() else slash


NGINX = Format(
    name="nginxerror",
    read=standing(_refine, _claims),
    rank=24,
    refines=SYSLOGS,
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            '2015/01/21 10:56:10 [error] 2833#0: *16336 open() "/srv/a" failed (2: No such file or '
            'directory), client: 203.0.113.9, server: example.org, request: "GET /a HTTP/1.1", '
            'host: "h.example.org"',
            {"time": "2015-01-21T10:56:10", "pid": 2833, "severity": 3, "action": "request",
             "source_host": "203.0.113.9", "outcome": "failure", "fields.path": "/a",
             "fields.vhost": "h.example.org", "fields.connection": "16336"},
        ),
        Sample(
            'Aug 23 06:15:38 web1 nginx[7]: 2017/08/23 06:15:37 [error] 28#28: *1 user "bob": '
            'password mismatch, client: 2001:db8::9, server: , request: "GET / HTTP/1.1", host: '
            '"h"',
            {"time": "2017-08-23T06:15:38", "host": "web1", "user_name": "bob",
             "source_host": "2001:db8::9", "action": "login", "outcome": "failure"},
        ),
        Sample(
            '2015/01/21 10:56:10 [error] 28#0: *6 limiting requests, excess: 1.852 by zone "one", '
            'client: 203.0.113.9, server: example.org, request: "POST / HTTP/1.0", host: "h"',
            {"source_host": "203.0.113.9", "action": "flood", "outcome": None},
        ),
        Sample(
            '2015/01/21 10:56:10 [error] 28#0: *6 open() "/srv/, client: 198.51.100.1, server: x" '
            'failed (2: No such file or directory), client: 203.0.113.9, server: x',
            {"source_host": None, "action": None},
        ),
        Sample("2015/01/21 10:56:10 [notice] 28#0: start worker process 31",
               {"severity": 5, "pid": 28, "message": "start worker process 31"}),
    ),
)  # fmt: skip
