"""Log formats: what comes out of a line, and that every line comes back byte for byte."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsing import CLOCK, event, parsed, plain, written_again
from siemstress.errors import ConfigError
from siemstress.formats.auto import Reader
from siemstress.formats.base import Sample, formats, names
from siemstress.formats.clock import Clock
from siemstress.formats.layout import LAYOUTS

FORMATS = formats()
SAMPLES = [(name, sample) for name, known in FORMATS.items() for sample in known.samples]
LINES = [line for _, s in SAMPLES for line in (*s.before.splitlines(), s.line)]

# Names that configs of the original and of its later versions may hold.
OLD_NAMES = {
    "syslogbsd": "syslogbsd", "syslog": "syslogbsd", "syslogiso": "syslogiso",
    "nohost": "nohost", "syslognohost": "nohost", "tcpdump": "tcpdump", "ciscoios": "ciscoios",
    "windowsrsyslog": "windowsrsyslog", "webaccess": "webaccess", "emerge": "emerge",
    "linejson": "linejson", "sojson": "sojson", "auto": "auto",
}  # fmt: skip


def _wanted(expect: dict[str, Any], name: str) -> dict[str, object]:
    times = {k: datetime.fromisoformat(str(v)) for k, v in expect.items() if k == "time"}
    return {**expect, **times, "format": name, "parsed": True}


def _found(row: dict[str, Any], wanted: dict[str, object]) -> dict[str, object]:
    fields = {f"fields.{name}": value for name, value in row["fields"].items()}
    return {name: (row | fields).get(name) for name in wanted}


def _event(sample: Sample, parser: str) -> dict[str, Any]:
    """The event of a sample's line, which may be read by the lines before it."""
    if not sample.before:
        return event(sample.line, parser)
    return plain(parsed((sample.before + sample.line).encode(), parser).row(-1, named=True))


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_a_format_reads_its_samples(name: str, sample: Sample) -> None:
    wanted = _wanted(dict(sample.expect), name)
    assert _found(_event(sample, name), wanted) == wanted


@pytest.mark.parametrize(
    ("name", "sample"), [(n, s) for n, s in SAMPLES if FORMATS[n].rank is not None]
)
def test_auto_reads_every_format_s_samples(name: str, sample: Sample) -> None:
    wanted = _wanted(dict(sample.expect), name)
    assert _found(_event(sample, "auto"), wanted) == wanted


def test_auto_reads_all_of_them_together() -> None:
    single = [
        (n, s) for n, s in SAMPLES if FORMATS[n].rank is not None and "\n" not in s.line + s.before
    ]
    rows = parsed("".join(f"{s.line}\n" for _, s in single).encode() * 3)
    assert len(rows) == 3 * len(single)
    for row, (name, sample) in zip(rows.iter_rows(named=True), single * 3, strict=True):
        wanted = _wanted(dict(sample.expect), name)
        assert _found(plain(row), wanted) == wanted


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_samples(name: str) -> None:
    assert FORMATS[name].samples


def test_old_names_are_known() -> None:
    known = names(FORMATS)
    assert {name: known.get(name) for name in OLD_NAMES} == OLD_NAMES
    assert {*LAYOUTS} <= {*FORMATS}


def test_an_unknown_name_is_an_error_that_lists_those_known() -> None:
    with pytest.raises(ConfigError, match="no parser 'nope'; there are: auto, "):
        Reader("nope")
    assert Reader("SyslogBSD")


# --- every line comes back ---------------------------------------------------------------------

