"""What every store does: rows are replaced in their place, and tables are kept to a size."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from siemstress.errors import Conflict
from siemstress.store.base import Advance, Bounds, Change, Scan, Store
from stores import START, Opener, ask, events, ids, put

EVERYTHING = Bounds()

# --- replacing


def upper(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows with an even id, their message in capitals, and their time an hour later."""
    even = frame.filter((pl.col("id") % 2 == 0) & (pl.col("message").str.starts_with("event")))
    return even.select(
        "id", pl.col("message").str.to_uppercase(), pl.col("time") + timedelta(hours=1)
    )


def replace_all(store: Store, change: Change, bounds: Bounds = EVERYTHING) -> int:
    return sum(store.replace(part, change)[0] for part in store.parts("Auth", bounds))


def rows_of(
    store: Store, *, after: int | None = None, upto: int | None = None
) -> list[tuple[int, str, int]]:
    scan = Scan("Auth", after=after, upto=upto)
    found = ask(store, "SELECT id, message, time FROM t ORDER BY id", t=scan)
    return [(r["id"], r["message"], (r["time"] - START).seconds) for r in found]


def test_rows_are_replaced_in_their_place(store: Store, opened: Opener) -> None:
    one = store.commit("Auth", store.stage("Auth", events(4)), [Advance("x", None, 7)])
    two = put(store, "Auth", events(2, first=4))
    expected = [
        (n, f"EVENT {n}" if n % 2 == 0 else f"event {n}", n + 3600 * (n % 2 == 0)) for n in range(6)
    ]
    assert replace_all(opened(), upper) == 3
    assert rows_of(store) == expected
    # Nobody sees them as new: neither who knows both versions, nor who knows the first.
    version = store.version("Auth")
    assert version is not None
    for after, new in ((two, []), (one, expected[4:]), (one - 1, expected)):
        assert rows_of(store, after=after) == new
        assert rows_of(store, after=after, upto=two) == new
    assert rows_of(store, upto=one) == expected[:4]
    put(store, "Auth", events(1, first=9))
    assert [row[0] for row in rows_of(store, after=version)] == [9]
    # The next one finds nothing, and writes nothing.
    version = store.version("Auth")
    assert replace_all(store, upper) == 0
    assert store.version("Auth") == version
    status = store.status("Auth")
    assert status is not None
    assert (status.rows, status.consumers) == (7, {"x": 7})
    assert status.time_max == START + timedelta(hours=1, seconds=4)


def test_it_goes_on_with_what_upkeep_has_made(store: Store) -> None:
    versions = [put(store, "Auth", events(3, first=3 * n)) for n in range(4)]
    store.compact("Auth")
    assert replace_all(store, upper) == 6
    store.compact("Auth")
    assert [row[0] for row in rows_of(store, after=versions[1])] == list(range(6, 12))
    assert [row[1] for row in rows_of(store, after=versions[2])] == [
        "event 9", "EVENT 10", "event 11",
    ]  # fmt: skip
    assert store.expire("Auth", START + timedelta(seconds=8)).rows == 4
    assert ids(store, "Auth") == [0, 2, 4, 6, 8, 9, 10, 11]


def test_other_columns_stay_and_new_ones_come(store: Store) -> None:
    kept: dict[str, Any] = {
        "raw_bytes": b"\xff\0",
        "fields": {"a": "1", "b": "'\n\x1b"},
        "pid": 7,
        "source_rule": "r",
        "magnitude": 3,
        "parsed": False,
    }
    first_has: dict[str, Any] = {name: [value, None] for name, value in kept.items()}
    put(store, "Auth", events(2, **first_has))

    def add(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("id") == 0).select(
            "id", pl.lit("n\u0308ew \0").alias("message"), pl.lit("v").alias("shelf")
        )

    assert replace_all(store, add) == 1
    first, second = ask(store, "SELECT * FROM t ORDER BY id", t=Scan("Auth"))
    fields = dict(first.pop("fields"))
    assert {"fields": fields, **first}.items() >= kept.items()
    assert (first["message"], first["shelf"]) == ("n\u0308ew \0", "v")
    assert (second["message"], second["shelf"], second["fields"]) == ("event 1", None, None)
    assert "shelf" in store.columns("Auth")


