"""Cisco IOS, IOS-XE and NX-OS by way of a syslog server: messages with `%FACILITY-n-MNEMONIC:`.

A sequence number, the device's name and its own stamp may stand in front of the mark.
"""

from dataclasses import replace

import numpy as np

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.builtin.ciscoasa import claims as firewalls
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header
from siemstress.formats.marks import marked
from siemstress.sources.lines import Mask

_MARK = (
    r"(?P<before>(?:(?P<device>[^%]{0,80}): |[*:. ]{0,3}))"
    r"%(?P<mark>[A-Z][A-Z0-9_]*(?:-[A-Z][A-Z0-9_]*)*-(?P<level>[0-7])-[A-Z0-9_]+): ?"
)


def _claims(header: Header) -> Mask:
    """The tag is a number or a mark, or the message begins with a mark."""
    found = header.begins("%", ": %", ": 20") | header.process_begins(*"0123456789%")
    return found & ~firewalls(header) if found.any() else found


def _refine(header: Header, _clock: Clock) -> tuple[Mask, Header]:
    process = header.spans.get("process")
    good, better = marked(header, _MARK, "ciscoios")
    if process is not None:
        process = process.take(np.flatnonzero(good))
        number = header.lines.number(process.start, process.length)
        sequence = replace(process, length=np.where(number >= 0, process.length, -1))
        better.fields = {**better.fields, "sequence": sequence}
    return good, better


CISCO = Format(
    name="ciscoios",
    aliases=("cisconxos",),
    rank=35,
    refines=SYSLOGS,
    read=standing(_refine, _claims),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "Apr  5 10:11:12 10.0.0.1 45: R1: %SYS-5-CONFIG_I: Configured from console by vty0",
            {"time": "2017-04-05T10:11:12", "host": "10.0.0.1", "process": "SYS-5-CONFIG_I",
             "severity": 5, "message": "Configured from console by vty0",
             "fields.device": "R1", "fields.sequence": "45"},
        ),
        Sample(
            "Apr  5 10:11:12 10.0.0.1 46: *Apr  5 10:11:11.123: %LINK-3-UPDOWN: Interface Gi0/1, "
            "changed state to down",
            {"process": "LINK-3-UPDOWN", "severity": 3, "action": "link_down",
             "message": "Interface Gi0/1, changed state to down"},
        ),
        Sample(
            "Apr  5 10:11:12 sw1 %SEC-6-IPACCESSLOGP: list 101 denied tcp 203.0.113.9(4022) -> "
            "192.0.2.1(22), 1 packet",
            {"host": "sw1", "process": "SEC-6-IPACCESSLOGP", "action": "deny", "severity": 6,
             "source_host": "203.0.113.9", "source_port": 4022, "dest_port": 22},
        ),
        Sample(
            "<189>45: *Aug 23 06:15:38.123: %SYS-5-CONFIG_I: Configured from console by vty0",
            {"time": "2017-08-23T06:15:38.123", "process": "SYS-5-CONFIG_I", "severity": 5,
             "facility": "local7", "action": "config_change"},
        ),
        Sample(
            "%VSHD-5-VSHD_SYSLOG_CONFIG_I: Configured from vty by bob on 192.0.2.7@pts/0",
            {"process": "VSHD-5-VSHD_SYSLOG_CONFIG_I", "action": "config_change",
             "user_name": "bob", "source_host": "192.0.2.7"},
        ),
    ),
)  # fmt: skip
