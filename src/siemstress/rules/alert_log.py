"""What became of alerts after they opened: rows of one table, to which is only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from siemstress.rules.tables import ALERT_LOG
from siemstress.store.base import Store, add

if TYPE_CHECKING:
    import polars as pl

CHANGES = (
    "extended", "over", "superseded", "withdrawn",
    "acknowledged", "closed", "reopened", "assigned", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A change of an alert.

    `last_time` and `event_count` are how far the alert has come, `note` a text; of `superseded`
    it is the id of the alert that takes the place. `user_name` is who made the change; siemtrigger
    itself is nobody. `rule` is the name of the alert's rule.
    """

    alert_id: str
    change: str
    rule: str | None = None
    last_time: datetime | None = None
    event_count: int | None = None
    verdict: str | None = None
    assignee: str | None = None
    note: str | None = None
    user_name: str | None = None


def append(store: Store, entries: Sequence[Entry]) -> None:
    """Add to the log, durably, in the order of the entries.

    Raises:
        StoreError: the store cannot be written.

    """
    if not entries:
        return
    add(store, ALERT_LOG, _frame(entries, store.take_ids(len(entries))))


def _frame(entries: Sequence[Entry], first_id: int) -> pl.DataFrame:
    import polars as pl

    now = datetime.now(UTC).replace(tzinfo=None)
    count = len(entries)
    moments, numbers, text = pl.Datetime("us"), pl.Int32(), pl.String()
    return pl.DataFrame(
        [
            pl.Series("id", range(first_id, first_id + count), pl.Int64()),
            pl.Series("time", [now] * count, moments),
            pl.Series("received", [now] * count, moments),
            pl.Series("alert_id", [e.alert_id for e in entries], text),
            pl.Series("change", [e.change for e in entries], text),
            pl.Series("source_rule", [e.rule for e in entries], text),
            pl.Series("last_time", [e.last_time for e in entries], moments),
            pl.Series("event_count", [_small(e.event_count) for e in entries], numbers),
            pl.Series("verdict", [e.verdict for e in entries], text),
            pl.Series("assignee", [e.assignee for e in entries], text),
            pl.Series("note", [e.note for e in entries], text),
            pl.Series("user_name", [e.user_name for e in entries], text),
        ]
    )


def _small(number: int | None) -> int | None:
    return None if number is None else min(number, 2**31 - 1)
