"""OpenSSH's server."""

from siemstress.fields.tables import Pattern, Sample, Table, says


def _failed(text: str, **sets: str) -> Pattern:
    return says(text, action="login", outcome="failure", **sets)


def _accepted(method: str) -> tuple[Pattern, ...]:
    start = f"Accepted {method} for {{user_name}} from {{source_host}} port {{source_port}}"
    sets = {"action": "login", "outcome": "success", "method": method}
    return (
        Pattern(f"{start} ssh2", sets),
        Pattern(f"{start} ssh2: {{key_type}} {{key}}", sets),
        Pattern(f"{start}", sets),
        Pattern(f"{start} {{_rest*}}", sets),
    )


def _rejected(method: str) -> tuple[Pattern, ...]:
    patterns = []
    for invalid in ("invalid user ", "illegal user ", ""):
        start = f"Failed {method} for {invalid}{{user_name}} from {{source_host}}"
        sets = {"method": method} | ({"invalid_user": "true"} if invalid else {})
        patterns += [
            _failed(f"{start} port {{source_port}} ssh2", **sets),
            _failed(f"{start} port {{source_port}} ssh2: {{key_type}} {{key}}", **sets),
            _failed(f"{start} port {{source_port}}", **sets),
        ]
    return tuple(patterns)


def _closed(verb: str) -> tuple[Pattern, ...]:
    """Connections that end, as in `Connection closed by 192.0.2.1 port 22 [preauth]`."""
    patterns = []
    for who in ("authenticating user ", "invalid user ", "user "):
        for end in (" [preauth]", ""):
            text = f"{verb} {who}{{user_name}} {{source_host}} port {{source_port}}{end}"
            known = {"outcome": "failure"} if who != "user " else {}
            patterns.append(says(text, action="disconnect", **known))
    for end in (" [preauth]", ""):
        patterns += [
            says(f"{verb} {{source_host}} port {{source_port}}{end}", action="disconnect"),
            says(f"{verb} {{source_host}}{end}", action="disconnect"),
        ]
    return tuple(patterns)


TABLE = Table(
    programs=("sshd", "sshd-session", "sshd-auth"),
    patterns=(
        *_rejected("password"),
        *_rejected("publickey"),
        *_rejected("keyboard-interactive/pam"),
        *_rejected("none"),
        *_rejected("hostbased"),
        *_accepted("password"),
        *_accepted("publickey"),
        *_accepted("keyboard-interactive/pam"),
        *_accepted("gssapi-with-mic"),
        *_accepted("hostbased"),
        _failed("Invalid user {user_name} from {source_host} port {source_port}",
                invalid_user="true"),
        _failed("Invalid user {user_name} from {source_host}", invalid_user="true"),
        _failed("Illegal user {user_name} from {source_host}", invalid_user="true"),
        *_closed("Connection closed by"),
        *_closed("Connection reset by"),
        *_closed("Disconnected from"),
        says("Received disconnect from {source_host} port {source_port}:{code}: {reason*}",
             action="disconnect"),
        says("Received disconnect from {source_host}: {code}: {reason*}", action="disconnect"),
        says("Connection from {source_host} port {source_port} on {dest_host} port {dest_port}",
             action="connect"),
        says("Connection from {source_host} port {source_port} on {dest_host} port {dest_port} "
             "{_rest*}", action="connect"),
        says("Connection from {source_host} port {source_port}", action="connect"),
        _failed("error: maximum authentication attempts exceeded for invalid user {user_name} "
                "from {source_host} port {source_port} ssh2 [preauth]", invalid_user="true"),
        _failed("error: maximum authentication attempts exceeded for {user_name} "
                "from {source_host} port {source_port} ssh2 [preauth]"),
        _failed("Disconnecting invalid user {user_name} {source_host} port {source_port}: "
                "{reason*}", invalid_user="true"),
        _failed("Disconnecting authenticating user {user_name} {source_host} port {source_port}: "
                "{reason*}"),
        says("Disconnecting {source_host} port {source_port}: {reason*}", action="disconnect"),
        _failed("error: PAM: {reason*} for illegal user {user_name} from {source_host}",
                invalid_user="true"),
        _failed("error: PAM: {reason*} for {user_name} from {source_host}"),
        _failed("User {user_name} from {source_host} not allowed because {reason*}"),
        _failed("ROOT LOGIN REFUSED FROM {source_host} port {source_port}", user_name="root"),
        _failed("ROOT LOGIN REFUSED FROM {source_host}", user_name="root"),
        _failed("refused connect from {_name*} ({source_host})"),
        _failed("refused connect from {source_host}"),
        says("Did not receive identification string from {source_host} port {source_port}",
             action="connect", outcome="failure"),
        says("Did not receive identification string from {source_host}",
             action="connect", outcome="failure"),
        says("Bad protocol version identification '{version*}' from {source_host} port "
             "{source_port}", action="connect", outcome="failure"),
        says("banner exchange: Connection from {source_host} port {source_port}: {reason*}",
             action="connect", outcome="failure"),
        says("Unable to negotiate with {source_host} port {source_port}: {reason*}",
             action="connect", outcome="failure"),
        says("Unable to negotiate with {source_host}: {reason*}",
             action="connect", outcome="failure"),
        says("ssh_dispatch_run_fatal: Connection from {source_host} port {source_port}: "
             "{reason*}", action="connect", outcome="failure"),
        says("Timeout before authentication for {source_host} port {source_port}",
             action="connect", outcome="failure"),
        says("Timeout before authentication for {source_host}",
             action="connect", outcome="failure"),
        says("reverse mapping checking getaddrinfo for {source_name} [{source_host}] failed"
             "{_rest*}", action="connect", outcome="failure"),
        says("Address {source_host} maps to {source_name}, but {reason*}",
             action="connect", outcome="failure"),
        says("Server listening on {dest_host} port {dest_port}.", action="start"),
        says("Received signal {signal}; terminating.", action="stop"),
        says("Starting session: {kind*} for {user_name} from {source_host} port {source_port} "
             "{_rest*}", action="session_start"),
        says("Close session: user {user_name} from {source_host} port {source_port} {_rest*}",
             action="session_end"),
        says("input_userauth_request: invalid user {user_name} [preauth]", invalid_user="true"),
        says("error: Received disconnect from {source_host} port {source_port}:{code}: {reason*}",
             action="disconnect"),
        says("error: Received disconnect from {source_host}: {code}: {reason*}",
             action="disconnect"),
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
        Sample("Accepted publickey for alice from 2001:db8::7 port 50122 ssh2: ED25519 SHA256:ab",
               {"user_name": "alice", "source_host": "2001:db8::7", "source_port": 50122,
                "action": "login", "outcome": "success", "method": "publickey",
                "key_type": "ED25519", "key": "SHA256:ab"}),
        Sample("Invalid user admin from 203.0.113.9 port 40222",
               {"user_name": "admin", "source_host": "203.0.113.9", "source_port": 40222,
                "action": "login", "outcome": "failure", "invalid_user": "true"}),
        Sample("Connection closed by authenticating user root 203.0.113.9 port 17342 [preauth]",
               {"user_name": "root", "source_host": "203.0.113.9", "source_port": 17342,
                "action": "disconnect", "outcome": "failure"}),
        Sample("Received disconnect from 203.0.113.9 port 40222:11: disconnected by user",
               {"source_host": "203.0.113.9", "source_port": 40222, "action": "disconnect",
                "code": "11", "reason": "disconnected by user"}),
    ),
)  # fmt: skip
