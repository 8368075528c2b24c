"""What rules have not seen yet, though it is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from siemstress.rules.model import Rule
from siemstress.rules.positions import Positions, Source, source_of
from siemstress.rules.scan import Scanner
from siemstress.rules.tables import MATCHES
from siemstress.store.base import Scan, Store, rows


@dataclass(frozen=True)
class Gap:
    """Rows of a table that a rule has not seen; of their times the first and the last, in UTC.

    The table `SiemMatches` holds events that a rule is about, but has raised no alerts of.
    """

    rule: Rule
    table: str
    rows: int
    first: datetime | None
    last: datetime | None


def gaps(store: Store, rules: Sequence[Rule]) -> Iterator[Gap]:
    """What each rule has not seen yet, table by table; nothing where it has seen all."""
    measure = _Measure(store)
    by_feed: dict[str, list[Rule]] = {}
    for rule in rules:
        for feed in rule.feeds:
            by_feed.setdefault(feed.digest, []).append(rule)
    seen: set[tuple[str, str]] = set()
    for gap in Scanner(store, (f for r in rules for f in r.feeds), lambda *_: None).gaps():
        for rule in by_feed[gap.feed.digest]:
            if (rule.name, gap.source.table) not in seen:
                seen.add((rule.name, gap.source.table))
                yield from measure.of(rule, gap.source, gap.after)
    for out_table in dict.fromkeys(rule.out_table for rule in rules):
        positions = Positions(store, out_table, "rules")
        positions.sync()
        mine = [rule for rule in rules if rule.out_table == out_table]
        yield from _of_matches(store, positions, mine, measure)
        yield from _of_queries(store, positions, mine, measure)


def _of_matches(
    store: Store, positions: Positions, rules: Sequence[Rule], measure: _Measure
) -> Iterator[Gap]:
    source = source_of(store, MATCHES)
    by_member = {rule.member: rule for rule in rules if rule.windowed is not None}
    if source is None:
        return
    for member, after in positions.of(source, by_member).items():
        yield from measure.of(by_member[member], source, after)


def _of_queries(
    store: Store, positions: Positions, rules: Sequence[Rule], measure: _Measure
) -> Iterator[Gap]:
    for rule in rules:
        for table in rule.tables if rule.windowed is None else ():
            source = source_of(store, table)
            if source is not None:
                consumer = rule.consumer(table, source.identity)
                yield from measure.of(rule, source, positions.single(consumer))


class _Measure:
    """Counts what came later than a version, once for all rules."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[
            tuple[str, int | None, tuple[str, ...]], tuple[int, datetime, datetime]
        ] = {}

    def of(self, rule: Rule, source: Source, after: int | None) -> Iterator[Gap]:
        if after == source.version:
            return
        feeds = tuple(sorted(f.digest for f in rule.feeds)) if source.table == MATCHES else ()
        key = (source.table, after, feeds)
        if key not in self._known:
            self._known[key] = self._count(source, after, feeds)
        count, first, last = self._known[key]
        if count:
            yield Gap(rule, source.table, count, first, last)

    def _count(
        self, source: Source, after: int | None, feeds: Sequence[str]
    ) -> tuple[int, datetime, datetime]:
        time = exp.column("time", quoted=True)
        query = exp.select(
            exp.alias_(exp.Count(this=exp.Star()), "n"),
            exp.alias_(exp.Min(this=time), "first"),
            exp.alias_(exp.Max(this=time.copy()), "last"),
        ).from_(exp.to_table("fresh"))
        if feeds:
            wanted = [exp.Literal.string(feed) for feed in feeds]
            query = query.where(exp.column("feed", quoted=True).isin(*wanted))
        scan = Scan(source.table, after=after, upto=source.version)
        row = next(rows(self._store.select(query, {"fresh": scan})))
        return row["n"], row["first"], row["last"]
