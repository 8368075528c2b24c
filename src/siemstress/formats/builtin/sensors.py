"""Sensors' JSON: Suricata, Zeek, Falco, osquery, Wazuh."""

from siemstress.formats.base import Sample
from siemstress.formats.documents import Document, document
from siemstress.formats.sayings import YES, alike

EVE = document(
    "eve",
    Document(
        keys=("timestamp event_type flow_id", "timestamp event_type src_ip",
              "timestamp event_type stats.", "timestamp event_type engine."),
        says={
            "action": (
                ("alert.action", {"blocked": "deny", "allowed": "alert"}),
                ("dns.type", {"query": "dns_query", "request": "dns_query",
                              "answer": "dns_answer", "response": "dns_answer"}),
                ("event_type", {"alert": "alert", "drop": "deny", "flow": "flow",
                                "netflow": "flow", "http": "request", "tls": "tls",
                                "dns": "dns_query", "ssh": "connect", "rdp": "connect",
                                "krb5": "authenticate", "stats": "status", "engine": "status"}),
            ),
            "severity": (
                ("alert.severity", {"1": "2", "2": "4", "3": "5", "4": "6", "255": "6"}),
                ("log_level", {"error": "3", "warning": "4", "notice": "5", "info": "6"}),
            ),
        },
        columns={"message": ("engine.message",), "dest_host": ("dest_ip",)},
    ),
    (
        Sample(
            '{"timestamp":"2017-08-23T06:15:38.123456+0000","flow_id":12,"in_iface":"eth0",'
            '"event_type":"alert","src_ip":"192.0.2.7","src_port":4022,"dest_ip":"198.51.100.1",'
            '"dest_port":22,"proto":"TCP","alert":{"action":"allowed","gid":1,"signature_id":'
            '2001219,"rev":20,"signature":"ET SCAN Potential SSH Scan","category":"Attempted '
            'Information Leak","severity":2}}',
            {"time": "2017-08-23T06:15:38.123456", "source_host": "192.0.2.7",
             "source_port": 4022, "dest_host": "198.51.100.1", "dest_port": 22,
             "protocol": "tcp", "action": "alert", "severity": 4,
             "fields.alert.signature": "ET SCAN Potential SSH Scan",
             "fields.alert.category": "Attempted Information Leak", "fields.alert.severity": "2",
             "fields.alert.action": "allowed", "fields.event_type": "alert"},
        ),
        Sample(
            '{"timestamp":"2017-08-23T06:15:38.123456+0000","flow_id":13,"event_type":"dns",'
            '"src_ip":"2001:db8::7","src_port":5353,"dest_ip":"2001:db8::1","dest_port":53,'
            '"proto":"UDP","dns":{"type":"answer","id":7,"rrname":"www.example.com",'
            '"rrtype":"A","rcode":"NOERROR"}}',
            {"source_host": "2001:db8::7", "protocol": "udp", "action": "dns_answer",
             "fields.dns.rrname": "www.example.com", "fields.dns.rcode": "NOERROR"},
        ),
        Sample(
            'Aug 23 06:15:38 ids1 suricata[812]: {"timestamp":"2017-08-23T06:15:37.5+0000",'
            '"flow_id":14,"event_type":"alert","src_ip":"192.0.2.8","proto":"ICMP","alert":'
            '{"action":"blocked","signature":"ICMP tunnel","severity":1}}',
            {"time": "2017-08-23T06:15:37.500", "host": "ids1", "process": "suricata",
             "pid": 812, "action": "deny", "severity": 2, "source_host": "192.0.2.8",
             "protocol": "icmp", "fields.alert.signature": "ICMP tunnel"},
        ),
    ),
    about="Suricata's EVE: alerts, flows, and what it sees of protocols.",
)  # fmt: skip
ZEEK = document(
    "zeekjson",
    Document(
        keys=("ts uid id.orig_h id.resp_h", "ts id.orig_h id.resp_h proto", "_path ts",
              "ts fuid source analyzers", "ts note msg"),
        columns={
            "host": ("_system_name", "_node_name"),
            "user_name": ("user", "username"),
            # The host of a request, and what people say of themselves.
            "": ("host", "version", "service", "method", "client", "server", "status", "action",
                 "date", "text"),
        },
        says={
            "action": (
                ("_path", {"conn": "flow", "dns": "dns_query", "http": "request", "ssl": "tls",
                           "notice": "alert", "rdp": "connect", "dhcp": "dhcp_lease",
                           "kerberos": "authenticate", "ntlm": "login"}),
                ("auth_success", {"*": "login"}),
                ("auth_attempts", {"*": "connect"}),
                ("conn_state", {"*": "flow"}),
                ("qtype_name", {"*": "dns_query"}),
                ("trans_id", {"*": "dns_query"}),
                ("status_code", {"*": "request"}),
                ("note", {"*": "alert"}),
                ("server_name", {"*": "tls"}),
            ),
            "outcome": (("auth_success", {"true": "success", "false": "failure",
                                          "t": "success", "f": "failure"}),
                        ("success", YES)),
        },
    ),
    (
        Sample(
            '{"ts":1503468938.5,"uid":"CAbc1","id.orig_h":"192.0.2.7","id.orig_p":4022,'
            '"id.resp_h":"198.51.100.1","id.resp_p":80,"trans_depth":1,"method":"GET","host":'
            '"www.example.com","uri":"/a","status_code":200}',
            {"time": "2017-08-23T06:15:38.500", "host": None, "source_host": "192.0.2.7",
             "source_port": 4022, "dest_host": "198.51.100.1", "dest_port": 80,
             "action": "request", "fields.host": "www.example.com", "fields.uri": "/a"},
        ),
        Sample(
            '{"_path":"ssh","ts":"2017-08-23T06:15:38.5Z","uid":"CAbc2","id.orig_h":'
            '"192.0.2.7","id.orig_p":4022,"id.resp_h":"198.51.100.1","id.resp_p":22,'
            '"auth_success":false,"auth_attempts":3,"client":"SSH-2.0-x"}',
            {"action": "login", "outcome": "failure", "source_host": "192.0.2.7",
             "fields._path": "ssh", "fields.client": "SSH-2.0-x"},
        ),
    ),
    aliases=("zeek_json",),
    about="Zeek's logs as JSON (`LogAscii::use_json`), one or all of them in a file.",
)  # fmt: skip
FALCO = document(
    "falco",
    Document(
        keys=("output priority rule time",),
        columns={
            "message": ("output",),
            "user_name": ("output_fields.user.name",),
            "process": ("output_fields.proc.name",),
            "pid": ("output_fields.proc.pid",),
        },
        says={"action": (("rule", {"*": "alert"}),)},
    ),
    (
        Sample(
            '{"hostname":"node1","output":"06:15:38: Warning Shell spawned","priority":"Warning",'
            '"rule":"Terminal shell in container","source":"syscall","tags":["shell"],"time":'
            '"2017-08-23T06:15:38.123456789Z","output_fields":{"proc.name":"bash","proc.pid":77,'
            '"user.name":"root","container.id":"abc"}}',
            {"time": "2017-08-23T06:15:38.123456", "host": "node1", "process": "bash", "pid": 77,
             "user_name": "root", "severity": 4, "action": "alert",
             "message": "06:15:38: Warning Shell spawned",
             "fields.rule": "Terminal shell in container"},
        ),
    ),
    about="Falco's alerts.",
)  # fmt: skip
OSQUERY = document(
    "osquery",
    Document(
        keys=("name hostIdentifier unixTime columns.", "name hostIdentifier unixTime snapshot"),
        columns={"time": ("unixtime",), "host": ("hostidentifier",), "": ("name",)},
        says={"action": ()},
    ),
    (
        Sample(
            '{"name":"pack_incident_logged_in","hostIdentifier":"ws1","calendarTime":"Wed Aug 23 '
            '06:15:38 2017 UTC","unixTime":1503468938,"epoch":0,"columns":{"user":"alice","tty":'
            '"pts/0"},"action":"added"}',
            {"time": "2017-08-23T06:15:38", "host": "ws1", "action": None,
             "fields.action": "added", "fields.columns.user": "alice"},
        ),
    ),
    about="What queries of osquery found, as differences and as snapshots.",
)  # fmt: skip
_GROUPS = (
    r'"(authentication_failed|authentication_failures|invalid_login|authentication_success|adduser|'
    r"account_changed|firewall_drop|firewall_block|attack|attacks|web_scan|syscheck_entry_added|"
    r'syscheck_entry_modified|syscheck_entry_deleted|vulnerability-detector|rootcheck)"'
)
WAZUH = document(
    "wazuh",
    Document(
        keys=("timestamp rule. agent. manager.", "timestamp rule. agent. decoder."),
        columns={
            "host": ("predecoder.hostname", "agent.name"),
            "process": ("predecoder.program_name",),
            "source_host": ("data.srcip", "data.src_ip"),
            "source_port": ("data.srcport",),
            "dest_host": ("data.dstip",),
            "dest_port": ("data.dstport",),
            "user_name": ("data.dstuser", "data.srcuser"),
            "protocol": ("data.protocol",),
            "message": ("full_log",),
            "": ("location",),
        },
        says={
            "action": (
                ("rule.groups", {
                    "authentication_failed": "login", "authentication_failures": "login",
                    "invalid_login": "login", "authentication_success": "login",
                    "adduser": "account_create", "account_changed": "account_change",
                    "firewall_drop": "deny", "firewall_block": "deny",
                    "syscheck_entry_added": "file_create",
                    "syscheck_entry_modified": "file_change",
                    "syscheck_entry_deleted": "file_delete",
                    "vulnerability-detector": "vulnerability", "*": "alert",
                }, _GROUPS),
            ),
            "outcome": (
                ("rule.groups", {"authentication_failed": "failure", "invalid_login": "failure",
                                 "authentication_failures": "failure",
                                 "authentication_success": "success"}, _GROUPS),
            ),
            "severity": (
                ("rule.level", {
                    **alike("0 1 2 3", "6"), **alike("4 5 6", "5"),
                    **alike("7 8 9 10 11", "4"), **alike("12 13 14", "2"), **alike("15 16", "1"),
                }),
            ),
        },
    ),
    (
        Sample(
            '{"timestamp":"2017-08-23T06:15:38.123+0000","rule":{"level":5,"description":"sshd: '
            'Attempt to login using a non-existent user","id":"5710","groups":["syslog","sshd",'
            '"authentication_failed","invalid_login"]},"agent":{"id":"001","name":"web1"},'
            '"manager":{"name":"w"},"full_log":"Invalid user x from 192.0.2.7","predecoder":'
            '{"program_name":"sshd","hostname":"web1"},"decoder":{"name":"sshd"},"data":{"srcip":'
            '"192.0.2.7","srcuser":"x"},"location":"/var/log/auth.log"}',
            {"time": "2017-08-23T06:15:38.123", "host": "web1", "process": "sshd",
             "source_host": "192.0.2.7", "user_name": "x", "severity": 5, "action": "login",
             "outcome": "failure", "fields.rule.id": "5710"},
        ),
    ),
    about="Wazuh's alerts.json; those of Windows events are `windowsjson`.",
)  # fmt: skip
