"""siemparse --journal and --kernel: each entry once, whatever ends it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from collecting import lake_site, stop, until
from running import Site
from siemstress.sources.journal import Journal, shown_journal
from siemstress.sources.pieces import Piece

__all__ = ["lake_site"]
REMOTE = Path("/lib/systemd/systemd-journal-remote")


class Entries:
    """Journals in a folder, and what has been stored of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.positions: dict[str, int] = {}
        self.stored: list[int] = []
        self.written = 0

    def write(self, count: int, file: str = "a.journal", clock: int = 0) -> None:
        entries = "".join(
            f"__REALTIME_TIMESTAMP={1_772_366_400_000_000 + (clock + n) * 1_000_000}\n"
            f"__MONOTONIC_TIMESTAMP={1_000_000 + n}\n_BOOT_ID={'9' * 32}\nPRIORITY=4\n"
            f'_PID={n}\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER=p\nMESSAGE="__CURSOR":"s={n}\n\n'
            for n in range(self.written, self.written + count)
        )
        self.written += count
        command = [str(REMOTE), "-o", str(self.folder / file), "-"]
        subprocess.run(command, input=entries.encode(), check=True, capture_output=True)

    def journal(self) -> Journal:
        arguments = ["-D", str(self.folder)]
        selector = selectors.DefaultSelector()
        return Journal(self.positions.get, lambda: [*self.positions], selector, arguments)

    def commit(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self.positions.update(piece.moves)
            self.stored += [int(json.loads(line)["_PID"]) for line in piece.data.splitlines()]

    def read(self, journal: Journal) -> None:
        """Read until as many are stored as were written."""
        deadline = time.monotonic() + 20
        while len(self.stored) < self.written and time.monotonic() < deadline:
            self.commit(journal.gather(1 << 30))
            time.sleep(0.02)
        self.commit(journal.gather(1 << 30))
        assert self.stored == list(range(self.written))


@pytest.fixture
def entries(tmp_path: Path) -> Entries:
    if not REMOTE.exists():
        assert not os.environ.get("CI")
        pytest.skip("systemd-journal-remote is not installed")
    folder = tmp_path / "journals"
    folder.mkdir()
    return Entries(folder)


def test_each_entry_once_over_restarts(entries: Entries) -> None:
    entries.write(5)
    for _ in range(3):
        journal = entries.journal()
        entries.read(journal)
        entries.write(4)
        entries.read(journal)
        entries.write(3)
        journal.gather(1 << 30)  # read, and lost before it was stored
        journal.finish()
    journal = entries.journal()
    entries.read(journal)
    journal.finish()


def test_another_journal_in_place_of_the_last(entries: Entries) -> None:
    """Its numbers begin anew: they are others than those that are known."""
    entries.write(5)
    journal = entries.journal()
    entries.read(journal)
    journal.finish()
    for file in entries.folder.iterdir():
        file.unlink()
    entries.write(3)
    journal = entries.journal()
    entries.read(journal)
    entries.write(2)
    entries.read(journal)
    journal.finish()


def test_what_another_process_has_stored_is_not_stored_again(entries: Entries) -> None:
    entries.write(5)
    first, second = entries.journal(), entries.journal()
    entries.read(first)
    time.sleep(0.5)
    for piece in second.gather(1 << 30):
        assert piece.stream is not None
        piece.stream.broken = True
    entries.write(2)
    entries.read(first)
    time.sleep(0.5)
    assert second.gather(1 << 30) == ()
    entries.write(2)
    entries.read(second)
    first.finish()
    second.finish()


def test_progress_in_words() -> None:
    shown = shown_journal("journal:0123456789:fedcba9876", 1234)
    assert shown == "journal fedcba98… of machine 01234567…: entry 1,234 stored"


def test_the_kernels_messages_are_stored_once(lake_site: Site) -> None:
    try:
        Path("/dev/kmsg").open("rb").close()
    except OSError:
        pytest.skip("/dev/kmsg cannot be read")
    process = lake_site.start("-q", "--kernel")
    until(lambda: lake_site.count() > 0)
    stop(process)
    count = lake_site.count()
    process = lake_site.start("-q", "--kernel")
    time.sleep(3)
    stop(process)
    events = lake_site.events()
    assert len(events) <= count + 5
    assert {event["process"] for event in events} == {"kernel"}
    assert all(event["parsed"] for event in events)
    assert len({event["raw"] or event["message"] for event in events}) >= min(count, 1)
