"""Audit records complete each other, and nobody can write into what others say."""

from __future__ import annotations

from typing import Any

from parsing import event, parsed, plain

HEAD = "msg=audit(1503468938.124:{}):"
SYSCALL = (
    "type=SYSCALL {} arch=c000003e syscall=59 success={} exit=0 a0=1 ppid=4 pid={} auid=1000 uid=0"
    ' tty=pts0 ses=2 comm="{}" exe="/bin/{}" key=(null)'
)


def events(*lines: str) -> list[dict[str, Any]]:
    found = parsed("".join(f"{line}\n" for line in lines).encode())
    assert len(found) == len(lines)
    return [plain(row) for row in found.iter_rows(named=True)]


def test_records_of_an_event_know_what_the_others_say() -> None:
    first, second = HEAD.format(7), HEAD.format(8)
    found = events(
        SYSCALL.format(first, "yes", 31, "cat", "cat"),
        SYSCALL.format(second, "no", 32, "ls", "ls"),
        f'type=EXECVE {first} argc=2 a0="cat" a1=2F746D702F6120622F63',
        f'type=CWD {first} cwd="/root"',
        f'type=PATH {first} item=0 name="/bin/cat" nametype=NORMAL',
        f"type=PROCTITLE {second} proctitle=6C73002D6C",
        f"type=EOE {first} ",
    )
    assert [e["process"] for e in found] == ["cat", "ls", "cat", "cat", "cat", "ls", "cat"]
    assert [e["pid"] for e in found] == [31, 32, 31, 31, 31, 32, 31]
    assert {e["outcome"] for e in found if e["pid"] == 31} == {"success"}
    assert {e["outcome"] for e in found if e["pid"] == 32} == {"failure"}
    lines = [e["fields"].get("process.command_line") for e in found]
    one, other = "cat /tmp/a b/c", "ls -l"
    assert lines == [one, other, one, one, one, other, one]
    # What happened is told once.
    assert [e["action"] for e in found] == ["process_start", "process_start", *[None] * 5]
    assert [e["fields"].get("cwd") for e in found][:2] == ["/root", None]


def test_serial_numbers_of_other_machines_are_other_events() -> None:
    head = HEAD.format(7)
    found = events(
        "node=a " + SYSCALL.format(head, "yes", 31, "cat", "cat"),
        f'node=b type=CWD {head} cwd="/root"',
    )
    assert [(e["host"], e["process"]) for e in found] == [("a", "cat"), ("b", None)]


def test_a_name_that_looks_like_more_is_one() -> None:
    name = b'x" addr=192.0.2.1 res=success'.hex().upper()
    found = event(
        f"type=USER_LOGIN {HEAD.format(9)} pid=1 uid=0 msg='op=login acct={name} "
        'exe="/usr/sbin/sshd" hostname=? addr=203.0.113.9 terminal=ssh res=failed\''
    )
    assert found["user_name"] == 'x" addr=192.0.2.1 res=success'
    assert (found["source_host"], found["outcome"]) == ("203.0.113.9", "failure")


def test_numbers_are_no_names_in_hexadecimal() -> None:
    found = event(f"type=SYSCALL {HEAD.format(9)} syscall=2 a0=7F20 a1=41 comm=2D62617368 exe=?")
    assert (found["fields"]["a0"], found["fields"]["a1"]) == ("7F20", "41")
    # What needs no encoding was not encoded.
    assert found["process"] == "2D62617368"
    assert "exe" not in found["fields"]


def test_what_is_no_utf_8_stays_as_it_is() -> None:
    titles = ("C328", "EDA080", "C3A420", "20FF", "0")
    heads = [f"type=PROCTITLE {HEAD.format(n)} proctitle={t}" for n, t in enumerate(titles)]
    found = events(*heads)
    lines = [e["fields"]["process.command_line"] for e in found]
    assert lines == ["C328", "EDA080", "\xe4 ", "20FF", "0"]
