"""Zeek's logs (ASCII writer): lines with `#` say what stands in those behind them.

https://docs.zeek.org/en/master/log-formats.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import polars as pl

from siemstress.formats.base import Format, Sample
from siemstress.formats.clock import Clock
from siemstress.formats.delimited import distinct
from siemstress.formats.found import Found
from siemstress.formats.headed import Layout, read
from siemstress.formats.header import Header, unread
from siemstress.formats.named import event
from siemstress.formats.outcomes import first_known, of_status, where
from siemstress.formats.syslog import without_return
from siemstress.sources.headings import Heading
from siemstress.sources.lines import Ints, Lines, Mask, clipped

_DIRECTIVES = ("#separator", "#set_separator", "#empty_field", "#unset_field", "#path", "#open",
               "#close", "#fields", "#types")  # fmt: skip
_COLUMNS = {
    "source_host": ("id.orig_h", "id_orig_h", "src"),
    "source_port": ("id.orig_p", "id_orig_p"),
    "dest_host": ("id.resp_h", "id_resp_h", "dst"),
    "dest_port": ("id.resp_p", "id_resp_p", "p"),
    # What is a host, a version or a date here is not that of the event.
    "": ("host", "hostname", "date", "time", "log", "text", "program", "ident", "protocol"),
}
# What a log of a name tells of.
_ACTIONS = {
    "conn": "flow", "dns": "dns_query", "http": "request", "ssl": "tls", "ssh": "connect",
    "rdp": "connect", "socks": "connect", "notice": "alert", "intel": "alert",
    "signatures": "alert", "ntlm": "login", "kerberos": "authenticate", "radius": "authenticate",
}  # fmt: skip
# The fields that say how it ended, by log, and what they say.
_OUTCOMES = {
    "ssh": "auth_success", "ntlm": "success", "kerberos": "success", "radius": "result",
}  # fmt: skip
_RESULTS = {"T": "success", "F": "failure", "success": "success", "failed": "failure"}


def _layouts(heading: Heading) -> Sequence[Layout]:
    return _understood(heading.text) if heading.told else ()


@lru_cache(256)
def _understood(text: str) -> Sequence[Layout]:
    lines = [line for line in text.split("\n") if re.match(r"#[a-z_]+(?![a-z_:])", line)]
    told = {line.split("\t")[0].split(" ")[0]: line for line in lines}
    mark = "\t"
    for line in lines:
        if line.startswith("#separator"):
            mark = re.sub(
                r"\\x([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), line.partition(" ")[2]
            )
    if len(mark) != 1 or not mark.isascii() or mark in "\n\r":
        return ()
    told = {line.partition(mark)[0]: line.partition(mark)[2] for line in lines}
    if not told.get("#fields"):
        return ()
    unset = (told.get("#unset_field", "-"), told.get("#empty_field", "(empty)"))
    path = told.get("#path", "")
    names = distinct(told["#fields"].split(mark))
    constants = {"_path": path} if path else {}
    return (Layout(text, names, mark, unset=unset, constants=constants),)


def _read(lines: Lines, clock: Clock) -> tuple[Mask, Header]:
    ends, returned = without_return(lines)
    ok = np.zeros(len(lines), bool)
    headed = read(lines, ends, _directives(lines, ends), _layouts, "zeek", _COLUMNS)
    if headed is None:
        return ok, unread(lines.take(np.empty(0, np.int64)))
    ok[headed.rows] = True
    values = _meaning(headed.found)
    header = event(headed.found, headed.whole, clock, "zeek", actions={})
    header.values |= values
    # A line without a message is all message.
    header.rebuilt = header.message.start == headed.whole.message.start
    if returned is not None:
        header.rebuilt &= ~returned[headed.rows]
    return ok, header


def _directives(lines: Lines, ends: Ints) -> Mask:
    own: Mask = lines.byte(lines.starts) == ord("#")
    rows = np.flatnonzero(own & (ends > lines.starts))
    own[:] = False
    if len(rows):
        # A `:` behind the word is that of another format.
        size = np.minimum(ends[rows] - lines.starts[rows], 16)
        text = lines.text(lines.starts[rows], clipped(lines, lines.starts[rows], size))
        words = "|".join(_DIRECTIVES)
        own[rows] = text.str.contains(f"^(?:{words})(?:[^A-Za-z0-9_:]|$)").to_numpy()
    return own


def _meaning(found: Found) -> Mapping[str, pl.Series]:
    """Actions by the log's name, and outcomes where a field tells how it ended."""
    path = found.named("_path")
    action = path.replace_strict(_ACTIONS, default=None, return_dtype=pl.String)
    outcome = pl.repeat(None, len(path), dtype=pl.String, eager=True)
    for log, field in _OUTCOMES.items():
        of_log = (path == log).fill_null(value=False)
        if of_log.any():
            told = found.named(field).replace_strict(_RESULTS, default=None, return_dtype=pl.String)
            outcome = told.zip_with(of_log & told.is_not_null(), outcome)
    login = where((path == "ssh") & outcome.is_not_null(), "login")
    status = of_status(found.named("status_code"))
    of_http = status.zip_with((path == "http").fill_null(value=False), outcome)
    return {"action": first_known(login, action), "outcome": of_http}


_HEAD = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\n"
)
ZEEK = Format(
    name="zeek",
    columns=_COLUMNS,
    read=_read,
    rank=5,
    described=True,
    aliases=("bro",),
    samples=(
        Sample(
            "1503468938.000001\tCabc\t192.0.2.7\t4022\t2001:db8::1\t22\ttcp\t-",
            {"time": "2017-08-23T06:15:38.000001", "source_host": "192.0.2.7", "source_port": 4022,
             "dest_host": "2001:db8::1", "dest_port": 22, "protocol": "tcp", "action": "flow",
             "fields.uid": "Cabc", "fields._path": "conn", "fields.service": None,
             "message": "1503468938.000001\tCabc\t192.0.2.7\t4022\t2001:db8::1\t22\ttcp\t-"},
            before=_HEAD,
        ),
        Sample(
            "1503468939.5\tCdef\t192.0.2.7\t4023\t192.0.2.1\t22\tF",
            {"time": "2017-08-23T06:15:39.500", "action": "login", "outcome": "failure"},
            before="#separator \\x09\n#path\tssh\n#fields\tts\tuid\tid.orig_h\tid.orig_p\t"
            "id.resp_h\tid.resp_p\tauth_success\n",
        ),
        Sample("#close\t2017-08-23-07-00-00", {"message": "#close\t2017-08-23-07-00-00"}),
    ),
)  # fmt: skip
