"""Alerts are told, each once: the ledger, what is planned, retries, rates, several at once."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from notifying import (
    Web,
    alert,
    now,
    once,
    receiver,
    receivers,
    states,
    store_alerts,
    wait_for,
)
from siemstress.notify import sender
from siemstress.notify.notifiers import Notifiers
from siemstress.rules.alert_log import Entry, append
from siemstress.rules.tables import NOTIFIED
from siemstress.store.base import Store
from stores import kind, opened, store

__all__ = ["kind", "opened", "store"]

TOLD = "kind=file\npath=told\n"


def told(folder: Path, name: str = "told") -> list[dict[str, Any]]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def ids(folder: Path, name: str = "told") -> list[str]:
    return [value["alert_id"] for value in told(folder, name)]


def test_alerts_are_told_once(store: Store, tmp_path: Path) -> None:
    some = [receiver(tmp_path, TOLD)]
    assert once(store, some)
    store_alerts(store, alert(1), alert(2))
    assert once(store, some)
    assert once(store, some)
    store_alerts(store, alert(3), alert(2))  # The second one again, as after a crash.
    assert once(store, some)
    assert ids(tmp_path) == ["alert1", "alert2", "alert3"]
    first = told(tmp_path)[0]
    assert first["rule"] == "ssh guess"
    assert first["group"] == {"source_host": "203.0.113.9"}
    assert first["tags"] == ["attack.t1110"]
    assert set(states(store).values()) == {"sent"}


def test_who_wants_what(store: Store, tmp_path: Path) -> None:
    texts = {
        "bad": "min_severity=high",
        "range": "severity=4-6",
        "rule": "rules=web*, *guess",
        "tag": "tags=attack.t11*",
        "group": "group.source_host=203.0.113.*",
    }
    some = receivers(
        tmp_path, "".join(f"[notify {n}]\nkind=file\npath={n}\n{t}\n" for n, t in texts.items())
    )
    store_alerts(
        store,
        alert(1),
        alert(2, severity=5, source_rule="web scan"),
        alert(3, severity=None, source_rule="other", tags=None),
        alert(4, severity=0, group_key="{}", tags="no json"),
    )
    assert once(store, some)
    assert {n: ids(tmp_path, n) for n in texts} == {
        "bad": ["alert1", "alert4"],
        "range": ["alert2", "alert3"],
        "rule": ["alert1", "alert2", "alert4"],
        "tag": ["alert1", "alert2"],
        "group": ["alert1", "alert2", "alert3"],
    }


def test_a_first_run_over_history_tells_of_nothing_old(store: Store, tmp_path: Path) -> None:
    old = now() - timedelta(hours=2)
    store_alerts(store, *(alert(n, time=old, last_time=old) for n in range(5)))
    # It began long ago and went on until now.
    store_alerts(store, alert(7, time=old))
    assert once(store, [receiver(tmp_path, TOLD)])
    assert ids(tmp_path) == ["alert7"]
    assert states(store)[("one", None, "open")] == "skipped"
    assert once(store, [receiver(tmp_path, TOLD.replace("told", "more") + "max_age=1d")])
    assert ids(tmp_path, "more") == []  # It is the same notifier: it has seen them.


def test_an_heir_of_one_that_was_told_is_not_told(store: Store, tmp_path: Path) -> None:
    both = receivers(
        tmp_path,
        "[notify one]\nkind=file\npath=told\n"
        "[notify all]\nkind=file\npath=all\non=open, superseded\n",
    )
    store_alerts(store, alert(1))
    assert once(store, both)
    store_alerts(store, alert(2, supersedes='["alert1"]'))
    assert once(store, both)
    store_alerts(store, alert(3, supersedes='["alert2", "unknown"]'))
    store_alerts(store, alert(4, supersedes='["never told"]'), alert(5, supersedes="no json"))
    assert once(store, both)
    assert ids(tmp_path) == ["alert1", "alert4", "alert5"]
    whats = [(value["alert_id"], value["what"]) for value in told(tmp_path, "all")]
    assert whats == [
        ("alert1", "open"),
        ("alert2", "superseded"),
        ("alert3", "superseded"),
        ("alert4", "open"),
        ("alert5", "open"),
    ]


def test_what_became_of_alerts_is_told_where_wanted(store: Store, tmp_path: Path) -> None:
    some = [receiver(tmp_path, TOLD + "on=over, closed, note\nseverity=3")]
    store_alerts(store, alert(1), alert(2, severity=6))
    entries = [
        Entry("alert1", "extended", "ssh guess", now(), 7),
        Entry("alert1", "over", "ssh guess", now(), 9),
        Entry("alert2", "over", "ssh guess", now(), 9),
        Entry("alert1", "over", "ssh guess", now() - timedelta(days=1), 9),
        Entry("alert1", "note", note="look", user_name="bob"),
        Entry("alert1", "note", note="again", user_name="bob"),
    ]
    append(store, entries)
    assert once(store, some)
    assert once(store, some)
    found = [(v["what"], v["events"], v["change"].get("note")) for v in told(tmp_path)]
    assert found == [("over", 9, None), ("note", 5, "look"), ("note", 5, "again")]


def test_failures_are_tried_again_and_given_up(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_FIRST", 0.05)
    web = Web((500, {}, b"broken S3CRET"), (404, {}, b""), (200, {}, b""))
    with web.running():
        some = [receiver(tmp_path, f"kind=webhook\nurl={web.url}\nretries=1")]
        store_alerts(store, alert(1))
        said: list[str] = []
        assert not once(store, some, said)
        assert states(store) == {("one", "alert1", "open"): "failed"}
        wait_for(lambda: not once(store, some, said) or len(web.got) > 1)
        assert states(store) == {("one", "alert1", "open"): "given_up"}
        assert once(store, some, said)
        assert len(web.got) == 2
        assert web.got[0][0]["Idempotency-Key"] == web.got[1][0]["Idempotency-Key"]
        assert not any("S3CRET" in text for text in said)
        assert "500: broken …; it is tried again" in said[0]
        assert "given up after 2 attempts" in said[-1]
        notifiers = Notifiers(store, some, ["UserAuth"], said.append)
        assert notifiers.retry() == 1
        assert notifiers.finish()
    assert len(web.got) == 3
    assert set(states(store).values()) == {"sent"}


def test_a_receiver_that_is_away_is_asked_for_one_message_at_a_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_FIRST", 0.3)
    web = Web((503, {}, b""), (200, {}, b""))
    with web.running():
        notifiers = Notifiers(
            store, [receiver(tmp_path, f"kind=webhook\nurl={web.url}")], ["UserAuth"], print
        )
        store_alerts(store, *(alert(n) for n in range(4)))
        notifiers.look()
        wait_for(lambda: len(web.got) == 1)
        assert sorted(states(store).values()) != ["failed"] * 4
        wait_for(lambda: set(states(store).values()) == {"sent"})
        notifiers.close()
    assert len(web.got) == 5


def test_more_than_the_rate_is_summed_up(store: Store, tmp_path: Path) -> None:
    web = Web()
    with web.running():
        some = [receiver(tmp_path, f"kind=webhook\nurl={web.url}\nrate=3/1h")]
        store_alerts(store, *(alert(n, severity=n % 5 + 1) for n in range(30)))
        assert once(store, some)
        store_alerts(store, alert(77))
        assert once(store, some)
        kinds = [body["what"] for body in web.bodies]
        assert kinds == ["open", "open", "summary"]
        assert web.bodies[2]["count"] == 28
        assert web.bodies[2]["severity"] == 1
        assert web.bodies[2]["rules"] == [{"rule": "ssh guess", "count": 28}]
        assert len(web.bodies[2]["alerts"]) == 28
    found = states(store)
    assert found[("one", "alert77", "open")] == "planned"
    assert sorted(found.values()).count("summed") == 28


def test_a_summary_that_failed_is_sent_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_FIRST", 0.05)
    web = Web((500, {}, b""), (200, {}, b""))
    with web.running():
        some = [receiver(tmp_path, f"kind=webhook\nurl={web.url}\nrate=1/1h")]
        store_alerts(store, *(alert(n) for n in range(5)))
        assert not once(store, some)
        wait_for(lambda: once(store, some) and len(web.got) == 2)
    assert web.bodies[0] == web.bodies[1]
    assert web.bodies[0]["count"] == 5


def test_two_at_once_send_each_once(store: Store, tmp_path: Path) -> None:
    web = Web()
    web.pause = 0.02
    with web.running():
        text = f"kind=webhook\nurl={web.url}\nrate=none"
        all_ = [Notifiers(store, [receiver(tmp_path, text)], ["UserAuth"], print) for _ in range(2)]
        for first in range(0, 6, 3):
            store_alerts(store, *(alert(n) for n in range(first, first + 3)))
            threads = [threading.Thread(target=n.look) for n in all_]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        wait_for(lambda: list(states(store).values()) == ["sent"] * 6)
        for notifiers in all_:
            notifiers.close()
    assert sorted(body["alert_id"] for body in web.bodies) == sorted(f"alert{n}" for n in range(6))


def test_a_slow_receiver_holds_up_nobody(store: Store, tmp_path: Path) -> None:
    web = Web()
    web.pause = 20
    with web.running():
        some = receivers(
            tmp_path,
            f"[notify slow]\nkind=webhook\nurl={web.url}\ntimeout=4\n"
            "[notify quick]\nkind=file\npath=told\n",
        )
        notifiers = Notifiers(store, some, ["UserAuth"], print)
        store_alerts(store, alert(1))
        began = now()
        assert notifiers.look()
        wait_for(lambda: ids(tmp_path) == ["alert1"])
        assert states(store)[("slow", "alert1", "open")] in ("planned", "sending")
        notifiers.close()
        assert now() - began < timedelta(seconds=15)
    assert states(store)[("slow", "alert1", "open")] == "failed"


def test_an_alert_that_is_gone_is_not_waited_for(store: Store, tmp_path: Path) -> None:
    notifiers = Notifiers(store, [receiver(tmp_path, TOLD)], ["UserAuth"], print)
    store_alerts(store, alert(1))
    notifiers._plan(save=True)
    store.drop("UserAuth")
    assert once(store, [receiver(tmp_path, TOLD)])
    assert states(store) == {("one", "alert1", "open"): "skipped"}


def test_looking_at_nothing_new_writes_nothing(store: Store, tmp_path: Path) -> None:
    notifiers = Notifiers(store, [receiver(tmp_path, TOLD)], ["UserAuth"], print)
    store_alerts(store, alert(1))
    notifiers.look()
    wait_for(lambda: set(states(store).values()) == {"sent"})
    before = store.version(NOTIFIED)
    for _ in range(5):
        notifiers.look()
    notifiers.close()
    assert store.version(NOTIFIED) == before
