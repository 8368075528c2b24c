"""What has become of alerts: how far each has come, and what people have said of it.

An alert that takes the place of others inherits what was said of them. All is worked out from the
tables of alerts and the log of alerts at once; nothing but these two is ever stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlglot import exp

from siemstress import schema
from siemstress.query.conditions import column, timestamp
from siemstress.rules.alert_heirs import Said, ancestors, heirs, inherited
from siemstress.rules.tables import ALERT_LOG, OWN
from siemstress.store.base import Bounds, Scan, Store

STATES = ("open", "acknowledged", "closed", "superseded", "withdrawn")
"""An alert's state; the last two are of alerts that are none any more."""
CURRENT = STATES[:3]

_SHOWN = (
    "time", "alert_id", "source_rule", "source_table", "group_key", "first_time", "last_time",
    "event_count", "severity", "magnitude", "rule_id", "tags", "message", "ongoing",
)  # fmt: skip
COLUMNS: dict[str, pl.DataType] = {
    "table": pl.String(),
    **{name: schema.polars_type(schema.ALL[name].kind) for name in _SHOWN},
    "state": pl.String(),
    "verdict": pl.String(),
    "assignee": pl.String(),
    "heir": pl.String(),
}
"""The columns of states: an alert's own as far as it has come, and what was said of it last.
`heir` is the alert that has taken its place."""

LOG: dict[str, pl.DataType] = {
    "id": pl.Int64(), "alert_id": pl.String(), "change": pl.String(), "verdict": pl.String(),
    "assignee": pl.String(), "note": pl.String(), "last_time": pl.Datetime("us"),
    "event_count": pl.Int32(),
}  # fmt: skip
_FAR = ("extended", "over", "superseded", "withdrawn")
_SAID = {"acknowledged": "acknowledged", "closed": "closed", "reopened": "open"}
_AT_ONCE = 500


@dataclass(frozen=True)
class Wanted:
    """Which alerts are asked for; None: any.

    `ids` are whole. Of the times (UTC, inclusive) an alert must have been within. `states` are of
    STATES. `patterns` are columns of COLUMNS with regular expressions in lower case, one of which
    must be found (in what is null as in an empty text).
    """

    ids: Sequence[str] | None = None
    time_min: datetime | None = None
    time_max: datetime | None = None
    severities: Sequence[int] | None = None
    states: Sequence[str] | None = None
    patterns: Sequence[tuple[str, Sequence[str]]] = ()


def tables_of(store: Store) -> list[str]:
    """The tables that hold alerts."""
    needed = {"alert_id", "source_rule", "group_key"}
    return [t for t in store.tables() if t not in OWN and needed.issubset(store.columns(t))]


def states(store: Store, wanted: Wanted = Wanted()) -> pl.DataFrame:
    """The alerts that are wanted, as COLUMNS, in order of time.

    Raises:
        StoreError: the store cannot be read.

    """
    tables = tables_of(store)
    frames = [_opened(store, table, wanted) for table in tables]
    found = pl.concat([pl.DataFrame(schema=_opened_schema()), *frames])
    found = found.unique("alert_id", keep="first", maintain_order=True)
    if not len(found):
        return pl.DataFrame(schema=COLUMNS)
    family = heirs(store, tables)
    log = pl.DataFrame(schema=LOG)
    if ALERT_LOG in store.tables():
        ids = None if wanted.ids is None else sorted(ancestors(found["alert_id"], family.parents))
        log = _newest(store, ids)
    found = _followed(found, log.filter(pl.col("change").is_in(_FAR)), family.stored)
    found = found.join(_said(log, family.parents), on="alert_id", how="left").with_columns(
        pl.col("state").fill_null("open")
    )
    found = found.with_columns(
        state=pl.when(pl.col("heir").is_not_null())
        .then(pl.lit("superseded"))
        .when(pl.col("change") == "withdrawn")
        .then(pl.lit("withdrawn"))
        .otherwise(pl.col("state"))
    )
    return _filtered(found, wanted).sort("time", "source_rule", "alert_id").select(list(COLUMNS))


