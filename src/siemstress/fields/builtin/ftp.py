"""FTP servers: vsftpd, ProFTPD, Pure-FTPd, WU-FTPD and BSD's, by syslog or in their own logs."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_LOGGED_IN = {"action": "login", "outcome": "success"}
_CLIENT = 'Client "{?::ffff:?}{source_host#}"'

VSFTPD = Table(
    programs=("vsftpd", "stamped"),
    patterns=tuple(
        pattern
        for head in ("[pid {_pid}] ", "")
        for pattern in (
            says(f"{head}CONNECT: {_CLIENT}{{?, {{_rest*}}?}}", action="connect"),
            Pattern(f"{head}[{{user_name**}}] FAIL LOGIN: {_CLIENT}", _LOGIN),
            Pattern(f"{head}[{{user_name**}}] OK LOGIN: {_CLIENT}{{?, {{_rest*}}?}}", _LOGGED_IN),
            *(
                says(f"{head}[{{user_name}}] {{result=OK|FAIL}} {word}: {_CLIENT}, "
                     '"{path**}"{?, {bytes} bytes?}{?, {_rate}?}', action=action)
                for word, action in (
                    ("UPLOAD", "file_upload"), ("DOWNLOAD", "file_download"),
                    ("DELETE", "file_delete"), ("MKDIR", "file_create"), ("RMDIR", "file_delete"),
                    ("RENAME", "file_change"), ("CHMOD", "file_change"),
                )
            ),
            says(f"{head}{{?[{{user_name}}] ?}}FTP response: {_CLIENT}, \"{{response*}}\""),
            says(f"{head}{{?[{{user_name}}] ?}}FTP command: {_CLIENT}, \"{{command*}}\""),
        )
    ),
    samples=(
        Sample('[pid 27245] CONNECT: Client "::ffff:203.0.113.9"',
               {"source_host": "203.0.113.9", "action": "connect"}),
        Sample('[pid 1] [x] FAIL LOGIN: Client "192.0.2.1"] FAIL LOGIN: Client "203.0.113.9"',
               {"user_name": 'x] FAIL LOGIN: Client "192.0.2.1"', "source_host": "203.0.113.9",
                "action": "login", "outcome": "failure"}),
        Sample('[pid 1] [bob] OK UPLOAD: Client "203.0.113.9", "/a b", 12 bytes, 1.5Kbyte/sec',
               {"user_name": "bob", "result": "OK", "source_host": "203.0.113.9", "path": "/a b",
                "bytes": "12", "action": "file_upload"}),
    ),
)  # fmt: skip
# Host of the server, name and address of the client.
_SESSION = "{?{_server} ?}({_name}[{?::ffff:?}{source_host#}]){?:?}{? -?} "
PROFTPD = Table(
    programs=("proftpd", "stamped"),
    patterns=tuple(
        pattern
        for head in (_SESSION, "{_host} proftpd[{_pid}]{?:?} " + _SESSION)
        for pattern in (
            Pattern(f"{head}USER {{user_name**}} (Login failed): {{reason*}}", _LOGIN),
            Pattern(f"{head}USER {{user_name**}}: no such user found from {{_who*}} to "
                    "{?::ffff:?}{dest_host#}:{dest_port}{? ?}",
                    {**_LOGIN, "reason": "no such user found"}),
            Pattern(f"{head}USER {{user_name**}}: no such user",
                    {**_LOGIN, "reason": "no such user"}),
            Pattern(f"{head}USER {{user_name**}}: Login successful{{?.?}}", _LOGGED_IN),
            Pattern(f"{head}{{_kind=ANON|USER}} {{user_name**}}: Login successful{{?.?}}",
                    _LOGGED_IN),
            Pattern(f"{head}SECURITY VIOLATION: {{user_name=root|Root}} login attempted{{?.?}}",
                    {**_LOGIN, "reason": "SECURITY VIOLATION"}),
            says(f"{head}Maximum login attempts ({{count}}) exceeded{{?, {{_rest*}}?}}{{? ?}}",
                 action="login", outcome="failure"),
            says(f"{head}FTP session opened{{?.?}}", action="connect"),
            says(f"{head}FTP session closed{{?.?}}", action="disconnect"),
            says(f"{head}FTP {{reason=login timed out|no transfer timeout|idle timeout|session "
                 "idle timeout}{?, {_rest*}?}", action="disconnect"),
        )
    ),
    samples=(
        Sample("ftp.example.org (h[203.0.113.9]): USER x: no such user found from h [192.0.2.9] to "
               "192.0.2.1:21: no such user found from h [203.0.113.9] to ::ffff:192.0.2.1:21",
               {"source_host": "203.0.113.9", "dest_host": "192.0.2.1", "dest_port": 21,
                "user_name": "x: no such user found from h [192.0.2.9] to 192.0.2.1:21",
                "reason": "no such user found", "action": "login", "outcome": "failure"}),
        Sample("192.0.2.1 (h[::ffff:203.0.113.9]) - USER bob: Login successful.",
               {"source_host": "203.0.113.9", "user_name": "bob", "action": "login",
                "outcome": "success"}),
    ),
)  # fmt: skip
PUREFTPD = Table(
    programs=("pure-ftpd", "stamped"),
    patterns=tuple(
        pattern
        for peer in ("({_who}@{source_host#}) ",)
        for pattern in (
            Pattern(f"{peer}[WARNING] Authentication failed for user [{{user_name*}}]", _LOGIN),
            Pattern(f"{peer}[INFO] {{user_name*}} is now logged in", _LOGGED_IN),
            says(f"{peer}[INFO] New connection from {{_name}}", action="connect"),
            says(f"{peer}[INFO] Logout.", action="disconnect"),
            says(f"{peer}[INFO] Timeout - try typing a little faster next time",
                 action="disconnect"),
            says(f"{peer}[NOTICE] {{path*}} uploaded  ({{bytes}} bytes, {{_rate*}})",
                 action="file_upload", outcome="success"),
            says(f"{peer}[NOTICE] {{path*}} downloaded  ({{bytes}} bytes, {{_rate*}})",
                 action="file_download", outcome="success"),
            says(f"{peer}[NOTICE] Deleted {{path*}}", action="file_delete", outcome="success"),
        )
    ),
    samples=(
        Sample("(?@203.0.113.9) [WARNING] Authentication failed for user [root]",
               {"source_host": "203.0.113.9", "user_name": "root", "action": "login",
                "outcome": "failure"}),
    ),
)  # fmt: skip
BSD = Table(
    programs=("ftpd", "wu-ftpd", "in.ftpd", "wuftpd", "gssftpd"),
    patterns=(
        Pattern("failed login from {source_name} [{source_host#}]", _LOGIN),
        Pattern("repeated login failures from {?{source_name} ?}{?[?}{source_host#}{?]?}"
                "{? ({_name*})?}", _LOGIN),
        Pattern("FTP LOGIN FAILED FROM {source_host}, {user_name*}", _LOGIN),
        Pattern("FTP LOGIN REFUSED ({reason*}) FROM {?{source_name} ?}[{source_host#}], "
                "{user_name*}", _LOGIN),
        Pattern("FTP LOGIN FROM {?{source_name} ?}[{source_host#}], {user_name*}", _LOGGED_IN),
        says("connection from {source_name} [{source_host#}]", action="connect"),
        says("connect from {source_host#}", action="connect"),
    ),
    samples=(
        Sample("failed login from h.example.org [203.0.113.9]",
               {"source_name": "h.example.org", "source_host": "203.0.113.9", "action": "login",
                "outcome": "failure"}),
        Sample("repeated login failures from 203.0.113.9 (h.example.org)",
               {"source_host": "203.0.113.9", "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
