"""Dovecot, Cyrus, Courier and UW IMAP: who reads mail."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_LOGGED_IN = {"action": "login", "outcome": "success"}
_HEAD = "{?{service=imap|pop3|managesieve|submission|lmtp}-login: ?}{?Info: ?}"
_PEER = "{?method={method}, ?}rip={source_host#}{?, lip={dest_host#}?}{?, {_more*}?}"
_USER = "user=<{user_name**}>, " + _PEER
_INFO = "{?Info: ?}"
_SESSION = "({user_name}){?<{_pid}><{_session}>?}: {?Info: ?}"
# What Dovecot says, in brackets, of a login that was tried.
_TRIED = (
    "{_kind=auth failed|proxy dest auth failed|tried to use disallowed plaintext auth|"
    "tried to use disabled plaintext auth|client sent an invalid cert}{?, {attempts*}?}"
    "{?) (auth_failed?}"
)


def _dovecot() -> tuple[Pattern, ...]:
    """The user's name is as long as can be: what stands behind it is Dovecot's."""
    conn = "{?conn {_conn} ({_ids}): auth-worker<{_number}>: ?}"
    database = "{method}({user_name**},{source_host#}{?,<{_session}>?}{?,?}): {reason*}"
    heads = ("auth: ", "auth-worker: ", "auth-worker({_worker}): ", "auth({_worker}): ",
             "dovecot: auth({_worker}): ", "")  # fmt: skip
    mail = "{?{_lmtp}: ?}{?sieve: ?}msgid={message_id}: "
    return (
        Pattern(f"{_HEAD}{{_word=Login|Logged in}}: {_USER}", _LOGGED_IN),
        Pattern(f"{_HEAD}{{reason*}} ({_TRIED}): {_USER}", _LOGIN),
        Pattern(f"{_HEAD}{{reason*}} ({_TRIED}): {_PEER}", _LOGIN),
        Pattern(f"{_HEAD}{{reason*}}: {_USER}", {"action": "disconnect"}),
        Pattern(f"{_HEAD}{{reason*}}: {_PEER}", {"action": "disconnect"}),
        *(Pattern(f"{head}{_INFO}{conn}{database}", _LOGIN) for head in heads),
        Pattern("auth({user_name**},{source_host#},sasl:{mechanism})<{_session}>: "
                f"{_INFO}{{method}}: {{reason*}}", _LOGIN),
        says(f"{{service=imap|pop3|managesieve|submission}}{_SESSION}"
             "{reason=Logged out|Disconnected|Connection closed}{_rest*}", action="logout"),
        *(
            says(f"{{service=lmtp|lda}}{session}: {_INFO}{mail}{said}", action="mail_send",
                 outcome=outcome)
            for session in ("({user_name})<{_pid}><{_ids}>", "({_pid}, {user_name})",
                            "({user_name})")
            for said, outcome in (
                ("saved mail to {mailbox*}", "success"),
                ("stored mail into mailbox '{mailbox*}'", "success"),
                ("save failed to {mailbox}: {reason*}", "failure"),
            )
        ),
        says(f"lmtp({{_pid}}): {_INFO}Connect from {{source_host}}", action="connect"),
        says(f"lmtp({{_pid}}): {_INFO}Disconnect from {{source_host#}}: {{reason*}}",
             action="disconnect"),
    )  # fmt: skip


DOVECOT = Table(
    programs=(
        "dovecot", "imap-login", "pop3-login", "submission-login", "managesieve-login", "auth",
        "auth-worker", "dovecot-auth",
    ),
    patterns=_dovecot(),
    samples=(
        Sample("imap-login: Login: user=<alice>, method=PLAIN, rip=203.0.113.8, lip=192.0.2.2, "
               "mpid=12, TLS",
               {"service": "imap", "user_name": "alice", "method": "PLAIN",
                "source_host": "203.0.113.8", "dest_host": "192.0.2.2", "action": "login",
                "outcome": "success"}),
        Sample("Info: Aborted login (auth failed, 1 attempts in 2 secs): user=<grace>, "
               "method=PLAIN, rip=203.0.113.8",
               {"reason": "Aborted login", "attempts": "1 attempts in 2 secs",
                "user_name": "grace", "method": "PLAIN", "source_host": "203.0.113.8",
                "action": "login", "outcome": "failure"}),
        Sample("pop3-login: Disconnected (auth failed, 1 attempts): user=<a>, method=PLAIN, "
               "rip=192.0.2.9, lip=192.0.2.2, x>, method=PLAIN, rip=203.0.113.8, lip=192.0.2.2, "
               "session=<q>",
               {"service": "pop3", "reason": "Disconnected", "attempts": "1 attempts",
                "user_name": "a>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.2, x",
                "method": "PLAIN", "source_host": "203.0.113.8", "dest_host": "192.0.2.2",
                "action": "login", "outcome": "failure"}),
        Sample("imap-login: Disconnected (no auth attempts in 1 secs): user=<>, rip=203.0.113.8, "
               "lip=192.0.2.2, session=<q>",
               {"service": "imap", "reason": "Disconnected (no auth attempts in 1 secs)",
                "source_host": "203.0.113.8", "dest_host": "192.0.2.2", "action": "disconnect"}),
        Sample("auth-worker(304): pam(alice,203.0.113.8): unknown user",
               {"method": "pam", "user_name": "alice", "source_host": "203.0.113.8",
                "reason": "unknown user", "action": "login", "outcome": "failure"}),
        Sample("auth: sql(alice@example.org,203.0.113.8,<6rXunFtu>): Password mismatch",
               {"method": "sql", "user_name": "alice@example.org", "source_host": "203.0.113.8",
                "reason": "Password mismatch", "action": "login", "outcome": "failure"}),
        Sample("auth(bob,203.0.113.8,sasl:login)<CvN+E95U>: Info: sql: Password mismatch",
               {"method": "sql", "mechanism": "login", "user_name": "bob",
                "source_host": "203.0.113.8", "reason": "Password mismatch", "action": "login",
                "outcome": "failure"}),
        Sample("imap(alice)<123><q7w>: Disconnected: Logged out in=9 out=10",
               {"service": "imap", "user_name": "alice", "reason": "Disconnected",
                "action": "logout"}),
        Sample("lmtp(alice)<123><q7w>: msgid=<1@example.org>: saved mail to INBOX",
               {"service": "lmtp", "user_name": "alice", "message_id": "<1@example.org>",
                "mailbox": "INBOX", "action": "mail_send", "outcome": "success"}),
    ),
)  # fmt: skip
OWN_LOG = Table(
    programs=("stamped",),
    patterns=tuple(
        Pattern(f"{head}{text}", sets)
        for head in ("{service=imap|pop3|managesieve|submission}-login: {?Info: ?}",)
        for text, sets in (
            (f"{{_word=Login|Logged in}}: {_USER}", _LOGGED_IN),
            (f"{{reason*}} ({_TRIED}): {_USER}", _LOGIN),
            (f"{{reason*}} ({_TRIED}): {_PEER}", _LOGIN),
            (f"{{reason*}}: {_USER}", {"action": "disconnect"}),
            (f"{{reason*}}: {_PEER}", {"action": "disconnect"}),
        )
    )
    + tuple(
        Pattern(f"{worker}: {_INFO}{{?conn {{_conn}} ({{_ids}}): auth-worker<{{_number}}>: ?}}"
                "{method}({user_name**},{source_host#}{?,<{_session}>?}{?,?}): {reason*}", _LOGIN)
        for worker in ("auth", "auth-worker", "auth-worker({_worker})", "auth({_worker})")
    ),
    samples=(
        Sample("imap-login: Info: Aborted login (auth failed, 1 attempts): user=<bob>, "
               "method=CRAM-MD5, rip=203.0.113.9, lip=192.0.2.1, TLS",
               {"service": "imap", "reason": "Aborted login", "attempts": "1 attempts",
                "user_name": "bob", "method": "CRAM-MD5", "source_host": "203.0.113.9",
                "dest_host": "192.0.2.1", "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
_CYRUS_PEER = "{?{source_name} ?}{?{_name}?}[{source_host#}]"
CYRUS = Table(
    programs=(
        "cyrus/imap", "cyrus/imaps", "cyrus/pop3", "cyrus/pop3s", "cyrus/sieve", "cyrus/nntp",
        "cyrus/lmtp", "cyrus/http", "cyrus/httpd", "imap", "imaps", "imapd", "pop3", "pop3s",
        "pop3d", "timsieved",
    ),
    patterns=(
        Pattern(f"badlogin: {_CYRUS_PEER} {{method}}{{? ({{_name*}})?}} "
                "[SASL({_code}): {reason*}]", _LOGIN),
        Pattern(f"badlogin: {_CYRUS_PEER} {{method}} {{user_name**}} SASL({{_code}}): {{reason*}}",
                _LOGIN),
        Pattern(f"login: {_CYRUS_PEER} {{user_name}} {{method}} User logged in{{? {{_rest*}}?}}",
                _LOGGED_IN),
    ),
    samples=(
        Sample("badlogin: mail.example.com [203.0.113.9] plaintext bob SASL(-13): authentication "
               "failure: checkpass failed",
               {"source_name": "mail.example.com", "source_host": "203.0.113.9",
                "method": "plaintext", "user_name": "bob",
                "reason": "authentication failure: checkpass failed", "action": "login",
                "outcome": "failure"}),
        Sample("login: mail.example.com [203.0.113.9] bob plaintext+TLS User logged in "
               "SESSIONID=<x>",
               {"source_name": "mail.example.com", "source_host": "203.0.113.9",
                "method": "plaintext+TLS", "user_name": "bob", "action": "login",
                "outcome": "success"}),
    ),
)  # fmt: skip
_COURIER_PEER = "ip=[{?::ffff:?}{source_host#}]{?, port=[{source_port}]?}"
_RELAY = "error,relay={?::ffff:?}{source_host#},{?port={source_port},?}"
COURIER = Table(
    programs=(
        "imapd", "imapd-ssl", "pop3d", "pop3d-ssl", "imaplogin", "pop3login", "courierpop3login",
        "courierpop3d", "courieresmtpd", "esmtpd", "courier-imapd", "courier-pop3d",
    ),
    patterns=(
        Pattern(f'{_RELAY}msg="535 {{reason*}}",cmd: {{command*}}', _LOGIN),
        says(f"{_RELAY}{{reason*}}", action="mail_reject", outcome="failure"),
        says(f"Connection, {_COURIER_PEER}", action="connect"),
        Pattern(f"LOGIN, user={{user_name**}}, {_COURIER_PEER}{{?, protocol={{_service}}?}}",
                _LOGGED_IN),
        Pattern(f"LOGIN FAILED, {{?method={{method}}, ?}}{_COURIER_PEER}", _LOGIN),
        Pattern(f"LOGIN FAILED, user={{user_name**}}, {_COURIER_PEER}", _LOGIN),
        says("{_word=LOGOUT|DISCONNECTED|TIMEOUT}, {?user={user_name**}, ?}"
             f"{_COURIER_PEER}{{?, {{_rest*}}?}}", action="logout"),
    ),
    samples=(
        Sample("error,relay=::ffff:203.0.113.9,from=<a@example.com>: 550 User unknown.",
               {"source_host": "203.0.113.9", "reason": "from=<a@example.com>: 550 User unknown.",
                "action": "mail_reject", "outcome": "failure"}),
        Sample("LOGIN FAILED, user=a, ip=[192.0.2.1], ip=[::ffff:203.0.113.9]",
               {"user_name": "a, ip=[192.0.2.1]", "source_host": "203.0.113.9",
                "action": "login", "outcome": "failure"}),
        Sample("LOGIN, user=bob, ip=[::ffff:203.0.113.9], port=[4711], protocol=IMAP",
               {"user_name": "bob", "source_host": "203.0.113.9", "source_port": 4711,
                "action": "login", "outcome": "success"}),
    ),
)  # fmt: skip
_UW_PEER = "host={?{source_name} ?}{?{_name}?}[{source_host#}]"
UW = Table(
    programs=("imapd", "ipop3d", "ipop2d", "pop3d"),
    patterns=(
        *(
            Pattern("Login {reason=failed|excessive login failures|disabled|failure} "
                    f"user={{user_name**}} {auth}{_UW_PEER}", _LOGIN)
            for auth in ("auth={_auth*} ", "")
        ),
        Pattern(f"{{_word=Autologout|Logout|Killed}} {{?({{_why*}}) ?}}user={{user_name**}} "
                f"{_UW_PEER}", {"action": "logout"}),
        Pattern(f"{{_word=Login|Authenticated}} user={{user_name**}} {_UW_PEER}", _LOGGED_IN),
    ),
    samples=(
        Sample("Login failed user=bob auth=bob host=h.example.org [203.0.113.9]",
               {"user_name": "bob", "source_name": "h.example.org", "source_host": "203.0.113.9",
                "reason": "failed", "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
