"""PAM's own words, which come under the name of the program that asked it."""

from siemstress.fields.tables import Pattern, Sample, Table, says

_FAILURE = "logname={_logname} uid={_uid} euid={_euid} tty={tty} ruser={ruser} rhost={source_host}"


def _failures(start: str, **sets: str) -> tuple[Pattern, ...]:
    known = {"action": "login", "outcome": "failure", **sets}
    return (
        Pattern(f"{start}{_FAILURE}  user={{user_name}}", known),
        Pattern(f"{start}{_FAILURE} user={{user_name}}", known),
        Pattern(f"{start}{_FAILURE} ", known),
        Pattern(f"{start}{_FAILURE}", known),
    )


TABLE = Table(
    programs=(
        "sshd", "sshd-session", "sudo", "su", "cron", "crond", "login", "systemd", "gdm",
        "gdm-password", "lightdm", "sddm", "polkit-1", "polkit-agent-helper-1", "atd", "vsftpd",
        "passwd", "chsh", "runuser", "su-l", "dovecot", "xrdp-sesman", "ftpd", "gdm-session-worker",
        "remote", "pam_unix", "kde", "kdm", "xscreensaver", "samba",
        "auth", "dovecot-auth", "wu-ftpd", "proftpd", "pure-ftpd", "saslauthd",
    ),
    patterns=(
        says("pam_unix({service}:session): session opened for user {user_name}(uid={uid}) by "
             "{_by*}", action="session_start"),
        says("pam_unix({service}:session): session opened for user {user_name} by {_by*}",
             action="session_start"),
        says("pam_unix({service}:session): session closed for user {user_name}",
             action="session_end"),
        *_failures("pam_unix({service}:auth): authentication failure; "),
        *_failures("pam_sss({service}:auth): authentication failure; "),
        *_failures("authentication failure; "),
        says("pam_unix({service}:auth): check pass; user unknown",
             action="login", outcome="failure", invalid_user="true"),
        says("check pass; user unknown", action="login", outcome="failure", invalid_user="true"),
        says("pam_unix({service}:chauthtok): password changed for {user_name}",
             action="password_change", outcome="success"),
        says("pam_unix({service}:account): account {user_name} has expired {_rest*}",
             action="login", outcome="failure", reason="account expired"),
        says("pam_systemd({service}:session): {reason*}"),
        says("PAM {attempts} more authentication failures; " + _FAILURE + "  user={user_name}",
             action="login", outcome="failure"),
        says("PAM {attempts} more authentication failure; " + _FAILURE + "  user={user_name}",
             action="login", outcome="failure"),
        says("PAM {attempts} more authentication failures; " + _FAILURE + " ",
             action="login", outcome="failure"),
        says("PAM {attempts} more authentication failure; " + _FAILURE + " ",
             action="login", outcome="failure"),
        says("session opened for user {user_name} by {_by*}", action="session_start"),
        says("session closed for user {user_name}", action="session_end"),
    ),
    samples=(
        Sample("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
               "rhost=203.0.113.9  user=root",
               {"service": "sshd", "tty": "ssh", "source_host": "203.0.113.9",
                "user_name": "root", "action": "login", "outcome": "failure"}),
        Sample("authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= "
               "rhost=198.51.100.4 ",
               {"tty": "NODEVssh", "source_host": "198.51.100.4",
                "action": "login", "outcome": "failure"}),
        Sample("pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
               {"service": "cron", "user_name": "root", "uid": "0", "action": "session_start"}),
    ),
)  # fmt: skip
