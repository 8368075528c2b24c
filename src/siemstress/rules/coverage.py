"""Which Sigma rules can fire on what is stored, and what the others lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from sqlglot import exp

from siemstress.fields.maps import apart
from siemstress.rules.gather import Known
from siemstress.rules.sigma.condition import Condition, requirements
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.mappings import read_logs
from siemstress.rules.sigma.rule import Correlation, Sigma
from siemstress.rules.sigma.taxonomy import LogSource, events_of
from siemstress.rules.sigma.values import FIELDS, Batch, columns_of, places
from siemstress.store.base import Scan, Store

# So many events of each format are looked at for their fields.
_SAMPLE = 20_000
_ANY_LOG = "any log"


@dataclass
class Seen:
    """What is stored: of each log source that rules are about the formats of its events, and of
    each format the names of fields, in lower case without blanks."""

    formats: dict[LogSource, set[str]] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)


def look(
    store: Store, tables: Iterable[str], known: Sequence[Known], mappings: Sequence[Path]
) -> Seen:
    """Look at what some tables hold.

    Raises:
        StoreError: the store cannot be read.

    """
    logs = read_logs(mappings)
    sources = dict.fromkeys(one.sigma.source for one in known if isinstance(one.sigma, Sigma))
    meant: dict[LogSource, Condition] = {}
    for source in sources:
        among = events_of(source, logs)
        if among is not None:
            meant[source] = among
    seen = Seen()
    if not meant:
        return seen
    evaluator = Evaluator(list(meant.values()))
    for table in tables:
        present = set(store.columns(table))
        if not {"format", "fields"} <= present:
            continue
        wanted = dict.fromkeys(["format", *columns_of(evaluator.fields)])
        plain = [c for c in wanted if c in present and c != "fields"]
        kinds = _frame(store, table, exp.select(*map(_column, plain)).distinct())
        _note(seen, kinds, evaluator, list(meant))
        for (name,) in kinds.select(pl.col("format").cast(pl.String)).unique().iter_rows():
            query = exp.select(*map(_column, [*plain, "fields"])).limit(_SAMPLE)
            is_it = _column("format").eq(exp.Literal.string(name)) if name is not None else None
            query = query.where(is_it if is_it is not None else _column("format").is_(exp.null()))
            events = _frame(store, table, query)
            _note(seen, events, evaluator, list(meant))
            keys = apart(events["fields"])["key"].unique().drop_nulls()
            keys = keys.str.to_lowercase().str.replace_all(" ", "", literal=True)
            seen.names.setdefault(name or "", set()).update(keys)
    return seen


def lacks(known: Known, seen: Seen, by_name: Mapping[str, Known], depth: int = 0) -> str:
    """Why a rule cannot fire on what is stored; empty if it can, as far as can be told."""
    rule = known.sigma
    if isinstance(rule, Correlation):
        if rule.among is not None:
            return "" if not rule.among.source.product else _source_lacks(rule.among, seen)
        why = [
            lacks(by_name[name], seen, by_name, depth + 1)
            for name in rule.rules
            if name in by_name and depth < len(by_name)
        ]
        return next(filter(None, why), "") if all(why) else ""
    return "" if rule is None else _source_lacks(rule, seen)


def _source_lacks(rule: Sigma, seen: Seen) -> str:
    if not rule.fires:
        return f"no log of {spelled(rule.source)} is read"
    formats = seen.formats.get(rule.source)
    if formats is None:
        return f"no log of {spelled(rule.source)} is stored"
    names = set().union(*(seen.names.get(name, set()) for name in formats))
    for need in sorted(requirements(rule.condition), key=sorted):
        if not any(_there(place, names) for one in need for place in places(one)):
            field = min(need, key=len).split("|")[0].removeprefix(FIELDS)
            return f"no event has {field}"
    return ""


def _there(place: str, names: set[str]) -> bool:
    """Whether events may have a value there; columns are all events'."""
    if not place.startswith(FIELDS):
        return True
    return place.removeprefix(FIELDS).lower().replace(" ", "") in names


def spelled(source: LogSource) -> str:
    """A log source as people write it."""
    parts = (source.product, source.category, source.service)
    return "/".join(filter(None, parts)) or _ANY_LOG


def _note(
    seen: Seen, events: pl.DataFrame, evaluator: Evaluator, sources: Sequence[LogSource]
) -> None:
    formats = events["format"].cast(pl.String).fill_null("")
    for number, rows in evaluator.matches(Batch(events, evaluator.fields)):
        found = seen.formats.setdefault(sources[number], set())
        found.update(formats.gather(pl.Series(rows)).unique())


def _frame(store: Store, table: str, query: exp.Select) -> pl.DataFrame:
    reader = store.select(query.from_(exp.to_table("seen")), {"seen": Scan(table)})
    return pl.DataFrame(pl.from_arrow(reader.read_all()))


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)
