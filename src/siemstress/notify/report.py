"""What the ledger says of each notifier."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlglot import exp

from siemstress.notify.ledger import FAILED, GIVEN_UP, SENT, SKIPPED, SUMMED, WAITING, newest
from siemstress.query.conditions import column
from siemstress.rules.tables import NOTIFIED
from siemstress.store.base import Scan, Store

_TYPES: Mapping[str, pl.DataType] = {
    "notifier": pl.String(), "state": pl.String(), "messages": pl.Int64(),
    "time": pl.Datetime("us"), "next_try": pl.Datetime("us"),
}  # fmt: skip


def report(store: Store, kinds: Mapping[str, str]) -> pl.DataFrame:
    """A row for each notifier, those of `kinds` (by name) first, then others that there were.

    `sent`, `waiting`, `failed` (those that are tried again), `given_up`, `skipped` and `summed`
    count messages; `last_sent` and `next_try` are times (UTC); `error` is the last that was wrong.
    """
    counted, errors = _counted(store), _errors(store)
    found: list[dict[str, object]] = []
    for name in dict.fromkeys((*kinds, *sorted(set(counted["notifier"].to_list())))):
        mine = counted.filter(pl.col("notifier") == name)
        by_state = dict(mine.select("state", "messages").iter_rows())
        waits = sum(by_state.get(state, 0) for state in WAITING - {FAILED})
        sent = mine.filter(pl.col("state") == SENT)["time"].max()
        due = mine.filter(pl.col("state").is_in(list(WAITING)))["next_try"].min()
        has_trouble = by_state.get(FAILED, 0) or by_state.get(GIVEN_UP, 0)
        row = {"notifier": name, "kind": kinds.get(name, "(not in siemtrigger.conf)")}
        counts = {n: by_state.get(n, 0) for n in (FAILED, GIVEN_UP, SKIPPED, SUMMED)}
        times = {"last_sent": sent, "next_try": due}
        error = errors.get(name) if has_trouble else None
        found.append({**row, "sent": by_state.get(SENT, 0), "waiting": waits, **counts, **times,
                      "error": error})  # fmt: skip
    types: dict[str, pl.DataType] = {
        "notifier": pl.String(), "kind": pl.String(),
        **{n: pl.Int64() for n in ("sent", "waiting", FAILED, GIVEN_UP, SKIPPED, SUMMED)},
        "last_sent": pl.Datetime("us"), "next_try": pl.Datetime("us"), "error": pl.String(),
    }  # fmt: skip
    return pl.DataFrame(found, schema=types)


def _counted(store: Store) -> pl.DataFrame:
    """Messages by notifier and state, with the last time and the first that is due."""
    if store.version(NOTIFIED) is None:
        return pl.DataFrame(schema=_TYPES)
    count = exp.Count(this=exp.Star())
    query = (
        exp.select(
            column("notifier"),
            column("state"),
            exp.alias_(count, "messages", quoted=True),
            exp.alias_(exp.Max(this=column("time")), "time", quoted=True),
            exp.alias_(exp.Min(this=column("next_try")), "next_try", quoted=True),
        )
        .from_(newest().subquery("states"))
        .group_by(column("notifier"), column("state"))
    )
    answer = store.select(query, {"ledger": Scan(NOTIFIED)}).read_all()
    found = pl.DataFrame(pl.from_arrow(answer))
    return found.select(pl.col(name).cast(kind) for name, kind in _TYPES.items())


def _errors(store: Store) -> dict[str, str]:
    """The last error of each notifier."""
    if store.version(NOTIFIED) is None:
        return {}
    states = [exp.Literal.string(state) for state in (FAILED, GIVEN_UP)]
    names = (column("notifier"), column("error"))
    query = exp.select(*names).from_(newest().subquery("states")).order_by(column("time"))
    query = query.where(column("state").isin(*states))
    answer = store.select(query, {"ledger": Scan(NOTIFIED)}).read_all()
    return dict(zip(*(answer.column(n).to_pylist() for n in (0, 1)), strict=True))
