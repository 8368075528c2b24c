"""Cisco's firewalls: ASA, FTD, PIX and the FWSM, whose messages begin `%ASA-6-302013: `."""

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.formats.marks import marked
from siemstress.sources.lines import Mask

_NAMES = ("%ASA-", "%FTD-", "%PIX-", "%FWSM-")
_MARK = (
    r"(?P<before>(?:[ :]{0,3}))%(?P<mark>(?:ASA|FTD|PIX|FWSM)-(?:[a-z]+-)?(?P<level>[0-7])-\d{5,6})"
    r":? "
)


def claims(header: Header) -> Mask:
    """Which messages bear a firewall's mark."""
    starts = tuple(f"{led}{name}" for name in _NAMES for led in ("", ": ", " "))
    return header.begins(*starts) | header.process_begins(*_NAMES)


def _refine(header: Header, _clock: Clock) -> tuple[Mask, Header]:
    return marked(header, _MARK, "ciscoasa")


ASA = Format(
    name="ciscoasa",
    aliases=("ciscoftd", "ciscopix"),
    rank=28,
    refines=SYSLOGS,
    read=standing(_refine, claims),
    claims=claims,
    refine=_refine,
    samples=(
        Sample(
            "Aug 23 06:15:38 fw1 %ASA-6-302013: Built inbound TCP connection 77 for "
            "outside:203.0.113.9/4022 (203.0.113.9/4022) to inside:192.0.2.1/22 (198.51.100.1/22)",
            {"time": "2017-08-23T06:15:38", "host": "fw1", "process": "ASA-6-302013",
             "severity": 6, "action": "connect", "source_host": "203.0.113.9",
             "source_port": 4022, "dest_host": "192.0.2.1", "dest_port": 22, "protocol": "tcp"},
        ),
        Sample(
            "<164>Aug 23 2017 06:15:38 fw1 : %ASA-4-106023: Deny udp src outside:203.0.113.9/53 "
            'dst inside:192.0.2.1/137 by access-group "out_in" [0x0, 0x0]',
            {"host": "fw1", "severity": 4, "action": "deny", "protocol": "udp",
             "source_host": "203.0.113.9", "dest_port": 137, "fields.rule": "out_in"},
        ),
        Sample(
            "%FTD-6-605005: Login permitted from 192.0.2.7/3422 to inside:192.0.2.1/ssh for user "
            '"bob"',
            {"process": "FTD-6-605005", "action": "login", "outcome": "success",
             "user_name": "bob", "source_host": "192.0.2.7"},
        ),
    ),
)  # fmt: skip
