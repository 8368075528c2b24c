"""What Windows events tell of, by provider and number, and which of their names fill columns.

The same for events from .evtx files, from exports as JSON or XML, and for Sysmon on Linux: values
are named as in the event's own EventData (`Image`, `TargetUserName`, `IpAddress`), those of its
System part `EventID`, `Provider_Name`, `Channel`, `Computer` and so on, which is how Sigma's rules
name them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

AUDITING = "microsoft-windows-security-auditing"
SYSMON = "microsoft-windows-sysmon"
LINUX_SYSMON = "linux-sysmon"

# Microsoft's documentation of each event, and of audit policies; Sysmon's manual. By provider (in
# lower case): numbers | action | outcome | user. The outcome of an audit event follows from its
# keywords where none stands here, `-` says that it has none. `user`: whether the user is who acted
# (`subject`) or whose account or session it is (`target`).
_TABLE = """
[microsoft-windows-security-auditing]
4608                | host_start       | -       |
4609                | host_stop        | -       |
4616                | time_change      |         | subject
4624                | login            | success | target
4625                | login            | failure | target
4634 4647           | logout           |         | target
4648                | switch_user      |         | target
4649                | alert            | -       | target
4656 4661 4663      | access           |         | subject
4657                | registry_change  |         | subject
4659 4660           | file_delete      |         | subject
4662                | directory_query  |         | subject
4670                | permission_change |        | subject
4672                | privilege_use    |         | subject
4673 4674           | privilege_use    |         | subject
4688                | process_start    |         | subject
4689                | process_end      |         | subject
4692 4693           | credential_access |        | subject
4696                | process_start    |         | subject
4697                | service_create   |         | subject
4698                | job_create       |         | subject
4699                | job_delete       |         | subject
4700 4701 4702      | job_change       |         | subject
4703                | permission_change |        | subject
4704 4705 4717 4718 | permission_change |        | subject
4706 4707 4716 4865 4866 4867 | trust_change |   | subject
4713 4714 4739 4817 4902 4904 4905 4906 4907 4908 4912 | policy_change | | subject
4715 4719           | audit_change     |         | subject
4720                | account_create   |         | target
4722                | account_unlock   |         | target
4723 4724 4794      | password_change  |         | target
4725                | account_lock     |         | target
4726                | account_delete   |         | target
4727 4731 4744 4749 4754 4759 4783 4790 | group_create | | subject
4728 4729 4732 4733 4735 4737 4745 4746 4747 4750 4751 4752 4755 4756 4757 4760 4761 4762 4764 4784 4785 4786 4787 4788 4791 | group_change | | subject
4730 4734 4748 4753 4758 4763 4789 4792 | group_delete | | subject
4738 4765 4766 4780 4781 | account_change |      | target
4740                | account_lock     |         | target
4741                | account_create   |         | target
4742                | account_change   |         | target
4743                | account_delete   |         | target
4767                | account_unlock   |         | target
4768 4769 4770      | authenticate     |         | target
4771                | login            | failure | target
4772 4773           | authenticate     | failure | target
4774 4775           | authenticate     |         | target
4776                | login            |         | target
4777                | login            | failure | target
4778                | session_start    | success | target
4779                | session_end      | success | target
4782                | credential_access |        | subject
4793                | access           |         | subject
4798 4799           | account_list     |         | subject
4800                | session_lock     |         | target
4801                | session_unlock   |         | target
4816 5038 6281      | alert            | -       |
4825                | login            | failure | target
4886 4887           | certificate_create |       | subject
4888                | certificate_create | failure | subject
4944 4945 4946 4947 4948 4950 4954 | firewall_change | - | subject
4964                | privilege_use    |         | target
4985                | status           | -       | subject
5024                | start            | -       |
5025                | stop             | -       |
5058 5059 5061      | access           |         | subject
5136                | resource_change  |         | subject
5137                | resource_create  |         | subject
5138 5139           | resource_change  |         | subject
5141                | resource_delete  |         | subject
5140 5143 5144 5145 5168 | share_access |         | subject
5142                | share_access     |         | subject
5152 5153 5155 5157 5159 | deny        | -       |
5154 5156 5158      | allow            | -       |
5376                | backup           |         | subject
5377                | restore          |         | subject
5379 5380 5381 5382 | credential_access |        | subject
6272                | login            | success | subject
6273 6274           | login            | failure | subject
6278                | login            | success | subject
6416                | device_connect   |         | subject
6419 6420           | device_disconnect |        | subject
6421 6422           | device_connect   |         | subject
[microsoft-windows-eventlog]
104 1102            | log_clear        | success | subject
1100                | log_stop         | -       |
1101 1104           | log_lost         | -       |
1105                | log_rotate       | -       |
6005                | log_start        | -       |
[eventlog]
6005                | log_start        | -       |
6006                | log_stop         | -       |
6008                | host_stop        | failure |
[service control manager]
7030 7031 7034      | process_crash    | -       |
7035                | service_change   | -       |
7036                | status           | -       |
7040                | service_change   | -       |
7045                | service_create   | success |
7000 7009 7023 7024 | start            | failure |
[microsoft-windows-sysmon]
1                   | process_start    | -       | user
2                   | file_change      | -       | user
3                   | connect          | -       | user
4                   | status           | -       |
5                   | process_end      | -       | user
6                   | driver_load      | -       |
7                   | module_load      | -       | user
8                   | process_inject   | -       | source
9                   | file_access      | -       | user
10                  | process_access   | -       | source
11 15 29            | file_create      | -       | user
12 13 14            | registry_change  | -       | user
16                  | config_change    | -       |
17                  | pipe_create      | -       | user
18                  | pipe_access      | -       | user
19 20 21            | config_change    | -       | user
22                  | dns_query        | -       | user
23 26               | file_delete      | -       | user
25                  | process_inject   | -       | user
27 28               | policy_deny      | -       | user
255                 | error            | -       |
[microsoft-windows-powershell]
4100                | error            | -       | user
4103 4104           | script_run       | -       | user
[powershell]
400                 | start            | -       |
403                 | stop             | -       |
800                 | script_run       | -       |
[microsoft-windows-taskscheduler]
106                 | job_create       | success | user
140                 | job_change       | success | user
141                 | job_delete       | success | user
142                 | job_change       | success | user
129 200             | job_run          | -       | user
201                 | job_end          | -       | user
101 103 203         | job_run          | failure | user
[microsoft-windows-terminalservices-localsessionmanager]
21                  | session_start    | success | user
23                  | session_end      | success | user
24                  | disconnect       | -       | user
25                  | session_start    | success | user
[microsoft-windows-terminalservices-remoteconnectionmanager]
1149                | connect          | success | user
[microsoft-windows-remotedesktopservices-rdpcorets]
131                 | connect          | -       |
140                 | login            | failure |
[microsoft-windows-windows defender]
1006 1007 1015 1116 1117 1118 1119 | malware | -  | detection
1013                | log_clear        | -       | subject
5001 5010 5012      | config_change    | -       |
5004 5007           | config_change    | -       |
[microsoft-windows-windows firewall with advanced security]
2003 2004 2005 2006 2033 2071 2097 | firewall_change | success | modifying
[microsoft-windows-bits-client]
3                   | job_create       | -       | owner
4                   | job_end          | success | user
59                  | file_download    | -       |
60                  | file_download    | success |
[microsoft-windows-dns-client]
3006 3008 3010 3020 | dns_query        | -       |
[microsoft-windows-wmi-activity]
5857 5858           | status           | -       | user
5859 5860 5861      | config_change    | -       | user
[microsoft-windows-applocker]
8002 8005 8020 8023 | policy_allow     | -       | target
8003 8006 8021 8024 | policy_allow     | -       | target
8004 8007 8022 8025 | policy_deny      | -       | target
[microsoft-windows-codeintegrity]
3004 3033 3034 3076 | alert            | -       |
3077                | policy_deny      | -       |
[microsoft-windows-driverframeworks-usermode]
2003                | device_connect   | -       |
2100 2102           | device_disconnect | -      |
[microsoft-windows-ntlm]
4001 4002 4003      | login            | failure |
[microsoft-windows-kernel-general]
1                   | time_change      | -       |
12                  | host_start       | -       |
13                  | host_stop        | -       |
[microsoft-windows-kernel-power]
41                  | host_stop        | failure |
42                  | host_sleep       | -       |
107                 | host_wake        | -       |
[microsoft-windows-power-troubleshooter]
1                   | host_wake        | -       |
[user32]
1074                | host_stop        | -       |
[openssh]
4                   | status           | -       |
[application error]
1000                | process_crash    | -       |
[msiinstaller]
1033 11707          | package_install  | success |
1034 11724          | package_delete   | success |
11708               | package_install  | failure |
[esent]
216 325 326 327     | status           | -       |
[microsoft-windows-winlogon]
7001                | login            | success |
7002                | logout           | success |
[mssqlserver]
18453 18454         | login            | success |
18456               | login            | failure |
33205               | db_query         | -       |
15457               | config_change    | -       |
"""  # noqa: E501  # a table reads better in whole rows


@dataclass(frozen=True)
class Told:
    """What an event tells: `outcome` is "" where its keywords say it, and "-" where nothing does.

    `user` says which of its names are the user's, see USERS.
    """

    action: str
    outcome: str
    user: str


def _read(table: str) -> Iterator[tuple[tuple[str, str], Told]]:
    provider = ""
    for line in table.strip().splitlines():
        if line.startswith("["):
            provider = line.strip("[]")
            continue
        numbers, action, outcome, user = (part.strip() for part in line.split("|"))
        for number in numbers.split():
            yield (provider, number), Told(action, outcome, user)


EVENTS: Mapping[tuple[str, str], Told] = dict(_read(_TABLE))
"""What is known of events, by provider (in lower case) and number."""

USERS: Mapping[str, Sequence[str]] = {
    "": ("TargetUserName", "SubjectUserName", "User", "UserName"),
    "target": ("TargetUserName", "TargetUser", "AccountName", "TargetAccount"),
    "subject": ("SubjectUserName", "User"),
    "user": ("User", "UserName", "UserContext", "Param1", "ContextInfo.User"),
    "source": ("SourceUser", "User"),
    "detection": ("Detection User",),
    "modifying": ("ModifyingUser",),
    "owner": ("jobOwner",),
}
"""By what the table says of the user: the names of values that are one, the best first."""


@cache
def _table() -> pl.DataFrame:
    providers = [*EVENTS, *((LINUX_SYSMON, n) for p, n in EVENTS if p == SYSMON)]
    told = [EVENTS[SYSMON if p == LINUX_SYSMON else p, n] for p, n in providers]
    return pl.DataFrame({
        "provider": [provider for provider, _ in providers],
        "number": [number for _, number in providers],
        "action": [t.action for t in told],
        "outcome": [t.outcome for t in told],
        "user": [t.user for t in told],
    })  # fmt: skip


def told(provider: pl.Series, number: pl.Series) -> pl.DataFrame:
    """What events tell, by their providers and numbers: `action`, `outcome` and `user` of each.

    Null where nothing is known of an event; outcomes as in Told.
    """
    asked = pl.DataFrame({"provider": provider.str.to_lowercase(), "number": number})
    found = asked.join(
        _table(), on=["provider", "number"], how="left", maintain_order="left", coalesce=True
    )
    return found.select("action", "outcome", "user")
