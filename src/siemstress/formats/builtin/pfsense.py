"""The packet filter's log of pfSense and OPNsense: comma-separated values by `filterlog`."""

import numpy as np

from siemstress.formats.base import SYSLOGS, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.devices import Meaning, of_spans
from siemstress.formats.header import Header, Span
from siemstress.formats.parts import Parts
from siemstress.sources.lines import Mask

# pfSense's documentation, "Raw Filter Log Format".
_HEAD = ("rule", "subrule", "anchor", "tracker", "interface", "reason", "verdict", "direction",
         "ip_version")  # fmt: skip
_V4 = ("tos", "ecn", "ttl", "id", "offset", "flags", "protocol_id", "protocol", "length",
       "source_host", "dest_host")  # fmt: skip
_V6 = ("class", "flow_label", "ttl", "protocol", "protocol_id", "length", "source_host",
       "dest_host")  # fmt: skip
_PORTS = ("source_port", "dest_port", "data_length")
_TCP = ("tcp_flags", "sequence_number", "ack_number", "window", "urgent", "tcp_options")
_LEFT_OUT = {"id", "offset"}
_MEANING = Meaning(
    {"action": ("verdict",), "": ("rule", "id", "length", "reason", "direction", "interface")},
    actions={"pass": "allow", "block": "deny", "reject": "deny"},
)


def _claims(header: Header) -> Mask:
    return header.process_begins("filterlog")


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    pieces = Parts(header.lines, header.message).cut(",", 30)
    version = header.lines.byte(pieces[8].start) * (pieces[8].length == 1)
    good = ((version == ord("4")) & (pieces[19].length > 0)) | (
        (version == ord("6")) & (pieces[16].length > 0)
    )
    rows = np.flatnonzero(good)
    header, version = header.take(rows), version[rows]
    pieces = [piece.take(rows) for piece in pieces]
    spans = dict(zip(_HEAD, pieces, strict=False))
    old, new = version == ord("4"), version == ord("6")
    for of_it, names in ((old, _V4), (new, _V6)):
        at = len(_HEAD)
        for place, name in enumerate(names, at):
            _put(spans, name, pieces[place], of_it)
        protocol = header.lines.text(spans["protocol"].start, spans["protocol"].length)
        known = protocol.str.to_lowercase()
        ported = of_it & known.is_in(["tcp", "udp"]).fill_null(False).to_numpy()
        at += len(names)
        for place, name in enumerate(_PORTS, at):
            _put(spans, name, pieces[place], ported)
        tcp = ported & (known == "tcp").fill_null(False).to_numpy()
        for place, name in enumerate(_TCP, at + len(_PORTS)):
            _put(spans, name, pieces[place], tcp)
    placed = of_spans(header.lines, {n: s for n, s in spans.items() if n not in _LEFT_OUT})
    return good, _MEANING.header(header, placed, clock, "pfsense")


def _put(spans: dict[str, Span], name: str, piece: Span, rows: Mask) -> None:
    none = Span(np.zeros(len(rows), np.int64), np.full(len(rows), -1, np.int64))
    old = spans.get(name, none)
    spans[name] = Span(
        np.where(rows, piece.start, old.start), np.where(rows, piece.length, old.length)
    )


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
