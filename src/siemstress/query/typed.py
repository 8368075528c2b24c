"""SQL that a user typed: what its tables are."""

from __future__ import annotations

from siemstress.config import Config
from siemstress.query.events import BATCH_ROWS, derived_columns
from siemstress.query.filters import Filter
from siemstress.query.order import Answer
from siemstress.store.base import Limits, Scan, Store


def ask_typed(
    store: Store, config: Config, sql: str, wanted: Filter, seconds: float | None
) -> Answer:
    """Run one SELECT over all tables, by their own and their sections' names.

    They hold only the events that pass the filter, and their `raw` is the whole line. The query
    may take so many seconds (None: as many as it wants).

    Raises:
        QueryError: it is not one SELECT, or names what is not there, or took too much.

    """
    names = config.tables() | {table: table for table in store.tables()}
    derived, bounds, where = derived_columns(), wanted.bounds(), wanted.condition()
    mentioned = sql.lower()
    scans = {
        # Writing out how `raw` is rebuilt takes a while: not for tables that are not asked about.
        name: Scan(table, bounds, derived=derived if name.lower() in mentioned else {}, where=where)
        for name, table in names.items()
    }
    limits = Limits(seconds=seconds)
    reader = store.select_typed(sql, scans, batch_rows=BATCH_ROWS, limits=limits)
    return Answer(reader.schema, iter(reader))
