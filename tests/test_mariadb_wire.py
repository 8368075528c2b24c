"""Rows as the server sends them: every length of text, and what a hostile server could send."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siemstress.errors import StoreError
from siemstress.store.mariadb import wire

Row = Sequence[str | None]


def value(text: str | None) -> bytes:
    if text is None:
        return b"\xfb"
    data = text.encode()
    if len(data) < 251:
        return bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return b"\xfc" + len(data).to_bytes(2, "little") + data
    if len(data) < 1 << 24:
        return b"\xfd" + len(data).to_bytes(3, "little") + data
    return b"\xfe" + len(data).to_bytes(8, "little") + data


def packets(payload: bytes) -> bytes:
    sent = b""
    while True:
        part, payload = payload[:0xFFFFFF], payload[0xFFFFFF:]
        sent += len(part).to_bytes(3, "little") + b"\0" + part
        if len(part) < 0xFFFFFF:
            return sent


END = packets(b"\xfe\0\0\0\0")


def answer(rows: Sequence[Row]) -> bytes:
    return b"".join(packets(b"".join(map(value, row))) for row in rows) + END


def failed(packet: bytes) -> NoReturn:
    raise StoreError(packet.decode("latin-1"))


def read(
    data: bytes, width: int, piece: int = 1 << 16, rows: int = 3, size: int = 1 << 20
) -> Iterator[list[tuple[str | None, ...]]]:
    pieces = (data[at : at + piece] for at in range(0, len(data), piece))
    for columns in wire.batches(pieces, [False] * width, failed, rows, size):
        yield list(zip(*(column.to_pylist() for column in columns), strict=True))


texts = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.sampled_from([11, 12, 13, 249, 250, 251, 252, 65535, 65536]).map("é".__mul__),
)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.tuples(*[texts] * width), min_size=1, max_size=8)
    ),
    st.sampled_from([1, 7, 1 << 16]),
)
def test_rows_come_as_they_were_sent(rows: list[Row], piece: int) -> None:
    if piece == 1:
        rows = [[t and t[:300] for t in row] for row in rows]
    batches = list(read(answer(rows), len(rows[0]), piece))
    assert [row for batch in batches for row in batch] == [tuple(row) for row in rows]
    assert all(1 <= len(batch) <= 3 for batch in batches)


@pytest.mark.parametrize("more", [-5, -4, -3, 0, 7])
def test_a_row_longer_than_a_packet(more: int) -> None:
    rows = [("x" * (0xFFFFFF + more), "a"), ("b", None)]
    assert [row for batch in read(answer(rows), 2, 1 << 20) for row in batch] == rows


def test_no_rows() -> None:
    assert list(read(END, 2)) == []


def test_an_error_among_the_rows() -> None:
    data = answer([("a",)]).removesuffix(END) + packets(b"\xff\x28\x04#HY000gone")
    with pytest.raises(StoreError, match="gone"):
        list(read(data, 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        answer([("a",)])[:-3],
        packets(b"\x05abc") + END,
        packets(b"\x01a\x01b") + END,
        packets(b"") + END,
        packets(b"\xfc\xff") + END,
        packets(b"\xfd") + END,
        packets(b"\x02\xc3\x28") + END,
        packets(b"\xfe" + b"\xff" * 8 + b"abc") + END,
        b"\xff\xff\xff\x00" * 3,
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(StoreError):
        list(read(data, 1))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=12)), st.integers(1, 3))
def test_anything_is_an_answer_or_refused(payloads: list[bytes], width: int) -> None:
    with contextlib.suppress(StoreError):
        list(read(b"".join(map(packets, payloads)) + END, width))
