"""OpenSSH's server: every way in, and every way of failing."""

from collections.abc import Iterator, Mapping

from siemstress.fields.tables import Pattern, Sample, Table, says

_PEER = "{source_host} port {source_port}"
_PREAUTH = (" [preauth]", "")


def _failed(text: str, **sets: str) -> Pattern:
    return says(text, action="login", outcome="failure", **sets)


def _accepted(method: str, name: str = "") -> Iterator[Pattern]:
    start = f"Accepted {method} for {{user_name}} from {_PEER}"
    sets = {"action": "login", "outcome": "success"} | ({"method": name} if name else {})
    yield Pattern(f"{start} ssh2", sets)
    yield Pattern(f"{start} ssh2: {{key_type}} {{key}}", sets)
    yield Pattern(
        f"{start} ssh2: {{key_type}} ID {{key_id*}} (serial {{_serial}}) CA {{_ca}} {{key}}", sets
    )
    yield Pattern(start, sets)
    yield Pattern(f"{start} {{_rest*}}", sets)


_FAILURE = {"action": "login", "outcome": "failure"}
_INVALID = {**_FAILURE, "invalid_user": "true"}


def _tried(start: str, sets: Mapping[str, str]) -> Iterator[Pattern]:
    for end in (" ssh2", " ssh2 [preauth]", " ssh1", ""):
        yield Pattern(f"{start} from {_PEER}{end}", sets)
    for end in ("", " [preauth]"):
        yield Pattern(f"{start} from {_PEER} ssh2: {{key_type}} {{key}}{end}", sets)


def _rejected(method: str) -> Iterator[Pattern]:
    """A common method; a literal is quicker than a part."""
    # Clients offer one key after the other: that a server refuses one is no failed login yet.
    known = {**_FAILURE, "action": "authenticate"} if method == "publickey" else _FAILURE
    for who, sets in (("invalid user ", _INVALID), ("", known)):
        yield from _tried(f"Failed {method} for {who}{{user_name}}", {**sets, "method": method})


def _any_method() -> Iterator[Pattern]:
    for verb, known in (
        ("Failed", _FAILURE),
        ("Postponed", {"action": "authenticate"}),
        ("Partial", {"action": "authenticate", "outcome": "success"}),
    ):
        for who in ("invalid user {user_name}", "illegal user {user_name}", "<invalid username>"):
            yield from _tried(f"{verb} {{method}} for {who}", _INVALID)
        yield from _tried(f"{verb} {{method}} for {{user_name}}", known)


def _hostbased() -> Iterator[Pattern]:
    end = 'ssh2: {key_type} {key}, client user "{client_user**}", client host "{client_host**}"'
    for who, sets in (("invalid user {user_name}", _INVALID), ("{user_name}", _FAILURE)):
        start = f"Failed hostbased for {who} from {_PEER}"
        yield Pattern(f"{start} {end}", {**sets, "method": "hostbased"})


def _closed(verb: str) -> Iterator[Pattern]:
    """Connections that end, as in `Connection closed by 192.0.2.1 port 22 [preauth]`."""
    for end in _PREAUTH:
        yield says(f"{verb} UNKNOWN port {{_port}}{end}", action="disconnect")
        for who in ("authenticating user ", "invalid user ", "user "):
            known = {"outcome": "failure"} if who != "user " else {}
            yield says(f"{verb} {who}{{user_name}} {_PEER}{end}", action="disconnect", **known)
        yield says(f"{verb} {_PEER}{end}", action="disconnect")
        yield says(f"{verb} {{source_host}}{end}", action="disconnect")


def _left(error: str) -> Iterator[Pattern]:
    start = f"{error}Received disconnect from {{source_host}}"
    gone, failed = {"action": "disconnect"}, {"action": "disconnect", "outcome": "failure"}
    for end in _PREAUTH:
        for port in (" port {source_port}", ""):
            for gap in (":", ": "):
                yield Pattern(f"{start}{port}:{gap[1:]}14: {{reason*}}{end}", failed)
                yield Pattern(f"{start}{port}:{gap[1:]}3: {{reason*}}Auth fail{end}", failed)
                yield Pattern(f"{start}{port}:{gap[1:]}{{code}}: {{reason*}}{end}", gone)


