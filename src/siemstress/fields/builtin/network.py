"""Networks as their clients see them: DHCP clients, NetworkManager, systemd-networkd, wireless."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says


def _dhclient() -> Iterator[Pattern]:
    for end in ("", " (xid={_xid})"):
        yield says(f"DHCPACK of {{lease}} from {{source_host}}{end}", action="dhcp_lease")
        yield says(f"DHCPACK from {{source_host}}{end}", action="dhcp_lease")
        yield says(f"DHCPNAK from {{source_host}}{end}", action="dhcp_deny")
        yield says(f"DHCPOFFER of {{lease}} from {{source_host}}{end}", action="dhcp_offer")
        yield says(f"DHCPOFFER from {{source_host}}{end}", action="dhcp_offer")
        to = f"on {{device}} to {{dest_host}} port {{dest_port}}{end}"
        yield says(f"DHCPREQUEST {to}", action="dhcp_request")
        yield says(f"DHCPREQUEST of {{lease}} {to}", action="dhcp_request")
        yield says(f"DHCPREQUEST for {{lease}} {to}", action="dhcp_request")
        yield says(f"DHCPRELEASE of {{lease}} {to}", action="dhcp_release")
        yield says(f"DHCPRELEASE {to}", action="dhcp_release")
        yield says(f"DHCPDECLINE of {{lease}} {to}", action="dhcp_deny")
        yield says(f"DHCPDECLINE {to}", action="dhcp_deny")
        yield says("DHCPDISCOVER on {device} to {dest_host} port {dest_port} interval "
                   f"{{_seconds}}{end}", action="dhcp_discover")  # fmt: skip
    yield says("bound to {lease} -- renewal in {_seconds} seconds.", action="dhcp_lease",
               outcome="success")  # fmt: skip
    yield says("No DHCPOFFERS received.", action="dhcp_discover", outcome="failure")


def _dhcpcd() -> Iterator[Pattern]:
    yield says("{device}: leased {lease} for {_seconds} seconds", action="dhcp_lease",
               outcome="success")  # fmt: skip
    yield says("{device}: offered {lease} from {source_host}", action="dhcp_offer")
    yield says("{device}: acknowledged {lease} from {source_host}", action="dhcp_lease")
    yield says("{device}: soliciting a DHCP lease", action="dhcp_discover")
    yield says("{device}: soliciting a DHCPv6 lease", action="dhcp_discover")
    yield says("{device}: rebinding lease of {lease}", action="dhcp_request")
    yield says("{device}: carrier acquired", action="link_up")
    yield says("{device}: carrier lost", action="link_down")
    yield says("{device}: adding default route via {gateway}", action="address_change")
    yield says("{device}: hardware address {mac} claims {address}", action="address_conflict")


def _networkd() -> Iterator[Pattern]:
    yield says("{device}: DHCPv4 address {lease} via {source_host}", action="dhcp_lease",
               outcome="success")  # fmt: skip
    yield says("{device}: DHCPv4 address {lease}, gateway {gateway} acquired from {source_host}",
               action="dhcp_lease", outcome="success")  # fmt: skip
    yield says("{device}: DHCPv4 address {lease} acquired from {source_host}",
               action="dhcp_lease", outcome="success")  # fmt: skip
    yield says("{device}: DHCP lease lost", action="dhcp_release")
    for text, action in (("Gained carrier", "link_up"), ("Lost carrier", "link_down"),
                         ("Link UP", "link_up"), ("Link DOWN", "link_down")):  # fmt: skip
        yield says(f"{{device}}: {text}", action=action)


def _network_manager() -> Iterator[Pattern]:
    head = "<{level}>  [{_time}] "
    yield says(f"{head}dhcp4 ({{device}}): state changed {{_old*}} -> {{state}}, address={{lease}}",
               action="dhcp_lease")  # fmt: skip
    yield says(f"{head}dhcp4 ({{device}}): state changed {{_old*}} -> {{state}}")
    yield says(f"{head}dhcp4 ({{device}}):   address {{lease}}", action="dhcp_lease")
    for word, outcome in (("success", "success"), ("fail", "failure")):
        yield says(f'{head}audit: op="{{operation}}" {{?uuid="{{_uuid}}" ?}}'
                   '{?name="{connection**}" ?}{?{_args*} ?}pid={_pid} uid={uid} '
                   f'result="{word}"{{?{{_rest*}}?}}',
                   action="config_change", outcome=outcome)  # fmt: skip
    yield says(f"{head}device ({{device}}): state change: {{_old}} -> {{state}} {{_rest*}}")
    yield says(f"{head}device ({{device}}): link connected", action="link_up")
    yield says(f"{head}device ({{device}}): link disconnected{{_rest*}}", action="link_down")
    yield says(f"{head}device ({{device}}): carrier: link connected", action="link_up")
    yield says(f"{head}manager: NetworkManager state is now {{state}}")


def _wireless() -> Iterator[Pattern]:
    yield says("{device}: CTRL-EVENT-CONNECTED - Connection to {dest_mac} completed {_rest*}",
               action="connect", outcome="success")  # fmt: skip
    yield says("{device}: CTRL-EVENT-DISCONNECTED bssid={dest_mac} reason={reason} {_rest*}",
               action="disconnect")  # fmt: skip
    yield says("{device}: CTRL-EVENT-DISCONNECTED bssid={dest_mac} reason={reason}",
               action="disconnect")  # fmt: skip
    yield says('{device}: CTRL-EVENT-SSID-TEMP-DISABLED id={_id} ssid="{ssid**}" '
               "auth_failures={count} duration={_seconds} reason={reason}",
               action="authenticate", outcome="failure")  # fmt: skip
    yield says("{device}: CTRL-EVENT-EAP-FAILURE EAP authentication failed",
               action="authenticate", outcome="failure")  # fmt: skip
    yield says("{device}: CTRL-EVENT-EAP-SUCCESS EAP authentication completed successfully",
               action="authenticate", outcome="success")  # fmt: skip
    yield says("{device}: AP-STA-CONNECTED {mac}", action="connect", outcome="success")
    yield says("{device}: AP-STA-CONNECTED {mac} {_rest*}", action="connect", outcome="success")
    yield says("{device}: AP-STA-DISCONNECTED {mac}", action="disconnect")
    yield says("{device}: AP-STA-POSSIBLE-PSK-MISMATCH {mac}",
               action="authenticate", outcome="failure", reason="wrong key")  # fmt: skip
    station = "{device}: STA {mac} IEEE 802.11: "
    yield says(f"{station}authenticated", action="authenticate")
    yield says(f"{station}associated (aid {{_id}})", action="connect")
    yield says(f"{station}associated", action="connect")
    yield says(f"{station}disassociated", action="disconnect")
    yield says(f"{station}deauthenticated{{_rest*}}", action="disconnect")
    yield says("{device}: STA {mac} WPA: pairwise key handshake completed ({_how})",
               action="connect", outcome="success")  # fmt: skip
    yield says("{device}: STA {mac} IEEE 802.1X: authenticated - EAP type: {method*}",
               action="authenticate", outcome="success")  # fmt: skip
    yield says("{device}: STA {mac} IEEE 802.1X: authentication failed - {_rest*}",
               action="authenticate", outcome="failure")  # fmt: skip


CLIENT = Table(
    programs=("dhclient",),
    patterns=tuple(_dhclient()),
    samples=(
        Sample("DHCPACK of 192.0.2.44 from 192.0.2.1 (xid=0x1a2b3c4d)",
               {"lease": "192.0.2.44", "source_host": "192.0.2.1", "action": "dhcp_lease"}),
        Sample("DHCPDISCOVER on eth0 to 255.255.255.255 port 67 interval 3",
               {"device": "eth0", "dest_host": "255.255.255.255", "dest_port": 67,
                "action": "dhcp_discover"}),
    ),
)  # fmt: skip
LINKS = Table(
    programs=("dhcpcd", "systemd-networkd"),
    patterns=(*_dhcpcd(), *_networkd()),
    samples=(
        Sample("eth0: leased 192.0.2.44 for 86400 seconds",
               {"device": "eth0", "lease": "192.0.2.44", "action": "dhcp_lease",
                "outcome": "success"}),
        Sample("eth0: DHCPv4 address 192.0.2.44/24, gateway 192.0.2.1 acquired from 192.0.2.2",
               {"device": "eth0", "lease": "192.0.2.44/24", "gateway": "192.0.2.1",
                "source_host": "192.0.2.2", "action": "dhcp_lease", "outcome": "success"}),
        Sample("eth0: Lost carrier", {"device": "eth0", "action": "link_down"}),
    ),
)  # fmt: skip
MANAGER = Table(
    programs=("networkmanager",),
    patterns=tuple(_network_manager()),
    samples=(
        Sample("<info>  [1760414400.1234] dhcp4 (eth0): state changed unknown -> bound, "
               "address=192.0.2.44",
               {"level": "info", "device": "eth0", "state": "bound", "lease": "192.0.2.44",
                "action": "dhcp_lease"}),
    ),
)  # fmt: skip
WIRELESS = Table(
    programs=("wpa_supplicant", "hostapd"),
    patterns=tuple(_wireless()),
    samples=(
        Sample("wlan0: CTRL-EVENT-DISCONNECTED bssid=00:00:5e:00:53:01 reason=3 "
               "locally_generated=1",
               {"device": "wlan0", "dest_mac": "00:00:5e:00:53:01", "reason": "3",
                "action": "disconnect"}),
        Sample("wlan0: STA 00:00:5e:00:53:01 IEEE 802.11: authenticated",
               {"device": "wlan0", "mac": "00:00:5e:00:53:01", "action": "authenticate"}),
    ),
)  # fmt: skip
