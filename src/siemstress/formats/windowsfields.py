"""Columns of Windows events: who, from where, which process, what happened and how it ended.

The values that fill columns stay fields under their own names, by which rules ask for them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from siemstress.formats.found import Found
from siemstress.formats.header import Header
from siemstress.formats.windows import USERS, told
from siemstress.sources.lines import Ints

# Names of the System part by what exports call them, in lower case.
_SYSTEM = {
    "EventID": "eventid eventid.#text eventid.value event_id id",
    "Qualifiers": "eventid.#attributes.qualifiers eventid.@qualifiers eventid.qualifiers",
    "Provider_Name": "provider.#attributes.name provider.@name provider.name provider_name "
                     "providername sourcename eventsourcename provider",
    "Provider_Guid": "provider.#attributes.guid provider.@guid provider.guid provider_guid "
                     "providerguid providerid",
    "TimeCreated": "timecreated.#attributes.systemtime timecreated.@systemtime "
                   "timecreated.systemtime timecreated systemtime eventtime timegenerated",
    "EventRecordID": "eventrecordid recordnumber record_id recordid",
    "Execution_ProcessID": "execution.#attributes.processid execution.@processid "
                           "execution.processid processid process.pid",
    "Execution_ThreadID": "execution.#attributes.threadid execution.@threadid "
                          "execution.threadid threadid process.thread.id",
    "Security_UserID": "security.#attributes.userid security.@userid security.userid userid",
    "Correlation_ActivityID": "correlation.#attributes.activityid correlation.@activityid "
                              "correlation.activityid activityid activity_id",
    "Channel": "channel logname",
    "Computer": "computer computer_name machinename hostname",
    "Level": "level",
    "Task": "task",
    "Opcode": "opcode opcodevalue",
    "Keywords": "keywords",
    "Version": "version",
    "RenderedMessage": "message",
}  # fmt: skip
_NAMES = {spelling: name for name, of in _SYSTEM.items() for spelling in of.split()}
# In what exports put beside others' names only these are the System part's.
_FLAT = {
    spelling: name
    for spelling, name in _NAMES.items()
    if spelling not in ("event_id", "provider", "version", "userid", "systemtime", "activityid")
}

COLUMNS = {"time": ("timecreated", "@timestamp"), "message": ("renderedmessage",)}
"""Names that fill columns as they stand; the others are worked out by `complete`."""

# Names of processes' images, and of their numbers; the first that an event has counts.
_PROCESSES = (
    ("NewProcessName", ("NewProcessId",)),
    ("Image", ("ProcessId",)),
    ("SourceImage", ("SourceProcessId",)),
    ("ProcessName", ("ProcessId",)),
    ("CallerProcessName", ("CallerProcessId",)),
    ("Application", ("ProcessID", "ProcessId")),
)
_ADDRESSES = {
    "source_host": ("SourceIp", "IpAddress", "SourceAddress", "ClientAddress", "ClientIP",
                    "Address", "Param3"),
    "dest_host": ("DestinationIp", "DestAddress"),
}  # fmt: skip
_PORTS = {
    "source_port": ("SourcePort", "IpPort"),
    "dest_port": ("DestinationPort", "DestPort"),
}
# IANA's protocol numbers.
_PROTOCOLS = {"1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp",
              "58": "icmp6", "tcp": "tcp", "udp": "udp", "icmp": "icmp"}  # fmt: skip
_AUDITS = {
    "success": r"(?i)audit[ _]success|^0x80200|^-92143648",
    "failure": r"(?i)audit[ _]failure|^0x80100|^-92188684",
}
# 0 is for what is always logged, audits among them.
_SEVERITIES = {"0": 6, "1": 2, "2": 3, "3": 4, "4": 6, "5": 7}
_ADDRESS = r"^(?:::ffff:)?((?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)"
_ONLY = r"(?:%\w+)?(?::\d{1,5})?$"


def system(name: str) -> str | None:
    """What a value of an event's System part is called here; None where it is none."""
    return _NAMES.get(name.lower())


def flat(name: str) -> str:
    """What a value is called, of an export that has all of an event at one level."""
    return _FLAT.get(name.lower(), name)


def data(name: str) -> str:
    """What a value of an event's EventData or UserData is called here."""
    if name in _SYSTEM:
        # Whoever makes up the data of an event has no say in what its head tells.
        return f"EventData.{name}"
    return name


