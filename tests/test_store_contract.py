"""What every store does: rows, ids and positions, all or nothing."""

from __future__ import annotations

import functools
import threading
import time
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from siemstress.errors import Conflict, StoreError
from siemstress.schema import ALERT, EVENT, polars_schema
from siemstress.store.base import Advance, Scan, Store, rows
from stores import START, STORES, Opener, ask, events, ids, put

LARGEST = 2**63 - 1


# --- rows


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.tables() == []
    assert store.version("Auth") is None
    assert store.position("Auth", "x") is None
    assert store.columns("Auth") == []
    assert store.status("Auth") is None
    assert ids(store, "Auth") == []
    assert store.compact("Auth") == {}
    store.drop("Auth")
    assert store.tables() == []


def test_rows_come_back(store: Store, opened: Opener) -> None:
    put(store, "Auth", events(3))
    put(store, "Auth", events(2, first=3))
    assert ids(opened(), "Auth") == [0, 1, 2, 3, 4]
    assert store.tables() == ["Auth"]
    assert store.columns("Auth") == [c.name for c in EVENT]


def test_every_column_comes_back_as_it_went_in(store: Store) -> None:
    values = {
        "id": LARGEST,
        "time": datetime(1970, 1, 1, 0, 0, 0, 1),
        "received": datetime(2026, 12, 31, 23, 59, 59, 999999),
        "pid": 2**31 - 1,
        "severity": 7,
        "source_port": 65535,
        "dest_port": 0,
        "raw_bytes": bytes(range(256)),
        "fields": {"k": "v", "": "", "'\"": None, "ключ": "\U0001f600"},
        "parsed": False,
    }
    values |= {c.name: f"{c.name} 'é'" for c in EVENT if c.kind == "text"}
    put(store, "Auth", pl.DataFrame([values], schema=polars_schema()))
    (found,) = ask(store, "SELECT * FROM t", t=Scan("Auth"))
    assert {**found, "fields": dict(found["fields"])} == values
    assert list(found) == [c.name for c in EVENT]


HOSTILE = [
    "",
    " ",
    "NULL",
    "\\N",
    "a\0b",
    "'; DROP TABLE Auth; --",
    '"quoted" \\ back\\slash',
    "tab\tline\nreturn\r\n",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnirts \ufeff\u200b",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301",
    "\ufffd\uffff",
    "x" * 1_000_000,
]


def test_hostile_values_come_back(store: Store) -> None:
    frame = events(len(HOSTILE), message=HOSTILE, host=HOSTILE, fields=[{t: t} for t in HOSTILE])
    put(store, "Auth", frame)
    found = ask(store, "SELECT host, message, fields FROM t ORDER BY id", t=Scan("Auth"))
    assert [r["message"] for r in found] == HOSTILE
    assert [r["host"] for r in found] == HOSTILE
    assert [dict(r["fields"]) for r in found] == [{t: t} for t in HOSTILE]
    for text in HOSTILE:
        query = exp.select("message").from_("t").where(exp.column("host").eq(text))
        assert list(rows(store.select(query, {"t": Scan("Auth")}))) == [{"message": text}]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.none() | st.text(st.characters(codec="utf-8")), min_size=1, max_size=20))
def test_any_text_comes_back(
    texts: list[str | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    for make in STORES.values():
        store = make(tmp_path_factory.mktemp("any"))
        put(store, "Auth", events(len(texts), message=texts))
        found = ask(store, "SELECT message FROM t ORDER BY id", t=Scan("Auth"))
        assert [r["message"] for r in found] == texts


def test_a_frame_may_lack_columns(store: Store) -> None:
    put(store, "Auth", events(1).select("id", "message"))
    put(store, "Auth", events(1, first=1))
    found = ask(store, "SELECT id, time, pid, fields FROM t ORDER BY id", t=Scan("Auth"))
    assert found[0] == {"id": 0, "time": None, "pid": None, "fields": None}
    assert found[1]["time"] == START + timedelta(seconds=1)


def test_new_columns_widen_the_table(store: Store, opened: Opener) -> None:
    other = opened()
    put(store, "Auth", events(2))
    put(other, "Auth", events(1, first=2, score=1.5, level=["high"]))
    put(store, "Auth", events(1, first=3))
    found = ask(store, "SELECT id, score, level FROM t ORDER BY id", t=Scan("Auth"))
    assert [r["score"] for r in found] == [None, None, 1.5, None]
    assert [r["level"] for r in found] == [None, None, "high", None]
    assert store.columns("Auth")[-2:] == ["score", "level"]


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"id": [1], "score": ["text"]}),
        pl.DataFrame({"id": [1], "SCORE": [2.0]}),
        pl.DataFrame({"id": [1], "HOST": ["x"]}),
        pl.DataFrame({"id": [1], "odd": [[1, 2]]}),
        pl.DataFrame({"id": ["no number"]}),
        pl.DataFrame({"id": [1], "a": [1], "A": [1]}),
    ],
    ids=["other type", "other case", "event's column", "list", "no number", "same name"],
)
def test_columns_that_do_not_fit_are_refused(store: Store, frame: pl.DataFrame) -> None:
    version = put(store, "Auth", events(1, score=1.5))
    with pytest.raises(StoreError):
        put(store, "Auth", frame)
    assert store.version("Auth") == version
    assert ids(store, "Auth") == [0]


