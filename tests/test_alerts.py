"""siemtrigger alerts as a user runs it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rules import START, run, store_events, window_rule
from siemstress.commands.siemtrigger import main
from siemstress.rules.alert_log import Entry, append
from siemstress.rules.alert_states import states
from siemstress.schema import ALERT, EVENT, polars_schema
from siemstress.store.base import Store
from stores import make_lake, put

PROGRAM = Path(sys.executable).parent / "siemtrigger"
Asked = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(make_lake(tmp_path)) as store:
        yield store


@pytest.fixture
def asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asked:
    """Runs `siemtrigger alerts` with some arguments; gives the status, stdout and stderr."""
    return partial(answer, configured(tmp_path), capsys)


@pytest.fixture
def ids(store: Store) -> list[str]:
    """The ids of three alerts, of the groups a, b, c, an hour apart."""
    return raised(store)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with three alerts that no test changes, and their ids."""
    folder = tmp_path_factory.mktemp("kept")
    with closing(make_lake(folder)) as store:
        return folder, raised(store)


def configured(folder: Path) -> Path:
    path = folder / "siemtrigger.conf"
    path.write_text("[siemstress]\nlake=lake\n[auth]\ntable=Auth\n[userauth]\ntable=UserAuth\n")
    return path


def answer(conf: Path, capsys: pytest.CaptureFixture[str], *given: str) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        status = main(["-c", str(conf), "alerts", *given])
    except SystemExit as e:
        status = int(str(e.code))
    return status, *capsys.readouterr()


def raised(store: Store) -> list[str]:
    for n, group in enumerate("abc"):
        events = [(n * 3600 + second, group) for second in (0, 1, 2)]
        store_events(store, events, host="web1", process="sshd", message=f"\x1b[31mno {group}")
    tags = ("attack.t1110.001", "attack.initial-access")
    run(store, window_rule(name="burst", severity=3, tags=tags))
    return states(store)["alert_id"].to_list()


def shown(answer: tuple[int, str, str], column: int = 0) -> list[str]:
    """What stands in a column of what was printed."""
    assert answer[0] == 0, answer
    return [line.split("\t")[column] for line in answer[1].splitlines()]


def test_no_alerts_at_all(asked: Asked) -> None:
    assert asked() == (0, "", "")
    assert asked("--json") == (0, "[]\n", "")
    assert asked("--show", "ab") == (2, "", "siemtrigger: there is no alert 'ab'\n")


def test_a_line_for_each_alert_that_is_not_closed(asked: Asked, ids: list[str]) -> None:
    assert shown(asked()) == ids
    assert asked()[1].splitlines()[0].split("\t") == [
        ids[0], "2026-03-01T12:00:02Z", "2026-03-01T12:00:02Z", "err", "", "burst",
        '{"source_host": "a"}', "3", "open", "", "3 from a",
    ]  # fmt: skip
    status, out, err = asked("--close", ids[0][:10], "--as", "false")
    assert (status, out, err) == (0, "", "siemtrigger: closed: 1 alert\n")
    assert shown(asked()) == ids[1:]
    assert shown(asked("--all")) == ids
    assert shown(asked("--state", "closed"), 8) == ["closed (false positive)"]
    asked("--reopen", ids[0])
    assert shown(asked()) == ids


def test_several_at_once_and_several_changes(asked: Asked, ids: list[str]) -> None:
    status, _, err = asked("--acknowledge", "--assign", "ann", "--note", " hm ", *ids[:2])
    assert (status, err) == (0, "siemtrigger: acknowledged, assigned, noted: 2 alerts\n")
    assert shown(asked("--assignee", "Ann"), 8) == ["acknowledged"] * 2
    assert shown(asked("--assignee", "")) == ids[2:]
    assert shown(asked("--state", "open,closed")) == ids[2:]
    asked("--assign", "", ids[0])
    assert shown(asked("--assignee", "ann")) == [ids[1]]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--rule", "BUR*"], "abc"),
        (["--rule", "bur"], ""),
        (["--rule", "b?rst", "--severity", "err"], "abc"),
        (["--severity", "high"], "abc"),
        (["--severity", "0-2,medium"], ""),
        (["--tag", "attack.*"], "abc"),
        (["--tag", "attack.t1110"], ""),
        (["--attack", "T1110"], "abc"),
        (["--attack", "t1110.001", "--attack", "T1"], "abc"),
        (["--attack", "T111"], ""),
        (["--attack", "Initial Access"], "abc"),
        (["--attack", "T1110", "--tag", "other"], ""),
        (["--range", "20260301130000-20260301140001", "-z", "UTC"], "b"),
        (["--range", "20260301130000-", "-z", "UTC"], "bc"),
        (["--last", "1s"], ""),
        (["--limit", "2"], "bc"),
    ],
)
def test_filters(
    kept: tuple[Path, list[str]],
    capsys: pytest.CaptureFixture[str],
    filters: Sequence[str],
    found: str,
) -> None:
    folder, ids = kept
    assert shown(answer(configured(folder), capsys, *filters)) == [
        ids["abc".index(group)] for group in found
    ]


def test_all_that_are_shown(asked: Asked, ids: list[str]) -> None:
    status, _, err = asked("--rule", "burst", "--close", "--as", "true", "--all-shown")
    assert (status, err) == (0, "siemtrigger: closed: 3 alerts\n")
    assert shown(asked("--state", "closed"), 8) == ["closed (true positive)"] * len(ids)
    assert asked("--close", "--as", "true", "--all-shown")[2] == "siemtrigger: closed: 0 alerts\n"


