"""Exim, under its name in syslog or in its own log."""

from siemstress.fields.tables import Pattern, Sample, Table

_LOGIN = {"action": "login", "outcome": "failure"}
_REJECT = {"action": "mail_reject", "outcome": "failure"}
_CONNECT = {"action": "connect", "outcome": "failure"}
_WRONG = "535 Incorrect authentication data"


def _peers() -> tuple[str, ...]:
    """How Exim names the other side: perhaps a name, an address, perhaps ports."""
    ports = "[{source_host}]:{source_port} I=[{dest_host}]:{dest_port}"
    return tuple(
        name + address for name in ("{_name*} ", "") for address in (ports, "[{source_host}]")
    )


def _patterns() -> tuple[Pattern, ...]:
    found = []
    for peer in _peers():
        failed = f"{{method}} authenticator failed for {peer}"
        for colon in (": ", " {_call}: "):
            found += [
                Pattern(f"{failed}{colon}{_WRONG} (set_id={{user_name*}})", _LOGIN),
                Pattern(f"{failed}{colon}{_WRONG}{{_rest*}}", _LOGIN),
            ]
        for process in ("", "[{_pid}] "):
            found += [
                Pattern(f"{process}H={peer} {{_more*}}rejected RCPT {{to}}: {{reason*}}", _REJECT),
                Pattern(f"{process}H={peer} sender verify fail for <{{from*}}>: {{reason*}}",
                        _REJECT),
                Pattern(f"{process}SMTP call from {peer} dropped: {{reason*}}", _CONNECT),
                Pattern(f"{process}no MAIL in SMTP connection from {peer} {{_rest*}}", _CONNECT),
                Pattern(f'{process}SMTP protocol error in "{{command*}}" H={peer} {{reason*}}',
                        _CONNECT),
            ]  # fmt: skip
    return tuple(found)


TABLE = Table(
    programs=("exim", "exim4", "stamped"),
    patterns=_patterns(),
    samples=(
        Sample("dovecot_login authenticator failed for h1.example.net (User) [203.0.113.9]: 535 "
               "Incorrect authentication data (set_id=scanner)",
               {"method": "dovecot_login", "source_host": "203.0.113.9", "user_name": "scanner",
                "action": "login", "outcome": "failure"}),
        Sample("plain authenticator failed for ([192.0.2.17]) [203.0.113.9]:41556 I=[192.0.2.1]:25:"
               " 535 Incorrect authentication data (set_id=web)",
               {"method": "plain", "source_host": "203.0.113.9", "source_port": 41556,
                "dest_host": "192.0.2.1", "dest_port": 25, "user_name": "web", "action": "login",
                "outcome": "failure"}),
        Sample("H=mx.example.com [203.0.113.9] F=<a@example.org> rejected RCPT <b@example.net>: "
               "Unknown user",
               {"source_host": "203.0.113.9", "to": "<b@example.net>", "reason": "Unknown user",
                "action": "mail_reject", "outcome": "failure"}),
    ),
)  # fmt: skip
