"""The kernel: packets that netfilter, iptables and UFW log, and a few events of its own."""

from siemstress.fields.tables import Pattern, Sample, Table, says

_HEADS = ("[{_uptime*}] ", "")
_PORTS = "SPT={source_port} DPT={dest_port} {_more*}"
_ENDS = (
    f"PROTO={{protocol}} {_PORTS}",
    "PROTO={protocol} TYPE={icmp_type} {_more*}",
    "PROTO={protocol} {_more*}",
    "PROTO={protocol}",
)


def _packets(label: str, **sets: str) -> tuple[Pattern, ...]:
    """A logged packet: from the label to the protocol all stands in a fixed order."""
    body = "IN={in_device} OUT={out_device} {_mac*}SRC={source_host} DST={dest_host} {_ip*}"
    return tuple(Pattern(f"{head}{label}{body}{end}", sets) for end in _ENDS for head in _HEADS)


TABLE = Table(
    programs=("kernel",),
    patterns=(
        *_packets("[UFW {verdict*}] "),
        *_packets("{prefix*}", action="packet"),
        says("[{_uptime*}] Out of memory: Killed process {victim_pid} ({victim}) {_rest*}",
             action="out_of_memory"),
        says("Out of memory: Killed process {victim_pid} ({victim}) {_rest*}",
             action="out_of_memory"),
        says("[{_uptime*}] TCP: request_sock_TCP: Possible SYN flooding on port {dest_port}. "
             "{_rest*}", action="flood"),
        says("[{_uptime*}] device {device} entered promiscuous mode", action="promiscuous_mode"),
        says("device {device} entered promiscuous mode", action="promiscuous_mode"),
    ),
    samples=(
        Sample("[87370.770981] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:ab:2d:ea:00:1c:73:00:00:99:"
               "08:00 SRC=203.0.113.59 DST=192.0.2.250 LEN=220 TOS=0x00 PREC=0x00 TTL=195 "
               "ID=65254 DF PROTO=TCP SPT=53159 DPT=22 WINDOW=56136 RES=0x00 SYN URGP=0 ",
               {"in_device": "eth0", "source_host": "203.0.113.59", "dest_host": "192.0.2.250",
                "protocol": "tcp", "source_port": 53159, "dest_port": 22, "verdict": "BLOCK",
                "action": "deny"}),
        Sample("DROP-IN: IN=eth1 OUT= SRC=2001:db8::5 DST=2001:db8::1 LEN=72 TC=0 HOPLIMIT=64 "
               "FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0",
               {"prefix": "DROP-IN: ", "in_device": "eth1", "source_host": "2001:db8::5",
                "dest_host": "2001:db8::1", "protocol": "icmpv6", "icmp_type": "128",
                "action": "packet"}),
    ),
)  # fmt: skip
