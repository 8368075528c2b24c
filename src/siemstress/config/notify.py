"""Sections of a config that say whom alerts are told: `[notify NAME]`.

What is in one is the business of `siemstress.notify`; here it is told from kinds of log.
"""

from __future__ import annotations

import configparser
from pathlib import Path

from siemstress.config.ini import Keys, keys_of

PREFIX = "notify "


def is_notifier(section: str) -> bool:
    """Whether a section of a config is a notifier, and no kind of log."""
    return section.lower().startswith(PREFIX)


def read_notifiers(path: Path, ini: configparser.RawConfigParser) -> tuple[Keys, ...]:
    """The keys of each notifier of a config, in its order."""
    return tuple(keys_of(ini, path, name) for name in ini.sections() if is_notifier(name))
