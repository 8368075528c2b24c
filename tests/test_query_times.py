"""--last, --range and -z as users type them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siemstress.errors import QueryError
from siemstress.query.times import before, parse_range, parse_span, parse_zone

BERLIN = parse_zone("Europe/Berlin", "-z")
UTC = parse_zone("Z", "-z")


@pytest.fixture
def in_chatham(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is in a zone 12:45 or 13:45 hours east of UTC."""
    monkeypatch.setenv("TZ", "Pacific/Chatham")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600), (" 1H ", 3600)],
)
def test_spans(text: str, seconds: int) -> None:
    assert parse_span(text, "--last") == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "-5m", "5x", "0h", "1.5h", "5 m", "999999999999w", "٥m", "5m\n5m"]
)
def test_what_is_no_span_is_said_in_a_line(text: str) -> None:
    with pytest.raises(QueryError, match="30s, 5m, 24h, 7d or 2w"):
        parse_span(text, "--last")


def test_a_span_longer_than_there_is_time_begins_with_it() -> None:
    assert before(datetime(2026, 1, 1), timedelta(days=900_000)) == datetime.min


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("20261014041130-20261014041500", "2026-10-14 04:11:30", "2026-10-14 04:15:00.999999"),
        ("261014041130-261014041500", "2026-10-14 04:11:30", "2026-10-14 04:15:00.999999"),
        ("20261014041130-261014041500", "2026-10-14 04:11:30", "2026-10-14 04:15:00.999999"),
        ("20261014-20261015", "2026-10-14", "2026-10-15 23:59:59.999999"),
        ("20261014-", "2026-10-14", None),
        ("-20261014", None, "2026-10-14 23:59:59.999999"),
        ("2026-10-14-2026-10-15", "2026-10-14", "2026-10-15 23:59:59.999999"),
        ("2026-10-14T04:11-2026-10-14 04:12", "2026-10-14 04:11", "2026-10-14 04:12:59.999999"),
        (
            "2026-10-14T04:11:00.25Z-2026-10-14T05:11:00,5+01:00",
            "2026-10-14 04:11:00.25",
            "2026-10-14 04:11:00.599999",
        ),
        ("20240229-20240229", "2024-02-29", "2024-02-29 23:59:59.999999"),
    ],
)
def test_ranges(text: str, first: str | None, last: str | None) -> None:
    expected = tuple(None if t is None else datetime.fromisoformat(t) for t in (first, last))
    assert parse_range(text, UTC) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "x", "20261014", "2026101404-", "20261301-", "20260229-", "20261014250000-",
        "20261015-20261014", "20261014-20261015-20261016", "00000101-", "2026-10-14T04:11+99:00-",
        "1" * 10_000, "20261014041130-2026101404150\x00",
    ],
)  # fmt: skip
def test_what_is_no_range_is_said_in_a_line(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_range(text, UTC)
    assert str(caught.value).startswith("--range: ")
    assert len(str(caught.value)) < 250


@given(st.text(max_size=40))
def test_any_text_is_a_range_or_an_error(text: str) -> None:
    try:
        first, last = parse_range(text, BERLIN)
    except QueryError:
        return
    assert first is None or last is None or first <= last


def test_a_range_is_in_the_zone_that_is_asked_for() -> None:
    first, _ = parse_range("20260714120000-", BERLIN)
    assert first == datetime(2026, 7, 14, 10)
    first, _ = parse_range("20260714120000-", parse_zone("-0330", "-z"))
    assert first == datetime(2026, 7, 14, 15, 30)


@pytest.mark.usefixtures("in_chatham")
def test_a_range_is_in_the_machines_zone() -> None:
    first, last = parse_range("20260714120000-20260114120000".replace("20260114", "20270114"), None)
    assert first == datetime(2026, 7, 13, 23, 15)
    assert last == datetime(2027, 1, 13, 22, 15, 0, 999_999)


def test_an_hour_that_comes_twice_is_in_the_range_both_times() -> None:
    first, last = parse_range("20261025023000-20261025023000", BERLIN)
    assert (first, last) == (
        datetime(2026, 10, 25, 0, 30),
        datetime(2026, 10, 25, 1, 30, 0, 999_999),
    )


@pytest.mark.parametrize("text", ["+0500", "+05:00", "-0330", "Z", "utc", "Asia/Kolkata"])
def test_zones(text: str) -> None:
    assert parse_zone(text, "-z").utcoffset(datetime(2026, 1, 1)) is not None


@pytest.mark.parametrize(
    "text",
    ["", "5", "+5", "+2500", "+0560", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "\x00"],
)
def test_what_is_no_zone_is_said_in_a_line(text: str) -> None:
    with pytest.raises(QueryError, match="Europe/Berlin"):
        parse_zone(text, "-z")
