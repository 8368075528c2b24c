"""MikroTik RouterOS by syslog: topics, `firewall,info`, and then what happened."""

import numpy as np

from siemstress.formats.base import SYSLOGS, Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.devices import Meaning
from siemstress.formats.expression import Expression
from siemstress.formats.header import Header
from siemstress.sources.lines import Mask

_TOPICS = ("firewall,", "system,", "dhcp,", "wireless,", "ppp,", "l2tp,", "pptp,", "sstp,",
           "ovpn,", "ipsec,", "interfac", "account,", "hotspot,")  # fmt: skip


def _address(name: str) -> str:
    return rf"\[?(?P<{name}>\d{{1,3}}(?:\.\d{{1,3}}){{3}}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*?)\]?"


# What stands last is the router's own; the name of a rule, and a user's, may be anything.
_SAID = Expression(
    r"^(?P<topics>[a-z0-9]+(?:,[a-z0-9!-]+)+):? (?P<message>(?:"
    r"(?:(?P<rule>.*) )?(?P<chain>input|forward|output|prerouting|postrouting|srcnat|dstnat):"
    r" in:(?P<in_interface>.+?) out:(?P<out_interface>\S+|\(.*?\)),? .*?"
    r"proto (?P<protocol>[A-Za-z0-9-]+)(?: \((?P<flags>[^)]*)\))?, "
    rf"{_address('source_host')}(?::(?P<source_port>\d{{1,5}}))?->{_address('dest_host')}"
    r"(?::(?P<dest_port>\d{1,5}))?(?:, .*)?"
    r"|(?P<event>login failure) for user (?P<failed>.*) from (?P<from>[0-9A-Fa-f.:]+)"
    r" via (?P<service>\S+)"
    r"|user (?P<user>.*) (?P<done>logged in|logged out) (?:from (?P<peer>[0-9A-Fa-f.:]+) )?"
    r"via (?P<way>\S+)"
    r"|.*))$"
)
_MEANING = Meaning(
    {"user_name": ("failed", "user"), "source_host": ("source_host", "from", "peer"),
     "": ("event", "service", "done")},
    of=(("event",), ("done",), ("chain",), ("rule",)),
    judge=lambda said: _judge(*said),
)  # fmt: skip


def _judge(event: str, done: str, chain: str, rule: str) -> tuple[str | None, str | None]:
    if event:
        return "login", "failure"
    if done:
        return ("login", "success") if done.endswith("in") else ("logout", None)
    if not chain:
        return None, None
    # What a rule does is told by nothing but its name, if at all.
    name = rule.strip("-_: ")
    if name.startswith(("drop", "deny", "block", "reject")):
        return "deny", None
    return ("allow" if name.startswith(("accept", "allow")) else "packet"), None


def _claims(header: Header) -> Mask:
    return header.begins(*_TOPICS)


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    text = header.lines.text(header.message.start, header.message.length)
    good, leaves = _SAID.match(text)
    header = header.take(np.flatnonzero(good))
    return good, _MEANING.header(header, leaves.placed(header.lines), clock, "mikrotik")


MIKROTIK = Format(
    name="mikrotik",
    aliases=("routeros",),
    rank=37,
    refines=SYSLOGS,
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "Aug 23 06:15:38 gw1 firewall,info drop-in input: in:ether1 out:(unknown "
            "0), connection-state:new src-mac 02:00:5e:00:53:01, proto TCP (SYN), "
            "203.0.113.9:4022->192.0.2.1:23, len 40",
            {"host": "gw1", "action": "deny", "source_host": "203.0.113.9", "source_port": 4022,
             "dest_host": "192.0.2.1", "dest_port": 23, "protocol": "tcp", "fields.chain": "input",
             "fields.in_interface": "ether1", "fields.rule": "drop-in"},
        ),
        Sample(
            "Aug 23 06:15:38 gw1 firewall,info forward: in:WAN out:LAN, connection-state:new proto "
            "UDP, [2001:db8::9]:500->[2001:db8::1]:53, len 112",
            {"action": "packet", "source_host": "2001:db8::9", "source_port": 500,
             "dest_host": "2001:db8::1", "dest_port": 53, "fields.rule": None},
        ),
        Sample(
            "Aug 23 06:15:38 gw1 system,error,critical login failure for user x from 192.0.2.66 "
            "from 203.0.113.9 via winbox",
            {"action": "login", "outcome": "failure", "user_name": "x from 192.0.2.66",
             "source_host": "203.0.113.9", "fields.service": "winbox"},
        ),
        Sample(
            "Aug 23 06:15:38 gw1 system,info,account user admin logged in from 192.0.2.7 via ssh",
            {"action": "login", "outcome": "success", "user_name": "admin",
             "source_host": "192.0.2.7"},
        ),
    ),
)  # fmt: skip
