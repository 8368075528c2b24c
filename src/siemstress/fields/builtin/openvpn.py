"""OpenVPN, by syslog or in its own log."""

from __future__ import annotations

from siemstress.fields.tables import Pattern, Sample, Table, says

_LOGIN = {"action": "login", "outcome": "failure"}
_FAMILY = "{?{_family=[AF_INET]|[AF_INET6]|[AF_INET6]::ffff:}?}"
_ADDRESS = f"{_FAMILY}{{?[?}}{{source_host#}}{{?]?}}:{{source_port+}}"
# A client is known by its certificate's name once that has been checked.
_PEERS = (
    f"{{?{{_transport=udp4|udp6|tcp4|tcp6}}:?}}{_ADDRESS} ",
    f"{{user_name}}/{{?{{_transport=udp4|udp6|tcp4|tcp6}}:?}}{_ADDRESS} ",
)

TABLE = Table(
    programs=("openvpn", "ovpn-server", "ovpn-client", "stamped"),
    patterns=(
        *(
            Pattern(f"{peer}{text}", sets)
            for peer in _PEERS
            for text, sets in (
                ("TLS Auth Error: {reason*}", _LOGIN),
                ("TLS Error: {reason*}", {"action": "vpn_connect", "outcome": "failure"}),
                ("VERIFY ERROR: {reason*}", _LOGIN),
                ("TLS: Initial packet from {_rest*}", {"action": "vpn_connect"}),
                ("{?[{_name}] ?}Peer Connection Initiated with {_rest*}",
                 {"action": "vpn_connect", "outcome": "success"}),
                ("SIGUSR1[{reason}] received, {_rest*}", {"action": "vpn_disconnect"}),
                ("SIGTERM[{reason}] received, {_rest*}", {"action": "vpn_disconnect"}),
                ("Connection reset, restarting [{reason}]", {"action": "vpn_disconnect"}),
                ("MULTI_sva: pool returned IPv4={lease}, IPv6={lease_v6*}",
                 {"action": "address_change"}),
                ("Connection refused{_rest*}", {"action": "vpn_connect", "outcome": "failure"}),
            )
        ),
        Pattern(f"{_PEERS[0]}TLS: Username/Password authentication {{_verb=succeeded|deferred}} "
                "for username '{user_name**}'{? [CN SET]?}{? {_rest*}?}",
                {"action": "login", "outcome": "success"}),
        Pattern(f"{_PEERS[0]}[{{user_name**}}] Peer Connection Initiated with {_FAMILY}{{_peer}}",
                {"action": "vpn_connect", "outcome": "success"}),
        says(f"[{{user_name**}}] Peer Connection Initiated with {_ADDRESS}{{? {{_rest*}}?}}",
             action="vpn_connect", outcome="success"),
        says(f"TLS Error: {{reason*}} from {_ADDRESS}{{? {{_rest*}}?}}", action="vpn_connect",
             outcome="failure"),
        says(f"TCP connection established with {_ADDRESS}", action="connect"),
    ),
    samples=(
        Sample("203.0.113.9:10107 SIGUSR1[soft,connection-reset] received, client-instance "
               "restarting",
               {"source_host": "203.0.113.9", "source_port": 10107, "action": "vpn_disconnect",
                "reason": "soft,connection-reset"}),
        Sample("TLS Error: cannot locate HMAC in incoming packet from [AF_INET]203.0.113.9:55340",
               {"reason": "cannot locate HMAC in incoming packet", "source_host": "203.0.113.9",
                "source_port": 55340, "action": "vpn_connect", "outcome": "failure"}),
        Sample("203.0.113.9:10107 TLS Auth Error: Auth Username/Password verification failed for "
               "peer",
               {"source_host": "203.0.113.9", "source_port": 10107,
                "reason": "Auth Username/Password verification failed for peer", **_LOGIN}),
    ),
)  # fmt: skip
