"""The original's bugs on the parsing side, each a test of its number in its list."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from parsing import CLOCK, event
from running import Site, split, syslog
from siemstress.formats.clock import Clock


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("zone", ["+0500", "-0930", "Europe/Zurich"])
def test_bug_4_a_zone_does_not_crash(site: Site, zone: str) -> None:
    assert "stored 1 lines" in site.run("-z", zone, data=b"Aug 23 06:15:38 h p: m\n")[0]
    assert site.events()[0]["parsed"]


@pytest.mark.parametrize(
    ("zone", "wanted", "written"),
    [
        ("UTC", "06:15:38", "+00:00"),
        ("Asia/Kolkata", "00:45:38", "+05:30"),
        ("America/St_Johns", "08:45:38", "-02:30"),
        ("Pacific/Auckland", "18:15:38", "+12:00"),
    ],
)
def test_bug_5_the_local_offset_is_right_in_every_zone(
    site: Site, zone: str, wanted: str, written: str
) -> None:
    path = site.file("a.log", b"Aug 23 06:15:38 h p: m\n")
    os.utime(path, (1514764800, 1514764800))
    process = site.start("-q", path, zone=zone)
    assert process.communicate(timeout=60) == (b"", b"")
    (row,) = site.events()
    assert (f"{row['time']:%H:%M:%S}", row["zone"]) == (wanted, written)


def test_bug_6_events_have_the_date_of_their_stamps() -> None:
    day = datetime(2017, 8, 23, 6, 15, 38)
    assert event("Aug 23 06:15:38 h p: m")["time"] == day
    assert event("2011-02-03T04:05:06Z h p: m")["time"] == datetime(2011, 2, 3, 4, 5, 6)
    # Over midnight, and over the end of a year.
    new_year = Clock(CLOCK.reference + 2 * 3600 * 10**6)
    assert event("Dec 31 23:59:59 h p: m", clock=new_year)["time"] == datetime(
        2017, 12, 31, 23, 59, 59
    )
    assert event("Jan  1 00:00:00 h p: m", clock=new_year)["time"] == datetime(2018, 1, 1)


@pytest.mark.parametrize(
    "stamp",
    ["2017-08-23T06:15:38Z", "2017-08-23T06:15:38.000-00:00", "2017-08-23T08:15:38.000000+02:00",
     "2017-08-23T01:15:38-0500"],
)  # fmt: skip
def test_bug_7_iso_stamps_parse(stamp: str) -> None:
    row = event(f"{stamp} host1 sshd[12]: hi", "syslogiso")
    assert (row["time"], row["host"]) == (datetime(2017, 8, 23, 6, 15, 38), "host1")


@pytest.mark.parametrize(
    ("flow", "wanted"),
    [
        ("IP 10.0.0.5.51234 > 10.0.0.1.443: Flags [S]", ("10.0.0.5", 51234, "10.0.0.1", 443)),
        ("IP6 2001:db8::5.53 > ::1.40000: UDP, length 4", ("2001:db8::5", 53, "::1", 40000)),
        ("IP 10.0.0.5 > 10.0.0.1: ICMP echo request, id 1, seq 1, length 64",
         ("10.0.0.5", None, "10.0.0.1", None)),
    ],
)  # fmt: skip
def test_bug_8_ports_are_apart_from_addresses(flow: str, wanted: tuple[object, ...]) -> None:
    row = event(f"06:15:38.123456 {flow}", "tcpdump")
    columns = ("source_host", "source_port", "dest_host", "dest_port")
    assert tuple(row[name] for name in columns) == wanted


@pytest.mark.parametrize(
    ("mark", "facility", "severity"),
    [("<34>", "auth", 2), ("<0>", "kern", 0), ("<191>", "local7", 7), ("", None, None)],
)
def test_bug_9_facility_and_severity_are_read(
    mark: str, facility: str | None, severity: int | None
) -> None:
    for head in ("Aug 23 06:15:38 h p: m", "2017-08-23T06:15:38Z h p: m"):
        row = event(mark + head)
        assert (row["facility"], row["severity"], row["message"]) == (facility, severity, "m")


def test_bug_10_at_the_end_of_its_input_it_exits(site: Site) -> None:
    started = time.monotonic()
    process = site.start("-q", stdin=subprocess.DEVNULL)
    assert process.wait(timeout=60) == 0
    process.communicate()
    assert time.monotonic() - started < 20
    assert site.run("-q", data=syslog(3)) == []
    assert site.lines() == split(syslog(3))


def test_bug_11_a_line_that_does_not_match_is_kept_and_not_printed(site: Site) -> None:
    data = b"no syslog at all\nAug 23 06:15:38 h p: m\n\n\xff\xfe\n"
    said = site.run("-s", "auth", data=data)
    assert len(said) == 1
    assert "(3 of them in no known format)" in said[0]
    assert site.lines("Auth") == split(data)
    rows = site.events("Auth")
    assert [row["parsed"] for row in rows] == [False, True, False, False]
    assert rows[0]["message"] == "no syslog at all"


def test_bug_16_long_addresses_and_names_are_whole() -> None:
    address = "2001:0db8:1234:5678:9abc:def0:1234:5678"
    name = ".".join(["a-rather-long-label" * 3] * 4) + ".example.org"
    row = event(f"Aug 23 06:15:38 {name} sshd[1]: Invalid user x from {address} port 7")
    assert (row["host"], row["source_host"]) == (name, address)
    row = event(f"06:15:38.123456 IP6 {address}.53 > {address}.40000: UDP, length 40", "tcpdump")
    assert (row["source_host"], row["dest_host"]) == (address, address)
