"""Windows over stored events, as SQL: which groups crossed their limit, when, by which events.

An event is *hot* when more than `limit` matches of its group lie within `span` up to and with it;
of a rule that says what must `then` follow, only events that follow so can be hot.
An *episode* is an unbroken run of hot matches, each within `span` of the one before. New events
can only make more matches hot, so an episode only ever grows, or grows together with another; one
that holds a match which was hot before the new events came has had its alert. The others are new.

Only matches near a new one (within twice the span) are looked at: matches further away were hot,
or not, before as well, and wherever such a one continues an episode, the nearest already shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from siemstress.rules.model import EPOCH, MICROSECOND, GroupKey, Rule, Window
from siemstress.store.base import Bounds, Scan, Store, rows

if TYPE_CHECKING:
    import pyarrow as pa

_ANY_TIME = Bounds()
# How many of an alert's events are named by their id.
IDS_MAX = 1000
# Alerts hold many ids each: few at a time keep memory small.
_BATCH_ROWS = 1000
# Rules that are asked about at once in one pass over what is new.
_SCREENED = 40

# Running windows are cheap; a frame of `span` is not, so that one is left for what needs it.
# `run` is when the limit + 1 counted events began that end with this one; the latest such run
# makes all later events hot that are within `span` of its beginning. `counts` are the events that
# are counted, `ends` those that can be hot (the same ones, unless the rule says what must follow).
_TEMPLATE = """
WITH matches AS (SELECT id, t, {g} fresh, counts, ends FROM source),
near AS (
    SELECT *, MAX(CASE WHEN fresh = 1 THEN t END) OVER ({by} ORDER BY t) AS before,
        MIN(CASE WHEN fresh = 1 THEN t END) OVER ({by} ORDER BY t DESC) AS later
    FROM matches),
runs AS (
    SELECT *, ROW_NUMBER() OVER ({by} ORDER BY t, id) AS place,
        CASE WHEN counts = 1 THEN LAG(t, :limit) OVER (
            PARTITION BY {g} counts ORDER BY t, id) END AS run,
        CASE WHEN counts = 1 AND fresh = 0 THEN LAG(t, :limit) OVER (
            PARTITION BY {g} counts, fresh ORDER BY t, id) END AS run_before
    FROM near WHERE t - before <= 2 * :span OR later - t <= 2 * :span),
marked AS (
    SELECT *,
        CASE WHEN ends = 1 AND t - MAX(run) OVER o <= :span THEN 1 ELSE 0 END AS hot,
        CASE WHEN ends = 1 AND fresh = 0 AND t - MAX(run_before) OVER o <= :span
            THEN 1 ELSE 0 END AS known
    FROM runs WINDOW o AS ({by} ORDER BY t)),
chained AS (
    SELECT *, CASE WHEN hot = 1 AND LAG(hot) OVER o = 1 AND t - LAG(t) OVER o <= :span
        THEN 0 ELSE 1 END AS starts
    FROM marked WINDOW o AS (PARTITION BY {g} ends ORDER BY t, id)),
numbered AS (
    SELECT *, SUM(starts) OVER (PARTITION BY {g} ends ORDER BY t, id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) * hot AS episode
    FROM chained),
episodes AS (
    SELECT {g} episode, MIN(t) AS start, MAX(t) AS last, MAX(place) AS last_place
    FROM numbered WHERE hot = 1 GROUP BY {g} episode HAVING MAX(known) = 0),
