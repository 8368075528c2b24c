"""Live and backtest are one engine: the same alerts with the same ids, whatever came when."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rules import START, alerts, at, read_rules, run, sigma_rules, silent
from siemstress.query.times import now
from siemstress.rules.backtest import Backtest
from siemstress.rules.engine import Engine
from siemstress.rules.model import EPOCH, MICROSECOND, Rule
from siemstress.rules.raised import standing
from siemstress.schema import EVENT, polars_schema
from siemstress.store.base import Store
from siemstress.store.lake import Lake
from stores import Opener, put

RULES = """\
title: Failed
name: failed
id: 11111111-0000-4000-8000-000000000001
logsource: {product: linux}
detection: {sel: {action: login, outcome: failure}, condition: sel}
siemstress: {suppress_for: 90s}
---
title: Fine
name: fine
id: 11111111-0000-4000-8000-000000000002
logsource: {product: linux}
detection: {sel: {action: login, outcome: success}, condition: sel}
siemstress: {group_by: [user_name]}
---
title: Many
name: many
id: 11111111-0000-4000-8000-000000000003
correlation:
  {type: event_count, rules: failed, group-by: [user_name], timespan: 40s, condition: {gt: 1},
   generate: true}
---
title: Few
id: 11111111-0000-4000-8000-000000000004
correlation:
  {type: event_count, rules: failed, group-by: [user_name], timespan: 40s, condition: {lte: 1},
   generate: true}
---
title: Hosts
id: 11111111-0000-4000-8000-000000000005
correlation:
  {type: value_count, rules: [failed, fine], group-by: [user_name], timespan: 30s,
   condition: {gte: 2, lt: 4, field: source_host}, generate: true}
---
title: Both
id: 11111111-0000-4000-8000-000000000006
correlation:
  {type: temporal, rules: [failed, fine], group-by: [user_name], timespan: 20s, generate: true}
---
title: In order
id: 11111111-0000-4000-8000-000000000007
correlation:
  {type: temporal_ordered, rules: [failed, fine], group-by: [user_name], timespan: 20s,
   generate: true}
---
title: Failed and not fine
id: 11111111-0000-4000-8000-000000000008
correlation:
  {type: temporal, rules: [failed, fine], group-by: [user_name], timespan: 20s, generate: true,
   condition: failed and not fine}
---
title: New host
id: 11111111-0000-4000-8000-000000000009
correlation:
  {type: first_seen, rules: fine, group-by: [user_name], field: source_host, timespan: 100s,
   learn: 30s, generate: true}
---
title: Rare host
id: 11111111-0000-4000-8000-000000000010
correlation:
  {type: rare, rules: [failed], group-by: [user_name], field: source_host, timespan: 50s,
   learn: 20s, at-most: 2, generate: true}
---
title: Silence
id: 11111111-0000-4000-8000-000000000011
correlation:
  {type: absence, group-by: [user_name], timespan: 30s, learn: 5m, at-least: 2}
---
title: Many after many
id: 11111111-0000-4000-8000-000000000012
correlation:
  {type: event_count, rules: many, group-by: [user_name], timespan: 3m, condition: {gte: 2},
   generate: true}
---
title: Average
id: 11111111-0000-4000-8000-000000000013
correlation:
  {type: value_avg, rules: failed, group-by: [user_name], timespan: 30s,
   condition: {gt: 2, field: size}, generate: true}
"""
LIMITS = """\
[burst]
section=auth
outcome=failure
group_by=user_name
interval=30s
limit=1
suppress_for=2m
[broken in]
section=auth
outcome=failure
then_outcome=success
group_by=user_name
interval=30s
limit=1
[asked]
sqlquery=SELECT Id FROM Auth WHERE DateStamp >= now() - interval 1 minute AND outcome = 'failure'
    GROUP BY source_host, Id
