"""Records of the Linux audit system, from audit.log and within syslog.

The records of one event have one serial number. Each stays an event of its own, and has what the
others of its event say of who did it and whether it went well: the program, its command line, the
users, the outcome.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from siemstress.formats.audit import TYPES, added, arguments, decoded, shared, verdict
from siemstress.formats.base import SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import Clock
from siemstress.formats.devices import judged
from siemstress.formats.found import Found
from siemstress.formats.header import Header, Span
from siemstress.formats.leaves import Placed
from siemstress.formats.named import event
from siemstress.formats.pairs import Pairs
from siemstress.formats.plain import ascii_only
from siemstress.sources.lines import Ints, Lines, Mask, clipped

_SEEN = 400
_HEAD = (
    r"^(?<whole>(?:node=(?<node>[^ ]{1,255}) )?(?:\[ *\d+\.\d+\] )?(?:audit(?:\[\d+\])?: )?"
    r"(?:type=(?<type>[A-Z0-9_]{1,40}|UNKNOWN\[\d+\]) )?(?:msg=)?"
    r"audit\((?<seconds>\d{1,10})\.(?<ms>\d{3}):(?<serial>\d{1,20})\):?\s*)"
)
_OF_JOURNAL = r"^(?<whole>(?<type>[A-Z][A-Z0-9_]{2,39}) )[a-z]"
_DECISION = r"(?:^|msg=')avc:\s+(denied|granted)\s+\{ ([^}]{0,400})\} for "
# What a user's program says stands in single quotes, behind what the kernel says of it.
_PAIRS = Pairs(separators=" \t\x1d'(", trailing=",)", last=True)
_SHARED = (
    "exe", "comm", "pid", "ppid", "uid", "auid", "ses", "tty", "success", "key", "UID", "AUID",
    "cwd",
)  # fmt: skip
_COLUMNS = {
    "pid": ("pid",), "dest_host": ("laddr",), "dest_port": ("lport",), "source_port": ("rport",),
    "": ("acct", "addr", "comm", "exe", "hostname", "name", "op", "type", "uid", "user", "id", "op",
         "res", "result", "success", "terminal", "tty", "key", "action", "level", "msg", "data",
         "host", "time", "process", "protocol", "proto", "src", "dst", "unit", "date", "text"),
}  # fmt: skip
_KERNEL_ROOM = 32
_UNSET = ("4294967295", "-1", "unset")


def _claims(header: Header) -> Mask:
    found = header.begins("type=", "node=", "audit(", "audit: ty") | header.process_begins("audi")
    kernel = np.flatnonzero(header.process_begins("kernel"))
    if len(kernel):
        start = header.message.start[kernel]
        end = np.minimum(start + header.message.length[kernel], start + _KERNEL_ROOM)
        found[kernel] |= header.lines.find(start, end, "audit") >= 0
    return found


def _heads(header: Header) -> tuple[Mask, pl.DataFrame]:
    """Which messages are records, and what their heads say."""
    size = np.minimum(header.message.length, _SEEN)
    start = header.message.start
    text = header.lines.text(start, clipped(header.lines, start, size))
    found = text.str.extract_groups(ascii_only(_HEAD)).struct.unnest()
    journal = header.process_begins("audit") & found["whole"].is_null().to_numpy()
    if journal.any():
        bare = text.filter(pl.Series(journal)).str.extract_groups(_OF_JOURNAL).struct.unnest()
        rows = pl.Series(np.flatnonzero(journal))
        found = found.with_columns(found[name].scatter(rows, bare[name]) for name in bare.columns)
    ok = found["whole"].is_not_null()
    kind = found["type"].replace(dict(TYPES)).fill_null("")
    return ok.to_numpy(), found.with_columns(type=kind).filter(ok)


def _refine(header: Header, clock: Clock) -> tuple[Mask, Header]:
    ok, heads = _heads(header)
    header = header.take(np.flatnonzero(ok))
    if not len(header):
        return ok, header
    size = heads["whole"].str.len_bytes().cast(pl.Int64).to_numpy()
    body = Span(header.message.start + size, np.maximum(header.message.length - size, 0))
    kind = heads["type"]
    executed = (kind == "EXECVE").to_numpy()
    placed = decoded(_PAIRS.read(header.lines, body), executed)
    group, count = _groups(header, heads)
    spans = {}
    for name in _SHARED if count < len(header) else ():
        span = placed.column(name)
        if span is not None:
            spans[name] = shared(span, group, count)
    texts = {"type": kind, "serial": heads["serial"]}
    command = _command(placed, executed, group)
    if command.null_count() < len(command):
        texts["process.command_line"] = command
    decision, permissions = _decisions(placed, kind, header.lines, body)
    if permissions.null_count() < len(permissions):
        texts["permissions"] = permissions
    success = spans.pop("success", None)
    placed = added(placed, texts, spans)
    result = placed.texts_of("success", "res", "result")
    if success is not None:
        result = result.fill_null(placed.lines.text(success.start, success.length))
    columns = _columns(placed, kind, decision, result, _telling(kind, group, count))
    found = Found(placed.lines, placed, _COLUMNS)
    better = event(found, _timed(header, heads), clock, "auditd", actions={}, outcomes={})
    values = better.values | {name: text for name, text in columns.items() if text is not None}
    return ok, replace(better, values=values, program="auditd")


def _timed(header: Header, heads: pl.DataFrame) -> Header:
    """The header with the records' own times, where they have them."""
    seconds, ms = (
        heads[name].cast(pl.Int64).fill_null(-1).to_numpy() for name in ("seconds", "ms")
    )
    own = seconds >= 0
    time = np.where(own, seconds * 1_000_000 + ms * 1000, header.time)
    zone = np.where(own, 0, header.zone).astype(np.int16)
    values = dict(header.values)
    if heads["node"].null_count() < len(heads):
        values["host"] = heads["node"]
    return replace(header, time=time, zone=zone, values=values)


