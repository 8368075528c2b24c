"""Fixtures for all tests."""

from __future__ import annotations

from stores import kind, opened, store

__all__ = ["kind", "opened", "store"]
