"""Where messages end in a stream, whatever senders and attackers do."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siemstress.errors import InputError
from siemstress.sources.listen.address import Address, parse, peer_name
from siemstress.sources.listen.framing import Framing

LONGEST = 100


def framed(data: bytes, sizes: list[int] | None = None) -> bytes:
    """What comes out of a stream that is read in parts of these sizes."""
    framing = Framing(LONGEST)
    out = b""
    for size in sizes or [len(data) + 1]:
        part, data = data[:size], data[size:]
        out += framing.add(part) if part else b""
    out += framing.add(data) if data else b""
    return out + framing.rest()


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        (b"<1>a\n<2>b\n", b"<1>a\n<2>b\n"),
        (b"<1>a\n<2>b", b"<1>a\n<2>b"),
        (b"4 <1>a4 <2>b", b"<1>a\n<2>b\n"),
        (b"4 <1>a\n4 <2>b\n", b"<1>a\n<2>b\n"),
        (b"5 <1>a\n4 <2>b", b"<1>a\n<2>b\n"),
        (b"4 <1>a9 <2>b", b"<1>a\n<2>b"),
        (b"4 <1>aoh dear\nmore\n4 <2>b", b"<1>a\noh dear\nmore\n4 <2>b"),
        (b"4 <1>a0 <2>b\n", b"<1>a\n0 <2>b\n"),
        (b"12 monkeys\n", b"12 monkeys\n"),
        (b"2026-01-01T00:00:00Z h p: m\n", b"2026-01-01T00:00:00Z h p: m\n"),
        (b"12345678901 <1>a\n", b"12345678901 <1>a\n"),
        (
            b"999999999 <1>" + b"a" * 250,
            b"<1>" + b"a" * 97 + b"\n" + b"a" * 100 + b"\n" + b"a" * 53,
        ),
        (b"150 <1>" + b"a" * 147 + b"4 <2>b", b"<1>" + b"a" * 97 + b"\n" + b"a" * 50 + b"\n<2>b\n"),
        (b"b" * 250 + b"\nc\n", b"b" * 250 + b"\nc\n"),
        (b"", b""),
        (b"7", b"7"),
        (b"7 ", b"7 "),
    ],
)
def test_where_messages_end(stream: bytes, wanted: bytes) -> None:
    assert framed(stream) == wanted
    if b"b" * 250 not in stream:
        assert framed(stream, [1] * len(stream)) == wanted


def test_a_line_that_never_ends_comes_in_parts() -> None:
    framing = Framing(LONGEST)
    out = b"".join(framing.add(b"x" * 7) for _ in range(1000))
    assert out.replace(b"\n", b"") + framing.rest() == b"x" * 7000
    assert max(map(len, out.split(b"\n"))) < LONGEST + 7


@given(
    st.lists(st.binary(max_size=60).map(lambda b: b"<1>" + b.replace(b"\n", b"")), max_size=20),
    st.lists(st.integers(1, 50), max_size=40),
    st.booleans(),
)
def test_messages_come_out_as_they_went_in(
    messages: list[bytes], sizes: list[int], counted: bool
) -> None:
    stream = b"".join(b"%d %s" % (len(m), m) if counted else m + b"\n" for m in messages)
    assert framed(stream, sizes) == b"".join(m + b"\n" for m in messages)


@given(st.binary(max_size=500), st.lists(st.integers(1, 50), max_size=20))
def test_nothing_that_is_sent_breaks_it(stream: bytes, sizes: list[int]) -> None:
    assert len(framed(stream, sizes).replace(b"\n", b"")) <= len(stream)


def test_how_a_stream_is_cut_up_changes_nothing() -> None:
    random = Random(4)
    for _ in range(300):
        stream = b"".join(
            random.choice([b"4 <1>a", b"<2>b\n", b"9 ", b"12", b"\n", b"200 <", b"x" * 30, b" "])
            for _ in range(random.randrange(1, 12))
        )
        sizes = [random.randrange(1, 9) for _ in range(40)]
        whole, parts = framed(stream), framed(stream, sizes)
        assert whole.replace(b"\n", b"") == parts.replace(b"\n", b"")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("udp://192.0.2.1:5514", Address("udp", "192.0.2.1", 5514)),
        ("tcp://[2001:db8::1]:601", Address("tcp", "2001:db8::1", 601)),
        ("tls://log.example", Address("tls", "log.example", 6514)),
        ("udp://:514", Address("udp", "", 514)),
        ("udp://*", Address("udp", "", 514)),
        ("unix:///run/a log", Address("unix", path="/run/a log")),
        ("unix-stream:///run/log", Address("unix-stream", path="/run/log")),
    ],
)
def test_addresses(text: str, wanted: Address) -> None:
    assert parse(text) == wanted
    assert parse(str(wanted)) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "a.log", "http://a", "udp://a:0", "udp://a:65536", "tcp://::1:5", "unix://a", "unix://",
     "tcp://a:5/b", "udp://a:+5", "unix:///" + "x" * 200, "tcp://a:٥"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_peers_have_one_name() -> None:
    assert peer_name("udp", "::ffff:192.0.2.1") == "udp://192.0.2.1"
    assert peer_name("tls", "fe80::1%eth0") == "tls://[fe80::1]"
