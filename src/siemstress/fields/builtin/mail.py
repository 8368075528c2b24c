"""Postfix, by its services: `postfix/smtpd`, whatever the instance and the service are called."""

from __future__ import annotations

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_REJECT = {"action": "mail_reject", "outcome": "failure"}
_PEER = "{source_name}[{source_host}]"
_PEERS = (_PEER, f"{_PEER}:{{source_port}}")
_SCREENED = "[{source_host}]:{source_port}"
# By status of a delivery.
_STATUSES = {
    "sent": {"action": "mail_send", "outcome": "success"},
    "deferred": {"action": "mail_defer", "outcome": "failure"},
    "bounced": {"action": "mail_bounce", "outcome": "failure"},
    "expired": {"action": "mail_bounce", "outcome": "failure"},
    "deliverable": {"action": "mail_send"},
    "undeliverable": {"action": "mail_send"},
}


def _connections() -> Iterator[Pattern]:
    for peer in _PEERS:
        yield says(f"connect from {peer}", action="connect")
        yield says(f"disconnect from {peer}", action="disconnect")
        yield says(f"disconnect from {peer} {{commands*}}", action="disconnect")
        for kind in ("lost connection", "timeout"):
            yield says(f"{kind} after {{phase*}} from {peer}", action="disconnect", reason=kind)
            yield says(f"NOQUEUE: {kind} after {{phase*}} from {peer}", action="disconnect",
                       reason=kind)  # fmt: skip
        yield says(f"too many errors after {{phase*}} from {peer}", action="connect")
        yield says(f"improper command pipelining after {{phase*}} from {peer}: {{_rest*}}",
                   action="connect")  # fmt: skip
        for end in ("", ":"):
            yield says(f"improper command pipelining after {{phase*}} from {peer}{end}",
                       action="connect")  # fmt: skip
        yield says(f"SSL_accept error from {peer}: {{reason*}}", action="tls", outcome="failure")
        yield says(f"{{trust}} TLS connection established from {peer}: {{tls*}}",
                   action="tls", outcome="success")  # fmt: skip
        yield says(f"setting up TLS connection from {peer}", action="tls")
        yield says(f"warning: non-SMTP command from {peer}: {{command*}}", action="connect")
        yield says(f"warning: Illegal address syntax from {peer} in {{_rest*}}", action="connect")
        for what in ("Connection rate", "Connection concurrency", "Message delivery request rate",
                     "Recipient address rate", "New TLS session rate", "AUTH rate"):  # fmt: skip
            yield says(f"warning: {what} limit exceeded: {{count}} from {peer} for service "
                       "{service*}", action="flood", reason=what)  # fmt: skip
    for name in ("hostname {source_name} does not resolve to address {source_host}",
                 "{source_host}: hostname {source_name} verification failed"):  # fmt: skip
        yield says(f"warning: {name}: {{reason*}}", action="connect")
        yield says(f"warning: {name}", action="connect")


def _logins() -> Iterator[Pattern]:
    """SASL: what stands behind the reason was chosen by the one who tries."""
    for peer in _PEERS:
        failed = f"warning: {peer}: SASL {{method}} authentication failed:"
        # No password was tried.
        for reason in ("Connection lost to authentication server",
                       "Invalid authentication mechanism"):  # fmt: skip
            for end in ("", ", {_rest*}"):
                yield says(f"{failed} {reason}{end}", action="login", reason=reason)
        yield Pattern(f"{failed} {{reason*}}, sasl_username={{user_name*}}", _LOGIN)
        yield Pattern(f"{failed} {{reason*}}", _LOGIN)
        yield Pattern(failed, _LOGIN)
        login = f"{{queue_id}}: client={peer}, sasl_method={{method}}, sasl_username="
        for end in (", sasl_sender={_sender*}", ", orig_queue_id={_rest*}", ""):
            yield says(f"{login}{{user_name}}{end}", action="login", outcome="success")
        yield says(f"{{queue_id}}: client={peer}", action="mail_receive")
        yield says(f"{{queue_id}}: client={peer}, orig_queue_id={{_rest*}}", action="mail_receive")
        yield says(f"{{queue_id}}: client={peer}, orig_client={{_rest*}}", action="mail_receive")


