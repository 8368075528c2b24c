"""Correlations as they are read: Sigma's types, and those of our own."""

from __future__ import annotations

import pytest

from siemstress.rules.episodes.model import (
    Both,
    Either,
    First,
    Kind,
    Need,
    Number,
    Ordered,
    Part,
    Rare,
    Silent,
    Spike,
    Threshold,
    Together,
    Without,
)
from siemstress.rules.sigma.condition import All
from siemstress.rules.sigma.rule import Correlation
from siemstress.rules.sigma_rules import Tables, rules_of
from sigma_files import loaded, rule, told

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
BASES = "".join(
    rule(name, "{s: {a: x}, condition: s}", more=f"name: {name}\n") + "---\n" for name in "abc"
)
COUNT = "type: event_count\n  rules: [a]\n  timespan: 5m\n"


def correlated(body: str, top: str = "") -> Correlation:
    """The correlation of what stands under the key, about rules `a`, `b` and `c`."""
    found = loaded(f"{BASES}title: it\n{top}correlation:\n  {body}\n")
    assert told(found) == []
    (one,) = found.correlations
    return one


def complaint(body: str, top: str = "") -> str:
    """What is said of a correlation that is none."""
    found = loaded(f"{BASES}title: it\n{top}correlation:\n  {body}\n")
    assert found.correlations == ()
    assert [r.title for r in found.rules] == ["a", "b", "c"]
    (problem,) = told(found)
    return problem.removeprefix("rules.yml: ")


def several(*lines: str) -> str:
    return "\n  ".join(lines)


# Sigma's types ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "condition", "wanted"),
    [
        ("event_count", "{gte: 10}", Number("events", Threshold(((">=", 10),)))),
        ("event_count", "{gt: 10, lte: 20}", Number("events", Threshold(((">", 10), ("<=", 20))))),
        ("event_count", "{eq: 3}", Number("events", Threshold((("=", 3),)))),
        ("event_count", "{neq: 3}", Number("events", Threshold((("!=", 3),)))),
        ("event_count", "{lt: 3}", Number("events", Threshold((("<", 3),)))),
        ("value_count", "{gte: 5, field: u}", Number("values", Threshold(((">=", 5),)))),
        ("value_count", "{gte: 5, field: [u, v]}", Number("values", Threshold(((">=", 5),)))),
        ("value_sum", "{gt: 1.5, field: u}", Number("sum", Threshold(((">", 1.5),)))),
        ("value_avg", "{gt: -1, field: u}", Number("avg", Threshold(((">", -1),)))),
        ("value_median", "{gt: 1, field: u}", Number("percentile", Threshold(((">", 1),)), 50)),
        ("value_percentile", "{lt: 1, field: u, percentile: 99}",
         Number("percentile", Threshold((("<", 1),)), 99)),
    ],
)  # fmt: skip
def test_numbers_of_events_and_values(kind: str, condition: str, wanted: Kind) -> None:
    one = correlated(several(f"type: {kind}", "rules: a", "timespan: 5m", "group-by: [x, y]",
                             f"condition: {condition}"))  # fmt: skip
    assert one.kind == wanted
    assert (one.rules, one.group_by, one.span) == (("a",), ("x", "y"), 300 * SECOND)
    fields = ("u", "v") if "[u, v]" in condition else ("u",) if "field" in condition else ()
    assert one.fields == fields


@pytest.mark.parametrize(
    ("kind", "condition", "wanted"),
    [
        ("temporal", "", Together(Both((Part(0), Part(1))))),
        ("temporal", "condition: {gte: 2}", Together(Both((Part(0), Part(1))))),
        ("temporal", "condition: {gt: 0}", Together(Either((Both((Part(0),)), Both((Part(1),)))))),
        ("temporal_ordered", "", Ordered(2)),
        ("temporal_ordered", "condition: a and b", Ordered(2)),
        ("temporal", "condition: a and not b", Together(Both((Part(0), Without(Part(1)))))),
        ("temporal", "condition: b or a", Together(Either((Part(1), Part(0))))),
    ],
)
def test_rules_in_time(kind: str, condition: str, wanted: Kind) -> None:
    one = correlated(several(f"type: {kind}", "rules: [a, b]", "timespan: 1h", condition))
    assert one.kind == wanted


def test_rules_that_only_the_condition_names() -> None:
    one = correlated(several("type: temporal", "timespan: 1h", "condition: (a or b) and not c"))
    assert one.rules == ("a", "b", "c")
    need: Need = Both((Either((Part(0), Part(1))), Without(Part(2))))
    assert one.kind == Together(need)


