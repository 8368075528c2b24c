"""Sigma rules from files: collections, filters, pipelines, mappings, our own key."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from siemstress.errors import RuleError
from siemstress.rules.sigma.condition import requirements
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma.rule import Own
from siemstress.rules.sigma.taxonomy import LogSource, events_of, place
from sigma_files import FILTER, ID, OWN, Event, hits, loaded, matched, rule, told

# Collections -----------------------------------------------------------------------------------


def test_a_file_may_hold_several_rules_that_share_what_a_global_one_says() -> None:
    found = loaded(
        """
action: global
level: high
tags: [attack.t1110]
detection: {shared: {a: x}}
---
title: one
logsource: {product: opencanary}
detection: {own: {b: y}, condition: own and shared}
---
action: repeat
title: two
detection: {own: {b: z}}
---
action: reset
---
title: three
logsource: {product: opencanary}
detection: {own: {b: y}, condition: own}
"""
    )
    assert told(found) == []
    assert [(r.title, r.about.level, r.about.tags) for r in found.rules] == [
        ("one", "high", ("attack.t1110",)),
        ("two", "high", ("attack.t1110",)),
        ("three", "", ()),
    ]
    both = [{"a": "x", "b": "y"}, {"a": "x", "b": "z"}, {"b": "y"}]
    assert hits(found, *both) == {"one": [0], "two": [1], "three": [0, 2]}


def test_an_action_that_does_not_exist_is_a_line() -> None:
    found = loaded("action: globally\n---\n" + rule("fine", "{s: {a: x}, condition: s}"))
    assert told(found) == ["rules.yml: there is no action 'globally'"]
    assert [r.title for r in found.rules] == ["fine"]


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ("1 of s*", [0, 1, 3]),
        ("all of s*", [3]),
        ("1 of them", [0, 1, 2, 3]),
        ("any of them", [0, 1, 2, 3]),
        ("all of them", []),
        ("not 1 of s*", [2, 4]),
        ("s1 and not (s2 or o)", [0]),
        ("not (not s1 or not s2)", [3]),
        ("s1 or s2 and o", [0, 3]),
    ],
)
def test_conditions_put_searches_together(condition: str, held: list[int]) -> None:
    found = loaded(
        rule("r", f"{{s1: {{a: x}}, s2: {{b: x}}, o: {{c: x}}, condition: {condition}}}")
    )
    events: list[Event] = [{"a": "x"}, {"b": "x"}, {"c": "x"}, {"a": "x", "b": "x"}, {}]
    assert hits(found, *events) == {"r": held}


_TIMES = ["2026-01-02T20:00:00Z", "2026-01-02T23:59:59Z", "2026-01-02T05:00:00Z",
          "2027-12-31T12:00:00Z", "hit", "within"]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "held"),
    [
        ("t|hour|gte: 20", ["2026-01-02T20:00:00Z", "2026-01-02T23:59:59Z"]),
        ("t|hour|lt: 6", ["2026-01-02T05:00:00Z"]),
        (
            "t|hour|neq: 5",
            [
                "2026-01-02T20:00:00Z",
                "2026-01-02T23:59:59Z",
                "2027-12-31T12:00:00Z",
                "hit",
                "within",
            ],
        ),
        ("t|year|gt: 2026", ["2027-12-31T12:00:00Z"]),
        ("t|month: 12", ["2027-12-31T12:00:00Z"]),
        ("u|fieldref|contains: t", ["within"]),
    ],
)
def test_modifiers_may_follow_each_other(item: str, held: list[str]) -> None:
    events = [{"t": time, "u": f"x {time} y" if time == "within" else "?"} for time in _TIMES]
    found = loaded(rule("r", f"{{s: {{{item}}}, condition: s}}"))
    assert told(found) == []
    assert [_TIMES[row] for row in hits(found, *events)["r"]] == held


# Filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "changed"),
    [("any", True), ("[named]", True), (f"[{ID}1]", True), (f"[other, {ID}1]", True),
     ("[other]", False)],
)  # fmt: skip
def test_a_filter_is_part_of_the_rules_it_names(rules: str, changed: bool) -> None:
    text = rule("r", "{s: {a: x}, condition: 1 of them}", more=f"id: {ID}1\nname: named\n")
    found = load(
        [], more=[("a.yml", FILTER.format(rules=rules).encode()), ("b.yml", text.encode())]
    )
    assert told(found) == []
    events = [{"a": "x", "u": "root"}, {"a": "x", "u": "me"}, {"a": "y"}]
    assert hits(found, *events) == {"r": [1] if changed else [0, 1]}


def test_a_filter_is_for_its_own_kind_of_log() -> None:
    text = rule("r", "{s: {a: x}, condition: s}", source="{product: bitbucket}")
    found = loaded(FILTER.format(rules="any") + "---\n" + text)
    assert hits(found, {"a": "x", "u": "root"}) == {"r": [0]}


def test_a_filter_that_is_none_is_a_line() -> None:
    text = rule("r", "{s: {a: x}, condition: s}")
    found = loaded(FILTER.format(rules="[r]").replace("condition: not 1 of selection_*", "") +
                   "---\n" + text)  # fmt: skip
    assert told(found) == ["rules.yml: Sigma filter must contain exactly one condition"]
    assert [r.title for r in found.rules] == ["r"]


# Pipelines and mappings ------------------------------------------------------------------------


def test_pipelines_give_placeholders_their_values(tmp_path: Path) -> None:
    (tmp_path / "admins.txt").write_text("carol\ndave\n")
    pipeline = tmp_path / "pipeline.yml"
    pipeline.write_text(
        """
