"""Enrichment as a config asks for it, on events of a test's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from siemstress.config import Config, load
from siemstress.enrich.enricher import Enricher
from siemstress.fields.maps import ENTRIES
from siemstress.schema import polars_schema


def config(folder: Path, text: str) -> Config:
    """What a config says that has these sections beside a kind of log."""
    path = folder / "siemstress.conf"
    path.write_text(f"[siemstress]\nlake=lake\n[auth]\ntable=Auth\n[web]\ntable=Web\n{text}")
    return load(path)


def enricher(folder: Path, text: str) -> Enricher:
    return Enricher(config(folder, text).enrichment)


def events(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Events with these columns; `fields` is a dictionary."""
    frame = pl.DataFrame({"id": range(len(rows))}, schema={"id": pl.Int64})
    columns = []
    for name, kind in polars_schema().items():
        values = [row.get(name) for row in rows]
        if name == "fields":
            pairs = [v and [{"key": k, "value": x} for k, x in v.items()] for v in values]
            columns.append(pl.Series(name, pairs, dtype=ENTRIES).cast(kind))
        elif name != "id":
            columns.append(pl.Series(name, values, dtype=kind))
    return frame.with_columns(columns)


def added(worker: Enricher, *rows: Mapping[str, Any]) -> list[dict[str, str]]:
    """The fields of events, once enriched."""
    return [dict(fields or {}) for fields in worker.add(events(rows))["fields"].to_list()]


def enriched(worker: Enricher, *rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Events, once enriched; their fields as a dictionary."""
    found = worker.add(events(rows)).to_dicts()
    return [{**event, "fields": dict(event["fields"] or {})} for event in found]
