"""PAM's own words, which come under the name of the program that asked it."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_WHO = "logname={_logname} uid={_uid} euid={_euid} tty={tty} ruser={ruser} rhost={source_host}"
# Without a name in front of the address, none can look like an address.
_BY_NOBODY = _WHO.replace("{ruser}", "")
_FAILED = {"action": "login", "outcome": "failure"}
_UNKNOWN = {**_FAILED, "invalid_user": "true"}
_MODULES = ("unix", "sss", "krb5", "ldap", "winbind", "radius", "unix_auth", "tcb", "freerdp2")
# Old ways of writing `pam_unix(sshd:auth): `.
_OLD = ("(pam_unix) ", "pam_unix: ", "pam_unix[{_pid}]: ", "")


def _failures(start: str, **sets: str) -> Iterator[Pattern]:
    for who, user in ((_BY_NOBODY, "{user_name}"), (_WHO, "{user_name!}")):
        for end in (f"  user={user}", f" user={user}", " ", ""):
            yield Pattern(f"{start}{who}{end}", {**_FAILED, **sets})


def _asked() -> Iterator[Pattern]:
    for module in _MODULES:
        yield from _failures(f"pam_{module}({{service}}:auth): authentication failure; ")
        yield Pattern(f"pam_{module}({{service}}:auth): authentication success; {_WHO} "
                      "user={user_name!}",
                      {"action": "authenticate", "outcome": "success"})  # fmt: skip
    for old in _OLD:
        yield from _failures(f"{old}authentication failure; ")
        yield Pattern(f"{old}check pass; user unknown", _UNKNOWN)
    for count in ("more authentication failures", "more authentication failure"):
        for old in ("PAM ", "pam_unix({service}:auth): ", ""):
            yield from _failures(f"{old}{{attempts}} {count}; ")
    yield Pattern("authentication failure; {_who*}(uid={uid}) -> {user_name} for {service} service",
                  _FAILED)  # fmt: skip


def _unix() -> Iterator[Pattern]:
    for old in ("pam_unix({service}:session): ", "pam_systemd_home({service}:session): ", *_OLD):
        text = f"{old}session opened for user"
        yield says(f"{text} {{user_name}}(uid={{uid}}) by {{_by*}}", action="session_start")
        yield says(f"{text} {{user_name}} by {{_by*}}", action="session_start")
        yield says(f"{old}session closed for user {{user_name}}", action="session_end")
    yield says("({service}) session opened for user {user_name} by {_by*}", action="session_start")
    yield says("({service}) session closed for user {user_name}", action="session_end")
    for old in ("pam_unix({service}:auth): ", "pam_unix({service}:account): "):
        yield Pattern(f"{old}check pass; user unknown", _UNKNOWN)
        yield Pattern(f"{old}bad username [{{user_name*}}]", _UNKNOWN)
        yield Pattern(f"{old}could not identify user (from getpwnam({{user_name*}}))", _UNKNOWN)
        yield Pattern(f"{old}auth could not identify password for [{{user_name*}}]", _FAILED)
        yield says(f"{old}user [{{user_name*}}] has blank password; authenticated without it",
                   action="login", outcome="success", reason="blank password")  # fmt: skip
        for reason in ("account expired", "failed to change password"):
            yield Pattern(f"{old}account {{user_name}} has expired ({reason})",
                          {**_FAILED, "reason": reason})  # fmt: skip
        yield Pattern(f"{old}account {{user_name}} has expired{{_rest*}}",
                      {**_FAILED, "reason": "account expired"})  # fmt: skip
        yield Pattern(f"{old}expired password for user {{user_name}} ({{reason*}})", _FAILED)
        yield says(f"{old}password for user {{user_name}} will expire in {{days}} days")
    for old in ("pam_unix({service}:chauthtok): ", ""):
        yield says(f"{old}password changed for {{user_name}}",
                   action="password_change", outcome="success")  # fmt: skip
        yield says(f"{old}new password not acceptable",
                   action="password_change", outcome="failure")  # fmt: skip


def _locked() -> Iterator[Pattern]:
    for kind in ("auth", "account"):
        start = f"pam_faillock({{service}}:{kind}): Consecutive login failures for user"
        yield says(f"{start} {{user_name}} account temporarily locked",
                   action="account_lock", outcome="success")  # fmt: skip
        yield says(f"{start} {{user_name}} (uid={{uid}}) account temporarily locked",
                   action="account_lock", outcome="success")  # fmt: skip
    yield says("pam_faillock({service}:auth): User unknown", **_UNKNOWN)
    for module in ("tally", "tally2"):
        yield Pattern(f"pam_{module}({{service}}:auth): user {{user_name}} ({{uid}}) tally "
                      "{tally}, deny {deny}", {**_FAILED, "reason": "too many failed"})  # fmt: skip


def _others() -> Iterator[Pattern]:
    yield Pattern(
        "pam_sss({service}:auth): received for user {user_name}: {code} ({reason*})", _FAILED
    )
    yield Pattern("pam_sss({service}:account): Access denied for user {user_name}: {code} "
                  "({reason*})", _FAILED)  # fmt: skip
    yield Pattern("pam_access({service}:account): access denied for user `{user_name*}' from "
                  "`{source_host}'", {**_FAILED, "reason": "access denied"})  # fmt: skip
    yield Pattern("pam_listfile({service}:auth): Refused user {user_name} for service {_service}",
                  {**_FAILED, "reason": "refused by list"})  # fmt: skip
    yield Pattern("pam_securetty({service}:auth): access denied: tty '{tty*}' is not secure !",
                  {**_FAILED, "reason": "terminal is not secure"})  # fmt: skip
    yield Pattern("pam_limits({service}:session): Too many logins{_max*} for {user_name}",
                  {**_FAILED, "reason": "too many logins"})  # fmt: skip
    yield says('pam_succeed_if({service}:auth): requirement "{requirement*}" {was=met|not met} by '
               'user "{user_name**}"')  # fmt: skip
    for word, sets in (
        ("granted", {"action": "switch_user", "outcome": "success"}),
        ("denied", {"action": "switch_user", "outcome": "failure"}),
    ):
        yield Pattern(f"pam_wheel({{service}}:auth): Access {word} to '{{user_name*}}' for "
                      "'{target_user*}'", sets)  # fmt: skip
        known = {**sets, "action": "login"}
        yield Pattern(f"pam_winbind({{service}}:{{_kind}}): user '{{user_name*}}' {word} access",
                      known)  # fmt: skip
        yield Pattern(f"pam_winbind({{service}}:{{_kind}}): user '{{user_name*}}' {word} access "
                      "({reason*})", known)  # fmt: skip
    yield Pattern("pam_winbind({service}:auth): request {_request} failed: {_error}, PAM error: "
                  "{reason*}", _FAILED)  # fmt: skip
    yield says("pam_krb5({service}:auth): user {user_name} authenticated as {principal}",
               action="authenticate", outcome="success")  # fmt: skip
    for start in ("pam_krb5[{_pid}]: ", "pam_krb5: "):
        yield Pattern(f"{start}authentication fails for '{{user_name*}}' ({{principal}}): "
                      "{reason*}", _FAILED)  # fmt: skip
        yield says(f"{start}authentication succeeds for '{{user_name*}}' ({{principal}})",
                   action="authenticate", outcome="success")  # fmt: skip
    yield Pattern('pam_ldap: error trying to bind as user "{bind_dn*}" ({reason*})', _FAILED)
    yield Pattern("pam_ldap({service}:auth): {reason*}; user={user_name}", _FAILED)
    for start in ("pam_google_authenticator({service}:auth): ", ""):
        yield says(f"{start}Accepted google_authenticator for {{user_name}}",
                   action="authenticate", outcome="success", method="one-time code")  # fmt: skip
        yield says(f"{start}Invalid verification code for {{user_name}}",
                   action="authenticate", outcome="failure", method="one-time code")  # fmt: skip
        yield says(f"{start}Invalid verification code",
                   action="authenticate", outcome="failure", method="one-time code")  # fmt: skip
    for word, outcome in (("Successful", "success"), ("Failed", "failure"), ("Aborted", "failure")):
        yield says(f"{word} Duo login for '{{user_name*}}' from {{source_host}}",
                   action="authenticate", outcome=outcome, method="Duo")  # fmt: skip
        yield says(f"{word} Duo login for '{{user_name*}}'",
                   action="authenticate", outcome=outcome, method="Duo")  # fmt: skip
    yield says("gkr-pam: the password for the login keyring was invalid.",
               action="authenticate", outcome="failure")  # fmt: skip
    yield says("gkr-pam: unlocked login keyring", action="authenticate", outcome="success")
    yield says("pam_systemd({service}:session): {reason*}")


TABLE = Table(
    programs=(
        # What PAM says under any other name is read as this one's.
        "pam",
        "sshd", "sshd-session", "sudo", "su", "cron", "crond", "login", "systemd", "gdm",
        "gdm-password", "lightdm", "sddm", "polkit-1", "polkit-agent-helper-1", "atd", "vsftpd",
        "passwd", "chsh", "chfn", "chage", "useradd", "usermod", "groupadd", "chpasswd", "runuser",
        "su-l", "sudo-i", "dovecot", "xrdp-sesman", "ftpd", "gdm-session-worker", "remote",
        "pam_unix", "kde", "kdm", "xscreensaver", "samba", "dropbear", "openvpn", "doas", "pkexec",
        "auth", "dovecot-auth", "wu-ftpd", "proftpd", "pure-ftpd", "saslauthd",
        "kcheckpass", "kscreenlocker_greet", "cockpit-session", "systemd-user", "smbd",
        "unix_chkpwd",
    ),
    patterns=(*_asked(), *_unix(), *_locked(), *_others()),
    samples=(
        Sample("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
               "rhost=203.0.113.9  user=root",
               {"service": "sshd", "tty": "ssh", "source_host": "203.0.113.9",
                "user_name": "root", "action": "login", "outcome": "failure"}),
        Sample("authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= "
               "rhost=198.51.100.4 ",
               {"tty": "NODEVssh", "source_host": "198.51.100.4",
                "action": "login", "outcome": "failure"}),
        Sample("(pam_unix) authentication failure; logname= uid=0 euid=0 tty=pure-ftpd ruser=bob "
               "rhost=198.51.100.4 ",
               {"tty": "pure-ftpd", "ruser": "bob", "source_host": "198.51.100.4",
                "action": "login", "outcome": "failure"}),
        Sample("pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot "
               "ruser=x rhost=192.0.2.1  user=root rhost=203.0.113.9  user=x rhost=192.0.2.1  "
               "user=root", {}),
        Sample("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
               "rhost=203.0.113.9  user=CORP\\jo do",
               {"service": "sshd", "tty": "ssh", "source_host": "203.0.113.9",
                "user_name": "CORP\\jo do", "action": "login", "outcome": "failure"}),
        Sample("pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
               {"service": "cron", "user_name": "root", "uid": "0", "action": "session_start"}),
        Sample("pam_unix(sudo:auth): auth could not identify password for [alice]",
               {"service": "sudo", "user_name": "alice", "action": "login",
                "outcome": "failure"}),
        Sample("pam_unix(passwd:chauthtok): password changed for alice",
               {"service": "passwd", "user_name": "alice", "action": "password_change",
                "outcome": "success"}),
        Sample("pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= "
               "rhost=192.0.2.4 user=alice",
               {"service": "sshd", "tty": "ssh", "source_host": "192.0.2.4", "user_name": "alice",
                "action": "authenticate", "outcome": "success"}),
        Sample("pam_faillock(sshd:auth): Consecutive login failures for user bob account "
               "temporarily locked",
               {"service": "sshd", "user_name": "bob", "action": "account_lock",
                "outcome": "success"}),
        Sample("pam_tally2(sshd:auth): user root (0) tally 6, deny 5",
               {"service": "sshd", "user_name": "root", "uid": "0", "tally": "6", "deny": "5",
                "action": "login", "outcome": "failure", "reason": "too many failed"}),
        Sample("pam_access(sshd:account): access denied for user `bob' from `203.0.113.9'",
               {"service": "sshd", "user_name": "bob", "source_host": "203.0.113.9",
                "action": "login", "outcome": "failure", "reason": "access denied"}),
        Sample('pam_succeed_if(sshd:auth): requirement "uid >= 1000" not met by user "root"',
               {"service": "sshd", "requirement": "uid >= 1000", "was": "not met",
                "user_name": "root"}),
        Sample("pam_winbind(sshd:auth): user 'CORP\\bob' denied access (incorrect password or "
               "invalid membership)",
               {"service": "sshd", "user_name": "CORP\\bob", "action": "login",
                "outcome": "failure", "reason": "incorrect password or invalid membership"}),
        Sample("Accepted google_authenticator for alice",
               {"user_name": "alice", "action": "authenticate", "outcome": "success",
                "method": "one-time code"}),
        Sample("Failed Duo login for 'alice' from 203.0.113.9",
               {"user_name": "alice", "source_host": "203.0.113.9", "action": "authenticate",
                "outcome": "failure", "method": "Duo"}),
    ),
)  # fmt: skip
