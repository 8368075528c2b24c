"""Cisco ASA, FTD and PIX (Cisco Secure Firewall ASA Series Syslog Messages)."""

from __future__ import annotations

from siemstress.fields.tables import Sample, Table, says

_FROM = "{src_interface}:{source_host}/{source_port}"
_TO = "{dst_interface}:{dest_host}/{dest_port}"
_GROUP = "Group <{group**}> User <{user_name**}> IP <{source_host#}>"

TABLE = Table(
    programs=("ciscoasa",),
    patterns=(
        # 106001, 106006, 106007, 106010, 106014, 106015, 106021, 106023, 106100
        says("{direction=Inbound|Outbound} {protocol=TCP} connection denied from {source_host#}/"
             "{source_port+} to {dest_host#}/{dest_port+} flags {flags*} on interface {interface*}",
             action="deny"),
        says("Deny {direction=inbound|outbound} {protocol=UDP} from {source_host#}/{source_port+} "
             "to {dest_host#}/{dest_port+} {?on interface {interface*}?}"
             "{?due to DNS {reason=Query|Response}?}", action="deny"),
        says("Deny {direction=inbound|outbound} {?protocol ?}{protocol} src {src_interface}:"
             "{source_host#}{?/{source_port+}?} dst {dst_interface}:{dest_host#}{?/{dest_port+}?}"
             "{? (type {icmp_type+}, code {icmp_code+})?}", action="deny"),
        says("Deny {protocol=TCP} (no connection) from {source_host#}/{source_port+} to "
             "{dest_host#}/{dest_port+} flags {flags*} on interface {interface*}", action="deny"),
        says("Deny {protocol} reverse path check from {source_host#} to {dest_host#} on interface "
             "{interface*}", action="deny"),
        says("Deny {?protocol ?}{protocol} src {src_interface}:{source_host#}{?/{source_port+}?}"
             "{?({_src_user*})?} dst {dst_interface}:{dest_host#}{?/{dest_port+}?}"
             "{?({_dst_user*})?}{? (type {icmp_type+}, code {icmp_code+})?} by access-group "
             "\"{rule}\"{? {_hash*}?}",
             action="deny"),
        says("Deny IP spoof from ({source_host#}) to {dest_host#} on interface {interface*}",
             action="deny"),
        says("access-list {rule} {verdict=denied|est-allowed} {protocol} {src_interface}/"
             "{source_host#}({source_port+}){?({_src_user*})?} {_arrow}{? ?}{dst_interface}/"
             "{dest_host#}({dest_port+}){?({_dst_user*})?} hit-cnt {hits+} {_rest*}",
             action="deny"),
        says("access-list {rule} {verdict=permitted} {protocol} {src_interface}/"
             "{source_host#}({source_port+}){?({_src_user*})?} {_arrow}{? ?}{dst_interface}/"
             "{dest_host#}({dest_port+}){?({_dst_user*})?} hit-cnt {hits+} {_rest*}",
             action="allow"),
        # 302013 to 302016, 302020, 302021. Of outbound ones what is outside stands first.
        *(
            says(f"Built {direction} {protocol} connection {{connection}} for {first} ({{_}}) to "
                 f"{second} ({{_}})", action="connect", direction=direction,
                 protocol=protocol.lower())
            for direction, first, second in (("inbound", _FROM, _TO), ("outbound", _TO, _FROM))
            for protocol in ("TCP", "UDP")
        ),
        *(
            says(f"Teardown {protocol} connection {{connection}} for {{_}}:{{remote_host}}/"
                 "{remote_port} to {_}:{local_host}/{local_port} duration {duration} bytes "
                 f"{{bytes}}{reason}", action="disconnect", protocol=protocol.lower())
            for protocol in ("TCP", "UDP")
            for reason in ("", " {reason*}")
        ),
        *(
            says(f"Deny {protocol} src {_FROM} dst {_TO} by access-group \"{{rule}}\" {{_*}}",
                 action="deny", protocol=protocol)
            for protocol in ("tcp", "udp")
        ),
        *(
            says(f"access-list {{rule}} {verdict} {{protocol}} {{src_interface}}/{{source_host}}"
                 "({source_port}) -> {dst_interface}/{dest_host}({dest_port}) hit-cnt {hits} {_*}",
                 action=action, verdict=verdict)
            for verdict, action in (("denied", "deny"), ("permitted", "allow"))
        ),
        *(
            says(f"{what} dynamic {protocol} translation from {_FROM} to {{_}}:{{nat_host}}/"
                 f"{{nat_port}}{rest}", action="nat", protocol=protocol.lower())
            for what, rest in (("Built", ""), ("Teardown", " duration {duration}"))
            for protocol in ("TCP", "UDP", "ICMP")
        ),
        says("Built {direction=inbound} {protocol=TCP|UDP} connection {connection} for "
             f"{_FROM} ({{_}})({{_}}) to {_TO} ({{_}}){{? ({{_user*}})?}}", action="connect"),
        # For outbound ones the address on the outside stands first.
        says("Built {direction=outbound} {protocol=TCP|UDP} connection {connection} for "
             "{dst_interface}:{dest_host}/{dest_port} ({_})"
             "{?({_})?} to {src_interface}:{source_host}/{source_port} ({_}){?({_})?}"
             "{? ({_user*})?}", action="connect"),
        says("Teardown {protocol=TCP|UDP} connection {connection} for {_side}:{remote_host}/"
             "{remote_port}{?({_})?} to {_side}:{local_host}/{local_port}{?({_})?} duration "
             "{duration} bytes {bytes+}{? {reason*}?}", action="disconnect"),
        says("Built {direction=inbound} {protocol=ICMP} connection for faddr {source_host#}/{_id}"
             "{?({_})?} gaddr {_}/{_id} laddr {dest_host#}/{_id}{?({_})?}{? {_rest*}?}",
             action="connect"),
        says("Built {direction=outbound} {protocol=ICMP} connection for faddr {dest_host#}/{_id}"
             "{?({_})?} gaddr {_}/{_id} laddr {source_host#}/{_id}{?({_})?}{? {_rest*}?}",
             action="connect"),
        says("Teardown {protocol=ICMP} connection for faddr {remote_host#}/{_id}{?({_})?} gaddr "
             "{_}/{_id} laddr {local_host#}/{_id}{?({_})?}{? {_rest*}?}", action="disconnect"),
        # 304001, 304002
        says("{source_host#}{?({_user*})?} Accessed URL {dest_host#}:{url*}", action="request"),
        says("Access denied URL {url*} SRC {source_host#} DEST {dest_host#} on interface "
             "{interface}", action="deny"),
        # 305011, 305012, 305005, 305006
        says("Built {_kind=dynamic|static} {protocol} translation from {src_interface}:"
             "{source_host}/{source_port} to {_}:{nat_host}/{nat_port}", action="nat"),
        says("Teardown {_kind=dynamic|static} {protocol} translation from {src_interface}:"
             "{source_host}/{source_port} to {_}:{nat_host}/{nat_port} duration {duration}",
             action="nat"),
        says("No translation group found for {protocol} src {src_interface}:{source_host#}/"
             "{source_port+} dst {dst_interface}:{dest_host#}/{dest_port+}{? {_rest*}?}",
             action="deny"),
        # 313001, 313004, 313005
        says("Denied ICMP type={icmp_type+}, code={icmp_code+} from {source_host#} on interface "
             "{interface}", action="deny", protocol="icmp"),
        says("Denied ICMP type={icmp_type+}, from laddr {source_host#} on interface {interface} to "
             "{dest_host#}: {reason*}", action="deny", protocol="icmp"),
        says("No matching connection for ICMP error message: icmp src {src_interface}:"
             "{source_host#} dst {dst_interface}:{dest_host#} (type {icmp_type+}, code "
             "{icmp_code+}) on {interface} interface.{? {_rest*}?}", action="deny",
             protocol="icmp"),
        # 338001 to 338008: the botnet traffic filter
        says("Dynamic {_}ilter {verdict=dropped} {list_kind=blacklisted|greylisted} {protocol} "
             "traffic from {src_interface}:{source_host#}/{source_port+} ({_}) to {dst_interface}:"
             "{dest_host#}/{dest_port+} ({_}){?,?} {_rest*}", action="deny"),
        says("Dynamic {_}ilter {verdict=monitored|permitted} {list_kind=blacklisted|whitelisted|"
             "greylisted} {protocol} traffic from {src_interface}:{source_host#}/{source_port+} "
             "({_}) to {dst_interface}:{dest_host#}/{dest_port+} ({_}){?,?} {_rest*}",
             action="alert"),
        # 605004, 605005, 611101, 611102, 611103, 113004 to 113015, 308001
        says("Login denied from {source_host#}/{source_port+} to {interface}:{dest_host#}/"
             "{service} for user \"{user_name**}\"", action="login", outcome="failure"),
        says("Login permitted from {source_host#}/{source_port+} to {interface}:{dest_host#}/"
             "{service} for user \"{user_name**}\"", action="login", outcome="success"),
        says("User authentication succeeded: {?IP address: {source_host#}, ?}Uname: {user_name**}",
             action="login", outcome="success"),
        says("User authentication failed: {?IP address: {source_host#}, ?}Uname: {user_name**}",
             action="login", outcome="failure"),
        says("User logged out: Uname: {user_name**}", action="logout"),
        says("AAA user authentication Successful : server = {_server} : user = {user_name**}",
             action="login", outcome="success"),
        says("AAA user authentication Rejected : reason = {reason*} : server = {_server} : user = "
             "{user_name**} : user IP = {source_host#}", action="login", outcome="failure"),
        says("AAA user authentication Rejected : reason = {reason*} : server = {_server} : user = "
             "{user_name**}", action="login", outcome="failure"),
        says("AAA user authentication Rejected : reason = {reason*} : local database : user = "
             "{user_name**} : user IP = {source_host#}", action="login", outcome="failure"),
        says("AAA user authentication Rejected : reason = {reason*} : local database : user = "
             "{user_name**}", action="login", outcome="failure"),
        says("User {user_name**} locked out on exceeding {_count} successive failed authentication "
             "attempts", action="account_lock"),
        # 722022, 722023, 722033, 722051, 722055, 716001, 716002, 716039, 113019, 113039
        says(f"{_GROUP} {{_kind=TCP|UDP}} SVC connection established {{_rest*}}",
             action="vpn_connect", outcome="success"),
        says(f"{_GROUP} {{_kind=TCP|UDP}} SVC connection terminated {{_rest*}}",
             action="vpn_disconnect"),
        says(f"{_GROUP} First {{_kind=TCP|UDP}} SVC connection established for SVC session.",
             action="vpn_connect", outcome="success"),
        says(f"{_GROUP} IPv4 Address <{{assigned_host}}> IPv6 address <{{_}}> assigned to session",
             action="vpn_connect", outcome="success"),
        says(f"{_GROUP} Client Type: {{user_agent*}}", action="status"),
        says(f"{_GROUP} WebVPN session started.", action="vpn_connect", outcome="success"),
        says(f"{_GROUP} WebVPN session terminated: {{reason*}}.", action="vpn_disconnect"),
        says(f"{_GROUP} Authentication: rejected, Session Type: {{session_type*}}.",
             action="login", outcome="failure"),
        says(f"{_GROUP} Authentication: successful, Session Type: {{session_type*}}.",
             action="login", outcome="success"),
        says(f"{_GROUP} AnyConnect parent session started.", action="vpn_connect",
             outcome="success"),
        says("Group = {group**}, Username = {user_name**}, IP = {source_host#}, Session "
             "disconnected. Session Type: {session_type*}, Duration: {duration*}, Bytes xmt: "
             "{bytes_sent+}, Bytes rcv: {bytes_received+}, Reason: {reason*}",
             action="vpn_disconnect"),
        # 733100, 111008, 111009, 111010, 111005, 500004, 710002, 710003, 710005, 402117, 106017
        says("[ {object*}] drop {_rest*}", action="flood"),
        says("User '{user_name**}' executed the '{command*}' command.", action="run_command"),
        says("User '{user_name**}' executed cmd: {command*}", action="run_command"),
        says("User '{user_name**}', running '{program}' from IP {source_host#}, executed "
             "'{command*}'", action="run_command"),
        says("{source_host} end configuration: {_result}", action="config_change"),
        says("Invalid transport field for protocol={protocol}, from {source_host#}/{source_port+} "
             "to {dest_host#}/{dest_port+}", action="deny"),
        says("{protocol=TCP|UDP} access permitted from {source_host#}/{source_port+} to "
             "{interface}:{dest_host#}/{service}", action="allow"),
        says("{protocol=TCP|UDP} access denied by ACL from {source_host#}/{source_port+} to "
             "{interface}:{dest_host#}/{service}", action="deny"),
        says("{protocol=TCP|UDP} request discarded from {source_host#}/{source_port+} to "
             "{interface}:{dest_host#}/{service}", action="deny"),
        says("IPSEC: Received a non-IPSec packet (protocol= {protocol}) from {source_host#} to "
             "{dest_host#}", action="deny"),
        says("Deny IP due to Land Attack from {source_host#} to {dest_host#}", action="deny"),
        # 4000nn: the small intrusion detection
        says("IDS:{signature+} {name*} from {source_host#} to {dest_host#} on interface "
             "{interface}", action="alert"),
    ),
    samples=(
        Sample("Inbound TCP connection denied from 203.0.113.9/4022 to 192.0.2.1/23 flags SYN  on "
               "interface outside",
               {"direction": "Inbound", "protocol": "tcp", "source_host": "203.0.113.9",
                "source_port": 4022, "dest_host": "192.0.2.1", "dest_port": 23, "flags": "SYN ",
                "interface": "outside", "action": "deny"}),
        Sample("Deny inbound icmp src outside:203.0.113.9 dst inside:192.0.2.1 (type 8, code 0)",
               {"direction": "inbound", "protocol": "icmp", "src_interface": "outside",
                "source_host": "203.0.113.9", "dst_interface": "inside", "dest_host": "192.0.2.1",
                "icmp_type": "8", "icmp_code": "0", "action": "deny"}),
        Sample("access-list in denied tcp outside/203.0.113.9(4022) -> inside/192.0.2.1(22) "
               "hit-cnt 1 first hit [0x1, 0x2]",
               {"rule": "in", "verdict": "denied", "protocol": "tcp", "src_interface": "outside",
                "source_host": "203.0.113.9", "source_port": 4022, "dst_interface": "inside",
                "dest_host": "192.0.2.1", "dest_port": 22, "hits": "1", "action": "deny"}),
        Sample("Built outbound UDP connection 7 for outside:198.51.100.1/53 (198.51.100.1/53) to "
               "inside:192.0.2.7/4022 (203.0.113.1/4022)",
               {"direction": "outbound", "protocol": "udp", "connection": "7",
                "dst_interface": "outside", "dest_host": "198.51.100.1", "dest_port": 53,
                "src_interface": "inside", "source_host": "192.0.2.7", "source_port": 4022,
                "action": "connect"}),
        Sample("Teardown TCP connection 7 for outside:203.0.113.9/4022 to inside:192.0.2.1/22 "
               "duration 0:00:30 bytes 14804 TCP FINs",
               {"protocol": "tcp", "connection": "7", "remote_host": "203.0.113.9",
                "remote_port": "4022", "local_host": "192.0.2.1", "local_port": "22",
                "duration": "0:00:30", "bytes": "14804", "reason": "TCP FINs",
                "action": "disconnect"}),
        Sample("AAA user authentication Rejected : reason = Invalid password : local database : "
               "user = eve : user IP = 203.0.113.9",
               {"reason": "Invalid password", "user_name": "eve", "source_host": "203.0.113.9",
                "action": "login", "outcome": "failure"}),
        Sample("Group <staff> User <x> IP <192.0.2.66> IP <203.0.113.9> Authentication: rejected, "
               "Session Type: WebVPN.",
               {"group": "staff", "user_name": "x> IP <192.0.2.66", "source_host": "203.0.113.9",
                "session_type": "WebVPN", "action": "login", "outcome": "failure"}),
        Sample("User 'bob', running 'CLI' from IP 192.0.2.7, executed 'write memory'",
               {"user_name": "bob", "program": "CLI", "source_host": "192.0.2.7",
                "command": "write memory", "action": "run_command"}),
        Sample("Denied ICMP type=8, code=0 from 203.0.113.9 on interface outside",
               {"icmp_type": "8", "icmp_code": "0", "source_host": "203.0.113.9",
                "interface": "outside", "action": "deny", "protocol": "icmp"}),
        Sample("TCP access denied by ACL from 203.0.113.9/4022 to outside:192.0.2.1/ssh",
               {"protocol": "tcp", "source_host": "203.0.113.9", "source_port": 4022,
                "interface": "outside", "dest_host": "192.0.2.1", "service": "ssh",
                "action": "deny"}),
    ),
)  # fmt: skip
