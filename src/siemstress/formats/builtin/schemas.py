"""JSON by common schemas: GELF, the Elastic Common Schema, OCSF."""

from siemstress.formats.base import Sample
from siemstress.formats.documents import Document, document


def _bare(name: str) -> str:
    return name[1:] if name.startswith("_") and len(name) > 1 else name


GELF = document(
    "gelf",
    Document(keys=("version host short_message",), rename=_bare,
             columns={"message": ("short_message",), "": ("version",)}),
    (
        Sample(
            '{"version":"1.1","host":"app1","short_message":"Payment failed","full_message":'
            '"Payment failed\\nat x","timestamp":1503468938.5,"level":3,"_user_id":"42",'
            '"_request":"r1"}',
            {"time": "2017-08-23T06:15:38.500", "host": "app1", "severity": 3,
             "message": "Payment failed", "user_name": "42", "fields.request": "r1"},
        ),
    ),
    about="Graylog's GELF; names lose the underscore in front.",
)  # fmt: skip
ECS = document(
    "ecs",
    Document(
        keys=("ecs.version", "@timestamp event.kind", "@timestamp event.category",
              "@timestamp event.dataset", "@timestamp event.module", "@timestamp event.action"),
        lists=True,
        columns={"process": ("process.name", "log.syslog.appname")},
    ),
    (
        Sample(
            '{"@timestamp":"2017-08-23T06:15:38.5Z","ecs":{"version":"8.11.0"},"event":'
            '{"category":["authentication"],"type":["start"],"action":"ssh_login","outcome":'
            '"failure"},"host":{"name":"web1","ip":["192.0.2.1","2001:db8::1"]},"user":{"name":'
            '"bob"},"source":{"ip":"192.0.2.7","port":4022},"process":{"name":"sshd","pid":12},'
            '"message":"hi"}',
            {"time": "2017-08-23T06:15:38.500", "host": "web1", "user_name": "bob",
             "source_host": "192.0.2.7", "source_port": 4022, "process": "sshd", "pid": 12,
             "action": "ssh_login", "outcome": "failure", "message": "hi",
             "fields.event.category": "authentication",
             "fields.host.ip": '["192.0.2.1","2001:db8::1"]'},
        ),
    ),
    rank=13,
    about="Documents of the Elastic Common Schema, of Beats, Agents and others.",
)  # fmt: skip
_CLASSES = {
    "300201": "login", "300202": "logout", "3002*": "authenticate", "300101": "account_create",
    "300102": "account_unlock", "300103": "password_change", "300104": "password_change",
    "300105": "account_lock", "300106": "account_delete", "300107": "permission_change",
    "300108": "permission_change", "300109": "account_lock", "3001*": "account_change",
    "3003*": "privilege_use", "300401": "resource_create", "300402": "resource_access",
    "300403": "resource_change", "300404": "resource_delete", "3005*": "permission_change",
    "300601": "permission_change", "3006*": "group_change", "100101": "file_create",
    "100102": "file_access", "100104": "file_delete", "1001*": "file_change",
    "100201": "driver_load", "100202": "driver_unload", "1005*": "module_load",
    "100601": "job_create", "100602": "job_change", "100603": "job_delete", "1006*": "job_change",
    "100701": "process_start", "100702": "process_end", "100703": "process_access",
    "100704": "process_inject", "2002*": "vulnerability", "2001*": "alert", "2003*": "alert",
    "2004*": "alert", "2005*": "alert", "4002*": "request", "4003*": "dns_query",
    "4005*": "connect", "4007*": "connect", "600301": "resource_create",
    "600302": "resource_access", "600303": "resource_change", "600304": "resource_delete",
    "6003*": "api_call",
}  # fmt: skip
OCSF = document(
    "ocsf",
    Document(
        keys=("class_uid activity_id", "class_uid type_uid", "class_uid category_uid metadata."),
        lists=True,
        columns={
            "time": ("time", "time_dt"),
            "host": ("device.hostname", "device.name"),
            "source_host": ("src_endpoint.ip",),
            "source_port": ("src_endpoint.port",),
            "dest_host": ("dst_endpoint.ip",),
            "dest_port": ("dst_endpoint.port",),
            "protocol": ("connection_info.protocol_name",),
            "user_name": ("actor.user.name", "user.name"),
            "process": ("process.name", "actor.process.name"),
            "pid": ("process.pid", "actor.process.pid"),
            "": ("severity", "status"),
        },
        says={
            "action": (
                ("type_uid", _CLASSES),
                ("action_id", {"1": "allow", "2": "deny"}),
                ("type_uid", {"400101": "connect", "400102": "disconnect", "400103": "disconnect",
                              "400105": "deny", "4001*": "flow"}),
            ),
            "outcome": (("status_id", {"1": "success", "2": "failure"}),),
            "severity": (("severity_id", {"1": "6", "2": "5", "3": "4", "4": "3", "5": "2",
                                          "6": "1"}),),
        },
    ),
    (
        Sample(
            '{"class_uid":3002,"category_uid":3,"activity_id":1,"type_uid":300201,"severity_id":4,'
            '"severity":"High","status_id":2,"status":"Failure","time":1503468938500,"message":'
            '"Login failed","actor":{"user":{"name":"bob"}},"src_endpoint":{"ip":"192.0.2.7",'
            '"port":4022},"dst_endpoint":{"ip":"198.51.100.1","port":443},"device":{"hostname":'
            '"vpn1"},"metadata":{"version":"1.1.0"}}',
            {"time": "2017-08-23T06:15:38.500", "host": "vpn1", "user_name": "bob",
             "source_host": "192.0.2.7", "source_port": 4022, "dest_host": "198.51.100.1",
             "dest_port": 443, "action": "login", "outcome": "failure", "severity": 3,
             "message": "Login failed", "fields.class_uid": "3002"},
        ),
    ),
    about="Documents of the Open Cybersecurity Schema Framework.",
)  # fmt: skip
