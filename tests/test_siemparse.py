"""siemparse as its users run it: options, inputs, bad input."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import zstandard

from running import PROGRAM, Site, split, syslog

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "bz2": bz2.compress,
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def one_line(said: list[str]) -> str:
    assert len(said) == 1, said
    return said[0]


# --- options -----------------------------------------------------------------------------------


def test_help_is_quick_and_version_is_said() -> None:
    started = time.monotonic()
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 1
    assert "siemparse -s auth" in done.stdout
    for flag in ("--clear", "--force", "--quiet", "--section", "--again", "--parser", "TZONE"):
        assert flag in done.stdout
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"siemparse \d\S*\n", done.stdout)


def test_standard_input_is_read_to_its_end(site: Site) -> None:
    said = site.run("-s", "auth", data=syslog(3) + b"odd\nlast without an end")
    assert re.fullmatch(
        r"siemparse: stored 5 lines in Auth \(2 of them in no known format\), .* lines/s",
        one_line(said),
    )
    assert site.lines("Auth") == [*split(syslog(3)), b"odd", b"last without an end"]
    event = site.events("Auth")[0]
    assert (event["host"], event["process"], event["user_name"]) == ("web1", "sshd", "root")
    assert event["source_host"] == "203.0.113.0"
    assert event["source_path"] is None
    assert event["parsed_on"]


def test_quiet_says_nothing(site: Site) -> None:
    path = site.file("a.log", syslog(3))
    assert site.run("-q", path) == []
    assert site.run("-q", path) == []
    assert site.run("-q", "-s", "default", "--clear", "--force") == []
    assert len(site.lines()) == 0
    assert "No such file" in one_line(site.run("-q", "missing.log", status=2))


def test_clear_wants_force(site: Site) -> None:
    site.run("-q", data=syslog(3))
    said = one_line(site.run("--clear", status=2))
    assert (
        said == "siemparse: would delete table Entries with 3 events; say --force as well to do it"
    )
    assert len(site.lines()) == 3
    assert one_line(site.run("--clear", "--force")).startswith("siemparse: deleted table Entries")
    assert site.store.tables() == []
    # What had been stored of a file is forgotten with the table.
    path = site.file("a.log", syslog(3))
    site.run("-q", path)
    site.run("-q", "--clear", "--force")
    site.run("-q", path)
    assert len(site.lines()) == 3


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["-s", "nope"], r"s\.conf \[nope\]: no such section; there are: auth, default, odd"),
        (["-s", "odd"], r"s\.conf \[odd\] parser: there is no parser 'nonsense'; there are: auto,"),
        (["-p", "nope"], r"there is no parser 'nope'; there are: auto, "),
        (["-z", "Mars/Olympus"], "no such time zone: 'Mars/Olympus'; give \\+0500 or a name"),
        (["-z", "+9900"], "no such time zone"),
        (["-c", "missing.conf"], r"missing\.conf: cannot be read: No such file"),
        (["--nonsense"], "unrecognized arguments: --nonsense; see siemparse --help"),
        (["missing.log"], r"missing\.log: No such file or directory"),
        (["."], r"\.: Is a directory"),
        (["/proc/self/mem"], "/proc/self/mem: Input/output error"),
        (["a.log/b"], "a.log/b: Not a directory"),
        (["x" * 5000], "File name too long"),
        (["\x1b[31m"], r"\\x1b\[31m: No such file"),
    ],
)
def test_mistakes_are_one_line_and_status_2(site: Site, arguments: list[str], wanted: str) -> None:
    site.file("a.log", syslog(1))
    said = one_line(site.run("a.log", *arguments, status=2))
    assert re.search(f"^siemparse: .*{wanted}", said)
    assert site.store.tables() == []


def test_a_file_without_the_right_to_read_it(site: Site) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = site.file("a.log", syslog(1))
    path.chmod(0)
    assert "Permission denied" in one_line(site.run(path, status=2))


def test_stderr_may_be_closed(site: Site) -> None:
    read, write = os.pipe()
    os.close(read)
    process = site.start(stderr=write)
    os.close(write)
    process.communicate(syslog(3), timeout=60)
    assert process.returncode in {0, 141}
    assert len(site.lines()) == 3


def test_standard_input_may_be_closed(site: Site) -> None:
    process = site.start(stdin=None, preexec_fn=lambda: os.close(0))
    said = process.communicate(timeout=60)[1].decode()
    assert (process.returncode, said) == (2, "siemparse: standard input is closed\n")


def test_the_zone_is_that_of_stamps_which_name_none(site: Site) -> None:
    path = site.file("a.log", b"Aug 23 06:15:38 h p: m\n")
    os.utime(path, (1514764800, 1514764800))
    for zone in ("+0500", "Asia/Karachi"):
        site.run("-q", "--again", "-z", zone, path)
        event = site.events()[-1]
        assert (str(event["time"]), event["zone"]) == ("2017-08-23 01:15:38", "+05:00")


# --- files -------------------------------------------------------------------------------------


def test_files_and_standard_input_in_turn(site: Site) -> None:
    first, second = site.file("a.log", syslog(2)), site.file("b.log", syslog(2, 7))
    said = site.run(first, "-", second, data=syslog(2, 3))
    assert "stored 6 lines" in one_line(said)
    assert site.lines() == split(syslog(2) + syslog(2, 3) + syslog(2, 7))
    paths = [event["source_path"] for event in site.events()]
    assert paths == [*[str(first)] * 2, None, None, *[str(second)] * 2]


@pytest.mark.parametrize("kind", COMPRESS)
def test_compressed_files(site: Site, kind: str) -> None:
    data = syslog(5000)
    compress = COMPRESS[kind]
    # The name does not matter, and there may be several parts one behind the other.
    path = site.file("a.log", compress(data[:100_001]) + compress(data[100_001:]))
    site.run("-q", path)
    assert site.lines() == split(data)
    assert "all of it is stored already" in site.run(path)[0]
    assert len(site.lines()) == 5000


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_file_that_is_cut_off(site: Site, kind: str) -> None:
    random = Random(1)
    data = b"".join(b"Aug 23 06:15:38 h p: %s\n" % random.randbytes(40).hex().encode()
                    for _ in range(15_000))  # fmt: skip
    whole = COMPRESS[kind](data)
    bad = site.file("bad", whole[: len(whole) * 3 // 4])
    good = site.file("good", syslog(3))
    said = site.run("-q", bad, good, status=2)
    assert re.search(
        r"^siemparse: .*bad: damaged behind byte [\d,]+ \(.+\); what comes before", one_line(said)
    )
    stored = site.lines()
    assert stored[-3:] == split(syslog(3))
    before = b"\n".join(stored[:-3])
    assert len(before) > 0
    assert data.startswith(before)
    # Once it is whole, the rest follows.
    site.file("bad", whole)
    site.run("-q", bad)
    again = stored[:-3] + site.lines()[len(stored) :]
    assert b"".join(again) == data.replace(b"\n", b"")


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_file_with_a_broken_byte(site: Site, kind: str) -> None:
    data = syslog(20_000)
    whole = bytearray(COMPRESS[kind](data))
    whole[len(whole) // 2] ^= 0xFF
    path = site.file("bad", bytes(whole))
    process = site.start("-q", path)
    said = process.communicate(timeout=60)[1].decode()
    # Not every kind of compression notices every mistake.
    assert process.returncode in {0, 2}
    assert len(said.splitlines()) == (1 if process.returncode else 0)


def test_what_only_looks_compressed(site: Site) -> None:
    for name, data in (
        ("a", b"\x1f\x8b"),
        ("b", b"BZh9 is not bzip2\n"),
        ("c", b"\x28\xb5\x2f\xfd"),
    ):
        said = one_line(site.run("-q", site.file(name, data), status=2))
        assert "damaged behind byte 0" in said
    site.file("a.gz", syslog(2))
    site.run("-q", "a.gz")
    assert site.lines() == split(syslog(2))


def test_a_file_is_stored_once(site: Site) -> None:
    path = site.file("a.log", syslog(3))
    site.run("-q", path, path)
    assert "all of it is stored already; --again stores it once more" in site.run(path)[0]
    link = site.folder / "link.log"
    link.symlink_to(path)
    site.run("-q", link)
    os.link(path, site.folder / "hard.log")
    site.run("-q", "hard.log")
    assert site.lines() == split(syslog(3))
    # Other tables know nothing of it.
    site.run("-q", "-s", "auth", path)
    assert site.lines("Auth") == split(syslog(3))
    site.run("-q", "--again", path)
    assert site.lines() == 2 * split(syslog(3))
    site.run("-q", path)
    assert len(site.lines()) == 6


def test_standard_input_that_is_a_file_is_one(site: Site) -> None:
    path = site.file("a.log", syslog(3))
    for _ in range(2):
        with path.open("rb") as file:
            process = site.start("-q", stdin=file)
            assert process.communicate(timeout=60) == (b"", b"")
    site.run("-q", path)
    assert site.lines() == split(syslog(3))


def test_a_file_that_has_grown_goes_on(site: Site) -> None:
    path = site.file("a.log", b"")
    site.run("-q", path)
    for n in range(4):
        with path.open("ab") as file:
            file.write(syslog(3, 3 * n))
        said = site.run(path)
        assert said[0].startswith(f"siemparse: {path}: went on behind byte") == (n > 0)
    assert site.lines() == split(syslog(12))


def test_a_last_line_that_was_half_written(site: Site) -> None:
    """What is there is stored; the rest follows as a line of its own."""
    data = syslog(3)
    path = site.file("a.log", data[:-20])
    site.run("-q", path)
    path.write_bytes(data)
    site.run("-q", path)
    assert b"".join(site.lines()) == data.replace(b"\n", b"")


def test_a_first_line_that_was_half_written(site: Site) -> None:
    """Its file has no mark yet; it is known again all the same, however it grows."""
    data = syslog(3)
    path = site.file("a.log", b"")
    for size in (10, 11, 30, len(data) - 5, len(data)):
        path.write_bytes(data[:size])
        site.run("-q", path)
        assert b"".join(site.lines()) == data[:size].replace(b"\n", b"")
    # Another file in the same place that begins alike, and is short, too.
    path.write_bytes(data[:20])
    site.run("-q", path)
    path.write_bytes(data)
    site.run("-q", path)
    assert b"".join(site.lines()) == data.replace(b"\n", b"") + data[:20]


def test_rotated_and_compressed_files_are_known_again(site: Site) -> None:
    path = site.file("a.log", syslog(100))
    site.run("-q", path)
    path.rename(site.folder / "a.log.1")
    path = site.file("a.log", syslog(50, 500))
    site.run("-q", "a.log", "a.log.1")
    assert site.lines() == split(syslog(100) + syslog(50, 500))
    # More was written to the old one before it was compressed.
    site.file("a.log.2.gz", gzip.compress(syslog(120)))
    (site.folder / "a.log.1").unlink()
    path.rename(site.folder / "a.log.1")
    site.file("a.log", syslog(10, 900))
    site.run("-q", "a.log", "a.log.1", "a.log.2.gz")
    assert sorted(site.lines()) == sorted(split(syslog(120) + syslog(50, 500) + syslog(10, 900)))


def test_a_renamed_file_is_known_again(site: Site) -> None:
    path = site.file("a.log", syslog(100))
    site.run("-q", path)
    (site.folder / "old").mkdir()
    moved = path.rename(site.folder / "old" / "other-name.txt")
    site.run("-q", moved)
    assert site.lines() == split(syslog(100))


def test_a_file_in_place_of_another_is_read_from_its_start(site: Site) -> None:
    path = site.file("a.log", syslog(100))
    site.run("-q", path)
    # The same first line, other lines behind it, in the same inode: what copytruncate leaves.
    other = syslog(1) + syslog(50, 700)
    path.write_bytes(other)
    site.run("-q", path)
    assert site.lines() == split(syslog(100) + other)
    site.run("-q", path)
    assert len(site.lines()) == 151


# --- hostile input -----------------------------------------------------------------------------


def test_an_empty_file_and_empty_input(site: Site) -> None:
    assert "stored 0 lines" in one_line(site.run(site.file("a.log", b"")))
    assert "stored 0 lines" in one_line(site.run())
    assert site.run("-q", site.file("a.gz", gzip.compress(b""))) == []


def test_a_million_empty_lines(site: Site) -> None:
    path = site.file("a.log", b"\n" * 1_100_000)
    said = one_line(site.run(path))
    assert "stored 1,100,000 lines in Entries (1,100,000 of them in no known format)" in said
    status = site.store.status("Entries")
    assert status is not None
    assert status.rows == 1_100_000


def test_a_line_of_a_hundred_megabytes(site: Site) -> None:
    data = b"Aug 23 06:15:38 h p: " + b"long " * 20_000_000 + b"\nAug 23 06:15:39 h p: end\n"
    path = site.file("a.log", data)
    site.run("-q", path)
    lines = site.lines()
    assert lines[-1] == b"Aug 23 06:15:39 h p: end"
    assert b"".join(lines[:-1]) == data.partition(b"\n")[0]


def test_binary_garbage_and_nuls(site: Site) -> None:
    garbage = Random(5).randbytes(3_000_000) + b"\n"
    nuls = b"\0" * 1_000_000 + b"\nAug 23 06:15:38 h p: \0\0\n" + b"\0\n" * 1000
    site.run("-q", site.file("a", garbage), site.file("b", nuls))
    assert site.lines() == split(garbage) + split(nuls)


def test_a_program_that_is_siemparse_itself(site: Site) -> None:
    site.run("-q", sys.executable)
    assert site.lines() == split(Path(sys.executable).read_bytes())


def test_bad_lines_among_many_keep_their_place(site: Site) -> None:
    lines = split(syslog(200_000))
    for n in range(0, len(lines), 997):
        lines[n] = lines[n][:40] + bytes([0x80 + n % 128]) + lines[n][40:]
    site.run("-q", site.file("a.log", b"\n".join(lines)))
    assert site.lines() == lines