def _disconnecting() -> Iterator[Pattern]:
    for end in _PREAUTH:
        for who, sets in (
            ("invalid user ", {"invalid_user": "true"}), ("authenticating user ", {}),
        ):  # fmt: skip
            start = f"Disconnecting {who}{{user_name}} {_PEER}"
            reason = "Too many authentication failures"
            yield _failed(f"{start}: {reason}{end}", reason=reason, **sets)
            yield _failed(f"{start}{end}", **sets)
            # Both names are the client's: the address counts only where they are words.
            reason = "Change of username or service not allowed"
            names = "({old_user},{_service}) -> ({new_user},{_new})"
            yield _failed(f"Disconnecting {who}{{_user}} {_PEER}: {reason}: {names}{end}",
                          reason=reason, **sets)  # fmt: skip
        yield says(f"Disconnecting {_PEER}: {{reason*}}{end}", action="disconnect")
        yield _failed(f"Disconnecting: Too many authentication failures for invalid user "
                      f"{{user_name}}{end}", reason="Too many authentication failures",
                      invalid_user="true")  # fmt: skip
        yield _failed(f"Disconnecting: Too many authentication failures for {{user_name}}{end}",
                      reason="Too many authentication failures")  # fmt: skip
        yield _failed(f"Disconnecting: Too many authentication failures{end}",
                      reason="Too many authentication failures")  # fmt: skip
        yield says(f"Disconnecting: {{reason*}}{end}", action="disconnect")


def _too_often() -> Iterator[Pattern]:
    for start in ("error: maximum", "maximum"):
        for who, sets in (("invalid user ", {"invalid_user": "true"}), ("", {})):
            for end in (" ssh2 [preauth]", " ssh2", ""):
                yield _failed(f"{start} authentication attempts exceeded for {who}{{user_name}} "
                              f"from {_PEER}{end}", **sets)  # fmt: skip


# Fixed words stand behind the address: whatever comes before them is the user's name.
_NOT_ALLOWED = (
    "account is locked", "listed in DenyUsers", "not listed in AllowUsers",
    "a group is listed in DenyGroups", "not in any group",
    "none of user's groups are listed in AllowGroups", "login keyring is missing",
)  # fmt: skip


def _not_allowed() -> Iterator[Pattern]:
    for place in (" from {source_host}", ""):
        start = f"User {{user_name}}{place} not allowed because"
        for reason in _NOT_ALLOWED:
            yield _failed(f"{start} {reason}", reason=reason)
        for shell in ("does not exist", "is not executable"):
            yield _failed(f"{start} shell {{shell*}} {shell}", reason=f"shell {shell}")
        yield _failed(f"{start} {{reason*}}")


def _pam() -> Iterator[Pattern]:
    for error in ("error: ", ""):
        for who, sets in (
            ("illegal user ", {"invalid_user": "true"}),
            ("invalid user ", {"invalid_user": "true"}),
            ("", {}),
        ):  # fmt: skip
            for end in (*_PREAUTH, " "):
                for via in (" via {via}", ""):
                    yield _failed(f"{error}PAM: {{reason*}} for {who}{{user_name}} from "
                                  f"{{source_host}}{via}{end}", **sets)  # fmt: skip
    for end in _PREAUTH:
        yield _failed(f"fatal: Access denied for user {{user_name}} by PAM account configuration"
                      f"{end}", reason="PAM account configuration")  # fmt: skip


def _server() -> Iterator[Pattern]:
    both = f"Connection from {_PEER} on {{dest_host}} port {{dest_port}}"
    yield says(both, action="connect")
    yield says(f"{both} {{_rest*}}", action="connect")
    yield says(f"Connection from {_PEER}", action="connect")
    yield says("Connection from {source_host}", action="connect")
    yield says("Server listening on {dest_host} port {dest_port}.", action="start")
    yield says("Received signal {signal}; terminating.", action="stop")
    yield says("Received SIGHUP; restarting.", action="restart")
    yield says(f"Starting session: {{kind*}} for {{user_name}} from {_PEER} {{_rest*}}",
               action="session_start")  # fmt: skip
    yield says(f"Close session: user {{user_name}} from {_PEER} {{_rest*}}", action="session_end")
    yield says("subsystem request for {subsystem} by user {user_name}", action="session_start")
    yield says(f"Received request from {_PEER} to connect to host {{dest_host}} port "
               "{dest_port}, but the request was denied.", action="deny")  # fmt: skip
    yield says("Accepted key {key_type} {key} found at {file*}", action="authenticate")
    for end in _PREAUTH:
        yield _failed(
            f"input_userauth_request: invalid user {{user_name}}{end}", invalid_user="true"
        )
    for port in (" port {source_port}", ""):
        for start in ("Invalid", "Illegal"):
            yield _failed(f"{start} user {{user_name}} from {{source_host}}{port}",
                          invalid_user="true")  # fmt: skip
        yield _failed(f"ROOT LOGIN REFUSED FROM {{source_host}}{port}", user_name="root")
        yield _failed(f"ROOT LOGIN REFUSED FROM {{source_host}}{port} [preauth]", user_name="root")
    for end in (", required={_required*}).", ")."):
        yield _failed("Authentication tried for {user_name} with correct key but not from a "
                      f"permitted host (host={{source_name}}, ip={{source_host}}{end}")  # fmt: skip
    yield _failed("Authentication refused: {reason*}")
    yield _failed("Account {user_name} has expired", reason="account expired")
    yield _failed(
        "User {user_name} password has expired (password aged)", reason="password expired"
    )
    for error in ("error: ", ""):
        yield _failed(f"{error}Authentication key {{key_type}} {{key}} revoked by file {{_file*}}",
                      reason="key revoked")  # fmt: skip
        yield _failed(f"{error}Certificate invalid: {{reason*}}")


