"""Exim, under its name in syslog or in its own logs (main, reject and panic)."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_REJECT = {"action": "mail_reject", "outcome": "failure"}
# The name is that of the reverse DNS, what stands in round brackets is what the other side says.
_PEER = (
    "{?{_name} ?}{?({_helo}) ?}[{source_host#}]{?:{source_port}?}{? I=[{dest_host#}]:{dest_port}?}"
)
_HEAD = "{?[{_pid}] ?}{?{queue_id} ?}"
_MORE = "{? {_more*}?}"


def _patterns() -> tuple[Pattern, ...]:
    refused = (
        "{verb=rejected|temporarily rejected} {phase=RCPT|MAIL|EHLO or HELO|HELO|EHLO|AUTH|VRFY|"
        "EXPN|ETRN|DATA|STARTTLS|after DATA|during MIME ACL checks|by local_scan()|connection}"
    )
    sender = "{?F={from} ?}"
    sent = "{queue_id} => {to} R={router} T={transport}"
    return (
        # The many, without a regex.
        *(
            says(f"{sent}{end}", action="mail_send", outcome="success")
            for end in (" H={dest_name} [{dest_host}] {_more*}",
                        " H={dest_name} [{dest_host}]:{dest_port} {_more*}", "")
        ),
        says("{queue_id} Completed"),
        *(
            Pattern(f"{{?[{{_pid}}] ?}}{{method}} authenticator failed for {_PEER}{{? {{_call}}?}}"
                    f": {{_code}} {{reason*}}{end}", _LOGIN)
            for end in (" (set_id={user_name**})", "")
        ),
        says(f"{_HEAD}{sender}H={_PEER}{{? {{_more*}}?}} {refused}{{? {{to*}}?}}: {{reason*}}",
             **_REJECT),
        says(f"{_HEAD}{sender}H={_PEER}{{? {{_more*}}?}} {refused}{{? {{reason*}}?}}", **_REJECT),
        says(f"{_HEAD}H={_PEER}{{? {{_more*}}?}} sender verify {{verb=fail|defer}} for "
             "<{from*}>: {reason*}", **_REJECT),
        says(f"{_HEAD}H={_PEER}{{? {{_more*}}?}} dropped by '{{acl}}' ACL{{?: {{reason*}}?}}",
             action="deny"),
        says(f"{_HEAD}H={_PEER}{{? {{_more*}}?}} Warning: {{reason*}}"),
        says(f"{_HEAD}unqualified {{verb=sender|recipient}} rejected: <{{address**}}> H={_PEER}",
             **_REJECT),
        says(f"{_HEAD}rejected {{verb=HELO|EHLO}} from {_PEER}: {{reason*}}", **_REJECT),
        says(f"{_HEAD}SMTP call from {_PEER} dropped: {{reason*}}", action="deny"),
        says(f"{_HEAD}no MAIL in SMTP connection from {_PEER}{_MORE}", action="disconnect"),
        says(f'{_HEAD}SMTP {{_kind=protocol|syntax}} error in "{{command**}}" H={_PEER} '
             "{reason*}", action="connect"),
        says(f"{_HEAD}SMTP protocol synchronization error ({{reason*}}): rejected "
             f'{{_what*}} {{?from ?}}H={_PEER} {{?next ?}}input="{{input*}}"', **_REJECT),
        says(f"{_HEAD}SMTP connection from {_PEER} closed by {{reason=QUIT|DROP in ACL|EOF}}",
             action="disconnect"),
        says(f"{_HEAD}SMTP connection from {_PEER} lost{{? {{reason*}}?}}", action="disconnect"),
        says(f"{_HEAD}SMTP connection from {_PEER} (TCP/IP connection count = {{count}})",
             action="connect"),
        says(f"{_HEAD}SMTP {{_what=command timeout|data timeout (message abandoned)}} on "
             f"connection from {_PEER}{_MORE}", action="disconnect"),
        says(f"{_HEAD}unexpected disconnection while reading SMTP command from {_PEER}{_MORE}",
             action="disconnect"),
        says(f"{_HEAD}TLS error on connection from {_PEER}{{? ({{phase}})?}}: {{reason*}}",
             action="tls", outcome="failure"),
        says("{?[{_pid}] ?}no host name found for IP address {source_host#}"),
        says(f"{{?[{{_pid}}] ?}}no IP address found for host {{_host}} (during SMTP connection "
             f"from {_PEER})"),
        says(f"{{?[{{_pid}}] ?}}Connection from {_PEER} refused: {{reason*}}", action="deny"),
        says("{queue_id} SA: Action: {reason*} From <{from*}> (host={_name} [{source_host#}]) for "
             "{to*}", action="mail_filter"),
        says(f"{{?[{{_pid}}] ?}}{{queue_id}} <= {{from}} {{?R={{_bounce}} ?}}H={_PEER}"
             "{? Ci={_call}?} P={_proto}{? X={tls}?}{? CV={_verify}?}{? SNI={_sni}?}"
             "{? A={method}:{user_name}?}{? {_size*}?}", action="mail_receive"),
        says("{?[{_pid}] ?}{queue_id} <= {from} {?R={_bounce} ?}U={user_name} P={_proto}"
             "{? {_size*}?}", action="mail_receive"),
        *(
            says(f"{{?[{{_pid}}] ?}}{{queue_id}} {sign} {{to}}{{? {{_original*}}?}} R={{router}}"
                 "{? T={transport}?}{? H={dest_name} [{dest_host#}]{?:{dest_port}?}?}"
                 f"{end}", action=action, outcome=outcome)
            for sign, end, action, outcome in (
                ("{_sign==>|->|>>}", "{? {_more*}?}", "mail_send", "success"),
                ("**", "{? X={_tls}?}{? {_more*}?}: {reason*}", "mail_bounce", "failure"),
                ("==", "{? X={_tls}?}{? {_more*}?}: {reason*}", "mail_defer", "failure"),
                ("==", "{? {reason*}?}", "mail_defer", "failure"),
            )
        ),
        says("{?[{_pid}] ?}{queue_id} ** {to}: {reason*}", action="mail_bounce",
             outcome="failure"),
    )  # fmt: skip


TABLE = Table(
    programs=("exim", "exim4", "stamped"),
    patterns=_patterns(),
    samples=(
        Sample("dovecot_login authenticator failed for h1.example.net (User) [203.0.113.9]: 535 "
               "Incorrect authentication data (set_id=scanner)",
               {"method": "dovecot_login", "source_host": "203.0.113.9",
                "user_name": "scanner", "reason": "Incorrect authentication data",
                "action": "login", "outcome": "failure"}),
        Sample("plain authenticator failed for ([192.0.2.17]) [203.0.113.9]:41556 I=[192.0.2.1]:25:"
               " 535 Incorrect authentication data (set_id=web)",
               {"method": "plain", "source_host": "203.0.113.9",
                "source_port": 41556, "dest_host": "192.0.2.1", "dest_port": 25,
                "user_name": "web", "reason": "Incorrect authentication data",
                "action": "login", "outcome": "failure"}),
        Sample("H=mx.example.com [203.0.113.9] F=<a@example.org> rejected RCPT <b@example.net>: "
               "Unknown user",
               {"source_host": "203.0.113.9", "to": "<b@example.net>", "verb": "rejected",
                "phase": "RCPT", "reason": "Unknown user", "action": "mail_reject",
                "outcome": "failure"}),
        Sample('SMTP protocol error in "auth login" H=(a) [192.0.2.9]" H=(b) [203.0.113.9] AUTH '
               "command used when not advertised",
               {"command": 'auth login" H=(a) [192.0.2.9]',
                "source_host": "203.0.113.9", "reason": "AUTH command used when not advertised",
                "action": "connect"}),
        Sample("1akDqs-0005aQ-9b <= a@example.org H=h.example.org (h) [203.0.113.9]:4711 P=esmtpsa "
               "X=TLS1.3:256 CV=no A=plain:bob S=123 id=1@example.org",
               {"queue_id": "1akDqs-0005aQ-9b", "from": "a@example.org",
                "source_host": "203.0.113.9", "source_port": 4711, "tls": "TLS1.3:256",
                "method": "plain", "user_name": "bob", "action": "mail_receive"}),
        Sample("1akDqs-0005aQ-9b => b@example.net R=dnslookup T=remote_smtp H=mx.example.net "
               '[203.0.113.25] X=TLS1.3 C="250 OK"',
               {"queue_id": "1akDqs-0005aQ-9b", "to": "b@example.net", "router": "dnslookup",
                "transport": "remote_smtp", "dest_name": "mx.example.net",
                "dest_host": "203.0.113.25", "action": "mail_send", "outcome": "success"}),
        Sample("1akDqs-0005aQ-9b == b@example.net R=dnslookup T=remote_smtp defer (-44): no "
               "connection",
               {"queue_id": "1akDqs-0005aQ-9b", "to": "b@example.net", "router": "dnslookup",
                "transport": "remote_smtp", "reason": "no connection", "action": "mail_defer",
                "outcome": "failure"}),
    ),
)  # fmt: skip
