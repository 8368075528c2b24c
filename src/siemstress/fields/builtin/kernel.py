"""The kernel: packets that netfilter logs for iptables, nftables, UFW and others; its own events.

Its uptime in front of a message is no part of it here.
"""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_PORTS = "SPT={source_port} DPT={dest_port}"
_ENDS = (
    f"PROTO={{protocol}} {_PORTS} {{_more*}}",
    f"PROTO={{protocol}} {_PORTS}",
    "PROTO={protocol} TYPE={icmp_type} {_more*}",
    "PROTO={protocol} {_more*}",
    "PROTO={protocol}",
)
_BRIDGED = "MACSRC={_from} MACDST={_to} MACPROTO={_kind} "


def _packets(label: str, **sets: str) -> Iterator[Pattern]:
    """A logged packet: from the label to the protocol all stands in a fixed order."""
    for between in ("", _BRIDGED, "{_mac*}"):
        head = f"{label}IN={{in_device}} OUT={{out_device}} {between}SRC={{source_host}} "
        for end in _ENDS:
            yield Pattern(f"{head}DST={{dest_host}} {{_ip*}}{end}", sets)


def _memory() -> Iterator[Pattern]:
    for start in ("Out of memory", "Memory cgroup out of memory"):
        for verb in ("Killed", "Kill"):
            yield says(f"{start}: {verb} process {{victim_pid}} ({{victim*}}) {{_rest*}}",
                       action="out_of_memory")  # fmt: skip
            yield says(f"{start}: {verb} process {{victim_pid}} ({{victim*}}), {{_rest*}}",
                       action="out_of_memory")  # fmt: skip
    yield says("Killed process {victim_pid} ({victim*}) {_rest*}", action="out_of_memory")
    yield says("Killed process {victim_pid} ({victim*}), {_rest*}", action="out_of_memory")


def _crashes() -> Iterator[Pattern]:
    for trap in ("", "traps: "):
        yield says(f"{trap}{{victim}}[{{victim_pid}}]: segfault at {{address}} ip {{_rest*}}",
                   action="process_crash")  # fmt: skip
        for fault in ("general protection fault", "general protection", "trap invalid opcode",
                      "trap divide error", "trap int3", "trap stack segment"):  # fmt: skip
            yield says(f"{trap}{{victim}}[{{victim_pid}}] {fault} {{_rest*}}",
                       action="process_crash", reason=fault)  # fmt: skip
    yield says("process '{victim*}' launched '{command*}' with NULL argv: empty string added",
               action="alert", reason="empty argument list")  # fmt: skip


def _network() -> Iterator[Pattern]:
    for start in ("TCP: request_sock_TCP: P", "request_sock_TCP: P", "TCP: P", "p"):
        for port in ("{dest_port}", "{dest_host}:{dest_port}"):
            yield says(f"{start}ossible SYN flooding on port {port}. {{_rest*}}", action="flood")
            yield says(f"{start}ossible SYN flooding on port {port}.", action="flood")
    yield says("{_start*}conntrack: table full, dropping packet{_end*}", action="flood",
               reason="connection table full")  # fmt: skip
    for start in ("", "IPv4: "):
        yield says(f"{start}martian source {{dest_host}} from {{source_host}}, on dev "
                   "{in_device}",
                   action="deny", reason="martian source")  # fmt: skip
        yield says(f"{start}martian destination {{dest_host}} from {{source_host}}, dev "
                   "{in_device}", action="deny", reason="martian destination")  # fmt: skip
    for verb, mode in (("entered", "on"), ("left", "off")):
        yield says(
            f"device {{device}} {verb} promiscuous mode", action="promiscuous_mode", mode=mode
        )
        yield says(f"{{?{{_driver}} {{_bus}} ?}}{{device}}: {verb} promiscuous mode",
                   action="promiscuous_mode", mode=mode)  # fmt: skip
    for state, action in (("Up", "link_up"), ("Down", "link_down")):
        text = f"{{?{{_driver*}} ?}}{{device}}{{?:?}} {{?NIC ?}}Link is {state}{{?{{_rest*}}?}}"
        yield says(text,
                   action=action)  # fmt: skip
    for start in ("IPv6: ADDRCONF(NETDEV_CHANGE): ", "IPv6: ADDRCONF(NETDEV_UP): ", ""):
        yield says(f"{start}{{device}}: link becomes ready", action="link_up")


