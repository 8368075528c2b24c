"""How a line is written again from its event: what `raw` is where the store does not keep it.

A format keeps `raw` of those lines only that its layout here would not give back to the byte. A
layout is an expression over the event's columns, in the house dialect. A format without one keeps
`raw` of every line.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

# Minutes east of UTC of the column `zone`, which is null, `Z`, or like `-03:30`.
_OFFSET = (
    'CASE WHEN "zone" IS NULL OR "zone" = \'Z\' THEN 0 ELSE'
    ' CAST(SUBSTRING("zone", 1, 1) || \'1\' AS INT) * (CAST(SUBSTRING("zone", 2, 2) AS INT) * 60'
    ' + CAST(SUBSTRING("zone", 5, 2) AS INT)) END'
)
_LOCAL = f'("time" + TO_MINUTES({_OFFSET}))'
_BSD = (
    f"STRFTIME({_LOCAL}, '%b ') || LPAD(CAST(DAY({_LOCAL}) AS VARCHAR), 2, ' ')"
    f" || STRFTIME({_LOCAL}, ' %H:%M:%S')"
)
_MICRO = 'EXTRACT(MICROSECOND FROM "time") % 1000000'
_ISO = (
    f"STRFTIME({_LOCAL}, '%Y-%m-%dT%H:%M:%S') || CASE WHEN {_MICRO} = 0 THEN ''"
    f" WHEN {_MICRO} % 1000 = 0 THEN STRFTIME(\"time\", '.%g') ELSE STRFTIME(\"time\", '.%f') END"
    ' || "zone"'
)
_ACCESS = f"STRFTIME({_LOCAL}, '%d/%b/%Y:%H:%M:%S ') || REPLACE(\"zone\", ':', '')"
_FACILITIES = (
    "LIST_POSITION(['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp',"
    " 'cron', 'authpriv', 'ftp', 'ntp', 'audit', 'alert', 'clock', 'local0', 'local1', 'local2',"
    " 'local3', 'local4', 'local5', 'local6', 'local7'], \"facility\") - 1"
)
_PRIORITY = f"'<' || (({_FACILITIES}) * 8 + \"severity\") || '>'"
_PID = "'[' || \"pid\" || ']'"
_TAG = f"COALESCE(\"process\" || COALESCE({_PID}, '') || ': ', '') || \"message\""


def _word(column: str) -> str:
    return f"COALESCE({column}, '-')"


def _syslog(stamp: str, *, host: bool) -> str:
    name = " || \"host\" || ' '" if host else ""
    return f"COALESCE({_PRIORITY}, '') || {stamp} || ' '{name} || {_TAG}"


_RFC5424 = (
    f"{_PRIORITY} || '1 ' || COALESCE({_ISO}, '-') || ' ' || {_word(chr(34) + 'host' + chr(34))}"
    f" || ' ' || {_word(chr(34) + 'process' + chr(34))}"
    " || ' ' || COALESCE(CAST(\"pid\" AS VARCHAR), \"fields\"['procid'], '-')"
    " || ' ' || COALESCE(\"fields\"['msgid'], '-') || ' - ' || \"message\""
)

LAYOUTS: dict[str, str] = {
    "syslogbsd": _syslog(_BSD, host=True),
    "windowsrsyslog": _syslog(_BSD, host=True),
    "nohost": _syslog(_BSD, host=False),
    "syslogiso": _syslog(_ISO, host=True),
    "rfc5424": _RFC5424,
    "emerge": 'CAST(EPOCH_US("time") // 1000000 AS VARCHAR) || \': \' || "message"',
    "tcpdump": f"STRFTIME({_LOCAL}, '%H:%M:%S.%f ') || \"message\"",
    "webaccess": "\"source_host\" || ' - ' || COALESCE(\"user_name\", '-') || ' [' ||"
    f" {_ACCESS} || '] ' || \"message\"",
}
"""Layouts by format, as text in the house dialect."""


_MESSAGES = (
    "alb", "caddy", "cloudtrail", "csv", "docker", "ecs", "elb", "entraid", "eve", "evtx", "falco",
    "gcpaudit", "gelf", "github", "guardduty", "gworkspace", "journald", "k8saudit", "linejson",
    "mongodb", "nextcloud", "ocsf", "office365", "okta", "osquery", "sojson", "teleport", "traefik",
    "vault", "vpcflow", "w3c", "wazuh", "windowsjson", "zeek", "zeekjson",
)  # fmt: skip
LAYOUTS |= dict.fromkeys(_MESSAGES, '"message"')


@cache
def _parsed() -> exp.Expr:
    import sqlglot

    cases = " ".join(f"WHEN '{name}' THEN {layout}" for name, layout in LAYOUTS.items())
    return sqlglot.parse_one(
        'COALESCE("raw", CASE WHEN "format" IS NULL THEN "message"'
        f' ELSE CASE "format" {cases} END END)',
        dialect="duckdb",
    )


def raw_expression() -> exp.Expr:
    """The whole line, as an expression over the stored columns."""
    return _parsed().copy()
