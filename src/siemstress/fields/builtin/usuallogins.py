"""Logins by what most programs call them, for those that have no table of their own.

Tables are tried in the order of their files' names, so this one comes after the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table

_LOGIN = {"action": "login", "outcome": "failure"}
_LOGGED_IN = {"action": "login", "outcome": "success"}
_FAILED = (
    "failed login attempt|failed login|login failed|login attempt failed|login failure|"
    "failed to login|failed to log in|failed to authenticate|failed authentication attempt|"
    "failed authentication|authentication failed|authentication failure|authentication error|"
    "invalid login attempt|invalid login|unsuccessful login attempt|unsuccessful login|login error|"
    "failed password|incorrect password|invalid password|wrong password|bad password|"
    "password mismatch|invalid credentials|invalid username or password|"
    "incorrect username or password|invalid user name or password|invalid user|unknown user|"
    "failed logon|logon failed|unauthorized login attempt|rejected login|"
    "login rejected|login incorrect|failed sign in|failed sign-in|sign in failed|"
    "unsuccessful 1fa authentication attempt|unsuccessful authentication attempt|"
    "unsuccessful totp authentication attempt|unsuccessful duo authentication attempt|"
    "unsuccessful webauthn authentication attempt|unsuccessful u2f authentication attempt|"
    "login denied|password check failed|"
    "invalid token provided|auth-failure|login failure. reason: invalid credentials"
)
_SUCCESSFUL = (
    "successful login|login successful|successfully logged in|login succeeded|logged in|"
    "successfully authenticated|successful 1fa authentication attempt made|"
    "successful duo authentication attempt made|successful totp authentication attempt made|"
    "authentication succeeded|authentication successful"
)
_FROM = (
    "{_from=~from|by|from ip|by ip|from ip:|by ip:|ip|ip:|ip-address:|from private ip|"
    "from public ip|from host|from client|rhost|client|client:|address:|from address|remote ip:|"
    "by ip address|from ip address|ip address|ip address:|from:}"
)
_WHO = (
    "{_who=~for user|for username|for account|for login|for|user|username|by user|of user|user:|"
    "username:|for user:|for db:odoo login|by username|account}"
)
_SURE = "{?{_open='|\"|`|(|[|/|::ffff:|['}?}{source_host#}{?{_close=']|'|\"|`|)|]}?}"
# Behind the address comes what the program says of it, or nothing.
_END = "{?:{source_port+}?}{?{_mark=.|,|;| |!|/|:|)}{_more*}?}"
_QUOTED = ("'{user_name**}'", '"{user_name**}"', "`{user_name**}`", "[{user_name**}]")
# What may stand behind a name: where it is not quoted, a comma is not part of it.
_NAMED = (*(f"{user}{{?{{_sep=,|.|;|:}}?}} " for user in _QUOTED), "{user_name**}{_sep=, |. |; }",
          "{user_name**} ")  # fmt: skip


def _said(words: str, sets: dict[str, str]) -> Iterator[Pattern]:
    head = f"{{?{{_head*}}{{_before= |\"|'|:|]|>|)|}}?}}{{reason=~{words}}}{{?{{_how*}}?}}"
    address = f"{{?(?}}{_FROM}{{_is= |=|: }}{_SURE}"
    for user in _NAMED:
        yield Pattern(f"{head} {_WHO}{{_eq= |:|=|: }}{user}{address}{_END}", sets)
    for user in (*_QUOTED, "{user_name**}"):
        yield Pattern(f"{head}{{_space= |, |; |: }}{address}{{?{{_sep=,|.|;|:}}?}} {_WHO}"
                      f"{{_eq= |:|=|: }}{user}{{?.?}}", sets)  # fmt: skip
    yield Pattern(f"{head}{{_space= |, |; |: |. }}{address}{_END}", sets)
    # The address is a field of its own, or unknown.
    for user in _QUOTED:
        yield Pattern(f"{{?[{{_class}}] ?}}{{reason=~{words}}} {_WHO}{{_eq= |:|=|: }}{user}"
                      "{?{_mark=.|,|:|;}{_more*}?}", sets)  # fmt: skip
    yield Pattern(f"{{reason=~{words}}}{{?.?}}", sets)
    yield Pattern(f"{{reason=~{words}}} {_WHO}{{_eq= |:|=|: }}{{user_name}}{{?.?}}", sets)


TABLE = Table(
    # The last are levels that stand where a process does in syslog.
    programs=("stamped", "", "warn", "warning", "error", "info", "notice", "debug"),
    patterns=(*_said(_FAILED, _LOGIN), *_said(_SUCCESSFUL, _LOGGED_IN)),
    samples=(
        Sample("Unsuccessful 1FA authentication attempt by user 'bob': user not found",
               {"reason": "Unsuccessful 1FA authentication attempt", "user_name": "bob",
                **_LOGIN}),
        Sample("Invalid username or password",
               {"reason": "Invalid username or password", **_LOGIN}),
        Sample("[ERROR] Login failed for user 'bob' from 203.0.113.9:4711",
               {"reason": "Login failed", "user_name": "bob", "source_host": "203.0.113.9",
                "source_port": 4711, **_LOGIN}),
        Sample("[AUTH] WARN: Incorrect username or password for user a from 192.0.2.1 b. "
               "IP=203.0.113.9",
               {"reason": "Incorrect username or password", "source_host": "203.0.113.9",
                "user_name": "a from 192.0.2.1 b", **_LOGIN}),
        Sample("WARN: Invalid token provided for user bob, IP 203.0.113.9",
               {"reason": "Invalid token provided", "user_name": "bob",
                "source_host": "203.0.113.9", **_LOGIN}),
    ),
)  # fmt: skip
