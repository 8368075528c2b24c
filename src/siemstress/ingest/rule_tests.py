"""Runs the samples of rules: read as logs are, looked at as siemtrigger does.

All samples are stored in one lake of their own. Which events a rule is about is worked out for all
of them together, the windows for each sample by itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from sqlglot import exp

from siemstress import schema
from siemstress.errors import ConfigError, StoreError
from siemstress.formats.clock import Clock
from siemstress.ingest.parsing import LineParser
from siemstress.rules.feeds import Feed
from siemstress.rules.matches import by_feed
from siemstress.rules.model import Rule, since_epoch
from siemstress.rules.raising import computed
from siemstress.rules.samples import Sample
from siemstress.rules.scan import found
from siemstress.rules.ticks import Progress, answers
from siemstress.sources.lines import of_bytes
from siemstress.store.base import Scan
from siemstress.store.lake import Lake

# Ids that each sample may have.
_IDS = 1 << 20
_START = datetime(2026, 1, 1, 12)


@dataclass(frozen=True)
class Result:
    """How many alerts a sample raised (None: it could not be tried), and what is wrong with that;
    empty where nothing is."""

    rule: Rule
    sample: Sample
    alerts: int | None
    wrong: str


@dataclass(frozen=True)
class _Trial:
    rule: Rule
    sample: Sample
    number: int
    events: pl.DataFrame

    @property
    def first_id(self) -> int:
        return self.number * _IDS


def tried(samples: Iterable[tuple[Rule, Sample]]) -> Iterator[Result]:
    """Try samples of rules, in their order."""
    trials: list[_Trial] = []
    results: dict[int, Result] = {}
    some = list(samples)
    for number, (rule, sample) in enumerate(some, 1):
        try:
            events = _events(sample, number * _IDS)
        except (ConfigError, ValueError, TypeError, pl.exceptions.PolarsError) as e:
            results[number] = Result(rule, sample, None, " ".join(str(e).split())[:300])
        else:
            trials.append(_Trial(rule, sample, number, events))
    with tempfile.TemporaryDirectory(prefix="siemstress-rules-") as folder:
        lake = Lake(Path(folder) / "lake")
        _store(lake, trials)
        results |= _looked_at(lake, trials)
        lake.close()
    for number in range(1, len(some) + 1):
        yield results[number]


def _store(lake: Lake, trials: Sequence[_Trial]) -> None:
    by_table: dict[str, list[pl.DataFrame]] = {}
    for trial in trials:
        by_table.setdefault(trial.rule.tables[0], []).append(trial.events)
    for table, frames in by_table.items():
        frame = pl.concat(frames, how="diagonal_relaxed")
        lake.commit(table, lake.stage(table, frame))


def _looked_at(lake: Lake, trials: Sequence[_Trial]) -> Mapping[int, Result]:
    failed: dict[str, str] = {}

    def note(feed: Feed, error: StoreError) -> None:
        failed[feed.digest] = str(error)

    by_table: dict[str, dict[str, Feed]] = {}
    for trial in trials:
        for feed in trial.rule.feeds:
            by_table.setdefault(trial.rule.tables[0], {})[feed.digest] = feed
    whole = by_feed(
        frame
        for table, feeds in by_table.items()
        for frame in found(lake, Scan(table), tuple(feeds.values()), note, singly=True)
    )
    results: dict[int, Result] = {}
    for trial in trials:
        wrong = next((failed[f.digest] for f in trial.rule.feeds if f.digest in failed), "")
        if wrong:
            results[trial.number] = Result(trial.rule, trial.sample, None, wrong)
            continue
        try:
            count = _asked(lake, trial) if trial.rule.windowed is None else _windows(trial, whole)
        except StoreError as e:
            results[trial.number] = Result(trial.rule, trial.sample, None, str(e))
        else:
            results[trial.number] = _judged(trial, count)
    return results


def _judged(trial: _Trial, count: int) -> Result:
    wanted = trial.sample.alerts
    wrong = ""
    if wanted is None and count == 0:
        wrong = f"raised no alert{_said(trial)}"
    elif wanted is not None and wanted != count:
        wrong = f"raised {count} alerts, not {wanted}{_said(trial)}"
    return Result(trial.rule, trial.sample, count, wrong)


def _said(trial: _Trial) -> str:
    """What was read of the sample's first event, to see why."""
    if not len(trial.events):
        return ": there is no event"
    row = trial.events.row(0, named=True)
    names = ("format", "process", "action", "outcome", "user_name", "source_host", "message")
    said = " ".join(f"{n}={row[n]}" for n in names if row.get(n) not in (None, ""))
    return f"; read: {said[:200]}"