interval=1
limit=2
"""
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(["u", "v"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["failure", "failure", "success"]),
        st.integers(0, 5),
    ),
    max_size=14,
)


def stored(store: Store, found: list[tuple[int, str, str, str, int]]) -> None:
    """Commit logins: second, user, from where, outcome, size."""
    if not found:
        return
    first = store.take_ids(len(found))
    frame = pl.DataFrame(
        {
            "id": [first + n for n in range(len(found))],
            "time": [at(event[0]) for event in found],
            "received": [START] * len(found),
            "user_name": [event[1] for event in found],
            "source_host": [event[2] for event in found],
            "outcome": [event[3] for event in found],
            "fields": [{"size": str(event[4])} for event in found],
            "action": ["login"] * len(found),
            "format": ["syslogbsd"] * len(found),
            "parsed_on": ["here"] * len(found),
        },
        schema_overrides=polars_schema(EVENT),
    )
    put(store, "Auth", frame)


def all_rules(folder: Path) -> list[Rule]:
    """Rules of every kind."""
    limits = read_rules(folder / "limits", LIMITS)
    assert not limits.problems
    return [*sigma_rules(folder / "sigma", RULES), *limits.rules]


def current(store: Store, rules: list[Rule]) -> set[tuple[str, str]]:
    """Rule and id of each alert that is current."""
    found = standing(store, "UserAuth", [r.name for r in rules], -(2**62), 2**62)
    return {(a.rule, a.id) for some in found.values() for a in some if a.current}


def backtested(store: Store, rules: list[Rule]) -> dict[tuple[str, str], bool]:
    """Rule and id of each alert of a backtest over everything, and whether it is stored."""
    moment = (now() - EPOCH) // MICROSECOND
    run = Backtest(store, rules, None, None, lambda rule, error: pytest.fail(f"{rule}: {error}"))
    return {(t.alert.rule.name, t.alert.id): t.stored for t in run.run(moment)}


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(batches=st.lists(EVENTS, min_size=1, max_size=4), restarts=st.booleans())
def test_live_in_any_order_of_arrival_raises_what_a_backtest_finds(
    batches: list[list[tuple[int, str, str, str, int]]], restarts: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        rules = all_rules(Path(name))
        store = Lake(Path(name) / "lake")
        engine = Engine(store, rules, pytest.fail)
        for batch in batches:
            stored(store, batch)
            if restarts:
                engine = Engine(Lake(Path(name) / "lake"), rules, pytest.fail)
            engine.run()
        asked_late = {(r, i) for r, i in current(store, rules) if r == "asked"}
        found = backtested(store, rules)
        # A query that is asked in time is asked once at a tick, whatever comes late.
        live = current(store, rules) - asked_late
        assert live == {key for key in found if key[0] != "asked"}
        assert asked_late <= set(found)
        assert all(found.values())


def test_every_store_holds_what_rules_need(opened: Opener, tmp_path: Path) -> None:
    rules = all_rules(tmp_path)
    late = [
        (30, "u", "b", "failure", 3),
        (35, "u", "c", "success", 1),
        (150, "v", "a", "failure", 5),
    ]
    for batch in ([(10, "u", "a", "failure", 4), (40, "u", "a", "failure", 5)], late, late[:2]):
        stored(opened(), batch)
        Engine(opened(), rules, pytest.fail).run()
    store = opened()
    found = backtested(store, rules)
    assert current(store, rules) == set(found)
    names = {"Failed", "Fine", "Many", "Hosts", "Both", "In order", "Silence", "burst", "broken in"}
    assert names <= {name for name, _ in found}
    assert all(found.values())


def test_a_backtest_is_of_its_range_and_commits_what_is_missing(tmp_path: Path) -> None:
    rules = [r for r in sigma_rules(tmp_path / "sigma", RULES) if r.name == "Many"]
    store = Lake(tmp_path / "lake")
    day = 86_400
    stored(store, [(n * day + s, "u", "a", "failure", 0) for n in range(3) for s in (0, 1, 2)])
    moment = (now() - EPOCH) // MICROSECOND
    run_of = Backtest(store, rules, at(day), at(day + 60), lambda *_: None)
    found = list(run_of.run(moment))
    assert [(t.alert.time, t.stored) for t in found] == [(at(day + 1), False)]
    assert run_of.commit(found, moment) == 1
    assert run_of.commit(found, moment) == 0
    assert [a["time"] for a in alerts(store)] == [at(day + 1)]
    # The live run knows of it.
    assert run(store, *rules).count == 2
    assert len(alerts(store)) == 3
    assert [t.stored for t in run_of.run(moment)] == [True]


def test_silence_begins_when_time_passes_and_ends_with_the_next_event(tmp_path: Path) -> None:
    (rule,) = [r for r in sigma_rules(tmp_path / "sigma", RULES) if r.name == "Silence"]
    store = Lake(tmp_path / "lake")
    recently = now() - START
    since = recently // timedelta(seconds=1)
    stored(store, [(since - 20, "u", "a", "success", 0)])
    engine = Engine(store, [rule], silent)
    assert engine.run().count == 0
    stored(store, [(since - 100, "v", "a", "success", 0)])
    assert engine.run().count == 1
    (alert,) = alerts(store)
    assert (alert["user_name"], alert["time"], alert["ongoing"]) == ("v", at(since - 70), True)
    stored(store, [(since, "v", "a", "success", 0)])
    assert engine.run().count == 0
    (stands,) = standing(store, "UserAuth", ["Silence"], -(2**62), 2**62)["Silence"]
    assert (stands.current, stands.ongoing) == (True, False)
