"""Helpers, as the original calls them: regular expressions that find more in a message.

What one finds goes to the event's `fields` under the name of its variable. `[helper NAME]`
sections of a config hold them, and the store does.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from siemstress.config.ini import Keys, keys_of

PREFIX = "helper "
HELPER_KEYS = frozenset({"regex", "variable", "sections"})


@dataclass(frozen=True)
class Helper:
    """A regular expression and the field that what it finds goes to.

    `sections` are the kinds of log that it is for; None: all. `file`, `section` and `key` say
    where the regular expression stands.
    """

    name: str
    variable: str
    regex: str
    sections: tuple[str, ...] | None = None
    file: str | None = None
    section: str | None = None
    key: str | None = None

    def is_for(self, section: str) -> bool:
        """Whether it is for a kind of log."""
        return self.sections is None or section in self.sections


def is_helper(section: str) -> bool:
    """Whether a section of a config is a helper, and no kind of log."""
    return section.lower().startswith(PREFIX)


def read_helpers(
    path: Path, ini: configparser.RawConfigParser, sections: Iterable[str]
) -> tuple[Helper, ...]:
    """The helpers of a config whose kinds of log are `sections`.

    Raises:
        ConfigError: a key is missing, unknown or wrong; says which.

    """
    names = [name for name in ini.sections() if is_helper(name)]
    return tuple(_helper(keys_of(ini, path, name), set(sections)) for name in names)


def names_in(value: str) -> tuple[str, ...]:
    """Names separated by commas or line breaks."""
    return tuple(part.strip() for part in value.replace("\n", ",").split(",") if part.strip())


def _helper(keys: Keys, sections: AbstractSet[str]) -> Helper:
    section = str(keys.section)
    unknown = sorted(set(keys.values) - HELPER_KEYS)
    if unknown:
        known = ", ".join(sorted(HELPER_KEYS))
        raise keys.mistake(unknown[0], f"no such key; there are: {known}")
    if not keys.get("regex"):
        raise keys.mistake("regex", "is missing")
    wanted = names_in(keys.get("sections"))
    strange = [name for name in wanted if name not in sections]
    if strange:
        known = ", ".join(sorted(sections))
        raise keys.mistake("sections", f"no such section: {strange[0]}; there are: {known}")
    name = section[len(PREFIX) :].strip()
    return Helper(
        name=name,
        variable=keys.get("variable") or name,
        regex=keys.get("regex"),
        sections=wanted or None,
        file=str(keys.file),
        section=section,
        key="regex",
    )
