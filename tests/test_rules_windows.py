"""Windows in event time: one alert for each episode, whenever and however the events come."""

from __future__ import annotations

import json
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rules import (
    Event,
    alerts,
    at,
    by_group,
    episodes,
    in_order,
    read_rules,
    run,
    runs,
    starts,
    store_events,
    window_rule,
)
from siemstress.store.base import Store
from siemstress.store.lake import Lake

# Shrinking would take minutes; the examples are small as they are.
few = settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
SECONDS = st.integers(0, 150)
GROUPS = st.sampled_from(["a", "b"])
ANY_GROUPS = st.sampled_from(["a", "b", None])
BATCHES = st.lists(st.lists(st.tuples(SECONDS, GROUPS), max_size=12), min_size=1, max_size=4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Lake(tmp_path / "lake")


@few
@given(batches=BATCHES, span=st.integers(1, 40), limit=st.integers(0, 4))
def test_every_order_of_arrival(batches: list[list[Event]], span: int, limit: int) -> None:
    rule = window_rule(span, limit)
    seen: list[Event] = []
    with tempfile.TemporaryDirectory() as folder:
        for batch in batches:
            # Every batch finds a siemtrigger that knows nothing but what is stored.
            store = Lake(Path(folder) / "lake")
            store_events(store, batch)
            run(store, rule)
            seen += batch
            assert starts(store) == in_order(
                (group, start)
                for group, times in by_group(seen).items()
                for start, _ in episodes(times, span, limit)
            )


@few
@given(
    found=st.lists(st.tuples(SECONDS, ANY_GROUPS), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=3),
    span=st.integers(1, 40),
    limit=st.integers(0, 4),
)
def test_events_in_order_give_what_they_give_at_once(
    found: list[Event], cuts: list[int], span: int, limit: int
) -> None:
    found = sorted(found, key=lambda event: event[0])
    rule = window_rule(span, limit)
    edges = [0, *sorted(cuts), len(found)]
    expected = [
        (group, start)
        for group, times in by_group(found).items()
        if group is not None
        for start, _ in episodes(times, span, limit)
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = Lake(Path(folder) / "lake")
        for first, last in pairwise(edges):
            store_events(store, found[first:last])
            run(store, rule)
        assert starts(store) == in_order(expected)
        at_once = Lake(Path(folder) / "at once")
        store_events(at_once, found)
        run(at_once, rule)
        assert starts(at_once) == in_order(expected)


def test_bug_17_a_burst_across_two_polls_is_one_alert(store: Store) -> None:
    rule = window_rule(60, 2)
    store_events(store, [(0, "a"), (10, "a")])
    assert run(store, rule).count == 0
    store_events(store, [(20, "a"), (30, "a")])
    assert run(store, rule).count == 1
    store_events(store, [(40, "a")])
    assert run(store, rule).count == 0
    assert starts(store) == [("a", 20)]


def test_the_limit_is_crossed_by_more_than_it_within_the_span_both_ends_included(
    store: Store,
) -> None:
    rule = window_rule(60, 2)
    store_events(store, [(0, "a"), (30, "a"), (60, "a"), (0, "b"), (30, "b"), (61, "b")])
    run(store, rule)
    assert starts(store) == [("a", 60)]


def test_late_events_older_than_the_start_or_joining_two_stretches(store: Store) -> None:
    rule = window_rule(10, 1)
    store_events(store, [(100, "a"), (105, "a"), (130, "a"), (135, "a")])
    assert run(store, rule).count == 2
    store_events(store, [(95, "a")])
    assert run(store, rule).count == 0
    store_events(store, [(115, "a"), (122, "a")])
    assert run(store, rule).count == 0
    # The first one began earlier than was known, and both are one by now.
    assert starts(store) == [("a", 100)]
    replaced = [json.loads(a["supersedes"]) for a in alerts(store) if a["supersedes"]]
    assert replaced == [[a["alert_id"] for a in alerts(store) if a["time"] == at(105)]]


def test_a_table_that_came_in_place_of_another_is_seen_anew(store: Store) -> None:
    rule = window_rule(10, 1)
    store_events(store, [(0, "a"), (1, "a")])
    assert run(store, rule).count == 1
    store.drop("Auth")
    store_events(store, [(500, "a"), (501, "a")])
    assert run(store, rule).count == 1


def test_a_rule_that_changes_sees_everything_anew_but_repeats_no_alert(store: Store) -> None:
    store_events(store, [(0, "a"), (1, "a"), (2, "a"), (100, "a"), (101, "a")])
    assert run(store, window_rule(10, 2)).count == 1
    assert run(store, window_rule(10, 2, message="other words")).count == 0
    assert run(store, window_rule(10, 1)).count == 1
    assert starts(store) == [("a", 1), ("a", 101)]


def test_what_an_alert_says(store: Store) -> None:
    rule = window_rule(600, 2, severity=1, magnitude=7)
    store_events(store, [(0, "Evil"), (5, "evil"), (9, "EVIL"), (9, "evil")])
    run(store, rule)
    (alert,) = alerts(store)
    wanted = {
        "source_rule": "burst", "source_table": "Auth", "event_limit": 2, "event_count": 4,
        "event_interval": 10, "severity": 1, "magnitude": 7, "source_host": "evil",
        "message": "4 from evil", "process": "siemtrigger", "format": "alert", "parsed": True,
        "group_key": '{"source_host": "evil"}',
    }  # fmt: skip
    assert {name: alert[name] for name in wanted} == wanted
    assert len(json.loads(alert["source_ids"])) == 4
    assert alert["first_time"] < alert["time"] == alert["last_time"]
    assert len(alert["alert_id"]) == 32
    assert alert["id"] > max(json.loads(alert["source_ids"]))


def test_ids_are_named_up_to_a_thousand_and_all_are_counted(store: Store) -> None:
    store_events(store, [(n // 30, "a") for n in range(3000)])
    run(store, window_rule(600, 1500))
    (alert,) = alerts(store)
    assert alert["event_count"] == 3000
    assert len(set(json.loads(alert["source_ids"]))) == 1000


def test_groups_by_several_columns_fields_and_numbers(tmp_path: Path) -> None:
    loaded = read_rules(
        tmp_path,
        "[r]\nsection=auth\ngroup_by=dest_port, fields.path\ninterval=1m\nlimit=1\n"
        "message={dest_port} {fields.path} {count}\n",
    )
    assert not loaded.problems
    store = Lake(tmp_path / "lake")
    store_events(store, [(0, "a"), (1, "b")], dest_port=443, fields={"path": "/x"})
    store_events(store, [(2, "a")], dest_port=443, fields={"path": "/y"})
    store_events(store, [(3, "a"), (4, "b")], dest_port=None, fields=None)
    run(store, *loaded.rules)
    (alert,) = alerts(store)
    assert alert["message"] == "443 /x 2"
    assert (alert["dest_port"], dict(alert["fields"])) == (443, {"path": "/x"})


def test_events_without_a_host_count_for_the_machine_that_parsed_them(store: Store) -> None:
    store_events(store, [(0, "a"), (1, "b")], host=None, parsed_on="Collector")
    store_events(store, [(2, "a")], host="collector", parsed_on="other")
    run(store, window_rule(60, 2, ("host",)))
    (alert,) = alerts(store)
    assert (alert["host"], alert["event_count"]) == ("collector", 3)


def test_several_tables_are_one_stream(tmp_path: Path) -> None:
    loaded = read_rules(tmp_path, "[r]\nsection=auth, default\ninterval=60s\nlimit=2\n")
    store = Lake(tmp_path / "lake")
    store_events(store, [(0, "a"), (1, "a")], table="Auth")
    run(store, *loaded.rules)
    store_events(store, [(2, "a")], table="Entries")
    assert run(store, *loaded.rules).count == 1
    store_events(store, [(3, "a")], table="Entries")
    store_events(store, [(4, "a")], table="Auth")
    assert run(store, *loaded.rules).count == 0


def test_then_waits_for_what_must_follow(tmp_path: Path) -> None:
    loaded = read_rules(
        tmp_path,
        "[r]\nsection=auth\noutcome=failure\nthen_outcome=success\ngroup_by=source_host\n"
        "interval=60s\nlimit=2\n",
    )
    store = Lake(tmp_path / "lake")
    store_events(store, [(0, "a"), (1, "a"), (2, "a"), (1, "b"), (2, "b")], outcome="failure")
    assert run(store, *loaded.rules).count == 0
    store_events(store, [(-5, "a"), (30, "b"), (61, "a")], outcome="success")
    assert run(store, *loaded.rules).count == 0
    store_events(store, [(60, "a"), (59, "a")], outcome="success")
    assert run(store, *loaded.rules).count == 1
    store_events(store, [(30, "a")], outcome="success")
    assert run(store, *loaded.rules).count == 0
    assert starts(store) == [("a", 30)]
    alert = alerts(store)[-1]
    assert alert["time"] == at(59)
    # The successes before the failures are no part of it, those until the last one are.
    assert alert["event_count"] == 5


ROLES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 100), max_size=10), st.lists(st.integers(0, 100), max_size=5)
    ),
    min_size=1,
    max_size=3,
)


@few
@given(batches=ROLES, span=st.integers(1, 40), limit=st.integers(0, 3))
def test_then_in_every_order_of_arrival(
    batches: list[tuple[list[int], list[int]]], span: int, limit: int
) -> None:
    def hot_ends(counted: list[int], ends: list[int]) -> set[int]:
        return {t for t in ends if sum(t - span <= c <= t for c in counted) > limit}

    counted: list[int] = []
    ends: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        text = f"[r]\nsection=auth\naction=a\nthen_action=b\ninterval={span}s\nlimit={limit}\n"
        loaded = read_rules(Path(folder) / "rules", text)
        store = Lake(Path(folder) / "lake")
        for more_counted, more_ends in batches:
            counted, ends = counted + more_counted, ends + more_ends
            store_events(store, [(t, None) for t in more_counted], action="a")
            store_events(store, [(t, None) for t in more_ends], action="b")
            run(store, *loaded.rules)
            expected = [start for start, _ in runs(hot_ends(counted, ends), span)]
            assert [t for _, t in starts(store)] == expected