def _rejects() -> Iterator[Pattern]:
    sent = "{?; from=<{from*}>?}{?{_to= to=<|, to=<}{to*}>?}{?{_with=; | |, }proto={_proto}?}"
    # The many, without a regex.
    for queue in ("NOQUEUE", "{queue_id}"):
        yield Pattern(
            f"{queue}: reject: {{phase}} from {_PEER}: {{code}} {{status}} {{reason*}}; "
            "from=<{from*}> to=<{to*}> proto={_proto} helo=<{helo*}>",
            _REJECT,
        )
    end = "{?{code+} {status} ?}{reason*}" + sent + "{?{_helo= |, }helo={?<?}{helo*}{?>?}?}"
    for queue in ("NOQUEUE", "{queue_id}"):
        for peer in ("{source_name}[{source_host#}]{?:{source_port+}?}",
                     "[{source_host#}]:{source_port+}"):  # fmt: skip
            yield Pattern(f"{queue}: {{_verb=reject|milter-reject|discard}}: {{phase*}} from "
                          f"{peer}: {end}", _REJECT)  # fmt: skip
    # The header is the sender's, what stands behind it is not.
    end = f" from {_PEER}; from=<{{from}}> to=<{{to}}> proto={{_proto}} helo=<{{helo}}>"
    for verb, sets in (
        ("reject", _REJECT), ("discard", _REJECT), ("warning", {"action": "mail_filter"}),
        ("hold", {"action": "mail_filter"}), ("filter", {"action": "mail_filter"}),
        ("prepend", {"action": "mail_filter"}), ("replace", {"action": "mail_filter"}),
        ("redirect", {"action": "mail_filter"}),
    ):  # fmt: skip
        for part in ("header", "body"):
            yield Pattern(f"{{queue_id}}: {verb}: {part} {{header**}}{end}: {{reason*}}", sets)
            yield Pattern(f"{{queue_id}}: {verb}: {part} {{header**}}{end}", sets)


def _screening() -> Iterator[Pattern]:
    yield says(f"CONNECT from {_SCREENED} to [{{dest_host}}]:{{dest_port}}", action="connect")
    yield says(f"DISCONNECT {_SCREENED}", action="disconnect")
    for verdict, action in (
        ("PASS OLD", "allow"), ("PASS NEW", "allow"), ("WHITELISTED", "allow"),
        ("ALLOWLISTED", "allow"), ("WHITELIST VETO", "deny"), ("ALLOWLIST VETO", "deny"),
        ("BLACKLISTED", "deny"), ("DENYLISTED", "deny"),
    ):  # fmt: skip
        yield says(f"{verdict} {_SCREENED}", action=action, reason=verdict)
    yield says(f"DNSBL rank {{rank}} for {_SCREENED}", action="probe")
    yield says(f"PREGREET {{_size}} after {{_seconds}} from {_SCREENED}: {{command*}}",
               action="probe")  # fmt: skip
    yield says(f"HANGUP after {{_seconds}} from {_SCREENED} in tests {{phase*}}",
               action="disconnect")  # fmt: skip
    for what in ("BARE NEWLINE", "NON-SMTP COMMAND", "COMMAND PIPELINING", "COMMAND TIME LIMIT",
                 "COMMAND COUNT LIMIT", "COMMAND LENGTH LIMIT"):  # fmt: skip
        yield says(f"{what} from {_SCREENED} after {{phase}}: {{command*}}", action="probe",
                   reason=what)  # fmt: skip
        yield says(f"{what} from {_SCREENED} after {{phase}}", action="probe", reason=what)
    yield says("addr {source_host} listed by domain {list_domain} as {answer}", action="probe")


