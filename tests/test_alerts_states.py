"""What has become of alerts: how far they have come, what people said, who inherits from whom."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import at, run, starts, store_events, window_rule
from siemstress.errors import QueryError
from siemstress.rules.alert_heirs import Said, inherited
from siemstress.rules.alert_log import Entry, append
from siemstress.rules.alert_search import event_ids, history, resolved
from siemstress.rules.alert_states import Wanted, states
from siemstress.store.base import Store
from stores import kind, opened, store

__all__ = ["kind", "opened", "store"]

on_the_lake = pytest.mark.parametrize("kind", ["lake"], indirect=True)


def raised(store: Store, groups: str = "ab") -> list[str]:
    """The ids of alerts, one a group, a minute apart, that a rule raises."""
    for n, group in enumerate(groups):
        store_events(store, [(n * 60 + second, group) for second in (0, 1, 2)])
    run(store, window_rule())
    return by_group(store)


def by_group(store: Store) -> list[str]:
    """The ids of the alerts, by group."""
    return states(store).sort("group_key", "time")["alert_id"].to_list()


def state(store: Store, alert: str) -> dict[str, Any]:
    (found,) = states(store, Wanted(ids=[alert])).to_dicts()
    return found


@on_the_lake
def test_nothing_is_stored(store: Store) -> None:
    assert states(store).is_empty()
    with pytest.raises(QueryError, match="there is no alert 'ab'"):
        resolved(store, ["ab"])


def test_what_is_said_last_counts(store: Store) -> None:
    first, second = raised(store)
    assert states(store)["state"].to_list() == ["open", "open"]
    append(store, [Entry(first, "acknowledged", user_name="ann")])
    append(store, [Entry(first, "assigned", assignee="bob"), Entry(first, "note", note="hm")])
    append(store, [Entry(second, "closed", verdict="false_positive")])
    told = states(store).select("alert_id", "state", "verdict", "assignee").rows()
    assert told == [
        (first, "acknowledged", None, "bob"),
        (second, "closed", "false_positive", None),
    ]
    append(store, [Entry(second, "reopened"), Entry(first, "assigned")])
    told = states(store).select("alert_id", "state", "verdict", "assignee").rows()
    assert told == [(first, "acknowledged", None, None), (second, "open", None, None)]
    assert [row["change"] for row in history(store, first)] == [
        "acknowledged", "assigned", "note", "assigned",
    ]  # fmt: skip


@on_the_lake
def test_an_alert_as_far_as_it_has_come(store: Store) -> None:
    (alert,) = raised(store, "a")
    assert (state(store, alert)["event_count"], state(store, alert)["last_time"]) == (3, at(2))
    store_events(store, [(10, "a"), (20, "a")])
    run(store, window_rule())
    found = state(store, alert)
    assert (found["event_count"], found["last_time"]) == (5, at(20))
    assert len(event_ids(store, "UserAuth", alert)) == 3


def test_the_heir_inherits(store: Store) -> None:
    (old,) = raised(store, "a")
    append(store, [Entry(old, "closed", verdict="true_positive"), Entry(old, "note", note="why")])
    append(store, [Entry(old, "assigned", assignee="ann")])
    store_events(store, [(-20, "a"), (-19, "a"), (-18, "a")])
    run(store, window_rule())
    assert starts(store) == [("a", -18)]
    new, was = states(store).to_dicts()
    assert (was["alert_id"], was["state"], was["heir"]) == (old, "superseded", new["alert_id"])
    assert (new["state"], new["verdict"], new["assignee"]) == ("closed", "true_positive", "ann")
    assert resolved(store, [old[:12]]) == [new["alert_id"]]
    assert "note" in {row["change"] for row in history(store, new["alert_id"])}
    append(store, [Entry(new["alert_id"], "reopened")])
    assert state(store, new["alert_id"])["state"] == "open"


@on_the_lake
def test_an_heir_of_several_is_as_open_as_any(store: Store) -> None:
    store_events(store, [(second, "a") for second in (0, 1, 2, 100, 101, 102)])
    run(store, window_rule())
    first, second = by_group(store)
    append(store, [Entry(second, "closed", verdict="true_positive")])
    store_events(store, [(-10, "a"), (-9, "a"), (-8, "a"), (45, "a"), (50, "a"), (55, "a")])
    run(store, window_rule())
    told = {row["alert_id"]: row["state"] for row in states(store).to_dicts()}
    assert {told.pop(first), told.pop(second)} == {"superseded"}
    assert list(told.values()) == ["open"]


@on_the_lake
def test_one_whose_heir_was_not_stored_is_still_one(store: Store) -> None:
    (alert,) = raised(store, "a")
    append(store, [Entry(alert, "superseded", note="f" * 32)])
    assert (state(store, alert)["state"], state(store, alert)["heir"]) == ("open", None)
    append(store, [Entry(alert, "withdrawn")])
    assert state(store, alert)["state"] == "withdrawn"
    append(store, [Entry(alert, "extended", last_time=at(9), event_count=7)])
    assert (state(store, alert)["state"], state(store, alert)["event_count"]) == ("open", 7)


@on_the_lake
def test_two_who_change_at_once_lose_nothing(store: Store) -> None:
    (alert,) = raised(store, "a")
    append(store, [Entry(alert, "note", note="start")])

    def say(name: str) -> None:
        for number in range(5):
            append(store, [Entry(alert, "note", note=f"{number}", user_name=name)])

    people = [threading.Thread(target=say, args=(name,)) for name in ("ann", "bob")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    said = [(row["user_name"], row["note"]) for row in history(store, alert)[1:]]
    assert sorted(said) == [(name, f"{n}") for name in ("ann", "bob") for n in range(5)]


def test_which_alerts_are_wanted(store: Store) -> None:
    a, b, c = raised(store, "abc")
    append(store, [Entry(b, "closed", verdict="true_positive")])

    def wanted(**asked: Any) -> list[str]:
        return states(store, Wanted(**asked))["alert_id"].to_list()

    assert wanted(time_min=at(62)) == [b, c]
    assert wanted(time_max=at(62)) == [a, b]
    assert wanted(states=("open", "acknowledged")) == [a, c]
    assert wanted(patterns=[("source_rule", ["^burst$"])]) == [a, b, c]
    assert wanted(patterns=[("group_key", ['"a"', '"c"']), ("source_rule", ["u"])]) == [a, c]
    assert wanted(severities=[3]) == wanted(ids=[]) == []
    assert wanted(ids=[c, a, "unknown"]) == [a, c]


def test_beginnings_of_ids(store: Store) -> None:
    ids = raised(store, "abcdefghijklmnopqrst")
    assert resolved(store, [ids[3].upper(), ids[5]]) == [ids[3], ids[5]]
    several = next(i[0] for i in ids if sum(other[0] == i[0] for other in ids) > 1)
    with pytest.raises(QueryError, match=f"'{several}' is the beginning of"):
        resolved(store, [several])
    for text in ("", "zz", "%", "'", "x" * 200):
        with pytest.raises(QueryError, match="there is no alert"):
            resolved(store, [text])


@on_the_lake
def test_the_log_may_say_anything(store: Store) -> None:
    (alert,) = raised(store, "a")
    append(store, [Entry("unknown", "closed"), Entry(alert, "odd"), Entry(alert, "superseded")])
    assert state(store, alert)["state"] == "open"


ALERTS = st.sampled_from("abcdef")
PARENTS = st.dictionaries(ALERTS, st.lists(ALERTS, max_size=3, unique=True), max_size=6)


@settings(deadline=None)
@given(parents=PARENTS, judged=st.dictionaries(ALERTS, st.booleans(), max_size=4))
def test_whatever_took_the_place_of_what(
    parents: dict[str, list[str]], judged: dict[str, bool]
) -> None:
    own = {
        alert: Said(judged=n + 1, state="closed" if closes else "open")
        for n, (alert, closes) in enumerate(sorted(judged.items()))
    }
    found = inherited(own, parents)
    assert set(found) >= set(own) | set(parents)
    for alert, said in found.items():
        if not parents.get(alert):
            assert said == own.get(alert, Said())
        if alert in own:
            assert (said.judged or 0) >= (own[alert].judged or 0)


def test_a_long_line_of_heirs() -> None:
    parents = {f"{n}": [f"{n - 1}"] for n in range(1, 5000)}
    own = {"0": Said(judged=1, state="closed", assigned=2, assignee="ann")}
    assert inherited(own, parents)["4999"] == own["0"]
