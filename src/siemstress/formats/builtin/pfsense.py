"""The packet filter's log of pfSense and OPNsense: comma-separated values by `filterlog`."""

import numpy as np

from siemstress.formats.base import SYSLOGS, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.devices import Meaning
from siemstress.formats.header import Header
from siemstress.formats.parts import Parts
from siemstress.sources.lines import Mask

# pfSense's documentation, "Raw Filter Log Format".
_HEAD = "rule subrule anchor tracker interface reason verdict direction ip_version"
_V4 = f"{_HEAD} tos ecn ttl - - flags protocol_id protocol length source_host dest_host"
_V6 = f"{_HEAD} class flow_label ttl protocol protocol_id length source_host dest_host"
_UDP = "source_port dest_port data_length"
_TCP = f"{_UDP} tcp_flags sequence_number ack_number window urgent tcp_options"
_LAYOUTS = [f"{head} {rest}" for head in (_V4, _V6) for rest in ("", _UDP, _TCP)]
_MEANING = Meaning(
    {"action": ("verdict",), "": ("rule", "id", "length", "reason", "direction", "interface")},
    actions={"pass": "allow", "block": "deny", "reject": "deny"},
)


def _claims(header: Header) -> Mask:
    return header.process_begins("filterlog")


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    lines = header.lines
    pieces = Parts(lines, header.message).pieces(",")
    version = pieces.nth(8)
    number = np.where(version.length == 1, lines.byte(version.start) - np.int64(ord("0")), 0)
    kind = np.full(len(header), -1, np.int64)
    for place, (of_it, at, least) in enumerate(((4, 16, 20), (6, 12, 17))):
        good = (number == of_it) & (pieces.count >= least)
        named = pieces.nth(at)
        protocol = lines.text(named.start, np.where(good, named.length, -1)).str.to_lowercase()
        kind[good] = 3 * place
        kind[(protocol == "udp").fill_null(False).to_numpy()] = 3 * place + 1
        kind[(protocol == "tcp").fill_null(False).to_numpy()] = 3 * place + 2
    good = kind >= 0
    placed = pieces.named(lines, kind, _LAYOUTS).of_rows(good)
    return good, _MEANING.header(header.take(np.flatnonzero(good)), placed, clock, "pfsense")


PFSENSE = Format(
    name="pfsense",
    aliases=("filterlog",),
    rank=30,
    refines=SYSLOGS,
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "Aug 23 06:15:38 fw1 filterlog[926]: 7,,,1000000102,vtnet0,match,block,in,4,0x0,,64,"
            "19008,0,DF,6,tcp,60,203.0.113.9,192.0.2.1,42970,22,0,S,523876198,,64240,,mss;TS",
            {"host": "fw1", "process": "filterlog", "source_host": "203.0.113.9",
             "source_port": 42970, "dest_host": "192.0.2.1", "dest_port": 22, "protocol": "tcp",
             "action": "deny", "outcome": None, "fields.interface": "vtnet0",
             "fields.tcp_flags": "S", "fields.tracker": "1000000102", "fields.verdict": "block"},
        ),
        Sample(
            "<134>1 2017-08-23T06:15:38Z fw1 filterlog 926 - - 5,,,10,em0,match,pass,out,6,0x00,"
            "0x07c63,64,UDP,17,44,2001:db8::6,2001:db8::1,500,53,24",
            {"source_host": "2001:db8::6", "source_port": 500, "dest_port": 53,
             "protocol": "udp", "action": "allow", "fields.tcp_flags": None},
        ),
        Sample(
            "Aug 23 06:15:38 fw1 filterlog: 65,,,0,vmx1,match,pass,out,4,0x0,,63,21011,0,none,1,"
            "icmp,56,192.0.2.11,192.0.2.1,datalength=36",
            {"source_host": "192.0.2.11", "source_port": None, "protocol": "icmp"},
        ),
    ),
)  # fmt: skip
