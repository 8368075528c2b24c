"""What every store does: retention, and texts that belong to it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siemstress.errors import StoreError
from siemstress.store.base import Advance, Expired, Store
from stores import START, Opener, events, ids, put

# --- retention


def test_what_is_older_goes(store: Store, opened: Opener) -> None:
    old = START - timedelta(days=30)
    put(store, "Auth", events(4, time=old, received=old))
    version = store.commit(
        "Auth", store.stage("Auth", events(3, first=10)), [Advance("x", None, 3)]
    )
    found = opened().expire("Auth", START)
    assert found.rows == 4
    assert ids(store, "Auth") == [10, 11, 12]
    status = store.status("Auth")
    assert status is not None
    assert (status.rows, status.time_min) == (3, START + timedelta(seconds=10))
    assert (status.received_max, status.consumers) == (START + timedelta(days=1), {"x": 3})
    assert ids(store, "Auth", after=version) == []
    assert store.expire("Auth", START).rows == 0
    put(store, "Auth", events(2, first=20))
    assert ids(store, "Auth", after=version) == [20, 21]


def test_without_a_time_it_goes_by_when_it_was_received(store: Store) -> None:
    late = START + timedelta(days=1)
    put(store, "Auth", events(2, time=None, received=START))
    put(store, "Auth", events(2, first=2, time=None, received=late))
    put(store, "Auth", events(2, first=4, time=late, received=START))
    put(store, "Auth", events(2, first=6, time=START, received=late))
    assert store.expire("Auth", late).rows == 4
    assert ids(store, "Auth") == [2, 3, 4, 5]


def test_all_may_go(store: Store) -> None:
    put(store, "Auth", events(3))
    assert store.expire("Auth", START + timedelta(days=9)).rows == 3
    status = store.status("Auth")
    assert status is not None
    assert (status.rows, status.time_max, status.received_max) == (0, None, None)
    assert store.tables() == ["Auth"]
    put(store, "Auth", events(1, first=5))
    assert ids(store, "Auth") == [5]


def test_where_nothing_is_nothing_goes(store: Store) -> None:
    assert store.expire("Nothing", START) == Expired()
    put(store, "Auth", events(0))
    assert store.expire("Auth", START) == Expired()
    for limit in (datetime(1, 1, 1), datetime(9999, 12, 31)):
        assert store.expire("Auth", limit) == Expired()


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    days=st.lists(st.none() | st.integers(-5, 5), min_size=1, max_size=12), limit=st.integers(-5, 6)
)
def test_nothing_younger_goes(opened: Opener, days: list[int | None], limit: int) -> None:
    store = opened()
    store.drop("Auth")
    moments = [None if day is None else START + timedelta(days=day) for day in days]
    for n, moment in enumerate(moments):
        put(store, "Auth", events(1, first=n, time=[moment], received=START))
    before = START + timedelta(days=limit)
    count = store.expire("Auth", before).rows
    kept = ids(store, "Auth")
    assert kept == [n for n, moment in enumerate(moments) if (moment or START) >= before]
    assert count == len(days) - len(kept)


def test_readers_and_writers_go_on_beside_retention(opened: Opener) -> None:
    store = opened()
    old = START - timedelta(days=1)
    for n in range(6):
        put(store, "Auth", events(3000, first=3000 * n, time=old))
    problems: list[BaseException] = []
    written = threading.Event()

    def write() -> None:
        other = opened()
        try:
            for n in range(20):
                # Old ones too: they come to lie beside those that go.
                time = [old, START] * 5
                put(other, "Auth", events(10, first=100_000 + 10 * n, time=time))
                assert len(ids(other, "Auth")) >= 5 * (n + 1)
        except BaseException as e:
            problems.append(e)
        finally:
            written.set()

    thread = threading.Thread(target=write)
    thread.start()
    count = 0
    while not written.is_set():
        count += store.expire("Auth", START).rows
    thread.join()
    assert problems == []
    count += store.expire("Auth", START).rows
    assert count == 18_000 + 100
    status = store.status("Auth")
    assert status is not None
    assert status.rows == len(ids(store, "Auth")) == 100


# --- texts


def test_texts_are_kept(store: Store, opened: Opener) -> None:
    assert store.load_text("helpers") is None
    store.save_text("helpers", "first")
    store.save_text("Helpers", "another")
    assert opened().load_text("helpers") == "first"
    store.save_text("helpers", "\n[]\r\n\0 \U0001f600 '\"\\ %s")
    assert opened().load_text("helpers") == "\n[]\r\n\0 \U0001f600 '\"\\ %s"
    assert opened().load_text("Helpers") == "another"
    assert store.load_text("none") is None
    assert store.tables() == []


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(st.characters(codec="utf-8")))
def test_any_text_is_kept(opened: Opener, text: str) -> None:
    store = opened()
    store.save_text("any", text)
    assert store.load_text("any") == text
    store.close()


def test_a_large_text_is_kept(store: Store) -> None:
    text = "'é\\" * 700_000
    store.save_text("large", text)
    assert store.load_text("large") == text


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\0b", "x' OR '1", "A" * 65, "é", "a\n"]
)
def test_names_of_texts_with_tricks_are_refused(store: Store, name: str) -> None:
    with pytest.raises(StoreError):
        store.save_text(name, "text")
    with pytest.raises(StoreError):
        store.load_text(name)
