"""Real logs of other projects: where they lie, and what is right of what we make of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from parsing import CLOCK, parsed, plain, written_again
from siemstress.formats.clock import Clock

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"

Event = dict[str, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Mark:
    """One judged value: the score that it counts for, and whether it is right."""

    score: str
    right: bool
    line: str
    want: object
    got: object


def records(name: str, **wanted: str) -> list[Record]:
    """The records of a corpus, or those whose `meta` says what is wanted."""
    with (CORPORA / "train" / f"{name}.jsonl").open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [r for r in found if all(r["meta"].get(k) == v for k, v in wanted.items())]


def events(lines: Sequence[str], clock: Clock = CLOCK) -> list[Event]:
    """The events of lines, read together."""
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    return of_bytes(data, clock)


def of_bytes(data: bytes, clock: Clock = CLOCK) -> list[Event]:
    """The events of bytes."""
    if not data:
        return []
    return [plain(row) for row in parsed(data, "auto", clock).iter_rows(named=True)]


def pairs(found: Sequence[Record], clock: Clock = CLOCK) -> Iterator[tuple[Record, Event]]:
    """Records with their events; a line that holds a line feed counts as its first line."""
    made = events([r["line"].split("\n")[0] for r in found], clock)
    return zip(found, made, strict=True)


def equal(score: str, record: Record, want: object, got: object) -> Mark:
    """Judge a value as text."""
    same = str(want) == str(got if got is not None else "")
    return Mark(score, same, str(record["line"]), want, got)


# Its clock stands at noon of this day; stamps without a zone are of this one.
ZURICH = ZoneInfo("Europe/Zurich")
FAIL2BAN = Clock(int(datetime(2005, 8, 14, 12, tzinfo=ZURICH).timestamp()) * 10**6, "Europe/Zurich")


def fail2ban() -> Iterator[Mark]:
    """T: times; S: sources of failures; N: failures claimed where there is none."""
    for record, event in pairs(records("fail2ban"), FAIL2BAN):
        expect, line = record["expect"], record["line"]
        if "ts" in expect:
            right = _is_time(event, expect["ts"])
            yield Mark("T", right, line, expect["ts"], _local(event))
        if record["meta"].get("src_in_line") and "src_ip" in expect:
            yield equal("S", record, expect["src_ip"], event["source_host"])
        if not expect["match"]:
            claimed = event["outcome"] == "failure"
            yield Mark("N", not claimed, line, "no failure", event["action"])


def _is_time(event: Event, wanted: str) -> bool:
    # Not all are quite ISO 8601.
    parts = [int(part) for part in re.findall(r"\d+", wanted)[:6]]
    local = datetime(*parts, tzinfo=ZURICH)  # type: ignore[misc,arg-type]  # six at most
    difference = abs(event["time"].replace(tzinfo=UTC) - local)
    return event["zone"] is not None and difference < timedelta(seconds=1)


def _local(event: Event) -> str | None:
    """An event's time as its stamp had it, and the stamp's zone."""
    zone = event["zone"]
    if zone is None:
        return None
    moment: datetime = event["time"]
    if zone != "Z":
        minutes = int(zone[1:3]) * 60 + int(zone[4:])
        moment += timedelta(minutes=-minutes if zone[0] == "-" else minutes)
    return f"{moment.isoformat()} {zone}"


# What loghub's own tables hold for lines without a process is no process.
FIELDS: Mapping[str, Callable[[Event], str | None]] = {
    "host": lambda e: e["host"],
    "process": lambda e: e["process"],
    "pid": lambda e: str(e["pid"]) if e["pid"] is not None else None,
    "message": lambda e: e["message"].strip(),
}
# How the other systems' own stamps are written.
_STAMPS: Mapping[str, str] = {
    "HDFS": "%y%m%d %H%M%S",
    "Spark": "%y/%m/%d %H:%M:%S",
    "Proxifier": "%m.%d %H:%M:%S",
    "HealthApp": "%Y%m%d-%H:%M:%S",
}


def loghub() -> Iterator[Mark]:
    """Each system's time, host, process, pid and message, and how many lines there are."""
    for system in sorted({r["meta"]["system"] for r in records("loghub")}):
        found = records("loghub", system=system)
        made = events([r["line"] for r in found])
        yield Mark(f"{system} lines", len(made) == len(found), "", len(found), len(made))
        for record, event in zip(found, made, strict=False):
            expect = record["expect"]
            for name, value in FIELDS.items():
                if name in expect:
                    yield equal(f"{system} {name}", record, expect[name].strip(), value(event))
            want = _loghub_time(system, expect)
            if want is not None:
                got = (_local(event) or "").split(" ")[0]
                right = got[-len(want.lstrip("-")) :] == want.lstrip("-") if got else False
                yield Mark(f"{system} time", right, record["line"], want, got)


