"""Firewalls that write key=value pairs: SonicWall, Sophos, Check Point, Juniper SRX."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.devices import (
    DECISIONS,
    Meaning,
    Verdict,
    given,
    peers,
    transports,
    without_nothing,
)
from siemstress.formats.header import Header, Span, unread
from siemstress.formats.leaves import Placed
from siemstress.formats.named import untimed
from siemstress.formats.pairs import Pairs
from siemstress.formats.stamps import NO_TIME, NO_ZONE, iso
from siemstress.formats.syslog import priority, without_return
from siemstress.sources.lines import Lines, Mask, clipped

_PAIRS = Pairs()


def _with(header: Header, names: Sequence[str], part: Span, pairs: Pairs) -> tuple[Mask, Placed]:
    """The pairs of messages that have values of all of some names, and which do."""
    placed = pairs.read(header.lines, part)
    good = np.ones(len(header), bool)
    for name in names:
        span = placed.column(name)
        good &= span.length > 0 if span is not None else False
    return good, placed.of_rows(good)


# --- SonicWall: SonicOS Log Events Reference Guide ----------------------------------------------

# Login denied, User login denied, and so on; logged in, logged out.
_SONIC_EVENTS = {
    "29": ("login", "success"), "30": ("login", "failure"), "31": ("login", "success"),
    "32": ("login", "failure"), "33": ("login", "failure"), "199": ("login", "success"),
    "200": ("login", "failure"), "235": ("login", "success"), "236": ("login", "success"),
    "237": ("login", "success"), "238": ("login", "failure"), "261": ("logout", None),
    "262": ("logout", None), "263": ("logout", None), "98": ("connect", None),
    "537": ("disconnect", None), "36": ("deny", None), "37": ("deny", None), "38": ("deny", None),
    "41": ("deny", None), "82": ("port_scan", None), "83": ("port_scan", None),
}  # fmt: skip


def _sonic_judge(said: Sequence[str]) -> Verdict:
    number, decision, message = said
    if number in _SONIC_EVENTS:
        return _SONIC_EVENTS[number]
    decided = DECISIONS.get(decision.strip('"'))
    if decided is None and message.endswith((" dropped", " denied", " blocked")):
        decided = "deny"
    return decided, None


_SONICWALL = Meaning(
    columns={
        "time": ("time",), "severity": ("pri",), "host": ("fw",),
        "source_host": ("srcv6", "_source"), "source_port": ("_source_port",),
        "dest_host": ("dstv6", "_dest"), "dest_port": ("_dest_port",),
        "protocol": ("_protocol",), "user_name": ("usr", "user"), "message": ("msg",),
        "": ("src", "dst", "proto", "id", "action", "app"),
    },
    of=(("m",), ("fw_action",), ("msg",)),
    judge=_sonic_judge,
)  # fmt: skip


def _sonic_claims(header: Header) -> Mask:
    return header.begins("id=")


def _sonic_refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    good, placed = _with(header, ("sn", "fw", "pri"), header.message, _PAIRS)
    placed = peers(placed, ("src",), "_source", "_source_port")
    placed = peers(placed, ("dst",), "_dest", "_dest_port")
    protocol = placed.texts_of("proto").str.extract(r"^([A-Za-z][\w-]*)(?:/|$)")
    time = placed.texts_of("time").str.replace(r" (?:UTC|GMT)$", "Z")
    placed = given(placed, {"_protocol": protocol, "time": time}, ("time",))
    return good, _SONICWALL.header(header.take(np.flatnonzero(good)), placed, clock, "sonicwall")


SONICWALL = Format(
    name="sonicwall",
    columns=_SONICWALL.columns,
    rank=34,
    refines=SYSLOGS,
    read=standing(_sonic_refine, _sonic_claims),
    claims=_sonic_claims,
    refine=_sonic_refine,
    samples=(
        Sample(
            'id=firewall sn=00301E time="2017-08-23 06:15:38 UTC" fw=192.0.2.1 pri=5 c=64 m=36 '
            'msg="TCP connection dropped" n=2686 src=203.0.113.9:4507:WAN dst=192.0.2.7:445:LAN '
            "proto=tcp/445 rule=0",
            {"time": "2017-08-23T06:15:38", "host": "192.0.2.1", "severity": 5,
             "source_host": "203.0.113.9", "source_port": 4507, "dest_host": "192.0.2.7",
             "dest_port": 445, "protocol": "tcp", "action": "deny",
             "message": "TCP connection dropped", "fields.m": "36"},
        ),
        Sample(
            'Aug 23 06:15:38 fw1 id=firewall sn=00301E time="2017-08-23 06:15:37" fw=192.0.2.1 '
            'pri=1 c=32 m=30 msg="Administrator login denied due to bad credentials" n=7 '
            "src=203.0.113.9:3671:WAN dst=192.0.2.1:443:WAN",
            {"time": "2017-08-23T06:15:37", "action": "login", "outcome": "failure",
             "severity": 1, "source_host": "203.0.113.9"},
        ),
    ),
)  # fmt: skip

# --- Sophos: SFOS Syslog Guide ------------------------------------------------------------------


def _sophos_judge(said: Sequence[str]) -> Verdict:
    kind, component, subtype, status = said
    if (kind == "event" and "authentication" in component) or component.endswith(" login"):
        outcome = {"successful": "success", "success": "success", "failed": "failure"}
        return "login", outcome.get(status) or outcome.get(subtype)
    if kind in ("idp", "ips", "atp"):
        return "alert", None
    if kind == "anti-virus":
        return "malware", None
    return DECISIONS.get(subtype) or DECISIONS.get(status), None


_SOPHOS = Meaning(
    columns={
        "time": ("timestamp", "_time"), "host": ("device_name",),
        "severity": ("priority", "severity"),
        "source_host": ("src_ip",), "source_port": ("src_port",), "dest_host": ("dst_ip",),
        "dest_port": ("dst_port",), "protocol": ("protocol",), "user_name": ("user_name", "user"),
        "message": ("message",),
        "": ("date", "time", "timezone", "status", "action", "process", "application"),
    },
    of=(("log_type",), ("log_component",), ("log_subtype",), ("status",)),
    judge=_sophos_judge,
)  # fmt: skip


def _sophos_claims(header: Header) -> Mask:
    return header.begins('device="', "device_name=")


def _sophos_refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    good, placed = _with(header, ("log_id", "log_type"), header.message, _PAIRS)
    # The zone is a name that depends on where the firewall stands.
    both = pl.DataFrame({name: placed.texts_of(name) for name in ("date", "time", "timezone")})
    zone = pl.col("timezone").str.extract(r"^([+-]\d\d(?::?\d\d)?)$").fill_null("")
    stamp = both.select(pl.concat_str("date", pl.lit("T"), "time", zone)).to_series()
    placed = given(without_nothing(transports(placed, "protocol")), {"_time": stamp},
                   ("date", "time", "timezone"))  # fmt: skip
    return good, _SOPHOS.header(header.take(np.flatnonzero(good)), placed, clock, "sophos")


SOPHOS = Format(
    name="sophos",
    columns=_SOPHOS.columns,
    rank=34,
    refines=SYSLOGS,
    read=standing(_sophos_refine, _sophos_claims),
    claims=_sophos_claims,
    refine=_sophos_refine,
    samples=(
        Sample(
            'device="SFW" date=2017-08-23 time=06:15:38 timezone="+01" device_name="XG1" '
            'device_id=S1 log_id=010102600002 log_type="Firewall" log_component="Firewall Rule" '
            'log_subtype="Denied" status="Deny" priority=Notice src_ip=203.0.113.9 '
            'dst_ip=192.0.2.1 protocol="TCP" src_port=4022 dst_port=22',
            {"time": "2017-08-23T05:15:38", "host": "XG1", "severity": 5, "action": "deny",
             "source_host": "203.0.113.9", "source_port": 4022, "dest_port": 22,
             "protocol": "tcp", "fields.log_component": "Firewall Rule"},
        ),
        Sample(
            '<30>device_name="SFW" timestamp="2017-08-23T06:15:38+0200" device_model="XG" '
            'log_id="1" log_type="Event" log_component="Firewall Authentication" '
            'log_subtype="Authentication" status="Failed" user_name="eve" src_ip="203.0.113.9"',
            {"time": "2017-08-23T04:15:38", "action": "login", "outcome": "failure",
             "user_name": "eve", "source_host": "203.0.113.9"},
        ),
    ),
)  # fmt: skip

# --- Check Point (Log Exporter) and Juniper SRX: pairs in brackets, as structured data ------------

_CHECK_PAIRS = Pairs(separators=";[", equals=":", names=r"^[A-Za-z_][\w -]*$")
_JUNIPER_PAIRS = Pairs()


def _check_judge(said: Sequence[str]) -> Verdict:
    action, status = said
    if action in ("log in", "login", "failed log in"):
        failed = action.startswith("failed") or status.startswith("fail")
        return "login", "failure" if failed else "success"
    return {"log out": "logout"}.get(action) or DECISIONS.get(action), None


_CHECKPOINT = Meaning(
    columns={
        "time": ("time",), "source_host": ("src",), "source_port": ("s_port",),
        "dest_host": ("dst",), "dest_port": ("service",), "protocol": ("proto",),
        "user_name": ("user", "src_user_name", "administrator"),
        "": ("action", "origin", "severity", "level", "process", "version", "product",
             "status"),
    },
    of=(("action",), ("status",)),
    judge=_check_judge,
)  # fmt: skip


def _junos_judge(said: Sequence[str]) -> Verdict:
    (event,) = said
    if event.endswith("session_deny"):
        return "deny", None
    if event.startswith("rt_screen"):
        return "flood", None
    ended = {"create": "connect", "close": "disconnect", "update": "flow"}
    if "_session_" in event:
        return ended.get(event.rpartition("_")[2]), None
    if event.startswith("idp_attack"):
        return "alert", None
    if event == "av_virus_detected_mt":
        return "malware", None
    return {"webfilter_url_blocked": "deny", "webfilter_url_permitted": "allow"}.get(event), None


_JUNIPER = Meaning(
    columns={
        "source_host": ("source-address",), "source_port": ("source-port",),
        "dest_host": ("destination-address",), "dest_port": ("destination-port",),
        "protocol": ("protocol-id",), "user_name": ("username",),
        "": ("message", "action", "application", "reason"),
    },
    of=(("msgid",),),
    judge=_junos_judge,
)  # fmt: skip


def _bracketed(
    header: Header, clock: Clock, *, pairs: Pairs, meaning: Meaning, names: Sequence[str],
    as_name: str,
) -> tuple[Mask, Header]:  # fmt: skip
    event = header.fields.get("msgid")
    part = header.message
    if event is not None:
        # What stands between the message's name and the message.
        start = np.maximum(event.start + event.length, event.start)
        part = Span(start, part.start + part.length - start)
    good, placed = _with(header, names, part, pairs)
    rows = np.flatnonzero(good)
    header = header.take(rows)
    header.extra, header.fields = None, dict(header.fields)
    if as_name == "juniper" and event is not None:
        placed = placed.led({"msgid": header.fields.pop("msgid")})
    placed = without_nothing(transports(placed, "proto", "protocol-id"))
    return good, meaning.header(header, placed, clock, as_name)


_CHECK_REFINE = partial(
    _bracketed, pairs=_CHECK_PAIRS, meaning=_CHECKPOINT, names=("action",), as_name="checkpoint"
)
_JUNIPER_REFINE = partial(
    _bracketed, pairs=_JUNIPER_PAIRS, meaning=_JUNIPER, names=("source-address",),
    as_name="juniper",
)  # fmt: skip

# What stands in the brackets is no structured data, so that the line is none of RFC 5424.
_CHECK_HEAD = r"^(?P<version>1 )(?P<time>\S+) (?P<host>\S+) CheckPoint (?P<pid>\d{1,8}) - \["
_SEEN = 256


def _check_read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, _ = without_return(lines)
    mark = priority(lines)
    size = clipped(lines, mark.start, np.minimum(ends - mark.start, _SEEN))
    groups = lines.text(mark.start, size).str.extract_groups(_CHECK_HEAD).struct.unnest()
    ok = groups["version"].is_not_null().to_numpy()
    rows = np.flatnonzero(ok)
    if not len(rows):
        return ok, unread(lines.take(rows))
    length = {n: groups[n].str.len_bytes().gather(rows).to_numpy().astype(np.int64)
              for n in ("time", "host", "pid")}  # fmt: skip
    time = mark.start[rows] + 2
    host = time + length["time"] + 1
    pid = host + length["host"] + len(" CheckPoint ")
    message = pid + length["pid"] + len(" - ")
    base = untimed(lines, rows, ends, "checkpoint")
    stamps = iso(lines.take(rows), time, time + length["time"], clock)
    good = stamps.ok & (stamps.length == length["time"])
    base = replace(
        base, time=np.where(good, stamps.time, NO_TIME),
        zone=np.where(good, stamps.zone, NO_ZONE).astype(np.int16),
        spans={"host": Span(host, length["host"]),
               "process": Span(pid - len("CheckPoint "), np.full(len(rows), len("CheckPoint")))},
        pid=lines.number(pid, length["pid"]), message=Span(message, ends[rows] - message),
        facility=None if mark.facility is None else mark.facility[rows],
        severity=None if mark.severity is None else mark.severity[rows],
    )  # fmt: skip
    found, header = _CHECK_REFINE(base, clock)
    ok[rows[~found]] = False
    return ok, header


CHECKPOINT = Format(
    name="checkpoint",
    columns=_CHECKPOINT.columns,
    rank=34,
    read=_check_read,
    samples=(
        Sample(
            '<134>1 2017-08-23T06:15:38Z gw1 CheckPoint 19710 - [action:"Drop"; flags:"400644"; '
            'ifdir:"inbound"; time:"1503468937"; dst:"192.0.2.1"; proto:"17"; s_port:"4022"; '
            'service:"53"; src:"203.0.113.9"; rule_name:"a; b"]',
            {"time": "2017-08-23T06:15:37", "host": "gw1", "action": "deny",
             "source_host": "203.0.113.9", "source_port": 4022, "dest_host": "192.0.2.1",
             "dest_port": 53, "protocol": "udp", "fields.rule_name": "a; b"},
        ),
    ),
)  # fmt: skip
JUNIPER = Format(
    name="juniper",
    columns=_JUNIPER.columns,
    aliases=("junos",),
    rank=34,
    refines=SYSLOGS,
    claims=lambda header: header.process_begins("RT_"),
    refine=_JUNIPER_REFINE,
    samples=(
        Sample(
            "<14>1 2017-08-23T06:15:38.5Z srx1 RT_FLOW - RT_FLOW_SESSION_DENY "
            '[junos@2636.1.1.1.2.129 source-address="203.0.113.9" source-port="4022" '
            'destination-address="192.0.2.1" destination-port="22" service-name="junos-ssh" '
            'protocol-id="6" policy-name="in" username="N/A"]',
            {"time": "2017-08-23T06:15:38.5", "host": "srx1", "action": "deny",
             "source_host": "203.0.113.9", "source_port": 4022, "dest_host": "192.0.2.1",
             "dest_port": 22, "protocol": "tcp", "user_name": None,
             "fields.policy-name": "in", "fields.msgid": "RT_FLOW_SESSION_DENY"},
        ),
    ),
)  # fmt: skip
