"""W3C extended log files: IIS, CloudFront, Exchange, Windows' firewall, Blue Coat and others.

`#Fields: …` says what stands in the lines behind it (https://www.w3.org/TR/WD-logfile). Times are
in UTC, unless the file says that they are local.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.delimited import Quoting, distinct
from siemstress.formats.headed import MOMENT, Layout, read
from siemstress.formats.header import Header, unread
from siemstress.formats.named import event
from siemstress.formats.outcomes import first_known, of_status, where
from siemstress.formats.stamps import NO_TIME
from siemstress.formats.syslog import without_return
from siemstress.sources.headings import Heading
from siemstress.sources.lines import Ints, Lines, Mask, clipped

_NAMES = {
    "cs-method": "method", "cs-uri-stem": "path", "cs-uri-query": "query", "cs-uri": "url",
    "sc-status": "status", "sc-bytes": "bytes", "cs(user-agent)": "user_agent",
    "cs(referer)": "referer", "cs(cookie)": "cookie", "cs-version": "version",
    "cs-protocol-version": "version", "cs(host)": "vhost", "cs-host": "vhost",
    "cs(x-forwarded-for)": "x_forwarded_for", "x-forwarded-for": "x_forwarded_for",
    "time-taken": "time_taken", "s-sitename": "site",
}  # fmt: skip
"""Fields by the names that other web servers' logs have for them."""

_COLUMNS = {
    "time": (MOMENT, "date-time"),
    "host": ("s-computername", "server-hostname"),
    "source_host": ("c-ip", "src-ip", "client-ip", "original-client-ip", "remote-endpoint"),
    "source_port": ("c-port", "src-port"),
    "dest_host": ("s-ip", "dst-ip", "server-ip", "r-ip", "r-dns", "r-host"),
    "dest_port": ("s-port", "dst-port", "r-port", "cs-uri-port"),
    "protocol": ("protocol", "cs-protocol"),
    "user_name": ("cs-username", "authenticated-user"),
    "action": ("action", "sc-filter-result"),
    "": ("date", "time", "host", "version", "level", "priority", "status"),
}
_ACTIONS = {
    "allow": "allow", "drop": "deny", "deny": "deny", "denied": "deny", "proxied": "allow",
    "observed": "allow",
}  # fmt: skip
_LOCAL = "#time format: local"
_DIRECTIVES = (
    r"^#(?i:version|fields|software|date|start-date|end-date|remark|system-id|entry-id|log-type"
    r"|time format|client-id)(?::|$)"
)


def _layouts(heading: Heading) -> Sequence[Layout]:
    return _understood(heading.text) if heading.told else ()


@lru_cache(256)
def _understood(text: str) -> Sequence[Layout]:
    told = {line.lower().partition(":")[0]: line for line in text.split("\n")}
    written = told.get("#fields", "").partition(":")[2].strip()
    if not written:
        return ()
    # Blanks between names are CloudFront's way even where tabs stand between values.
    marks = [" ", "\t"]
    if "\t" in written or ("," in written and " " not in written):
        marks = ["\t" if "\t" in written else ","]
    words = written.split(marks[0])
    small = [word.lower() for word in words]
    moment, date = None, ""
    if "time" in small:
        date = told.get("#date", "").partition(":")[2].strip()[:10]
        moment = (small.index("date") if "date" in small else -1, small.index("time"))
    names = distinct(
        "" if moment and place in moment else _NAMES.get(word.lower(), word)
        for place, word in enumerate(words)
    )
    local = told.get("#time format", "").lower() == _LOCAL
    layout = Layout(
        text, names, marks[0], Quoting.DOUBLED, moment=moment, date=date,
        constants={} if local or "zone" in small else {"zone": "UTC"},
    )  # fmt: skip
    return [layout, *(replace(layout, delimiter=mark, quoting=None) for mark in marks[1:])]


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ok = np.zeros(len(lines), bool)
    ends, returned = without_return(lines)
    own = _directives(lines, ends)
    headed = read(lines, ends, own, _layouts, "w3c", _COLUMNS)
    if headed is None:
        return ok, unread(lines.take(np.empty(0, np.int64)))
    rows, found = headed.rows, headed.found
    status, method = of_status(found.named("status")), found.named("method")
    header = event(found, headed.whole, clock, "w3c", actions=_ACTIONS)
    request = where(status.is_not_null() | method.is_not_null(), "request")
    header.values["action"] = first_known(header.values.get("action"), request)
    header.values["outcome"] = first_known(header.values.get("outcome"), status)
    header.rebuilt = np.ones(len(rows), bool)
    if returned is not None:
        header.rebuilt &= ~returned[rows]
    # Others may have as many parts by chance; what is of the format has a time.
    kept = np.flatnonzero((header.time != NO_TIME) | own[rows])
    ok[rows[kept]] = True
    return ok, header.take(kept)