def test_what_changed_meanwhile_is_not_overwritten(store: Store, opened: Opener) -> None:
    put(store, "Auth", events(4))
    (part,) = store.parts("Auth")

    def while_deleted(frame: pl.DataFrame) -> pl.DataFrame:
        opened().expire("Auth", START + timedelta(seconds=1))
        return upper(frame)

    with pytest.raises(Conflict):
        store.replace(part, while_deleted)
    assert [row[:2] for row in rows_of(store)] == [(n, f"event {n}") for n in (1, 2, 3)]
    (part,) = store.parts("Auth")

    def while_replaced(frame: pl.DataFrame) -> pl.DataFrame:
        assert replace_all(opened(), upper) == 1
        return frame.select("id", pl.lit("mine").alias("message"))

    with pytest.raises(Conflict):
        store.replace(part, while_replaced)
    assert [row[1] for row in rows_of(store)] == ["event 1", "EVENT 2", "event 3"]
    store.drop("Auth")
    with pytest.raises(Conflict):
        store.replace(part, upper)
    with pytest.raises(Conflict):
        list(store.read(part))
    assert list(store.parts("Auth")) == []


def test_parts_are_all_rows_or_those_that_are_wanted(store: Store) -> None:
    for day in range(3):
        put(store, "Auth", events(4, first=10 * day, time=START + timedelta(days=day)))

    def read(bounds: Bounds) -> list[int]:
        frames = [f for part in store.parts("Auth", bounds) for f in store.read(part)]
        return sorted(n for frame in frames for n in frame["id"])

    assert read(Bounds()) == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    second = START + timedelta(days=1)
    assert read(Bounds(time_min=second, time_max=second)) == [10, 11, 12, 13]
    assert read(Bounds(time_min=START + timedelta(days=9))) == []
    assert set(read(Bounds(id_min=20))) == {20, 21, 22, 23}


def test_a_change_that_fails_changes_nothing(store: Store) -> None:
    put(store, "Auth", events(2))
    version = store.version("Auth")

    def fails(_: pl.DataFrame) -> pl.DataFrame:
        raise KeyError

    def invents(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select(pl.col("id") + 100, "message")

    with pytest.raises(KeyError):
        replace_all(store, fails)
    with pytest.raises(ValueError, match="ids"):
        replace_all(store, invents)
    assert ids(store, "Auth") == [0, 1]
    assert store.version("Auth") == version


# --- a limit to the size


def bulk(count: int, first: int = 0) -> pl.DataFrame:
    """Rows a second apart that cannot be packed much."""
    number = pl.int_range(first, first + count, eager=True)
    return events(count, first=first).with_columns(
        message=pl.Series(number.hash(7).cast(pl.String) + number.hash(8).cast(pl.String))
    )


def test_the_oldest_go_until_the_rest_fits(store: Store, opened: Opener) -> None:
    for n in range(4):
        put(store, "Auth", bulk(5_000, 5_000 * n))
    put(store, "Auth", bulk(10, 20_000).with_columns(time=pl.lit(None, pl.Datetime("us"))))
    store.compact("Auth")
    status = store.status("Auth")
    assert status is not None
    limit = status.bytes * 3 // 4
    assert store.shrink("Auth", status.bytes * 2).rows == 0
    done = opened().shrink("Auth", limit)
    left = ids(store, "Auth")
    assert left == list(range(20_010 - len(left), 20_010))
    assert done.rows == 20_010 - len(left)
    # A twentieth less than the limit, as far as sizes can be told beforehand.
    assert 0.85 * limit < status.bytes * len(left) / 20_010 <= 1.01 * limit
    assert done.before is not None
    assert abs(done.before - (START + timedelta(seconds=done.rows))) < timedelta(seconds=1.1)
    # What was just deleted may take room for a while, and is not held against the others.
    assert store.shrink("Auth", limit).rows < 500
    after = store.status("Auth")
    assert after is not None
    assert "bytes of a row" not in after.consumers


def test_events_of_one_moment_and_no_table_are_left_alone(store: Store) -> None:
    assert store.shrink("Nothing", 1).rows == 0
    put(store, "Auth", events(3))
    assert store.shrink("Auth", 1 << 40).rows == 0
    assert ids(store, "Auth") == [0, 1, 2]
