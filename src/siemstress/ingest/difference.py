"""What would be different: stored events beside what their lines say today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from siemstress.fields.maps import ENTRIES

SAMPLES = 5


@dataclass(frozen=True)
class Sample:
    """An event of which something changes: columns by name, before and after."""

    id: int
    changes: Mapping[str, tuple[Any, Any]]


@dataclass
class Difference:
    """What changes in events that were read again.

    `rows` is how many were looked at, `lost` of how many the line is not kept, `changed` how many
    change. `columns` counts changes by column, `formats` by the format before and after (None:
    none). `parsed` are those that a format reads now and none did, `unparsed` the reverse.
    """

    rows: int = 0
    lost: int = 0
    changed: int = 0
    parsed: int = 0
    unparsed: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    formats: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    _kinds: set[tuple[str, ...]] = field(default_factory=set)

    def join(self, other: Difference) -> None:
        """Count what was found in other events as well."""
        self.rows += other.rows
        self.lost += other.lost
        self.changed += other.changed
        self.parsed += other.parsed
        self.unparsed += other.unparsed
        self.columns.update(other.columns)
        self.formats.update(other.formats)
        for sample in other.samples:
            self._add(sample)

    def compare(self, old: pl.DataFrame, new: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
        """Which rows differ in these columns; the frames have the same events in one order."""
        changed = pl.DataFrame(
            {name: _differs(_column(old, new, name), new[name]) for name in columns}
        )
        rows = changed.select(pl.any_horizontal(pl.all())).to_series()
        self.changed += int(rows.sum())
        for name, count in changed.sum().row(0, named=True).items():
            if count:
                self.columns[name] += count
        self._count_formats(old.filter(rows), new.filter(rows))
        self._take_samples(old.filter(rows), new.filter(rows), changed.filter(rows))
        return rows

    def _count_formats(self, old: pl.DataFrame, new: pl.DataFrame) -> None:
        both = pl.DataFrame(
            {
                "before": old["format"].cast(pl.String),
                "after": new["format"].cast(pl.String),
                "was": old["parsed"].fill_null(value=True),
                "is": new["parsed"],
            }
        )
        for before, after, was, now, count in both.group_by(pl.all()).len().rows():
            if before != after:
                self.formats[before, after] += count
            self.parsed += count if now and not was else 0
            self.unparsed += count if was and not now else 0

    def _take_samples(self, old: pl.DataFrame, new: pl.DataFrame, changed: pl.DataFrame) -> None:
        """Of each set of columns that change together the first event."""
        if len(self.samples) >= SAMPLES:
            return
        first = changed.with_row_index("row").unique(changed.columns, keep="first")
        for row, *flags in first.sort("row").head(4 * SAMPLES).rows():
            names = [n for n, flag in zip(changed.columns, flags, strict=True) if flag]
            changes = {n: (_plain(_column(old, new, n)[row]), _plain(new[n][row])) for n in names}
            self._add(Sample(old["id"][row], changes))

    def _add(self, sample: Sample) -> None:
        kind = tuple(sample.changes)
        if kind not in self._kinds and len(self.samples) < SAMPLES:
            self._kinds.add(kind)
            self.samples.append(sample)


def _column(old: pl.DataFrame, new: pl.DataFrame, name: str) -> pl.Series:
    """A stored column; all null where the table has none of that name."""
    if name in old.columns:
        return old[name]
    return pl.repeat(None, new.height, dtype=new[name].dtype, eager=True)


def _differs(old: pl.Series, new: pl.Series) -> pl.Series:
    if isinstance(new.dtype, pl.Map):
        # So that two maps with the same entries in another order are the same.
        return _maps_differ(old.cast(ENTRIES), new.cast(ENTRIES))
    if isinstance(new.dtype, pl.Enum):
        new = new.cast(pl.String)
    return old.cast(new.dtype).ne_missing(new)


def _maps_differ(old: pl.Series, new: pl.Series) -> pl.Series:
    """As lists of entries: their order does not count, and an empty map is none."""
    before, after = (entries.list.len().fill_null(0) for entries in (old, new))
    differs = (before != after) | ((before > 0) & old.ne_missing(new))
    # Sorting takes long, and few have as many entries and others, or another order.
    rows = (differs & (before == after)).arg_true()
    if len(rows):
        left, right = (entries.gather(rows).list.sort() for entries in (old, new))
        differs = differs.scatter(rows, left.ne_missing(right))
    return differs


def _plain(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, dict) else value
