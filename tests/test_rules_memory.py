"""What siemtrigger keeps in memory between looks is what the store says."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl
import pytest

from rules import START, at, window_rule
from siemstress.rules import alerts as alert_rows
from siemstress.rules import matches, raised
from siemstress.rules.alert_log import Entry, append
from siemstress.rules.alerts import Alert, Episode, of_episode
from siemstress.rules.matches import Stretch
from siemstress.rules.model import since_epoch
from siemstress.rules.raised import Standing
from siemstress.rules.recent import Recent
from siemstress.rules.sets import Sets, digest_of
from siemstress.rules.shelf import Shelf
from siemstress.rules.tables import ALERT_LOG, MATCHES, RULE_SETS
from siemstress.store.base import Store
from stores import Opener

EVER = 2**62
NAMES = ("one", "two")
RULES = {name: window_rule(name=name) for name in (*NAMES, "other")}


def alert_of(rule: str, second: int, group: str) -> Alert:
    """An alert that starts then."""
    episode = Episode((group,), at(second), at(second + 5), at(second), 3, "1,2", ongoing=True)
    return of_episode(RULES[rule], episode)


def raise_one(store: Store, alert: Alert) -> str:
    """Store an alert; gives its id."""
    frame = alert_rows.frame([alert], store.take_ids(1))
    store.commit("UserAuth", store.stage("UserAuth", frame))
    return alert.id


def plain(found: list[Standing]) -> list[tuple[object, ...]]:
    """What counts of alerts. Of those that are none any more nobody asks how far they came."""
    return sorted(
        (a.id, a.rule, a.group, a.start, *((a.last, a.events, a.ongoing) if a.current else ()))
        for a in found
    )


def step(rng: random.Random, store: Store, ids: dict[str, str]) -> None:
    """Something that can happen to the tables of alerts."""
    second = rng.randrange(5000)
    alerts = [alert_of(rule, s, "a") for rule in RULES for s in range(0, 5000, 1000)]
    waiting = [alert for alert in alerts if alert.id not in ids]
    if waiting and (not ids or rng.random() < 0.25):
        some = rng.choice(waiting)
        ids[raise_one(store, some)] = some.rule.name
        return
    alert = rng.choice(sorted(ids))
    change = rng.choice(
        ["extended", "extended", "over", "superseded", "superseded", "withdrawn", "closed"]
    )
    heir = rng.choice([other.id for other in alerts if other.id != alert])
    if change == "superseded":
        # What is none any more is not superseded once more.
        append(store, [Entry(alert, "extended", rule=ids[alert], last_time=at(second))])
    append(
        store,
        [
            Entry(
                alert,
                change,
                rule=ids[alert],
                last_time=at(second + 5000),
                event_count=second,
                note=heir if change == "superseded" else None,
            )
        ],
    )


@pytest.mark.parametrize("seed", range(2))
def test_alerts_are_known_as_they_stand(
    store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siemstress.rules.recent._AHEAD", 100_000_000)
    rng = random.Random(seed)
    recent = Recent(store, "UserAuth", NAMES)
    ids: dict[str, str] = {}
    for _ in range(25):
        for _ in range(rng.randrange(4)):
            step(rng, store, ids)
        if rng.random() < 0.05:
            store.drop("UserAuth")
            store.drop(ALERT_LOG)
            ids.clear()
        low = since_epoch(at(rng.randrange(12_000)))
        high = rng.choice([low + 1_000_000_000, EVER])
        wanted = raised.standing(store, "UserAuth", NAMES, low, high)
        found = recent.standing(NAMES, low, high)
        for name in NAMES:
            lasting = [a for a in found[name] if a.current]
            assert plain(lasting) == plain([a for a in wanted.get(name, ()) if a.current])
        goes_on = raised.ongoing(store, "UserAuth", NAMES)
        assert plain(recent.ongoing(NAMES)) == plain(goes_on)


def stored(store: Store, rng: random.Random, seconds: tuple[int, int], *, again: int) -> None:
    """Store some matches; with `again` events that come again and again."""
    count = rng.randrange(1, 30)
    times = [since_epoch(at(rng.randrange(*seconds))) for _ in range(count)]
    frame = pl.DataFrame(
        {
            "feed": [rng.choice(["f", "g", "h"]) for _ in range(count)],
            "event": [rng.randrange(again) if rng.random() < 0.3 else t // 1000 for t in times],
            "t": times,
            "kept": [rng.choice("abc") for _ in range(count)],
        },
        schema=matches.FOUND,
    ).sort("feed")
    known = pl.lit(since_epoch(START)) + pl.col("event") * 100_000_000
    frame = frame.with_columns(t=pl.when(pl.col("event") < again).then(known).otherwise("t"))
    for staged in matches.stage(store, [frame], "Auth"):
        store.commit(MATCHES, staged)


def rows(found: pl.DataFrame | None, low: int, high: int) -> list[tuple[object, ...]]:
    """Matches between two times, sorted."""
    if found is None:
        return []
    some = found.filter(pl.col("t").is_between(low, high))
    return sorted(some.select("feed", "event", "t").iter_rows())


@pytest.mark.parametrize("seed", range(2))
def test_matches_are_those_of_the_store(
    store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siemstress.rules.shelf._AHEAD", 100_000_000)
    monkeypatch.setattr("siemstress.rules.shelf._SLACK", 200_000_000)
    monkeypatch.setattr("siemstress.rules.shelf._MOST", 150)
    monkeypatch.setattr("siemstress.query.times.now", lambda: START + timedelta(hours=1))
    rng = random.Random(seed)
    shelf = Shelf(store)
    for n in range(18):
        for _ in range(rng.randrange(3)):
            stored(store, rng, (n * 60, n * 60 + 300), again=5)
        upto = store.version(MATCHES)
        if upto is None:
            continue
        low = since_epoch(at(n * 60 - rng.choice([0, 100, 1500])))
        high = rng.choice([low + 200_000_000, EVER])
        feeds = rng.sample(["f", "g", "h"], rng.randrange(1, 4))
        stretches = [Stretch(feed, low, high) for feed in feeds]
        found = shelf.between(stretches, upto)
        wanted = matches.between(store, stretches, upto)
        for feed in feeds:
            mine = wanted.filter(pl.col("feed") == feed)
            assert rows(found.get(feed), low, high) == rows(mine, low, high)


def test_sets_have_the_members_that_they_were_stored_with(store: Store, opened: Opener) -> None:
    some = frozenset(f"{n:016x} 'é" for n in range(5000))
    assert Sets(store, "rules").members(digest_of(some)) == frozenset()
    mine = Sets(store, "rules")
    for members in (some, frozenset({"a"}), some):
        mine.save(members)
    assert store.status(RULE_SETS).rows == 2  # type: ignore[union-attr] # there is one now
    other = Sets(opened(), "rules")
    assert other.members(digest_of(some)) == some
    assert other.members(digest_of(frozenset({"a"}))) == {"a"}
    assert other.members("no such") == Sets(store, "feeds").members(digest_of(some)) == frozenset()
