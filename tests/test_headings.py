"""Files that describe themselves: every line by what the file has said before it, and no other."""

from __future__ import annotations

import gzip
import signal
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collecting import FLUSH, append, stop, until
from running import Site
from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.ingest.reparse import Reparsing
from siemstress.sources import headings
from siemstress.sources.files import open_file
from siemstress.sources.headings import START, Heading, describe
from siemstress.sources.lines import of_bytes
from siemstress.store.base import Scan
from stores import ask

FORTH = b"#separator \\x09\n#path\tconn\n#fields\tts\tid.orig_h\tid.resp_h\tproto\tnote\n"
BACK = b"#separator \\x09\n#path\tconn\n#fields\tts\tproto\tid.resp_h\tid.orig_h\tnote\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def forth(count: int, first: int = 0, note: bytes = b"x") -> bytes:
    """Lines as FORTH says; who acted is always of 192.0.2.0/24."""
    rows = range(first, first + count)
    return b"".join(
        b"%d.5\t192.0.2.%d\t198.51.100.%d\ttcp\t%s\n" % (1503468000 + n, n % 250, n % 7, note)
        for n in rows
    )


def back(count: int, first: int = 0, note: bytes = b"x") -> bytes:
    """Lines as BACK says."""
    rows = range(first, first + count)
    return b"".join(
        b"%d.5\ttcp\t198.51.100.%d\t192.0.2.%d\t%s\n" % (1503468000 + n, n % 7, n % 250, note)
        for n in rows
    )


def judged(site: Site) -> dict[str, int]:
    """How many lines there are, how many say who acted, and how many of these are right."""
    sql = (
        "SELECT count(*) AS lines, count(source_host) AS told, count(CASE WHEN source_host LIKE"
        " '192.0.2.%' AND dest_host LIKE '198.51.100.%' AND protocol = 'tcp' THEN 1 END) AS right"
        " FROM t"
    )
    with closing(site.store) as store:
        return ask(store, sql, t=Scan("Entries"))[0]


# --- what a source has said


LINES = st.sampled_from(
    (b"a\tb", b"#", b"# x", b"#fields\ta\tb", b"#fields\tb", b"#fieldsx\tc", b"#separator \\x09",
     b"#path\tp", b"#close\tx", b"#Fields: a b", b"#fields: date", b"#Date: 2026-01-01", b"",
     b"#Software: x", b"\xef\xbb\xbf#Fields: c", b"#fields\t\xff", b"x,y,z", b"#types\ta")
)  # fmt: skip


def _one_by_one(lines: list[bytes]) -> list[Heading]:
    """What holds at each line: at a heading itself that counts already."""
    found, heading = [], START
    for line in lines:
        heading = heading.after(np.frombuffer(line + b"\n", np.uint8))
        found.append(heading)
    return found


@given(lines=st.lists(LINES, min_size=1, max_size=12), cut=st.integers(0, 12))
@example(lines=[b"#close", b"#Fields: a b", b"#date: 1"], cut=1)
@settings(deadline=None)
def test_any_chunk_is_read_by_what_stands_before_it(lines: list[bytes], cut: int) -> None:
    wanted = _one_by_one(lines)
    head, tail = (b"".join(line + b"\n" for line in part) for part in (lines[:cut], lines[cut:]))
    middle = START.after(np.frombuffer(head, np.uint8))
    assert middle.after(np.frombuffer(tail, np.uint8)) == wanted[-1]
    parts = [of_bytes(part) for part in (head, tail)]
    found: list[tuple[bytes, ...]] = []
    for heading, part in zip((START, middle), parts, strict=True):
        said = describe(part, [heading], np.array([len(part)]))
        numbers = [-1] * len(part) if said is None else said.number.tolist()
        known = () if said is None else said.headings
        found += [known[n].told if n >= 0 else () for n in numbers]
    assert found == [heading.told for heading in wanted]


def test_a_line_that_goes_on_is_no_heading() -> None:
    heading = START.after(np.frombuffer(b"GET /" + b"a" * 99, np.uint8))
    after = heading.after(np.frombuffer(b"#fields\tx\n#fields\ty\n", np.uint8))
    assert after.told == (b"#fields\ty",)
    lines = of_bytes(b"#fields\tx\na\n")
    assert describe(lines, [heading], np.array([2])) is None


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_looked_through_up_to_where_one_goes_on(
    tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headings, "_READ", 1 << 10)
    monkeypatch.setattr(headings, "_HEAD", 1 << 7)
    data = FORTH + forth(30) + BACK + back(30) + b"#close\n" + forth(30) + FORTH + forth(9)
    path = tmp_path / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(data) if packed else data)
    log = open_file(str(path))
    for at in range(0, len(data) + 1, 37):
        start = data.rfind(b"\n", 0, at) + 1
        assert headings.before(log, start) == START.after(np.frombuffer(data[:start], np.uint8))
    log.close()


