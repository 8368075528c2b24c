"""Real logs of other projects, where they lie beside this one: none lost, and how much is right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from parsing import CLOCK, parsed, plain, written_again
from siemstress.formats.clock import Clock

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
FILES = sorted(p for folder in ("raw", "torture") for p in (CORPORA / folder).glob("*"))

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here")

Event = dict[str, Any]
Record = Mapping[str, Any]


def records(name: str, **wanted: str) -> list[Record]:
    """The records of a corpus, or those whose `meta` says what is wanted."""
    with (CORPORA / "train" / f"{name}.jsonl").open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [r for r in found if all(r["meta"].get(k) == v for k, v in wanted.items())]


def events(lines: Sequence[str], clock: Clock = CLOCK) -> list[Event]:
    """The events of lines, read together."""
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    found = [plain(row) for row in parsed(data, "auto", clock).iter_rows(named=True)]
    assert len(found) == len(lines)
    return found


def report(name: str, right: Sequence[bool], least: float) -> None:
    """Print a score and see that it is not below what it was."""
    share = sum(right) / len(right)
    print(f"{name}: {sum(right)} of {len(right)} ({share:.1%})")
    assert share >= least, name


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name[:40])
def test_every_line_comes_back(path: Path) -> None:
    data = path.read_bytes()
    wanted = data.split(b"\n")
    if wanted[-1] == b"":
        wanted.pop()
    if wanted:
        assert written_again(parsed(data)) == wanted


# What loghub's own tables hold for lines without a process is no process.
FIELDS: Mapping[str, Callable[[Event], str | None]] = {
    "host": lambda e: e["host"],
    "process": lambda e: e["process"],
    "pid": lambda e: str(e["pid"]) if e["pid"] is not None else None,
    "message": lambda e: e["message"].strip(),
    "ts": lambda e: f"{e['time']:--%m-%dT%H:%M:%S}",
}


@pytest.mark.parametrize(
    ("system", "least"),
    [
        ("Linux", {"host": 1.0, "process": 0.999, "pid": 0.999, "message": 0.999, "ts": 1.0}),
        ("OpenSSH", {"host": 1.0, "process": 1.0, "pid": 1.0, "message": 1.0, "ts": 1.0}),
    ],
)
def test_loghub(system: str, least: Mapping[str, float]) -> None:
    found = records("loghub", system=system)
    pairs = list(zip(found, events([r["line"] for r in found]), strict=True))
    for name, floor in least.items():
        right = [r["expect"][name] == FIELDS[name](e) for r, e in pairs if name in r["expect"]]
        report(f"loghub {system} {name}", right, floor)


# Its clock stands at noon of this day; stamps without a zone are of this one.
FAIL2BAN = Clock(
    int(datetime(2005, 8, 14, 12, tzinfo=ZoneInfo("Europe/Zurich")).timestamp()) * 10**6,
    "Europe/Zurich",
)


def test_fail2ban() -> None:
    found = records("fail2ban")
    pairs = list(zip(found, events([r["line"] for r in found], FAIL2BAN), strict=True))
    times = [_is_time(e, r["expect"]["ts"]) for r, e in pairs if "ts" in r["expect"]]
    report("fail2ban T", times, 0.8)
    sources = [
        e["source_host"] == r["expect"]["src_ip"]
        for r, e in pairs
        if r["meta"].get("src_in_line") and "src_ip" in r["expect"]
    ]
    report("fail2ban S", sources, 0.5)
    quiet = [e["outcome"] != "failure" for r, e in pairs if not r["expect"]["match"]]
    report("fail2ban N", quiet, 0.95)


def _is_time(event: Event, wanted: str) -> bool:
    # Not all are quite ISO 8601.
    parts = [int(part) for part in re.findall(r"\d+", wanted)[:6]]
    local = datetime(*parts, tzinfo=ZoneInfo("Europe/Zurich"))  # type: ignore[misc,arg-type]
    moment: datetime = event["time"]
    difference = abs(moment.replace(tzinfo=UTC) - local)
    return event["zone"] is not None and difference < timedelta(seconds=1)
