"""What records of the Linux audit system are called and tell of, and what their values hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from siemstress.formats.header import Span
from siemstress.formats.leaves import Placed, appended
from siemstress.sources.lines import Ints, Lines, Mask

# linux/audit.h and libaudit's audit-records.h.
_NUMBERS = """
1006 LOGIN, 1100 USER_AUTH, 1101 USER_ACCT, 1102 USER_MGMT, 1103 CRED_ACQ, 1104 CRED_DISP,
1105 USER_START, 1106 USER_END, 1107 USER_AVC, 1108 USER_CHAUTHTOK, 1109 USER_ERR,
1110 CRED_REFR, 1111 USYS_CONFIG, 1112 USER_LOGIN, 1113 USER_LOGOUT, 1114 ADD_USER,
1115 DEL_USER, 1116 ADD_GROUP, 1117 DEL_GROUP, 1118 DAC_CHECK, 1119 CHGRP_ID,
1122 USER_SELINUX_ERR, 1123 USER_CMD, 1124 USER_TTY, 1125 CHUSER_ID, 1126 GRP_AUTH,
1127 SYSTEM_BOOT, 1128 SYSTEM_SHUTDOWN, 1129 SYSTEM_RUNLEVEL, 1130 SERVICE_START,
1131 SERVICE_STOP, 1132 GRP_MGMT, 1133 GRP_CHAUTHTOK, 1134 MAC_CHECK, 1135 ACCT_LOCK,
1136 ACCT_UNLOCK, 1137 USER_DEVICE, 1138 SOFTWARE_UPDATE, 1200 DAEMON_START, 1201 DAEMON_END,
1202 DAEMON_ABORT, 1203 DAEMON_CONFIG, 1205 DAEMON_ROTATE, 1300 SYSCALL, 1302 PATH, 1303 IPC,
1304 SOCKETCALL, 1305 CONFIG_CHANGE, 1306 SOCKADDR, 1307 CWD, 1309 EXECVE, 1318 OBJ_PID,
1319 TTY, 1320 EOE, 1321 BPRM_FCAPS, 1322 CAPSET, 1323 MMAP, 1325 NETFILTER_CFG, 1326 SECCOMP,
1327 PROCTITLE, 1330 KERN_MODULE, 1331 FANOTIFY, 1334 BPF, 1335 EVENT_LISTENER, 1400 AVC,
1401 SELINUX_ERR, 1403 MAC_POLICY_LOAD, 1404 MAC_STATUS, 1405 MAC_CONFIG_CHANGE,
1700 ANOM_PROMISCUOUS, 1701 ANOM_ABEND, 1702 ANOM_LINK, 2100 ANOM_LOGIN_FAILURES,
2101 ANOM_LOGIN_TIME, 2102 ANOM_LOGIN_SESSIONS, 2103 ANOM_LOGIN_ACCT,
2104 ANOM_LOGIN_LOCATION, 2109 ANOM_ADD_ACCT, 2110 ANOM_DEL_ACCT, 2111 ANOM_MOD_ACCT,
2404 CRYPTO_KEY_USER, 2407 CRYPTO_SESSION, 2408 CRYPTO_IPSEC_SA, 2500 VIRT_CONTROL,
2502 VIRT_MACHINE_ID
"""
TYPES: Mapping[str, str] = dict(pair.split() for pair in _NUMBERS.split(","))
"""Names of records by their numbers."""

_ACTIONS: Mapping[str, str] = {
    name: action
    for action, names in {
        "login": "user_login",
        "logout": "user_logout",
        "authenticate": "user_acct cred_acq cred_refr cred_disp grp_auth",
        "session_start": "user_start login",
        "session_end": "user_end",
        "run_command": "user_cmd",
        "password_change": "user_chauthtok",
        "account_create": "add_user",
        "account_delete": "del_user",
        "account_change": "user_mgmt chuser_id",
        "account_lock": "acct_lock",
        "account_unlock": "acct_unlock",
        "group_create": "add_group",
        "group_delete": "del_group",
        "group_change": "grp_mgmt grp_chauthtok chgrp_id",
        "permission_change": "role_assign role_modify role_remove user_role_change capset",
        "start": "service_start",
        "stop": "service_stop",
        "host_start": "system_boot",
        "host_stop": "system_shutdown",
        "log_start": "daemon_start",
        "log_stop": "daemon_end daemon_abort",
        "log_rotate": "daemon_rotate",
        "audit_change": "config_change daemon_config daemon_reconfig",
        "policy_deny": "seccomp selinux_err user_selinux_err",
        "policy_change": "mac_policy_load mac_status mac_config_change",
        "promiscuous_mode": "anom_promiscuous",
        "process_crash": "anom_abend",
        "firewall_change": "netfilter_cfg",
        "driver_load": "kern_module",
        "config_change": "usys_config",
        "package_update": "software_update",
        "connect": "crypto_session",
    }.items()
    for name in names.split()
}
# Of x86-64; names are what enriched logs have.
_CALLS: Mapping[str, tuple[str, str]] = {
    "execve": ("59", "process_start"), "execveat": ("322", "process_start"),
    "connect": ("42", "connect"), "open": ("2", "file_access"), "openat": ("257", "file_access"),
    "creat": ("85", "file_create"), "truncate": ("76", "file_change"),
    "unlink": ("87", "file_delete"), "unlinkat": ("263", "file_delete"),
    "rmdir": ("84", "file_delete"), "rename": ("82", "file_change"),
    "renameat": ("264", "file_change"), "renameat2": ("316", "file_change"),
    "chmod": ("90", "file_change"), "fchmod": ("91", "file_change"),
    "fchmodat": ("268", "file_change"), "chown": ("92", "file_change"),
    "fchown": ("93", "file_change"), "lchown": ("94", "file_change"),
    "fchownat": ("260", "file_change"), "setxattr": ("188", "file_change"),
    "mount": ("165", "mount"), "umount2": ("166", "unmount"), "ptrace": ("101", "process_access"),
    "init_module": ("175", "driver_load"), "finit_module": ("313", "driver_load"),
    "delete_module": ("176", "driver_unload"), "settimeofday": ("164", "time_change"),
    "clock_settime": ("227", "time_change"), "adjtimex": ("159", "time_change"),
    "sethostname": ("170", "config_change"), "setdomainname": ("171", "config_change"),
}  # fmt: skip
_BY_CALL = {key: action for name, (number, action) in _CALLS.items() for key in (name, number)}
# Programs that ask for a password again of who has a session already.
_AGAIN = ("/sudo", "/su", "/pkexec", "/polkit-agent-helper-1", "/passwd", "/chsh", "/chfn")
_DECISIONS = {
    "denied": "policy_deny", "killed": "policy_deny", "granted": "policy_allow",
    "allowed": "policy_allow", "audit": "policy_allow", "status": "policy_change",
}  # fmt: skip
_OUTCOMES = {
    "yes": "success", "success": "success", "1": "success",
    "no": "failure", "failed": "failure", "fail": "failure", "failure": "failure", "0": "failure",
}  # fmt: skip


def verdict(words: Sequence[str]) -> tuple[str | None, str | None]:
    """Action and outcome by a record's type, system call, program, result and decision.

    The call is empty but in the record that counts for it.
    """
    kind, call, program, result, decision = words
    outcome = _OUTCOMES.get(result)
    if kind in ("user_auth", "user_err"):
        again = program.endswith(_AGAIN)
        return "login" if outcome == "failure" and not again else "authenticate", outcome
    if decision:
        return _DECISIONS.get(decision), None
    if kind.startswith("anom_") and kind not in _ACTIONS:
        return "alert", None
    if call:
        return _BY_CALL.get(call), outcome
    return _ACTIONS.get(kind), outcome


# Values that a program or user makes up: in quotes, or in hexadecimal digits if they hold quotes,
# blanks or what is no ASCII.
_ENCODED = (
    "acct", "cgroup", "cmd", "comm", "cwd", "data", "dir", "exe", "file", "grp", "key", "name",
    "new_group", "ocomm", "path", "proctitle", "vm", "watch",
)  # fmt: skip
_ARGUMENT = r"^a\d+(?:\[\d+\])?$"
# Digits of bytes that are UTF-8 (RFC 3629, section 4); other values stay as they are.
_NEXT = "[89AB][0-9A-F]"
_HEX = (
    rf"^(?:[0-7][0-9A-F]|(?:C[2-9A-F]|D[0-9A-F]){_NEXT}|E0[AB][0-9A-F]{_NEXT}"
    rf"|E[1-9A-CEF](?:{_NEXT}){{2}}|ED[89][0-9A-F]{_NEXT}|F0[9AB][0-9A-F](?:{_NEXT}){{2}}"
    rf"|F[1-3](?:{_NEXT}){{3}}|F48[0-9A-F](?:{_NEXT}){{2}})+$"
)
_WHY = r"[^\x21\x23-\x7e]"
_NOTHING = ("?", "(null)", "(none)", '""')


def decoded(placed: Placed, executed: Mask) -> Placed:
    """Values without those that say nothing, encoded ones as what they stand for.

    `executed` says which lines' arguments are a command's, and may be encoded.
    """
    short = np.flatnonzero(placed.value.length <= 6)
    nothing = placed.texts(short).is_in(list(_NOTHING)).to_numpy()
    if nothing.any():
        kept = np.ones(len(placed.row), bool)
        kept[short[nothing]] = False
        placed = placed.take(np.flatnonzero(kept))
    names = pl.Series(list(placed.names), dtype=pl.String)
    coded = names.is_in(list(_ENCODED)).to_numpy()[placed.name]
    arguments = names.str.contains(_ARGUMENT).to_numpy()[placed.name]
    at = np.flatnonzero((coded | (arguments & executed[placed.row])) & ~placed.quoted)
    texts = placed.texts(at)
    fits = texts.str.contains(_HEX)
    at, texts = at[fits.to_numpy()], texts.filter(fits)
    plain = texts.str.decode("hex").cast(pl.String)
    right = plain.str.contains(_WHY).fill_null(value=False)
    plain = plain.filter(right).str.strip_chars_end("\0").str.replace_all("\0", " ", literal=True)
    full = (plain.str.len_bytes() > 0).to_numpy()
    at = at[right.to_numpy()][full]
    return placed.changed(at, plain.filter(pl.Series(full)).str.replace_all("\x01", ","))


def arguments(placed: Placed, executed: Mask) -> pl.Series:
    """The command lines of records that hold a command's arguments; null for others."""
    names = pl.Series(list(placed.names), dtype=pl.String)
    number = names.str.extract(r"^a(\d{1,6})$").cast(pl.Int64).fill_null(-1).to_numpy()
    at = np.flatnonzero(executed[placed.row] & (number[placed.name] >= 0))
    parts = pl.DataFrame({
        "row": placed.row[at], "number": number[placed.name[at]], "text": placed.texts(at),
    })  # fmt: skip
    lines = (
        parts.sort("row", "number").group_by("row", maintain_order=True)
        .agg(pl.col("text").str.join(" "))
    )  # fmt: skip
    rows = pl.DataFrame({"row": np.arange(len(placed.lines))})
    return rows.join(lines, on="row", how="left", maintain_order="left")["text"]


