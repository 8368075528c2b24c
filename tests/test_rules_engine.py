"""The engine: queries asked in time, rules that feed rules, several siemtriggers at once."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from rules import START, alerts, read_rules, run, silent, starts, store_events, window_rule
from siemstress.rules.engine import Engine, in_order
from siemstress.rules.model import Rule
from siemstress.rules.scan import Scanner
from siemstress.store.base import Store
from siemstress.store.lake import Lake


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Lake(tmp_path / "lake")


def one(tmp_path: Path, text: str) -> Rule:
    loaded = read_rules(tmp_path / "rules", text)
    assert not loaded.problems
    (rule,) = loaded.rules
    return rule


GROUPED = """\
[per_host]
sqlquery=SELECT count(*) FROM Auth WHERE DateStamp >= date_sub(now(), interval 10 minute)
    AND Message LIKE '%fail%' GROUP BY source_host HAVING count(*) > 2
interval=10
limit=0
message={count} hosts
"""


def test_a_query_is_asked_at_the_ticks_that_events_bear_on(tmp_path: Path, store: Store) -> None:
    rule = one(tmp_path, GROUPED)
    store_events(store, [(10, "a"), (20, "a"), (700, "a"), (710, "b")], message="failed")
    assert run(store, rule).count == 0
    store_events(store, [(590, "a"), (5000, "a"), (5001, "a"), (5002, "a")], message="FAILED")
    store_events(store, [(30, "c"), (31, "c"), (32, "c")], message="fine")
    assert run(store, rule).count == 2
    assert run(store, rule).count == 0
    first, second = alerts(store)
    assert (first["time"] - START).seconds == 590
    assert (second["time"] - START).seconds == 5002
    assert first["message"] == "1 hosts"


def test_a_tick_is_alerted_once_however_late_events_come(tmp_path: Path, store: Store) -> None:
    rule = one(tmp_path, GROUPED)
    store_events(store, [(1, "a"), (2, "a"), (3, "a")], message="fail")
    assert run(store, rule).count == 1
    store_events(store, [(4, "a"), (599, "b"), (598, "b"), (597, "b")], message="fail")
    assert run(store, rule).count == 0
    assert run(store, one(tmp_path, GROUPED.replace("> 2", "> 1"))).count == 0


def test_a_query_sees_no_later_event_than_its_tick(tmp_path: Path, store: Store) -> None:
    text = "[r]\nsqlquery=SELECT Id FROM Auth LIMIT 100\ninterval=1\nlimit=3\n"
    store_events(store, [(n * 60, "a") for n in range(6)])
    assert run(store, one(tmp_path, text)).count == 3
    assert [alert["event_count"] for alert in alerts(store)] == [4, 5, 6]
    assert [len(json.loads(alert["source_ids"])) for alert in alerts(store)] == [4, 5, 6]


def test_rules_over_alerts_come_after_the_rules_that_raise_them(
    tmp_path: Path, store: Store
) -> None:
    text = """\
[many_alerts]
sourcetable=UserAuth
interval=10m
limit=1
message={count} alerts
[first]
section=auth
grep=fail
group_by=source_host
[second]
section=auth
grep=root
group_by=source_host
"""
    loaded = read_rules(tmp_path / "rules", text)
    assert not loaded.problems
    groups = in_order(loaded.rules)
    assert [[rule.name for rule in rules] for _, rules in groups] == [
        ["first", "second"],
        ["many_alerts"],
    ]
    store_events(store, [(0, "a")], message="failed for root")
    assert run(store, *loaded.rules).count == 3
    assert run(store, *loaded.rules).count == 0
    (many,) = [a for a in alerts(store) if a["source_rule"] == "many_alerts"]
    assert (many["source_table"], many["message"]) == ("UserAuth", "2 alerts")


def test_an_old_rule_over_alerts_reads_their_columns(tmp_path: Path, store: Store) -> None:
    text = """\
[meta]
sqlquery=SELECT Id FROM UserAuth WHERE DateStamp >= now() - interval 10 minute
    AND SourceRule = 'burst' AND EventCount > 2
interval=10
limit=0
"""
    rules = (window_rule(60, 2), one(tmp_path, text))
    store_events(store, [(0, "a"), (1, "a"), (2, "a")])
    assert run(store, *rules).count == 2


def test_nothing_new_commits_nothing(store: Store) -> None:
    store_events(store, [(0, "a"), (1, "a"), (2, "a")])
    engine = Engine(
        store, [window_rule(60, 2), window_rule(name="m", tables=("UserAuth",))], silent
    )
    assert engine.run(save=True).count == 1
    version = store.version("UserAuth")
    for _ in range(3):
        assert engine.run(save=True).count == 0
        assert Engine(store, [window_rule(60, 2)], silent).run(save=True).count == 0
    assert store.version("UserAuth") == version


def test_a_store_without_tables_raises_nothing_and_stays_as_it_is(store: Store) -> None:
    assert run(store, window_rule()).count == 0
    assert store.tables() == []


def test_positions_are_saved_and_found_again(store: Store) -> None:
    store_events(store, [(0, "a")])
    engine = Engine(store, [window_rule(60, 2)], silent)
    engine.run()
    assert store.version("UserAuth") is None
    engine.save()
    rule = window_rule(60, 2)
    assert list(Scanner(store, rule.feeds, lambda *_: None).gaps()) == []
    (gap,) = Scanner(store, window_rule(60, 2, ("host",)).feeds, lambda *_: None).gaps()
    assert (gap.source.table, gap.after) == ("Auth", None)


def test_compaction_between_two_looks_changes_nothing(store: Store) -> None:
    rule = window_rule(60, 4)
    for second in (0, 1, 2):
        store_events(store, [(second, "a"), (second, "b")])
        run(store, rule)
    store.compact("Auth")
    store_events(store, [(3, "a")])
    assert run(store, rule).count == 0
    store.compact("Auth")
    store_events(store, [(4, "a")])
    assert run(store, rule).count == 1
    store.compact("Auth")
    store_events(store, [(5, "a")])
    assert run(store, rule).count == 0
    assert starts(store) == [("a", 4)]


def test_a_rule_that_cannot_be_evaluated_stops_no_other(tmp_path: Path, store: Store) -> None:
    text = "[bad]\nsqlquery=SELECT sum(unix_timestamp(DateStamp) << 62) FROM Auth\ninterval=1\n"
    bad = one(tmp_path, text)
    store_events(store, [(0, "a"), (1, "a"), (2, "a")])
    said: list[str] = []
    engine = Engine(store, [bad, window_rule(60, 2)], said.append)
    assert engine.run().count == 1
    assert engine.run().count == 0
    assert engine.failed_rules == {"bad"}
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path / 'rules' / 'rules.conf'} [bad]: cannot be evaluated: ")


def test_threads_at_once_raise_each_alert_once(store: Store, tmp_path: Path) -> None:
    rule = window_rule(60, 2)
    stop = threading.Event()
    failures: list[BaseException] = []

    def watch() -> None:
        try:
            engine = Engine(Lake(tmp_path / "lake"), [rule], silent)
            while not stop.is_set():
                engine.run()
            engine.run()
        except BaseException as e:
            failures.append(e)
            raise

    store.take_ids(1)
    threads = [threading.Thread(target=watch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(6):
        store_events(store, [(n * 200 + second, group) for second in (0, 1) for group in "ab"])
        store_events(store, [(n * 200 + 2, group) for group in "ab"])
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert starts(store) == [(group, n * 200 + 2) for group in "ab" for n in range(6)]
