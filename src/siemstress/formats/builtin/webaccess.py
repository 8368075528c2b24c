"""Web servers' access logs: Common and Combined Log Format (Apache HTTP Server, mod_log_config)."""

import numpy as np
import polars as pl

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.stamps import access
from siemstress.formats.syslog import without_return
from siemstress.sources.lines import Ints, Lines, Mask

_HYPHEN, _BLANK, _CLOSE = 45, 32, 93
_STAMP = 26


def _read(lines: Lines, _clock: Clock) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    client = lines.find(lines.starts, ends, " ")
    ok = client > 0
    ident = lines.starts + np.where(ok, client + 1, 0)
    bracket = lines.find(ident, ends, " [")
    ok &= bracket > 0
    named = ident + np.where(ok, bracket, 0)
    blank = lines.find(ident, named, " ")
    ok &= blank > 0
    user = ident + np.where(ok, blank + 1, 0)
    at = np.where(ok, named + 2, lines.starts)
    ok &= at + _STAMP + 2 <= ends
    stamps = access(lines, np.where(ok, at, lines.starts))
    close = np.where(ok, at + _STAMP, lines.starts)
    ok &= stamps.ok & (lines.byte(close) == _CLOSE) & (lines.byte(close + 1) == _BLANK)
    length = named - user
    absent = (length == 1) & (lines.byte(user) == _HYPHEN)
    exact = stamps.exact & (blank == 1) & (lines.byte(ident) == _HYPHEN) & (length > 0)
    if returned is not None:
        exact &= ~returned
    spans = {"source_host": Span(lines.starts, client)}
    second = lines.find(user, named, " ")
    served = ok & (second > 0) & _is_address(lines, ident, np.where(second > 0, blank, -1))
    if served.any():
        # Apache's vhost_combined: the site, perhaps with its port, stands in front.
        site = Span(lines.starts, np.where(served, client, -1))
        spans = {
            "dest_host": Span(site.start, _without_port(lines, site)),
            "source_host": Span(
                np.where(served, ident, lines.starts), np.where(served, blank, client)
            ),
        }
        user = np.where(served, user + second + 1, user)
        length = named - user
        absent = (length == 1) & (lines.byte(user) == _HYPHEN)
        exact &= ~served
    rows = np.flatnonzero(ok)
    message = close + 2
    header = Header(
        lines=lines,
        format="webaccess",
        message=Span(message, ends - message),
        time=stamps.time,
        zone=stamps.zone,
        spans={**spans, "user_name": Span(user, np.where(absent, -1, length))},
        rebuilt=exact,
        program="webaccess",
    )
    return ok, header.take(rows)


def _is_address(lines: Lines, start: Ints, length: Ints) -> Mask:
    """Whether an IP address stands there; a negative length says no."""
    found = np.zeros(len(lines), bool)
    rows = np.flatnonzero(length > 0)
    if len(rows):
        text = lines.text(start[rows], length[rows])
        found[rows] = text.str.contains(
            r"^(?:\d+\.){3}\d+$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]+$"
        ).to_numpy()
    return found


def _without_port(lines: Lines, site: Span) -> Ints:
    """Lengths of sites' names, of `example.org:443` as well."""
    text = lines.text(site.start, site.length)
    name = text.str.replace(r":\d+$", "").str.len_bytes()
    return name.cast(pl.Int64).fill_null(-1).to_numpy()


ACCESS = Format(
    name="webaccess",
    read=_read,
    rank=20,
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
    ),
)  # fmt: skip
