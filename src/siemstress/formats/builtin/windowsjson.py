r"""Windows events as JSON: from .evtx files, evtx_dump, Winlogbeat, NXLog, Fluent Bit, PowerShell.

Values are named as in the event's EventData (`Image`, `TargetUserName`, ...), those of its System
part `EventID`, `Provider_Name`, `Channel`, `Computer`, `EventRecordID` and so on, whatever the
export calls them. The message is the text of the event where the export has one.
"""

from __future__ import annotations

import numpy as np

from siemstress.formats.base import Sample
from siemstress.formats.documents import Document, document
from siemstress.formats.leaves import Leaves
from siemstress.formats.windowsfields import COLUMNS, complete, data, flat, system

# Where exports have the parts of an event; of UserData the first name is that of its kind.
_SYSTEMS = ("Event.System.", "System.", "winlog.", "win.system.", "data.win.system.")
_DATA = ("Event.EventData.", "EventData.", "winlog.event_data.")
_USER_DATA = ("Event.UserData.", "UserData.", "winlog.user_data.")
_SMALL = ("win.eventdata.", "data.win.eventdata.")


def _rename(name: str) -> str:
    for prefix in (*_DATA, *_USER_DATA):
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            if prefix in _USER_DATA[:2] and "." in rest:
                rest = rest.split(".", 1)[1]
            return data(rest.removesuffix(".#text"))
    for prefix in _SMALL:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            return data(rest[:1].upper() + rest[1:])
    for prefix in _SYSTEMS:
        if name.startswith(prefix):
            return system(name.removeprefix(prefix)) or name.removeprefix("data.")
    return flat(name) if "." not in name else name


def _prepared(leaves: Leaves) -> Leaves:
    r"""Without namespaces; `\/Date(1617183839000)\/`, as PowerShell 5 writes times, as numbers."""
    namespaces = [n for n, name in enumerate(leaves.names) if ".#attributes.xmlns" in name]
    if namespaces:
        kept = np.flatnonzero(~np.isin(leaves.name, namespaces))
        text = leaves.text.gather(kept)
        leaves = Leaves(leaves.row[kept], leaves.name[kept], leaves.names, text)
    dates = leaves.text.str.extract(r"^/Date\((-?\d{1,14})\)/$")
    if dates.is_null().all():
        return leaves
    text = dates.zip_with(dates.is_not_null(), leaves.text)
    return Leaves(leaves.row, leaves.name, leaves.names, text)


EVENT = Document(
    keys=(
        "Event.System. Event.System.EventID Event.System.Channel",
        "Event.System. Event.System.EventID. Event.System.Channel",
        "System.EventID. System.Provider. System.Channel System.Computer",
        "winlog.channel winlog.provider_name",
        "win.system.eventID win.system.channel",
        "data.win.system.eventID data.win.system.channel",
        "EventID SourceName Hostname Channel",
        "EventID ProviderName Computer Channel",
        "EventID EventSourceName Computer Channel",
        "Id ProviderName LogName MachineName TimeCreated",
    ),
    columns=COLUMNS | {"time": (*COLUMNS["time"], "timestamp")},
    general=False,
    rename=_rename,
    prepare=_prepared,
    complete=complete,
)
"""A Windows event, in whatever way it was exported."""

