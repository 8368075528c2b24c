"""Dovecot, Cyrus, Courier and Sendmail."""

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_REJECT = {"action": "mail_reject", "outcome": "failure"}


def _addresses() -> tuple[str, ...]:
    return (
        "rip={source_host}, lip={dest_host}, {_rest*}", "rip={source_host}, lip={dest_host}",
        "rip={source_host}, {_rest*}", "rip={source_host}",
    )  # fmt: skip


def _dovecot_logins() -> tuple[Pattern, ...]:
    found = []
    for head in ("{service}-login: ", "{service}-login: Info: ", "Info: ", ""):
        for end in _addresses():
            failed = f"{head}{{reason*}} (auth failed, {{attempts*}}): "
            found += [
                says(f"{head}Login: user=<{{user_name*}}>, method={{method}}, {end}",
                     action="login", outcome="success"),
                Pattern(f"{failed}user=<{{user_name*}}>, method={{method}}, {end}", _LOGIN),
                Pattern(f"{failed}method={{method}}, {end}", _LOGIN),
                Pattern(f"{head}Aborted login ({{reason*}}): {end}", _LOGIN),
                says(f"{head}{{reason*}}: user=<{{user_name*}}>, method={{method}}, {end}",
                     action="disconnect"),
                says(f"{head}{{reason*}}: user=<{{user_name*}}>, {end}", action="disconnect"),
            ]  # fmt: skip
    return tuple(found)


def _dovecot_workers() -> tuple[Pattern, ...]:
    """What password databases say: `pam(alice,192.0.2.1,<session>): unknown user`."""
    conn = "conn unix:auth-worker ({_ids}): auth-worker<{_number}>: "
    return tuple(
        Pattern(f"{head}{driver}({{user_name*}},{{source_host}}{session}): {{reason*}}",
                {**_LOGIN, "method": driver})
        for head in ("{_worker}: ", "{_worker}: Info: ", "", "Info: ", conn, f"Info: {conn}",
                     f"{{_worker}}: {conn}")
        for driver in ("pam", "sql", "ldap", "passwd-file")
        for session in (",{_session}", "")
    )  # fmt: skip


DOVECOT = Table(
    programs=(
        "dovecot", "imap-login", "pop3-login", "submission-login", "managesieve-login", "auth",
        "auth-worker", "dovecot-auth",
    ),
    patterns=(*_dovecot_logins(), *_dovecot_workers()),
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
        Sample("auth-worker(304): pam(alice,203.0.113.8): unknown user",
               {"method": "pam", "user_name": "alice", "source_host": "203.0.113.8",
                "reason": "unknown user", "action": "login", "outcome": "failure"}),
        Sample("auth: sql(alice@example.org,203.0.113.8,<6rXunFtu>): Password mismatch",
               {"method": "sql", "user_name": "alice@example.org", "source_host": "203.0.113.8",
                "reason": "Password mismatch", "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
CYRUS = Table(
    programs=(
        "cyrus/imap", "cyrus/imaps", "cyrus/pop3", "cyrus/pop3s", "imap", "imaps", "imapd", "pop3",
        "pop3d",
    ),
    patterns=tuple(
        Pattern(f"badlogin: {peer} {{method}} {end}", _LOGIN)
        for peer in ("{source_name*} [{source_host}]", "[{source_host}]",
                     "{source_name}[{source_host}]")
        for end in ("[SASL({_code}): {reason*}]", "{user_name*} SASL({_code}): {reason*}")
    ),
    samples=(
        Sample("badlogin: mail.example.com [203.0.113.9] plaintext bob SASL(-13): authentication "
               "failure: checkpass failed",
               {"source_name": "mail.example.com", "source_host": "203.0.113.9",
                "method": "plaintext", "user_name": "bob",
                "reason": "authentication failure: checkpass failed", "action": "login",
                "outcome": "failure"}),
    ),
)  # fmt: skip
COURIER = Table(
    programs=("courieresmtpd", "esmtpd"),
    patterns=(
        Pattern("error,relay=::ffff:{source_host},{reason*}", _REJECT),
        Pattern("error,relay={source_host},{reason*}", _REJECT),
    ),
    samples=(
        Sample("error,relay=::ffff:203.0.113.9,from=<a@example.com>: 550 User unknown.",
               {"source_host": "203.0.113.9", "reason": "from=<a@example.com>: 550 User unknown.",
                "action": "mail_reject", "outcome": "failure"}),
    ),
)  # fmt: skip
SENDMAIL = Table(
    programs=("sendmail", "sm-mta", "sm-acceptingconnections", "sm-msp-queue"),
    patterns=(
        *(
            Pattern(f"{{queue_id}}: ruleset={{ruleset}}, arg1={{arg*}}, relay={peer}, "
                    "reject={reason*}", _REJECT)
            for peer in ("[{source_host}]", "{source_name} [{source_host}]",
                         "{source_name} [{source_host}] (may be forged)")
        ),
        says("{queue_id}: {source_name} [{source_host}] did not issue {_rest*}",
             action="connect", outcome="failure"),
        says("{queue_id}: [{source_host}] did not issue {_rest*}",
             action="connect", outcome="failure"),
    ),
    samples=(
        Sample("s1P819mk027713: ruleset=check_rcpt, arg1=<a@example.com>, relay=host.example.org "
               "[203.0.113.9] (may be forged), reject=550 5.7.1 <a@example.com>... denied",
               {"queue_id": "s1P819mk027713", "ruleset": "check_rcpt", "arg": "<a@example.com>",
                "source_name": "host.example.org", "source_host": "203.0.113.9",
                "reason": "550 5.7.1 <a@example.com>... denied", "action": "mail_reject",
                "outcome": "failure"}),
    ),
)  # fmt: skip