name: ours
vars: {admins: [alice, bob*]}
transformations:
  - {id: lists, type: value_placeholders, include: [admins]}
  - {id: files, type: file_placeholders, include: [others], path: admins.txt}
  - {id: names, type: field_name_mapping, mapping: {Account: u}}
"""
    )
    text = rule("r", "{s: {Account|expand: ['%admins%', '%others%']}, condition: s}")
    found = loaded(text, pipelines=[pipeline])
    assert told(found) == []
    events = [{"u": name} for name in ("alice", "bobby", "carol", "dave", "eve")]
    assert hits(found, *events) == {"r": [0, 1, 2, 3]}
    assert told(loaded(text)) == ["rules.yml: the placeholder %admins% has no values"]


def test_pipelines_change_what_log_rules_are_about(tmp_path: Path) -> None:
    pipeline = tmp_path / "pipeline.yml"
    pipeline.write_text(
        """
transformations:
  - {type: change_logsource, product: opencanary, rule_conditions: [{type: logsource, product: us}]}
"""
    )
    text = rule("r", "{s: {a: x}, condition: s}", source="{product: us}")
    assert [r.fires for r in loaded(text).rules] == [False]
    found = loaded(text, pipelines=[pipeline])
    assert [r.fires for r in found.rules] == [True]
    assert hits(found, {"a": "x"}) == {"r": [0]}


def test_pipelines_run_no_commands(tmp_path: Path) -> None:
    pipeline = tmp_path / "pipeline.yml"
    pipeline.write_text(
        f"transformations: [{{type: command_placeholders, cmd: touch {tmp_path}/ran}}]"
    )
    found = loaded(rule("r", "{s: {a|expand: '%x%'}, condition: s}"), pipelines=[pipeline])
    assert found.rules == ()
    assert "disabled by default for security reasons" in told(found)[0]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[", "is no YAML: "),
        ("- x", "is no pipeline: it must be a mapping of keys and values"),
        ("transformations: [{type: what}]", "is no pipeline: "),
        ("transformations: 5", "is no pipeline: "),
        ("what: 5", "is no pipeline: "),
        ("transformations: [{type: file_placeholders, path: gone.txt}]", "cannot be read: "),
    ],
)
def test_what_is_wrong_with_a_pipeline_is_said(tmp_path: Path, text: str, complaint: str) -> None:
    pipeline = tmp_path / "pipeline.yml"
    pipeline.write_text(text)
    with pytest.raises(RuleError, match=complaint):
        loaded(rule("r", "{s: {a: x}, condition: s}"), pipelines=[pipeline])


def test_mappings_say_where_fields_stand_and_which_logs_there_are(tmp_path: Path) -> None:
    mapping = tmp_path / "fields.toml"
    mapping.write_text(
        """
