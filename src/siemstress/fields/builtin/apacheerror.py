"""Apache HTTP Server's error log, behind time and level."""

from collections.abc import Iterator
from itertools import product

from siemstress.fields.tables import Pattern, Sample, Table, says

_HEADS = ("", "[pid {thread*}] ")
_CLIENTS = ("[client {source_host}:{source_port}] ", "[client {source_host}] ")
_LOGIN = {"action": "login", "outcome": "failure"}
_FAILED = {"action": "request", "outcome": "failure"}


def _patterns() -> Iterator[Pattern]:
    for head, client in product(_HEADS, _CLIENTS):
        place = head + client
        for code in ("", "AH{_code}: "):
            yield says(place + code + "user {user_name*}: authentication failure for "
                       '"{_path*}": Password Mismatch', **_LOGIN)  # fmt: skip
            yield says(place + code + "user {user_name*}: authentication failure for "
                       '"{_path*}": Password Mismatch, referer: {referer*}', **_LOGIN)  # fmt: skip
            yield says(place + code + "user {user_name*} not found: {_path*}", **_LOGIN)
            yield says(place + code + "user `{user_name*}' in realm `{realm*}' not found: "
                       "{_path*}", **_LOGIN)  # fmt: skip
            yield says(place + code + "client denied by server configuration: {path*}",
                       action="deny")  # fmt: skip
            yield says(place + code + "File does not exist: {path*}", **_FAILED)
        for again in ("", "[client {_again}] "):
            yield says(place + again + "ModSecurity: Warning. {_rest*}", action="alert")
            yield says(place + again + "ModSecurity: {_before*}Access denied with code {_rest*}",
                       action="deny")  # fmt: skip
        yield says(place + "{_rest*}")


TABLE = Table(
    programs=("apacheerror",),
    patterns=tuple(_patterns()),
    samples=(
        Sample("[pid 35708] [client 203.0.113.9:4022] AH00128: File does not exist: /a",
               {"thread": "35708", "source_host": "203.0.113.9", "source_port": 4022,
                "path": "/a", **_FAILED}),
        Sample("[pid 742:tid 140142593419008] [client 203.0.113.9:50900] AH01071: Got error",
               {"thread": "742:tid 140142593419008", "source_host": "203.0.113.9",
                "source_port": 50900}),
        Sample("[client 203.0.113.9] File does not exist: /a",
               {"source_host": "203.0.113.9", "path": "/a", **_FAILED}),
        Sample('[pid 7] [client 203.0.113.9:4022] AH01617: user bob: authentication failure for '
               '"/git": Password Mismatch',
               {"thread": "7", "source_host": "203.0.113.9", "source_port": 4022,
                "user_name": "bob", **_LOGIN}),
        Sample("[client 203.0.113.9] user bob not found: /git",
               {"source_host": "203.0.113.9", "user_name": "bob", **_LOGIN}),
        Sample("[pid 7] [client 203.0.113.9:4022] AH01630: client denied by server configuration: "
               "/srv/a",
               {"thread": "7", "source_host": "203.0.113.9", "source_port": 4022,
                "path": "/srv/a", "action": "deny"}),
        Sample("[client 203.0.113.9] ModSecurity: Access denied with code 403 (phase 2). x",
               {"source_host": "203.0.113.9", "action": "deny"}),
    ),
)  # fmt: skip