def test_one_alert_whole(asked: Asked, ids: list[str], store: Store) -> None:
    asked("--close", ids[1], "--as", "true", "--note", "it\x1b[2J was")
    append(store, [Entry(ids[1], "over", last_time=START, event_count=7)])
    status, out, _ = asked("--show", ids[1][:9], "-z", "UTC")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split() == ["alert", ids[1]]
    assert "state        closed (true positive)" in lines
    assert [line.partition(": ")[2] for line in lines if ": " in line and line[:3] == "  2"] == [
        "closed as true positive",
        "note: it\\x1b[2J was",
        "was over: 7 events, the last at 2026-03-01 12:00:00",
    ]
    assert lines[-4] == "events: 7, the first 3"
    assert [line.split()[0:3] for line in lines[-3:]] == [
        ["2026-03-01", f"13:00:0{second}", "Auth"] for second in range(3)
    ]
    assert lines[-1].endswith("  web1 sshd  \\x1b[31mno b")
    assert "\x1b" not in out
    assert len(asked("--show", ids[1], "--limit", "1")[1].splitlines()) == len(lines) - 2


def test_json(asked: Asked, ids: list[str]) -> None:
    asked("--acknowledge", ids[2], "--note", "\x1b]0;")
    listed = json.loads(asked("--json")[1])
    assert [row["alert_id"] for row in listed] == ids
    told = asked("--show", ids[2], "--json")[1]
    whole: dict[str, Any] = json.loads(told)
    assert "\x1b" not in told
    assert whole["group_key"] == {"source_host": "c"}
    assert whole["tags"] == ["attack.t1110.001", "attack.initial-access"]
    assert (whole["state"], whole["time"]) == ("acknowledged", "2026-03-01T14:00:02Z")
    assert [row["change"] for row in whole["history"]] == ["acknowledged", "note"]
    assert [row["message"] for row in whole["events"]] == ["\x1b[31mno c"] * 3
    assert whole["source_ids"] == [row["id"] for row in whole["events"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--close", "ID"], "--close: needs --as true or --as false"),
        (["ID", "--as", "true"], "--as: goes with --close"),
        (["--acknowledge"], "which alerts?"),
        (["--all-shown"], "--all-shown: goes with a change"),
        (["--note", " ", "ID"], "--note: is empty"),
        (["--state", "new"], "--state: must be of open, "),
        (["--severity", "9"], "--severity: must be 0 to 7"),
        (["--last", "soon"], "--last: must be a span"),
        (["--range", "x"], "--range: must be"),
        (["--limit", "-1"], "--limit: must be a number"),
        (["--show", "ID", "--acknowledge"], "--show: cannot go with"),
        (["ID", "0000"], "there is no alert '0000'"),
        (["--close", "--reopen", "ID"], "not allowed with"),
        (["-z", "Mars", "ID"], "-z: must be an offset"),
    ],
)
def test_mistakes(
    kept: tuple[Path, list[str]],
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    message: str,
) -> None:
    folder, ids = kept
    given = [ids[0] if text == "ID" else text for text in arguments]
    status, out, err = answer(configured(folder), capsys, *given)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_flags_of_the_watch_do_not_go_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags in (["--oneshot"], ["--check"], ["--backtest", "1d"], ["--poll", "3"]):
        with pytest.raises(SystemExit, match="2"):
            main(["-c", str(configured(tmp_path)), *flags, "alerts"])
        assert f"{flags[0]} does not go with an ACTION" in capsys.readouterr().err


def test_alerts_of_others_may_lack_anything(asked: Asked, store: Store) -> None:
    """As those that were brought in from the original."""
    columns = {"alert_id": "old-UserAuth-7", "source_rule": "odd\x1b[1m", "group_key": None}
    frame = pl.DataFrame({"id": [store.take_ids(1)], **{n: [v] for n, v in columns.items()}})
    types = polars_schema((*EVENT, *ALERT))
    put(store, "UserAuth", frame.cast({name: types[name] for name in frame.columns}))
    assert shown(asked(), 5) == ["odd\\x1b[1m"]
    assert json.loads(asked("--json")[1])[0]["group_key"] is None
    assert asked("--show", "OLD")[1].splitlines()[:2] == [
        "alert   old-UserAuth-7",
        "rule    odd\\x1b[1m",
    ]
    assert asked("--close", "old-userauth-7", "--as", "true")[0] == 0
    assert asked() == (0, "", "")


def test_on_a_terminal(kept: tuple[Path, list[str]]) -> None:
    folder, ids = kept
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "rb", buffering=0)) as screen:
        environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb", "TZ": "UTC"}
        subprocess.run(
            [PROGRAM, "-c", configured(folder), "alerts"],
            stdout=theirs,
            check=True,
            env=environment,
            timeout=60,
        )
        os.close(theirs)
        lines = screen.read(100_000).decode().splitlines()
    assert lines[0].split() == [
        "id", "time", "last", "severity", "rule", "group", "events", "state", "message",
    ]  # fmt: skip
    assert lines[1].startswith(f"{ids[0][:8]}  2026-03-01 12:00:02  ")
    assert len(lines) == 4