def _wireguard() -> Iterator[Pattern]:
    for peer in ("({source_host}:{source_port})", "([{source_host}]:{source_port})"):
        start = "wireguard: {device}: "
        yield says(f"{start}Receiving handshake initiation from peer {{peer}} {peer}",
                   action="vpn_connect")  # fmt: skip
        yield says(f"{start}Receiving handshake response from peer {{peer}} {peer}",
                   action="vpn_connect", outcome="success")  # fmt: skip
        yield says(f"{start}Handshake for peer {{peer}} {peer} did not complete after {{_rest*}}",
                   action="vpn_connect", outcome="failure", reason="timeout")  # fmt: skip
        yield says(f"{start}Packet has unallowed src IP ({{inner_source}}) from peer {{peer}} "
                   f"{peer}", action="deny", reason="unallowed source")  # fmt: skip
    for peer in ("{source_host}:{source_port}", "[{source_host}]:{source_port}"):
        yield says(f"wireguard: {{device}}: Invalid handshake initiation from {peer}",
                   action="vpn_connect", outcome="failure")  # fmt: skip
        yield says(f"wireguard: {{device}}: Invalid MAC of handshake, dropping packet from {peer}",
                   action="vpn_connect", outcome="failure")  # fmt: skip


def _devices() -> Iterator[Pattern]:
    yield says("usb {port}: New USB device found, idVendor={vendor}, idProduct={product}, "
               "bcdDevice={_version*}", action="device_connect")  # fmt: skip
    yield says("usb {port}: New USB device found, idVendor={vendor}, idProduct={product}",
               action="device_connect")  # fmt: skip
    yield says("usb {port}: USB disconnect, device number {_number}", action="device_disconnect")
    yield says("usb {port}: USB disconnect, address {_number}", action="device_disconnect")
    yield says("usb {port}: Product: {product*}")
    yield says("usb {port}: Manufacturer: {manufacturer*}")
    yield says("usb {port}: SerialNumber: {serial*}")
    for kind in ("EXT4-fs", "EXT3-fs", "EXT2-fs"):
        yield says(f"{kind} ({{device}}): mounted filesystem {{_rest*}}", action="mount")
        yield says(f"{kind} ({{device}}): unmounting filesystem{{_rest*}}", action="unmount")
        yield says(f"{kind} error (device {{device}}): {{reason*}}", action="device_error")
    yield says("XFS ({device}): Mounting {_rest*}", action="mount")
    yield says("XFS ({device}): Unmounting {_rest*}", action="unmount")
    for start in ("blk_update_request: ", "print_req_error: ", ""):
        yield says(f"{start}I/O error, dev {{device}}, sector {{_rest*}}", action="device_error",
                   reason="I/O error")  # fmt: skip
    yield says("mce: [Hardware Error]: {reason*}", action="device_error")
    yield says("{module}: loading out-of-tree module taints kernel.", action="driver_load")
    yield says("{module}: module verification failed: {reason*}", action="driver_load")
    yield says("{module}: module license '{license*}' taints kernel.", action="driver_load")


def _machine() -> Iterator[Pattern]:
    yield says("Linux version {version} {_rest*}", action="host_start")
    yield says("reboot: Restarting system{_rest*}", action="host_stop")
    yield says("reboot: Power down", action="host_stop")
    yield says("Kernel panic - not syncing: {reason*}", action="host_stop", outcome="failure")
    yield says("PM: suspend entry {_rest*}", action="host_sleep")
    yield says("PM: suspend exit", action="host_wake")
    yield says("Lockdown: {victim*}: {reason*}; see man kernel_lockdown.7", action="policy_deny")
    yield says("audit: backlog limit exceeded", action="log_lost")
    yield says("audit: audit_lost={count} {_rest*}", action="log_lost")
    yield says("audit: rate limit exceeded", action="log_lost")
    yield says("printk: {source*}: {count} output lines suppressed due to ratelimiting",
               action="log_lost")  # fmt: skip
    yield says("{source}: {count} callbacks suppressed", action="log_lost")
    yield says("imklog {_version}, log source = {_rest*}", action="log_start")
    yield says("Kernel logging (proc) stopped.", action="log_stop")


