"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stores import kind, opened, store

__all__ = ["kind", "opened", "store"]


@pytest.fixture(scope="session", autouse=True)
def cache_of_rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is kept of rules that were read, in place of the user's."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    return folder