def _deliveries() -> Iterator[Pattern]:
    for to in ("to=<{to}>", "to=<{to}>, orig_to=<{orig_to}>"):
        for relay in ("{dest_name}[{dest_host}]:{dest_port}", "{relay}"):
            for used in ("", "conn_use={_uses}, "):
                head = f"{{queue_id}}: {to}, relay={relay}, {used}delay={{delay}}, "
                for status, sets in _STATUSES.items():
                    yield Pattern(f"{head}delays={{_delays}}, dsn={{dsn}}, status={status} "
                                  "({response*})", {**sets, "status": status})  # fmt: skip
    yield says("{queue_id}: from=<{from}>, size={size}, nrcpt={recipients} (queue active)",
               action="mail_queue")  # fmt: skip
    yield says("{queue_id}: from=<{from}>, status=expired, returned to sender",
               action="mail_bounce", outcome="failure", status="expired")  # fmt: skip
    for kind in ("non-delivery", "delay", "delivery status"):
        yield says(f"{{queue_id}}: sender {kind} notification: {{notification_id}}",
                   action="mail_bounce" if kind == "non-delivery" else "mail_queue")  # fmt: skip
    yield says("{queue_id}: message-id=<{message_id*}>")
    yield says("{queue_id}: message-id={message_id*}")
    yield says("{queue_id}: resent-message-id=<{message_id*}>")
    yield says("{queue_id}: removed")
    yield says("{queue_id}: uid={uid} from=<{from}>", action="mail_receive")
    peer = "{dest_name}[{dest_host}]"
    yield says(f"connect to {peer}:{{dest_port}}: {{reason*}}", action="connect",
               outcome="failure")  # fmt: skip
    yield says(f"{{trust}} TLS connection established to {peer}:{{dest_port}}: {{tls*}}",
               action="tls", outcome="success")  # fmt: skip
    yield says(f"SSL_connect error to {peer}:{{dest_port}}: {{reason*}}", action="tls",
               outcome="failure")  # fmt: skip
    yield says(f"{{queue_id}}: host {peer} said: {{response*}}", action="mail_defer")
    yield says(f"{{queue_id}}: host {peer} refused to talk to me: {{response*}}",
               action="mail_defer")  # fmt: skip
    yield says(f"{{queue_id}}: lost connection with {peer} while {{phase*}}", action="mail_defer")
    yield says(f"{{queue_id}}: conversation with {peer} timed out while {{phase*}}",
               action="mail_defer")  # fmt: skip
    for what in ("connection rate", "connection count", "message rate", "recipient rate",
                 "auth rate", "newtls rate"):  # fmt: skip
        yield says(f"statistics: max {what} {{count}} for ({{service}}:{{source_host}}) at "
                   "{_when*}")  # fmt: skip


_SERVICES = (
    "smtpd", "smtp", "qmgr", "oqmgr", "nqmgr", "cleanup", "local", "lmtp", "pickup", "bounce",
    "defer", "trace", "postscreen", "dnsblog", "error", "retry", "discard", "virtual", "pipe",
    "anvil", "tlsproxy", "verify", "master", "smtps", "submission",
)  # fmt: skip