TABLE = Table(
    programs=("sshd", "sshd-session", "sshd-auth"),
    patterns=(
        *_rejected("password"),
        *_rejected("publickey"),
        *_rejected("keyboard-interactive/pam"),
        *_rejected("none"),
        *_hostbased(),
        *_any_method(),
        *_accepted("password", "password"),
        *_accepted("publickey", "publickey"),
        *_accepted("keyboard-interactive/pam", "keyboard-interactive/pam"),
        *_accepted("{method}"),
        *_closed("Connection closed by"),
        *_closed("Connection reset by"),
        *_closed("Disconnected from"),
        *_left(""),
        *_left("error: "),
        *_disconnecting(),
        *_too_often(),
        *_not_allowed(),
        *_pam(),
        *_server(),
    ),
    samples=(
        Sample("Failed password for root from 203.0.113.9 port 4022 ssh2",
               {"user_name": "root", "source_host": "203.0.113.9", "source_port": 4022,
                "action": "login", "outcome": "failure", "method": "password"}),
        Sample("Failed password for invalid user x from 192.0.2.1 port 9 ssh2 from 203.0.113.9 "
               "port 4022 ssh2",
               {"user_name": "x from 192.0.2.1 port 9 ssh2", "source_host": "203.0.113.9",
                "source_port": 4022, "action": "login", "outcome": "failure",
                "method": "password", "invalid_user": "true"}),
        Sample("Failed gssapi-with-mic for alice from 203.0.113.9 port 4022 ssh2 [preauth]",
               {"user_name": "alice", "source_host": "203.0.113.9", "source_port": 4022,
                "action": "login", "outcome": "failure", "method": "gssapi-with-mic"}),
        Sample("Postponed keyboard-interactive for invalid user eve from 203.0.113.9 port 4022 "
               "ssh2 [preauth]",
               {"user_name": "eve", "source_host": "203.0.113.9", "source_port": 4022,
                "action": "login", "outcome": "failure", "invalid_user": "true",
                "method": "keyboard-interactive"}),
        Sample("Postponed publickey for alice from 192.0.2.4 port 4022 ssh2 [preauth]",
               {"user_name": "alice", "source_host": "192.0.2.4", "source_port": 4022,
                "action": "authenticate", "method": "publickey"}),
        Sample("Accepted publickey for alice from 2001:db8::7 port 50122 ssh2: ED25519 SHA256:ab",
               {"user_name": "alice", "source_host": "2001:db8::7", "source_port": 50122,
                "action": "login", "outcome": "success", "method": "publickey",
                "key_type": "ED25519", "key": "SHA256:ab"}),
        Sample("Accepted none for guest from 192.0.2.4 port 1066 ssh2",
               {"user_name": "guest", "source_host": "192.0.2.4", "source_port": 1066,
                "action": "login", "outcome": "success", "method": "none"}),
        Sample("Accepted publickey for alice from 192.0.2.4 port 1066 ssh2: ED25519-CERT ID "
               "alice@corp (serial 7) CA ED25519 SHA256:ab",
               {"user_name": "alice", "source_host": "192.0.2.4", "source_port": 1066,
                "action": "login", "outcome": "success", "method": "publickey",
                "key_type": "ED25519-CERT", "key_id": "alice@corp", "key": "SHA256:ab"}),
        Sample("Invalid user admin from 203.0.113.9 port 40222",
               {"user_name": "admin", "source_host": "203.0.113.9", "source_port": 40222,
                "action": "login", "outcome": "failure", "invalid_user": "true"}),
        Sample("Invalid user  from 203.0.113.9 port 40222",
               {"source_host": "203.0.113.9", "source_port": 40222,
                "action": "login", "outcome": "failure", "invalid_user": "true"}),
        Sample("Invalid user a from 192.0.2.1 port 5 from 203.0.113.9 port 40222",
               {"user_name": "a from 192.0.2.1 port 5", "source_host": "203.0.113.9",
                "source_port": 40222, "action": "login", "outcome": "failure",
                "invalid_user": "true"}),
        Sample("Connection closed by authenticating user root 203.0.113.9 port 17342 [preauth]",
               {"user_name": "root", "source_host": "203.0.113.9", "source_port": 17342,
                "action": "disconnect", "outcome": "failure"}),
        Sample("Connection closed by invalid user 192.0.2.1 port 22 203.0.113.9 port 17342 "
               "[preauth]",
               {"user_name": "192.0.2.1 port 22", "source_host": "203.0.113.9",
                "source_port": 17342, "action": "disconnect", "outcome": "failure"}),
        Sample("Connection closed by UNKNOWN port 65535 [preauth]", {"action": "disconnect"}),
        Sample("Received disconnect from 203.0.113.9 port 40222:11: disconnected by user",
               {"source_host": "203.0.113.9", "source_port": 40222, "action": "disconnect",
                "code": "11", "reason": "disconnected by user"}),
        Sample("error: Received disconnect from 203.0.113.9: 3: Auth fail [preauth]",
               {"source_host": "203.0.113.9", "action": "disconnect", "outcome": "failure"}),
        Sample("Disconnecting invalid user eve 203.0.113.9 port 40222: Too many authentication "
               "failures [preauth]",
               {"user_name": "eve", "source_host": "203.0.113.9", "source_port": 40222,
                "action": "login", "outcome": "failure", "invalid_user": "true",
                "reason": "Too many authentication failures"}),
        Sample("Disconnecting invalid user eve 192.0.2.1 port 5: x 203.0.113.9 port 40222: Too "
               "many authentication failures [preauth]",
               {"user_name": "eve 192.0.2.1 port 5: x", "source_host": "203.0.113.9",
                "source_port": 40222, "action": "login", "outcome": "failure",
                "invalid_user": "true", "reason": "Too many authentication failures"}),
        Sample("Disconnecting invalid user eve 203.0.113.9 port 40222: Change of username or "
               "service not allowed: (eve,ssh-connection) -> (bob,ssh-connection) [preauth]",
               {"old_user": "eve", "new_user": "bob", "source_host": "203.0.113.9",
                "source_port": 40222, "action": "login", "outcome": "failure",
                "invalid_user": "true", "reason": "Change of username or service not allowed"}),
        Sample("Disconnecting invalid user eve 203.0.113.9 port 40222: Change of username or "
               "service not allowed: (eve,ssh-connection) -> (b 192.0.2.1 port 5: Change of "
               "username or service not allowed: (a,b) -> (c,ssh-connection) [preauth]", {}),
        Sample("error: maximum authentication attempts exceeded for root from 203.0.113.9 port "
               "40222 ssh2 [preauth]",
               {"user_name": "root", "source_host": "203.0.113.9", "source_port": 40222,
                "action": "login", "outcome": "failure"}),
        Sample("User bob from 203.0.113.9 not allowed because shell /bin/no shell does not exist",
               {"user_name": "bob", "source_host": "203.0.113.9", "action": "login",
                "outcome": "failure", "shell": "/bin/no shell", "reason": "shell does not exist"}),
        Sample("User bob from 203.0.113.9 not allowed because listed in DenyUsers",
               {"user_name": "bob", "source_host": "203.0.113.9", "action": "login",
                "outcome": "failure", "reason": "listed in DenyUsers"}),
        Sample("error: PAM: Authentication failure for illegal user a for root from 192.0.2.1 from "
               "203.0.113.9",
               {"user_name": "a for root from 192.0.2.1", "source_host": "203.0.113.9",
                "action": "login", "outcome": "failure", "invalid_user": "true",
                "reason": "Authentication failure"}),
        Sample("Failed publickey for alice from 192.0.2.4 port 4022 ssh2: RSA SHA256:ab",
               {"user_name": "alice", "source_host": "192.0.2.4", "source_port": 4022,
                "action": "authenticate", "outcome": "failure", "method": "publickey",
                "key_type": "RSA", "key": "SHA256:ab"}),
        Sample("Failed keyboard-interactive for <invalid username> from 203.0.113.9 port 4022 ssh2",
               {"source_host": "203.0.113.9", "source_port": 4022, "action": "login",
                "outcome": "failure", "method": "keyboard-interactive", "invalid_user": "true"}),
        Sample('Failed hostbased for bob from 203.0.113.9 port 4022 ssh2: RSA SHA256:ab, client '
               'user "eve from 192.0.2.1", client host "a" b"',
               {"user_name": "bob", "source_host": "203.0.113.9", "source_port": 4022,
                "action": "login", "outcome": "failure", "method": "hostbased", "key_type": "RSA",
                "key": "SHA256:ab", "client_user": "eve from 192.0.2.1", "client_host": 'a" b'}),
    ),
)  # fmt: skip
