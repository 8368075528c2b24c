"""The shipped rules: what raises each alert, and what must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rules import TABLES, alerts, run, store_events
from siemstress.rules import settings
from siemstress.rules.load import load_rules
from siemstress.store.base import Store
from siemstress.store.lake import Lake

Columns = dict[str, Any]

FAILED: Columns = {"process": "sshd", "action": "login", "outcome": "failure"}
ACCEPTED: Columns = {"process": "sshd", "action": "login", "outcome": "success"}
REQUEST: Columns = {"process": None, "action": "request"}
BLOCKED: Columns = {"process": "kernel", "action": "deny"}


def request(status: int, message: str) -> Columns:
    return {**REQUEST, "fields": {"status": str(status)}, "message": message}


# Rule, and how many events (a second apart) with which columns raise its alert.
CASES: list[tuple[str, int, Columns]] = [
    ("ssh_brute_force", 16, FAILED),
    ("ssh_user_enumeration", 16, {**FAILED, "fields": {"invalid_user": "true"}}),
    ("sudo_failures", 3, {"process": "sudo", "action": "run_command", "outcome": "failure"}),
    ("sudo_not_allowed", 1, {"process": "sudo", "message": "bob : user NOT in sudoers ; TTY=x"}),
    ("su_failures", 3, {"process": "su", "action": "switch_user", "outcome": "failure"}),
    ("account_created", 1, {"action": "account_create", "outcome": "success"}),
    ("account_created_uid_0", 1, {"action": "account_create", "fields": {"uid": "0"}}),
    ("privileged_group_changed", 1, {"action": "group_change", "fields": {"group": "sudo"}}),
    ("root_crontab_changed", 1, {"process": "crontab", "message": "(root) REPLACE (root)"}),
    ("logging_stopped", 1, {"process": "systemd", "message": "Stopping rsyslog.service - Sys..."}),
    (
        "logging_stopped",
        1,
        {"message": '[origin software="rsyslogd" x-pid="640"] exiting on signal 15.'},
    ),
    ("error_burst", 101, {"severity": 3}),
    ("web_scan", 31, request(404, '"GET /x HTTP/1.1" 404 196')),
    ("web_attack", 4, request(200, '"GET /p?id=1%20UNION%20ALL%20SELECT%20x HTTP/1.1" 200 5')),
    ("web_attack", 4, request(404, '"GET /../../etc/passwd HTTP/1.1" 404 5')),
    ("web_attack", 4, request(200, '"GET /?q=${jndi:ldap://x} HTTP/1.1" 200 5')),
    ("port_scan", 51, BLOCKED),
]
QUIET: list[tuple[int, Columns]] = [
    (15, FAILED),
    (40, ACCEPTED),
    (50, BLOCKED),
    (200, {"process": "sshd", "action": "disconnect", "message": "Connection closed"}),
    (200, request(200, '"GET /search?q=select+a+union+representative HTTP/1.1" 200 5')),
    (2, {"process": "su", "action": "switch_user", "outcome": "failure"}),
    (5, {"action": "group_change", "fields": {"group": "audio"}}),
    (5, {"process": "named", "message": "exiting on signal 15"}),
    (100, {"severity": 3}),
    (200, {"severity": 4}),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Lake(tmp_path / "lake")


def raised(store: Store) -> list[str]:
    loaded = load_rules(sorted(settings.SHIPPED.glob("*.conf")), TABLES)
    run(store, *loaded.rules)
    return [alert["source_rule"] for alert in alerts(store)]


def put(store: Store, count: int, columns: Columns, table: str = "Entries", first: int = 0) -> None:
    known = {"host": "web1", "user_name": "mallory", **columns}
    store_events(store, [(first + n, "203.0.113.9") for n in range(count)], table, **known)


@pytest.mark.parametrize(("rule", "count", "columns"), CASES)
def test_what_raises_an_alert(store: Store, rule: str, count: int, columns: Columns) -> None:
    # Whichever table the lines went to.
    for n, table in enumerate(("Auth", "Entries", "Access")):
        put(store, count, columns, table, first=n * 100_000)
    assert raised(store).count(rule) == 3


def test_every_shipped_rule_has_a_case() -> None:
    loaded = load_rules(sorted(settings.SHIPPED.glob("*.conf")), TABLES)
    assert {rule.name for rule in loaded.rules} == {name for name, _, _ in CASES} | {"ssh_break_in"}


def test_a_break_in(store: Store) -> None:
    put(store, 20, FAILED, "Auth")
    put(store, 1, ACCEPTED, "Entries", first=3000)
    assert raised(store) == ["ssh_brute_force", "ssh_break_in"]
    last = alerts(store)[-1]
    assert (last["severity"], last["source_host"]) == (1, "203.0.113.9")
    assert last["message"] == (
        "SSH break-in: a login from 203.0.113.9 succeeded after many that were refused"
    )


def test_what_raises_none(store: Store) -> None:
    for n, (count, columns) in enumerate(QUIET):
        put(store, count, columns, first=n * 100_000)
    assert raised(store) == []
