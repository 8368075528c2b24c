"""What bans addresses: fail2ban (by syslog or in its own log), mailcow's netfilter, portsentry."""

from __future__ import annotations

from siemstress.fields.tables import Sample, Table, says

FAIL2BAN = Table(
    programs=(
        "fail2ban.actions", "fail2ban.filter", "fail2ban.observer", "fail2ban", "fail2ban-server",
        "stamped",
    ),
    patterns=tuple(
        says(f"{head}[{{jail}}] {text}", **sets)
        for head in ("fail2ban.{_module}: {level} {?{_space*} ?}", "{?fail2ban.{_module}{_gap*}?}"
                     "[{_pid+}]: {level} {?{_space*} ?}", "{level=NOTICE|WARNING|INFO} {_space*}",
                     "")
        for text, sets in (
            ("{?Restore ?}{?Increase ?}Ban {source_host#}{? ({_rest*})?}", {"action": "block"}),
            ("Unban {source_host#}", {"action": "unblock"}),
            ("{source_host#} already banned", {"action": "block"}),
            ("Found {source_host#}{? - {_when*}?}", {"action": "probe"}),
            ("Ignore {source_host#} by {reason*}", {"action": "probe"}),
        )
    ),
    samples=(
        Sample("fail2ban.actions        [123]: NOTICE  [sshd] Ban 203.0.113.9",
               {"jail": "sshd", "level": "NOTICE", "source_host": "203.0.113.9",
                "action": "block"}),
        Sample("NOTICE [sshd] Unban 203.0.113.9",
               {"jail": "sshd", "level": "NOTICE", "source_host": "203.0.113.9",
                "action": "unblock"}),
        Sample("fail2ban.filter         [123]: INFO    [sshd] Found 2001:db8::7 - 2024-05-01 10:00",
               {"jail": "sshd", "level": "INFO", "source_host": "2001:db8::7",
                "action": "probe"}),
        Sample("[sshd] Ban 203.0.113.9",
               {"jail": "sshd", "source_host": "203.0.113.9", "action": "block"}),
    ),
)  # fmt: skip
OTHERS = Table(
    programs=("portsentry", "stamped", ""),
    patterns=(
        says("{?{_date} {_time} ?}Host: {source_host#}/{_name} Port: {dest_port} {protocol=TCP|UDP}"
             " {verdict=Blocked|Ignored}", action="port_scan"),
        says("attackalert: {reason*} from host: {?{_name}/?}{source_host#} to {protocol=TCP|UDP} "
             "port: {dest_port}", action="port_scan"),
        says("attackalert: Host {source_host#} has been blocked via {reason*}", action="block"),
        says("{?CRIT: ?}Banning {source_host#}/{_bits} for {minutes} minutes", action="block"),
        says("{?INFO: ?}Unbanning {source_host#}/{_bits}", action="unblock"),
        says("Blocking {source_host#} - {reason*}", action="block"),
    ),
    samples=(
        Sample("05/01/2024 10:00:00 Host: 203.0.113.9/203.0.113.9 Port: 23 TCP Blocked",
               {"source_host": "203.0.113.9", "dest_port": 23, "protocol": "tcp",
                "verdict": "Blocked", "action": "port_scan"}),
    ),
)  # fmt: skip
