"""Where the fields of Sigma's rules stand in events, and which events are of a log source.

Names are those of the Sigma taxonomy (appendix of the specification 2.1). A name that is not in
these tables is a field of the event that is called so, which is true of Windows events, auditd,
Zeek, cloud services' documents and whatever else is read under its own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from siemstress import schema
from siemstress.formats.base import formats
from siemstress.formats.keys import spellings
from siemstress.rules.sigma.condition import (
    All,
    Any,
    Atom,
    Condition,
    Not,
    SameAs,
    Text,
    Wild,
)
from siemstress.rules.sigma.values import FIELDS

_EVENT = frozenset(c.name for c in schema.EVENT)


@dataclass(frozen=True)
class LogSource:
    """Which logs a rule is about, in lower case; empty where it does not say."""

    category: str = ""
    product: str = ""
    service: str = ""


# Sigma's names, and where else than under themselves their values stand: columns, and after a
# dot fields. By category or service; under "" those of all.
_PLACES = """
[]
Computer ComputerName Hostname   | host
SourceName                       | .Provider_Name
[process_creation]
Image                            | .NewProcessName .exe
CommandLine                      | .ProcessCommandLine .process.command_line .command_line .cmd
ParentImage                      | .ParentProcessName
User                             | .SubjectUserName .TargetUserName user_name
CurrentDirectory                 | .cwd
ProcessId                        | .NewProcessId pid
[webserver proxy]
c-ip                             | source_host
cs-username                      | user_name
cs-host r-dns                    | .vhost .host dest_host
cs-method                        | .method
c-uri cs-uri cs-uri-stem         | .url .path
cs-uri-query                     | .query .url .path
sc-status                        | .status
cs-user-agent c-useragent        | .user_agent
cs-referer cs-referrer           | .referrer .referer
[firewall dns network netflow zeek]
src_ip                           | source_host
dst_ip                           | dest_host
src_port                         | source_port
dst_port                         | dest_port
query                            | .qname .dns.rrname
answer answers                   | .answers .dns.answers
record_type                      | .qtype .qtype_name .dns.rrtype
id.orig_h                        | source_host
id.orig_p                        | source_port
id.resp_h                        | dest_host
id.resp_p                        | dest_port
proto                            | protocol
[antivirus]
Signature                        | .virus .threat .malware message
Filename                         | .file .path message
"""
_SYSMON = """
process_creation 1, file_change 2, network_connection 3, sysmon_status 4 16,
process_termination 5, driver_load 6, image_load 7, create_remote_thread 8, raw_access_thread 9,
process_access 10, file_event 11, registry_add 12, registry_delete 12, registry_set 13,
registry_rename 14, registry_event 12 13 14, create_stream_hash 15, pipe_created 17 18,
wmi_event 19 20 21, dns_query 22, file_delete 23 26, clipboard_change 24, process_tampering 25,
file_block_executable 27, file_block_shredding 28, file_executable_detected 29, sysmon_error 255
"""
_POWERSHELL = "Microsoft-Windows-PowerShell/Operational|PowerShellCore/Operational"
# By Sigma's service: the channels of Windows' event log.
_CHANNELS = f"""
security: Security
system: System
application: Application
sysmon: Microsoft-Windows-Sysmon/Operational|Linux-Sysmon/Operational
powershell: {_POWERSHELL}
powershell-classic: Windows PowerShell
windefend: Microsoft-Windows-Windows Defender/Operational
taskscheduler: Microsoft-Windows-TaskScheduler/Operational
wmi: Microsoft-Windows-WMI-Activity/Operational
bits-client: Microsoft-Windows-Bits-Client/Operational
dns-server: DNS Server
dns-server-analytic: Microsoft-Windows-DNS-Server/Analytical
dns-client: Microsoft-Windows-DNS Client Events/Operational
ntlm: Microsoft-Windows-NTLM/Operational
applocker: Microsoft-Windows-AppLocker/*
firewall-as: Microsoft-Windows-Windows Firewall With Advanced Security/Firewall
msexchange-management: MSExchange Management
driver-framework: Microsoft-Windows-DriverFrameworks-UserMode/Operational
codeintegrity-operational: Microsoft-Windows-CodeIntegrity/Operational
smbclient-security: Microsoft-Windows-SmbClient/Security
smbclient-connectivity: Microsoft-Windows-SmbClient/Connectivity
smbserver-connectivity: Microsoft-Windows-SMBServer/Connectivity
printservice-admin: Microsoft-Windows-PrintService/Admin
printservice-operational: Microsoft-Windows-PrintService/Operational
terminalservices-localsessionmanager: Microsoft-Windows-TerminalServices-LocalSessionManager/*
ldap: Microsoft-Windows-LDAP-Client/Debug
lsa-server: Microsoft-Windows-LSA/Operational
capi2: Microsoft-Windows-CAPI2/Operational
certificateservicesclient-lifecycle-system: Microsoft-Windows-CertificateServicesClient-*
appxpackaging-om: Microsoft-Windows-AppxPackaging/Operational
appxdeployment-server: Microsoft-Windows-AppXDeploymentServer/Operational
appmodel-runtime: Microsoft-Windows-AppModel-Runtime/Admin
shell-core: Microsoft-Windows-Shell-Core/Operational
openssh: OpenSSH/Operational
diagnosis-scripted: Microsoft-Windows-Diagnosis-Scripted/Operational
security-mitigations: Microsoft-Windows-Security-Mitigations/*
bitlocker: Microsoft-Windows-BitLocker/BitLocker Management
iis-configuration: Microsoft-IIS-Configuration/Operational
microsoft-servicebus-client: Microsoft-ServiceBus-Client/*
kernel-event-tracing: Microsoft-Windows-Kernel-EventTracing/*
kernel-shimengine: Microsoft-Windows-Kernel-ShimEngine/*
hyper-v-worker: Microsoft-Windows-Hyper-V-Worker*
vhdmp: Microsoft-Windows-VHDMP-Operational|Microsoft-Windows-VHDMP/Operational
"""
# By Sigma's category, product or service: a column and what it holds. Of several lines one holds.
_LOGS = """
webserver  | format | webaccess w3c nginxerror apacheerror lighttpderror alb elb caddy traefik
apache     | format | webaccess apacheerror
nginx      | format | webaccess nginxerror
proxy      | format | squid w3c webaccess
sshd       | process | sshd sshd-session sshd-auth
sudo       | process | sudo
cron       | process | cron crond anacron
vsftpd     | process | vsftpd
clamav     | process | clamd freshclam clamav clamscan
guacamole  | process | guacd guacamole
auditd     | format | auditd
syslog     | format | syslogbsd syslogiso rfc5424 syslogodd nohost relayed journald
auth       | facility | auth authpriv
zeek       | format | zeek zeekjson
cloudtrail | format | cloudtrail
kubernetes | format | k8saudit
okta       | format | okta
github     | format | github
gcp        | format | gcpaudit
gcp.audit  | format | gcpaudit
auditlogs signinlogs | format | entraid
activitylogs riskdetection pim | format | entraid linejson
m365       | format | office365 linejson
bitbucket onelogin opencanary | format | linejson
dns        | action | dns_query dns_answer
dns        | process | named dnsmasq unbound systemd-resolved pdns pdns_recursor coredns
antivirus  | process | clamd freshclam clamav clamscan
antivirus  | format | linejson keyvalue cef leef
jvm spring velocity django python nodejs ruby_on_rails sql database | format | _ANY_PROGRAM
google_workspace.admin google_workspace.login | format | gworkspace
firewall   | format | pfsense fortigate paloalto ciscoasa checkpoint sonicwall sophos juniper
firewall   | format | mikrotik cef leef
juniper    | format | juniper
fortigate fortios | format | fortigate
paloalto   | format | paloalto
cisco      | format | ciscoios ciscoasa
"""
_SYSLOG = "syslogbsd syslogiso rfc5424 syslogodd nohost relayed journald"
_LINUX = f"{_SYSLOG} auditd linejson"
_ANY_PROGRAM = f"{_SYSLOG} stamped linejson docker sojson gelf ecs apacheerror nginxerror mongodb"


Places = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By category, service or product ("": all), and a field's name in lower case: where it stands."""
Logs = Mapping[str, Sequence[tuple[str, Sequence[str]]]]
"""By category, service or product: the places that events of it hold something in, and what."""


def mapped(condition: Condition, source: LogSource, more: Places | None = None) -> Condition:
    """The same condition on the places where its fields stand in events of a log source.

    `more` are places that come before those that are known.
    """
    match condition:
        case Atom(field, test):
            if isinstance(test, SameAs):
                test = replace(test, field=place(test.field, source, more))
            return Atom(None if field is None else place(field, source, more), test)
        case Not(part):
            return Not(mapped(part, source, more))
        case All(parts):
            return All(tuple(mapped(part, source, more) for part in parts))
        case Any(parts):
            return Any(tuple(mapped(part, source, more) for part in parts))


def place(field: str, source: LogSource, more: Places | None = None) -> str:
    """Where a field stands: places with `|` between them, the first that an event has counts."""
    kinds = ("", source.category, source.service, source.product)
    name = field.lower()
    found: dict[str, None] = {}
    for kind in kinds if more else ():
        found |= dict.fromkeys((more or {}).get(kind, {}).get(name, ()))
    found.setdefault(f"{FIELDS}{field}")
    for kind in kinds:
        found |= dict.fromkeys(_places().get(kind, {}).get(name, ()))
    found |= dict.fromkeys(_columns_of(name, source))
    return "|".join(found)


def _columns_of(name: str, source: LogSource) -> Iterator[str]:
    """Columns that hold what the log has under a name, as they are called or as formats say."""
    column = schema.column_name(name)
    if column is not None and column in _EVENT:
        yield column
        return
    if source.product == "windows":
        return  # Whatever fills a column stays a field.
    always = spellings().get(name)
    kinds = (source.category, source.service, source.product)
    places = [place for kind in kinds for place in _logs().get(kind, ())]
    for known in (known for where, some in places if where == "format" for known in some):
        of = _filled().get(known, {})
        if name in of:
            yield from filter(None, (of[name],))
        elif always:
            yield always[0]


def events_of(source: LogSource, more: Logs | None = None) -> Condition | None:
    """What holds for the events of a log source; None where no log that is read has such.

    `more` are logs that come before those that are known.
    """
    kinds = (source.category, source.service, source.product)
    for kind in kinds:
        if more and kind in more:
            return _one_of(more[kind])
    if source.product == "windows" or source.service == "sysmon":
        return _windows(source)
    if source.category in _sysmon() and source.product in ("", "linux", "macos"):
        return _telemetry(source)
    if source.product == "zeek":
        logs = _one_of(_logs()["zeek"])
        return All((logs, _field("_path", (source.service,)))) if source.service else logs
    for kind in kinds:
        if kind in _logs():
            return _one_of(_logs()[kind])
    if source.product == "linux" and not (source.category or source.service):
        return _any_of("format", _LINUX.split())
    return None


def _one_of(places: Sequence[tuple[str, Sequence[str]]]) -> Condition:
    found = tuple(_any_of(place, values) for place, values in places)
    return found[0] if len(found) == 1 else Any(found)


def _windows(source: LogSource) -> Condition | None:
    number = _sysmon().get(source.category)
    if source.category in ("process_creation", "process_termination"):
        audit = "4688" if source.category == "process_creation" else "4689"
        return Any((
            All((_provider("Microsoft-Windows-Sysmon"), _field("EventID", number or ()))),
            All((_provider("Microsoft-Windows-Security-Auditing"), _field("EventID", (audit,)))),
        ))  # fmt: skip
    if number is not None:
        return All((_provider("Microsoft-Windows-Sysmon"), _field("EventID", number)))
    if source.category in _SCRIPTS:
        channel, event = _SCRIPTS[source.category]
        return All((_field("Channel", channel.split("|")), _field("EventID", (event,))))
    if source.service:
        channels = _channels().get(source.service)
        return None if channels is None else _field("Channel", channels)
    if source.category:
        return None
    return _any_of("format", ("evtx", "windowsjson", "windowsrsyslog"))


_SCRIPTS = {
    "ps_script": (_POWERSHELL, "4104"),
    "ps_module": (_POWERSHELL, "4103"),
    "ps_classic_start": ("Windows PowerShell", "400"),
    "ps_classic_provider_start": ("Windows PowerShell", "600"),
    "ps_classic_script": ("Windows PowerShell", "800"),
}


def _telemetry(source: LogSource) -> Condition:
    """Sysmon for Linux, and what auditd tells of commands."""
    sysmon = All((_provider("Linux-Sysmon"), _field("EventID", _sysmon()[source.category])))
    if source.category != "process_creation" or source.product == "macos":
        return sysmon
    audit = All((
        _any_of("format", ("auditd",)), _any_of("action", ("process_start", "run_command")),
    ))  # fmt: skip
    return Any((sysmon, audit))


def _provider(name: str) -> Condition:
    return _field("Provider_Name", (name,))


def _field(name: str, values: Sequence[str]) -> Condition:
    return _any_of(f"{FIELDS}{name}", values)


def _any_of(field: str, values: Sequence[str]) -> Condition:
    """The field is one of some texts; a `*` at the end of one stands for any text."""
    tests = []
    for value in values:
        text = value.lower().removesuffix("*")
        tests.append(Text((text, Wild.ANY) if value.endswith("*") else (text,)))
    found = tuple(Atom(field, test) for test in tests)
    return found[0] if len(found) == 1 else Any(found)


@cache
def _filled() -> Mapping[str, Mapping[str, str]]:
    """By format and name, in lower case, the column that is filled by it; empty: none."""
    return {
        known.name: {name.lower(): column for column, of in known.columns.items() for name in of}
        for known in formats(own=False).values()
    }


# The tables, read ------------------------------------------------------------------------------


@cache
def _places() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    kinds: list[str] = []
    for line in _lines(_PLACES):
        if line.startswith("["):
            kinds = line.strip("[]").split(" ")
            continue
        names, _, where = line.partition("|")
        places = tuple(f"{FIELDS}{p[1:]}" if p[0] == "." else p for p in where.split())
        for kind in kinds:
            found.setdefault(kind, {}).update(dict.fromkeys(names.lower().split(), places))
    return found


@cache
def _sysmon() -> Mapping[str, tuple[str, ...]]:
    parts = (part.split() for part in _SYSMON.replace("\n", " ").split(","))
    return {name: tuple(numbers) for name, *numbers in parts}


@cache
def _channels() -> Mapping[str, list[str]]:
    pairs = (line.partition(": ") for line in _lines(_CHANNELS))
    return {service: names.split("|") for service, _, names in pairs}


@cache
def _logs() -> Logs:
    found: dict[str, list[tuple[str, Sequence[str]]]] = {}
    for line in _lines(_LOGS.replace("_ANY_PROGRAM", _ANY_PROGRAM)):
        names, column, values = (part.strip() for part in line.split("|"))
        for name in names.split():
            found.setdefault(name, []).append((column, values.split()))
    return found


def _lines(table: str) -> Iterator[str]:
    return (line.strip() for line in table.splitlines() if line.strip())
