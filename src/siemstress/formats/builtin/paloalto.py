"""Palo Alto Networks' firewalls: comma-separated values whose places depend on the kind of log."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.devices import Meaning, Verdict, given
from siemstress.formats.header import Header
from siemstress.formats.leaves import Placed
from siemstress.formats.parts import Parts
from siemstress.sources.lines import Mask

# PAN-OS Administrator's Guide, "Syslog Field Descriptions": names by place, `-` for what is
# reserved or of no use. Later versions have more behind.
_SHARED = "- receive_time serial type subtype - time_generated"
_SESSION = (
    f"{_SHARED} src dst natsrc natdst rule srcuser dstuser app vsys from to inbound_if outbound_if "
    "logset - sessionid repeatcnt sport dport natsport natdport flags proto action"
)
_LAYOUTS = {
    "TRAFFIC": f"{_SESSION} bytes bytes_sent bytes_received packets start elapsed category - seqno "
    "actionflags srcloc dstloc - pkts_sent pkts_received session_end_reason - - - - vsys_name "
    "device_name",
    "THREAT": f"{_SESSION} misc threatid category severity direction seqno actionflags srcloc "
    "dstloc - contenttype - filedigest cloud - user_agent filetype xff referer sender subject "
    "recipient reportid - - - - vsys_name device_name",
    "SYSTEM": f"{_SHARED} vsys eventid object - - module severity opaque seqno actionflags - - - - "
    "vsys_name device_name",
    "CONFIG": f"{_SHARED} src vsys cmd srcuser client result path",
    "GLOBALPROTECT": f"{_SHARED} vsys eventid stage auth_method tunnel_type srcuser srcregion "
    "machinename src public_ipv6 private_ip private_ipv6 hostid serialnumber client_ver client_os "
    "client_os_ver repeatcnt reason error opaque status location login_duration connect_method "
    "error_code portal",
    "USERID": f"{_SHARED} vsys src srcuser datasourcename eventid repeatcnt timeout beginport "
    "endport datasource datasourcetype",
    "HIPMATCH": f"{_SHARED} srcuser vsys machinename os src hip repeatcnt hiptype",
    "AUTHENTICATION": f"{_SHARED} vsys src srcuser normalize_user object authpolicy repeatcnt "
    "authid vendor logset serverprofile opaque clienttype event factorno",
}
_DETECTIONS = {
    "virus": "malware", "wildfire-virus": "malware", "wildfire": "malware", "spyware": "malware",
    "ml-virus": "malware", "vulnerability": "alert", "flood": "flood", "scan": "port_scan",
    "packet": "alert", "corp-cred": "alert",
}  # fmt: skip
_LET_THROUGH = {"allow", "alert", "continue", "override", "override-lockout"}
_OUTCOMES = {"success": "success", "succeeded": "success", "failure": "failure",
             "failed": "failure"}  # fmt: skip
# What is said of logins; users stand in quotes, and behind them only what the firewall writes.
_LOGINS = (
    r"^(?:failed authentication|authenticated) for user '(?P<user>.+?)'.*"
    r"From: (?P<host>[^ ,]+?)\.?$",
    r"^User (?P<user>\S+) logged (?:in|out) via [\w ]+ from (?P<host>[0-9A-Fa-f.:]+)",
)


def _decided(action: str) -> str | None:
    if action in _LET_THROUGH:
        return "allow"
    blocked = ("deny", "drop", "reset", "block", "sinkhole", "random-drop", "syncookie")
    return "deny" if action.startswith(blocked) else None


def _judge(said: Sequence[str]) -> Verdict:
    kind, subtype, action, event, status, text = said
    if kind == "traffic":
        return _decided(action), None
    if kind == "threat":
        return _DETECTIONS.get(subtype) or _decided(action), None
    if kind == "config":
        return "config_change", _OUTCOMES.get(status)
    if kind == "globalprotect":
        outcome = _OUTCOMES.get(status)
        if event.endswith(("-auth", "-login")):
            return "login", outcome
        tunnel = {"gateway-connected": "vpn_connect", "gateway-logout": "vpn_disconnect"}.get(event)
        return tunnel, outcome if tunnel else None
    if event in ("auth-success", "auth-fail") or event.endswith(("-auth-succ", "-auth-fail")):
        return "login", "failure" if event.endswith("fail") else "success"
    if kind == "system" and text.startswith("user ") and " logged in via " in text:
        return "login", "success"
    if kind == "system" and text.startswith("user ") and " logged out via " in text:
        return "logout", "success"
    if kind == "userid":
        return {"login": "login", "logout": "logout"}.get(subtype), None
    return None, None


_MEANING = Meaning(
    columns={
        "time": ("time_generated", "receive_time"), "host": ("device_name",),
        "source_host": ("src", "_host"), "source_port": ("sport",), "dest_host": ("dst",),
        "dest_port": ("dport",), "protocol": ("proto",), "user_name": ("srcuser", "_user"),
        "message": ("opaque",),
        "": ("action", "app", "type", "category", "os", "event", "status", "object", "start",
             "client", "from", "to", "subject", "reason"),
    },
    levels={"informational": 6, "low": 5, "medium": 4, "high": 3, "critical": 2},
    of=(("type",), ("subtype",), ("action",), ("eventid",), ("status", "result"), ("opaque",)),
    judge=_judge,
)  # fmt: skip


def _claims(header: Header) -> Mask:
    return header.begins("1,20", "0,20", ",20", "2,20")


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    pieces = Parts(header.lines, header.message).pieces(",", quotes=True)
    named = pieces.nth(3)
    kind = header.lines.text(named.start, named.length).replace_strict(
        list(_LAYOUTS), range(len(_LAYOUTS)), default=-1, return_dtype=pl.Int64
    )
    known = kind.fill_null(-1).to_numpy()
    good = (known >= 0) & (pieces.count > len(_SHARED.split()))
    placed = pieces.named(header.lines, np.where(good, known, -1), list(_LAYOUTS.values()))
    header, placed = header.take(np.flatnonzero(good)), placed.of_rows(good)
    return good, _MEANING.header(header, _with_logins(placed), clock, "paloalto")


def _with_logins(placed: Placed) -> Placed:
    """With users and addresses that only texts tell."""
    if "opaque" not in placed.names:
        return placed
    text = placed.texts_of("opaque")
    user, host = (pl.repeat(None, len(text), dtype=pl.String, eager=True) for _ in range(2))
    for regex in _LOGINS:
        found = text.str.extract_groups(regex).struct.unnest()
        user, host = user.fill_null(found["user"]), host.fill_null(found["host"])
    return given(placed, {"_user": user, "_host": host})


PALO_ALTO = Format(
    name="paloalto",
    columns=_MEANING.columns,
    rank=33,
    refines=SYSLOGS,
    read=standing(_refine, _claims),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "Aug 23 06:15:39 fw1 1,2017/08/23 06:15:38,0011,TRAFFIC,end,1,2017/08/23 06:15:37,"
            "192.0.2.7,198.51.100.1,0.0.0.0,0.0.0.0,\"out, all\",example\\bob,,web-browsing,vsys1,"
            "trust,untrust,ethernet1/2,ethernet1/1,fwd,2017/08/23 06:15:38,7,1,4022,443,0,0,0x19,"
            "tcp,allow,5000,2000,3000,20,2017/08/23 06:15:00,30,any,0,99,0x0,10.0.0.0-10.255,US",
            {"time": "2017-08-23T06:15:37", "host": "fw1", "source_host": "192.0.2.7",
             "source_port": 4022, "dest_host": "198.51.100.1", "dest_port": 443,
             "protocol": "tcp", "action": "allow", "user_name": "example\\bob",
             "fields.rule": "out, all", "fields.bytes": "5000", "fields.dstloc": "US"},
        ),
        Sample(
            "1,2017/08/23 06:15:38,0011,THREAT,vulnerability,1,2017/08/23 06:15:37,203.0.113.9,"
            "192.0.2.1,0.0.0.0,0.0.0.0,in,,,web-browsing,vsys1,untrust,dmz,e1,e2,fwd,-,8,1,"
            "50900,80,0,0,0x80,tcp,reset-both,\"/cgi, a\",Example Overflow(30001),any,critical,"
            "client-to-server,100,0x0,US,10.0.0.0",
            {"action": "alert", "severity": 2, "source_host": "203.0.113.9", "dest_port": 80,
             "fields.misc": "/cgi, a", "fields.action": "reset-both"},
        ),
        Sample(
            "<14>Aug 23 06:15:38 fw1 1,2017/08/23 06:15:38,0011,SYSTEM,auth,0,2017/08/23 06:15:38,,"
            "auth-fail,,0,0,general,medium,\"failed authentication for user 'eve'. Reason: Invalid "
            "username/password. auth profile 'local', From: 203.0.113.9.\",5,0x0",
            {"action": "login", "outcome": "failure", "user_name": "eve",
             "source_host": "203.0.113.9", "severity": 4},
        ),
        Sample(
            "1,2017/08/23 06:15:38,0011,CONFIG,0,0,2017/08/23 06:15:38,192.0.2.7,,set,admin,Web,"
            "Succeeded, config shared address,5,0x0",
            {"action": "config_change", "outcome": "success", "user_name": "admin",
             "source_host": "192.0.2.7", "fields.cmd": "set"},
        ),
        Sample(
            "1,2017/08/23 06:15:38,0011,GLOBALPROTECT,0,2305,2017/08/23 06:15:38,vsys1,"
            "gateway-auth,login,LDAP,,carol,US,pc7,203.0.113.9,::,0.0.0.0,::,id,,5.1,Windows,10,1,,,,failure,,0,,"
            "0,gw1,9",
            {"action": "login", "outcome": "failure", "user_name": "carol",
             "source_host": "203.0.113.9", "fields.machinename": "pc7"},
        ),
    ),
)  # fmt: skip