def shared(span: Span, group: Ints, count: int) -> Span:
    """A value of each line, else that of the first line of its group that has one."""
    has = np.flatnonzero((span.length >= 0) & (group >= 0))[::-1]
    first = np.full(count + 1, -1, np.int64)
    first[group[has]] = has
    own = span.length >= 0
    lender = np.where(own | (group < 0), np.arange(len(group)), first[group])
    found = lender >= 0
    lender = np.maximum(lender, 0)
    return Span(span.start[lender], np.where(found, span.length[lender], -1))


def added(placed: Placed, texts: Mapping[str, pl.Series], lent: Mapping[str, Span]) -> Placed:
    """With texts by line, in place of what has their names, and what others lend to lines."""
    own = np.isin(placed.name, [n for n, name in enumerate(placed.names) if name in texts])
    if own.any():
        placed = placed.take(np.flatnonzero(~own))
    count = len(placed.lines)
    buffer, ends = appended(
        placed.lines.buffer, pl.concat([text.fill_null("") for text in texts.values()])
    )
    spans = dict(lent)
    for place, name in enumerate(texts):
        edges = ends[place * count : (place + 1) * count + 1]
        spans[name] = Span(edges[:-1], np.diff(edges))
    names = list(placed.names)
    parts = [(placed.row, placed.name, placed.value.start, placed.value.length)]
    for name, span in spans.items():
        known = placed.column(name)
        wanted = span.length > 0
        rows = np.flatnonzero(wanted if known is None else wanted & (known.length < 0))
        if name not in names:
            names.append(name)
        number = np.full(len(rows), names.index(name), np.int64)
        parts.append((rows, number, span.start[rows], span.length[rows]))
    row, number, start, length = (np.concatenate([part[i] for part in parts]) for i in range(4))
    quoted = np.zeros(len(row), bool)
    quoted[: len(placed.quoted)] = placed.quoted
    order = np.argsort(row, kind="stable")
    lines = Lines(buffer, placed.lines.starts, placed.lines.ends)
    value = Span(start, length).take(order)
    return Placed(lines, row[order], number[order], names, value, quoted[order])
