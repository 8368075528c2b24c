"""Web servers' access lines: Common and Combined Log Format, also behind a syslog head."""

from siemstress.fields.tables import Pattern, Sample, Table

_CLIENTS = (
    "{source_host} - - [{_stamp*}] ",
    "{source_host} {_ident} {user_name*} [{_stamp*}] ",
)
_REQUEST = '"{method} {path} {version}" {status} {bytes}'
_ANY = '"{request*}" {status} {bytes}'
_AGENT = ' "{referer*}" "{user_agent*}"'
_SETS = {"action": "request"}


def _lines(*clients: str) -> tuple[Pattern, ...]:
    return tuple(
        Pattern(client + request + end, _SETS)
        for client in clients
        for request in (_REQUEST, _ANY)
        for end in (_AGENT, "", _AGENT + " {_more*}", " {_more*}")
    )


TABLE = Table(
    programs=("nginx", "apache", "apache2", "httpd", "lighttpd", "caddy"),
    patterns=_lines(*_CLIENTS),
    samples=(
        Sample('203.0.113.31 - - [30/Dec/2025:06:06:16 +0000] "POST /login HTTP/1.1" 403 5499 '
               '"-" "curl/8.5.0"',
               {"source_host": "203.0.113.31", "method": "POST", "path": "/login",
                "version": "HTTP/1.1", "status": "403", "bytes": "5499",
                "user_agent": "curl/8.5.0", "action": "request", "outcome": "failure"}),
    ),
)  # fmt: skip
REQUEST = Table(
    programs=("webaccess",),
    patterns=_lines(""),
    samples=(
        Sample('"GET /a HTTP/1.1" 200 2326',
               {"method": "GET", "path": "/a", "version": "HTTP/1.1", "status": "200",
                "bytes": "2326", "action": "request", "outcome": "success"}),
        Sample('"\\x16\\x03" 400 226 "-" "-"',
               {"request": "\\x16\\x03", "status": "400", "bytes": "226", "outcome": "failure",
                "action": "request"}),
    ),
)  # fmt: skip