def _groups(header: Header, heads: pl.DataFrame) -> tuple[Ints, int]:
    """The number of each record's event, -1 where it has no serial number; and how many."""
    host = header.spans.get("host")
    sender = heads["node"]
    if host is not None:
        sender = sender.fill_null(header.lines.text(host.start, host.length))
    key = heads.select(
        pl.concat_str(pl.lit(sender.fill_null("")), "seconds", "ms", "serial", separator=" ")
    ).to_series()
    number = key.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
    return number, int(number.max()) + 1


def _command(placed: Placed, executed: Mask, group: Ints) -> pl.Series:
    """The command line of each record's event: its arguments, else the process's title."""
    lines = pl.DataFrame({
        "group": group, "line": arguments(placed, executed), "title": placed.texts_of("proctitle"),
    })  # fmt: skip
    first = [pl.col(name).drop_nulls().first() for name in ("line", "title")]
    told = pl.any_horizontal(pl.col("line", "title").is_not_null())
    best = lines.filter(told).group_by("group").agg(pl.coalesce(first).alias("best"))
    return lines.join(best, on="group", how="left", maintain_order="left")["best"]


def _decisions(
    placed: Placed, kind: pl.Series, lines: Lines, body: Span
) -> tuple[pl.Series, pl.Series]:
    """What a policy decided, and about which permissions."""
    decision = pl.repeat(None, len(kind), dtype=pl.String, eager=True)
    permissions = decision.clone()
    policy = np.flatnonzero(kind.is_in(["AVC", "USER_AVC"]).to_numpy())
    if len(policy):
        size = np.minimum(body.length[policy], 2 * _SEEN)
        start = body.start[policy]
        found = lines.text(start, clipped(lines, start, size)).str.extract_groups(_DECISION)
        groups, rows = found.struct.unnest(), pl.Series(policy)
        decision = decision.scatter(rows, groups["1"])
        permissions = permissions.scatter(rows, groups["2"].str.strip_chars())
        decision = decision.fill_null(placed.texts_of("apparmor").str.to_lowercase())
    return decision, permissions


def _columns(
    placed: Placed, kind: pl.Series, decision: pl.Series, result: pl.Series, telling: pl.Series
) -> dict[str, pl.Series]:
    """Texts of columns that follow from several values."""
    exe, comm = placed.texts_of("exe"), placed.texts_of("comm")
    account = placed.texts_of("acct")
    known = {name: placed.texts_of(name) for name in ("auid", "uid", "AUID", "UID", "syscall")}
    named = [known[name].set(known[name].is_in(list(_UNSET)), None) for name in ("AUID", "UID")]
    frame = pl.DataFrame({"acct": account, "auid_name": named[0], "uid_name": named[1], **{
        name: known[name] for name in ("auid", "uid")
    }, "comm": comm})  # fmt: skip
    unset = pl.col("auid").is_in(list(_UNSET)) | pl.col("auid").is_null()
    root = (pl.col("auid") == "0") | (unset & (pl.col("uid") == "0"))
    of_kernel = pl.col("comm").is_not_null()
    user = frame.select(
        pl.when(pl.col("acct").is_not_null())
        .then(pl.when(~pl.col("acct").str.starts_with("(")).then("acct"))
        .when(of_kernel)
        .then(pl.coalesce("auid_name", "uid_name", pl.when(root).then(pl.lit("root"))))
        .otherwise("auid_name")
    ).to_series()
    address = placed.texts_of("addr")
    address = address.set(~address.str.contains(r"^[0-9A-Fa-f:.]+$"), None)
    address = address.fill_null(placed.texts_of("hostname").str.extract(r"^([0-9.]{7,15})$"))
    call = placed.texts_of("SYSCALL").fill_null(known["syscall"])
    call = call.set(kind == "EXECVE", "execve")
    # Of an event's records only one tells what happened.
    call = call.set(~telling, None)
    action, outcome = judged([kind, call, exe, result, decision], verdict)
    title = comm.fill_null(exe.str.extract(r"([^/]+)$"))
    return {
        "process": title, "user_name": user, "source_host": address, "action": action,
        "outcome": outcome,
    }  # fmt: skip