def test_frames_of_one_commit_agree_about_types(store: Store) -> None:
    staged = [
        *store.stage("Auth", events(1, score=1.5)),
        *store.stage("Auth", events(1, first=1, score="high")),
    ]
    with pytest.raises(StoreError):
        store.commit("Auth", staged)
    assert ids(store, "Auth") == []


def test_alerts_are_an_ordinary_table(store: Store) -> None:
    schema = polars_schema((*EVENT, *ALERT))
    frame = pl.DataFrame([{"id": 1, "alert_id": "a", "event_count": 8}], schema=schema)
    put(store, "UserAuth", frame)
    sql = "SELECT alert_id, event_count, source_rule FROM t"
    assert ask(store, sql, t=Scan("UserAuth")) == [
        {"alert_id": "a", "event_count": 8, "source_rule": None}
    ]


def test_other_types_are_stored_as_the_event_has_them(store: Store) -> None:
    zoned = pl.Series("time", [datetime(2026, 1, 1, 5)]).dt.replace_time_zone("Asia/Karachi")
    frame = pl.DataFrame({"id": pl.Series([7], dtype=pl.UInt32), "time": zoned, "note": [None]})
    put(store, "Auth", frame)
    assert ask(store, "SELECT id, time FROM t", t=Scan("Auth")) == [
        {"id": 7, "time": datetime(2026, 1, 1)}
    ]
    assert "note" not in store.columns("Auth")


def test_staged_rows_are_nowhere_until_committed(store: Store) -> None:
    staged = store.stage("Auth", events(5))
    assert sum(s.rows for s in staged) == 5
    assert ids(store, "Auth") == []
    store.discard(staged)
    with pytest.raises(StoreError):
        store.commit("Auth", staged)
    assert ids(store, "Auth") == []


def test_rows_are_committed_once(store: Store) -> None:
    staged = store.stage("Auth", events(5))
    store.commit("Auth", staged)
    with pytest.raises(StoreError):
        store.commit("Auth", staged)
    store.discard(staged)
    assert ids(store, "Auth") == list(range(5))


def test_rows_belong_to_their_table(store: Store) -> None:
    staged = store.stage("Auth", events(5))
    with pytest.raises(StoreError):
        store.commit("Access", staged)
    assert store.tables() == []


def test_an_empty_frame_is_nothing(store: Store) -> None:
    assert list(store.stage("Auth", events(0))) == []
    put(store, "Auth", events(0))
    assert store.tables() == ["Auth"]
    assert ids(store, "Auth") == []


# --- commits in an order


def test_commits_keep_the_order_of_their_turns(store: Store) -> None:
    first_is_made = threading.Event()
    turns: list[str] = []
    versions: dict[str, int] = {}

    def second() -> None:
        def turn() -> None:
            turns.append("second")
            assert first_is_made.wait(60)

        staged = store.stage("Auth", events(3, first=3))
        versions["second"] = store.commit("Auth", staged, [Advance("x", 1, 2)], turn=turn)

    put(store, "Auth", events(0))
    thread = threading.Thread(target=second)
    thread.start()
    # A column that the table lacks: whoever waits for a turn must not be in the way of that.
    staged = store.stage("Auth", events(3, extra=1))
    while not turns:
        assert thread.is_alive()
        time.sleep(0.01)
    turn = functools.partial(turns.append, "first")
    versions["first"] = store.commit("Auth", staged, [Advance("x", None, 1)], turn=turn)
    assert ids(store, "Auth") == [0, 1, 2]
    first_is_made.set()
    thread.join()
    assert turns == ["second", "first"]
    assert versions["first"] < versions["second"] == store.version("Auth")
    assert ids(store, "Auth", after=versions["first"]) == [3, 4, 5]
    assert store.position("Auth", "x") == 2


