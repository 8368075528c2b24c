"""Bytes to lines: chunks, pieces, broken UTF-8, and what is found in lines."""

from __future__ import annotations

import io
import os
import threading
import time
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siemstress.sources.chunks import MOST_LINES, ChunkReader, PipeStream
from siemstress.sources.lines import PADDING, Lines, of_bytes, split

# Pieces that make lines with all that can be wrong in them.
BYTES = st.lists(
    st.one_of(
        st.sampled_from([b"\n", b"\n", b"\r\n", b"\0", b"a", b"\xc3\xa9", b"\xff", b"\xe2\x82",
                         b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"\xc0\x80", b"xyz" * 9]),
        st.binary(max_size=4),
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


def plainly(data: bytes) -> list[bytes]:
    """The lines of some bytes, as Python splits them."""
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def texts(lines: Lines) -> list[str]:
    found: list[str] = lines.text(lines.starts, lines.ends - lines.starts).to_list()
    return found


@given(BYTES)
@settings(max_examples=200, deadline=None)
def test_lines_are_what_python_makes_of_them(data: bytes) -> None:
    lines = of_bytes(data)
    wanted = plainly(data)
    assert texts(lines) == [line.decode("utf-8", "replace") for line in wanted]
    bad = [row for row, line in enumerate(wanted) if not _is_utf8(line)]
    assert lines.bad.tolist() == bad
    kept = lines.bad_bytes.to_list() if lines.bad_bytes is not None else []
    assert kept == [wanted[row] for row in bad]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(data=BYTES, room=st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_chunks_hold_whole_lines_one_after_the_other(data: bytes, room: int) -> None:
    reader = ChunkReader(io.BytesIO(data), 100)
    buffer = np.zeros(room + PADDING, np.uint8)
    read, at = b"", 100
    while (chunk := reader.fill(buffer)) is not None:
        piece = buffer[: chunk.size].tobytes()
        assert (chunk.start, chunk.end) == (at, at + chunk.size)
        assert chunk.lines == len(plainly(piece))
        # Only a line that is longer than the buffer is cut, and the last may lack its end.
        assert piece.endswith(b"\n") or chunk.size == room or at + chunk.size == 100 + len(data)
        read, at = read + piece, chunk.end
    assert read == data
    assert reader.fill(buffer) is None


def test_a_chunk_has_no_more_lines_than_ids_can_be_taken() -> None:
    reader = ChunkReader(io.BytesIO(b"\n" * (MOST_LINES + 7)), 0)
    buffer = np.zeros(2 * MOST_LINES + PADDING, np.uint8)
    chunks = [reader.fill(buffer), reader.fill(buffer)]
    assert [chunk.lines for chunk in chunks if chunk] == [MOST_LINES, 7]
    assert reader.fill(buffer) is None


def test_a_damaged_source_ends_where_it_is_damaged() -> None:
    class Damaged(io.BytesIO):
        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
            got = super().readinto(buffer)
            if not got:
                raise ValueError("bad block")
            return got

    reader = ChunkReader(Damaged(b"a\nb"), 0)
    buffer = np.zeros(100 + PADDING, np.uint8)
    chunk = reader.fill(buffer)
    assert chunk is not None
    assert (chunk.lines, chunk.size) == (2, 3)
    assert str(reader.error) == "bad block"
    assert reader.fill(buffer) is None


def test_a_pipe_that_falls_silent_hands_over_whole_lines() -> None:
    read, write = os.pipe()
    os.write(write, b"one\ntwo\nthr")
    stream = PipeStream(read)
    reader = ChunkReader(stream, 0, stream.wait)
    buffer = np.zeros(1000 + PADDING, np.uint8)
    started = time.monotonic()
    first = reader.fill(buffer)
    assert first is not None
    assert (first.lines, first.complete) == (2, False)
    assert 0.5 < time.monotonic() - started < 5

    def finish() -> None:
        os.write(write, b"ee\n")
        os.close(write)

    threading.Timer(0.2, finish).start()
    second = reader.fill(buffer)
    assert second is not None
    assert buffer[: second.size].tobytes() == b"three\n"
    assert reader.fill(buffer) is None
    os.close(read)


# --- what is found in lines --------------------------------------------------------------------


@given(
    st.lists(st.text("ab :é\0", max_size=30), min_size=1, max_size=20),
    st.sampled_from(["a", " ", ": ", "aé", "\0", "abababab a", "  "]),
)
@settings(max_examples=150, deadline=None)
def test_find_is_what_python_finds(lines: list[str], literal: str) -> None:
    found = of_bytes("".join(f"{line}\n" for line in lines).encode())
    at = found.find(found.starts, found.ends, literal)
    assert at.tolist() == [line.encode().find(literal.encode()) for line in lines]


@pytest.mark.parametrize("literal", [":", ": ", " > ", "ab", "] "])
def test_find_in_long_lines(literal: str) -> None:
    """Also in those that are made to be slow to search."""
    parts = [":", " ", "]", "a", "] b", ": "[::-1], "é", "\0", literal]
    ends = ["", literal, literal + "x", "x" * 9 + literal]
    lines = [part * size + end for part in parts for size in (1, 600, 300_000) for end in ends]
    found = of_bytes("".join(f"{line}\n" for line in lines).encode())
    started = time.monotonic()
    at = found.find(found.starts, found.ends, literal)
    assert time.monotonic() - started < 5
    assert at.tolist() == [line.encode().find(literal.encode()) for line in lines]


@given(
    st.lists(
        st.one_of(
            st.integers(0, 10**10).map(str),
            st.text("0123456789", max_size=12),
            st.text("0123456789 x-+:/é٣", max_size=9),
        ),
        min_size=1,
        max_size=40,
    )
)
@settings(max_examples=150, deadline=None)
def test_numbers_are_what_python_reads(words: list[str]) -> None:
    lines = of_bytes("".join(f"{word}\n" for word in words).encode())
    got = lines.number(lines.starts, lines.ends - lines.starts).tolist()
    digits = [word.isascii() and word.isdigit() and len(word) <= 8 for word in words]
    assert got == [int(w) if ok else -1 for w, ok in zip(words, digits, strict=True)]


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_lines_are_what_python_cuts(seed: int) -> None:
    random = Random(seed)
    data = "\n".join("x" * random.randrange(3) + "abcdefghijklmnopqrst" for _ in range(500))
    lines = of_bytes(data.encode())
    start = lines.starts + np.array([random.randrange(3) for _ in range(500)])
    length = np.array([random.choice((-1, 0, 1, 4, 5, 11, 12, 13, 17)) for _ in range(500)])
    wanted = [
        None if size < 0 else data[at : at + size]
        for at, size in zip(start.tolist(), length.tolist(), strict=True)
    ]
    assert lines.text(start, length).to_list() == wanted


def test_nothing_has_no_lines() -> None:
    buffer = np.full(PADDING, 65, np.uint8)
    assert len(split(buffer, 0)) == 0
    assert not buffer.any()
