"""siemtrigger why and why-not as a user runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rules import START, at, store_events, window_rule
from siemstress.commands.siemtrigger import main
from siemstress.errors import QueryError
from siemstress.rules import settings
from siemstress.rules.alert_states import states
from siemstress.rules.explain_rule import met_by, names_of, rule_named
from siemstress.rules.explain_text import failed, met
from siemstress.rules.gather import gather
from siemstress.schema import EVENT, polars_schema
from siemstress.store.base import Scan, Store
from stores import ask, make_lake, put

Asked = Callable[..., list[str]]
Explains = Callable[[str, str, Mapping[str, Any]], list[str]]

CONF = """\
[burst]
section=auth
process=
    sshd
    dropbear
rgrep=internal
outcome=failure
group_by=source_host
interval=1m
limit=2
[break_in]
section=auth
outcome=failure
then_outcome=success
group_by=source_host
interval=1m
limit=1
[old]
sqlquery=SELECT Id FROM Auth WHERE DateStamp >= now() - interval 1 minute AND Process LIKE 'cron%'
    GROUP BY Id HAVING count(*) > 0
interval=1
"""
SHELL = """\
title: A shell of Office
id: 4f154fb6-27d1-4813-a759-78b93e0b9c48
logsource: {category: process_creation, product: windows}
detection:
  parent:
    ParentImage|endswith: ['\\winword.exe', '\\excel.exe']
  shell:
    Image|endswith: ['\\cmd.exe', '\\powershell.exe']
  known:
    CommandLine|contains: update
  condition: parent and shell and not known
level: high
"""
MANY = """\
title: Many programs
id: 0e95725d-7320-415d-80f7-004da920fc11
correlation:
  type: value_count
  rules: [starts]
  group-by: [User]
  timespan: 10m
  condition: {gte: 3, field: Image}
---
title: Starts
name: starts
logsource: {category: process_creation, product: windows}
detection:
  all: {EventID: 1}
  condition: all
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(make_lake(tmp_path)) as store:
        yield store


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return configured(tmp_path)


@pytest.fixture(scope="module")
def explains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explains]:
    """Tells why an event that it stores meets a rule's condition, or does not."""
    folder = tmp_path_factory.mktemp("kept")
    found = settings.load(configured(folder))
    with closing(make_lake(folder)) as store:
        rules = gather(found, store).rules

        def explain(name: str, table: str, columns: Mapping[str, Any]) -> list[str]:
            rule = rule_named(rules, name)
            put_in = attempts if table == "Auth" else started
            number = put_in(store, 0, **columns)[-1]
            names = names_of(found, rule)
            (one,) = met_by(store, rule, table, [number], names)[number]
            lines = met(one.clause) if one.clause.met else failed(one.clause)
            return ["  " * depth + text for depth, text in lines]

        yield explain


def configured(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "own.conf").write_text(CONF)
    (folder / "shell.yml").write_text(SHELL)
    (folder / "many.yml").write_text(MANY)
    path = tmp_path / "siemtrigger.conf"
    path.write_text("[siemstress]\nlake=lake\nconfdir=rules\n")
    (tmp_path / "siemstress.conf").write_text(
        "[siemstress]\nlake=lake\n[auth]\ntable=Auth\n[windows]\ntable=Windows\n"
        "[other]\ntable=Other\n[userauth]\ntable=UserAuth\n"
    )
    return path