ODD_LINES = (
    b"",
    b" ",
    b"\r",
    b"\0",
    b"\0\0\0Aug 23 06:15:38 h p: m",
    b"Aug 23 06:15:38 h p: m\r",
    b"Aug 23 06:15:38 h p: m\r\r",
    b"Aug 23 06:15:38 h p: ",
    b"Aug 23 06:15:38 h p:",
    b"Aug 23 06:15:38 h p:  two blanks",
    b"Aug 23 06:15:38 h  p: m",
    b"Aug 23 06:15:38  h p: m",
    b"Aug 23 06:15:38 h ",
    b"Aug 23 06:15:38 h",
    b"Aug 23 06:15:38 ",
    b"Aug 23 06:15:38",
    b"Aug 23 06:15:3",
    b"Aug 23 06:15:38 h :",
    b"Aug 23 06:15:38 h : m",
    b"Aug 23 06:15:38 h [1]: m",
    b"Aug 23 06:15:38 h p[]: m",
    b"Aug 23 06:15:38 h p[0]: m",
    b"Aug 23 06:15:38 h p[007]: m",
    b"Aug 23 06:15:38 h p[99999999]: m",
    b"Aug 23 06:15:38 h p[999999999]: m",
    b"Aug 23 06:15:38 h p[2147483648]: m",
    b"Aug 23 06:15:38 h p[-1]: m",
    b"Aug 23 06:15:38 h p[1][2]: m",
    b"Aug 23 06:15:38 h p[1: m",
    b"Aug 23 06:15:38 h p1]: m",
    b"Aug 23 06:15:38 h p[1] m",
    b"Aug  3 06:15:38 h p: m",
    b"Aug 03 06:15:38 h p: m",
    b"Aug 3 06:15:38 h p: m",
    b"Jan 01 00:00:00 h p: m",
    b"Jan  1 00:00:00 h p: m",
    b"aug 23 06:15:38 h p: m",
    b"AUG 23 06:15:38 h p: m",
    b"Feb 29 06:15:38 h p: m",
    b"Feb 30 06:15:38 h p: m",
    b"Feb 31 06:15:38 h p: m",
    b"Apr 31 06:15:38 h p: m",
    b"Aug 00 06:15:38 h p: m",
    b"Aug  0 06:15:38 h p: m",
    b"Aug 23 24:00:00 h p: m",
    b"Aug 23 23:59:60 h p: m",
    b"Aug 23 23:60:00 h p: m",
    b"Aug 23 06:15:38 h\xff p: m",
    b"Aug 23 06:15:38 h p: \xc3\x28 \xed\xa0\x80 \xf8\x88\x80\x80\x80",
    b"Aug 23 06:15:38 h p\xe2\x82[1]: m",
    "Aug 23 06:15:38 hôte süß[1]: Grüße \u2028 \U0001f600".encode(),
    b"<0>Aug 23 06:15:38 h p: m",
    b"<00>Aug 23 06:15:38 h p: m",
    b"<034>Aug 23 06:15:38 h p: m",
    b"<191>Aug 23 06:15:38 h p: m",
    b"<192>Aug 23 06:15:38 h p: m",
    b"<>Aug 23 06:15:38 h p: m",
    b"<1>",
    b"<34>",
    b"<34>1 ",
    b"<34>1 - - - - - -",
    b"<34>1 - - - - - - ",
    b"<34>1 - - - - - - m",
    b"<34>1 - h p 007 - - m",
    b"<34>1 - h p x - - m",
    b"<34>1 - h p -  - m",
    b"<34>1 -   p - - - m",
    b"<34>1 -  p - - - m",
    b"<34>1 2003-10-11T22:14:15.003Z h p  i - m",
    b"<34>1 2003-10-11T22:14:15.003Z h p -  - m",
    b"<34>1 2003-10-11T22:14:15.003Z  p - i - m",
    b"<34>1 2003-10-11T22:14:15.003Z h  - i - m",
    b"<34>1 - h p 7 id [a b=\"c\"] m",
    b"<34>1 - h p 7 id [a b=\"c\\]\"] m",
    b"<34>1 - h p 7 id [a b=\"c\"]",
    b"<34>1 - h p 7 id - \xef\xbb\xbfm",
    b"<34>1 2003-10-11T22:14:15.003Z h p 7 id - m",
    b"<34>1 2003-10-11T22:14:15.000Z h p 7 id - m",
    b"<34>1 2003-10-11T22:14:15.0Z h p 7 id - m",
    b"<34>1 2003-10-11T22:14:15.1234567Z h p 7 id - m",
    b"<34>2 2003-10-11T22:14:15Z h p 7 id - m",
    b"<34>1  2003-10-11T22:14:15Z h p 7 id - m",
    b"2017-08-23T06:15:38Z h p[1]: m",
    b"2017-08-23T06:15:38z h p[1]: m",
    b"2017-08-23t06:15:38Z h p[1]: m",
    b"2017-08-23T06:15:38 h p[1]: m",
    b"2017-08-23 06:15:38 h p[1]: m",
    b"2017/08/23T06:15:38Z h p[1]: m",
    b"2017-08-23T06:15:38.5Z h p[1]: m",
    b"2017-08-23T06:15:38,500Z h p[1]: m",
    b"2017-08-23T06:15:38.500000Z h p[1]: m",
    b"2017-08-23T06:15:38.123456Z h p[1]: m",
    b"2017-08-23T06:15:38.123456789Z h p[1]: m",
    b"2017-08-23T06:15:38+00:00 h p[1]: m",
    b"2017-08-23T06:15:38-00:00 h p[1]: m",
    b"2017-08-23T06:15:38+0000 h p[1]: m",
    b"2017-08-23T06:15:38+05 h p[1]: m",
    b"2017-08-23T06:15:38-03:30 h p[1]: m",
    b"2017-08-23T06:15:38+23:59 h p[1]: m",
    b"2017-08-23T06:15:38+24:00 h p[1]: m",
    b"2017-02-29T06:15:38Z h p[1]: m",
    b"2016-12-31T23:59:60Z h p[1]: m",
    b"0000-01-01T00:00:00Z h p: m",
    b"0001-01-01T00:00:00+10:00 h p: m",
    b"0099-01-01T00:00:00Z h p: m",
    b"1969-12-31T23:59:59.999999Z h p: m",
    b"1969-12-31T23:59:59.001Z h p: m",
    b"9999-12-31T23:59:59-10:00 h p: m",
    b'203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326',
    b'203.0.113.9 - - [10/oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326',
    b'203.0.113.9 - - [10/Oct/2000:13:55:36 -0000] "GET /a HTTP/1.1" 200 2326',
    b'203.0.113.9 - - [10/Oct/0099:13:55:36 +0000] "GET /a HTTP/1.1" 200 2326',
    b'203.0.113.9 -  [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326',
    b'203.0.113.9 x y z [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326',
    b'203.0.113.9 - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326',
    b'203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] ',
    b"1522965713: ",
    b"1522965713: m",
    b"1522965713:",
    b"0000000001: m",
    b"0000000000: m",
    b"9999999999: m\r",
    b"06:15:38.123456 IP 10.0.0.5.51234 > 10.0.0.1.443: Flags [S]",
    b"06:15:38.123456 IP 10.0.0.5.51234 > ",
    b"06:15:38.123456 IP",
    b"06:15:38.123456 ARP",
    b"23:59:59.999999 IP6 ::1 > ::2: x",
    b"00:00:00.000000 ARP, Reply",
    b"{}", b"{", b"[]", b'{"a":1}', b'{"a":1} ', b' {"a":1}', b'{"a":"\xff"}', b'{"a":"\\u0000"}',
    b'{"message":"m","time":"2017-08-23T06:15:38Z"}\r',
)  # fmt: skip