def _telling(kind: pl.Series, group: Ints, count: int) -> pl.Series:
    """Which records tell of a system call: where there is none of it, of a command."""
    call = (kind == "SYSCALL").to_numpy()
    has = np.zeros(count + 1, bool)
    has[group[call & (group >= 0)]] = True
    return pl.Series(call | ((kind == "EXECVE").to_numpy() & ~has[group]))


AUDITD = Format(
    name="auditd",
    columns=_COLUMNS,
    aliases=("audit",),
    rank=20,
    refines=SYSLOGS,
    read=standing(_refine, _claims),
    claims=_claims,
    refine=_refine,
    samples=(
        Sample(
            "type=USER_LOGIN msg=audit(1503468938.123:4068): pid=120 uid=0 auid=4294967295 "
            "ses=4294967295 subj=system_u:system_r:sshd_t:s0 msg='op=login acct=\"root\" "
            "exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.9 terminal=ssh res=failed'"
            "\x1dUID=\"root\" AUID=\"unset\"",
            {"time": "2017-08-23T06:15:38.123", "process": "sshd", "pid": 120, "user_name": "root",
             "source_host": "203.0.113.9", "action": "login", "outcome": "failure",
             "fields.terminal": "ssh", "fields.type": "USER_LOGIN", "fields.serial": "4068"},
        ),
        Sample(
            "node=web1 type=SYSCALL msg=audit(1503468938.124:50): arch=c000003e syscall=59 "
            "success=yes exit=0 a0=7ffe a1=941 items=2 ppid=432 pid=3333 auid=1000 uid=0 gid=0 "
            'euid=0 tty=pts0 ses=2 comm="touch" exe="/bin/touch" key="exec"\x1dARCH=x86_64 '
            'SYSCALL=execve AUID="alice" UID="root"',
            {"host": "web1", "process": "touch", "pid": 3333, "user_name": "alice",
             "action": "process_start", "outcome": "success", "fields.key": "exec",
             "fields.a0": "7ffe", "fields.exe": "/bin/touch"},
        ),
        Sample(
            "type=EXECVE msg=audit(1503468938.125:51): argc=3 a0=\"sh\" a1=\"-c\" "
            "a2=6C73202D6C202F",
            {"fields.process.command_line": "sh -c ls -l /", "action": "process_start",
             "fields.a2": "ls -l /"},
        ),
        Sample(
            "type=PROCTITLE msg=audit(1503468938.126:52): proctitle=2F62696E2F7368002D63006C73",
            {"fields.process.command_line": "/bin/sh -c ls", "action": None},
        ),
        Sample(
            "type=USER_CMD msg=audit(1503468938.127:53): pid=7 uid=1000 auid=1000 ses=2 msg='"
            "cwd=\"/root\" cmd=6361742066 exe=\"/usr/bin/sudo\" terminal=pts/0 res=success'",
            {"action": "run_command", "outcome": "success", "process": "sudo",
             "fields.cmd": "cat f", "fields.cwd": "/root"},
        ),
        Sample(
            "Aug 23 06:15:39 web1 kernel: [12345.678901] audit: type=1400 audit(1503468938.128:54):"
            ' apparmor="DENIED" operation="open" profile="/usr/sbin/x" name="/etc/y" pid=9 '
            'comm="x" requested_mask="r" denied_mask="r"',
            {"time": "2017-08-23T06:15:38.128", "host": "web1", "process": "x", "pid": 9,
             "action": "policy_deny", "fields.name": "/etc/y", "fields.type": "AVC"},
        ),
        Sample(
            "Aug 23 06:15:39 web1 audispd: type=AVC msg=audit(1503468938.129:55): avc:  denied  "
            '{ read write } for  pid=9 comm="httpd" name="x" dev="dm-0" ino=1 '
            "scontext=system_u:system_r:httpd_t:s0 tcontext=a:b:c:s0 tclass=file permissive=0",
            {"host": "web1", "process": "httpd", "action": "policy_deny",
             "fields.permissions": "read write", "fields.tclass": "file"},
        ),
        Sample(
            "Aug 23 06:15:39 web1 audit[31]: USER_AUTH pid=31 uid=0 auid=4294967295 ses=4294967295 "
            "msg='op=PAM:authentication grantors=? acct=\"bob\" exe=\"/usr/sbin/sshd\" "
            "hostname=198.51.100.7 addr=198.51.100.7 terminal=ssh res=failed'",
            {"host": "web1", "process": "sshd", "user_name": "bob", "action": "login",
             "outcome": "failure", "source_host": "198.51.100.7"},
        ),
    ),
)  # fmt: skip
