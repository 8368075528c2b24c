"""Cisco IOS, IOS-XE and NX-OS (Cisco IOS System Message Guide)."""

from __future__ import annotations

from siemstress.fields.tables import Sample, Table, says

TABLE = Table(
    programs=("ciscoios",),
    patterns=(
        # SEC: access lists that log
        *(
            says(f"list {{acl}} {verdict} {text}, {{packets+}} packet{{?s?}}", action=action)
            for verdict, action in (("denied", "deny"), ("permitted", "allow"))
            for text in (
                "{protocol} {source_host#}({source_port+}) {?({src_interface*}) ?}-> {dest_host#}"
                "({dest_port+})",
                "{protocol} {source_host#} -> {dest_host#}{? ({icmp_type+}/{icmp_code+})?}",
                "{source_host#}",
            )
        ),
        # SEC_LOGIN: only IOS writes what stands behind the user
        says("Login failed [user: {user_name**}] [Source: {source_host#}] [localport: {dest_port+}]"
             " [Reason: {reason*}] at {_when*}", action="login", outcome="failure"),
        says("Login Success [user: {user_name**}] [Source: {source_host#}] [localport: "
             "{dest_port+}] at {_when*}", action="login", outcome="success"),
        says("Blocking new logins for {duration} secs because of {reason*}", action="block"),
        says("Still timeleft for watching failures is {_} secs, [user: {user_name**}] [Source: "
             "{source_host#}] [localport: {dest_port+}] [Reason: {reason*}] [ACL: {_}] at {_when*}",
             action="login", outcome="failure"),
        # SYS, PARSER, HA_EM
        says("Configured from {_} by {user_name**} on {terminal} ({source_host#})",
             action="config_change"),
        says("Configured from {_} by {user_name**} on {source_host#}@{terminal}",
             action="config_change"),
        says("Configured from {_} by {user_name**} on {terminal}", action="config_change"),
        says("Configured from {_} by {terminal=console|vty0|vty1|vty2|vty3|vty4}{? "
             "({source_host#})?}", action="config_change"),
        says("Configured from {_} by {user_name**}", action="config_change"),
        says("User:{user_name} {_*}logged command:{command*}", action="run_command"),
        says("User {user_name**} has exited tty session {session+}({source_host#})",
             action="logout"),
        says("User {user_name} has exited tty session {session}({_*})", action="logout"),
        says("System restarted --{_*}", action="host_start"),
        says("System returned to ROM by {reason*}", action="host_start"),
        says("Reload requested by {user_name} on {terminal}. Reload Reason: {reason*}",
             action="host_stop"),
        # SSH, AAA, NX-OS
        says("SSH2 Session request from {source_host} (tty = {_}) using crypto cipher '{cipher}', "
             "hmac '{_}' Succeeded", action="connect", outcome="success"),
        says("SSH2 Session request from {source_host} (tty = {_}) using crypto cipher '{cipher}', "
             "hmac '{_}' Failed", action="connect", outcome="failure"),
        says("User '{user_name**}' authentication for SSH2 Session from {source_host#} (tty = "
             "{_}) using crypto cipher '{cipher}', hmac '{_}' Succeeded", action="login",
             outcome="success"),
        says("User '{user_name**}' authentication for SSH2 Session from {source_host#} (tty = "
             "{_}) using crypto cipher '{cipher}', hmac '{_}' Failed", action="login",
             outcome="failure"),
        says("SSH2 Session from {source_host} (tty = {_}) for user '{user_name}' using crypto "
             "cipher '{cipher}', hmac '{_}' closed", action="session_end"),
        says("pam_aaa:Authentication failed {?for user {user_name**} ?}from {source_host#}"
             "{? - {_*}?}",
             action="login", outcome="failure"),
        says("Failed password for {?invalid user ?}{user_name**} from {source_host#} port "
             "{source_port+} ssh2{? - {_*}?}", action="login", outcome="failure"),
        says("Accepted {method} for {user_name**} from {source_host#} port {source_port+} ssh2"
             "{? - {_*}?}", action="login", outcome="success"),
        # LINK, LINEPROTO, ETHPORT
        *(
            says(text.format(state=state), action=action)
            for state, action in (("up", "link_up"), ("down", "link_down"))
            for text in (
                "Interface {{interface}}, changed state to {state}",
                "Line protocol on Interface {{interface}}, changed state to {state}",
                "Interface {{interface}} is {state}",
                "Interface {{interface}} is {state} {{reason*}}",
            )
        ),
        says("Interface {interface}, changed state to administratively down", action="link_down"),
        # PORT_SECURITY, SW_MATM, IP
        says("Security violation occurred, caused by MAC address {mac} on port {interface}.",
             action="deny"),
        says("Duplicate address {source_host} on {interface}, sourced by {mac}",
             action="address_conflict"),
        says("Authentication failure for SNMP req from host {source_host}", action="login",
             outcome="failure"),
    ),
    samples=(
        Sample("list 101 denied udp 203.0.113.9(53) -> 192.0.2.1(137), 2 packets",
               {"acl": "101", "protocol": "udp", "source_host": "203.0.113.9", "source_port": 53,
                "dest_host": "192.0.2.1", "dest_port": 137, "packets": "2", "action": "deny"}),
        Sample("list in permitted icmp 203.0.113.9 -> 192.0.2.1 (8/0), 1 packet",
               {"acl": "in", "protocol": "icmp", "source_host": "203.0.113.9",
                "dest_host": "192.0.2.1", "icmp_type": "8", "icmp_code": "0", "packets": "1",
                "action": "allow"}),
        Sample("Login failed [user: a] [Source: 192.0.2.66] [localport: 22] [Reason: x] at y] "
               "[Source: 203.0.113.9] [localport: 22] [Reason: Login Authentication Failed] at "
               "06:15:38 UTC Wed Aug 23 2017",
               {"user_name": "a] [Source: 192.0.2.66] [localport: 22] [Reason: x] at y",
                "source_host": "203.0.113.9", "dest_port": 22,
                "reason": "Login Authentication Failed", "action": "login", "outcome": "failure"}),
        Sample("Login Success [user: bob] [Source: 2001:db8::7] [localport: 22] at 06:15:38 UTC",
               {"user_name": "bob", "source_host": "2001:db8::7", "dest_port": 22,
                "action": "login", "outcome": "success"}),
        Sample("Configured from console by bob on vty0 (192.0.2.7)",
               {"user_name": "bob", "terminal": "vty0", "source_host": "192.0.2.7",
                "action": "config_change"}),
        Sample("Configured from console by console",
               {"terminal": "console", "action": "config_change"}),
        Sample("User:bob  logged command:no logging",
               {"user_name": "bob", "command": "no logging", "action": "run_command"}),
        Sample("pam_aaa:Authentication failed for user eve from 203.0.113.9 - sshd[77]",
               {"user_name": "eve", "source_host": "203.0.113.9", "action": "login",
                "outcome": "failure"}),
        Sample("Line protocol on Interface GigabitEthernet0/1, changed state to up",
               {"interface": "GigabitEthernet0/1", "action": "link_up"}),
    ),
)  # fmt: skip
