"""Name servers and DHCP."""

from siemstress.fields.tables import Sample, Table, says

TABLE = Table(
    programs=("named", "dhclient", "dhcpd", "dnsmasq", "dnsmasq-dhcp"),
    patterns=(
        says("client @{_object} {source_host}#{source_port} ({_name*}): query: {query} {_class} "
             "{query_type} {_flags*} ({dest_host})", action="dns_query"),
        says("client {source_host}#{source_port} ({_name*}): query: {query} {_class} "
             "{query_type} {_flags*} ({dest_host})", action="dns_query"),
        says("client @{_object} {source_host}#{source_port} ({_name*}): query (cache) "
             "'{query*}' denied", action="dns_query", outcome="failure"),
        *(
            says(f"client {{source_host}}#{{source_port}}{view}: {asked} '{{query*}}' denied",
                 action=action, outcome="failure")
            for view in ("", " ({_name*})", ": view {view}")
            for asked, action in (
                ("query (cache)", "dns_query"), ("query", "dns_query"),
                ("zone transfer", "dns_transfer"),
            )
        ),
        says("client {source_host}#{source_port} ({_name*}): bad zone transfer request: "
             "'{query*}': {reason*}", action="dns_transfer", outcome="failure"),
        says("client @{_object} {source_host}#{source_port} ({_name*}): bad zone transfer "
             "request: '{query*}': {reason*}", action="dns_transfer", outcome="failure"),
        says("client @{_object} {source_host}#{source_port} ({_name*}): zone transfer "
             "'{query*}' denied", action="dns_transfer", outcome="failure"),
        says("DHCPACK of {lease} from {source_host} (xid={_xid})", action="dhcp_lease"),
        says("DHCPACK of {lease} from {source_host}", action="dhcp_lease"),
        says("DHCPACK on {lease} to {mac} ({name*}) via {device}", action="dhcp_lease"),
        says("DHCPACK on {lease} to {mac} via {device}", action="dhcp_lease"),
        says("DHCPDISCOVER from {mac} via {device}", action="dhcp_discover"),
        says("DHCPREQUEST for {lease} from {mac} via {device}", action="dhcp_request"),
        says("DHCPREQUEST of {lease} on {device} to {dest_host} port {dest_port} {_rest*}",
             action="dhcp_request"),
        says("DHCPOFFER on {lease} to {mac} via {device}", action="dhcp_offer"),
        says("query[{query_type}] {query} from {source_host}", action="dns_query"),
        says("reply {query} is {answer*}", action="dns_answer"),
        says("forwarded {query} to {dest_host}", action="dns_forward"),
        says("cached {query} is {answer*}", action="dns_answer"),
    ),
    samples=(
        Sample("client @0x7f10 192.0.2.7#43278 (www.example.com): query: www.example.com IN AAAA "
               "+E(0)K (192.0.2.53)",
               {"source_host": "192.0.2.7", "source_port": 43278, "query": "www.example.com",
                "query_type": "AAAA", "dest_host": "192.0.2.53", "action": "dns_query"}),
        Sample("client 203.0.113.9#33081: query (cache) 'www.example.com/NS/IN' denied",
               {"source_host": "203.0.113.9", "source_port": 33081,
                "query": "www.example.com/NS/IN", "action": "dns_query", "outcome": "failure"}),
        Sample("DHCPACK of 192.0.2.44 from 192.0.2.1 (xid=0x1a2b3c4d)",
               {"lease": "192.0.2.44", "source_host": "192.0.2.1", "action": "dhcp_lease"}),
    ),
)  # fmt: skip
