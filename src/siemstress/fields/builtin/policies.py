"""SELinux and AppArmor, as they stand in syslog: by the kernel, or by the journal's audit."""

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_HEADS = (
    "audit: type={_type} audit({audit_id}): ",
    "type={_type} audit({audit_id}): ",
    "AVC ",
    "",
)


def _selinux(head: str) -> Iterator[Pattern]:
    who = 'for  pid={target_pid} comm="{command*}" {object**} '
    what = "scontext={scontext} tcontext={tcontext} tclass={tclass}"
    for word, text, action in (
        ("denied", "permissive=1", "policy_allow"), ("denied", "permissive=0", "policy_deny"),
        ("denied", "", "policy_deny"), ("granted", "", "policy_allow"),
    ):  # fmt: skip
        end = f" {text}" if text else ""
        yield says(f"{head}avc:  {word}  {{{{ {{permission*}} }} {who}{what}{end}", action=action)
        bare = f"for  pid={{target_pid}} comm={{command}} {{object**}} {what}{end}"
        yield says(f"{head}avc:  {word}  {{{{ {{permission*}} }} {bare}", action=action)


def _apparmor(head: str) -> Iterator[Pattern]:
    masks = '{? requested_mask="{requested_mask}"?}{? denied_mask="{denied_mask}"?}{?{_rest*}?}'
    for word, action in (
        ("DENIED", "policy_deny"), ("ALLOWED", "policy_allow"), ("AUDIT", "policy_allow"),
    ):  # fmt: skip
        start = (
            f'{head}apparmor="{word}" operation="{{operation}}"{{_class*}} profile="{{profile*}}"'
        )
        # Names with quotes, blanks or worse in them come as hexadecimal digits, without quotes.
        for name in (' name="{file*}"', " name={file}", ""):
            for command in ('"{command*}"', "{command}"):
                yield says(f"{start}{name} pid={{target_pid}} comm={command}{masks}", action=action)
    yield says(
        f'{head}apparmor="STATUS" operation="{{operation}}" {{_rest*}}', action="policy_change"
    )


def _seccomp(head: str) -> Pattern:
    return says(
        f"{head}auid={{_auid}} uid={{uid}} gid={{_gid}} ses={{_ses}}{{? subj={{_subj}}?}} "
        'pid={target_pid} comm="{command*}" exe="{file*}" sig={signal} arch={_arch} '
        "syscall={syscall} {_rest*}",
        action="policy_deny",
    )


TABLE = Table(
    programs=("kernel", "audit", "dbus-daemon", "setroubleshoot", "python", "platform-python"),
    patterns=(
        *(pattern for head in _HEADS for pattern in (*_selinux(head), *_apparmor(head))),
        *(_seccomp(head) for head in ("audit: type=1326 audit({audit_id}): ", "SECCOMP ")),
        says("SELinux is preventing {command*} from {permission} access on the {kind} {object*}. "
             "For complete SELinux messages {_rest*}", action="policy_deny"),
        says("SELinux:  {_rest*}", action="policy_change"),
    ),
    samples=(
        Sample('audit: type=1400 audit(1760414400.123:45): apparmor="DENIED" operation="open" '
               'class="file" profile="/usr/sbin/named" name="/etc/shadow" pid=815 comm="named" '
               'requested_mask="r" denied_mask="r" fsuid=105 ouid=0',
               {"audit_id": "1760414400.123:45", "operation": "open",
                "profile": "/usr/sbin/named", "file": "/etc/shadow", "target_pid": "815",
                "command": "named", "requested_mask": "r", "denied_mask": "r",
                "action": "policy_deny"}),
        Sample('AVC apparmor="STATUS" operation="profile_replace" profile="unconfined" '
               'name="/usr/sbin/named" pid=1 comm="apparmor_parser"',
               {"operation": "profile_replace", "action": "policy_change"}),
        Sample('audit: type=1400 audit(1760414400.123:46): avc:  denied  { read open } for  '
               'pid=815 comm="httpd" name="shadow" dev="vda1" ino=7 '
               'scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:shadow_t:s0 '
               'tclass=file permissive=0',
               {"audit_id": "1760414400.123:46", "permission": "read open", "target_pid": "815",
                "command": "httpd", "object": 'name="shadow" dev="vda1" ino=7',
                "scontext": "system_u:system_r:httpd_t:s0",
                "tcontext": "system_u:object_r:shadow_t:s0", "tclass": "file",
                "action": "policy_deny"}),
    ),
)  # fmt: skip
