"""JSON of services: Teleport, Vault, MongoDB, Caddy, Traefik, Nextcloud."""

from siemstress.formats.base import Sample
from siemstress.formats.documents import Document, document
from siemstress.formats.sayings import ADDRESS, PORT, VERBS, YES, alike

TELEPORT = document(
    "teleport",
    Document(
        keys=("event code uid time",),
        columns={"time": ("time",), "user_name": ("user",), "": ("message", "event")},
        parts={"source_host": (("addr.remote", ADDRESS),), "source_port": (("addr.remote", PORT),)},
        says={
            "action": (
                ("event", {
                    "user.login": "login", **alike("session.start session.join", "session_start"),
                    **alike("session.end session.leave", "session_end"),
                    "exec": "run_command", "cert.create": "credential_create",
                    "user.create": "account_create", "user.delete": "account_delete",
                    "user.update": "account_change", "user.password_change": "password_change",
                    "db.session.query": "db_query", "auth": "login", "role.*": "permission_change",
                    "lock.created": "account_lock", "scp": "file_access", "*": "api_call",
                }),
            ),
            "outcome": (("success", YES), ("event", {"auth": "failure"})),
        },
    ),
    (
        Sample(
            '{"ei":0,"event":"user.login","uid":"u1","code":"T1000W","time":'
            '"2017-08-23T06:15:38.5Z","cluster_name":"c","user":"bob","success":false,"error":'
            '"invalid credentials","method":"local","addr.remote":"192.0.2.7:50122"}',
            {"time": "2017-08-23T06:15:38.500", "user_name": "bob", "source_host": "192.0.2.7",
             "source_port": 50122, "action": "login", "outcome": "failure"},
        ),
    ),
    about="Teleport's audit events.",
)  # fmt: skip
VAULT = document(
    "vault",
    Document(
        keys=("type time request. auth.", "type time request.id request.operation"),
        columns={
            "time": ("time",),
            "user_name": ("auth.display_name",),
            "source_host": ("request.remote_address",),
            "source_port": ("request.remote_port",),
        },
        says={
            "action": (
                ("request.path", {"*": "login"}, r"^(auth/[^/]+/login)(?:/|$)"),
                ("request.path", {"*": "credential_create"}, r"^(auth/token/create)"),
                ("request.operation", {"read": "resource_access", **VERBS}),
            ),
            "outcome": (("error", {"*": "failure"}), ("type", {"response": "success"})),
        },
    ),
    (
        Sample(
            '{"time":"2017-08-23T06:15:38.5Z","type":"response","auth":{"display_name":'
            '"userpass-bob"},"request":{"id":"r1","operation":"update","path":'
            '"auth/userpass/login/bob","remote_address":"192.0.2.7","remote_port":50122},'
            '"error":"permission denied"}',
            {"time": "2017-08-23T06:15:38.500", "user_name": "userpass-bob",
             "source_host": "192.0.2.7", "source_port": 50122, "action": "login",
             "outcome": "failure", "fields.request.path": "auth/userpass/login/bob"},
        ),
    ),
    about="HashiCorp Vault's audit log.",
)  # fmt: skip
MONGODB = document(
    "mongodb",
    Document(
        keys=("t.$date s c ctx msg",),
        columns={
            "time": ("t.$date",),
            "message": ("msg",),
            "user_name": ("attr.principalname", "attr.user"),
            "": ("id", "c", "s"),
        },
        parts={
            "source_host": (("attr.remote", ADDRESS), ("attr.client", ADDRESS)),
            "source_port": (("attr.remote", PORT), ("attr.client", PORT)),
        },
        says={
            "action": (("id", {**alike("20249 5286307 20250 5286306", "login"),
                               "22943": "connect", "22944": "disconnect",
                               "23016": "start", "20565": "stop"}),),
            "outcome": (("id", {**alike("20249 5286307", "failure"),
                                **alike("20250 5286306", "success")}),),
            "severity": (("s", {"f": "2", "e": "3", "w": "4", "i": "6", "d*": "7"}),),
        },
    ),
    (
        Sample(
            '{"t":{"$date":"2017-08-23T06:15:38.500+00:00"},"s":"I","c":"ACCESS","id":20249,'
            '"ctx":"conn7","msg":"Authentication failed","attr":{"mechanism":"SCRAM-SHA-256",'
            '"principalName":"bob","authenticationDatabase":"admin","client":"192.0.2.7:50122",'
            '"result":"AuthenticationFailed"}}',
            {"time": "2017-08-23T06:15:38.500", "severity": 6, "user_name": "bob",
             "source_host": "192.0.2.7", "source_port": 50122, "action": "login",
             "outcome": "failure", "message": "Authentication failed", "fields.c": "ACCESS"},
        ),
    ),
    about="MongoDB's log, of version 4.4 and later.",
)  # fmt: skip
CADDY = document(
    "caddy",
    Document(
        keys=("ts level logger msg request. status", "ts level logger request. status"),
        columns={
            "time": ("ts",),
            "source_host": ("request.client_ip", "request.remote_ip"),
            "source_port": ("request.remote_port",),
            "": ("host",),
        },
        says={"action": (("status", {"*": "request"}),)},
    ),
    (
        Sample(
            '{"level":"info","ts":1503468938.5,"logger":"http.log.access","msg":"handled '
            'request","request":{"remote_ip":"192.0.2.7","remote_port":"50122","proto":'
            '"HTTP/2.0","method":"GET","host":"www.example.com","uri":"/a"},"user_id":"bob",'
            '"status":404}',
            {"time": "2017-08-23T06:15:38.500", "source_host": "192.0.2.7",
             "source_port": 50122, "user_name": "bob", "action": "request", "severity": 6,
             "host": None, "fields.request.uri": "/a", "fields.status": "404"},
        ),
    ),
    about="Caddy's access log.",
)  # fmt: skip
TRAEFIK = document(
    "traefik",
    Document(
        keys=("ClientHost RequestMethod DownstreamStatus",
              "ClientAddr RequestMethod DownstreamStatus"),
        columns={
            "time": ("starttimeutc", "startutc", "time"),
            "source_host": ("clienthost",),
            "source_port": ("clientport",),
            "user_name": ("clientusername",),
        },
        says={"action": (("RequestMethod", {"*": "request"}),)},
    ),
    (
        Sample(
            '{"ClientAddr":"192.0.2.7:50122","ClientHost":"192.0.2.7","ClientPort":"50122",'
            '"ClientUsername":"-","DownstreamStatus":200,"RequestMethod":"GET","RequestPath":'
            '"/a","StartUTC":"2017-08-23T06:15:38.5Z","level":"info","msg":"","time":'
            '"2017-08-23T06:15:39Z"}',
            {"time": "2017-08-23T06:15:38.500", "source_host": "192.0.2.7",
             "source_port": 50122, "user_name": None, "action": "request",
             "fields.RequestPath": "/a"},
        ),
    ),
    about="Traefik's access log.",
)  # fmt: skip
NEXTCLOUD = document(
    "nextcloud",
    Document(
        keys=("reqId level time remoteAddr app message",),
        columns={"time": ("time",), "source_host": ("remoteaddr",), "": ("level", "user")},
        parts={
            # The address stands last: whoever chooses the name has no say in it.
            "user_name": (("message", r"^Login failed: '?(.+?)'? \(Remote IP: [0-9a-fA-F.:]+\)$"),
                          ("user", r"^([^-].*)$")),
        },
        says={
            "action": (("message", {"login failed": "login", "trusted domain error.": "deny",
                                    "bruteforce": "probe", "login successful": "login",
                                    "logout occurred": "logout"},
                        r"^(Login failed|Trusted domain error\.|Bruteforce|Login successful|"
                        r"Logout occurred)"),),
            "outcome": (("message", {"login failed": "failure", "login successful": "success"},
                         r"^(Login failed|Login successful)"),),
            "severity": (("level", {"0": "7", "1": "6", "2": "4", "3": "3", "4": "2"}),),
        },
    ),
    (
        Sample(
            '{"reqId":"r1","level":2,"time":"2017-08-23T06:15:38+00:00","remoteAddr":"192.0.2.7",'
            '"user":"--","app":"core","method":"POST","url":"/login","message":"Login failed: '
            'bob (Remote IP: 192.0.2.7)","userAgent":"x","version":"23.0.0.10"}',
            {"time": "2017-08-23T06:15:38", "source_host": "192.0.2.7", "user_name": "bob",
             "action": "login", "outcome": "failure", "severity": 4, "fields.app": "core"},
        ),
    ),
    about="Nextcloud's log.",
)  # fmt: skip
