"""Dropbear, the small SSH server; its own stamp may stand in front of a message."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_IN = {"action": "login", "outcome": "success"}


def _said(head: str, peer: str) -> Iterator[Pattern]:
    for bad in ("Bad", "bad"):
        for kind in ("", "PAM "):
            yield Pattern(f"{head}{bad} {kind}password attempt for '{{user_name*}}' from {peer}",
                          {**_LOGIN, "method": "password"})  # fmt: skip
    for word in ("Login", "login"):
        yield Pattern(f"{head}{word} attempt for nonexistent user from {peer}",
                      {**_LOGIN, "invalid_user": "true"})  # fmt: skip
        yield Pattern(f"{head}{word} attempt with wrong user {{user_name*}} from {peer}", _LOGIN)
    yield Pattern(f"{head}Exit before auth from <{peer}>: (user '{{user_name*}}', {{_fails}} fails)"
                  ": {reason*}", _LOGIN)  # fmt: skip
    yield Pattern(
        f"{head}Exit before auth from <{peer}>: {{reason*}} - user '{{user_name*}}'", _LOGIN
    )
    yield says(f"{head}Exit before auth from <{peer}>: {{reason*}}",
               action="disconnect", outcome="failure")  # fmt: skip
    yield Pattern(f"{head}Exit before auth (user '{{user_name*}}', {{_fails}} fails): {{reason*}}"
                  f" - user '{{_user*}}' from {peer}", _LOGIN)  # fmt: skip
    yield Pattern(f"{head}Password auth succeeded for '{{user_name*}}' from {peer}",
                  {**_IN, "method": "password"})  # fmt: skip
    yield Pattern(f"{head}PAM password auth succeeded for '{{user_name*}}' from {peer}",
                  {**_IN, "method": "password"})  # fmt: skip
    yield Pattern(f"{head}Pubkey auth succeeded for '{{user_name*}}' with {{key*}} from {peer}",
                  {**_IN, "method": "publickey"})  # fmt: skip
    yield says(f"{head}Child connection from {peer}", action="connect")


def _ends() -> Iterator[Pattern]:
    yield says("Exit ({user_name*}): {reason*}", action="session_end")
    yield says("Exit ({user_name*}) from <{source_host#}:{source_port}>: {reason*}",
               action="session_end")  # fmt: skip
    yield says("Not backgrounding", action="start")
    yield says("Running in background", action="start")
    yield says("Early exit: Terminated by signal", action="stop")


TABLE = Table(
    programs=("dropbear",),
    patterns=(
        *_said("", "{source_host}:{source_port}"),
        *_said("{?[{_pid}] {_month} {_rest*}:{_seconds} ?}", "{source_host#}:{source_port}"),
        *_ends(),
    ),
    samples=(
        Sample("Bad password attempt for 'root' from 203.0.113.9:60588",
               {"user_name": "root", "source_host": "203.0.113.9", "source_port": 60588,
                "action": "login", "outcome": "failure", "method": "password"}),
        Sample("login attempt for nonexistent user from ::ffff:203.0.113.9:60495",
               {"source_host": "203.0.113.9", "source_port": 60495, "action": "login",
                "outcome": "failure", "invalid_user": "true"}),
        Sample("Bad password attempt for 'a' from 192.0.2.1:5' from 2001:db8::9:60588",
               {"user_name": "a' from 192.0.2.1:5", "source_host": "2001:db8::9",
                "source_port": 60588, "action": "login", "outcome": "failure",
                "method": "password"}),
        Sample("[825] Oct 10 23:53:52 Bad password attempt for 'root' from 203.0.113.9:52289",
               {"user_name": "root", "source_host": "203.0.113.9", "source_port": 52289,
                "action": "login", "outcome": "failure", "method": "password"}),
        Sample("Exit before auth from <203.0.113.9:52325>: Max auth tries reached - user 'bob'",
               {"user_name": "bob", "source_host": "203.0.113.9", "source_port": 52325,
                "action": "login", "outcome": "failure", "reason": "Max auth tries reached"}),
    ),
)  # fmt: skip
