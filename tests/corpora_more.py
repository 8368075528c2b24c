"""What is right of the other corpora: vectors of syslog, rule tests, Zeek's logs, Windows' logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from corpora import (
    CORPORA,
    Event,
    Mark,
    Record,
    crowdsec_parse,
    equal,
    events,
    fail2ban,
    loghub,
    of_bytes,
    records,
    whole_files,
)
from parsing import CLOCK
from siemstress.formats.base import formats
from siemstress.formats.syslog import FACILITIES
from siemstress.ingest.parsing import LineParser
from siemstress.sources.lines import Lines
from siemstress.sources.lines import of_bytes as lines_of_bytes


def wazuh() -> Iterator[Mark]:
    """No line lost; what a rule's group says about a line is what action and outcome say."""
    found = records("wazuh")
    made = events([r["line"].split("\n")[0] for r in found])
    yield Mark("lines", len(made) == len(found), "", len(found), len(made))
    for record, event in zip(found, made, strict=True):
        category = _category(record["meta"]["groups"] or ())
        if category is not None:
            wanted, fits = _CATEGORIES[category]
            got = f"{event['format']}: {event['action']} {event['outcome']}"
            yield Mark(category, fits(event), record["line"], wanted, got)


def _said(event: Event, actions: str, outcome: str | None = None) -> bool:
    fits = event["action"] in actions.split()
    return fits and outcome in (None, event["outcome"])


_CATEGORIES: Mapping[str, tuple[str, Callable[[Event], bool]]] = {
    "failed login": ("login failure", lambda e: _said(e, "login", "failure")),
    "login": ("login success", lambda e: _said(e, "login session_start", "success")),
    # Of an attack by HTTP, a SIEM must at least have the request and who asked.
    "web attack": ("source_host and request", lambda e: bool(e["source_host"]) and bool(
        e["action"] or e["fields"])),
    "account change": ("an account's change", lambda e: bool(
        re.match(r"(account|user|group|password|add|create|change|modify)", e["action"] or ""))),
    "firewall": ("allow or deny", lambda e: _said(e, "allow deny block drop")),
}  # fmt: skip


def _category(groups: Sequence[str]) -> str | None:
    """What the groups of a rule tell about a line; the first that fits."""
    for category, names in (
        ("failed login", {"authentication_failed", "authentication_failures", "invalid_login"}),
        ("login", {"authentication_success"}),
        ("account change", {"account_changed", "adduser", "addgroup", "group_changed"}),
        ("firewall", {"firewall_drop", "firewall_block", "firewall_allow"}),
    ):
        if names & set(groups):
            return category
    if {"web", "attack"} <= set(groups) or "sql_injection" in groups:
        return "web attack"
    return None


def go_syslog() -> Iterator[Mark]:
    """Fields of valid lines are right, invalid lines are stored as not parsed."""
    for record in records("go_syslog"):
        expect = record["expect"]
        if "\n" in record["line"] or not record["line"]:
            continue  # A line feed ends a line here.
        event = events([record["line"]])[0]
        read = event["format"] is not None
        if not expect["valid"]:
            yield Mark("invalid", not read, record["line"], "not parsed", event["format"])
            continue
        yield Mark("valid", read, record["line"], "parsed", event["format"])
        facility = event["facility"]
        code = -1 if facility is None else FACILITIES.index(facility) * 8 + event["severity"]
        yield equal("pri", record, expect["pri"], code)
        for name in ("severity", "host", "process", "pid", "message"):
            if name in expect:
                yield equal(name, record, expect[name], event[name])


_JC: Mapping[str, Callable[[Event], object]] = {
    "hostname": lambda e: e["host"],
    "tag": lambda e: e["process"],
    "appname": lambda e: e["process"],
    "proc_id": lambda e: e["pid"] if e["pid"] is not None else e["fields"].get("procid"),
    "msg_id": lambda e: e["fields"].get("msgid"),
    "message": lambda e: e["message"],
    "timestamp": lambda e: e["time"].isoformat(),
}
# Columns under whose names the documents' values may stand with us.
_COLUMNS: Mapping[str, Sequence[str]] = {
    "client": ("source_host",), "remote_addr": ("source_host",), "src": ("source_host",),
    "host": ("source_host", "host"), "srcaddr": ("source_host",), "dstaddr": ("dest_host",),
    "srcport": ("source_port",), "dstport": ("dest_port",), "dst": ("dest_host",),
    "spt": ("source_port",), "dpt": ("dest_port",), "client_host": ("source_host",),
    "user": ("user_name",), "remote_user": ("user_name",), "suser": ("user_name",),
    "appname": ("process",), "hostname": ("host",), "procid": ("pid",), "id": ("pid",),
    "port": ("source_port",), "ip": ("source_host",), "act": ("action",), "usrName": ("user_name",),
    "dvchost": ("host",), "protocol": ("protocol",), "pid": ("pid",), "msgid": (),
    "msg": ("message",),
}  # fmt: skip


def jc_vrl() -> Iterator[Mark]:
    """Each format's values, wherever they stand with us; how it splits a request is not judged."""
    for record in records("jc_vrl"):
        kind, expect = record["meta"]["kind"], record["expect"]
        if record["set"] == "vrl":
            line, expect = _argument(record["line"]), expect["return"]
            if kind not in _VRL or line is None or not isinstance(expect, dict):
                continue
            yield from _values(f"vrl {kind}", line, expect)
        elif kind == "cef":
            yield from _values("jc cef", record["line"], _without_derived(expect))
        elif "unparsable" in expect:
            event = events([record["line"]])[0]
            unread = event["format"] is None
            yield Mark(f"jc {kind}", unread, record["line"], "not parsed", event["format"])
        else:
            event = events([record["line"]])[0]
            for name, value in _JC.items():
                if expect.get(name) is not None and name != "timestamp":
                    yield equal(f"jc {kind} {name}", record, expect[name], value(event))