def complete(found: Found, header: Header) -> None:
    """Fill the columns of events by their values, which are named as above."""
    provider, number = found.named("Provider_Name"), found.named("EventID")
    known = told(provider, number)
    header.program = "windows"
    header.values |= {
        "host": found.named("Computer"),
        "action": known["action"],
        "outcome": _outcomes(found, known["outcome"]),
        "user_name": _users(found, known["user"]),
    }
    for column, names in _ADDRESSES.items():
        header.values[column] = _first(found, names).str.extract(_ADDRESS + _ONLY)
    for column, names in _PORTS.items():
        header.values[column] = _ports(_first(found, names))
    protocol = found.named("Protocol").str.to_lowercase()
    header.values["protocol"] = protocol.replace_strict(
        _PROTOCOLS, default=None, return_dtype=pl.String
    )
    _processes(found, header, provider)
    level = found.named("Level").replace_strict(_SEVERITIES, default=-1, return_dtype=pl.Int8)
    severity = level.fill_null(-1).to_numpy()
    header.severity = (
        severity if header.severity is None else np.where(severity < 0, header.severity, severity)
    )
    header.values = {n: text for n, text in header.values.items() if not text.is_null().all()}


def _first(found: Found, names: Sequence[str]) -> pl.Series:
    """The first value of several names; a dash stands for none."""
    text = found.named(*names)
    if len(names) > 1 and (text == "-").any():
        others = _first(found, names[1:])
        text = text.zip_with((text != "-").fill_null(False), others)
    return text.set((text == "-").fill_null(False), None)


def _ports(text: pl.Series) -> pl.Series:
    number = text.str.extract(r"^(\d{1,5})$").cast(pl.Int64)
    return number.set((number > 65_535) | (number == 0), None).cast(pl.String)


def _outcomes(found: Found, outcome: pl.Series) -> pl.Series:
    """What the table says; for others what the keywords of an audit do."""
    audit = pl.repeat(None, len(outcome), dtype=pl.String, eager=True)
    for name in ("Keywords", "EventType", "KeywordsDisplayNames", "severityValue"):
        text = found.named(name)
        if text.is_null().all():
            continue
        for word, regex in _AUDITS.items():
            fits = text.str.contains(regex).fill_null(False) & audit.is_null()
            audit = audit.set(fits, word)
    told_of = outcome.set((outcome == "").fill_null(True), None)
    return told_of.zip_with(told_of.is_not_null(), audit).set(
        (told_of == "-").fill_null(False), None
    )


def _users(found: Found, kind: pl.Series) -> pl.Series:
    """Users' names, without their domains."""
    kind = kind.fill_null("")
    user = pl.repeat(None, len(kind), dtype=pl.String, eager=True)
    for wanted in kind.unique():
        text = _first(found, USERS[wanted])
        user = text if len(kind) == 0 else user.zip_with(kind != wanted, text)
    return user.str.extract(r"([^\\]+)$")


def _processes(found: Found, header: Header, provider: pl.Series) -> None:
    """The process that an event tells of, else the one that logged it."""
    name = provider
    pid = _numbers(found.named("Execution_ProcessID"))
    # Providers of old do not say who they are.
    pid[pid == 0] = -1
    for image, numbers in reversed(_PROCESSES):
        path = found.named(image)
        if path.is_null().all():
            continue
        base = path.str.extract(r"([^\\/]+)$")
        has = ((base != "-") & base.is_not_null()).fill_null(False)
        name = base.zip_with(has, name)
        pid = np.where(has.to_numpy(), _numbers(found.named(*numbers)), pid)
    header.values["process"] = name
    header.pid = pid if header.pid is None else np.where(pid < 0, header.pid, pid)


def _numbers(text: pl.Series) -> Ints:
    """Numbers, written in decimal or as `0x1a4`; -1 where there is none."""
    hexadecimal = text.str.extract(r"^0[xX]([0-9a-fA-F]{1,7})$").str.to_integer(
        base=16, strict=False
    )
    number = text.str.extract(r"^(\d{1,8})$").cast(pl.Int64)
    number = number.zip_with(number.is_not_null(), hexadecimal.cast(pl.Int64))
    result: Ints = number.fill_null(-1).to_numpy().astype(np.int64)
    return result