_SYSMON = (
    '{"Event":{"#attributes":{"xmlns":"http://schemas.microsoft.com/win/2004/08/events/event"},'
    '"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},"EventID":1,'
    '"Version":5,"Level":4,"Keywords":"0x8000000000000000","TimeCreated":{"#attributes":'
    '{"SystemTime":"2017-08-23T06:15:38.123456Z"}},"EventRecordID":16,"Execution":'
    '{"#attributes":{"ProcessID":1896,"ThreadID":2012}},"Channel":'
    '"Microsoft-Windows-Sysmon/Operational","Computer":"ws1.example.com"},"EventData":'
    '{"ProcessId":4172,"Image":"C:\\\\Windows\\\\System32\\\\whoami.exe","CommandLine":'
    '"whoami /all","User":"EXAMPLE\\\\alice","ParentImage":"C:\\\\Windows\\\\explorer.exe",'
    '"Computer":"forged"}}}'
)
_LOGON = (
    '{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Security-Auditing"}'
    '},"EventID":{"#attributes":{"Qualifiers":0},"#text":4625},"Level":0,"Keywords":'
    '"0x8010000000000000","TimeCreated":{"#attributes":{"SystemTime":"2017-08-23T06:15:38Z"}},'
    '"Execution":{"#attributes":{"ProcessID":700}},"Channel":"Security","Computer":"dc1"},'
    '"EventData":{"SubjectUserName":"-","TargetUserName":"bob","LogonType":3,"IpAddress":'
    '"::ffff:192.0.2.7","IpPort":"50122","ProcessId":"0x0","ProcessName":"-"}}}'
)
_EXPECTED = {
    "time": "2017-08-23T06:15:38.123456", "zone": "Z", "host": "ws1.example.com",
    "process": "whoami.exe", "pid": 4172, "user_name": "alice", "severity": 6,
    "action": "process_start", "outcome": None, "fields.EventID": "1",
    "fields.Channel": "Microsoft-Windows-Sysmon/Operational",
    "fields.Provider_Name": "Microsoft-Windows-Sysmon", "fields.Computer": "ws1.example.com",
    "fields.Image": r"C:\Windows\System32\whoami.exe", "fields.CommandLine": "whoami /all",
    "fields.ParentImage": r"C:\Windows\explorer.exe", "fields.EventData.Computer": "forged",
}  # fmt: skip
SAMPLES = (
    Sample(_SYSMON, _EXPECTED),
    Sample(
        _LOGON,
        {"time": "2017-08-23T06:15:38", "host": "dc1", "action": "login", "outcome": "failure",
         "user_name": "bob", "source_host": "192.0.2.7", "source_port": 50122, "pid": 700,
         "process": "Microsoft-Windows-Security-Auditing", "fields.EventID": "4625",
         "fields.Qualifiers": "0", "fields.IpAddress": "::ffff:192.0.2.7",
         "fields.TargetUserName": "bob", "fields.LogonType": "3"},
    ),
)  # fmt: skip
MORE = (
    Sample(
        '{"@timestamp":"2017-08-23T06:15:38.000Z","event":{"code":"4624","kind":"event"},"winlog":'
        '{"channel":"Security","provider_name":"Microsoft-Windows-Security-Auditing","event_id":'
        '"4624","computer_name":"dc1","keywords":["Audit Success"],"process":{"pid":700,"thread":'
        '{"id":712}},"event_data":{"TargetUserName":"carol","IpAddress":"2001:db8::7","IpPort":'
        '"0"}},"log":{"level":"information"},"message":"An account was successfully logged on."}',
        {"time": "2017-08-23T06:15:38", "host": "dc1", "action": "login", "outcome": "success",
         "user_name": "carol", "source_host": "2001:db8::7", "source_port": None, "pid": 700,
         "message": "An account was successfully logged on.", "fields.EventID": "4624",
         "fields.Channel": "Security", "fields.Execution_ThreadID": "712",
         "fields.log.level": "information"},
    ),
    Sample(
        '{"EventTime":"2017-08-23 06:15:38","Hostname":"ws1","Keywords":-9218868437227405312,'
        '"EventType":"AUDIT_FAILURE","EventID":4771,"SourceName":'
        '"Microsoft-Windows-Security-Auditing","ProcessID":700,"Channel":"Security",'
        '"TargetUserName":"dave","IpAddress":"::ffff:192.0.2.9","IpPort":"49210","Message":'
        '"Kerberos pre-authentication failed.","SourceModuleType":"im_msvistalog"}',
        {"time": "2017-08-23T06:15:38", "host": "ws1", "action": "login", "outcome": "failure",
         "user_name": "dave", "source_host": "192.0.2.9", "source_port": 49210, "pid": 700,
         "fields.EventID": "4771", "fields.EventType": "AUDIT_FAILURE",
         "message": "Kerberos pre-authentication failed."},
    ),
    Sample(
        r'{"Id":7045,"Level":4,"Keywords":-9187343239835811840,"RecordId":7,"ProviderName":'
        r'"Service Control Manager","LogName":"System","ProcessId":588,"MachineName":"ws1",'
        r'"TimeCreated":"\/Date(1503468938000)\/","Message":"A service was installed.",'
        r'"KeywordsDisplayNames":["Classic"]}',
        {"time": "2017-08-23T06:15:38", "host": "ws1", "process": "Service Control Manager",
         "pid": 588, "severity": 6, "action": "service_create", "outcome": "success",
         "fields.EventID": "7045", "fields.Channel": "System", "fields.EventRecordID": "7",
         "message": "A service was installed."},
    ),
    Sample(
        '{"win":{"system":{"providerName":"Microsoft-Windows-Sysmon","eventID":"3","systemTime":'
        '"2017-08-23T06:15:38.0000000Z","channel":"Microsoft-Windows-Sysmon/Operational",'
        '"computer":"ws1","level":"4"},"eventdata":{"image":"C:\\\\a\\\\nc.exe","processId":"77",'
        '"user":"EXAMPLE\\\\eve","protocol":"tcp","sourceIp":"192.0.2.4","sourcePort":"50000",'
        '"destinationIp":"198.51.100.9","destinationPort":"4444"}}}',
        {"time": "2017-08-23T06:15:38", "host": "ws1", "process": "nc.exe", "pid": 77,
         "action": "connect", "user_name": "eve", "protocol": "tcp", "source_host": "192.0.2.4",
         "source_port": 50000, "dest_host": "198.51.100.9", "dest_port": 4444,
         "fields.EventID": "3", "fields.Image": r"C:\a\nc.exe", "fields.SourceIp": "192.0.2.4"},
    ),
)  # fmt: skip

WINDOWS = document("windowsjson", EVENT, (*SAMPLES, *MORE), rank=11)
