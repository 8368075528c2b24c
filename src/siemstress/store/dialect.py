"""Queries as texts in the house dialect, which is DuckDB's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_TEXT = "text"


def lasting(query: exp.Select) -> exp.Select:
    """The query, whose text is written once: it is asked again and again, and never changed."""
    query.meta[_TEXT] = query.sql("duckdb")
    return query


def text_of(query: exp.Query) -> str:
    """The query as DuckDB reads it."""
    return str(query.meta.get(_TEXT) or query.sql("duckdb"))