def _said(log: pl.DataFrame, parents: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """What people have said last, of alerts and of those whose place they took."""
    judged = log.filter(pl.col("change").is_in(list(_SAID))).select(
        "alert_id",
        pl.col("id").alias("judged"),
        pl.col("change").replace_strict(_SAID, return_dtype=pl.String).alias("state"),
        "verdict",
    )
    assigned = log.filter(pl.col("change") == "assigned").select(
        "alert_id", pl.col("id").alias("assigned"), "assignee"
    )
    own = judged.join(assigned, on="alert_id", how="full", coalesce=True)
    own = own.with_columns(pl.col("state").fill_null("open"))
    family = {alert for heir, old in parents.items() for alert in (heir, *old)}
    told = own.filter(pl.col("alert_id").is_in(list(family))).rows(named=True)
    entries = {row.pop("alert_id"): Said(**row) for row in map(dict, told)}
    heirs_say = inherited(entries, parents)
    rows_of = [{"alert_id": alert, **vars(entry)} for alert, entry in heirs_say.items()]
    others = own.filter(~pl.col("alert_id").is_in(list(heirs_say)))
    both = pl.concat([others, pl.DataFrame(rows_of, schema=own.schema)])
    return both.select("alert_id", "state", "verdict", "assignee")


def _opened(store: Store, table: str, wanted: Wanted) -> pl.DataFrame:
    """The alerts of a table as they opened, for what can be told of them then."""
    present = set(store.columns(table))
    types = _opened_schema()
    names = [name for name in types if name in present]
    conditions = [_is_there("alert_id"), _is_there("source_rule")]
    if wanted.time_max is not None:
        conditions.append(exp.LTE(this=column("time"), expression=timestamp(wanted.time_max)))
    if wanted.severities is not None:
        numbers = [exp.Literal.number(n) for n in wanted.severities]
        conditions.append(column("severity").isin(*numbers) if numbers else exp.false())
    scan = Scan(table, Bounds(time_max=wanted.time_max))
    query = exp.select(*map(column, names)).from_(exp.to_table("alerts"))
    frames = [
        pl.DataFrame(pl.from_arrow(store.select(chunk, {"alerts": scan}).read_all()))
        for chunk in _chunks(query.where(*conditions), "alert_id", wanted.ids)
    ]
    found = pl.concat(frames) if frames else pl.DataFrame(schema=types)
    return found.select(
        pl.lit(table).alias("table") if name == "table"
        else (pl.col(name) if name in found.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in types.items()
    )  # fmt: skip


def _opened_schema() -> dict[str, pl.DataType]:
    own = ("state", "verdict", "assignee", "heir")
    return {"id": pl.Int64(), **{n: kind for n, kind in COLUMNS.items() if n not in own}}


def _followed(found: pl.DataFrame, far: pl.DataFrame, stored: frozenset[str]) -> pl.DataFrame:
    """Alerts brought to how far they have come; `stored` are heirs that there are."""
    is_heir = (pl.col("change") == "superseded") & pl.col("note").is_in(list(stored))
    comes = pl.col("change").is_in(["extended", "over"])
    far = far.select("alert_id", "change", "last_time", "event_count", "note")
    return found.join(far, on="alert_id", how="left", suffix="_now").with_columns(
        pl.coalesce("last_time_now", "last_time").alias("last_time"),
        pl.coalesce("event_count_now", "event_count").alias("event_count"),
        pl.when(comes).then(pl.col("change") == "extended").otherwise("ongoing").alias("ongoing"),
        pl.when(is_heir).then("note").alias("heir"),
    )


def _filtered(found: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    conditions = []
    if wanted.time_min is not None:
        conditions.append(pl.max_horizontal("time", "last_time") >= wanted.time_min)
    if wanted.states is not None:
        conditions.append(pl.col("state").is_in(list(wanted.states)))
    for name, patterns in wanted.patterns:
        text = pl.col(name).fill_null("").str.to_lowercase()
        conditions.append(pl.any_horizontal(*(text.str.contains(p) for p in patterns)))
    return found.filter(*conditions) if conditions else found


def _newest(store: Store, ids: Sequence[str] | None) -> pl.DataFrame:
    """Of each alert the newest entries of the log, as LOG: one of siemtrigger on how far it has
    come, and of people one on its state and one on its assignee."""
    present = set(store.columns(ALERT_LOG))
    columns = [
        column(name) if name in present else exp.alias_(exp.null(), name, quoted=True)
        for name in LOG
    ]
    aspect = exp.Case(
        ifs=[
            exp.If(this=in_texts("change", _FAR), true=exp.Literal.number(0)),
            exp.If(this=in_texts("change", _SAID), true=exp.Literal.number(1)),
        ],
        default=exp.Literal.number(2),
    )
    number = exp.Window(
        this=exp.RowNumber(),
        partition_by=[column("alert_id"), aspect],
        order=exp.Order(expressions=[exp.Ordered(this=column("id"), desc=True)]),
    )
    inner = exp.select(*columns, exp.alias_(number, "place", quoted=True))
    inner = inner.from_(exp.to_table("log"))
    inner = inner.where(in_texts("change", (*_FAR, *_SAID, "assigned")))
    frames = [pl.DataFrame(schema=LOG)]
    for chunk in _chunks(inner, "alert_id", ids):
        first = exp.EQ(this=column("place"), expression=exp.Literal.number(1))
        query = exp.select(*map(column, LOG)).from_(chunk.subquery("numbered")).where(first)
        answer = store.select(query, {"log": Scan(ALERT_LOG)}).read_all()
        frames.append(pl.DataFrame(pl.from_arrow(answer)).cast(LOG))  # type: ignore[arg-type] # as the stubs have it
    return pl.concat(frames)


def _chunks(query: exp.Select, name: str, values: Sequence[str] | None) -> Iterable[exp.Select]:
    """A query limited to some values of a column, so many at a time."""
    if values is None:
        return [query]
    starts = range(0, len(values), _AT_ONCE)
    return [query.where(in_texts(name, values[n : n + _AT_ONCE])) for n in starts]


def in_texts(name: str, values: Iterable[str]) -> exp.Expr:
    """The column is one of some texts."""
    return column(name).isin(*(exp.Literal.string(value) for value in values))


def _is_there(name: str) -> exp.Expr:
    return exp.not_(exp.Is(this=column(name), expression=exp.null()))
