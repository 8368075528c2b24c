"""OpenSSH's server: connections that do not get as far as a login."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_PEER = "{source_host} port {source_port}"
_PREAUTH = (" [preauth]", "")


def _failed(text: str, **sets: str) -> Pattern:
    return says(text, action="login", outcome="failure", **sets)


def _refused(text: str, **sets: str) -> Pattern:
    """A connection that came to nothing before anybody gave a name."""
    return says(text, action="connect", outcome="failure", **sets)


def _greetings() -> Iterator[Pattern]:
    """Connections that never got as far as a name."""
    for peer in (_PEER, "{source_host}"):
        yield _refused(f"Did not receive identification string from {peer}")
        yield _refused(f"Bad protocol version identification '{{version**}}' from {peer}")
        yield _refused(f"Protocol major versions differ for {peer}: {{reason*}}")
        for fatal in ("fatal: ", ""):
            for end in _PREAUTH:
                yield _refused(f"{fatal}Unable to negotiate with {peer}: {{reason*}}{end}")
                yield _refused(f"{fatal}Timeout before authentication for {peer}{end}")
                yield _refused(f"{fatal}Connection from {peer} timed out{end}")
        yield says(f"probed from {peer} with {{version**}}.  Don't panic.", action="probe")
        yield says(f"scanned from {peer} with {{version**}}.  Don't panic.", action="probe")
    for fatal in ("fatal: ", "error: ", ""):
        yield _refused(f"{fatal}Timeout before authentication for connection from {{source_host}} "
                       f"to {{dest_host}}, pid = {{_pid}}")  # fmt: skip
        for end in _PREAUTH:
            for text in ("ssh_dispatch_run_fatal: ", "banner exchange: ", "sshpkt_send_fatal: "):
                yield _refused(f"{fatal}{text}Connection from {_PEER}: {{reason*}}{end}")
                for who, sets in (
                    ("invalid user ", {"invalid_user": "true"}), ("authenticating user ", {}),
                    ("user ", {}),
                ):  # fmt: skip
                    yield _failed(f"{fatal}{text}Connection from {who}{{user_name**}} {_PEER}: "
                                  f"{{reason*}}{end}", **sets)  # fmt: skip
        yield _refused(f"{fatal}kex_exchange_identification: {{reason*}}")
        yield _refused(f"{fatal}Unable to negotiate a key exchange method{{_end*}}")
        yield _refused(f"{fatal}no matching {{what}} found: {{_rest*}}")
    yield _refused("Magic value check failed ({_value}) on obfuscated handshake from " + _PEER)


def _throttled() -> Iterator[Pattern]:
    text = (
        "drop connection #{_number} from [{source_host}]:{source_port} on [{dest_host}]:{dest_port}"
    )
    for error in ("error: ", ""):
        yield says(f"{error}{text} past MaxStartups", action="deny", reason="MaxStartups")
        yield says(f"{error}{text} past PerSourceMaxStartups", action="deny",
                   reason="PerSourceMaxStartups")  # fmt: skip
        yield says(f"{error}{text} penalty: {{reason*}}", action="deny")
        yield says(f"{error}beginning MaxStartups throttling", action="flood")
    yield says("exited MaxStartups throttling after {_time}, {count} connections dropped",
               action="flood")  # fmt: skip


def _names() -> Iterator[Pattern]:
    """Addresses and names that do not fit; that alone is no failure."""
    for end in (" failed - POSSIBLE BREAK-IN ATTEMPT!", " failed - POSSIBLE BREAKIN ATTEMPT!",
                " failed."):  # fmt: skip
        yield says("reverse mapping checking getaddrinfo for {source_name} [{source_host}]" + end,
                   action="connect")  # fmt: skip
        yield says("reverse mapping checking getaddrinfo for {source_name}" + end, action="connect")
    yield says("Address {source_host} maps to {source_name}, but {reason*}", action="connect")
    yield says('Nasty PTR record "{source_name*}" is set up for {source_host}, ignoring',
               action="connect")  # fmt: skip
    yield _refused("refused connect from {_name*} ({source_host})")
    yield _refused("refused connect from {source_host}")


TABLE = Table(
    programs=("sshd", "sshd-session", "sshd-auth"),
    patterns=(*_greetings(), *_throttled(), *_names()),
    samples=(
        Sample("ssh_dispatch_run_fatal: Connection from invalid user eve 192.0.2.1 port 5: x "
               "203.0.113.9 port 40222: Broken pipe [preauth]",
               {"user_name": "eve 192.0.2.1 port 5: x", "source_host": "203.0.113.9",
                "source_port": 40222, "action": "login", "outcome": "failure",
                "invalid_user": "true", "reason": "Broken pipe"}),
        Sample("fatal: Timeout before authentication for 203.0.113.9 port 40222",
               {"source_host": "203.0.113.9", "source_port": 40222, "action": "connect",
                "outcome": "failure"}),
        Sample("banner exchange: Connection from 203.0.113.9 port 40222: invalid format",
               {"source_host": "203.0.113.9", "source_port": 40222, "action": "connect",
                "outcome": "failure", "reason": "invalid format"}),
        Sample("Bad protocol version identification 'GET / from 192.0.2.1 port 3' from 203.0.113.9 "
               "port 40222",
               {"source_host": "203.0.113.9", "source_port": 40222, "action": "connect",
                "outcome": "failure", "version": "GET / from 192.0.2.1 port 3"}),
        Sample("Bad protocol version identification 'x' from 192.0.2.1 port 3' from 203.0.113.9 "
               "port 40222",
               {"source_host": "203.0.113.9", "source_port": 40222, "action": "connect",
                "outcome": "failure", "version": "x' from 192.0.2.1 port 3"}),
        Sample("Unable to negotiate with 203.0.113.9 port 40222: no matching host key type found. "
               "Their offer: ssh-dss [preauth]",
               {"source_host": "203.0.113.9", "source_port": 40222, "action": "connect",
                "outcome": "failure",
                "reason": "no matching host key type found. Their offer: ssh-dss"}),
        Sample("drop connection #11 from [203.0.113.9]:40222 on [192.0.2.8]:22 penalty: failed "
               "authentication",
               {"source_host": "203.0.113.9", "source_port": 40222, "dest_host": "192.0.2.8",
                "dest_port": 22, "action": "deny", "reason": "failed authentication"}),
        Sample("reverse mapping checking getaddrinfo for x.example.com [203.0.113.9] failed - "
               "POSSIBLE BREAK-IN ATTEMPT!",
               {"source_host": "203.0.113.9", "source_name": "x.example.com",
                "action": "connect"}),
    ),
)  # fmt: skip