TABLE = Table(
    programs=("kernel",),
    patterns=(
        *_packets("[UFW {verdict*}] "),
        *_packets("{log_prefix*}", action="packet"),
        *_memory(),
        *_crashes(),
        *_network(),
        *_wireguard(),
        *_devices(),
        *_machine(),
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
               {"log_prefix": "DROP-IN: ", "in_device": "eth1", "source_host": "2001:db8::5",
                "dest_host": "2001:db8::1", "protocol": "icmpv6", "icmp_type": "128",
                "action": "deny"}),
        Sample("[   12.1] FINAL_REJECT: IN=eth0 OUT= MACSRC=52:54:00:00:00:01 "
               "MACDST=52:54:00:00:00:02 MACPROTO=0800 SRC=203.0.113.5 DST=192.0.2.1 LEN=40 "
               "TOS=0x00 PREC=0x00 TTL=240 ID=1 PROTO=UDP SPT=5060 DPT=5060 LEN=420 ",
               {"log_prefix": "FINAL_REJECT: ", "in_device": "eth0", "source_host": "203.0.113.5",
                "dest_host": "192.0.2.1", "protocol": "udp", "source_port": 5060,
                "dest_port": 5060, "action": "deny"}),
        Sample("[WAN_OUT-3001-A]IN=br0 OUT=eth4 SRC=192.0.2.5 DST=203.0.113.5 LEN=60 TOS=0x00 "
               "PREC=0x00 TTL=63 ID=2 DF PROTO=TCP SPT=40000 DPT=443",
               {"log_prefix": "[WAN_OUT-3001-A]", "in_device": "br0", "out_device": "eth4",
                "source_host": "192.0.2.5", "dest_host": "203.0.113.5", "protocol": "tcp",
                "source_port": 40000, "dest_port": 443, "action": "allow"}),
        Sample("seen: IN=eth0 OUT= SRC=192.0.2.5 DST=192.0.2.1 LEN=60 TTL=63 ID=2 PROTO=2",
               {"log_prefix": "seen: ", "in_device": "eth0", "source_host": "192.0.2.5",
                "dest_host": "192.0.2.1", "protocol": "2", "action": "packet"}),
        Sample("[  201.5] Out of memory: Killed process 4711 (java) total-vm:1kB, anon-rss:1kB",
               {"victim_pid": "4711", "victim": "java", "action": "out_of_memory"}),
        Sample("nginx[815]: segfault at 0 ip 000055d0 sp 00007ffc error 4 in nginx[55d0+1000]",
               {"victim": "nginx", "victim_pid": "815", "address": "0",
                "action": "process_crash"}),
        Sample("TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.  Check "
               "SNMP counters.", {"dest_port": 443, "action": "flood"}),
        Sample("[  3.0] device eth0 entered promiscuous mode",
               {"device": "eth0", "mode": "on", "action": "promiscuous_mode"}),
        Sample("wireguard: wg0: Receiving handshake initiation from peer 3 (203.0.113.7:51820)",
               {"device": "wg0", "peer": "3", "source_host": "203.0.113.7", "source_port": 51820,
                "action": "vpn_connect"}),
        Sample("usb 1-1.2: New USB device found, idVendor=0781, idProduct=5567, bcdDevice= 1.00",
               {"port": "1-1.2", "vendor": "0781", "product": "5567",
                "action": "device_connect"}),
        Sample("rootkit: loading out-of-tree module taints kernel.",
               {"module": "rootkit", "action": "driver_load"}),
        Sample("e1000e: eth0 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: None",
               {"device": "eth0", "action": "link_up"}),
    ),
)  # fmt: skip
