"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import forked
from stores import kind, opened, store

__all__ = ["kind", "opened", "store"]

# As users start commands: with output that is buffered.
os.environ.pop("PYTHONUNBUFFERED", None)
# How quick a machine is never decides a test.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def cache_of_rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is kept of rules that were read, in place of the user's."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def quick_starts() -> Iterator[None]:
    """Start our commands without what every start does first."""
    with forked.starts():
        yield
