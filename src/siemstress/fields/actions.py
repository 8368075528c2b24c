"""The vocabulary of `action`: one word for what happened, whatever program tells of it.

Failed logins are `action=login` with `outcome=failure`, be it sshd, a mail server or Windows.
Each action has its categories and types in the Elastic Common Schema (event.category, event.type),
by which `siemquery --category` asks for several at once. `outcome` is `success` or `failure`, and
null where the program does not tell, or where nothing was tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

CATEGORIES = (
    "api", "authentication", "configuration", "database", "driver", "email", "file", "host", "iam",
    "intrusion_detection", "library", "malware", "network", "package", "process", "registry",
    "session", "threat", "vulnerability", "web",
)  # fmt: skip
"""The values of event.category in ECS 8."""

TYPES = (
    "access", "admin", "allowed", "change", "connection", "creation", "deletion", "denied",
    "device", "end", "error", "group", "indicator", "info", "installation", "protocol", "start",
    "user",
)  # fmt: skip
"""The values of event.type in ECS 8."""


@dataclass(frozen=True)
class Action:
    """What an action means, in one line, and its event.category and event.type."""

    meaning: str
    category: tuple[str, ...]
    type: tuple[str, ...]


_TABLE = """
login            | authentication         | start | somebody logged in or tried to
logout           | authentication         | end | somebody logged out
authenticate     | authentication         | info | a step that opens no session: a second factor, a ticket, a password asked again
switch_user      | authentication         | start | somebody became another user (su, pkexec, runas)
session_start    | session                | start | a session began
session_end      | session                | end | a session ended
session_lock     | session                | info | a screen or session was locked
session_unlock   | session                | info | a screen or session was unlocked
privilege_use    | iam                    | admin | special rights were given to a session or used
run_command      | process                | start | a user ran a command (sudo, doas, a shell that logs)
account_create   | iam                    | user creation | an account was made
account_change   | iam                    | user change | an account was changed
account_delete   | iam                    | user deletion | an account was deleted
account_lock     | iam                    | user change | an account was locked or disabled
account_unlock   | iam                    | user change | an account was unlocked or enabled
account_list     | iam                    | user info | accounts or groups were listed
password_change  | iam                    | user change | a password was changed or set anew
credential_create | iam                   | user creation | a key, token or secret was made
credential_change | iam                   | user change | a key, token or secret was changed
credential_delete | iam                   | user deletion | a key, token or secret was deleted
credential_access | iam                   | user access | a key, token or secret was read
group_create     | iam                    | group creation | a group was made
group_change     | iam                    | group change | a group or its members were changed
group_delete     | iam                    | group deletion | a group was deleted
permission_change | iam                   | admin change | a role, a right or an access list was changed
trust_change     | iam                    | admin change | a trust, a federation or a domain was changed
directory_query  | iam                    | access | a directory was searched
directory_replicate | iam                 | access | a directory was copied
access           | file                   | access | an object was opened or a right to it asked for
file_access      | file                   | access | a file was read
file_create      | file                   | creation | a file was made
file_change      | file                   | change | a file was written, renamed, or its owner or rights changed
file_delete      | file                   | deletion | a file was deleted
file_upload      | file network           | creation | a file was sent to a server
file_download    | file network           | access | a file was fetched from a server
share_access     | file network           | access | a share of a file server was opened
mount            | file host              | start | a file system was mounted
unmount          | file host              | end | a file system was unmounted
registry_access  | registry               | access | a registry key or value was read
registry_create  | registry               | creation | a registry key or value was made
registry_change  | registry               | change | a registry key or value was set or renamed
registry_delete  | registry               | deletion | a registry key or value was deleted
resource_access  | api                    | access | an object of a service (cloud, cluster) was read or listed
resource_create  | api configuration      | creation | an object of a service was made
resource_change  | api configuration      | change | an object of a service was changed
resource_delete  | api configuration      | deletion | an object of a service was deleted
connect          | network                | connection start | a connection was opened or tried
disconnect       | network                | connection end | a connection ended
flow             | network                | connection info | traffic of a connection, counted
packet           | network                | info | a packet was seen; nothing is said of its fate
allow            | network                | connection allowed | a firewall or proxy let traffic through
deny             | network                | connection denied | a firewall or proxy dropped or rejected traffic
block            | network intrusion_detection | denied | an address or user was banned for a while
unblock          | network intrusion_detection | allowed | a ban was lifted
flood            | network intrusion_detection | info | more came than is allowed: rate limit, SYN flood
port_scan        | network intrusion_detection | info | somebody tried many ports or addresses
probe            | web network intrusion_detection | info | somebody looked for weaknesses
vpn_connect      | network session        | connection start | a tunnel was set up or tried
vpn_disconnect   | network session        | connection end | a tunnel was taken down
tls              | network                | protocol connection | a TLS handshake
nat              | network                | connection info | an address was translated
link_up          | network host           | start | a network interface or link came up
link_down        | network host           | end | a network interface or link went down
address_change   | network configuration  | change | an interface got or lost an address or a route
address_conflict | network                | error | two machines use one address
promiscuous_mode | network                | info | an interface began or ceased to take all packets
arp_request      | network                | protocol | somebody asked for an address by ARP
arp_reply        | network                | protocol | an answer by ARP
dns_query        | network                | protocol access | a name was asked for
dns_answer       | network                | protocol info | a name server's answer
dns_forward      | network                | protocol info | a question was handed on to another name server
dns_transfer     | network                | protocol access | a zone was transferred or asked for
dns_update       | network configuration  | protocol change | a name server's zone was changed
dhcp_discover    | network                | protocol | a machine looks for a DHCP server
dhcp_offer       | network                | protocol | an address was offered
dhcp_request     | network                | protocol | a machine asks for an address
dhcp_lease       | network                | protocol allowed | an address was leased
dhcp_deny        | network                | protocol denied | an address was refused or declined
dhcp_release     | network                | protocol end | a lease was given back or ran out
dhcp_inform      | network                | protocol info | a machine with an address asks for settings
call             | network session        | connection start | a telephone call was set up or tried
call_end         | network session        | connection end | a telephone call ended
request          | web                    | access | a request to a web server, proxy or API
api_call         | api                    | access | another call of a service's API
mail_receive     | email                  | info | a mail was taken in
mail_queue       | email                  | info | a mail was put into a queue
mail_send        | email                  | info | a mail was delivered or handed on
mail_defer       | email                  | info | a mail could not be delivered for now
mail_bounce      | email                  | error | a mail was given up and sent back
mail_reject      | email                  | denied | a mail, its sender or its recipient was refused
mail_filter      | email                  | info | a mail was marked, held or dropped by a filter
db_query         | database               | access | a statement was run in a database
db_change        | database               | change | a database's layout or rights were changed
alert            | intrusion_detection    | info | a detection reports an attack or a breach of a rule
malware          | malware                | info | harmful software was found
vulnerability    | vulnerability          | info | a weakness was found
policy_allow     | process                | allowed | a policy (SELinux, AppArmor) allowed, or only noted, something
policy_deny      | process                | denied | a policy (SELinux, AppArmor, seccomp) forbade something
process_start    | process                | start | a process began
process_end      | process                | end | a process ended
process_access   | process                | access | a process reached into another one
process_inject   | process                | change | a process put code into another one
process_crash    | process                | error end | a process crashed
out_of_memory    | process host           | error end | memory ran out; a process was killed for it
script_run       | process                | start | an interpreter ran a script
module_load      | library                | start | a library was loaded
driver_load      | driver                 | start | a driver or kernel module was loaded
driver_unload    | driver                 | end | a driver or kernel module was unloaded
pipe_create      | process                | creation | a named pipe was made
pipe_access      | process                | access | a named pipe was opened
job_run          | process                | start | a scheduled job ran
job_end          | process                | end | a scheduled job ended
job_output       | process                | info | a scheduled job wrote something
job_create       | configuration          | creation | a scheduled job was made
job_change       | configuration          | change | a scheduled job was changed
job_delete       | configuration          | deletion | a scheduled job was deleted
job_list         | configuration          | access | scheduled jobs were looked at or opened for changing
service_create   | configuration          | creation | a service was installed
service_change   | configuration          | change | a service was changed, enabled or disabled
service_delete   | configuration          | deletion | a service was removed
start            | process                | start | a service, container or program starts or has started
stop             | process                | end | a service, container or program stops or has stopped
restart          | process                | end start | a service starts again
reload           | process configuration  | change | a service reads its configuration again
finish           | process                | end | a task of a service is done
exit             | process                | end | a service's process ended
host_start       | host                   | start | a machine starts
host_stop        | host                   | end | a machine goes down
host_sleep       | host                   | end | a machine goes to sleep
host_wake        | host                   | start | a machine wakes up
time_change      | host configuration     | change | a clock was set
device_connect   | host                   | device start | a device was plugged in
device_disconnect | host                  | device end | a device was taken out
device_error     | host                   | device error | hardware fails
package_install  | package                | installation | a package was installed
package_update   | package                | change | a package was updated
package_delete   | package                | deletion | a package was removed
config_change    | configuration          | change | settings were changed
config_access    | configuration          | access | settings were read
firewall_change  | configuration network  | change | rules of a firewall were changed
policy_change    | configuration          | change | a policy (SELinux, group policy) was changed or loaded
audit_change     | configuration          | change | what is audited was changed
backup           | host                   | info | data was saved
restore          | host                   | change | saved data was brought back
certificate_create | configuration        | creation | a certificate was issued or asked for
certificate_revoke | configuration        | deletion | a certificate was revoked
certificate_check | network               | protocol | a certificate was checked
log_start        | host                   | start | logging began
log_stop         | host                   | end | logging ended
log_clear        | host                   | deletion | a log was cleared
log_lost         | host                   | error | log lines were dropped or could not be kept
log_rotate       | host                   | change | a log was put aside and begun anew
error            | host                   | error | a program tells of an error of its own
status           | host                   | info | a program tells how it is
"""  # noqa: E501  # a table reads better in whole rows


def _read(table: str) -> Iterator[tuple[str, Action]]:
    for line in table.strip().splitlines():
        name, category, kind, meaning = (part.strip() for part in line.split("|"))
        yield name, Action(meaning, tuple(category.split()), tuple(kind.split()))


ACTIONS: Mapping[str, Action] = dict(_read(_TABLE))
"""Every action, by its name."""


def of_category(category: str) -> tuple[str, ...]:
    """The actions of a category; none where there is no such category."""
    return tuple(name for name, action in ACTIONS.items() if category in action.category)