def _windows(trial: _Trial, matches: Mapping[str, pl.DataFrame]) -> int:
    within = pl.col("event").is_between(trial.first_id, trial.first_id + _IDS - 1)
    mine = {
        f.digest: matches[f.digest].filter(within) for f in trial.rule.feeds if f.digest in matches
    }
    return len(computed(trial.rule, mine, None, _until(trial)))


def _until(trial: _Trial) -> int | None:
    """When the sample is looked at (µs)."""
    times = trial.events["time"].drop_nulls()
    if trial.sample.after is None or not len(times):
        return None
    last: Any = times.max()
    return since_epoch(last) + trial.sample.after


def _asked(lake: Lake, trial: _Trial) -> int:
    number = exp.column("id", quoted=True)
    low, high = (exp.Literal.number(n) for n in (trial.first_id, trial.first_id + _IDS - 1))
    where = exp.Between(this=number, low=low, high=high)
    tables = [
        Progress(table, None, version, where=where)
        for table in trial.rule.tables
        if (version := lake.version(table)) is not None
    ]
    return sum(1 for _ in answers(lake, trial.rule, tables, tables, frozenset()))


# Samples as events -----------------------------------------------------------------------------


@cache
def _parser(name: str) -> LineParser:
    return LineParser(name)


def _events(sample: Sample, first_id: int) -> pl.DataFrame:
    """The events of a sample.

    Raises:
        ConfigError: there is no such format.
        ValueError: a value is none of its column.

    """
    if len(sample.lines) + len(sample.events) >= _IDS:
        raise ValueError("has too many lines")
    parts = []
    if sample.lines:
        data = "".join(f"{line}\n" for line in sample.lines).encode(errors="surrogateescape")
        now = int(datetime.now(UTC).timestamp()) * 1_000_000
        read = _parser(sample.format).parse(of_bytes(data), Clock(now), "sample", first_id)
        parts.append(read.events.cast({pl.Enum: pl.String}))
    if sample.events:
        parts.append(_given(sample.events, first_id + len(sample.lines)))
    return pl.concat(parts, how="diagonal_relaxed")


def _given(events: Sequence[Mapping[str, Any]], first_id: int) -> pl.DataFrame:
    rows = []
    for number, event in enumerate(events):
        moment = _START + timedelta(seconds=number)
        row: dict[str, Any] = {"id": first_id + number, "time": moment, "received": moment}
        row |= {"parsed_on": "sample", "parsed": True}
        fields: dict[str, str] = {}
        for name, value in event.items():
            column = schema.ALL.get(name)
            if column is None or column.kind in ("map", "binary"):
                fields[name.removeprefix("fields.")] = str(value)
            elif column.kind == "time":
                row[name] = datetime.fromisoformat(str(value)).replace(tzinfo=None)
            else:
                row[name] = str(value) if column.kind == "text" else value
        rows.append({**row, "fields": fields})
    types = schema.polars_schema((*schema.EVENT, *schema.ALERT))
    return pl.DataFrame(
        [pl.Series(name, [row.get(name) for row in rows], kind) for name, kind in types.items()]
    )
