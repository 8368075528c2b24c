"""Windows events as XML, one a line, and Sysmon for Linux, which sends such events by syslog.

Values are named as in the event's EventData (`Image`, `CommandLine`, `User`), those of its System
part `EventID`, `Provider_Name`, `Channel`, `Computer` and so on.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.found import Found
from siemstress.formats.header import Header
from siemstress.formats.leaves import Leaves
from siemstress.formats.named import event
from siemstress.formats.plain import ascii_only
from siemstress.formats.windowsfields import COLUMNS, complete, data
from siemstress.sources.lines import Mask

_OPENS = r"^\s*<Event(?:\s[^>]{0,400})?>\s*<System>"
_CLOSES = r"</Event>\s*$"
_TAIL = 32
_SYSTEM_ENDS = "</System>"
_QUOTED = r"""["']([^"'<]*)["']"""
# Of the System part: attributes of an element, and elements of their own.
_ATTRIBUTES = {
    "Provider_Name": ("Provider", "Name"), "Provider_Guid": ("Provider", "Guid"),
    "TimeCreated": ("TimeCreated", "SystemTime"), "Qualifiers": ("EventID", "Qualifiers"),
    "Execution_ProcessID": ("Execution", "ProcessID"),
    "Execution_ThreadID": ("Execution", "ThreadID"),
    "Correlation_ActivityID": ("Correlation", "ActivityID"),
    "Security_UserID": ("Security", "UserI[dD]"),
}  # fmt: skip
_ELEMENTS = (
    "EventID", "Version", "Level", "Task", "Opcode", "Keywords", "EventRecordID", "Channel",
    "Computer",
)  # fmt: skip
_DATA = ascii_only(rf"<Data\s+Name={_QUOTED}\s*(?:/>|>([^<]*)</Data>)")
_ELEMENT = ascii_only(r"<([A-Z][A-Za-z]{2,15})(?:\s[^>]*)?>([^<]+)</")
_USER_DATA = r"(?s)<([A-Za-z][\w.-]{0,63})>([^<]+)</"
_MESSAGE = r"(?s)<RenderingInfo[^>]*>.*?<Message>([^<]*)</Message>"


def _claims(header: Header) -> Mask:
    return header.begins("<Event>", "<Event ")


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    text = header.lines.text(header.message.start, header.message.length)
    parts = text.str.splitn(_SYSTEM_ENDS, 2).struct.unnest()
    good = text.str.contains(ascii_only(_OPENS)) & text.str.tail(_TAIL).str.contains(_CLOSES)
    good &= parts["field_1"].is_not_null()
    ok = good.to_numpy()
    header = header.take(np.flatnonzero(ok))
    if not len(header):
        return ok, header
    parts = parts.filter(good)
    found = Found(header.lines, _leaves(parts["field_0"], parts["field_1"]), COLUMNS, general=False)
    better = event(found, header, clock, "windowsxml", actions={})
    complete(found, better)
    # Its own clock is the event's; what syslog's head says of the program is of no use.
    return ok, replace(better, rebuilt=None)


def _leaves(system: pl.Series, rest: pl.Series) -> Leaves:
    """The values of events; of those with one name in an event the first."""
    values = {
        name: system.str.extract(_attribute(element, attribute))
        for name, (element, attribute) in _ATTRIBUTES.items()
    }
    values["RenderedMessage"] = rest.str.extract(_MESSAGE)
    head = pl.DataFrame(values).with_row_index("row").unpivot(
        index="row", variable_name="name", value_name="text"
    )  # fmt: skip
    named = rest.str.contains("<Data ", literal=True)
    of_data = _pairs(rest.set(~named, None), _DATA)
    of_user = _pairs(rest.set(named, None), _USER_DATA)
    elements = _pairs(system, _ELEMENT).filter(pl.col("name").is_in(list(_ELEMENTS)))
    made = pl.concat([of_data, of_user]).with_columns(
        name=pl.col("name").map_batches(_renamed, return_dtype=pl.String)
    )
    frame = (
        pl.concat([head, elements, made])
        .filter(pl.col("text").str.len_bytes() > 0)
        .unique(["row", "name"], keep="first", maintain_order=True)
        .sort("row", maintain_order=True)
    )
    names = frame["name"].unique(maintain_order=True)
    number = frame["name"].replace_strict(
        names, pl.int_range(len(names), eager=True), return_dtype=pl.Int64
    )
    row = frame["row"].cast(pl.Int64).to_numpy()
    return Leaves(row, number.to_numpy(), names.to_list(), _plain(frame["text"]))


def _attribute(element: str, name: str) -> str:
    return ascii_only(rf"<{element}\s(?:[^>]*\s)?{name}={_QUOTED}")


def _pairs(text: pl.Series, expression: str) -> pl.DataFrame:
    """Names and texts of elements, by the rows of the events."""
    found = pl.DataFrame({"one": text.str.extract_all(expression)}).with_row_index("row")
    groups = found.explode("one").drop_nulls("one")
    parts = groups["one"].str.extract_groups(expression).struct.unnest()
    return groups.select("row").with_columns(name=parts["1"], text=parts["2"])


def _renamed(names: pl.Series) -> pl.Series:
    distinct = names.unique().to_list()
    return names.replace_strict(
        {name: data(name) for name in distinct if name is not None}, default=None,
        return_dtype=pl.String,
    )  # fmt: skip


def _plain(text: pl.Series) -> pl.Series:
    """Texts without XML's entities."""
    if not text.str.contains("&", literal=True).any():
        return text
    for entity, character in (
        ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&#xD;", "\r"),
        ("&#xA;", "\n"), ("&#13;", "\r"), ("&#10;", "\n"), ("&#9;", "\t"), ("&amp;", "&"),
    ):  # fmt: skip
        text = text.str.replace_all(entity, character, literal=True)
    return text


