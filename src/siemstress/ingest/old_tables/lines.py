"""Lines that the original kept whole: they stay out where their event gives them back."""

from __future__ import annotations

import polars as pl

from siemstress.formats.layout import LAYOUTS

# Formats of the original's that have a layout.
_FORMATS = ("syslogbsd", "syslogiso", "nohost", "tcpdump")


def with_lines(events: pl.DataFrame) -> pl.DataFrame:
    """The events; those whose columns give `raw` back by a format's layout have that format.

    And they no longer have `raw`.
    """
    if events["raw"].null_count() == len(events):
        return events
    import duckdb

    cases = " ".join(f"WHEN ({LAYOUTS[name]}) = \"raw\" THEN '{name}'" for name in _FORMATS)
    with duckdb.connect() as database:
        database.execute("SET threads = 1")
        database.register("events", events.to_arrow())
        # Nothing but layouts of ours are in it.
        query = f"SELECT CASE {cases} END AS found FROM events"
        answer = database.sql(query).to_arrow_table()
        found = pl.Series(pl.from_arrow(answer.column(0)))
    found = found.cast(pl.String).rename("found")
    return events.with_columns(
        raw=pl.when(pl.lit(found).is_null()).then("raw"),
        format=pl.coalesce(pl.lit(found), "format"),
    )