@pytest.fixture
def asked(conf: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path,
          monkeypatch: pytest.MonkeyPatch) -> Asked:  # fmt: skip
    """Runs siemtrigger with some arguments; gives the lines of stdout, or of stderr."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str, status: int = 0) -> list[str]:
        capsys.readouterr()
        assert main(["-c", str(conf), *arguments]) == status
        out, err = capsys.readouterr()
        return (err if status else out).splitlines()

    return run


def attempts(store: Store, *seconds: int, **columns: Any) -> list[int]:
    """Store failed logins of one host; gives the ids of all events, in order of arrival."""
    values = {"process": "sshd", "outcome": "failure", "message": "no", **columns}
    store_events(store, [(second, "203.0.113.9") for second in seconds], **values)
    return ids(store, "Auth")


def started(store: Store, second: int = 0, **fields: str) -> list[int]:
    """Store the start of a program, as Sysmon tells of it; gives the ids of all events."""
    fields = {"Provider_Name": "Microsoft-Windows-Sysmon", "EventID": "1", **fields}
    frame = pl.DataFrame(
        {
            "id": [store.take_ids(1)],
            "time": [at(second)],
            "received": [START],
            "host": ["pc1"],
            "fields": [[{"key": k, "value": v} for k, v in fields.items()]],
        },
        schema_overrides=polars_schema(EVENT),
    )
    put(store, "Windows", frame)
    return ids(store, "Windows")


def ids(store: Store, table: str) -> list[int]:
    return [row["id"] for row in ask(store, "SELECT id FROM t ORDER BY id", t=Scan(table))]


def alert_of(store: Store, rule: str) -> str:
    (alert,) = [
        row["alert_id"] for row in states(store).iter_rows(named=True) if row["source_rule"] == rule
    ]
    return str(alert)


def below(lines: Sequence[str], event: int) -> list[str]:
    """The lines about an event of `why`."""
    text = "\n".join(lines)
    (part,) = [part for part in text.split("\n\n") if f"  {event}" in part.splitlines()[0]]
    return part.splitlines()[1:]


def test_why_of_a_limit_rule(asked: Asked, store: Store) -> None:
    numbers = attempts(store, 0, 1, 2)
    asked("--oneshot", "-q")
    alert = alert_of(store, "burst")
    lines = asked("why", alert[:8])
    assert lines[0] == f"alert        {alert}"
    assert "the rule     asks for more than 2 events within 1m, by source_host" in lines
    for number in numbers:
        assert below(lines, number) == [
            '  source_host is there: "203.0.113.9"',
            '  process is one of "sshd", "dropbear": "sshd"',
            '  outcome is "failure": "failure"',
            '  not: message is like "%internal%": "no"',
        ]
    assert asked("why", alert, "--limit", "1")[-1] == "and 2 more"
    later = attempts(store, 20)[-1]
    asked("--oneshot", "-q")
    lines = asked("why", alert)
    assert "events       4" in lines
    assert len(below(lines, later)) == 4


def test_why_of_what_must_follow(asked: Asked, store: Store) -> None:
    attempts(store, 0, 1)
    numbers = attempts(store, 2, outcome="success")
    asked("--oneshot", "-q")
    lines = asked("why", alert_of(store, "break_in"))
    (asks,) = [line for line in lines if line.startswith("the rule ")]
    assert asks.endswith("more than 1 counted events within 1m, and after them one of then, by "
                         "source_host")  # fmt: skip
    assert below(lines, numbers[0])[0] == "  counted"
    assert below(lines, numbers[-1]) == [
        "  then",
        '    source_host is there: "203.0.113.9"',
        '    outcome is "success": "success"',
    ]


def test_why_not_of_a_limit_rule(asked: Asked, store: Store) -> None:
    (first,) = attempts(store, 0)
    assert asked("why-not", "BURST", f"{first}")[1:] == [
        "burst is about it:",
        '  source_host is there: "203.0.113.9"',
        '  process is one of "sshd", "dropbear": "sshd"',
        '  outcome is "failure": "failure"',
        '  not: message is like "%internal%": "no"',
        "but the rule asks for more than 2 events within 1m, by source_host",
        "the window of the event that comes nearest has 1",
    ]
    attempts(store, 59, 61, 122)
    assert asked("why-not", "burst", f"{first}")[-1].endswith(" has 2")
    attempts(store, 30)
    (line,) = asked("why-not", "burst", f"{first}")[-1:]
    assert line.startswith("it is behind an alert that is not stored yet: ")
    asked("--oneshot", "-q")
    assert asked("why-not", "burst", f"{first}")[-1] == (
        f"it is behind the alert {alert_of(store, 'burst')}"
    )


@pytest.mark.parametrize(
    ("columns", "failing"),
    [
        ({"process": "cron"}, ['process is one of "sshd", "dropbear": "cron"']),
        ({"process": None}, ['process is one of "sshd", "dropbear": there is no process']),
        ({"message": "an Internal one"},
         ["must not be:", '  message is like "%internal%": "an Internal one"']),
        ({"outcome": "success", "process": "x"},
         ['process is one of "sshd", "dropbear": "x"', 'outcome is "failure": "success"']),
    ],
)  # fmt: skip
def test_which_clause_failed(
    explains: Explains, columns: Mapping[str, Any], failing: list[str]
) -> None:
    assert explains("burst", "Auth", columns) == failing


def test_what_is_shown_is_harmless(asked: Asked, store: Store) -> None:
    (number,) = attempts(store, 0, outcome="success\x1b[2J", message="\x1b]0;")
    assert asked("why-not", "burst", f"{number}")[1:] == [
        "burst is not about it:",
        '  outcome is "failure": "success\\x1b[2J"',
    ]
    assert "\x1b" not in "".join(asked("why-not", "break_in", f"{number}"))


def test_what_a_rule_cannot_see(asked: Asked, store: Store) -> None:
    store_events(store, [(0, None)], process="sshd", outcome="failure", message="no")
    (number,) = ids(store, "Auth")
    lines = asked("why-not", "burst", f"{number}")
    assert lines[1:] == [
        "burst is not about it:",
        "  source_host is there: there is no source_host",
    ]
    store_events(store, [(0, "a")], table="Other")
    (other,) = ids(store, "Other")
    assert asked("why-not", "burst", f"{other}")[1:] == ["burst does not watch Other, but Auth"]


def test_a_rule_that_is_a_query(asked: Asked, store: Store) -> None:
    attempts(store, 0)
    numbers = attempts(store, 1, process="crond")
    assert asked("why-not", "old", f"{numbers[0]}")[1:] == [
        "old is not about it:",
        '  process is like "cron%": "sshd"',
    ]
    assert asked("why-not", "old", f"{numbers[1]}")[1:] == [
        "old is about it:",
        '  process is like "cron%": "crond"',
        "it asks a query every 1m, for more than 0 rows",
    ]


OFFICE = {
    "ParentImage": "C:\\Office\\WINWORD.EXE",
    "Image": "C:\\Windows\\cmd.exe",
    "CommandLine": "cmd /c dir",
}


def test_why_of_a_sigma_rule(asked: Asked, store: Store) -> None:
    (number,) = started(store, 0, **OFFICE)
    asked("--oneshot", "-q")
    lines = asked("why", alert_of(store, "A shell of Office"))
    assert "the rule     asks for every such event, by host" in lines
    assert below(lines, number) == [
        "  is an event of windows/process_creation",
        '  ParentImage ends with "\\winword.exe": "C:\\Office\\WINWORD.EXE"',
        '  Image ends with "\\cmd.exe": "C:\\Windows\\cmd.exe"',
        '  not: CommandLine contains "update": "cmd /c dir"',
    ]


@pytest.mark.parametrize(
    ("fields", "failing"),
    [
        ({"Image": "C:\\calc.exe"},
         ['Image ends with "\\cmd.exe", or ends with "\\powershell.exe": "C:\\calc.exe"']),
        ({"CommandLine": "cmd Update"},
         ["must not be:", '  CommandLine contains "update": "cmd Update"']),
        ({"EventID": "3"}, [
            "is not an event of windows/process_creation:",
            "  none of these holds:",
            "    1:",
            '      EventID is "1": "3"',
            "    2:",
            '      Provider_Name is "microsoft-windows-security-auditing": '
            '"Microsoft-Windows-Sysmon"',
            '      EventID is "4688": "3"',
        ]),
    ],
)  # fmt: skip
def test_why_not_of_a_sigma_rule(
    explains: Explains, fields: Mapping[str, str], failing: list[str]
) -> None:
    assert explains("4f154fb6", "Windows", {**OFFICE, **fields}) == failing


def test_a_field_that_is_not_there(explains: Explains) -> None:
    lacking = {"Image": "C:\\cmd.exe", "CommandLine": "cmd"}
    assert explains("A shell", "Windows", lacking) == [
        'ParentImage ends with "\\winword.exe", or ends with "\\excel.exe": there is no ParentImage'
    ]


def test_correlations(asked: Asked, store: Store) -> None:
    for n in range(2):
        numbers = started(store, n, Image=f"C:\\{n}.exe", User="Ann")
    lines = asked("why-not", "Many programs", f"{numbers[0]}")
    assert lines[-2:] == [
        "but the rule asks for at least 3 different values within 10m, by User",
        "the window of the event that comes nearest has 2",
    ]
    started(store, 2, Image="C:\\2.exe", User="ann")
    asked("--oneshot", "-q")
    alert = alert_of(store, "Many programs")
    assert asked("why-not", "many", f"{numbers[0]}")[-1] == f"it is behind the alert {alert}"
    assert below(asked("why", alert), numbers[0])[:2] == [
        "  starts",
        "    is an event of windows/process_creation",
    ]


def test_an_alert_whose_rule_has_changed(asked: Asked, store: Store, conf: Path) -> None:
    attempts(store, 0, 1, 2)
    asked("--oneshot", "-q")
    alert = alert_of(store, "burst")
    own = conf.parent / "rules" / "own.conf"
    own.write_text(CONF.replace("outcome=failure", "outcome=success", 1))
    lines = asked("why", alert)
    assert "  does not meet the rule's condition as it is now:" in lines
    own.write_text(CONF.replace("[burst]", "[bursts]"))
    assert asked("why", alert, status=0)
    own.write_text(CONF.replace("[burst]", "[other]"))
    (line,) = asked("why", alert, status=2)
    assert line.startswith("siemtrigger: there is no rule 'burst'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["why", "abcd"], "there is no alert 'abcd'"),
        (["why-not", "brust", "1"], "there is no rule 'brust'; there is: burst"),
        (["why-not", "burst", "1"], "there is no event 1"),
        (["why-not", "burst", "x1"], "an event's id is a number, not 'x1'"),
        (["why", "abcd", "--limit", "x"], "--limit: must be a number"),
    ],
)
def test_mistakes(asked: Asked, store: Store, arguments: Sequence[str], message: str) -> None:
    del store
    (line,) = asked(*arguments, status=2)
    assert re.match(f"siemtrigger: {re.escape(message)}", line)


def test_names_of_rules() -> None:
    rules = [window_rule(name="burst", id="4F154FB6"), window_rule(name="burst 2"),
             window_rule(name="break in")]  # fmt: skip
    for name, found in (("Burst", 0), ("burst ", 0), ("4f1", 0), ("burst 2", 1), ("br", 2)):
        assert rule_named(rules, name) is rules[found]
    for name, message in (
        ("b", "'b' is the beginning of 3 rules: burst, burst 2, break in"),
        ("zzz", "there is no rule 'zzz'; see siemtrigger --rules"),
        ("brust", "there is no rule 'brust'; there is: burst"),
        ("", "there is no rule ''"),
    ):
        with pytest.raises(QueryError, match=re.escape(message)):
            rule_named(rules, name)