class _Stop(Exception):
    pass


@pytest.mark.parametrize("stop", [_Stop, Conflict, StoreError, KeyboardInterrupt])
def test_what_a_turn_raises_ends_the_commit(store: Store, stop: type[BaseException]) -> None:
    version = put(store, "Auth", events(2))
    staged = store.stage("Auth", events(2, first=2, extra=1))

    def turn() -> None:
        raise stop("no")

    with pytest.raises(stop):
        store.commit("Auth", staged, [Advance("x", None, 1)], turn=turn)
    assert store.version("Auth") == version
    assert store.position("Auth", "x") is None
    assert ids(store, "Auth") == [0, 1]
    store.commit("Auth", staged, [Advance("x", None, 1)])
    assert ids(store, "Auth") == [0, 1, 2, 3]


# --- ids


def test_ids_are_positive_and_count_up(store: Store, opened: Opener) -> None:
    other = opened()
    first = store.take_ids(10)
    second = other.take_ids(2**22)
    third = store.take_ids(1)
    assert 0 < first < first + 10 <= second < second + 2**22 <= third < 2**63


@pytest.mark.parametrize("count", [0, -1, 2**22 + 1])
def test_only_so_many_ids_at_once(store: Store, count: int) -> None:
    with pytest.raises(ValueError, match="count"):
        store.take_ids(count)


def test_no_two_threads_get_the_same_ids(opened: Opener) -> None:
    taken: list[int] = []

    def take() -> None:
        store = opened()
        for _ in range(100):
            first = store.take_ids(7)
            taken.extend(range(first, first + 7))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == len(taken) == 2800


# --- positions


def test_positions_move_with_the_rows(store: Store, opened: Opener) -> None:
    name = "/var/log/" + "ü" * 300 + " \x1b[0m\n'\"\udcff"
    store.commit("Auth", store.stage("Auth", events(2)), [Advance(name, None, 0)])
    assert store.position("Auth", name) == 0
    assert store.position("Auth", "another") is None
    store.commit("Auth", [], [Advance(name, 0, LARGEST), Advance("another", None, 5)])
    assert opened().position("Auth", name) == LARGEST
    assert opened().position("Auth", "another") == 5
    assert store.position("Access", name) is None
    store.commit("Auth", [], [Advance(name, LARGEST, 3)])
    assert opened().position("Auth", name) == 3


def test_positions_alone_make_the_table(store: Store) -> None:
    assert store.commit("Alerts", [], [Advance("rule", None, 1)]) == store.version("Alerts")
    assert store.columns("Alerts") == [c.name for c in EVENT]
    assert ids(store, "Alerts") == []


@pytest.mark.parametrize("expected", [None, 4, 6])
def test_an_unexpected_position_is_a_conflict(
    store: Store, opened: Opener, expected: int | None
) -> None:
    opened().commit("Auth", [], [Advance("x", None, 5), Advance("y", None, 1)])
    staged = store.stage("Auth", events(2))
    with pytest.raises(Conflict):
        store.commit("Auth", staged, [Advance("y", 1, 2), Advance("x", expected, 9)])
    assert (store.position("Auth", "x"), store.position("Auth", "y")) == (5, 1)
    assert ids(store, "Auth") == []
    store.commit("Auth", staged, [Advance("x", 5, 9)])
    assert ids(store, "Auth") == [0, 1]


@pytest.mark.parametrize(
    "advances",
    [
        [Advance("x", None, -1)],
        [Advance("x", None, 2**63)],
        [Advance("x", None, 1), Advance("x", None, 2)],
    ],
)
def test_impossible_moves_are_refused(store: Store, advances: list[Advance]) -> None:
    with pytest.raises(ValueError, match=r"posi|consumer"):
        store.commit("Auth", [], advances)
    assert store.position("Auth", "x") is None


def test_of_two_under_one_name_one_wins(opened: Opener) -> None:
    outcomes: list[str] = []
    put(opened(), "Auth", events(0))

    def step(store: Store, at: int, barrier: threading.Barrier) -> None:
        staged = store.stage("Auth", events(1, first=at))
        barrier.wait()
        try:
            store.commit("Auth", staged, [Advance("x", at or None, at + 1)])
            outcomes.append("won")
        except Conflict:
            outcomes.append("lost")

    both = [opened(), opened()]
    for at in range(8):
        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=step, args=(s, at, barrier)) for s in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (outcomes.count("won"), outcomes.count("lost")) == (8, 8)
    assert ids(opened(), "Auth") == list(range(8))
