"""login, telnet and remote shells, xinetd, screen sharing, SFTP: ways in beside SSH's."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_IN = {"action": "login", "outcome": "success"}
_FAILED = {"action": "login", "outcome": "failure"}


def _login() -> Iterator[Pattern]:
    for place in (" FROM {source_host}", ""):
        yield Pattern(f"LOGIN ON {{tty}} BY {{user_name}}{place}", _IN)
        yield Pattern(f"ROOT LOGIN ON {{tty}}{place}", {**_IN, "user_name": "root"})
        yield Pattern(f"DIALUP AT {{tty}} BY {{user_name}}{place}", _IN)
        yield Pattern(f"FAILED LOGIN ({{attempts}}) on '{{tty}}'{place.lower()} FOR "
                      "'{user_name*}', {reason*}", _FAILED)  # fmt: skip
        yield Pattern(f"invalid password for '{{user_name*}}' on '{{tty}}'{place.lower()}", _FAILED)
        yield Pattern(f"{{attempts}} LOGIN FAILURES ON {{tty}}{place}, {{user_name*}}", _FAILED)
        yield Pattern(f"{{attempts}} LOGIN FAILURE ON {{tty}}{place}, {{user_name*}}", _FAILED)
    yield Pattern("invalid password for '{user_name*}' on '{tty}' from '{source_host}'", _FAILED)
    for host in ("(null)", "{source_host}"):
        yield Pattern(
            f"FAILED LOGIN {{attempts}} FROM {host} FOR {{user_name*}}, {{reason*}}", _FAILED
        )
        yield Pattern(f"FAILED LOGIN SESSION FROM {host} FOR {{user_name*}}, {{reason*}}", _FAILED)
        yield Pattern(f"TOO MANY LOGIN TRIES ({{attempts}}) FROM {host} FOR {{user_name*}}, "
                      "{reason*}", _FAILED)  # fmt: skip
        yield Pattern(f"{{attempts}} LOGIN FAILURES FROM {host}, {{user_name*}}", _FAILED)
        yield Pattern(f"{{attempts}} LOGIN FAILURE FROM {host}, {{user_name*}}", _FAILED)
        yield Pattern(f"{{attempts}} LOGIN FAILURES FROM {host}", _FAILED)
        yield Pattern(f"{{attempts}} LOGIN FAILURE FROM {host}", _FAILED)
    yield Pattern("REPEATED LOGIN FAILURES ON {tty} FROM {source_host}, {user_name*}", _FAILED)
    yield Pattern("ROOT LOGIN REFUSED ON {tty}", {**_FAILED, "user_name": "root"})
    yield Pattern("ROOT LOGIN  on '{tty}'", {**_IN, "user_name": "root"})
    yield Pattern("ROOT LOGIN  on '{tty}' from '{source_host}'", {**_IN, "user_name": "root"})
    yield Pattern("root login on '{tty}'", {**_IN, "user_name": "root"})
    yield Pattern("login on {tty} as {user_name}", _IN)


def _services() -> Iterator[Pattern]:
    """xinetd, and what the TCP wrappers say under the name of a service."""
    yield says("START: {service} pid={_pid} from={source_host}", action="connect")
    yield says("START: {service} from={source_host}", action="connect")
    yield says(
        "EXIT: {service} status={status} pid={_pid} duration={_duration}", action="disconnect"
    )
    yield says("EXIT: {service} {_how*}", action="disconnect")
    for reason in ("address", "libwrap", "access_times", "service_limit", "per_source_limit"):
        for name in ("", "{_user} "):
            yield says(f"FAIL: {{service}} {name}{reason} from={{source_host}}",
                       action="deny", reason=reason)  # fmt: skip
    yield says("refused connect from {_name*} ({source_host})", action="deny")
    yield says("refused connect from {source_host}", action="deny")
    yield says("warning: can't get client address: {reason*}", action="connect", outcome="failure")
    yield says("connect from {_name} ({source_host})", action="connect")
    yield says("connect from {source_host}", action="connect")
    yield says("ttloop:  {reason*}", action="disconnect")
    yield says("rlogin from {_client}@{source_host} as {user_name}", action="login")


LOGIN = Table(
    programs=("login", "busybox-login", "agetty", "getty", "mgetty"),
    patterns=tuple(_login()),
    samples=(
        Sample("LOGIN ON tty1 BY alice",
               {"tty": "tty1", "user_name": "alice", "action": "login", "outcome": "success"}),
        Sample("ROOT LOGIN ON pts/0 FROM 203.0.113.9",
               {"tty": "pts/0", "user_name": "root", "source_host": "203.0.113.9",
                "action": "login", "outcome": "success"}),
        Sample("FAILED LOGIN (1) on '/dev/tty1' FOR 'bob', Authentication failure",
               {"attempts": "1", "tty": "/dev/tty1", "user_name": "bob", "action": "login",
                "outcome": "failure", "reason": "Authentication failure"}),
        Sample("FAILED LOGIN 2 FROM (null) FOR bob, User not known to the underlying module",
               {"attempts": "2", "user_name": "bob", "action": "login", "outcome": "failure",
                "reason": "User not known to the underlying module"}),
        Sample("invalid password for 'UNKNOWN' on 'pts/0' from '203.0.113.9'",
               {"tty": "pts/0", "user_name": "UNKNOWN", "source_host": "203.0.113.9",
                "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
SERVICES = Table(
    programs=("xinetd", "inetd", "in.telnetd", "telnetd", "in.rlogind", "rlogind", "in.rshd",
              "rshd",
              "in.tftpd", "tftpd", "tcpd", "rpcbind", "portmap", "in.fingerd", "stunnel"),
    patterns=tuple(_services()),
    samples=(
        Sample("START: telnet pid=815 from=::ffff:203.0.113.9",
               {"service": "telnet", "source_host": "203.0.113.9", "action": "connect"}),
        Sample("FAIL: telnet address from=203.0.113.9",
               {"service": "telnet", "source_host": "203.0.113.9", "action": "deny",
                "reason": "address"}),
        Sample("connect from x.example.com (203.0.113.9)",
               {"source_host": "203.0.113.9", "action": "connect"}),
    ),
)  # fmt: skip
SFTP = Table(
    programs=("sftp-server", "internal-sftp"),
    patterns=(
        says("session opened for local user {user_name} from [{source_host}]",
             action="session_start"),
        says("session closed for local user {user_name} from [{source_host}]",
             action="session_end"),
        says('open "{file*}" flags {flags} mode {_mode}', action="file_access"),
        says('open "{file*}" flags {flags*} mode {_mode}', action="file_access"),
        says('close "{file*}" bytes read {bytes_read} written {bytes_written}'),
        says('opendir "{file*}"', action="file_access"),
        says('closedir "{file*}"'),
        says('remove name "{file*}"', action="file_delete"),
        says('rmdir name "{file*}"', action="file_delete"),
        says('mkdir name "{file*}" mode {_mode}', action="file_create"),
        says('rename old "{file*}" new "{new_file*}"', action="file_change"),
        says('posix-rename old "{file*}" new "{new_file*}"', action="file_change"),
        says('symlink old "{file*}" new "{new_file*}"', action="file_create"),
        says('set "{file*}" {_what*}', action="file_change"),
        says("sent status {reason*}"),
    ),
    samples=(
        Sample("session opened for local user alice from [203.0.113.9]",
               {"user_name": "alice", "source_host": "203.0.113.9", "action": "session_start"}),
        Sample('remove name "/srv/a b.txt"', {"file": "/srv/a b.txt", "action": "file_delete"}),
    ),
)  # fmt: skip
SCREEN = Table(
    programs=("screensharingd",),
    patterns=tuple(
        says(f"Authentication: {word} :: User Name: {{user_name*}} :: Viewer Address: "
             "{source_host} :: Type: {method*}", action="login", outcome=outcome)
        for word, outcome in (("SUCCEEDED", "success"), ("FAILED", "failure"))
    ),
    samples=(
        Sample("Authentication: FAILED :: User Name: bob :: Viewer Address: 203.0.113.9 :: Type: "
               "DH",
               {"user_name": "bob", "source_host": "203.0.113.9", "method": "DH",
                "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
