"""From a config to the store that it names."""

from __future__ import annotations

from siemstress.config import MAIN_SECTION, Config
from siemstress.errors import ConfigError
from siemstress.store.base import Store


def open_store(config: Config) -> Store:
    """The store that a config names. Nothing is created or read yet.

    Raises:
        ConfigError: it names a server.

    """
    if config.server is not None:
        raise ConfigError(
            "this version keeps events in the lake; take `server` out, and say lake=FOLDER",
            file=config.path,
            section=MAIN_SECTION,
            key="server",
        )
    from siemstress.store.lake import Lake

    return Lake(config.lake)