def _comes_back(data: bytes, parser: str = "auto") -> None:
    if not data:
        return
    want = data.split(b"\n")
    if want[-1] == b"":
        want.pop()
    got = written_again(parsed(data, parser))
    assert len(got) == len(want)
    assert [pair for pair in zip(want, got, strict=True) if pair[0] != pair[1]] == []


def test_odd_lines_come_back_together() -> None:
    _comes_back(b"\n".join(ODD_LINES))


@pytest.mark.parametrize("parser", [n for n in [*FORMATS, "auto"] if n != "sojson"])
def test_odd_lines_come_back_in_every_format(parser: str) -> None:
    own = [sample.line.encode() for name, sample in SAMPLES if name == parser]
    some = KNOWN if parser == "auto" else [*ODD_LINES, *own, *KNOWN[len(parser) % 4 :: 4]]
    _comes_back(b"".join(line + b"\n" for line in some), parser)


# Pieces that are put into lines as they are.
PARTS = (
    b" ", b"  ", b"\r", b"\0", b"\xff", b"\xc3", b":", b": ", b"]", b"[", b"-", b"0", b"60", b"7",
    b".5", b"T", b"Z", b"+05:30", b"Jan 01 ", b"Feb 30 ", b"<34>", b"<7>1 ", b"sshd[1]: ", b",",
    b"{", b'"', b"\\", b"\xe2\x82\xac", b"\x1b[31m", b"\xef\xbb\xbf", b"\xc2\x85", b"x" * 300,
)  # fmt: skip
KNOWN = tuple(dict.fromkeys((*(line.encode() for line in LINES), *ODD_LINES)))