def _loghub_time(system: str, expect: Mapping[str, str]) -> str | None:
    """The time that a stamp says, `--` for a year that it does not say."""
    if "ts" in expect:
        return expect["ts"]
    text = f"{expect.get('raw_Date', '')} {expect['raw_Time']}".strip().rstrip(",")
    if system in _STAMPS:
        whole, _, millis = text.rpartition(":") if system == "HealthApp" else (text, "", "")
        moment = datetime.strptime(whole, _STAMPS[system])  # local, as written
        plain_text = f"{moment:%m-%dT%H:%M:%S}" if system == "Proxifier" else moment.isoformat()
        return plain_text + (f".{millis:0>3}000" if int(millis or 0) else "")
    date, _, rest = text.partition(" ")
    seconds, _, millis = rest.partition(",")
    return f"{date}T{seconds}" + (f".{millis}000" if int(millis or 0) else "")


_NAMES = {
    "http_status": "status",
    "http_path": "path",
    "http_verb": "method",
    "http_user_agent": "agent",
}


def crowdsec_parse() -> Iterator[Mark]:
    """Fields one by one; not judged: what only the collector of their logs could know."""
    for record, event in pairs(records("crowdsec_parse"), _NOW):
        expect, line = record["expect"], record["line"]
        for name, column in (("host", "host"), ("pid", "pid"), ("src_ip", "source_host"),
                             ("user", "user_name")):  # fmt: skip
            if name in expect:
                yield equal(name, record, expect[name], event[column])
        for name in ("process", "message"):
            if expect.get(name, line) in line and expect.get(name, line) != line:
                yield equal(name, record, expect[name].strip(), FIELDS[name](event))
        for name, field in _NAMES.items():
            if expect.get(name, "-") not in ("-", ""):
                yield equal(name, record, expect[name], _field(event, field))
        want = expect.get("ts") or expect.get("ts_raw")
        if want:
            got = _local(event)
            yield Mark("time", _same_time(str(want), got), line, want, got)


_NOW = Clock(int(datetime(2026, 11, 27, tzinfo=UTC).timestamp()) * 10**6)
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"


def _same_time(want: str, got: str | None) -> bool:
    """Whether month, day and time are the same, on the stamp's clock or in UTC."""
    if got is None:
        return False
    if re.fullmatch(r"\d{10}\.\d+", want):
        want = datetime.fromtimestamp(float(want), UTC).isoformat()
    clock = re.search(r"(\d\d:\d\d:\d\d)", want)
    name = re.search(r"[A-Za-z]{3}", re.sub(r"^[A-Z][a-z]{2} (?=[A-Z])", "", want))
    if name and name[0].lower() in _MONTHS:
        month = _MONTHS.index(name[0].lower()) // 3 + 1
        number = re.search(r"(?<![\d:])(\d{1,2})(?![\d:])", want)
        day = int(number[1]) if number else 0
    else:
        date = re.search(r"(\d\d)[-/](\d\d)[ T]", want)
        month, day = (int(date[1]), int(date[2])) if date else (0, 0)
    wanted = f"{month:02d}-{day:02d}T{clock[1] if clock else ''}"
    return got[5:19] == wanted


def _field(event: Event, name: str) -> object:
    """A field of a web access, whatever table names it."""
    for key in (name, f"http_{name}", f"http.{name}", *_SPELLINGS.get(name, ())):
        if key in event["fields"]:
            return event["fields"][key]
    return None


_SPELLINGS: Mapping[str, Sequence[str]] = {
    "agent": ("user_agent", "user_agent.original"),
    "status": ("http.response.status_code", "status_code"),
    "method": ("http.request.method", "verb"),
    "path": ("url.path", "url.original", "url", "uri", "target"),
}


def whole_files() -> Iterator[Mark]:
    """No line lost of any nasty file, and no time that jumps back over a roll-over."""
    for path in sorted((CORPORA / "torture").iterdir()):
        data = path.read_bytes()
        want = data.split(b"\n")
        if want[-1] == b"":
            want.pop()
        if not want:
            continue
        found = parsed(data)
        yield Mark("lines", written_again(found) == want, path.name, len(want), len(found))
        if "rollover" in path.name:
            times = found["time"]
            back = (times.diff().dt.total_days() < -1).any()
            yield Mark("roll-over", not back, path.name, "ascending", times.to_list()[:5])
