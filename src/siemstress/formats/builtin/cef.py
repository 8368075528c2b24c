"""ArcSight's Common Event Format: `CEF:0|vendor|product|version|class|name|severity|key=value …`.

Values whose names a sender may choose (`cs1` with `cs1Label`) go by the label.
"""

import re
from dataclasses import replace

import numpy as np

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.devices import Meaning, stamped, unescaped
from siemstress.formats.distinct import numbered
from siemstress.formats.header import Header, Span
from siemstress.formats.leaves import Placed
from siemstress.formats.pairs import Pairs
from siemstress.formats.parts import Parts
from siemstress.sources.lines import Mask

_HEAD = ("deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name",
         "agentSeverity")  # fmt: skip
_PAIRS = Pairs(separators=" ", blanks=True, escaped='=\\|]"')
_LABELLED = tuple(
    f"{name}{number}"
    for name, most in (
        ("cs", 16), ("cn", 8), ("cfp", 4), ("c6a", 4), ("flexString", 2), ("flexNumber", 2),
        ("flexDate", 2), ("deviceCustomDate", 2), ("deviceCustomString", 6),
        ("deviceCustomNumber", 3), ("deviceCustomFloatingPoint", 4),
        ("deviceCustomIPv6Address", 4),
    )
    for number in range(1, most + 1)
)  # fmt: skip
_TIMES = ("rt", "end", "start")
LEVELS = {
    **dict.fromkeys(["0", "1", "2", "3", "low", "informational", "info"], 6),
    **dict.fromkeys(["4", "5", "6", "medium", "warning"], 4),
    **dict.fromkeys(["7", "8", "high"], 3),
    **dict.fromkeys(["9", "10", "very-high", "critical"], 2),
}
"""Severities of CEF as those of syslog."""

COLUMNS = {
    "time": _TIMES,
    "zone": ("dtz",),
    "host": ("dvchost", "devicehostname"),
    "pid": ("dvcpid",),
    "severity": ("severity",),
    "source_host": ("src", "sourceaddress", "shost", "sourcehostname"),
    "source_port": ("spt", "sourceport"),
    "dest_host": ("dst", "destinationaddress", "dhost", "destinationhostname"),
    "dest_port": ("dpt", "destinationport"),
    "protocol": ("proto", "transportprotocol"),
    "user_name": ("suser", "sourceusername", "duser", "destinationusername", "usrname"),
    "action": ("act", "deviceaction"),
    "outcome": ("outcome", "eventoutcome"),
    "message": ("msg",),
    "": (
        "app",
        "name",
        "process",
        "action",
        "level",
        "log",
        "text",
        "date",
        "time",
        "status",
        "agentseverity",
    ),
}
_MEANING = Meaning(COLUMNS, LEVELS)
_HOSTLESS = replace(_MEANING, columns={**COLUMNS, "host": (*COLUMNS["host"], "dvc")})


def _claims(header: Header) -> Mask:
    found = header.begins("CEF:", "ASM:CEF:")
    if "process" in header.spans:
        # Behind `CEF: 0|` the tag is taken off.
        found |= header.process_begins("CEF") & header.begins("0|", "1|")
    return found


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    pieces = Parts(header.lines, header.message).cut("|", 8, escapes=True)
    good = pieces[6].length >= 0
    rows = np.flatnonzero(good)
    header = header.take(rows)
    pieces = [piece.take(rows) for piece in pieces]
    placed = _labelled(_PAIRS.read(header.lines, pieces[7]))
    head = dict(zip(_HEAD, pieces[1:7], strict=True))
    version = Span(pieces[0].start + pieces[0].length - 1, np.minimum(pieces[0].length, 1))
    placed = placed.led({"cefVersion": version, **head, "severity": pieces[6]})
    placed = stamped(_with_breaks(unescaped(placed, _HEAD, "|\\")), _TIMES, "rt")
    base = replace(header, message=pieces[5])
    meaning = _MEANING if "host" in header.spans else _HOSTLESS
    return good, meaning.header(base, placed, clock, "cef")


