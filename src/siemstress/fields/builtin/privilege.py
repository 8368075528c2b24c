"""sudo, su, doas, pkexec and polkit: becoming somebody else."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_RAN = {"action": "run_command", "outcome": "success"}
_REFUSED = {"action": "run_command", "outcome": "failure"}
_SWITCHED = {"action": "switch_user", "outcome": "success"}
_FAILED = {"action": "switch_user", "outcome": "failure"}

_RUN = "TTY={tty} ; PWD={pwd*} ; USER={target_user} ; COMMAND={command*}"
_REASONS = {
    "command not allowed": "command not allowed",
    "user NOT in sudoers": "user NOT in sudoers",
    "user NOT authorized on host": "user NOT authorized on host",
    "{attempts} incorrect password attempts": "incorrect password",
    "{attempts} incorrect password attempt": "incorrect password",
    "a password is required": "a password is required",
    "sorry, you must have a tty to run sudo": "no terminal",
}


def _sudo() -> Iterator[Pattern]:
    yield Pattern("{user_name*} : " + _RUN, _RAN)
    # Of a long command, the parts behind the first.
    yield says("{user_name*} : (command continued) {command*}", action="run_command")
    more = (
        "{?HOST={_host} ; ?}TTY={tty} ; {?CHROOT={_root*} ; ?}PWD={pwd*} ; USER={target_user} ; "
        "{?GROUP={target_group} ; ?}{?TSID={session} ; ?}{?ENV={env*} ; ?}COMMAND={command**}"
    )
    for text, reason in _REASONS.items():
        yield Pattern(f"{{user_name*}} : {text} ; {_RUN}", {**_REFUSED, "reason": reason})
        yield Pattern(f"{{user_name*}} : {text} ; {more}", {**_REFUSED, "reason": reason})
    yield Pattern(f"{{user_name*}} : {more}", _RAN)
    yield Pattern(f"{{user_name*}} : {{reason*}} ; {_RUN}", _REFUSED)


def _su() -> Iterator[Pattern]:
    yield Pattern("(to {target_user}) {user_name} on {tty}", _SWITCHED)
    yield Pattern("FAILED SU (to {target_user}) {user_name} on {tty}", _FAILED)
    yield Pattern("FAILED su for {target_user} by {user_name}", _FAILED)
    yield Pattern("Successful su for {target_user} by {user_name}", _SWITCHED)
    yield Pattern("BAD SU {user_name} to {target_user} on {tty}", _FAILED)
    yield Pattern("+ {tty} {user_name}:{target_user}", _SWITCHED)
    yield Pattern("- {tty} {user_name}:{target_user}", _FAILED)
    yield Pattern("{user_name} to {target_user} on {tty}", _SWITCHED)
    yield Pattern("from {user_name} to {target_user} at {tty}", _SWITCHED)
    yield Pattern("BAD SU from {user_name} to {target_user} at {tty}", _FAILED)
    for word, sets in (("succeeded", _SWITCHED), ("failed", _FAILED)):
        yield Pattern(f"'su {{target_user}}' {word} for {{user_name}} on {{tty}}", sets)
        yield Pattern(f"{word}: {{tty}} changing from {{user_name}} to {{target_user}}", sets)
    yield Pattern("pam_authenticate: {reason*}", _FAILED)
    yield Pattern("No passwd entry for user '{target_user*}'", {**_FAILED, "invalid_user": "true"})


def _others() -> Iterator[Pattern]:
    yield Pattern("{user_name} ran command {command**} as {target_user} from {pwd*}", _RAN)
    yield Pattern("{user_name} ran command as {target_user}: {command*}", _RAN)
    yield Pattern("command not permitted for {user_name}: {command*}",
                  {**_REFUSED, "reason": "command not allowed"})  # fmt: skip
    yield Pattern("failed auth for {user_name}", {**_REFUSED, "reason": "incorrect password"})
    where = "[USER={target_user}] [TTY={tty}] [CWD={pwd*}] [COMMAND={command*}]"
    yield Pattern(f"{{user_name}}: Executing command {where}", _RAN)
    yield Pattern(f"{{user_name}}: {{reason*}} {where}", _REFUSED)


def _polkit() -> Iterator[Pattern]:
    for how, outcome in (
        ("successfully authenticated as unix-user:{user_name} to gain {_kind} authorization",
         "success"),
        ("successfully authenticated as unix-user:{user_name} to gain authorization", "success"),
        ("FAILED to authenticate to gain authorization", "failure"),
    ):  # fmt: skip
        for owner in ("unix-user:{owner}", "{owner}"):
            yield says(f"Operator of {{session}} {how} for action {{policy_action}} for "
                       f"{{_client}} [{{command*}}] (owned by {owner})",
                       action="authenticate", outcome=outcome)  # fmt: skip
        yield says(f"Operator of {{session}} {how} for action {{policy_action}} for {{_rest*}}",
                   action="authenticate", outcome=outcome)  # fmt: skip
    yield says("Registered Authentication Agent for {session} {_rest*}")
    yield says("Unregistered Authentication Agent for {session} {_rest*}")


TABLE = Table(
    programs=("sudo", "su", "doas", "pkexec", "su-l", "runuser"),
    patterns=(*_sudo(), *_su(), *_others()),
    samples=(
        Sample("   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/id -u",
               {"user_name": "alice", "tty": "pts/0", "pwd": "/home/alice",
                "target_user": "root", "command": "/usr/bin/id -u",
                "action": "run_command", "outcome": "success"}),
        Sample("mallory : user NOT in sudoers ; TTY=pts/1 ; PWD=/tmp ; USER=root ; "
               "COMMAND=/bin/bash",
               {"user_name": "mallory", "tty": "pts/1", "pwd": "/tmp", "target_user": "root",
                "command": "/bin/bash", "action": "run_command", "outcome": "failure",
                "reason": "user NOT in sudoers"}),
        Sample("alice : TTY=pts/0 ; PWD=/srv ; USER=www ; GROUP=web ; ENV=A=1 ; COMMAND=/bin/ls",
               {"user_name": "alice", "tty": "pts/0", "pwd": "/srv", "target_user": "www",
                "target_group": "web", "env": "A=1", "command": "/bin/ls",
                "action": "run_command", "outcome": "success"}),
        Sample("alice : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/srv ; USER=root ; "
               "COMMAND=/bin/ls",
               {"user_name": "alice", "attempts": "3", "tty": "pts/0", "pwd": "/srv",
                "target_user": "root", "command": "/bin/ls", "action": "run_command",
                "outcome": "failure", "reason": "incorrect password"}),
        Sample("FAILED SU (to root) bob on pts/2",
               {"user_name": "bob", "target_user": "root", "tty": "pts/2",
                "action": "switch_user", "outcome": "failure"}),
        Sample("'su root' failed for bob on /dev/pts/2",
               {"user_name": "bob", "target_user": "root", "tty": "/dev/pts/2",
                "action": "switch_user", "outcome": "failure"}),
        Sample("bob ran command /bin/sh -c id as root as root from /home/bob",
               {"user_name": "bob", "target_user": "root", "command": "/bin/sh -c id as root",
                "pwd": "/home/bob", "action": "run_command", "outcome": "success"}),
        Sample("bob: The value for the SHELL variable was not found the /etc/shells file "
               "[USER=root] [TTY=/dev/pts/3] [CWD=/tmp] [COMMAND=x]",
               {"user_name": "bob", "target_user": "root", "tty": "/dev/pts/3", "pwd": "/tmp",
                "command": "x", "action": "run_command", "outcome": "failure",
                "reason": "The value for the SHELL variable was not found the /etc/shells file"}),
    ),
)  # fmt: skip
POLKIT = Table(
    programs=("polkitd", "polkitd(authority=local)"),
    patterns=tuple(_polkit()),
    samples=(
        Sample("Operator of unix-session:2 successfully authenticated as unix-user:alice to gain "
               "ONE-SHOT authorization for action org.freedesktop.systemd1.manage-units for "
               "system-bus-name::1.5 [systemctl stop x] (owned by unix-user:alice)",
               {"session": "unix-session:2", "user_name": "alice", "owner": "alice",
                "policy_action": "org.freedesktop.systemd1.manage-units",
                "command": "systemctl stop x", "action": "authenticate", "outcome": "success"}),
    ),
)  # fmt: skip