_VRL = {
    "parse_apache_log", "parse_aws_alb_log", "parse_aws_vpc_flow_log", "parse_cef", "parse_glog",
    "parse_common_log", "parse_key_value", "parse_klog", "parse_linux_authorization",
    "parse_logfmt", "parse_nginx_log", "parse_syslog",
}  # fmt: skip


def _argument(call: str) -> str | None:
    """The text that a documented call is given first."""
    raw = re.search(r"!\(\s*s'((?:[^'\\]|\\.)*)'", call, re.DOTALL)
    if raw:
        return raw[1].replace("\n", " ")
    quoted = re.search(r'!\(\s*"((?:[^"\\]|\\.)*)"', call, re.DOTALL)
    return re.sub(r"\\(.)", r"\1", quoted[1]).replace("\n", " ") if quoted else None


def _without_derived(expect: Mapping[str, Any]) -> Mapping[str, Any]:
    """What stands in a CEF line, without what another parser makes of it."""
    derived = re.compile(r".*(_epoch|_epoch_utc|String|Num)$|CEFVersion$")
    return {k: v for k, v in expect.items() if not derived.match(k)}


def _values(score: str, line: str, expect: Mapping[str, Any]) -> Iterator[Mark]:
    event = events([line])[0]
    fields = event["fields"]
    for name, want in expect.items():
        if want in (None, "") or name in ("timestamp", "level", "severity", "version", "facility"):
            continue
        if isinstance(want, dict):
            for inner, value in want.items():
                yield _value(score, line, value, [fields.get(f"{name}.{inner}")])
            continue
        places = [event.get(column) for column in _COLUMNS.get(name, ())]
        known = [value for key, value in fields.items() if key.split(".")[-1] == name]
        places += [*known, event.get(name)]
        yield _value(score, line, want, [p for p in places if p is not None], name, fields)


def _value(
    score: str, line: str, want: object, places: Sequence[object], name: str = "",
    fields: Mapping[str, str] | None = None,
) -> Mark:  # fmt: skip
    text = json.dumps(want) if isinstance(want, list) else str(want)
    texts = {str(place).lower() for place in places}
    right = text.lower() in texts
    if not right and not places and fields is not None:
        # Under another name, but there.
        right = text in fields.values()
    return Mark(score, right, line, f"{name}={text}", places)


_ZEEK = {
    "id.orig_h": "source_host", "id.orig_p": "source_port", "id.resp_h": "dest_host",
    "id.resp_p": "dest_port", "proto": "protocol",
}  # fmt: skip


def zeek() -> Iterator[Mark]:
    """Addresses, ports and protocol in our columns, by the names that each log gives itself."""
    for path in sorted((CORPORA / "zeek").iterdir()):
        names: list[str] = []
        data = path.read_bytes()
        made = of_bytes(data)
        yield Mark("lines", len(made) == data.count(b"\n"), path.name, "all", len(made))
        for line, event in zip(data.split(b"\n"), made, strict=False):
            text = line.decode("utf-8", "replace")
            if text.startswith("#fields\t"):
                names = text.split("\t")[1:]
            elif names and text and not text.startswith("#"):
                for name, value in zip(names, text.split("\t"), strict=False):
                    if name in _ZEEK and value not in ("-", "(empty)"):
                        got = event[_ZEEK[name]]
                        yield Mark(name, value == str(got), f"{path.name}: {text}", value, got)


def evtx() -> Iterator[Mark]:
    """As many events as a file has records."""
    folders = [CORPORA / "evtx", CORPORA / "sigma_regression"]
    known = formats().get("evtx")
    for path in sorted(p for folder in folders for p in folder.glob("*.evtx")):
        want = _windows_records(path.read_bytes())
        got: object = "no such format"
        if known is not None and known.unpack is not None:
            got = _unpacked(path)
        yield Mark(path.parent.name, got == want, path.name, want, got)


def _windows_records(data: bytes) -> int:
    """How many records an event log's chunks hold by their own numbers (MS-EVEN6, 2.2.17)."""
    count = 0
    for start in range(4096, len(data) - 65535, 65536):
        if data[start : start + 8] == b"ElfChnk\0":
            first, last = (int.from_bytes(data[start + at : start + at + 8], "little")
                           for at in (24, 32))  # fmt: skip
            count += max(0, last - first + 1)
    return count


def _unpacked(path: Path) -> int | str:
    try:
        return unpacked(path).height
    except Exception as error:  # whatever it is, it is a wrong score
        return f"{type(error).__name__}: {error}"


def unpacked(path: Path) -> pl.DataFrame:
    """The events of a Windows event log."""
    parser = LineParser("evtx")
    unpack: Any = parser.unpack
    lines: Lines = _lines(unpack(BytesIO(path.read_bytes())))
    return parser.parse(lines, CLOCK, str(path), 1).events


def _lines(stream: Any) -> Lines:
    buffer = memoryview(bytearray(1 << 20))
    sizes = iter(partial(stream.readinto, buffer), 0)
    return lines_of_bytes(b"".join(bytes(buffer[:size]) for size in sizes))


SETS: Mapping[str, Callable[[], Iterator[Mark]]] = {
    "fail2ban": fail2ban,
    "crowdsec_parse": crowdsec_parse,
    "loghub": loghub,
    "wazuh": wazuh,
    "go_syslog": go_syslog,
    "jc_vrl": jc_vrl,
    "zeek": zeek,
    "evtx": evtx,
    "torture": whole_files,
}
"""Every corpus, and how it is judged."""

__all__ = ["SETS", "Record"]