[ours]
Account = ["nobody", "user_name"]
[all]
Where = "host"
[logs]
ours = {process = ["oursd", "oursctl"], tag = "on"}
theirs = "ecs"
"""
    )
    text = rule("r", "{s: {Account: me, Where: web*}, condition: s}", source="{product: ours}")
    found = loaded(text, mappings=[mapping])
    assert [r.fires for r in loaded(text).rules] == [False]
    (one,) = found.rules
    assert one.fires
    event = {"process": "oursd", "user_name": "me", "host": "web1"}
    others = [event | {"process": "x"}, event | {"host": "db"}, {"tag": "on", **event}]
    assert matched(one.condition, event, *others) == [0, 3]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x", "is no TOML"),
        ("x = 5", "key 'x': must be a table|x: must be a table"),
        ("[a]\nb = 5", "must be a name, or a list of them"),
        ("[a]\nb = []", "must be a name, or a list of them"),
        ("[logs]\nb = {}", "says nothing of the events"),
        ("[logs]\nb = {process = 5}", "must be a name, or a list of them"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said(tmp_path: Path, text: str, complaint: str) -> None:
    mapping = tmp_path / "fields.toml"
    mapping.write_text(text)
    with pytest.raises(RuleError, match=complaint):
        loaded("", mappings=[mapping])


def test_a_service_of_zeek_is_one_of_its_logs() -> None:
    condition = events_of(LogSource(product="zeek", service="dns"))
    assert condition is not None
    events = [{"format": f, "_path": p} for f in ("zeek", "zeekjson", "evtx") for p in ("dns", "x")]
    assert matched(condition, *events) == [0, 2]


def test_fields_have_places_of_their_kind_of_log() -> None:
    web = LogSource(category="webserver")
    assert place("c-ip", web) == "fields.c-ip|source_host"
    assert place("c-ip", LogSource()) == "fields.c-ip"
    assert place("user", LogSource()).split("|")[-1] == "user_name"


def test_what_a_rule_needs_of_an_event() -> None:
    found = loaded(
        rule("r", "{s: {a: x, b|contains: y}, t: [{c: z}, {d|fieldref: e}], n: {f: x}, "
             "g: {h: null}, condition: s and t and g and not n}")
    )  # fmt: skip
    needs = requirements(found.rules[0].condition)
    plain = {frozenset(one.removeprefix("fields.") for one in need) for need in needs}
    assert plain == {frozenset(x) for x in (["format"], ["a"], ["b"], ["c", "d"], ["c", "e"])}


# Files -----------------------------------------------------------------------------------------


def test_rules_come_from_folders_and_archives(tmp_path: Path) -> None:
    fine = rule("fine", "{s: {a: x}, condition: s}")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.yml").write_text(fine)
    (tmp_path / "deep" / "b.YAML").write_text(fine)
    (tmp_path / "deep" / "b.samples.yml").write_text("no rule")
    (tmp_path / "deep" / "read.me").write_text("no rule")
    with zipfile.ZipFile(tmp_path / "more.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/c.yml", fine)
        archive.writestr("x/large.yml", "#" * (2 << 20))
        archive.writestr("../../d.yml", "- wrong")
    found = load([tmp_path / "deep", tmp_path / "more.zip"])
    assert [r.about.file for r in found.rules] == [
        f"{tmp_path}/deep/b.YAML", f"{tmp_path}/deep/er/a.yml", f"{tmp_path}/more.zip:x/c.yml",
    ]  # fmt: skip
    assert told(found) == [
        f"{tmp_path}/more.zip:x/large.yml: is larger than 1 MB: this is no rule",
        f"{tmp_path}/more.zip:../../d.yml: a rule is a mapping of keys and values",
    ]


def test_a_broken_archive_keeps_no_other_file_from_being_read(tmp_path: Path) -> None:
    fine = rule("fine", "{s: {a: x}, condition: s}")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.yml", fine + "#" + "x" * 3000)
        archive.writestr("c.yml", fine)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[60:70] = b"\xff" * 10
    (tmp_path / "a.zip").write_bytes(data)
    (tmp_path / "z.yml").write_text(fine)
    found = load([tmp_path / "a.zip", tmp_path / "z.yml"])
    assert len(found.rules) == 2
    assert len(found.problems) == 1


def test_of_two_rules_with_one_id_the_first_counts() -> None:
    text = rule("r", "{s: {a: x}, condition: s}", more=f"id: {ID}1\n").encode()
    found = load([], more=[("a.yml", text), ("b.yml", text)])
    assert len(found.rules) == 1
    assert told(found) == ["b.yml: a rule of this id is in a.yml too"]


def test_a_path_without_anything_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="cannot be read: No such file"):
        load([tmp_path / "nothing.yml"])


# Our own key -----------------------------------------------------------------------------------


def test_our_own_key_says_what_sigma_cannot() -> None:
    found = loaded(rule("r", "{s: {a: x}, condition: s}") + OWN)
    assert told(found) == []
    assert found.rules[0].own == Own(
        group_by=("source_host", "user"),
        suppress=7_200_000_000,
        message="{user} of {source_host}: {count}",
        out_table="Alerts",
        severity=2,
        magnitude=7,
        section=("Auth", "Web"),
        samples={"match": ["x"], "no_match": [{"line": "y"}]},
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("grup_by: x", "there is no 'grup_by'; there are: group_by, magnitude, message, out_table"),
        ("suppress_for: soon", r"suppress_for must be a time span \(30s, 5m, 2h, 7d\)"),
        ("severity: 8", "severity must be a whole number from 0 to 7"),
        ("severity: high", "severity must be a whole number from 0 to 7"),
        ("out_table: 'x; DROP'", "out_table must be letters, digits and _"),
        ("message: [a]", "message must be a text"),
        ("section: {a: b}", "section must be a text"),
    ],
)
def test_what_is_wrong_with_our_own_key_is_said(line: str, complaint: str) -> None:
    found = loaded(rule("r", "{s: {a: x}, condition: s}") + f"siemstress: {{{line}}}\n")
    assert found.rules == ()
    with pytest.raises(RuleError, match=complaint):
        raise found.problems[0]