_SYSMON = (
    '<Event><System><Provider Name="Linux-Sysmon" Guid="{ff032593-a8d3-4f13-b0d6-01fc615a0f97}"/>'
    "<EventID>1</EventID><Version>5</Version><Level>4</Level><Task>1</Task><Opcode>0</Opcode>"
    '<Keywords>0x8000000000000000</Keywords><TimeCreated SystemTime="2017-08-23T06:15:38.123456'
    '000Z"/><EventRecordID>16</EventRecordID><Correlation/><Execution ProcessID="1420" '
    'ThreadID="1420"/><Channel>Linux-Sysmon/Operational</Channel><Computer>web1</Computer>'
    '<Security UserId="0"/></System><EventData><Data Name="RuleName">-</Data>'
    '<Data Name="ProcessId">4172</Data><Data Name="Image">/usr/bin/curl</Data>'
    '<Data Name="CommandLine">curl &quot;https://www.example.com/?a&amp;b&quot;</Data>'
    '<Data Name="User">alice</Data><Data Name="ParentImage">/usr/bin/bash</Data></EventData>'
    "</Event>"
)
WINDOWS_XML = Format(
    name="windowsxml",
    aliases=("sysmon",),
    rank=11,
    refines=SYSLOGS,
    read=standing(_refine, _claims),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            f"Aug 23 06:15:39 web1 sysmon: {_SYSMON}",
            {"time": "2017-08-23T06:15:38.123456", "host": "web1", "process": "curl", "pid": 4172,
             "user_name": "alice", "action": "process_start", "fields.EventID": "1",
             "fields.Image": "/usr/bin/curl", "fields.ParentImage": "/usr/bin/bash",
             "fields.CommandLine": 'curl "https://www.example.com/?a&b"',
             "fields.Channel": "Linux-Sysmon/Operational"},
        ),
        Sample(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
            "<Provider Name='Microsoft-Windows-Security-Auditing' Guid='{54849625}'/>"
            "<EventID>4625</EventID><Level>0</Level><Keywords>0x8010000000000000</Keywords>"
            "<TimeCreated SystemTime='2017-08-23T06:15:38.123456700Z'/><Channel>Security</Channel>"
            "<Computer>dc1.example.com</Computer></System><EventData>"
            "<Data Name='TargetUserName'>bob</Data><Data Name='IpAddress'>203.0.113.9</Data>"
            "<Data Name='IpPort'>50122</Data><Data Name='Computer'>forged</Data></EventData>"
            "</Event>",
            {"time": "2017-08-23T06:15:38.123456", "zone": "Z", "host": "dc1.example.com",
             "action": "login", "outcome": "failure", "user_name": "bob",
             "source_host": "203.0.113.9", "source_port": 50122, "fields.EventID": "4625"},
        ),
    ),
)  # fmt: skip
