"""DHCP servers: ISC's, Kea and dnsmasq."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

# The name is the client's own choice; what stands behind it is the server's.
DHCPD = Table(
    programs=("dhcpd", "dhcpd6"),
    patterns=(
        # The many, without a regex.
        *(
            pattern
            for client in ("{mac} ({name}) via {device}", "{mac} via {device}")
            for pattern in (
                says(f"DHCPDISCOVER from {client}", action="dhcp_discover"),
                says(f"DHCPOFFER on {{lease}} to {client}", action="dhcp_offer"),
                says(f"DHCPREQUEST for {{lease}} from {client}", action="dhcp_request"),
                says(f"DHCPREQUEST for {{lease}} ({{dest_host}}) from {client}",
                     action="dhcp_request"),
                says(f"DHCPACK on {{lease}} to {client}", action="dhcp_lease", outcome="success"),
            )
        ),
        *(
        pattern
        for client in ("{mac} ({name**}) via {device}", "{mac} via {device}")
        for pattern in (
            says(f"DHCPDISCOVER from {client}{{?: {{reason*}}?}}", action="dhcp_discover"),
            says(f"DHCPOFFER on {{lease#}} to {client}{{?: {{reason*}}?}}", action="dhcp_offer"),
            says(f"DHCPREQUEST for {{lease#}}{{? ({{dest_host#}})?}} from {client}"
                 "{?: {reason*}?}", action="dhcp_request"),
            says(f"DHCPACK on {{lease#}} to {client}", action="dhcp_lease", outcome="success"),
            says(f"DHCPNAK on {{lease#}} to {client}", action="dhcp_deny", outcome="failure"),
            says(f"DHCPDECLINE of {{lease#}} from {client}{{?: {{reason*}}?}}",
                 action="dhcp_deny"),
            says(f"DHCPRELEASE of {{lease#}} from {client}{{? ({{reason*}})?}}",
                 action="dhcp_release"),
        )
        ),
        says("DHCPINFORM from {source_host#} via {device}{?: {reason*}?}", action="dhcp_inform"),
        says("DHCPACK to {lease#} ({mac}) via {device}", action="dhcp_inform"),
        says("Abandoning IP address {lease#}: {reason*}", action="address_conflict"),
        says("{kind=Solicit|Request|Renew|Rebind|Release|Confirm|Information-request|Decline} "
             "message from {source_host#} port {source_port}, transaction ID {_xid}"
             "{?, client ID {client_id}?}", action="dhcp_request"),
    ),
    samples=(
        Sample("DHCPACK on 192.0.2.44 to 00:00:5e:00:53:01 (a) via eth1) via eth0",
               {"lease": "192.0.2.44", "mac": "00:00:5e:00:53:01", "name": "a) via eth1",
                "device": "eth0", "action": "dhcp_lease", "outcome": "success"}),
        Sample("DHCPDISCOVER from 00:00:5e:00:53:01 via eth0: network 192.0.2.0/24: no free "
               "leases",
               {"mac": "00:00:5e:00:53:01", "device": "eth0",
                "reason": "network 192.0.2.0/24: no free leases", "action": "dhcp_discover"}),
    ),
)  # fmt: skip
_KINDS = {
    "DISCOVER": "dhcp_discover", "OFFER": "dhcp_offer", "REQUEST": "dhcp_request",
    "ACK": "dhcp_lease", "NAK": "dhcp_deny", "RELEASE": "dhcp_release",
    "INFORM": "dhcp_inform", "DECLINE": "dhcp_deny",
}  # fmt: skip
DNSMASQ = Table(
    programs=("dnsmasq-dhcp", "dnsmasq"),
    patterns=tuple(
        Pattern(f"{head}DHCP{kind}({{device}}) {{?{{lease#}} ?}}{{mac}}{{? {{name*}}?}}",
                {"action": action})
        for head in ("", "{_xid+} ")
        for kind, action in _KINDS.items()
    ),
    samples=(
        Sample("DHCPACK(br0) 192.0.2.44 00:00:5e:00:53:01 laptop",
               {"device": "br0", "lease": "192.0.2.44", "mac": "00:00:5e:00:53:01",
                "name": "laptop", "action": "dhcp_lease"}),
        Sample("DHCPDISCOVER(br0) 00:00:5e:00:53:01",
               {"device": "br0", "mac": "00:00:5e:00:53:01", "action": "dhcp_discover"}),
    ),
)  # fmt: skip
_WHO = "{?[hwtype={_type} {mac}], ?}{?cid=[{client_id*}], ?}{?duid=[{duid}], ?}{?tid={_tid}?}: "
_LEVEL = "{?{level=DEBUG|INFO|WARN|ERROR|FATAL} {? ?}?}{?[{logger}] ?}"
KEA = Table(
    programs=("kea-dhcp4", "kea-dhcp6", "kea", "stamped"),
    patterns=(
        says(f"{_LEVEL}{{event=DHCP4_LEASE_ALLOC|DHCP4_LEASE_RENEW|DHCP6_LEASE_ALLOC|"
             f"DHCP6_LEASE_RENEW}} {_WHO}lease {{?for address ?}}{{lease#}} {{?and {{_ia}} ?}}"
             "has been {_verb=allocated|renewed} for {seconds} seconds",
             action="dhcp_lease", outcome="success"),
        says(f"{_LEVEL}{{event=DHCP4_LEASE_ADVERT|DHCP4_LEASE_OFFER|DHCP6_LEASE_ADVERT}} {_WHO}"
             "lease {?for address ?}{lease#} {?and {_ia} ?}will be {_verb=advertised|offered}"
             "{? {_rest*}?}", action="dhcp_offer"),
        says(f"{_LEVEL}{{event=DHCP4_RELEASE|DHCP6_RELEASE_NA}} {_WHO}{{?binding for ?}}address "
             "{lease#} {?and {_ia} ?}was released properly{?.?}", action="dhcp_release"),
        says(f"{_LEVEL}{{event=DHCP4_DECLINE_LEASE|DHCP6_DECLINE_LEASE}} "
             "{?Received DHCPDECLINE for addr {lease#} from client ?}{_rest*}",
             action="dhcp_deny"),
        says(f"{_LEVEL}{{event=DHCP4_PACKET_RECEIVED|DHCP6_PACKET_RECEIVED}} {_WHO}{{kind}} "
             "(type {_type}) received from {source_host#} to {dest_host#} on interface {device}",
             action="dhcp_request"),
        says(f"{_LEVEL}{{event=DHCP4_PACKET_NAK_0001|DHCP4_PACKET_NAK_0002|DHCP4_PACKET_NAK_0003|"
             f"DHCP4_PACKET_NAK_0004}} {_WHO}{{reason*}}", action="dhcp_deny"),
    ),
    samples=(
        Sample("INFO  [kea-dhcp4.leases/41.14] DHCP4_LEASE_ALLOC [hwtype=1 00:00:5e:00:53:01], "
               "cid=[no info], tid=0x7: lease 192.0.2.44 has been allocated for 4000 seconds",
               {"level": "INFO", "logger": "kea-dhcp4.leases/41.14", "event": "DHCP4_LEASE_ALLOC",
                "mac": "00:00:5e:00:53:01", "client_id": "no info", "lease": "192.0.2.44",
                "seconds": "4000", "action": "dhcp_lease", "outcome": "success"}),
    ),
)  # fmt: skip
