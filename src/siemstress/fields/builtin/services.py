"""Servers whose own logs begin with a stamp, or that log by syslog: bans, databases, shells."""

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_LIMITED = {"action": "request", "outcome": "failure"}
_PEER = "{source_host}:{source_port}"

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
DROPBEAR = Table(
    programs=("dropbear",),
    patterns=(
        *(
            Pattern(f"{first}ad password attempt for '{{user_name*}}' from {mapped}{_PEER}", _LOGIN)
            for first in "Bb"
            for mapped in ("::ffff:", "")
        ),
        *(
            Pattern(f"{first}ogin attempt for nonexistent user from {mapped}{_PEER}",
                    {**_LOGIN, "invalid_user": "true"})
            for first in "Ll"
            for mapped in ("::ffff:", "")
        ),
        Pattern(f"Exit before auth from <{_PEER}>: (user '{{user_name*}}', {{_fails}} fails): "
                "{reason*}", _LOGIN),
        Pattern(f"Exit before auth (user '{{user_name*}}', {{_fails}} fails): {{reason*}} - user "
                f"'{{_user*}}' from {_PEER}", _LOGIN),
        says(f"Password auth succeeded for '{{user_name*}}' from {_PEER}",
             action="login", outcome="success", method="password"),
        says(f"Pubkey auth succeeded for '{{user_name*}}' with {{key*}} from {_PEER}",
             action="login", outcome="success", method="publickey"),
        says(f"Child connection from {_PEER}", action="connect"),
    ),
    samples=(
        Sample("Bad password attempt for 'root' from 203.0.113.9:60588",
               {"user_name": "root", "source_host": "203.0.113.9", "source_port": 60588,
                "action": "login", "outcome": "failure"}),
        Sample("login attempt for nonexistent user from ::ffff:203.0.113.9:60495",
               {"source_host": "203.0.113.9", "source_port": 60495, "action": "login",
                "outcome": "failure", "invalid_user": "true"}),
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
