"""sudo, su, doas and pkexec: becoming somebody else."""

from siemstress.fields.tables import Sample, Table, says

_RUN = "TTY={tty} ; PWD={pwd*} ; USER={target_user} ; COMMAND={command*}"

TABLE = Table(
    programs=("sudo", "su", "doas", "pkexec", "su-l", "runuser"),
    patterns=(
        says("{user_name*} : " + _RUN, action="run_command", outcome="success"),
        says("{user_name*} : command not allowed ; " + _RUN,
             action="run_command", outcome="failure", reason="command not allowed"),
        says("{user_name*} : user NOT in sudoers ; " + _RUN,
             action="run_command", outcome="failure", reason="user NOT in sudoers"),
        says("{user_name*} : {attempts} incorrect password attempts ; " + _RUN,
             action="run_command", outcome="failure", reason="incorrect password"),
        says("{user_name*} : {attempts} incorrect password attempt ; " + _RUN,
             action="run_command", outcome="failure", reason="incorrect password"),
        says("{user_name*} : a password is required ; " + _RUN,
             action="run_command", outcome="failure", reason="a password is required"),
        says("{user_name*} : TTY={tty} ; PWD={pwd*} ; USER={target_user} ; GROUP={target_group} ;"
             " COMMAND={command*}", action="run_command", outcome="success"),
        says("(to {target_user}) {user_name} on {tty}", action="switch_user", outcome="success"),
        says("FAILED SU (to {target_user}) {user_name} on {tty}",
             action="switch_user", outcome="failure"),
        says("FAILED su for {target_user} by {user_name}",
             action="switch_user", outcome="failure"),
        says("Successful su for {target_user} by {user_name}",
             action="switch_user", outcome="success"),
        says("BAD SU {user_name} to {target_user} on {tty}",
             action="switch_user", outcome="failure"),
        says("+ {tty} {user_name}:{target_user}", action="switch_user", outcome="success"),
        says("- {tty} {user_name}:{target_user}", action="switch_user", outcome="failure"),
        says("{user_name}: Executing command [USER={target_user}] [TTY={tty}] [CWD={pwd*}] "
             "[COMMAND={command*}]", action="run_command", outcome="success"),
    ),
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
        Sample("FAILED SU (to root) bob on pts/2",
               {"user_name": "bob", "target_user": "root", "tty": "pts/2",
                "action": "switch_user", "outcome": "failure"}),
    ),
)  # fmt: skip
