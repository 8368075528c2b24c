"""Files that are followed, through every way of rotating them, with and without crashes."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from siemstress.sources import follow
from siemstress.sources.follow import Follower
from siemstress.sources.pieces import LONGEST, Piece


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are looked through at every look, and little is waited for."""
    monkeypatch.setattr(follow, "_RESCAN", 0.0)
    monkeypatch.setattr(follow, "_SETTLE", 0.0)
    monkeypatch.setattr(follow, "_QUIET", 0.05)


class Table:
    """What has been committed: lines, in order, and positions."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.positions: dict[str, int] = {}
        self.followers: list[Follower] = []

    def follower(self, *patterns: object) -> Follower:
        names = [str(pattern) for pattern in patterns]
        self.followers.append(Follower(names, self.positions.get, lambda: [*self.positions]))
        return self.followers[-1]

    def commit(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            assert piece.stream is not None
            for consumer, to in piece.moves.items():
                known = self.positions.get(consumer)
                assert known == piece.stream.expected.get(consumer) or known is not None
                self.positions[consumer] = to
            data = piece.data
            self.lines += data[:-1].split(b"\n") if data.endswith(b"\n") else data.split(b"\n")


def read(follower: Follower, table: Table) -> None:
    """Look until there is nothing new."""
    quiet = 0
    while quiet < 3:
        pieces = follower.gather(1 << 30)
        table.commit(pieces)
        quiet = 0 if pieces else quiet + 1


def wait_and_read(follower: Follower, table: Table) -> None:
    """Look again once everything has been quiet for long."""
    read(follower, table)
    time.sleep(0.06)
    read(follower, table)


def numbered(first: int, count: int) -> bytes:
    return b"".join(b"line %d %s\n" % (n, b"x" * (n % 50)) for n in range(first, first + count))


def rotate(log: Path) -> None:
    """Rename older files up, and the log to .1."""
    for number in range(99, 0, -1):
        for end in ("", ".gz"):
            old = log.with_name(f"{log.name}.{number}{end}")
            if old.exists():
                old.rename(log.with_name(f"{log.name}.{number + 1}{end}"))
    log.rename(log.with_name(f"{log.name}.1"))


def compress(path: Path) -> None:
    status = path.stat()
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


@pytest.fixture
def table() -> Iterator[Table]:
    table = Table()
    yield table
    for follower in table.followers:
        follower.finish()


def append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


def test_lines_are_read_when_they_are_whole(log: Path, table: Table) -> None:
    follower = table.follower(log)
    read(follower, table)
    for data, count in ((b"", 0), (b"on", 0), (b"e\ntwo", 1), (b"\n", 2), (b"three\nfour\n", 4)):
        append(log, data)
        read(follower, table)
        assert len(table.lines) == count
    assert table.lines == [b"one", b"two", b"three", b"four"]


def test_a_file_that_was_known_before_its_first_line_was_whole(log: Path, table: Table) -> None:
    append(log, b"half")
    follower = table.follower(log)
    read(follower, table)
    append(log, b" a line\nmore\n")
    read(follower, table)
    follower.finish()
    read(table.follower(log), table)
    assert table.lines == [b"half a line", b"more"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("down", [False, True])
def test_renamed(log: Path, table: Table, down: bool, packed: bool) -> None:
    append(log, numbered(0, 100))
    follower = table.follower(log)
    read(follower, table)
    append(log, numbered(100, 10))
    if down:
        follower.finish()
    rotate(log)
    append(log, numbered(110, 5))
    if down:
        if packed:
            compress(log.with_name("a.log.1"))
        follower = table.follower(log)
    read(follower, table)
    if packed and not down:
        compress(log.with_name("a.log.1"))
    append(log, numbered(115, 5))
    wait_and_read(follower, table)
    read(table.follower(log), table)
    assert table.lines == numbered(0, 120).splitlines()


def test_still_written_to_after_it_was_renamed(log: Path, table: Table) -> None:
    append(log, numbered(0, 3))
    follower = table.follower(log)
    read(follower, table)
    rotate(log)
    append(log, b"new\n")
    read(follower, table)
    old = log.with_name("a.log.1")
    append(old, b"late\nhalf")
    read(follower, table)
    assert table.lines == [*numbered(0, 3).splitlines(), b"new", b"late"]
    wait_and_read(follower, table)
    assert table.lines[-1] == b"half"
    append(old, b" and the rest\n")
    read(follower, table)
    assert table.lines[-2:] == [b"half", b" and the rest"]
    assert len(table.lines) == 7


@pytest.mark.parametrize("down", [False, True])
def test_copied_and_truncated(log: Path, table: Table, down: bool) -> None:
    append(log, numbered(0, 100))
    follower = table.follower(log)
    read(follower, table)
    if down:
        follower.finish()
    # Lines that only the copy has, a half one at its end, and more than before in the new one.
    append(log, numbered(100, 5) + b"half")
    log.with_name("a.log.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    append(log, numbered(200, 300))
    if down:
        follower = table.follower(log)
    wait_and_read(follower, table)
    wanted = [*numbered(0, 105).splitlines(), b"half", *numbered(200, 300).splitlines()]
    assert sorted(table.lines) == sorted(wanted)


def test_an_unfinished_copy(log: Path, table: Table) -> None:
    data = numbered(0, 1000)
    append(log, data)
    follower = table.follower(log)
    read(follower, table)
    copy = log.with_name("a.log.1")
    for size in (0, 10, 2000, len(data) - 3, len(data)):
        copy.write_bytes(data[:size])
        read(follower, table)
    os.truncate(log, 0)
    packed = gzip.compress(data)
    for size in (0, 5, 100, len(packed) // 2, len(packed) - 1, len(packed)):
        log.with_name("a.log.2.gz").write_bytes(packed[:size])
        read(follower, table)
        wait_and_read(follower, table)
    assert table.lines == data.splitlines()


def test_truncated_without_a_copy(log: Path, table: Table) -> None:
    append(log, b"one\nhalf")
    follower = table.follower(log)
    read(follower, table)
    os.truncate(log, 0)
    append(log, b"two\n")
    wait_and_read(follower, table)
    assert sorted(table.lines) == [b"half", b"one", b"two"]
    # As large as it was.
    log.write_bytes(b"six\n")
    read(follower, table)
    assert table.lines[-1] == b"six"


def test_deleted(log: Path, table: Table) -> None:
    append(log, b"one\n")
    follower = table.follower(log)
    read(follower, table)
    with log.open("ab") as file:
        log.unlink()
        file.write(b"two\nhalf")
        file.flush()
        append(log, b"new\n")
        read(follower, table)
        file.write(b" a line\n")
    read(follower, table)
    assert sorted(table.lines) == [b"half a line", b"new", b"one", b"two"]
    append(log, b"newer\nrest")
    log.unlink()
    table.commit(follower.finish())
    assert table.lines[-2:] == [b"newer", b"rest"]


def test_patterns_and_files_that_appear_later(tmp_path: Path, table: Table) -> None:
    follower = table.follower(tmp_path / "*.log", tmp_path / "**" / "deep*", tmp_path / "no[t.log")
    read(follower, table)
    (tmp_path / "no[t.log").write_bytes(b"brackets\n")
    (tmp_path / "b.log").write_bytes(b"b\n")
    (tmp_path / "x.txt").write_bytes(b"x\n")
    (tmp_path / "sub" / "sub").mkdir(parents=True)
    (tmp_path / "sub" / "sub" / "deep1").write_bytes(b"deep\n")
    (tmp_path / "c.log").mkdir()
    (tmp_path / "link.log").symlink_to(tmp_path / "b.log")
    read(follower, table)
    assert sorted(table.lines) == [b"b", b"brackets", b"deep"]
    assert [note.rpartition("/")[2] for note in follower.notes()] == [
        "c.log: is not a file, and is not followed"
    ]


def test_rotated_files_that_were_asked_for_are_read_once(log: Path, table: Table) -> None:
    append(log, numbered(0, 50))
    rotate(log)
    append(log, numbered(50, 50))
    rotate(log)
    compress(log.with_name("a.log.2"))
    append(log, numbered(100, 50))
    follower = table.follower(f"{log}*")
    wait_and_read(follower, table)
    rotate(log)
    append(log, numbered(150, 50))
    wait_and_read(follower, table)
    wait_and_read(table.follower(f"{log}*"), table)
    assert sorted(table.lines) == sorted(numbered(0, 200).splitlines())


def test_older_files_beside_a_new_one_are_not_asked_for(log: Path, table: Table) -> None:
    log.with_name("a.log.1").write_bytes(b"old\n")
    append(log, b"new\n")
    wait_and_read(table.follower(log), table)
    rotate(log)
    append(log, b"newer\n")
    wait_and_read(table.follower(log), table)
    assert table.lines == [b"new", b"newer"]


def test_a_line_that_is_longer_than_may_be_comes_in_parts(log: Path, table: Table) -> None:
    follower = table.follower(log)
    append(log, b"y" * (3 * LONGEST + 5))
    read(follower, table)
    append(log, b"\nshort\n")
    read(follower, table)
    assert table.lines[-1] == b"short"
    assert b"".join(table.lines[:-1]) == b"y" * (3 * LONGEST + 5)


def test_another_process_that_stores_the_same_file(log: Path, table: Table) -> None:
    append(log, numbered(0, 10))
    first, second = table.follower(log), table.follower(log)
    table.commit(first.gather(1 << 30))
    refused = second.gather(1 << 30)
    for piece in refused:
        assert piece.stream is not None
        if any(table.positions.get(c) != at for c, at in piece.stream.expected.items()):
            piece.stream.broken = True
    append(log, numbered(10, 10))
    read(second, table)
    assert table.lines == numbered(0, 20).splitlines()


def _events(random: Random, log: Path, restart: Iterator[None]) -> None:
    """Something that happens to a log."""
    aside = log.with_name("a.log.1")
    match random.randrange(7):
        case 0:
            rotate(log)
            log.touch()
        case 1:
            if not aside.exists():
                aside.write_bytes(log.read_bytes())
                os.truncate(log, 0)
        case 2:
            if aside.exists() and not log.with_name("a.log.2.gz").exists():
                compress(aside)
                log.with_name("a.log.1.gz").rename(log.with_name("a.log.2.gz"))
        case 3 | 4:
            next(restart)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_each_line_is_stored_once(tmp_path: Path, table: Table, seed: int) -> None:
    random = Random(seed)
    log = tmp_path / "a.log"
    append(log, numbered(0, 3))
    follower = table.follower(log)
    read(follower, table)
    written = bytearray(numbered(0, 3))
    number = 3

    def write() -> None:
        nonlocal number
        data = numbered(number, random.randrange(40))
        number += data.count(b"\n")
        append(log, data)
        written.extend(data)

    def crashes() -> Iterator[None]:
        """Some of what has been read is stored; the rest is read again."""
        nonlocal follower
        while True:
            pieces = follower.gather(1 << 30)
            table.commit(pieces[: random.randrange(len(pieces) + 1)])
            follower.finish()
            for _ in range(random.choice([0, 0, 1, 3])):
                write()
                if random.randrange(2) and not log.with_name("a.log.1").exists():
                    log.with_name("a.log.1").write_bytes(log.read_bytes())
                    os.truncate(log, 0)
                else:
                    rotate(log)
                    log.touch()
            follower = table.follower(log)
            yield

    restart = crashes()
    for _ in range(60):
        data = numbered(number, random.randrange(40))
        number += data.count(b"\n")
        for part in (data[: len(data) // 3], data[len(data) // 3 :]):
            append(log, part)
            written += part
            if random.randrange(2):
                table.commit(follower.gather(random.choice([1 << 30, 1])))
        _events(random, log, restart)
    wait_and_read(follower, table)
    assert sorted(table.lines) == sorted(bytes(written).splitlines())
