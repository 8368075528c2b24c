"""Fortinet's FortiGate: key=value pairs that begin with a date (FortiOS Log Message Reference)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.devices import (
    DECISIONS,
    Meaning,
    Verdict,
    given,
    transports,
    without_nothing,
)
from siemstress.formats.header import Header, Span
from siemstress.formats.leaves import Placed
from siemstress.formats.pairs import Pairs
from siemstress.sources.lines import Mask

_PAIRS = Pairs()
_TIMES = ("date", "time", "tz")
# What ended a session that was let through.
_LET_THROUGH = {"close", "timeout", "ip-conn", "start", "client-rst", "server-rst", "dns"}
_OUTCOMES = {
    "success": "success", "succeed": "success", "failed": "failure", "failure": "failure",
    "fail": "failure", "negotiate_error": "failure", "deny": "failure", "denied": "failure",
}  # fmt: skip
_EVENTS = {
    "login": "login", "authentication": "login", "auth": "login", "auth-logon": "login",
    "fsso-logon": "login", "logout": "logout", "auth-logout": "logout", "fsso-logoff": "logout",
    "tunnel-up": "vpn_connect", "tunnel-down": "vpn_disconnect", "ssl-new-con": "connect",
    "negotiate": "vpn_connect", "phase2-up": "vpn_connect", "phase2-down": "vpn_disconnect",
    "add": "config_change", "edit": "config_change", "delete": "config_change",
    "move": "config_change", "clear": "config_change", "perf-stats": "status",
    "reboot": "host_start", "shutdown": "host_stop", "interface-stat-change": "status",
}  # fmt: skip
_DETECTIONS = {"virus": "malware", "ips": "alert", "anomaly": "alert", "attack": "alert"}


def _judge(said: Sequence[str]) -> Verdict:
    kind, subtype, action, status, result = said
    if kind == "traffic":
        word = action or status
        return ("allow" if word in _LET_THROUGH else DECISIONS.get(word)), None
    if kind in ("utm", "attack", "virus", "webfilter", "app-ctrl") or kind.startswith("ips"):
        found = _DETECTIONS.get(subtype) or _DETECTIONS.get(kind)
        decided = DECISIONS.get(action or status)
        return found or decided, None
    if action.startswith(("ssl-login-fail", "ssl-web-deny")):
        return "login", "failure"
    event = _EVENTS.get(action)
    outcome = _OUTCOMES.get(status) or _OUTCOMES.get(result)
    if action in ("auth-logon", "fsso-logon", "tunnel-up"):
        outcome = outcome or "success"
    return event, outcome if event not in (None, "config_change", "status") else None


_MEANING = Meaning(
    columns={
        "time": ("eventtime", "_time"),
        "severity": ("level", "pri"), "host": ("devname",),
        "source_host": ("srcip", "src", "remip", "sip", "_ui"),
        "source_port": ("srcport", "src_port", "remport"),
        "dest_host": ("dstip", "dst", "dip"), "dest_port": ("dstport", "dst_port"),
        "protocol": ("proto", "protocol"), "user_name": ("user", "xauthuser", "unauthuser"),
        "message": ("msg",),
        "": ("date", "time", "tz", "severity", "action", "hostname", "app", "process", "pid",
             "facility", "timestamp"),
    },
    of=(("type",), ("subtype",), ("action",), ("status",), ("result",)),
    judge=_judge,
)  # fmt: skip


def _claims(header: Header) -> Mask:
    found = header.begins("date=20", "logver=", "devname=", "devid=", "itime=", "timestam", "time=")
    # Old versions write `time=10: 13:03`, the first of which is taken for a tag.
    return found | header.process_begins("time=")


def _with_date(header: Header) -> Header:
    """With the date in the message where it was taken for a host, since there is none."""
    host = header.spans.get("host")
    if host is None:
        return header
    at = host.start
    dated = (host.length > 5) & header.lines.stands(at, at + host.length, b"date=")
    dated &= header.begins("time=") | header.process_begins("time=")
    if not dated.any():
        return header
    message = header.message
    start = np.where(dated, at, message.start)
    spans = {
        name: Span(span.start, np.where(dated, -1, span.length))
        if name in ("host", "process") else span
        for name, span in header.spans.items()
    }  # fmt: skip
    return replace(
        header,
        spans=spans,
        message=Span(start, message.start + message.length - start),
        rebuilt=None,
    )


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    header = _with_date(header)
    placed = _PAIRS.read(header.lines, header.message)
    good = np.ones(len(header), bool)
    for names in (("devid", "device_id", "devname", "eventtime"), ("logid", "log_id", "type")):
        span = placed.column(*names)
        good &= span.length > 0 if span is not None else False
    rows = np.flatnonzero(good)
    if len(rows) < len(good):
        header = header.take(rows)
        placed = _PAIRS.read(header.lines, header.message)
    placed = without_nothing(transports(placed, "proto", "protocol"))
    texts = _stamps(placed)
    if texts or "ui" in placed.names:
        # Administrators come from what stands in `https(192.0.2.1)`.
        address = placed.texts_of("ui").str.extract(r"^[\w -]+\(([0-9A-Fa-f.:]+)\)$")
        placed = given(placed, {**texts, "_ui": address})
    gone = [n for n, name in enumerate(placed.names) if name in _TIMES]
    placed = placed.take(np.flatnonzero(~np.isin(placed.name, gone)))
    return good, _MEANING.header(header, placed, clock, "fortigate")


def _stamps(placed: Placed) -> dict[str, pl.Series]:
    """The date and the time as one, where there is a line with no other."""
    counted = placed.column("eventtime")
    if counted is not None and (counted.length > 0).all():
        return {}
    plain = pl.DataFrame({name: placed.texts_of(name) for name in _TIMES})
    zone = pl.col("tz").str.extract(r"^([+-]\d\d:?\d\d)$").fill_null("")
    stamp = pl.concat_str("date", pl.lit("T"), pl.col("time").str.replace_all(" ", ""), zone)
    return {"_time": plain.select(stamp).to_series()}


FORTIGATE = Format(
    name="fortigate",
    columns=_MEANING.columns,
    rank=32,
    refines=SYSLOGS,
    read=standing(_refine, _claims),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            'date=2017-08-23 time=06:15:38 devname="fw1" devid="FGT0" logid="0000000013" '
            'type="traffic" subtype="forward" level="notice" vd="root" '
            'eventtime=1503468938000000000 srcip=192.0.2.7 srcport=4022 srcintf="lan" '
            'dstip=198.51.100.1 dstport=443 proto=6 action="close" policyid=4 '
            'dstcountry="United States" sentbyte=1200',
            {"time": "2017-08-23T06:15:38", "host": "fw1", "severity": 5,
             "source_host": "192.0.2.7", "source_port": 4022, "dest_host": "198.51.100.1",
             "dest_port": 443, "protocol": "tcp", "action": "allow", "outcome": None,
             "fields.dstcountry": "United States", "fields.action": "close"},
        ),
        Sample(
            "<189>date=2017-08-23 time=06:15:38 devname=fw1 devid=FGT0 logid=0100032002 type=event "
            'subtype=system level=alert vd="root" tz="-0500" logdesc="Admin login failed" '
            'user="root" ui=ssh(203.0.113.9) action=login status=failed reason="name_invalid" '
            'msg="Administrator root login failed from ssh(203.0.113.9)"',
            {"time": "2017-08-23T11:15:38", "zone": "-05:00", "facility": "local7", "severity": 1,
             "source_host": "203.0.113.9", "user_name": "root", "action": "login",
             "outcome": "failure", "message": "Administrator root login failed from "
             "ssh(203.0.113.9)", "fields.reason": "name_invalid"},
        ),
        Sample(
            'Aug 23 06:15:39 fw1 date=2017-08-23 time=06:15:38 devname=fw1 device_id=FGT0 '
            'log_id=0038000004 type=traffic subtype=other pri=warning status=deny src=203.0.113.9 '
            'src_port=99 dst=192.0.2.1 dst_port=23 proto=17 user="N/A"',
            {"time": "2017-08-23T06:15:38", "action": "deny", "severity": 4, "protocol": "udp",
             "source_host": "203.0.113.9", "dest_port": 23, "user_name": None},
        ),
        Sample(
            'date=2017-08-23 time=06:15:38 devname="fw1" devid="FGT0" logid="0101039426" '
            'type="event" subtype="vpn" level="alert" action="ssl-login-fail" remip=203.0.113.9 '
            'user="bob" msg="SSL user failed to logged in"',
            {"action": "login", "outcome": "failure", "source_host": "203.0.113.9",
             "user_name": "bob"},
        ),
        Sample(
            "Aug 23 06:15:39 date=2017-08-23 time=06: 15:38 devname=fw1 device_id=FGT0 log_id=1 "
            "type=traffic subtype=other pri=notice status=accept src=192.0.2.7 dst=198.51.100.1",
            {"time": "2017-08-23T06:15:39", "host": "fw1", "action": "allow", "severity": 5,
             "source_host": "192.0.2.7"},
        ),
        Sample(
            'date=2017-08-23 time=06:15:38 devname="fw1" devid="FGT0" logid="0211008192" '
            'type="utm" subtype="virus" level="warning" action="blocked" srcip=192.0.2.7 '
            'virus="EICAR_TEST_FILE" msg="File is infected."',
            {"action": "malware", "fields.virus": "EICAR_TEST_FILE", "fields.action": "blocked"},
        ),
    ),
)  # fmt: skip
