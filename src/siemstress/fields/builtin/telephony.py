"""Telephony: Asterisk, FreeSWITCH, Murmur, TeamSpeak; by syslog or in their own logs."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_CALL = {"action": "call", "outcome": "failure"}
_FAILED = (
    "InvalidAccountID", "InvalidPassword", "FailedACL", "ChallengeResponseFailed",
    "UnexpectedAddress",
    "InvalidTransport", "AuthMethodNotAllowed", "SessionLimit", "LoadAverageLimit",
    "MemoryLimit", "RequestNotAllowed", "RequestNotSupported", "RequestBadFormat",
)  # fmt: skip
_PEER = "{?[?}{source_host#}{?]?}{?:{source_port+}?}"
# Level, thread and call; then the source file, and perhaps its line and function.
_HEAD = "{level=NOTICE|WARNING|ERROR|SECURITY|VERBOSE}{? ?}[{_thread}]{?:?} "
_WHERE = ("{_file}.c:{_line+} {?in ?}{_function}: ", "{_file}.c: ", "{_file}.c:  ", "")


def _asterisk() -> tuple[Pattern, ...]:
    sayings = (
        Pattern(f"Registration from '{{account**}}' failed for '{_PEER}' - {{reason*}}", _LOGIN),
        Pattern(f"Call from '{{account**}}' ({{?{{_transport=TCP|UDP|TLS|WS|WSS}}:?}}{_PEER}) to "
                "extension '{extension*}' rejected because {reason*}", _CALL),
        Pattern(f"{{?{{account}}: ?}}Call ({{_transport=TCP|UDP|TLS|WS|WSS}}:{_PEER}) to "
                "extension '{extension*}' rejected because {reason*}", _CALL),
        Pattern(f"Request {{?'{{method}}' ?}}from '{{account**}}' failed for '{_PEER}' "
                "(callid: {_call*}) - {reason*}", _LOGIN),
        Pattern(f"{{?Host ?}}{_PEER} failed to authenticate as '{{user_name*}}'", _LOGIN),
        Pattern(f"{_PEER} tried to authenticate with nonexistent user '{{user_name*}}'",
                {**_LOGIN, "invalid_user": "true"}),
        Pattern("Host {source_host#} failed MD5 authentication for '{user_name**}' ({_rest*}",
                _LOGIN),
        Pattern("No registration for peer '{user_name**}' (from {source_host#})", _LOGIN),
        Pattern("hacking attempt detected '{source_host#}'", _CALL),
        Pattern("Sending fake auth rejection for device {account*}", _LOGIN),
    )  # fmt: skip
    heads = [f"{head}{where}" for head in (_HEAD, "") for where in _WHERE]
    found = [Pattern(f"{head}{said.text}", said.sets) for head in heads for said in sayings]
    rejected = f'"Rejecting unknown SIP connection from {_PEER}"'
    found.append(Pattern(f"{_HEAD}Ext. {{extension*}}: {rejected}", _CALL))
    found.append(Pattern(f"Ext. {{extension*}}: {rejected}", _CALL))
    for head in (f"{_HEAD}{{_file}}.c: ", "{_file}.c: "):
        for event, sets in (
            (f"{{event={'|'.join(_FAILED)}}}", _LOGIN),
            ("{event=SuccessfulAuth}", {"action": "login", "outcome": "success"}),
        ):
            found += [
                # What stands behind an account is Asterisk's: of several addresses the last.
                Pattern(f'{head}SecurityEvent="{event}",{{_more*}},AccountID="{{user_name**}}",'
                        'SessionID="{_session**}",LocalAddress="{_local*}",RemoteAddress='
                        f'"{{_family=IPV4|IPV6|UNKNOWN}}/{{protocol=UDP|TCP|TLS|WS|WSS}}/'
                        f'{{source_host#}}/{{source_port+}}"{end}', sets)
                for end in ("", ",{_rest*}")
            ]  # fmt: skip
    return tuple(found)


ASTERISK = Table(
    programs=("asterisk", "notice", "warning", "error", "security", "stamped", ""),
    patterns=_asterisk(),
    samples=(
        Sample("NOTICE[1638] chan_sip.c: Registration from '<sip:301@example.com>' failed for "
               "'203.0.113.9' - Wrong password",
               {"level": "NOTICE", "account": "<sip:301@example.com>",
                "source_host": "203.0.113.9", "reason": "Wrong password", "action": "login",
                "outcome": "failure"}),
        Sample("NOTICE[436][C-00000fa9] chan_sip.c: Call from '' (203.0.113.9:10836) to extension "
               "'0972' rejected because extension not found in context 'default'.",
               {"level": "NOTICE", "source_host": "203.0.113.9", "source_port": 10836,
                "extension": "0972", "action": "call", "outcome": "failure",
                "reason": "extension not found in context 'default'."}),
        Sample("NOTICE[1]: res_pjsip_session.c:2337 new_invite: Call from 'a' (TCP:[203.0.113.9]:"
               "61470) to extension '9' rejected because no",
               {"level": "NOTICE", "account": "a", "source_host": "203.0.113.9",
                "source_port": 61470, "extension": "9", "action": "call", "outcome": "failure",
                "reason": "no"}),
        Sample('SECURITY[3308] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="1-2",'
               'Severity="Error",Service="SIP",EventVersion="2",AccountID="97",SessionID="0x8",'
               'LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/203.0.113.9/5070",'
               'Challenge="4"',
               {"level": "SECURITY", "user_name": "97", "protocol": "udp",
                "source_host": "203.0.113.9", "source_port": 5070, "event": "InvalidPassword",
                "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
FREESWITCH = Table(
    programs=("freeswitch", "stamped"),
    patterns=tuple(
        Pattern(f"{head}{{_file}}.c:{{_line+}} {text}", sets)
        for head in ("{?{_idle}% ?}[{level}] ", "{?{_id} {_day} {_time} ?}{?{_idle}% ?}[{level}] ")
        for text, sets in (
            ("SIP auth failure ({method}) on sofia profile '{profile}' for [{account**}] from ip "
             "{source_host#}", _LOGIN),
            ("SIP auth challenge ({method}) on sofia profile '{profile}' for [{account**}] from "
             "ip {source_host#}", {"action": "login"}),
            ("Can't find user [{account**}] from {source_host#}", _LOGIN),
            ("IP {source_host#} Rejected by {?{_kind} ?}acl \"{acl*}\"{?.?}{? {_rest*}?}",
             {"action": "deny"}),
        )
    ),
    samples=(
        Sample("[WARNING] sofia_reg.c:1533 SIP auth failure (INVITE) on sofia profile 'internal' "
               "for [x] from ip 192.0.2.1] from ip 203.0.113.9",
               {"level": "WARNING", "method": "INVITE", "profile": "internal",
                "account": "x] from ip 192.0.2.1", "source_host": "203.0.113.9",
                "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
VOICE = Table(
    programs=("murmurd", "mumble-server", "stamped"),
    patterns=(
        Pattern("{?<W>{_day} {_time} ?}{_server+} => <{_id+}:{user_name**}({_number})> Rejected "
                "connection from {source_host#}:{source_port}: {reason*}", _LOGIN),
        says("{?<W>{_day} {_time} ?}{_server+} => <{_id+}:{user_name**}({_number})> New "
             "connection: {source_host#}:{source_port}", action="connect"),
        Pattern("|{level=INFO|WARNING}{_space*}|{_module}{_gap*}|{_server*}|query from {_id} "
                '{source_host#}:{source_port} attempted to login with account "{user_name**}" and '
                "failed!", _LOGIN),
    ),
    samples=(
        Sample("1 => <4:bob(-1)> Rejected connection from 203.0.113.9:29530: Invalid server "
               "password",
               {"user_name": "bob", "source_host": "203.0.113.9", "source_port": 29530,
                "reason": "Invalid server password", "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