def _mutated(random: Random, line: bytes) -> bytes:
    """A line with pieces put in, taken out, changed in case, or ended otherwise."""
    for _ in range(random.randint(1, 2)):
        # Most of them behind the stamp, or few lines would be of any format.
        low = min(len(line), random.choice((0, 15, 15, 30)))
        at, cut = random.randint(low, len(line)), random.choice((0, 0, 1, 2, 9))
        piece = random.choice((*PARTS, b"", b"", bytes([random.randrange(256)])))
        line = line[:at] + piece + line[at + cut :]
    if not random.randrange(8):
        line = random.choice((bytes.lower, bytes.upper, bytes.swapcase))(line)
    return line.replace(b"\n", b"") + random.choice((b"", b"", b"", b"\r"))


def _many(seed: int, count: int) -> bytes:
    random = Random(seed)
    return b"\n".join(_mutated(random, random.choice(KNOWN)) for _ in range(count)) + b"\n"


@pytest.mark.parametrize("seed", range(3))
def test_changed_lines_come_back(seed: int) -> None:
    _comes_back(_many(seed, 3_000))


@pytest.mark.parametrize("parser", [n for n in FORMATS if n != "sojson"])
def test_changed_lines_come_back_from_every_format(parser: str) -> None:
    _comes_back(_many(len(parser), 400), parser)


ANY_LINE = st.one_of(
    st.sampled_from(KNOWN),
    st.builds(_mutated, st.randoms(use_true_random=False), st.sampled_from(KNOWN)),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=40),
)


@given(data=st.lists(ANY_LINE, min_size=1, max_size=40).map(b"\n".join))
@example(data=b"\n\n\n")
@example(data=b"\xff")
@settings(max_examples=40, deadline=None)
def test_any_bytes_come_back(data: bytes) -> None:
    _comes_back(data)


@pytest.mark.parametrize("zone", ["Europe/Zurich", -210, "America/St_Johns"])
def test_lines_about_clock_changes_come_back(zone: str | int) -> None:
    hours = [f"Mar 26 {h:02d}:{m:02d}:00 h p: m" for h in range(5) for m in (0, 1, 30, 59)]
    hours += [f"Oct 29 {h:02d}:{m:02d}:00 h p: m" for h in range(5) for m in (0, 1, 30, 59)]
    hours += [f"Oct 29 0{h}:30:00 h p: m" for h in (2, 2, 1, 2, 3, 2)]
    data = "\n".join(hours).encode()
    clock = Clock(CLOCK.reference, zone)
    assert written_again(parsed(data, "auto", clock)) == data.split(b"\n")


def test_application_logs_are_not_taken_for_syslog() -> None:
    for line in (
        "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop: Created MRAppMaster",
        "2015-10-18 18:01:47 INFO server: started",
        "2015-07-29 19:04:12,394 - INFO  [/10.10.34.11:3888:QuorumCnxManager$Listener@493] - Re",
    ):
        row = event(line)
        assert (row["format"], row["host"]) != ("syslogiso", "INFO")
        assert row["message"]