def _directives(lines: Lines, ends: Ints) -> Mask:
    own: Mask = lines.byte(lines.starts) == ord("#")
    rows = np.flatnonzero(own & (ends > lines.starts))
    own[:] = False
    if len(rows):
        size = clipped(lines, lines.starts[rows], np.minimum(ends[rows] - lines.starts[rows], 16))
        text = lines.text(lines.starts[rows], size)
        own[rows] = text.str.contains(_DIRECTIVES).to_numpy()
    return own


_IIS = (
    "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n"
    "#Date: 2017-08-23 06:00:00\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port "
    "cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus time-taken\n"
)
W3C = Format(
    name="w3c",
    columns=_COLUMNS,
    read=_read,
    rank=6,
    described=True,
    aliases=("iis", "cloudfront", "elff"),
    samples=(
        Sample(
            "2017-08-23 06:15:38 192.0.2.1 GET /a.aspx q=1 443 EXAMPLE\\bob 203.0.113.9 "
            "Mozilla/5.0+(X11) - 401 2 15",
            {"time": "2017-08-23T06:15:38", "zone": "+00:00", "source_host": "203.0.113.9",
             "dest_host": "192.0.2.1", "dest_port": 443, "user_name": "EXAMPLE\\bob",
             "action": "request", "outcome": "failure", "fields.method": "GET",
             "fields.path": "/a.aspx", "fields.query": "q=1", "fields.status": "401",
             "fields.user_agent": "Mozilla/5.0+(X11)", "fields.referer": None,
             "fields.sc-substatus": "2", "fields.time_taken": "15"},
            before=_IIS,
        ),
        Sample(
            "2017-08-23\t06:15:38\tZRH50-C1\t512\t203.0.113.9\tGET\tcdn.example.org\t/a%20b\t200\t-\t"
            "curl/8.5.0\t-",
            {"time": "2017-08-23T06:15:38", "source_host": "203.0.113.9", "outcome": "success",
             "fields.path": "/a%20b", "fields.vhost": "cdn.example.org", "fields.bytes": "512",
             "fields.x-edge-location": "ZRH50-C1"},
            before="#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method "
            "cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query\n",
        ),
        Sample(
            "2017-08-23 06:15:38 DROP TCP 203.0.113.9 192.0.2.1 50900 3389 52 S 1 0 8192 - - - "
            "RECEIVE",
            {"time": "2017-08-23T06:15:38", "source_host": "203.0.113.9", "source_port": 50900,
             "dest_host": "192.0.2.1", "dest_port": 3389, "protocol": "tcp", "action": "deny",
             "outcome": None, "fields.path": "RECEIVE"},
            before="#Version: 1.5\n#Software: Microsoft Windows Firewall\n#Time Format: Local\n"
            "#Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags "
            "tcpsyn tcpack tcpwin icmptype icmpcode info path\n",
        ),
        Sample(
            '06:15:38 203.0.113.9 GET "Some Browser 1.0" 200',
            {"time": "2017-08-23T06:15:38", "fields.user_agent": "Some Browser 1.0"},
            before="#Date: 2017-08-23 06:00:00\n"
            "#Fields: time c-ip cs-method cs(User-Agent) sc-status\n",
        ),
        Sample(
            "2017-08-23T06:15:38.123Z,192.0.2.7,client.example.org,192.0.2.25,MX1,SMTP,RECEIVE",
            {"time": "2017-08-23T06:15:38.123", "zone": "Z", "source_host": "192.0.2.7",
             "dest_host": "192.0.2.25", "host": "MX1", "fields.event-id": "RECEIVE"},
            before="#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source,"
            "event-id\n",
        ),
    ),
)  # fmt: skip
