"""Stamps to times: years and zones that are not written, and times that no clock shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsing import event, moment, parsed
from siemstress.errors import UserError
from siemstress.formats.clock import Clock, parse_zone

ZURICH = "Europe/Zurich"


def times(stamps: list[str], reference: str, zone: str | int = 0) -> list[str]:
    """The times in UTC of BSD lines, in a file last changed at `reference` (UTC)."""
    data = "".join(f"{stamp} h p: m\n" for stamp in stamps).encode()
    found = parsed(data, "syslogbsd", Clock(moment(reference), zone))
    assert found["parsed"].all()
    return [str(time) for time in found["time"]]


@pytest.mark.parametrize(
    ("stamp", "reference", "wanted"),
    [
        ("Aug 23 06:15:38", "2017-08-23T07:00:00", "2017-08-23 06:15:38"),
        ("Aug 23 06:15:38", "2017-08-23T06:15:38", "2017-08-23 06:15:38"),
        # A year's last lines, read in the next one.
        ("Dec 31 23:59:59", "2018-01-01T00:00:10", "2017-12-31 23:59:59"),
        ("Dec 31 23:59:59", "2018-06-01T00:00:00", "2017-12-31 23:59:59"),
        # A clock that is a little ahead, also over the turn of the year.
        ("Jan  1 00:00:05", "2017-12-31T23:59:50", "2018-01-01 00:00:05"),
        ("Jan  1 23:59:00", "2017-12-31T23:59:50", "2018-01-01 23:59:00"),
        # More than a day ahead cannot be: it was the year before.
        ("Jan  3 00:00:00", "2017-12-31T23:59:50", "2017-01-03 00:00:00"),
        ("Aug 25 06:15:38", "2017-08-23T07:00:00", "2016-08-25 06:15:38"),
        # February 29 is of the last leap year.
        ("Feb 29 12:00:00", "2017-08-23T07:00:00", "2016-02-29 12:00:00"),
        ("Feb 29 12:00:00", "2016-02-29T13:00:00", "2016-02-29 12:00:00"),
        ("Feb 29 12:00:00", "2016-01-10T13:00:00", "2012-02-29 12:00:00"),
        ("Feb 29 12:00:00", "1903-06-01T00:00:00", "1896-02-29 12:00:00"),
        ("feb 28 12:00:00", "2017-03-01T00:00:00", "2017-02-28 12:00:00"),
        ("Jan 01 12:00:00", "2017-03-01T00:00:00", "2017-01-01 12:00:00"),
        # A leap second is the next minute's first.
        ("Dec 31 23:59:60", "2017-01-01T05:00:00", "2017-01-01 00:00:00"),
    ],
)
def test_a_stamp_gets_the_latest_year_that_can_be(stamp: str, reference: str, wanted: str) -> None:
    assert times([stamp], reference) == [wanted]


def test_a_file_over_the_turn_of_the_year() -> None:
    stamps = ["Dec 30 10:00:00", "Dec 31 23:59:59", "Jan  1 00:00:00", "Jan  2 10:00:00"]
    assert times(stamps, "2018-01-02T10:00:01") == [
        "2017-12-30 10:00:00", "2017-12-31 23:59:59", "2018-01-01 00:00:00", "2018-01-02 10:00:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stamps", "years"),
    [
        # The end of the file is what its time tells of; Dec 3 of that year would fit as well.
        (["Dec  3 10:00:00", "Jan  3 10:00:00"], [2016, 2017]),
        (["Nov  3 10:00:00", "Feb  3 10:00:00"] * 3, [2014, 2015, 2015, 2016, 2016, 2017]),
        # Lines that change places about midnight.
        (["Dec 31 23:59:59", "Jan  1 00:00:00", "Dec 31 23:59:59", "Jan  1 00:00:01"],
         [2017, 2018, 2017, 2018]),
        # A log of one line in half a year, and one that is in no order.
        (["Nov  3 10:00:00", "May  3 10:00:00"], [2017, 2017]),
        (["Dec  3 10:00:00", "Jan  3 10:00:00", "May  3 10:00:00", "Mar  3 10:00:00"], [2017] * 4),
        (["Dec  3 10:00:00", "Jan  3 10:00:00", "Feb 29 10:00:00"], [2015, 2016, 2016]),
    ],
)  # fmt: skip
def test_a_step_back_over_the_turn_of_a_year_is_one(stamps: list[str], years: list[int]) -> None:
    found = times(stamps, "2017-12-31T10:00:01")
    assert [int(time[:4]) for time in found] == years


@pytest.mark.parametrize(
    "stamp",
    ["Feb 30 12:00:00", "Feb 31 12:00:00", "Apr 31 12:00:00", "Aug 32 12:00:00", "Aug 00 12:00:00",
     "Aug  0 12:00:00", "Aug 23 24:00:00", "Aug 23 12:60:00", "Aug 23 12:00:61", "Foo 23 12:00:00",
     "Aug 23 12-00-00", "Aug 2x 12:00:00"],
)  # fmt: skip
def test_a_day_or_time_that_is_none_is_no_stamp(stamp: str) -> None:
    row = event(f"{stamp} h p: m")
    assert (row["parsed"], row["format"]) == (False, None)
    assert row["message"] == f"{stamp} h p: m"


def test_the_year_is_reckoned_on_the_zone_s_own_clock() -> None:
    """At 23:30 UTC of December 31 it is the new year already in Tokyo."""
    assert times(["Jan  1 08:00:00"], "2017-12-31T23:30:00", "Asia/Tokyo") == [
        "2017-12-31 23:00:00"
    ]
    assert times(["Jan  2 09:00:00"], "2017-12-31T23:30:00", "Asia/Tokyo") == [
        "2017-01-02 00:00:00"
    ]
    assert times(["Dec 31 13:00:00"], "2017-12-31T23:30:00", -600) == ["2017-12-31 23:00:00"]


# --- zones -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone"),
    [("+0500", 300), ("-0330", -210), ("+05:45", 345), ("Z", 0), ("utc", 0), (" +0000 ", 0),
     ("Europe/Zurich", ZURICH), ("America/Argentina/Buenos_Aires",) * 2, ("Etc/GMT+5",) * 2],
)  # fmt: skip
def test_zones(text: str, zone: str | int) -> None:
    assert parse_zone(text) == zone


@pytest.mark.parametrize(
    "text",
    ["", "0500", "+2400", "+0560", "+5", "Europe/Nowhere", "../../etc/passwd", "/etc/localtime",
     "Europe", "Europe/Zurich\n\0", "x" * 300, "+05000", "\x1b[31m", "٠٥٠٠+", "+٠٥٠٠"],
)  # fmt: skip
def test_what_is_no_zone_is_an_error_in_one_line(text: str) -> None:
    with pytest.raises(UserError, match="no such time zone") as raised:
        parse_zone(text)
    assert "\n" not in str(raised.value)


def test_offsets_apply_to_stamps_that_name_none() -> None:
    clock = Clock(moment("2017-12-31T23:00:00"), 330)
    bsd = event("Aug 23 06:15:38 h p: m", clock=clock)
    assert (str(bsd["time"]), bsd["zone"]) == ("2017-08-23 00:45:38", "+05:30")
    iso = event("2017-08-23T06:15:38 h p: m", clock=clock)
    assert (str(iso["time"]), iso["zone"]) == ("2017-08-23 00:45:38", "+05:30")
    named = event("2017-08-23T06:15:38-04:00 h p: m", clock=clock)
    assert (str(named["time"]), named["zone"]) == ("2017-08-23 10:15:38", "-04:00")


def test_the_offset_changes_with_the_season() -> None:
    stamps = ["Mar 26 01:59:59", "Mar 26 03:00:00", "Oct 29 01:59:59", "Oct 29 03:00:00"]
    assert times(stamps, "2017-12-31T23:00:00", ZURICH) == [
        "2017-03-26 00:59:59", "2017-03-26 01:00:00", "2017-10-28 23:59:59", "2017-10-29 02:00:00",
    ]  # fmt: skip


def test_a_time_that_a_clock_change_skips_goes_by_the_offset_before() -> None:
    assert times(["Mar 26 02:30:00"], "2017-12-31T23:00:00", ZURICH) == ["2017-03-26 01:30:00"]


def test_a_time_that_comes_twice_is_the_second_after_a_jump_back() -> None:
    stamps = ["Oct 29 02:10:00", "Oct 29 02:50:00", "Oct 29 02:05:00", "Oct 29 02:40:00",
              "Oct 29 03:00:00"]  # fmt: skip
    assert times(stamps, "2017-12-31T23:00:00", ZURICH) == [
        "2017-10-29 00:10:00", "2017-10-29 00:50:00", "2017-10-29 01:05:00", "2017-10-29 01:40:00",
        "2017-10-29 02:00:00",
    ]  # fmt: skip


def test_lines_a_little_out_of_order_do_not_pass_for_a_jump_back() -> None:
    stamps = ["Oct 29 02:10:00", "Oct 29 02:09:58", "Oct 29 02:10:01"]
    assert times(stamps, "2017-12-31T23:00:00", ZURICH) == [
        "2017-10-29 00:10:00", "2017-10-29 00:09:58", "2017-10-29 00:10:01",
    ]  # fmt: skip


@given(
    at=st.datetimes(datetime(2016, 7, 4), datetime(2017, 6, 29)),
    zone=st.sampled_from([ZURICH, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
@settings(max_examples=60, deadline=None)
def test_python_agrees_about_zones(at: datetime, zone: str) -> None:
    local = at.replace(microsecond=0, tzinfo=ZoneInfo(zone))
    utc = local.astimezone(UTC)
    if utc.astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        return  # skipped by a clock change
    stamp = f"{local:%b} {local.day:2d} {local:%H:%M:%S}"
    wanted = utc.replace(tzinfo=None)
    assert times([stamp], "2017-06-30T23:00:00", zone) == [str(wanted)]


# --- ISO 8601 ----------------------------------------------------------------------------------


@given(
    at=st.datetimes(datetime(1000, 1, 2), datetime(9998, 12, 30)),
    minutes=st.integers(-1439, 1439),
    digits=st.integers(0, 9),
    colon=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_python_agrees_about_iso_stamps(
    at: datetime, minutes: int, digits: int, colon: bool
) -> None:
    fraction = f"{at.microsecond:06d}000"[:digits]
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}" + (f".{fraction}" if digits else "")
    stamp += f"{sign}{hours:02d}{':' if colon else ''}{rest:02d}"
    row = event(f"{stamp} h p: m", "syslogiso")
    micro = int(fraction.ljust(6, "0")[:6] or "0")
    wanted = at.replace(microsecond=micro) - timedelta(minutes=minutes)
    assert (row["parsed"], row["time"]) == (True, wanted)
    assert row["zone"] == f"{sign}{hours:02d}:{rest:02d}"


@pytest.mark.parametrize(
    "stamp",
    ["2017-02-29T06:15:38Z", "2017-13-01T06:15:38Z", "2017-08-23T24:15:38Z", "2017-08-23T06:15:61Z",
     "2017-08-23T06:15:38X", "2017-08-23T06:15:38+25:00", "2017-08-23T06:15:38.Z",
     "2017-08-23T06:15:38.1234567890Z", "2017-08-23T06:15", "0000-01-01T00:00:00Z",
     # In UTC these are of the years 0 and 10000.
     "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"],
)  # fmt: skip
def test_what_is_no_iso_stamp(stamp: str) -> None:
    assert event(f"{stamp} h p: m")["parsed"] is False


# --- lines without a stamp ---------------------------------------------------------------------


def test_lines_without_a_stamp_go_with_the_line_before() -> None:
    data = b"first\nAug 23 06:15:38 h p: m\n  at Foo\n\nAug 23 06:16:00 h p: n\nend\n"
    found = parsed(data)
    assert [str(time)[11:] for time in found["time"]] == [
        "06:15:38", "06:15:38", "06:15:38", "06:15:38", "06:16:00", "06:16:00",
    ]  # fmt: skip
    assert found["parsed"].to_list() == [False, True, False, False, True, False]
    assert found["zone"].to_list() == [None, "+00:00", None, None, "+00:00", None]


def test_lines_without_any_stamp_are_of_the_file_s_time() -> None:
    assert {str(time) for time in parsed(b"a\nb\n")["time"]} == {"2017-12-31 23:00:00"}


def test_packets_are_of_the_last_day_that_can_be() -> None:
    clock = Clock(moment("2017-08-23T07:00:00"))
    for stamp, day in (("06:59:59.999999", 23), ("07:00:01.000000", 22)):
        row = event(f"{stamp} IP 10.0.0.5.1 > 10.0.0.1.2: UDP, length 1", "tcpdump", clock)
        assert str(row["time"]).startswith(f"2017-08-{day} {stamp.rstrip('0').rstrip('.')}")
