"""useradd, usermod, groupadd, passwd and their kin: who exists, and in which groups."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_NEW = "new user: name={user_name}, UID={uid}, GID={gid}, home={home*}, shell={shell}"


def _done(text: str, action: str) -> Pattern:
    return says(text, action=action, outcome="success")


def _users() -> Iterator[Pattern]:
    yield _done(f"{_NEW}, from={{tty}}", "account_create")
    yield _done(_NEW, "account_create")
    yield says("failed adding user '{user_name*}', {reason*}",
               action="account_create", outcome="failure")  # fmt: skip
    yield _done("delete user '{user_name*}'", "account_delete")
    yield _done("change user name '{user_name*}' to '{value*}'", "account_change")
    yield _done("change user '{user_name*}' {attribute} from '{_old*}' to '{value*}'",
                "account_change")  # fmt: skip
    yield _done("change user '{user_name*}' password", "password_change")
    yield _done("change user '{user_name*}' {attribute*}", "account_change")
    yield _done("changed user '{user_name*}' shell to '{value*}'", "account_change")
    yield _done("changed user '{user_name*}' information", "account_change")
    yield _done("lock user '{user_name*}' password", "account_lock")
    yield _done("unlock user '{user_name*}' password", "account_unlock")
    yield _done("password for '{user_name*}' changed by '{by_user*}'", "password_change")
    yield _done("password for {user_name} changed by {by_user}", "password_change")
    for verb in ("changed password expiry for", "changed password aging for"):
        yield _done(f"{verb} {{user_name}}", "account_change")
    yield says("can't lock {file*}", action="error")


def _groups() -> Iterator[Pattern]:
    yield _done("new group: name={group}, GID={gid}", "group_create")
    yield _done("group added to {_file}: name={group}, GID={gid}", "group_create")
    yield _done("group added to {_file}: name={group}", "group_create")
    for verb in ("add '{user_name*}' to", "delete '{user_name*}' from"):
        for kind in ("group", "shadow group"):
            yield _done(f"{verb} {kind} '{{group*}}'", "group_change")
            yield _done(f"{verb} {kind} '{{group*}}' by '{{by_user*}}'", "group_change")
    for kind in ("group", "shadow group"):
        yield _done(f"change '{{user_name*}}' to '{{value*}}' in {kind} '{{group*}}'",
                    "group_change")  # fmt: skip
        yield _done(f"{kind} '{{group*}}' removed{{_rest*}}", "group_delete")
        yield _done(f"removed {kind} '{{group*}}' owned by '{{_by*}}'", "group_delete")
    yield _done("user {user_name} added by {by_user} to group {group}", "group_change")
    yield _done("user {user_name} removed by {by_user} from group {group}", "group_change")
    yield _done("members of group {group} set by {by_user} to {members*}", "group_change")
    yield _done("administrators of group {group} set by {by_user} to {members*}", "group_change")
    yield _done("password of group {group} {_what=changed|removed} by {by_user}", "group_change")
    yield _done("group changed in {_file} (group {group}/{gid}{?, new name: {new_name}?}"
                "{?, new gid: {new_gid}?})", "group_change")  # fmt: skip


TABLE = Table(
    programs=(
        "useradd", "adduser", "userdel", "usermod", "groupadd", "groupdel", "groupmod", "gpasswd",
        "passwd", "chage", "chpasswd", "chfn", "chsh", "newusers", "deluser", "addgroup",
        "delgroup", "vipw", "usermod.real", "groupmems",
    ),
    patterns=(*_users(), *_groups()),
    samples=(
        Sample("new user: name=eve, UID=0, GID=0, home=/home/eve, shell=/bin/bash, "
               "from=/dev/pts/1",
               {"user_name": "eve", "uid": "0", "gid": "0", "home": "/home/eve",
                "shell": "/bin/bash", "tty": "/dev/pts/1", "action": "account_create",
                "outcome": "success"}),
        Sample("add 'eve' to group 'sudo'",
               {"user_name": "eve", "group": "sudo", "action": "group_change",
                "outcome": "success"}),
        Sample("change user 'eve' UID from '1001' to '0'",
               {"user_name": "eve", "attribute": "UID", "value": "0", "action": "account_change",
                "outcome": "success"}),
        Sample("changed user 'eve' shell to '/bin/zsh'",
               {"user_name": "eve", "value": "/bin/zsh", "action": "account_change",
                "outcome": "success"}),
        Sample("group changed in /etc/group (group web/33, new name: www, new gid: 34)",
               {"group": "web", "gid": "33", "new_name": "www", "new_gid": "34",
                "action": "group_change", "outcome": "success"}),
        Sample("password for 'eve' changed by 'root'",
               {"user_name": "eve", "by_user": "root", "action": "password_change",
                "outcome": "success"}),
    ),
)  # fmt: skip
SERVICE = Table(
    programs=("accounts-daemon",),
    patterns=(
        _done("request by {client*}: create user '{user_name*}'", "account_create"),
        _done("request by {client*}: delete user '{user_name*}' ({uid})", "account_delete"),
        _done("request by {client*}: set password of user '{user_name*}' ({uid})",
              "password_change"),
    ),
    samples=(
        Sample("request by system-bus-name::1.70 [gnome-control-c pid:7 uid:1000]: create user "
               "'eve'",
               {"client": "system-bus-name::1.70 [gnome-control-c pid:7 uid:1000]",
                "user_name": "eve", "action": "account_create", "outcome": "success"}),
    ),
)  # fmt: skip
