"""Messages of formats that have no process: packets, Windows events."""

from siemstress.fields.tables import Sample, Table, says

_FLOW = "{_source} > {_target}: "

TCPDUMP = Table(
    programs=("tcpdump",),
    patterns=(
        *(
            says(f"{ip} {_FLOW}{text}", protocol=protocol)
            for ip in ("IP", "IP6")
            for text, protocol in (
                ("Flags [{flags}], {_rest*}", "tcp"),
                ("Flags [{flags}]", "tcp"),
                ("UDP, {_rest*}", "udp"),
                ("ICMP {kind*}, id {_rest*}", "icmp"),
                ("ICMP {kind*}, length {_rest*}", "icmp"),
                ("ICMP6, {kind*}, length {_rest*}", "icmp6"),
            )
        ),
        says("ARP, Request who-has {dest_host} tell {source_host}, length {_length}",
             protocol="arp", action="arp_request"),
        says("ARP, Request who-has {dest_host} ({_mac}) tell {source_host}, length {_length}",
             protocol="arp", action="arp_request"),
        says("ARP, Reply {source_host} is-at {mac}, length {_length}",
             protocol="arp", action="arp_reply"),
    ),
    samples=(
        Sample("ARP, Reply 192.0.2.1 is-at 00:00:5e:00:53:01, length 28",
               {"source_host": "192.0.2.1", "mac": "00:00:5e:00:53:01", "protocol": "arp",
                "action": "arp_reply"}),
    ),
)  # fmt: skip
WINDOWS = Table(
    programs=("windowsrsyslog",),
    patterns=(
        says("4624: {_rest*}", event_id="4624", action="login", outcome="success"),
        says("4625: {_rest*}", event_id="4625", action="login", outcome="failure"),
        says("4634: {_rest*}", event_id="4634", action="logout"),
        says("4720: {_rest*}", event_id="4720", action="account_create", outcome="success"),
        says("4726: {_rest*}", event_id="4726", action="account_delete", outcome="success"),
        says("1102: {_rest*}", event_id="1102", action="log_clear", outcome="success"),
        says("{event_id}: {_rest*}"),
    ),
    samples=(
        Sample("4625: An account failed to log on.",
               {"event_id": "4625", "action": "login", "outcome": "failure"}),
    ),
)  # fmt: skip