TABLE = Table(
    programs=("postfix", *(f"postfix/{service}" for service in _SERVICES)),
    patterns=(*_connections(), *_logins(), *_rejects(), *_screening(), *_deliveries()),
    samples=(
        Sample("connect from unknown[203.0.113.134]",
               {"source_name": "unknown", "source_host": "203.0.113.134", "action": "connect"}),
        Sample("disconnect from unknown[2001:db8::7] ehlo=1 auth=0/1 quit=1 commands=2/3",
               {"source_name": "unknown", "source_host": "2001:db8::7", "action": "disconnect",
                "commands": "ehlo=1 auth=0/1 quit=1 commands=2/3"}),
        Sample("warning: unknown[203.0.113.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
               {"source_name": "unknown", "source_host": "203.0.113.7", "method": "LOGIN",
                "reason": "UGFzc3dvcmQ6", "action": "login", "outcome": "failure"}),
        Sample("warning: unknown[203.0.113.7]: SASL PLAIN authentication failed: (reason "
               "unavailable), sasl_username=a, sasl_username=b: x from y[192.0.2.1]",
               {"source_name": "unknown", "source_host": "203.0.113.7", "method": "PLAIN",
                "reason": "(reason unavailable)", "action": "login", "outcome": "failure",
                "user_name": "a, sasl_username=b: x from y[192.0.2.1]"}),
        Sample("warning: Connection rate limit exceeded: 31 from h.example.org[203.0.113.123] for "
               "service smtpd",
               {"count": "31", "source_name": "h.example.org", "source_host": "203.0.113.123",
                "service": "smtpd", "reason": "Connection rate", "action": "flood"}),
        Sample("NOQUEUE: reject: RCPT from h.example.org[203.0.113.7]: 554 5.7.1 <b@example.com>: "
               "Relay access denied; from=<a@example.org> to=<b@example.com> proto=ESMTP helo=<h>",
               {"phase": "RCPT", "source_name": "h.example.org", "source_host": "203.0.113.7",
                "code": "554", "status": "5.7.1",
                "reason": "<b@example.com>: Relay access denied", "from": "a@example.org",
                "to": "b@example.com", "helo": "h", "action": "mail_reject",
                "outcome": "failure"}),
        Sample("4F1A2B3C4D: reject: header Subject: x from y[192.0.2.9]; from=<c> to=<d> "
               "proto=SMTP helo=<e> from h.example.org[203.0.113.7]; from=<a@example.org> "
               "to=<b@example.com> proto=ESMTP helo=<h>: 5.7.1 no",
               {"queue_id": "4F1A2B3C4D", "header": "Subject: x from y[192.0.2.9]; from=<c> "
                "to=<d> proto=SMTP helo=<e>", "source_name": "h.example.org",
                "source_host": "203.0.113.7", "from": "a@example.org", "to": "b@example.com",
                "helo": "h", "reason": "5.7.1 no", "action": "mail_reject",
                "outcome": "failure"}),
        Sample("PREGREET 11 after 0.07 from [203.0.113.7]:4711: EHLO there",
               {"source_host": "203.0.113.7", "source_port": 4711, "command": "EHLO there",
                "action": "probe"}),
        Sample("4F1A2B3C4D: to=<bob@example.org>, relay=mx.example.org[203.0.113.25]:25, "
               "delay=1.2, delays=0.1/0.01/0.4/0.9, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
               {"queue_id": "4F1A2B3C4D", "to": "bob@example.org", "dest_name": "mx.example.org",
                "dest_host": "203.0.113.25", "dest_port": 25, "delay": "1.2", "dsn": "2.0.0",
                "status": "sent", "response": "250 2.0.0 Ok", "action": "mail_send",
                "outcome": "success"}),
        Sample("4F1A2B3C4D: to=<bob@example.org>, orig_to=<root>, relay=none, delay=9, "
               "delays=0/0/9/0, dsn=4.4.1, status=deferred (connect: timed out)",
               {"queue_id": "4F1A2B3C4D", "to": "bob@example.org", "orig_to": "root",
                "relay": "none", "delay": "9", "dsn": "4.4.1", "status": "deferred",
                "response": "connect: timed out", "action": "mail_defer",
                "outcome": "failure"}),
        Sample("4F1A2B3C4D: client=h.example.org[203.0.113.7], sasl_method=PLAIN, "
               "sasl_username=bob",
               {"queue_id": "4F1A2B3C4D", "source_name": "h.example.org",
                "source_host": "203.0.113.7", "method": "PLAIN", "user_name": "bob",
                "action": "login", "outcome": "success"}),
    ),
)  # fmt: skip
