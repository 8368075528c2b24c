"""What tcpdump prints of packets, one a line, with the time of day."""

import numpy as np
import polars as pl

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span, unread
from siemstress.formats.stamps import time_of_day
from siemstress.formats.syslog import without_return
from siemstress.sources.lines import Ints, Lines, Mask

# "IP ", "IP6 ", "ARP" as words.
_IP, _IP6, _ARP = (int.from_bytes(text, "little") for text in (b"IP \0", b"IP6 ", b"ARP\0"))
_THREE = np.uint32(0xFFFFFF)


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    stamps = time_of_day(lines, lines.starts, clock)
    at = lines.starts + stamps.length
    word = lines.half_words[np.minimum(at + 1, ends)]
    ip, ip6 = (word & _THREE) == _IP, word == _IP6
    arp = (word & _THREE) == _ARP
    ok = stamps.ok & (at + 4 < ends) & (lines.byte(np.minimum(at, ends)) == 32)
    ok &= ip | ip6 | arp
    if not ok.any():
        return ok, unread(lines.take(np.flatnonzero(ok)))
    message = at + 1
    rows = np.flatnonzero(ok)
    start = np.where(ip6, message + 4, message + 3)
    to = lines.find(np.minimum(start, ends), ends, " > ")
    second = np.minimum(start + np.maximum(to, 0) + 3, ends)
    colon = lines.find(second, ends, ": ")
    flow = (ip | ip6) & (to > 0) & (colon > 0)
    source = _endpoint(lines, start, np.where(flow, to, -1))
    target = _endpoint(lines, second, np.where(flow, colon, -1))
    exact = stamps.exact if returned is None else stamps.exact & ~returned
    header = Header(
        lines=lines, format="tcpdump", message=Span(message, ends - message),
        time=stamps.time, zone=stamps.zone, program="tcpdump", rebuilt=exact,
        spans={"source_host": source[0], "source_port": source[1],
               "dest_host": target[0], "dest_port": target[1]},
    )  # fmt: skip
    return ok, header.take(rows)


def _endpoint(lines: Lines, start: Ints, length: Ints) -> tuple[Span, Span]:
    """Address and port of `192.0.2.1.443`: the last part, unless it belongs to the address."""
    text = lines.text(start, length)
    plain = text.str.contains(r"^\d+\.\d+\.\d+\.\d+$").fill_null(True).to_numpy()
    port = text.str.extract(r"\.([A-Za-z0-9_-]+)$").str.len_bytes().cast(pl.Int64).fill_null(-1)
    size = np.where(plain, -1, port.to_numpy())
    host = np.where(size > 0, length - size - 1, length)
    return Span(start, host), Span(start + host + 1, size)


TCPDUMP = Format(
    name="tcpdump",
    read=_read,
    rank=30,
    samples=(
        Sample(
            "06:15:38.123456 IP 10.0.0.5.51234 > 10.0.0.1.443: Flags [S], seq 1, length 0",
            {"source_host": "10.0.0.5", "source_port": 51234, "dest_host": "10.0.0.1",
             "dest_port": 443, "protocol": "tcp", "fields.flags": "S"},
        ),
        Sample(
            "06:15:38.123456 IP6 2001:db8::5.53 > 2001:db8::1.40000: UDP, length 40",
            {"source_host": "2001:db8::5", "source_port": 53, "dest_host": "2001:db8::1",
             "dest_port": 40000, "protocol": "udp"},
        ),
        Sample(
            "06:15:38.123456 IP 10.0.0.5 > 10.0.0.1: ICMP echo request, id 1, seq 1, length 64",
            {"source_host": "10.0.0.5", "source_port": None, "dest_host": "10.0.0.1",
             "protocol": "icmp"},
        ),
        Sample(
            "06:15:38.123456 ARP, Request who-has 10.0.0.1 tell 10.0.0.5, length 28",
            {"source_host": "10.0.0.5", "dest_host": "10.0.0.1", "protocol": "arp"},
        ),
    ),
)  # fmt: skip
