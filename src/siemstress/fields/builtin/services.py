"""Servers whose own logs begin with a stamp, or that log by syslog: bans, databases, shells."""

from siemstress.fields.tables import Pattern, Sample, Table, says

_LIMITED = {"action": "request", "outcome": "failure"}

NGINX = Table(
    programs=("nginx", "stamped"),
    patterns=tuple(
        Pattern(f"[{level}] {{_worker}}: *{{_connection}} {{reason*}}, client: {end}",
                {**_LIMITED, "level": level})
        for level in ("error", "crit", "warn")
        for end in (
            '{source_host}, server: {server*}, request: "{method} {path*} {version}"{_rest*}',
            "{source_host}, server: {_rest*}",
            "{source_host}",
        )
    ),
    samples=(
        Sample('[error] 22923#0: *47 limiting requests, excess: 15.243 by zone "one", client: '
               '203.0.113.9, server: example.com, request: "GET / HTTP/1.1", host: "example.com"',
               {"reason": 'limiting requests, excess: 15.243 by zone "one"', "level": "error",
                "source_host": "203.0.113.9", "server": "example.com", "method": "GET",
                "path": "/", "version": "HTTP/1.1", "action": "request", "outcome": "failure"}),
    ),
)  # fmt: skip
OTHERS = Table(
    programs=("scanlogd", "nrpe"),
    patterns=(
        says("{source_host} to {dest_host} ports {ports*}", action="port_scan"),
        says("Host {source_host} is not allowed to talk to us!",
             action="connect", outcome="failure"),
    ),
    samples=(
        Sample("Host 203.0.113.9 is not allowed to talk to us!",
               {"source_host": "203.0.113.9", "action": "connect", "outcome": "failure"}),
    ),
)  # fmt: skip
