"""Asterisk, under its name in syslog or in its own log."""

from siemstress.fields.tables import Pattern, Sample, Table

_LOGIN = {"action": "login", "outcome": "failure"}
_CALL = {"action": "call", "outcome": "failure"}
_FAILED = ("InvalidAccountID", "InvalidPassword", "FailedACL", "ChallengeResponseFailed")


def _notices() -> tuple[Pattern, ...]:
    found = []
    for head in ("NOTICE[{_thread}] {_where*}: ", "NOTICE[{_thread}]: {_where*}: "):
        for address in ("{source_host}:{source_port}", "{source_host}"):
            found += [
                Pattern(f"{head}Registration from '{{account*}}' failed for '{address}' - "
                        "{reason*}", _LOGIN),
                Pattern(f"{head}Call from '{{account*}}' ({address}) to extension "
                        "'{extension*}' rejected because {reason*}", _CALL),
            ]  # fmt: skip
        found += [
            Pattern(f"{head}Host {{source_host}} failed to authenticate as '{{user_name*}}'",
                    _LOGIN),
            Pattern(f"{head}Host {{source_host}} failed MD5 authentication for '{{user_name*}}' "
                    "({_rest*}", _LOGIN),
            Pattern(f"{head}No registration for peer '{{user_name*}}' (from {{source_host}})",
                    _LOGIN),
            Pattern(f"{head}hacking attempt detected '{{source_host}}'", _CALL),
        ]  # fmt: skip
        for asked in ("Request from", "Request '{method*}' from"):
            found.append(
                Pattern(f"{head}{asked} '{{account*}}' failed for '{{source_host}}:{{source_port}}'"
                        " (callid: {_call*}) - {reason*}", _LOGIN)
            )  # fmt: skip
        found += [
            Pattern(f"{head}{{source_host}} failed to authenticate as '{{user_name*}}'", _LOGIN),
            Pattern(f"{head}{{source_host}} tried to authenticate with nonexistent user "
                    "'{user_name*}'", {**_LOGIN, "invalid_user": "true"}),
        ]  # fmt: skip
    return tuple(found)


def _security_events() -> tuple[Pattern, ...]:
    head = 'SECURITY[{_thread}] {_where*}: SecurityEvent="'
    tail = (
        '",{_more*},AccountID="{user_name*}",{_others*},RemoteAddress="{_family}/{protocol}/'
        "{source_host}/{source_port}"
    )
    known = [(name, _LOGIN) for name in _FAILED]
    known.append(("SuccessfulAuth", {"action": "login", "outcome": "success"}))
    return tuple(
        Pattern(f"{head}{name}{tail}{end}", {**sets, "event": name})
        for name, sets in known
        for end in ('",{_rest*}', '"')
    )


TABLE = Table(
    programs=("asterisk", "stamped"),
    patterns=(*_notices(), *_security_events()),
    samples=(
        Sample("NOTICE[1638] chan_sip.c: Registration from '<sip:301@example.com>' failed for "
               "'203.0.113.9' - Wrong password",
               {"account": "<sip:301@example.com>", "source_host": "203.0.113.9",
                "reason": "Wrong password", "action": "login", "outcome": "failure"}),
        Sample("NOTICE[436][C-00000fa9] chan_sip.c: Call from '' (203.0.113.9:10836) to extension "
               "'0972' rejected because extension not found in context 'default'.",
               {"source_host": "203.0.113.9", "source_port": 10836, "extension": "0972",
                "reason": "extension not found in context 'default'.", "action": "call",
                "outcome": "failure"}),
        Sample('SECURITY[3308] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="1-2",'
               'Severity="Error",Service="SIP",EventVersion="2",AccountID="97",SessionID="0x8",'
               'LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/203.0.113.9/5070",'
               'Challenge="4"',
               {"user_name": "97", "protocol": "udp", "source_host": "203.0.113.9",
                "source_port": 5070, "event": "InvalidPassword", "action": "login",
                "outcome": "failure"}),
    ),
)  # fmt: skip