def test_many_headings_take_no_time() -> None:
    data = b"".join(b"#fields\ta%d\n1\n" % n for n in range(3_000))
    parsed = LineParser("auto").parse(of_bytes(data), Clock(0), None, 1)
    assert parsed.lines == 6_000


# --- at the command


def test_a_file_of_several_chunks_whose_heading_changes(site: Site) -> None:
    note = b"x" * 240
    count = 20_000
    data = FORTH + forth(count, note=note) + BACK + back(count, note=note) + b"#close\t1\n"
    assert len(data) > 10 << 20
    site.run("-q", site.file("conn.log", data))
    lines = 2 * count + 7
    assert judged(site) == {"lines": lines, "told": 2 * count, "right": 2 * count}
    # The same through a pipe.
    site.clear()
    site.run("-q", "-", data=data)
    assert judged(site) == {"lines": lines, "told": 2 * count, "right": 2 * count}


def test_killed_and_run_again(site: Site) -> None:
    note = b"x" * 240
    count = 60_000
    path = site.file("conn.log", FORTH + forth(count, note=note) + BACK + back(count, note=note))
    process = site.start("-q", path)
    until(lambda: site.count() > 0)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert judged(site)["lines"] > 0
    site.run("-q", path)
    assert judged(site) == {"lines": 2 * count + 6, "told": 2 * count, "right": 2 * count}


def test_followed_through_a_restart_and_rotations(site: Site) -> None:
    conf = site.folder / "s.conf"
    conf.write_text(conf.read_text().replace("lake=lake", f"lake=lake\n{FLUSH}"))
    path = site.file("conn.log", FORTH + forth(10))
    other = site.file("other.log", BACK + back(10))
    process = site.start("-q", "--follow", path, other)
    until(lambda: site.count() == 26)
    append(path, forth(10, 10))
    append(other, back(10, 10))
    until(lambda: site.count() == 46)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    append(path, forth(10, 20))
    process = site.start("-q", "--follow", path, other)
    until(lambda: site.count() == 56)
    # Moved aside, with another order in the new file; the other one is copied and cut.
    path.rename(path.with_name("conn.log.1"))
    site.file("conn.log", BACK + back(10, 30))
    until(lambda: site.count() == 69)
    other.with_name("other.log.1").write_bytes(other.read_bytes())
    other.write_bytes(FORTH)
    append(other, forth(10, 40))
    until(lambda: site.count() == 82)
    stop(process)
    assert judged(site) == {"lines": 82, "told": 70, "right": 70}


def test_read_again_from_the_store(site: Site) -> None:
    data = FORTH + forth(10) + BACK + back(10)
    site.run("-q", site.file("conn.log", data))
    site.run("-q", site.file("iis.log", b"#Fields: date time c-ip sc-status\n"
                             b"2017-08-23 06:15:38 192.0.2.7 404\n"))  # fmt: skip
    csv = b"Time,Src_ip,Dest_ip,Proto\n2017-08-23T06:15:38Z,192.0.2.7,198.51.100.1,TCP\n"
    site.run("-q", site.file("a.csv", csv))
    before = site.events()
    with closing(site.store) as store:
        again = Reparsing(store, "Entries", LineParser("auto"), 0)
        again.compare()
        assert (again.difference.rows, again.difference.changed) == (len(before), 0)
        # Those that are wrong are put right, by what the heading that stands elsewhere says.
        part = next(iter(store.parts("Entries")))
        store.replace(part, lambda rows: rows.with_columns(dest_host=None, protocol=None))
        Reparsing(store, "Entries", LineParser("auto"), 0).apply()
    assert site.events() == before


def test_read_again_without_what_explains_it(site: Site) -> None:
    path = site.file("conn.log", FORTH + forth(3))
    site.run("-q", path)
    append(path, forth(3, 3))
    site.run("-q", path)
    with closing(site.store) as store:
        for part in store.parts("Entries"):
            store.replace(part, lambda rows: rows.with_columns(fields=None, message=None).filter(
                rows["message"].str.starts_with("#")))  # fmt: skip
    before = site.events()
    with closing(site.store) as store:
        Reparsing(store, "Entries", LineParser("auto"), 0).apply()
    told = [event for event in site.events() if event["source_host"]]
    assert told == [event for event in before if event["source_host"]]
    assert len(told) == 6
