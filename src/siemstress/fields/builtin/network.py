"""DHCP clients."""

from siemstress.fields.tables import Sample, Table, says

TABLE = Table(
    programs=("dhclient",),
    patterns=(
        says("DHCPACK of {lease} from {source_host} (xid={_xid})", action="dhcp_lease"),
        says("DHCPACK of {lease} from {source_host}", action="dhcp_lease"),
        says("DHCPREQUEST of {lease} on {device} to {dest_host} port {dest_port} {_rest*}",
             action="dhcp_request"),
    ),
    samples=(
        Sample("DHCPACK of 192.0.2.44 from 192.0.2.1 (xid=0x1a2b3c4d)",
               {"lease": "192.0.2.44", "source_host": "192.0.2.1", "action": "dhcp_lease"}),
    ),
)  # fmt: skip
