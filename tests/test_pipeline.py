"""The pipeline itself, where no command can be made to show it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from running import Site, split, syslog
from siemstress.formats.clock import Clock
from siemstress.ingest import pipeline as module
from siemstress.ingest.inputs import Input, bring_in
from siemstress.ingest.parsing import LineParser
from siemstress.ingest.patience import Patience
from siemstress.ingest.pipeline import Pipeline
from siemstress.ingest.worker import LocalWorker
from siemstress.sources.headings import START, Heading


def test_a_signal_while_the_workers_start_loses_nothing_of_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first may have read by then, and what it has read is gone from the pipe."""
    site = Site(tmp_path)
    reading, writing = os.pipe()
    data = syslog(5)
    os.write(writing, data)
    has_read = threading.Event()

    class Reading(LocalWorker):
        def parse(
            self, size: int, clock: Clock, path: str | None, first_id: int,
            heading: Heading = START,
        ) -> int:  # fmt: skip
            has_read.set()
            time.sleep(0.1)
            return super().parse(size, clock, path, first_id, heading)

    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if not has_read.is_set():
            assert has_read.wait(30)
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "LocalWorker", Reading)
    pipeline = Pipeline(site.store, "Entries", LineParser("auto"), Patience(print))
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bring_in(pipeline, Input("standard input", None, reading), 0)
    monkeypatch.undo()
    assert (pipeline.not_stored, pipeline.certain) == (0, True)
    assert site.lines() == split(data)
    os.close(reading)
    os.close(writing)
