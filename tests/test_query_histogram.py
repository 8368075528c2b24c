"""Histograms: buckets by the clock of a zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siemstress.errors import QueryError
from siemstress.query.events import Events
from siemstress.query.filters import Filter
from siemstress.query.histogram import MOST_BARS, WANTED_BARS, Histogram, histogram
from siemstress.query.times import Zone, parse_zone
from siemstress.store.lake import Lake
from stores import put

BERLIN = parse_zone("Europe/Berlin", "-z")
KATHMANDU = parse_zone("Asia/Kathmandu", "-z")
UTC = parse_zone("Z", "-z")


def counted(
    folder: Path, times: Sequence[datetime], bucket: timedelta | None, zone: Zone = UTC
) -> Histogram:
    lake = Lake(folder / "lake")
    frame = pl.DataFrame(
        {"id": range(len(times)), "time": times}, schema_overrides={"time": pl.Datetime("us")}
    )
    put(lake, "Auth", frame)
    return histogram(Events(lake, ["Auth"]), bucket, zone, "--histogram")


def test_gaps_are_zeros(tmp_path: Path) -> None:
    start = datetime(2026, 3, 1, 10)
    times = [start + timedelta(minutes=m) for m in (1, 59, 60, 185)]
    found = counted(tmp_path, times, timedelta(hours=1))
    assert found.counts == {start + timedelta(hours=h): n for h, n in enumerate((2, 1, 0, 1))}


def test_days_begin_at_the_zones_midnight(tmp_path: Path) -> None:
    times = [datetime(2026, 3, 28, 22, 59), datetime(2026, 3, 28, 23), datetime(2026, 3, 29, 22)]
    found = counted(tmp_path, times, timedelta(days=1), BERLIN)
    # The 29th of March has 23 hours there.
    assert list(found.counts) == [
        datetime(2026, 3, d, h) for d, h in ((27, 23), (28, 23), (29, 22))
    ]
    assert list(found.counts.values()) == [1, 1, 1]


def test_weeks_begin_on_mondays(tmp_path: Path) -> None:
    times = [datetime(2026, 10, 11, 23), datetime(2026, 10, 12)]
    found = counted(tmp_path, times, timedelta(weeks=1))
    assert found.counts == {datetime(2026, 10, 5): 1, datetime(2026, 10, 12): 1}


def test_an_hour_that_comes_twice_is_two_bars_and_one_that_is_skipped_none(tmp_path: Path) -> None:
    times = [datetime(2026, 10, 24, 23, 30) + timedelta(hours=h) for h in range(4)]
    found = counted(tmp_path / "autumn", times, timedelta(hours=1), BERLIN)
    assert list(found.counts.items()) == [(t - timedelta(minutes=30), 1) for t in times]
    times = [datetime(2026, 3, 28, 23, 30) + timedelta(hours=h) for h in (0, 3)]
    found = counted(tmp_path / "spring", times, timedelta(hours=1), BERLIN)
    assert list(found.counts.values()) == [1, 0, 0, 1]


def test_offsets_of_a_quarter_hour(tmp_path: Path) -> None:
    times = [datetime(2026, 3, 1, 10, 14), datetime(2026, 3, 1, 10, 15)]
    found = counted(tmp_path, times, timedelta(hours=1), KATHMANDU)
    assert found.counts == {datetime(2026, 3, 1, 9, 15): 1, datetime(2026, 3, 1, 10, 15): 1}


@settings(max_examples=15, deadline=None)
@given(
    times=st.lists(
        st.datetimes(datetime(1960, 1, 1), datetime(2060, 1, 1)), min_size=1, max_size=20
    ),
    zone=st.sampled_from([UTC, BERLIN, KATHMANDU]),
)
def test_chosen_buckets_hold_every_event_in_a_screenful(
    tmp_path_factory: pytest.TempPathFactory, times: list[datetime], zone: Zone
) -> None:
    found = counted(tmp_path_factory.mktemp("lake"), times, None, zone)
    assert sum(found.counts.values()) == len(times)
    if max(times) - min(times) < timedelta(weeks=52 * WANTED_BARS):
        assert len(found.counts) <= WANTED_BARS + 1
    assert list(found.counts) == sorted(found.counts)
    last = max(found.counts)
    assert all(min(found.counts) <= t < last + found.bucket + timedelta(hours=1) for t in times)


def test_a_chosen_bucket_fits_what_is_there_not_what_was_asked(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    times = [datetime(2026, 3, 1, 10, m) for m in range(40)]
    put(lake, "Auth", pl.DataFrame({"id": range(40), "time": times}))
    wanted = Filter(time_min=datetime(2026, 3, 1), time_max=datetime(2026, 3, 1, 23))
    found = histogram(Events(lake, ["Auth"], wanted), None, UTC, "--histogram")
    assert found.bucket == timedelta(minutes=1)
    assert len(found.counts) == 40


def test_too_many_bars_are_refused_in_a_line(tmp_path: Path) -> None:
    times = [datetime(2026, 1, 1), datetime(2026, 1, 1) + timedelta(seconds=MOST_BARS)]
    with pytest.raises(QueryError, match="longer bucket"):
        counted(tmp_path, times, timedelta(seconds=1))


def test_nothing_gives_no_bars(tmp_path: Path) -> None:
    events = Events(Lake(tmp_path / "lake"), ["No"])
    for bucket in (None, timedelta(hours=1)):
        found = histogram(events, bucket, UTC, "--histogram")
        assert not found.counts
        assert [batch.num_rows for batch in found.answer().batches] == [0]
