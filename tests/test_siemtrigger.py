"""siemtrigger as a user runs it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mariadb_server import shared
from rules import alerts, starts, store_events
from running import store_keys
from siemstress.store.base import Store
from siemstress.store.lake import Lake
from stores import STORES

PROGRAM = Path(sys.executable).parent / "siemtrigger"
RULE = """\
[burst]
section=auth
group_by=source_host
interval=1m
limit=2
message=Burst of {count} from {source_host}
"""


STANDS_BY = "siemtrigger: another siemtrigger watches by the same rules; standing by"

both = pytest.mark.parametrize("kind", STORES, indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """The store's name."""
    return str(getattr(request, "param", "lake"))


@pytest.fixture
def keys(kind: str, tmp_path: Path) -> str:
    """What a config says of the store."""
    return store_keys(shared(tmp_path) if kind == "mariadb" else None)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Iterator[Store]:
    with closing(STORES[kind](tmp_path)) as store:
        yield store


@pytest.fixture
def conf(keys: str, tmp_path: Path) -> Path:
    """A siemtrigger.conf with one rule, on the store of the same folder."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "burst.conf").write_text(RULE)
    path = tmp_path / "siemtrigger.conf"
    path.write_text(f"[siemstress]\n{keys}\nconfdir=rules\npoll=0.05\n")
    path.chmod(0o600)
    return path


def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
    }


def siemtrigger(conf: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = ["-c", str(conf)] if conf else []
    return subprocess.run(
        [PROGRAM, *config, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(conf.parent if conf else Path("/nonexistent")),
    )


def test_bug_2_the_installed_siemtrigger_starts(conf: Path, store: Store) -> None:
    store_events(store, [(0, "a"), (1, "a"), (2, "a")])
    done = siemtrigger(conf, "--oneshot")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "2026-03-01 12:00:02 [burst] Burst of 3 from a",
        "siemtrigger: 1 rules, 1 new alerts",
    ]
    assert starts(store) == [("a", 2)]
    again = siemtrigger(conf, "--oneshot")
    assert again.stderr.splitlines() == ["siemtrigger: 1 rules, 0 new alerts"]
    assert len(alerts(store)) == 1


def test_bug_3_all_rule_files_count(conf: Path, store: Store) -> None:
    for name in ("a", "z"):
        text = RULE.replace("[burst]", f"[{name}]")
        (conf.parent / "rules" / f"{name}.conf").write_text(text)
    store_events(store, [(0, "a"), (1, "a"), (2, "a")])
    done = siemtrigger(conf, "--oneshot", "-q")
    assert done.stderr == "siemtrigger: 3 rules, 3 new alerts\n"
    assert sorted(a["source_rule"] for a in alerts(store)) == ["a", "burst", "z"]


def test_bug_17_bursts_across_polls_and_restarts_are_alerted_once(conf: Path, store: Store) -> None:
    counts = []
    for second in range(6):
        store_events(store, [(second, "a")])
        done = siemtrigger(conf, "--oneshot")
        counts.append(done.stderr.splitlines()[-1].split()[-3])
    assert counts == ["0", "0", "1", "0", "0", "0"]
    assert starts(store) == [("a", 2)]


def ended(watcher: subprocess.Popen[str]) -> tuple[str, str]:
    """What a watcher told, which was sent a signal; killed if it overlooks it."""
    try:
        return watcher.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        watcher.kill()
        watcher.communicate()
        raise


@both
def test_two_at_once_and_signals(conf: Path, store: Store) -> None:
    watchers = [
        subprocess.Popen(
            [PROGRAM, "-c", conf],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(conf.parent),
        )
        for _ in range(2)
    ]
    try:
        for n in range(4):
            store_events(store, [(n * 100 + second, "a") for second in (0, 1)])
            store_events(store, [(n * 100 + 2, "a")])
            deadline = time.monotonic() + 60
            while len(alerts(store)) <= n and time.monotonic() < deadline:
                time.sleep(0.05)
    finally:
        for watcher, number in zip(watchers, (signal.SIGTERM, signal.SIGINT), strict=True):
            watcher.send_signal(number)
        said = [ended(watcher) for watcher in watchers]
    assert [watcher.returncode for watcher in watchers] == [0, 0]
    assert starts(store) == [("a", n * 100 + 2) for n in range(4)]
    lines = [line for _, stderr in said for line in stderr.splitlines()]
    assert lines.count(STANDS_BY) <= 1  # One may end before it has begun.
    assert sorted(line for line in lines if line.startswith("2026")) == [
        f"2026-03-01 12:0{n * 100 // 60}:{(n * 100 + 2) % 60:02} [burst] Burst of 3 from a"
        for n in range(4)
    ]
    assert [stdout for stdout, _ in said] == ["", ""]


@both
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_stands_by_goes_on(conf: Path, store: Store, number: int) -> None:
    store_events(store, [(5000, "early")])
    watchers: list[subprocess.Popen[str]] = []
    try:
        for _ in range(2):
            watchers.append(
                subprocess.Popen(
                    [PROGRAM, "-c", conf],
                    stderr=subprocess.PIPE,
                    text=True,
                    env=environment(conf.parent),
                )
            )
            if len(watchers) == 1:
                store_events(store, [(n, "first") for n in range(3)])
                assert watchers[0].stderr
                assert "from first" in watchers[0].stderr.readline()
        first, second = watchers
        assert second.stderr
        assert second.stderr.readline() == f"{STANDS_BY}\n"
        first.send_signal(number)
        first.wait()
        assert "watching" in second.stderr.readline()
        store_events(store, [(1000 + n, "second") for n in range(3)])
        assert "from second" in second.stderr.readline()
    finally:
        for watcher in watchers:
            watcher.send_signal(signal.SIGTERM)
            ended(watcher)
    assert starts(store) == [("first", 2), ("second", 1002)]


def test_rules_that_change_are_read_again(conf: Path, store: Store) -> None:
    rules = conf.parent / "rules"
    watcher = subprocess.Popen(
        [PROGRAM, "-c", conf, "--poll", "0.2"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(conf.parent),
    )
    assert watcher.stderr is not None
    try:
        store_events(store, [(0, "a"), (1, "a"), (2, "a")])
        assert "[burst]" in watcher.stderr.readline()
        (rules / "more.conf").write_text("[broken]\nsection=none\n" + RULE.replace("burst", "more"))
        said = [watcher.stderr.readline() for _ in range(3)]
        assert "there is no section or table 'none'" in said[0]
        assert said[1] == "siemtrigger: rules have changed: 2 now\n"
        assert "[more]" in said[2]
        conf.write_text("[siemstress]\nconfdir=gone\n")
        assert "the rules stay as they were" in watcher.stderr.readline()
    finally:
        watcher.send_signal(signal.SIGTERM)
        ended(watcher)
    assert watcher.returncode == 0
    assert len(alerts(store)) == 2


@both
def test_killed_at_any_moment_raises_each_alert_once(conf: Path, store: Store) -> None:
    chance = random.Random(17)
    for n in range(6):
        watcher = subprocess.Popen(
            [PROGRAM, "-c", conf],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(conf.parent),
        )
        try:
            store_events(store, [(n * 100 + second, "a") for second in (0, 1)])
            store_events(store, [(n * 100 + 2, "a")])
            assert watcher.stderr is not None
            if n % 2:
                watcher.stderr.readline()
            time.sleep(chance.uniform(0, 1))
            store_events(store, [(n * 100 + 3, "a")])
            time.sleep(chance.uniform(0, 0.2))
        finally:
            watcher.kill()
            watcher.communicate()
    siemtrigger(conf, "--oneshot")
    assert starts(store) == [("a", n * 100 + 2) for n in range(6)]


@both
def test_from_lines_to_alerts(conf: Path, keys: str, store: Store) -> None:
    (conf.parent / "siemstress.conf").write_text(
        f"[siemstress]\n{keys}\n[auth]\ntable=Auth\n[userauth]\ntable=UserAuth\n"
    )
    (conf.parent / "rules" / "old.conf").write_text(
        "[whole_line]\nsqlquery=SELECT Id FROM Auth WHERE DateStamp >= now() - interval 1 minute "
        "AND RawText LIKE 'Aug 23 %host1 SSHD[7]: failed%'\ninterval=1\nlimit=1\n"
    )
    lines = [
        f"Aug 23 06:15:3{n} host1 sshd[7]: Failed password for root from 203.0.113.9 port 4 ssh2\n"
        for n in range(4)
    ]
    for some in (lines[:2], lines[2:]):
        subprocess.run(
            [PROGRAM.with_name("siemparse"), "-c", conf.parent / "siemstress.conf", "-s", "auth"],
            input="".join(some),
            text=True,
            check=True,
            capture_output=True,
            env=environment(conf.parent),
        )
        siemtrigger(conf, "--oneshot")
    found = [(a["source_rule"], a["source_host"], a["event_count"]) for a in alerts(store)]
    assert sorted(found, key=str) == [("burst", "203.0.113.9", 4), ("whole_line", None, 2)]


def test_check_names_all_mistakes(conf: Path) -> None:
    assert siemtrigger(conf, "--check").stderr == "1 rules in 1 files are fine\n"
    (conf.parent / "rules" / "bad.conf").write_text(
        "[one]\nsection=auth\nlimit=x\nsport=y\n[two]\nsqlquery=SELECT sleep(1) FROM Auth\n"
    )
    (conf.parent / "rules" / "worse.conf").write_text("nothing\n")
    done = siemtrigger(conf, "--check")
    assert done.returncode == 2
    bad, worse = conf.parent / "rules" / "bad.conf", conf.parent / "rules" / "worse.conf"
    assert [line.rsplit(":", 1)[0].split(":")[0] for line in done.stderr.splitlines()] == [
        f"{bad} [one] sport",
        f"{bad} [one] limit",
        f"{bad} [two] sqlquery",
        str(worse),
        "1 rules in 3 files are fine; mistakes",
    ]
    assert done.stdout == ""


def test_a_broken_rule_file_is_named_and_the_rest_runs(conf: Path, store: Store) -> None:
    (conf.parent / "rules" / "bad.conf").write_text("[bad]\nsection=auth\nlimit=\x1b[31m\n")
    store_events(store, [(0, "a"), (1, "a"), (2, "a")])
    done = siemtrigger(conf, "--oneshot")
    assert done.returncode == 0
    first, *_, last = done.stderr.splitlines()
    assert first.startswith(f"siemtrigger: {conf.parent / 'rules' / 'bad.conf'} [bad] limit: ")
    assert last == "siemtrigger: 1 rules, 1 new alerts"
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[siemstress]\nconfdir=nowhere\n", "confdir: there is no folder nowhere"),
        ("[siemstress]\npoll=0\n", "poll: must be seconds"),
        ("[siemstress]\npoll=soon\n", "poll: must be seconds"),
        ("[siemstress]\nconfig=none.conf\n", "none.conf: cannot be read"),
        ("[siemstress]\nconfig=a\0b\n", "config: must be a path"),
        ("[siemstress]\nconfdir=~nobody-of-this-name/x\n", "confdir: must be a path"),
        (RULE, "[burst]: is no kind of log"),
        ("lake=x\n", "line 1: a [section] must come first"),
    ],
)
def test_mistakes_in_siemtrigger_conf(conf: Path, text: str, message: str) -> None:
    conf.write_text(text)
    done = siemtrigger(conf, "--oneshot")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_without_rules(conf: Path) -> None:
    (conf.parent / "rules" / "burst.conf").unlink()
    for action in ("--oneshot", "--check"):
        done = siemtrigger(conf, action)
        assert done.returncode == 2
        assert "there is no rule" in done.stderr


def test_kinds_of_log_come_from_the_siemstress_conf_beside(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "siemstress.conf").write_text(
        "[siemstress]\nlake=lake\n[mail]\ntable=Mail\n[userauth]\ntable=UserAuth\n"
    )
    conf.write_text("[siemstress]\nconfdir=rules\n")
    (conf.parent / "rules" / "burst.conf").write_text(RULE.replace("=auth", "=mail"))
    store = Lake(tmp_path / "lake")
    store_events(store, [(0, "a"), (1, "a"), (2, "a")], table="Mail")
    assert "1 new alerts" in siemtrigger(conf, "--oneshot").stderr
    assert starts(store) == [("a", 2)]


def test_without_any_file_the_shipped_rules_watch_the_default_store(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "--rules"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(tmp_path),
    )
    assert done.returncode == 0
    assert "ssh_brute_force\t" in done.stdout


def test_a_password_that_others_can_read_is_warned_of(conf: Path) -> None:
    conf.write_text("[siemstress]\nlake=lake\nconfdir=rules\npassword=x\n")
    conf.chmod(0o644)
    assert "can be read by others" in siemtrigger(conf, "--check").stderr