ahead AS (
    SELECT n.*, e.start, e.last, e.last_place, MIN(e.start) OVER (
        {n_by} ORDER BY n.t, n.id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_start,
        MAX(e.last) OVER ({n_by} ORDER BY n.t, n.id) AS until
    FROM numbered AS n LEFT JOIN episodes AS e ON e.episode = n.episode {n_same}),
opened AS (
    SELECT *, MIN(place) OVER (
        {by} ORDER BY t RANGE BETWEEN :span PRECEDING AND CURRENT ROW) AS first_place
    FROM ahead WHERE until >= t OR next_start - t <= :span),
begun AS (
    SELECT {g} start, MIN(last) AS last, MIN(last_place) AS last_place,
        MIN(first_place) AS first_place
    FROM opened WHERE t = start GROUP BY {g} start),
named AS (
    SELECT b.*, b.first_place + r.range AS place
    FROM begun AS b, RANGE(:ids) AS r WHERE b.first_place + r.range <= b.last_place)
SELECT {b_g} b.start, b.last, MIN(k.t) AS opened, b.last_place - b.first_place + 1 AS events,
    STRING_AGG(CAST(k.id AS TEXT), ', ' ORDER BY k.place) AS ids
FROM named AS b JOIN opened AS k ON k.place = b.place {k_same}
GROUP BY {b_g} b.start, b.last, b.first_place, b.last_place ORDER BY b.start
"""


@dataclass(frozen=True)
class Progress:
    """Up to which version a rule has seen a table (None: nothing), and which is the newest."""

    table: str
    after: int | None
    upto: int

    def fresh(self, derived: Mapping[str, exp.Expr], bounds: Bounds = _ANY_TIME) -> Scan:
        """The rows that are new."""
        return Scan(self.table, bounds, self.after, self.upto, derived)


@dataclass(frozen=True)
class Fresh:
    """How many new events a rule matches, of how many, and their first and last time (µs)."""

    matches: int
    events: int
    low: int | None
    high: int | None


@dataclass(frozen=True)
class Episode:
    """A new episode of a group: from the limit's crossing, `start`, to its last event so far.

    `opened` is the time of the first of the `events` counted; `ids` their first thousand.
    """

    group: tuple[str, ...]
    start: datetime
    last: datetime
    opened: datetime
    events: int
    ids: str


def screen(store: Store, progress: Progress, rules: Sequence[Rule]) -> Iterator[Fresh]:
    """For each rule (all on windows), which of a table's new events it matches, in numbers."""
    present = set(store.columns(progress.table))
    derived = next((rule.derived for rule in rules if rule.derived), {})
    scans = {"fresh": progress.fresh(derived)}
    for first in range(0, len(rules), _SCREENED):
        some = rules[first : first + _SCREENED]
        row = next(rows(store.select(_screening(some, present), scans)))
        for n in range(len(some)):
            yield Fresh(row[f"n{n}"], row["events"], row[f"low{n}"], row[f"high{n}"])


def arrived(store: Store, progress: Progress) -> int:
    """How many events are new."""
    query = exp.select(exp.alias_(exp.Count(this=exp.Star()), "events"))
    scans = {"fresh": progress.fresh({})}
    row = next(rows(store.select(query.from_(exp.to_table("fresh")), scans)))
    return int(row["events"])


def _screening(rules: Sequence[Rule], present: set[str]) -> exp.Select:
    time = _microseconds()
    parts: list[exp.Expr] = [exp.alias_(exp.Count(this=exp.Star()), "events")]
    for n, rule in enumerate(rules):
        match = rule.match
        assert isinstance(match, Window)  # noqa: S101 - by the caller's choice
        case = exp.Case(ifs=[exp.If(this=counts(match.either, rule, present), true=time.copy())])
        parts.append(exp.alias_(exp.Count(this=case), f"n{n}"))
        parts.append(exp.alias_(exp.Min(this=case.copy()), f"low{n}"))
        parts.append(exp.alias_(exp.Max(this=case.copy()), f"high{n}"))
    return exp.select(*parts).from_(exp.to_table("fresh"))


def new_episodes(
    store: Store, rule: Rule, tables: Sequence[Progress], low: int, high: int
) -> Iterator[Episode]:
    """The episodes of a rule on windows that the new events between `low` and `high` (µs) began.

    `low` and `high` are the times of the first and the last new match.
    """
    match = rule.match
    assert isinstance(match, Window)  # noqa: S101 - by the caller's choice
    span = match.span // MICROSECOND
    edges = (low - 2 * span, high + 2 * span)
    scans: dict[str, Scan] = {}
    parts: list[exp.Query] = []
    for n, table in enumerate(tables):
        present = set(store.columns(table.table))
        fresh, earlier = f"fresh{n}", f"earlier{n}"
        scans[fresh] = table.fresh(rule.derived, _bounds(low, high))
        parts.append(_matches(fresh, rule, present, 1, edges))
        if table.after is not None:
            scans[earlier] = Scan(table.table, _bounds(*edges), None, table.after, rule.derived)
            parts.append(_matches(earlier, rule, present, 0, edges))
    query = _episodes(rule, match, parts)
    width = len(match.group_by)
    for row in rows(_select(store, query, scans)):
        yield Episode(
            group=tuple(row[f"g{n}"] for n in range(width)),
            start=_clamped(row["start"]),
            last=_clamped(row["last"]),
            opened=_clamped(row["opened"]),
            events=row["events"],
            ids=row["ids"],
        )


def _select(store: Store, query: exp.Query, scans: Mapping[str, Scan]) -> pa.RecordBatchReader:
    return store.select(query, scans, batch_rows=_BATCH_ROWS)


def _episodes(rule: Rule, match: Window, parts: Sequence[exp.Query]) -> exp.Query:
    values = {
        "span": match.span // MICROSECOND,
        "limit": rule.limit,
        "ids": IDS_MAX,
    }
    tree = exp.replace_placeholders(
        _template(len(match.group_by)), **{k: exp.Literal.number(v) for k, v in values.items()}
    )
    assert isinstance(tree, exp.Select)  # noqa: S101 - by the template
    source = parts[0] if len(parts) == 1 else exp.union(*parts, distinct=False)
    for table in tree.find_all(exp.Table):
        if table.name == "source":
            table.replace(source.subquery("source"))
            break
    return tree


@cache
def _template(width: int) -> exp.Expr:
    names = [f"g{n}" for n in range(width)]

    def same(left: str, right: str) -> str:
        return "".join(f" AND {left}.{g} = {right}.{g}" for g in names)

    text = _TEMPLATE.format(
        g="".join(f"{name}, " for name in names),
        b_g="".join(f"b.{name}, " for name in names),
        by=f"PARTITION BY {', '.join(names)}" if names else "",
        n_by=f"PARTITION BY {', '.join(f'n.{name}' for name in names)}" if names else "",
        n_same=same("e", "n"),
        k_same=same("k", "b"),
    )
    return sqlglot.parse_one(text, read="duckdb")


def _matches(
    scan: str, rule: Rule, present: set[str], fresh: int, edges: tuple[int, int]
) -> exp.Select:
    """Id, time, group and newness of the matches in a scan that lie between the edges."""
    match = rule.match
    assert isinstance(match, Window)  # noqa: S101 - by the caller's choice
    columns: list[exp.Expr] = [
        exp.alias_(exp.column("id", quoted=True), "id"),
        exp.alias_(_microseconds(), "t"),
        exp.alias_(exp.Literal.number(fresh), "fresh"),
        *_roles(match, present),
    ]
    for n, key in enumerate(match.group_by):
        columns.append(exp.alias_(_present(group_value(key), present), f"g{n}"))
    between = exp.Between(
        this=exp.column("time", quoted=True), low=_literal(edges[0]), high=_literal(edges[1])
    )
    query = exp.select(*columns).from_(exp.to_table(scan))
    return query.where(counts(match.either, rule, present), between)


def _roles(match: Window, present: set[str]) -> Iterator[exp.Expr]:
    """Whether a match is counted, and whether it can make the window hot, as 1 and 0."""
    one, none = exp.Literal.number(1), exp.Literal.number(0)
    for condition, name in ((match.condition, "counts"), (match.then, "ends")):
        if match.then is None or condition is None:
            yield exp.alias_(one.copy(), name)
        else:
            holds = _present(condition, present)
            case = exp.Case(ifs=[exp.If(this=holds, true=one.copy())], default=none.copy())
            yield exp.alias_(case, name)


def group_value(key: GroupKey) -> exp.Expr:
    """A key's value as groups compare it: text in lower case.

    An event without a host counts for the machine that parsed it.
    """
    column: exp.Expr = exp.column(key.column, quoted=True)
    if key.name == "host":
        column = exp.Coalesce(this=column, expressions=[exp.column("parsed_on", quoted=True)])
    if key.field is not None:
        value: exp.Expr = exp.Bracket(
            this=column, expressions=[exp.Literal.string(key.field)], safe=True
        )
    else:
        value = exp.cast(column, "text")
    return exp.Lower(this=value)


def counts(condition: exp.Expr | None, rule: Rule, present: set[str]) -> exp.Expr:
    """What holds for an event that counts: it has a time and a group, and is no own alert.

    `present` are the columns that the table has; the others are null.
    """
    groups = rule.match.group_by if isinstance(rule.match, Window) else ()
    needed = [exp.column("time", quoted=True), *(group_value(key) for key in groups)]
    parts: list[exp.Expr] = [exp.Not(this=exp.Is(this=n, expression=exp.null())) for n in needed]
    if condition is not None:
        parts.append(exp.paren(condition.copy()))
    if "source_rule" in present:
        own = exp.NullSafeEQ(
            this=exp.column("source_rule", quoted=True), expression=exp.Literal.string(rule.name)
        )
        parts.append(exp.Not(this=own))
    return _present(exp.and_(*parts), present)


def _present(node: exp.Expr, present: set[str]) -> exp.Expr:
    """The expression with null for every column that the table does not have."""

    def known(part: exp.Expr) -> exp.Expr:
        return exp.null() if isinstance(part, exp.Column) and part.name not in present else part

    return node.copy().transform(known)


def _microseconds() -> exp.Expr:
    return exp.Anonymous(this="epoch_us", expressions=[exp.column("time", quoted=True)])


def _clamped(microseconds: int) -> datetime:
    """The moment, or the nearest that a date can hold."""
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return datetime.min if microseconds < 0 else datetime.max


def _literal(microseconds: int) -> exp.Expr:
    text = _clamped(microseconds).isoformat(sep=" ", timespec="microseconds")
    return exp.cast(exp.Literal.string(text), "timestamp")


def _bounds(low: int, high: int) -> Bounds:
    return Bounds(time_min=_clamped(low), time_max=_clamped(high))
