"""strongSwan's charon: tunnels that come and go."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_UP = {"action": "vpn_connect"}
_FAILED = {"action": "vpn_connect", "outcome": "failure"}
_PACKET = "{source_host}[{source_port}] to {dest_host}[{dest_port}]"
_BETWEEN = "{dest_host}[{_local*}]...{source_host}[{peer_id*}]"


def _said(head: str) -> Iterator[Pattern]:
    for text in ("sending packet: ", "received packet: "):
        for end in (" ({bytes} bytes)", ""):
            yield says(f"{head}{text}from {_PACKET}{end}", protocol="udp", action="packet")
    for kind in ("an IKE_SA", "a Main Mode IKE_SA", "a Aggressive Mode IKE_SA",
                 "an Aggressive Mode IKE_SA"):  # fmt: skip
        yield Pattern(f"{head}{{source_host}} is initiating {kind}", _UP)
    yield Pattern(f"{head}initiating IKE_SA {{connection}} to {{dest_host}}", _UP)
    yield Pattern(f"{head}IKE_SA {{connection}} established between {_BETWEEN}",
                  {**_UP, "outcome": "success"})  # fmt: skip
    yield says(f"{head}deleting IKE_SA {{connection}} between {_BETWEEN}", action="vpn_disconnect")
    yield says(f"{head}CHILD_SA {{connection}} established with SPIs {{_spis*}} and TS "
               "{networks*}",
               action="vpn_connect", outcome="success")  # fmt: skip
    yield Pattern(f"{head}no IKE config found for {{dest_host}}...{{source_host}}, sending "
                  "{reason}",
                  _FAILED)  # fmt: skip
    yield Pattern(f"{head}looking for peer configs matching {_BETWEEN}", _UP)
    yield Pattern(f"{head}received {{reason}} notify error", _FAILED)
    yield Pattern(f"{head}received {{reason}} error notify", _FAILED)
    yield Pattern(f"{head}no matching peer config found",
                  {**_FAILED, "reason": "no matching peer config found"})  # fmt: skip
    yield Pattern(f"{head}no proposal chosen", {**_FAILED, "reason": "no proposal chosen"})
    yield Pattern(f"{head}EAP method {{method}} failed for peer {{user_name*}}",
                  {"action": "login", "outcome": "failure"})  # fmt: skip
    for word, outcome in (("successful", "success"), ("failed", "failure")):
        known = {"action": "login", "outcome": outcome}
        for how in ("EAP", "pre-shared key", "{method*}"):
            method = {} if "{" in how else {"method": how}
            yield Pattern(f"{head}authentication of '{{user_name*}}' with {how} {word}",
                          known | method)  # fmt: skip
        yield Pattern(f"{head}XAuth authentication of '{{user_name*}}' {word}",
                      {**known, "method": "XAuth"})  # fmt: skip
    yield says(
        f"{head}assigning virtual IP {{lease}} to peer '{{user_name*}}'", action="dhcp_lease"
    )
    yield says(f"{head}peer requested virtual IP {{_any}}")


TABLE = Table(
    programs=("charon", "charon-systemd", "charon-nm", "ipsec"),
    patterns=(
        *_said("{_thread}[{group}] <{_sa}> "),
        *_said("{_thread}[{group}] "),
    ),
    samples=(
        Sample("06[NET] <con1|83> received packet: from 203.0.113.9[4500] to 192.0.2.1[4500] "
               "(128 bytes)",
               {"group": "NET", "source_host": "203.0.113.9", "source_port": 4500,
                "dest_host": "192.0.2.1", "dest_port": 4500, "bytes": "128", "protocol": "udp",
                "action": "packet"}),
        Sample("05[IKE] 203.0.113.9 is initiating an IKE_SA",
               {"group": "IKE", "source_host": "203.0.113.9", "action": "vpn_connect"}),
        Sample("05[IKE] IKE_SA con1[62] established between 192.0.2.1[vpn.example.com]..."
               "203.0.113.9[alice]",
               {"group": "IKE", "connection": "con1[62]", "dest_host": "192.0.2.1",
                "source_host": "203.0.113.9", "peer_id": "alice", "action": "vpn_connect",
                "outcome": "success"}),
        Sample("05[IKE] <con1|62> authentication of 'alice' with EAP successful",
               {"group": "IKE", "user_name": "alice", "method": "EAP", "action": "login",
                "outcome": "success"}),
        Sample("05[IKE] no IKE config found for 192.0.2.1...203.0.113.9, sending "
               "NO_PROPOSAL_CHOSEN",
               {"group": "IKE", "dest_host": "192.0.2.1", "source_host": "203.0.113.9",
                "reason": "NO_PROPOSAL_CHOSEN", "action": "vpn_connect", "outcome": "failure"}),
    ),
)  # fmt: skip
