"""Databases: MySQL and MariaDB, PostgreSQL, MongoDB, Redis, SQL Server; by syslog or their logs."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_LEVEL = "{?{_thread} ?}{?[{level=Warning|Note|ERROR|Error|System}] ?}{?[{code}] [{_part}] ?}"
# Time and thread of MySQL 5 and of MariaDB, where syslog's stamp stands in front of them.
_STAMP = "{?{_day} {? ?}{_hour+}:{_minute+}:{_second+} {? ?}?}"
_CODES = "{?{sqlstate}: ?}"
_HBA = tuple(
    f'{reason}host "{{source_host#}}", user "{{user_name**}}"{end}'
    for reason in (
        "{reason=no pg_hba.conf entry} for {?replication connection from ?}",
        "{reason=pg_hba.conf rejects} {_what=connection for|replication connection for} ",
    )
    for end in (', database "{database}"{?, {_ssl*}?}', "{?, {_ssl}?}")
)

MYSQL = Table(
    programs=("mysqld", "mariadbd", "mysqld_safe", "mysql", "mariadb", "stamped", ""),
    patterns=(
        Pattern(f"{_STAMP}{_LEVEL}Access denied for user '{{user_name**}}'@'{{source_host}}' "
                "({_rest*})", _LOGIN),
        Pattern(f"{_STAMP}{_LEVEL}Access denied for user '{{user_name**}}'@'{{source_host}}' "
                "to database '{database*}'", _LOGIN),
        Pattern(f"{_STAMP}{_LEVEL}Access denied for user '{{user_name**}}'@'{{source_host}}'",
                _LOGIN),
        Pattern("{?  ?}{? ?}{?{_gap*} ?}{_thread} Connect{_space*}Access denied for user "
                "'{user_name**}'@'{source_host}' ({_rest*})", _LOGIN),
        says("{?{_gap*} ?}{_thread} Connect\t{user_name**}@{source_host} on {database*} using "
             "{method*}", action="login"),
        says(f"{_STAMP}{_LEVEL}Aborted connection {{connection}} to db: '{{database*}}' user: "
             "'{user_name**}' host: '{source_host}' ({reason*})", action="disconnect"),
        says(f"{_STAMP}{_LEVEL}IP address '{{source_host#}}' could not be resolved: {{reason*}}",
             action="connect"),
        says(f"{_STAMP}{_LEVEL}Host '{{source_host}}' is {{reason=blocked because of many "
             "connection errors|not allowed to connect to this MySQL server|not allowed to "
             "connect to this MariaDB server}{?; {_rest*}?}", action="deny"),
    ),
    samples=(
        Sample("5907 [Warning] Access denied for user 'root'@'203.0.113.9' (using password: YES)",
               {"level": "Warning", "user_name": "root", "source_host": "203.0.113.9",
                "action": "login", "outcome": "failure"}),
        Sample("12 [Note] [MY-010926] [Server] Access denied for user 'a'@'192.0.2.1' (x)'@"
               "'203.0.113.9' (using password: NO)",
               {"level": "Note", "code": "MY-010926", "user_name": "a'@'192.0.2.1' (x)",
                "source_host": "203.0.113.9", "action": "login", "outcome": "failure"}),
        Sample("33 [Warning] Aborted connection 33 to db: 'shop' user: 'web' host: 'localhost' "
               "(Got timeout reading communication packets)",
               {"level": "Warning", "connection": "33", "database": "shop", "user_name": "web",
                "source_host": "localhost", "action": "disconnect",
                "reason": "Got timeout reading communication packets"}),
    ),
)  # fmt: skip
POSTGRESQL = Table(
    programs=("postgres", "postgresql", "stamped", ""),
    patterns=(
        *(
            Pattern(f'{head}{{level=FATAL}}:  {_CODES}{{?{{method}} ?}}authentication failed for '
                    'user "{user_name**}"', _LOGIN)
            for head in (
                "{source_host#} {_before*} ", "{_zone}:{source_host#}({source_port}):{_before*}:",
                "[{_pid}] {source_host#} {_before*} ", "[{_pid}]: {_before*}client={source_host#} ",
                "{?{_before*} ?}", "{_before*}:",
            )
        ),
        *(
            Pattern(f'{{?{{_before*}} ?}}{{level=FATAL}}:  {_CODES}{reason}', _LOGIN)
            for reason in (
                *_HBA,
                'role "{user_name**}" {reason=does not exist|is not permitted to log in}',
                'password authentication failed for user "{user_name**}"',
            )
        ),
        says("{?{_before*} ?}{level=LOG}:  connection received: host={source_host} "
             "port={source_port}", action="connect"),
        says("{?{_before*} ?}{level=LOG}:  connection authorized: user={user_name**} "
             "database={database}{? {_rest*}?}", action="login", outcome="success"),
        says('{?{_before*} ?}{level=LOG}:  connection authenticated: identity="{identity**}" '
             "method={method} ({_rest*})", action="authenticate", outcome="success"),
        says("{?{_before*} ?}{level=LOG}:  disconnection: session time: {duration} "
             "user={user_name**} database={database} host={source_host}{? port={source_port}?}",
             action="disconnect"),
        says("{?{_before*} ?}{level=LOG}:  {?duration: {duration} ms  ?}statement: {statement*}",
             action="db_query"),
    ),
    samples=(
        Sample('UTC [147] 203.0.113.9 bob@shop FATAL:  password authentication failed for user '
               '"bob"',
               {"level": "FATAL", "method": "password", "user_name": "bob", "action": "login",
                "outcome": "failure"}),
        Sample('203.0.113.9 2024-03-12 11:17:28.425 UTC [53962] bob@shop FATAL:  password '
               'authentication failed for user "x FATAL:  role "y" does not exist"',
               {"level": "FATAL", "method": "password", "source_host": "203.0.113.9",
                "user_name": 'x FATAL:  role "y" does not exist', "action": "login",
                "outcome": "failure"}),
        Sample("LOG:  connection received: host=203.0.113.9 port=4711",
               {"level": "LOG", "source_host": "203.0.113.9", "source_port": 4711,
                "action": "connect"}),
        Sample('[88] FATAL:  no pg_hba.conf entry for host "203.0.113.9", user "bob", database '
               '"shop", SSL off',
               {"level": "FATAL", "source_host": "203.0.113.9", "user_name": "bob",
                "reason": "no pg_hba.conf entry", "database": "shop", "action": "login",
                "outcome": "failure"}),
    ),
)  # fmt: skip
MONGODB = Table(
    programs=("mongod", "mongos", "stamped", ""),
    patterns=tuple(
        says(f"{head}{text}", **sets)
        for head in ("{?{level=I|W|E|F|D} ?}{?{_part} {? ?}{? ?}?}[{context}] ", "")
        for text, sets in (
            ("end connection {source_host#}:{source_port} ({_count*})", {"action": "disconnect"}),
            ("connection accepted from {source_host#}:{source_port} #{_number} ({_count*})",
             {"action": "connect"}),
            ("SASL {method} authentication failed for {user_name**} on {database} from client "
             "{source_host#}:{source_port} {?; ?}{reason*}", _LOGIN),
            ("Failed to authenticate {user_name**} from client {source_host#}:{source_port} with "
             "mechanism {method}: {reason*}", _LOGIN),
            ("Failed to authenticate {user_name**} with mechanism {method}: {reason*}", _LOGIN),
            ("Successfully authenticated as principal {user_name**} on {database}"
             "{? from client {source_host#}:{source_port}?}",
             {"action": "login", "outcome": "success"}),
        )
    ),
    samples=(
        Sample("[conn1] end connection 203.0.113.9:53276 (0 connections now open)",
               {"context": "conn1", "source_host": "203.0.113.9", "source_port": 53276,
                "action": "disconnect"}),
        Sample("I ACCESS   [conn7] SASL SCRAM-SHA-1 authentication failed for bob on admin from "
               "client 203.0.113.9:53276 ; UserNotFound: Could not find user",
               {"level": "I", "context": "conn7", "method": "SCRAM-SHA-1", "user_name": "bob",
                "database": "admin", "source_host": "203.0.113.9", "source_port": 53276,
                "reason": "UserNotFound: Could not find user", "action": "login",
                "outcome": "failure"}),
    ),
)  # fmt: skip
OTHERS = Table(
    programs=("redis", "redis-server", "mssql", "sqlservr", "couchdb", "stamped"),
    patterns=(
        Pattern("Logon{_gap*}Login failed for user '{user_name**}'. {?Reason: {reason*} ?}"
                "[CLIENT: {source_host}]", _LOGIN),
        says("Accepted {source_host#}:{source_port}", action="connect"),
        says("Client closed connection{? {_rest*}?}", action="disconnect"),
        says("Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: "
             "commands to Redis.{_rest*}", action="probe"),
        says("{node}@{_host} <{_process}> {_request} {server} {source_host#} {user_name} {method} "
             "{path} {status} {result} {_ms}", action="request"),
    ),
    samples=(
        Sample("Logon       Login failed for user 'O'Leary'. Reason: Could not find a login "
               "matching the name provided. [CLIENT: 203.0.113.9]",
               {"user_name": "O'Leary", "source_host": "203.0.113.9", "action": "login",
                "outcome": "failure",
                "reason": "Could not find a login matching the name provided."}),
    ),
)  # fmt: skip
