"""useradd, usermod, groupadd, passwd and their kin: who exists, and in which groups."""

from siemstress.fields.tables import Sample, Table, says

_NEW = "new user: name={user_name}, UID={uid}, GID={gid}, home={home*}, shell={shell}"

TABLE = Table(
    programs=(
        "useradd", "adduser", "userdel", "usermod", "groupadd", "groupdel", "groupmod", "gpasswd",
        "passwd", "chage", "chpasswd", "chfn", "chsh", "newusers",
    ),
    patterns=(
        says(f"{_NEW}, from={{tty}}", action="account_create", outcome="success"),
        says(_NEW, action="account_create", outcome="success"),
        says("failed adding user '{user_name*}', {reason*}",
             action="account_create", outcome="failure"),
        says("new group: name={group}, GID={gid}", action="group_create", outcome="success"),
        says("group added to {_file}: name={group}, GID={gid}",
             action="group_create", outcome="success"),
        says("group added to {_file}: name={group}", action="group_create", outcome="success"),
        says("add '{user_name*}' to group '{group*}'", action="group_change", outcome="success"),
        says("add '{user_name*}' to shadow group '{group*}'",
             action="group_change", outcome="success"),
        says("delete '{user_name*}' from group '{group*}'",
             action="group_change", outcome="success"),
        says("user {user_name} added by {by_user} to group {group}",
             action="group_change", outcome="success"),
        says("user {user_name} removed by {by_user} from group {group}",
             action="group_change", outcome="success"),
        says("delete user '{user_name*}'", action="account_delete", outcome="success"),
        says("group '{group*}' removed{_rest*}", action="group_delete", outcome="success"),
        says("removed group '{group*}' owned by '{_by*}'",
             action="group_delete", outcome="success"),
        says("change user '{user_name*}' {attribute} from '{_old*}' to '{value*}'",
             action="account_change", outcome="success"),
        says("change user '{user_name*}' {attribute*}",
             action="account_change", outcome="success"),
        says("lock user '{user_name*}' password", action="account_lock", outcome="success"),
        says("unlock user '{user_name*}' password", action="account_unlock", outcome="success"),
        says("password for '{user_name*}' changed by '{by_user*}'",
             action="password_change", outcome="success"),
        says("password for {user_name} changed by {by_user}",
             action="password_change", outcome="success"),
        says("changed password expiry for {user_name}",
             action="account_change", outcome="success"),
    ),
    samples=(
        Sample("new user: name=eve, UID=0, GID=0, home=/home/eve, shell=/bin/bash, "
               "from=/dev/pts/1",
               {"user_name": "eve", "uid": "0", "gid": "0", "home": "/home/eve",
                "shell": "/bin/bash", "tty": "/dev/pts/1", "action": "account_create",
                "outcome": "success"}),
        Sample("add 'eve' to group 'sudo'",
               {"user_name": "eve", "group": "sudo", "action": "group_change",
                "outcome": "success"}),
    ),
)  # fmt: skip