def test_aliases_levels_and_what_else_a_rule_says() -> None:
    top = "id: 5f1abf38-1f4c-4e0b-8b0a-6b8f4f4f3a11\nname: n\nlevel: High\ntags: [attack.t1110]\n"
    own = "\nsiemstress: {suppress_for: 1d, severity: 1}"
    one = correlated(
        several("type: temporal", "rules: [a, b]", "timespan: 30s", "generate: true",
                "group-by: who", "aliases: {who: {a: user, b: target}}") + own,
        top,
    )  # fmt: skip
    assert one.aliases == {"who": {"a": "user", "b": "target"}}
    assert (one.generate, one.about.level, one.about.name) == (True, "high", "n")
    assert (one.own.suppress, one.own.severity) == (DAY, 1)
    assert one.about.names == ("5f1abf38-1f4c-4e0b-8b0a-6b8f4f4f3a11", "n")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90m", 5400), ("2h", 7200), ("7d", 604800), ("1w", 604800), ("1M", 2629746),
     ("1y", 31556952)],
)  # fmt: skip
def test_time_spans(text: str, seconds: int) -> None:
    one = correlated(f"type: temporal\n  rules: [a]\n  timespan: {text}")
    assert one.span == seconds * SECOND


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("type: sum", "there is no type 'sum'; there are: event_count, value_count, value_sum"),
        ("rules: [a]", "there is no type ''"),
        ("[a]", "correlation must be a mapping"),
        ("type: event_count\n  timespan: 5m\n  condition: {gte: 1}", "rules is missing"),
        (COUNT, "condition must be a mapping"),
        (COUNT + "  condition: {}", "condition has no bound; there are: lt, lte, gt, gte, eq, neq"),
        (COUNT + "  condition: {above: 5}", "there is no 'above'; there are: eq, field, gt, gte"),
        (COUNT + "  condition: {gte: many}", "condition: gte must be a number from"),
        (COUNT + "  condition: {gte: 1, field: u}", "field is for types that count values"),
        (COUNT + "  condition: {gte: 1, percentile: 5}", "percentile is for value_percentile"),
        (COUNT + "  condition: {gte: 1}\n  window: 5", "correlation: there is no 'window'"),
        (COUNT + "  condition: {gte: 1}\n  generate: ja", "generate must be true or false"),
        (COUNT + "  condition: {gte: 1}\n  aliases: {u: {q: v}}", "there is no 'q'; there are: a"),
        (COUNT.replace("5m", "5 minutes"), "timespan must be a time span (30s, 5m, 2h, 7d)"),
        (COUNT.replace("5m", "99y"), "up to ten years"),
        (COUNT.replace("event", "value") + "  condition: {gte: 1}", "field is missing"),
        ("type: value_avg\n  rules: a\n  timespan: 5m\n  condition: {gt: 1, field: [u, v]}",
         "only one field can be a number"),
        ("type: value_percentile\n  rules: a\n  timespan: 5m\n  condition: {gt: 1, field: u}",
         "percentile must be a number from 0 to 100"),
        ("type: temporal\n  rules: [a, b]\n  timespan: 5m\n  condition: {gte: 3}",
         "condition: gte must be a whole number from 0 to 2"),
        ("type: temporal\n  rules: [a, b]\n  timespan: 5m\n  condition: {lt: 1}",
         "condition can never hold: so many rules there are not"),
        ("type: temporal_ordered\n  rules: [a, b]\n  timespan: 5m\n  condition: b and a",
         "must be all rules in order"),
        ("type: temporal_ordered\n  rules: [a, b]\n  timespan: 5m\n  condition: {gte: 1}",
         "must be all rules in order"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_correlation_is_said(body: str, said: str) -> None:
    assert said in complaint(body)


# Our own types ---------------------------------------------------------------------------------


LISTED = "type: absence\n  group-by: host\n  since: 1970-01-03\n  "


@pytest.mark.parametrize(
    ("body", "kind", "span"),
    [
        ("type: first_seen\n  field: user", First(7 * DAY), 7 * DAY),
        ("type: first_seen\n  field: user\n  timespan: 30d\n  learn: 1d", First(DAY), 30 * DAY),
        ("type: first_seen\n  field: user\n  timespan: 2h", First(2 * HOUR), 2 * HOUR),
        ("type: rare\n  field: user", Rare(1, 7 * DAY), 7 * DAY),
        ("type: rare\n  field: user\n  at-most: 3\n  learn: 2d", Rare(3, 2 * DAY), 7 * DAY),
        ("type: spike", Spike(3, 10, 7, 3), 7 * DAY),
        ("type: spike\n  factor: 5\n  at-least: 100\n  days: 14\n  at-least-days: 7",
         Spike(5, 100, 14, 7), 7 * DAY),
        ("type: absence\n  timespan: 1h", Silent(2, 7 * DAY, 10), HOUR),
        ("type: absence\n  timespan: 1h\n  factor: 3\n  learn: 1d\n  at-least: 5",
         Silent(3, DAY, 5), HOUR),
        (LISTED + "expected: [Web1, web2]\n  timespan: 1h",
         Silent(2, 7 * DAY, 10, ("web1", "web2"), 2 * DAY), HOUR),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rules", ["", "\n  rules: [a, b]"])
def test_types_of_our_own(body: str, kind: Kind, span: int, rules: str) -> None:
    one = correlated(body + rules)
    assert (one.kind, one.span) == (kind, span)
    assert one.rules == (("a", "b") if rules else ())
    assert (one.among is None) == bool(rules)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("type: first_seen", "field is missing: whose values are new or rare"),
        ("type: rare\n  field: u\n  at-most: 0", "at-most must be a whole number from 1"),
        ("type: rare\n  field: u\n  at-least: 5", "there is no 'at-least'"),
        ("type: spike\n  factor: 0.5", "factor must be a number from 1"),
        ("type: spike\n  days: 1000", "days must be a whole number from 1 to 90"),
        ("type: absence\n  expected: [a]\n  group-by: [host, user]", "one field in group-by"),
        ("type: absence\n  expected: [a]", "one field in group-by"),
        ("type: absence\n  since: 2026-01-01", "since is for expected"),
        (
            "type: absence\n  group-by: host\n  expected: [a]",
            "since (or the rule's date) must be a day (2026-01-31)",
        ),
        (
            "type: absence\n  group-by: host\n  expected: [a]\n  since: 2026-02-30",
            "since (or the rule's date) must be a day (2026-01-31)",
        ),
        (
            LISTED + "expected: {file: gone.txt}",
            "gone.txt cannot be read: No such file",
        ),
        (
            LISTED + "expected: {list: x}",
            "there is no 'list'; there are: file",
        ),
        (
            LISTED + "expected: {file: ''}",
            "expected: file is missing",
        ),
    ],
)
def test_what_is_wrong_with_types_of_our_own_is_said(body: str, said: str) -> None:
    assert said in complaint(body)


def test_what_is_expected_is_so_since_the_rule_is_there() -> None:
    one = correlated("type: absence\n  group-by: host\n  expected: [a]", "date: 1970/01/02\n")
    assert getattr(one.kind, "since", None) == DAY


def test_without_rules_they_are_about_a_kind_of_log() -> None:
    everything = correlated("type: absence\n  timespan: 1h")
    assert everything.among is not None
    assert everything.among.condition == All(())
    web = correlated("type: spike", "logsource: {category: webserver}\n")
    assert web.among is not None
    assert web.among.source.category == "webserver"
    some = correlated("type: spike", "logsource: {product: opencanary}\n"
                      "detection: {s: {a: x}, condition: s}\n")  # fmt: skip
    assert some.among is not None
    assert some.among.fires


# Rules about each other ------------------------------------------------------------------------


def mistakes(text: str) -> list[str]:
    tables = Tables({"auth": "Auth"}, ("Auth",))
    found = loaded(text)
    assert told(found) == []
    return [str(problem) for problem in rules_of(found, tables)[1]]


def chained(name: str, *rules: str) -> str:
    return (
        f"title: {name}\nname: {name}\ncorrelation: {{type: temporal, timespan: 1h, "
        f"rules: [{', '.join(rules)}]}}\n---\n"
    )


def test_correlations_are_about_correlations() -> None:
    assert mistakes(BASES + chained("x", "a", "b") + chained("y", "x", "c")) == []


@pytest.mark.parametrize("names", ["x", "xy", "xyz"])
def test_a_circle_is_a_mistake(names: str) -> None:
    text = "".join(chained(name, names[(n + 1) % len(names)], "a") for n, name in enumerate(names))
    found = mistakes(BASES + text)
    assert len(found) == len(names)
    assert all("about each other in a circle" in one for one in found)


def test_a_rule_that_is_not_there_is_a_mistake() -> None:
    assert mistakes(BASES + chained("x", "a", "q")) == [
        "rules.yml: correlation: there is no rule 'q', or it cannot be used"
    ]


def test_chains_of_many_branches_take_no_time() -> None:
    text = chained("x0", "a", "b") + chained("y0", "a", "b")
    for n in range(1, 19):
        text += chained(f"x{n}", f"x{n - 1}", f"y{n - 1}") + chained(
            f"y{n}", f"y{n - 1}", f"x{n - 1}"
        )
    found = mistakes(BASES + text)
    assert set(found) == {"rules.yml: correlation: it is about more than 1000 rules"}
