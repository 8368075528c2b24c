"""From a config to the store that it names."""

from __future__ import annotations

from siemstress.config import Config
from siemstress.store.base import Store


def open_store(config: Config) -> Store:
    """The store that a config names. Nothing is created, read or connected yet."""
    if config.server is not None:
        from siemstress.store.mariadb.database import MariaDB

        return MariaDB(config.server)
    from siemstress.store.lake import Lake

    return Lake(config.lake)
