"""The table of assets: whose a machine is and what it is for, found by its name or address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from siemstress.config.enrichment import Assets, mistake
from siemstress.enrich.addresses import Range, Ranges, packed, ranges_of
from siemstress.enrich.entries import addition
from siemstress.enrich.reading import rows, text_of
from siemstress.enrich.texts import Texts
from siemstress.enrich.watched import Watched

SIDES = (("host", ""), ("source_host", "source."), ("dest_host", "destination."))
"""Columns that name machines, and what the names of fields about them begin with."""

KEYS = ("host", "address")
"""Columns of the table that machines are found by; without one it is the first."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")


class _Table:
    """A table of assets: its lines by their keys, and its other columns."""

    def __init__(self, path: Path) -> None:
        """Read a CSV file with a header.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no such file.

        """
        table = list(rows(text_of(path)))
        head = [name.strip().replace(" ", "_") for name in table[0]] if table else []
        lower = [name.lower() for name in head]
        keys = [lower.index(key) for key in KEYS if key in lower] or [0]
        # With two keys a machine that is found by one has the other as well.
        kept = [n for n in range(len(head)) if n not in keys or len(keys) > 1]
        if len(set(lower)) < len(lower) or not kept:
            raise ValueError("must have a header: a host or address, and what is told of it")
        for name in head:
            if not _NAME.match(name):
                raise ValueError(
                    f"has a column {name[:40]!r}; letters, digits, `_-.` are for names"
                )
        body = table[1:]
        ranges: list[tuple[Range, int]] = []
        # The last line of a name counts.
        names: dict[str, int] = {}
        for number, row in enumerate(body):
            for place in keys:
                key = row[place].lower().rstrip(".") if place < len(row) else ""
                try:
                    ranges += [(found, number) for found in ranges_of(key)]
                except ValueError:
                    names[key] = number
        names.pop("", None)
        self._ranges = Ranges(ranges)
        self._names = Texts(
            pl.Series(list(names), dtype=pl.String), pl.Series(list(names.values()), dtype=pl.Int64)
        )
        self.columns = {
            f"asset.{head[n]}": pl.Series(
                [row[n] or None if n < len(row) else None for row in body], dtype=pl.String
            )
            for n in kept
        }

    def find(self, hosts: pl.Series) -> pl.DataFrame:
        """Of different hosts those that are in the table, as `value` and the line's `number`."""
        named = self._names.look_up(hosts.str.to_lowercase().str.strip_chars_end("."))
        places, numbers = self._ranges.look_up(packed(hosts))
        place = np.concatenate([named["place"].to_numpy(), places])
        number = np.concatenate([named["number"].to_numpy(), numbers])
        return pl.DataFrame({"value": hosts.gather(place), "number": number})


class Owners:
    """What the config's table of assets tells of the machines of a batch."""

    def __init__(self, item: Assets) -> None:
        """Read the table.

        Raises:
            ConfigError: it cannot be used.

        """
        self._watched = Watched(item.path, _Table, partial(mistake, item, "file"))

    def additions(self, events: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The entries for events."""
        table = self._watched.now()
        columns = {side: events[name].cast(pl.String) for name, side in SIDES if name in events}
        hosts = pl.concat([column.unique() for column in columns.values()]).unique().drop_nulls()
        found = table.find(hosts)
        if not found.height:
            return
        for side, column in columns.items():
            rows = pl.DataFrame({"value": column}).with_row_index("row")
            joined = rows.join(found, on="value", maintain_order="left")
            for name, texts in table.columns.items():
                value = texts.gather(joined["number"])
                known = value.is_not_null()
                yield addition(joined["row"].filter(known), f"{side}{name}", value.filter(known))
