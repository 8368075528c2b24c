"""Rule files: the original's and ours, and what is said of their mistakes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rules import TABLES, read_rules
from siemstress.rules import settings
from siemstress.rules.load import interval_of, load_rules
from siemstress.rules.model import Statement, Window

OLD = """\
[pam_authfail_10m]
sqlquery=SELECT Id FROM Auth WHERE DateStamp >= timestamp(date_sub(now(), interval 10 minute))
    AND (Message LIKE "%fail%" AND Message LIKE "%pam%")
sourcetable=Auth
interval=10
limit=7
outtable=UserAuth
message=Over 7 pam auth failure events in 10 minutes
"""


def test_an_old_rule_becomes_a_window(tmp_path: Path) -> None:
    loaded = read_rules(tmp_path, OLD)
    assert not loaded.problems
    (rule,) = loaded.rules
    assert isinstance(rule.match, Window)
    assert rule.match.span == rule.interval == timedelta(minutes=10)
    assert (rule.tables, rule.limit, rule.out_table) == (("Auth",), 7, "UserAuth")
    assert rule.message == "Over 7 pam auth failure events in 10 minutes"


PLAIN = "[r]\nsqlquery=SELECT Id FROM Auth WHERE {}\n"


@pytest.mark.parametrize(
    ("where", "span"),
    [
        ("DateStamp >= now() - interval 30 second", timedelta(seconds=30)),
        ("DateStamp > now() - interval 30 second", timedelta(seconds=30, microseconds=-1)),
        ("date_sub(now(), interval 1 hour) <= DateStamp", timedelta(hours=1)),
        ("DateStamp BETWEEN now() - interval 1 day AND now()", timedelta(days=1)),
        ("Auth.DateStamp >= subdate(now(), 1) AND DateStamp <= now()", timedelta(days=1)),
        ("(PID = 1 AND (DateStamp >= now() - interval 5 minute))", timedelta(minutes=5)),
    ],
)
def test_plain_forms_are_windows(tmp_path: Path, where: str, span: timedelta) -> None:
    loaded = read_rules(tmp_path, PLAIN.format(where))
    (rule,) = loaded.rules
    assert isinstance(rule.match, Window)
    assert rule.match.span == span


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Id FROM Auth WHERE Message LIKE '%x%'",
        "SELECT count(*) FROM Auth WHERE DateStamp >= now() - interval 5 minute",
        "SELECT DISTINCT Process FROM Auth WHERE DateStamp >= now() - interval 5 minute",
        "SELECT Id FROM Auth WHERE DateStamp >= now() - interval 5 minute LIMIT 9",
        "SELECT Id FROM Auth WHERE DateStamp >= now() - interval 5 minute OR PID = 1",
        "SELECT Id FROM Auth WHERE DateStamp >= now() - interval 1 month",
        "SELECT Id FROM Auth WHERE DateStamp >= now() - interval 9 minute AND hour(now()) > 7",
        "SELECT SourceHost FROM Auth WHERE DateStamp >= now() - interval 5 minute "
        "GROUP BY SourceHost HAVING count(*) > 4",
        "SELECT a.Id FROM Auth a JOIN Auth b ON a.Id = b.Id "
        "WHERE a.DateStamp >= now() - interval 5 minute",
    ],
)
def test_other_forms_stay_queries(tmp_path: Path, query: str) -> None:
    loaded = read_rules(tmp_path, f"[r]\nsqlquery={query}\n")
    assert not loaded.problems
    assert isinstance(loaded.rules[0].match, Statement)


def test_bug_3_every_file_and_every_section_counts(tmp_path: Path) -> None:
    read_rules(tmp_path, OLD, "a.conf")
    read_rules(tmp_path, "[b1]\nsection=auth\n[b2]\nsection=auth\n", "b.conf")
    loaded = read_rules(tmp_path, "[c]\nsection=auth\n", "c.conf")
    assert [r.name for r in loaded.rules] == ["pam_authfail_10m", "b1", "b2", "c"]


def test_our_rule(tmp_path: Path) -> None:
    text = """\
    [ssh]
    section = auth, Entries
    process = sshd
    grep =
        fail
        invalid
    rshost = 10.0.0.%
    event_severity = 0-4
    group_by = source_host, User, fields.method
    interval = 90s
    limit = 5
    severity = 2
    magnitude = 40
    message = {count} of {source_host}, {user_name}, {fields.method}; over {limit} in {interval}
    outtable = Alerts
    """
    loaded = read_rules(tmp_path, "\n".join(line[4:] for line in text.splitlines()))
    assert not loaded.problems
    (rule,) = loaded.rules
    assert isinstance(rule.match, Window)
    assert rule.tables == ("Auth", "Entries")
    assert [key.name for key in rule.match.group_by] == [
        "source_host",
        "user_name",
        "fields.method",
    ]
    assert (rule.match.span, rule.limit) == (timedelta(seconds=90), 5)
    assert (rule.severity, rule.magnitude, rule.out_table) == (2, 40, "Alerts")


MISTAKES = """\
[keys]
section=nothing
proces=sshd
severity=9
limit=many
interval=0
sport=x
group_by=colour, raw
outtable=a b
message={colour}
[empty]
[sql]
sqlquery=SELECT Id FROM Auth WHERE sleep(9)
grep=x
sourcetable=Nothing
[regexp]
sqlquery=SELECT Id FROM Auth WHERE Message REGEXP '(?=x)'
[fine]
section=auth
"""


def test_all_mistakes_are_named_with_file_section_and_key(tmp_path: Path) -> None:
    loaded = read_rules(tmp_path, MISTAKES)
    found = [(e.section, e.key) for e in loaded.problems]
    assert sorted(found, key=str) == sorted(
        [
            ("keys", "section"),
            ("keys", "proces"),
            ("keys", "severity"),
            ("keys", "limit"),
            ("keys", "interval"),
            ("keys", "sport"),
            ("keys", "group_by"),
            ("keys", "group_by"),
            ("keys", "outtable"),
            ("empty", "section"),
            ("sql", "sqlquery"),
            ("sql", "grep"),
            ("sql", "sourcetable"),
            ("regexp", "sqlquery"),
        ],
        key=str,
    )
    assert all(e.file == str(tmp_path / "rules.conf") for e in loaded.problems)
    assert all("\n" not in str(e) for e in loaded.problems)
    assert [r.name for r in loaded.rules] == ["fine"]


def test_a_message_names_only_what_has_a_value(tmp_path: Path) -> None:
    loaded = read_rules(tmp_path, "[r]\nsection=auth\nmessage={colour} {count.__class__}\n")
    assert [e.key for e in loaded.problems] == ["message", "message"]


def test_one_name_is_one_rule(tmp_path: Path) -> None:
    read_rules(tmp_path, "[r]\nsection=auth\n", "a.conf")
    loaded = read_rules(tmp_path, "[r]\nsection=auth\nlimit=3\n", "b.conf")
    assert [r.limit for r in loaded.rules] == [0]
    assert "a.conf" in str(loaded.problems[0])


@pytest.mark.parametrize("text", ["no section\n", "[r]\nno key or value\n", "[r]\n[r]\n", "\0"])
def test_a_file_that_is_no_rule_file_stops_no_other(tmp_path: Path, text: str) -> None:
    read_rules(tmp_path, text, "broken.conf")
    loaded = read_rules(tmp_path, OLD, "fine.conf")
    assert [r.name for r in loaded.rules] == ["pam_authfail_10m"]
    assert loaded.problems[0].file == str(tmp_path / "broken.conf")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 600), ("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("5 m", 300)],
)
def test_intervals(text: str, seconds: int) -> None:
    assert interval_of(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "1w", "1.5", "9999999999", "999999999d"])
def test_no_intervals(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        interval_of(text)


def test_the_shipped_rules_are_fine() -> None:
    files = sorted(settings.SHIPPED.glob("*.conf"))
    loaded = load_rules(files, TABLES)
    assert not loaded.problems
    assert len(loaded.rules) >= 12
    assert all(rule.severity is not None and rule.message for rule in loaded.rules)
    assert all("UserAuth" not in rule.tables for rule in loaded.rules)
