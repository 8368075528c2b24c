"""Which keys of JSON logs fill which columns of the event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from siemstress.formats.syslog import FACILITIES
from siemstress.schema import EVENT

FILLED = (
    "time", "zone", "host", "process", "pid", "facility", "severity", "source_host", "source_port",
    "dest_host", "dest_port", "protocol", "user_name", "action", "outcome", "message",
)  # fmt: skip
"""Columns that a key can fill; the others say how and when a line was read."""

# Beside the columns' names in our, the original's and the Elastic Common Schema's spelling: what
# journald (systemd.journal-fields(7)), GELF, Suricata, Zeek, Docker and common logging libraries
# write. In lower case; of several keys in one line the first counts.
_OTHERS: Mapping[str, Sequence[str]] = {
    "time": ("timestamp", "time", "ts", "datestamp", "date", "datetime", "eventtime",
             "_source_realtime_timestamp", "__realtime_timestamp", "timeunixnano", "t"),
    "zone": ("tzone", "timezone"),
    "host": ("host", "hostname", "host.hostname", "_hostname", "syslog_hostname", "computer"),
    "process": ("process", "program", "programname", "syslog_identifier", "_comm", "ident",
                "appname", "app_name", "service.name"),
    "pid": ("_pid", "syslog_pid", "procid", "process_id"),
    "facility": ("syslog_facility", "log.syslog.facility.code"),
    "severity": ("priority", "log.level", "level", "lvl", "levelname", "loglevel",
                 "severitytext"),
    "source_host": ("source.ip", "src_ip", "source_ip", "srcip", "client.ip", "client_ip",
                    "clientip", "remote_addr", "remoteaddr", "remote_ip", "id.orig_h"),
    "source_port": ("src_port", "srcport", "client.port", "id.orig_p"),
    "dest_host": ("destination.ip", "dest_ip", "dst_ip", "dstip", "server.ip", "id.resp_h"),
    "dest_port": ("dst_port", "dstport", "server.port", "id.resp_p"),
    "protocol": ("proto", "network.protocol"),
    "user_name": ("user", "username", "user_id"),
    "message": ("msg", "short_message", "fields.message", "text", "log", "body.stringvalue"),
}  # fmt: skip

LEVELS: Mapping[str, int] = {
    name: severity
    for severity, spellings in enumerate((
        "0 emerg emergency panic", "1 alert", "2 crit critical fatal 60", "3 err error severe 50",
        "4 warn warning 40", "5 notice", "6 info information informational 30",
        "7 debug trace verbose finest 20 10",
    ))
    for name in spellings.split()
}  # fmt: skip
"""Severities (RFC 5424, table 2) by number and name; the tens are bunyan's and pino's."""

FACILITY_NUMBERS: Mapping[str, int] = {
    **{name: number for number, name in enumerate(FACILITIES)},
    **{str(number): number for number in range(len(FACILITIES))},
}
"""Facilities by name and by number."""


@cache
def spellings() -> Mapping[str, tuple[str, int]]:
    """By a key's name in lower case: the column that it fills, and its rank among the column's."""
    found: dict[str, tuple[str, int]] = {}
    for column in EVENT:
        if column.name not in FILLED:
            continue
        names = (column.name, *([column.ecs] if column.ecs else []), *column.old)
        for rank, name in enumerate((*names, *_OTHERS.get(column.name, ()))):
            found.setdefault(name.lower(), (column.name, rank))
    return found


def pointers() -> Iterator[tuple[str, str]]:
    """The names of keys that fill columns, and where they stand: as one key, or nested."""
    for name in spellings():
        for spelling in dict.fromkeys((name, name.upper()) if "." not in name else (name,)):
            yield spelling, f"/{spelling}"
        if "." in name:
            yield name, f"/{name.replace('.', '/')}"
