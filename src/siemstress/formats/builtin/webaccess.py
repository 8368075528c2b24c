"""Web servers' access logs: Common and Combined Log Format (Apache HTTP Server, mod_log_config).

nginx, Caddy, lighttpd, Tomcat and others write them as well, with a site in front, more behind, or
stamps of their own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.found import Found
from siemstress.formats.header import Header, Span
from siemstress.formats.leaves import of_columns
from siemstress.formats.named import event
from siemstress.formats.requests import NAMES, meaning, take_apart
from siemstress.formats.stamps import NO_TIME, NO_ZONE, access
from siemstress.formats.syslog import without_return
from siemstress.formats.wild import find
from siemstress.sources.lines import Ints, Lines, Mask

_HYPHEN, _BLANK, _CLOSE, _QUOTE = 45, 32, 93, 34
_STAMP = 26
_ADDRESS = r"^(?:\d+\.){3}\d+$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]+$"
# What stands before the request; a client cannot write the quote of a request (see `requests`).
_CLIENT = (
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*::[0-9A-Fa-f:.]*|(?:[0-9A-Fa-f]{1,4}:){4,}"
    r"[0-9A-Fa-f:.]*|[A-Za-z0-9_-]*[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+\.?|localhost|-"
)
_HEAD = (
    r"(?s)^(?P<head>(?:(?P<vhost>[A-Za-z0-9._*-]+(?::[0-9]+)?) )??"
    rf"(?P<client>{_CLIENT}) (?P<ident>[^ ]+) (?P<user>.*?) ?\[(?P<stamp>[^\]]{{10,40}})\] )"
    r'(?:[^" \\]+ )?"'
)
_PROGRAMS = ("nginx", "apache", "httpd", "lighttpd", "caddy", "access", "tomcat")


class _Heads:
    """What stands before requests: who asked, when, and where the request begins."""

    def __init__(self, lines: Lines, start: Ints, ends: Ints, clock: Clock) -> None:
        client = lines.find(start, ends, " ")
        ok = client > 0
        ident = start + np.where(ok, client + 1, 0)
        bracket = lines.find(ident, ends, " [")
        ok &= bracket > 0
        named = ident + np.where(ok, bracket, 0)
        may = ok.copy()
        blank = lines.find(ident, named, " ")
        ok &= blank > 0
        user = ident + np.where(ok, blank + 1, 0)
        at = np.where(ok, named + 2, start)
        ok &= at + _STAMP + 3 <= ends
        stamps = access(lines, np.where(ok, at, start))
        close = np.where(ok, at + _STAMP, start)
        ok &= stamps.ok & (lines.byte(close) == _CLOSE) & (lines.byte(close + 1) == _BLANK)
        ok &= lines.byte(close + 2) == _QUOTE
        served = ok & (lines.find(user, named, " ") >= 0)
        ok &= ~served
        length = named - user
        absent = ok & (length == 1) & (lines.byte(user) == _HYPHEN)
        self.ok = ok
        self.time, self.zone = stamps.time.copy(), stamps.zone.copy()
        self.exact = stamps.exact & (blank == 1) & (lines.byte(ident) == _HYPHEN) & (length > 0)
        self.client = Span(start, np.where(ok, client, -1))
        self.user = Span(user, np.where(ok & ~absent, length, -1))
        self.message = close + 2
        self.texts: dict[str, pl.Series] = {}
        others = np.flatnonzero(may & ~ok)
        # A digit begins the stamp.
        others = others[lines.byte(named[others] + 2) - np.uint8(48) <= 9]
        if len(others):
            self._read_others(lines, others, start, ends, clock)

    def _read_others(
        self, lines: Lines, rows: Ints, start: Ints, ends: Ints, clock: Clock
    ) -> None:  # fmt: skip
        """Read what is not as it mostly is."""
        text = lines.text(start[rows], ends[rows] - start[rows])
        found = text.str.extract_groups(_HEAD).struct.unnest()
        fits = found["head"].is_not_null().to_numpy()
        rows, found = rows[fits], found.filter(pl.Series(fits))
        if not len(rows):
            return
        head = found["head"].str.len_bytes().cast(pl.Int64).to_numpy()
        stamp = found["stamp"].str.len_bytes().cast(pl.Int64).to_numpy()
        ends_at = start[rows] + head - 2
        told = find(lines.take(rows), ends_at - stamp, ends_at, clock)
        good = told.stamps.ok
        found, rows, head = found.filter(pl.Series(good)), rows[good], head[good]
        self.ok[rows] = True
        self.exact[rows] = False
        self.time[rows], self.zone[rows] = told.stamps.time[good], told.stamps.zone[good]
        self.message[rows] = start[rows] + head
        self.client.length[rows] = self.user.length[rows] = -1
        for name, values in _people(found).items():
            all_ = np.full(len(start), len(rows))
            all_[rows] = np.arange(len(rows))
            series = pl.concat([values, pl.Series([None], dtype=pl.String)])
            self.texts[name] = series.gather(all_)


def _people(found: pl.DataFrame) -> dict[str, pl.Series]:
    """Who asked whom, of heads that have a site in front or other oddities.

    Where the second word is an address and the first one none, the first one is the site.
    """
    client, ident, vhost, user = (pl.col(c) for c in ("client", "ident", "vhost", "user"))
    address = ident.str.contains(_ADDRESS) & ~client.str.contains(_ADDRESS)
    inner = user.str.strip_prefix("- ")
    host = pl.when(vhost.is_null() & address).then(client).otherwise(vhost)
    name = pl.when(address & vhost.is_null()).then(inner).otherwise(user)
    # A hyphen behind a word is the user; the word something else, a number of the request's.
    name = pl.when((name != "-") & (name != "") & ~name.str.ends_with(" -")).then(name)
    who = pl.when(vhost.is_null() & address).then(ident).otherwise(client)
    told = found.select(
        dest_host=host.str.replace(r":\d+$", ""),
        source_host=pl.when(who != "-").then(who),
        user_name=name,
    )
    return {name: told[name] for name in told.columns}


def _requests(
    base: Header, heads: _Heads, rows: Ints, ends: Ints, clock: Clock
) -> Header:  # fmt: skip
    """The header of lines whose heads were read; `base` is that of these alone."""
    message = Span(heads.message[rows], ends[rows] - heads.message[rows])
    text = base.lines.text(message.start, message.length)
    parts = take_apart(text)
    found = Found(base.lines, of_columns({n: parts[n] for n in NAMES}), {"": NAMES})
    header = event(found, base, clock, "webaccess", actions={})
    texts = {name: values.gather(rows) for name, values in heads.texts.items()}
    return replace(
        header,
        message=message,
        time=np.where(heads.time[rows] == NO_TIME, header.time, heads.time[rows]),
        zone=np.where(heads.time[rows] == NO_TIME, header.zone, heads.zone[rows]),
        spans=header.spans
        | {"source_host": heads.client.take(rows), "user_name": heads.user.take(rows)},
        values=header.values | texts | meaning(parts),
        program="webaccess",
    )


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    heads = _Heads(lines, lines.starts, ends, clock)
    rows = np.flatnonzero(heads.ok)
    base = Header(
        lines=lines.take(rows),
        format="webaccess",
        message=Span(lines.starts[rows], ends[rows] - lines.starts[rows]),
        time=np.full(len(rows), NO_TIME, np.int64),
        zone=np.full(len(rows), NO_ZONE, np.int16),
    )
    if not len(rows):
        return heads.ok, base
    header = _requests(base, heads, rows, ends, clock)
    header.rebuilt = heads.exact[rows]
    if returned is not None:
        header.rebuilt &= ~returned[rows]
    return heads.ok, header


def _claims(header: Header) -> Mask:
    return header.process_begins(*_PROGRAMS)


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    ends = header.message.start + header.message.length
    heads = _Heads(header.lines, header.message.start, ends, clock)
    rows = np.flatnonzero(heads.ok)
    if not len(rows):
        return heads.ok, header.take(rows)
    better = _requests(header.take(rows), heads, rows, ends, clock)
    # What stands around the request is not in the message: the line is kept.
    return heads.ok, better


ACCESS = Format(
    name="webaccess",
    read=_read,
    rank=20,
    refines=SYSLOGS,
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            '203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326 "-" '
            '"Mozilla/5.0"',
            {"time": "2000-10-10T20:55:36", "zone": "-07:00", "source_host": "203.0.113.9",
             "user_name": None, "message": '"GET /a HTTP/1.1" 200 2326 "-" "Mozilla/5.0"',
             "action": "request", "outcome": "success", "fields.status": "200",
             "fields.path": "/a", "fields.user_agent": "Mozilla/5.0"},
        ),
        Sample(
            '2001:db8::9 - frank [10/Oct/2000:13:55:36 +0000] "GET /b HTTP/1.0" 404 -',
            {"source_host": "2001:db8::9", "user_name": "frank", "outcome": "failure",
             "fields.method": "GET", "fields.status": "404"},
        ),
        Sample(
            'www.example.org:443 203.0.113.9 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 '
            '5 "-" "-"',
            {"source_host": "203.0.113.9", "dest_host": "www.example.org", "user_name": None,
             "outcome": "success", "fields.path": "/"},
        ),
        Sample(
            'www.example.org 203.0.113.9 - 0f3c - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" '
            '200 5 "-" "-"',
            {"source_host": "203.0.113.9", "dest_host": "www.example.org", "user_name": None},
        ),
        Sample(
            '203.0.113.9 - - [1/Oct/2000:13:55:36 +0000] "GET /a b HTTP/1.1" 404 5 "-" "x" '
            '"198.51.100.7, 192.0.2.1" 0.004',
            {"time": "2000-10-01T13:55:36", "fields.path": "/a b", "fields.x_forwarded_for":
             "198.51.100.7, 192.0.2.1", "fields.extra": "0.004", "outcome": "failure"},
        ),
        Sample(
            '203.0.113.9 - - [10/Oct/2000:13:55:36 +0000] "GET /\\" 200 5 \\"x HTTP/1.1" 404 12',
            {"fields.status": "404", "fields.path": '/\\" 200 5 \\"x', "outcome": "failure"},
        ),
        Sample(
            '203.0.113.9 - a [10/Oct/2001:13:55:36 +0000] \\"GET [10/Oct/2000:13:55:36 +0000] '
            '"GET / HTTP/1.1" 401 12 "-" "-"',
            {"time": "2000-10-10T13:55:36", "fields.status": "401", "user_name":
             'a [10/Oct/2001:13:55:36 +0000] \\"GET'},
        ),
        Sample(
            '203.0.113.9 - - [10/Oct/2000:13:55:36 +0000] "\\x16\\x03\\x01 \\x02" 400 226 "-" "-"',
            {"fields.request": "\\x16\\x03\\x01 \\x02", "fields.status": "400",
             "fields.method": None, "outcome": "failure"},
        ),
        Sample(
            '203.0.113.9 - bob builder [10/Oct/2000:13:55:36] "GET /" 200 5',
            {"time": "2000-10-10T13:55:36", "user_name": "bob builder", "fields.path": "/",
             "fields.method": "GET", "fields.request": None},
        ),
        Sample(
            '203.0.113.9 - - [10/Oct/2000:13:55:36 +0000] www.example.org "GET / HTTP/1.1" 200 5',
            {"fields.vhost": "www.example.org", "source_host": "203.0.113.9",
             "fields.status": "200"},
        ),
        Sample(
            'Aug 23 06:15:38 web1 nginx: 203.0.113.31 - - [23/Aug/2017:06:15:38 +0000] "POST '
            '/login HTTP/1.1" 403 5499 "-" "curl/8.5.0"',
            {"time": "2017-08-23T06:15:38", "host": "web1", "process": "nginx",
             "source_host": "203.0.113.31", "fields.path": "/login", "action": "request",
             "outcome": "failure", "message": '"POST /login HTTP/1.1" 403 5499 "-" "curl/8.5.0"'},
        ),
    ),
)  # fmt: skip