def _labelled(placed: Placed) -> Placed:
    """Values by their labels, which are left out."""
    names = list(placed.names)
    number = {name: i for i, name in enumerate(names)}
    label_of = {number[f"{n}Label"]: number[n] for n in _LABELLED if {n, f"{n}Label"} <= {*number}}
    if not label_of:
        return placed
    place = np.full(len(names), -1, np.int64)
    place[list(label_of.values())] = np.arange(len(label_of))
    is_label = np.isin(placed.name, list(label_of))
    labels = np.flatnonzero(is_label)
    of_label = np.full(len(names), -1, np.int64)
    of_label[list(label_of)] = np.arange(len(label_of))
    # Each row's label of each of these names.
    table = np.full(len(placed.lines) * len(label_of), -1, np.int64)
    table[placed.row[labels] * len(label_of) + of_label[placed.name[labels]]] = labels
    values = np.flatnonzero(place[placed.name] >= 0)
    label = table[placed.row[values] * len(label_of) + place[placed.name[values]]]
    values, label = values[label >= 0], label[label >= 0]
    new = numbered(placed.lines, placed.value.take(label), r"[\w]")
    name = placed.name.copy()
    for text in new.names:
        known = re.sub(r"[^\w.]+", "_", text).strip("_") or "label"
        number.setdefault(known, len(number))
    known_as = [number[re.sub(r"[^\w.]+", "_", text).strip("_") or "label"] for text in new.names]
    good = new.number >= 0
    name[values[good]] = np.array(known_as, np.int64)[new.number[good]]
    is_label[:] = False
    is_label[label[good]] = True
    kept = np.flatnonzero(~is_label)
    return replace(placed, name=name, names=list(number)).take(kept).once()


def _with_breaks(placed: Placed) -> Placed:
    """With line feeds where they are written as a backslash and n, unless that may be a path."""
    if "msg" not in placed.names:
        return placed
    at = np.flatnonzero(placed.name == placed.names.index("msg"))
    texts = placed.texts(at)
    has = texts.str.contains(r"\\[nr](?:\s|$)")
    if not has.any():
        return placed
    plain = texts.filter(has).str.replace_all(r"\\n(\s|$)", "\n$1")
    return placed.changed(at[has.to_numpy()], plain)


CEF = Format(
    name="cef",
    columns=COLUMNS,
    rank=30,
    refines=SYSLOGS,
    read=standing(_refine, _claims),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "CEF:0|Example|Wall|1.0|100|Port scan \\| blocked|7|src=198.51.100.7 spt=4022 "
            "dst=192.0.2.1 dpt=22 proto=TCP act=Blocked suser=bob msg=Too many a\\=b ports "
            "rt=1503468938500 cs1=rule 7 cs1Label=Policy Name dvchost=fw1",
            {"time": "2017-08-23T06:15:38.500", "host": "fw1", "severity": 3,
             "source_host": "198.51.100.7", "source_port": 4022, "dest_host": "192.0.2.1",
             "dest_port": 22, "protocol": "tcp", "action": "deny", "user_name": "bob",
             "message": "Too many a=b ports", "fields.Policy_Name": "rule 7",
             "fields.name": "Port scan | blocked", "fields.deviceEventClassId": "100",
             "fields.act": "Blocked", "fields.cs1Label": None},
        ),
        Sample(
            "<134>Aug 23 06:15:38 gw1 CEF:0|Example|Gate|2|42|User signed in|Low|src=2001:db8::7 "
            "duser=carol outcome=success request=http://example.org/?a=b&c=d cn1=5",
            {"time": "2017-08-23T06:15:38", "host": "gw1", "facility": "local0", "severity": 6,
             "source_host": "2001:db8::7", "user_name": "carol", "outcome": "success",
             "message": "User signed in", "fields.cn1": "5",
             "fields.request": "http://example.org/?a=b&c=d"},
        ),
        Sample(
            "Aug 23 06:15:38 gw1 CEF: 1|Example|Gate|2|42|Started|Very-High|",
            {"host": "gw1", "severity": 2, "message": "Started", "fields.deviceProduct": "Gate"},
        ),
        Sample(
            "CEF:0|Example|Gate|2|42|Backup|0|end=Nov 08 2016 12:30:00.111 UTC dvc=192.0.2.5",
            {"time": "2016-11-08T12:30:00.111", "host": "192.0.2.5", "severity": 6,
             "fields.agentSeverity": "0", "fields.cefVersion": "0"},
        ),
    ),
)  # fmt: skip
