"""Enrichment: what is added to events as they arrive, and what in them is masked.

Nothing is, unless a config has sections for it: `[geoip]`, `[list NAME]`, `[assets]`, `[mask]`.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from siemstress.config.extraction import names_in
from siemstress.config.ini import Keys, keys_of
from siemstress.errors import ConfigError
from siemstress.schema import column_name

GEOIP, LIST, ASSETS, MASK = "geoip", "list ", "assets", "mask"
GEOIP_KEYS = frozenset({"database", "asn", "fields", "sections"})
LIST_KEYS = frozenset({"file", "kind", "field", "columns", "sections"})
ASSETS_KEYS = frozenset({"file", "sections"})
MASK_KEYS = frozenset({"columns", "key", "sections"})

GEO_FIELDS = (
    "continent_code",
    "country_iso_code",
    "country_name",
    "region_iso_code",
    "region_name",
    "city_name",
    "postal_code",
    "timezone",
    "location",
)
"""What can be known of where an address is, as ECS calls it."""
USUAL_GEO_FIELDS = ("country_iso_code", "city_name")
KINDS = ("auto", "address", "domain", "hash", "user", "url")
"""What entries of lists are; of `auto` each by its looks."""
FIELDS = "fields."
TOKEN = r"masked[0-9a-f]{32}"  # noqa: S105 - what stands in the place of a masked value

_LOOKED_AT = ("source_host", "dest_host", "user_name", "host", "process")
# A name must do in a condition as it is: no blanks, commas, quotes or wildcards.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")


class _HasSections(Protocol):
    @property
    def sections(self) -> tuple[str, ...] | None: ...


Item = TypeVar("Item", bound=_HasSections)


@dataclass(frozen=True)
class GeoIP:
    """Files in MaxMind's format, and the fields that are wanted of them.

    Here and below `sections` are the kinds of log that it is for (None: all), and `file` and
    `section` say where in a config it stands.
    """

    database: Path | None
    asn: Path | None
    fields: tuple[str, ...]
    sections: tuple[str, ...] | None
    file: str
    section: str


@dataclass(frozen=True)
class ListFile:
    """A file of addresses, domains, hashes, users or URLs, that marks events.

    `field` is the column or key of the file that holds the values; empty: the first. `columns`
    are the event's columns that are looked at, `fields.NAME` among them; None: the usual ones.
    """

    name: str
    path: Path
    kind: str
    field: str
    columns: tuple[str, ...] | None
    sections: tuple[str, ...] | None
    file: str
    section: str


@dataclass(frozen=True)
class Assets:
    """A table whose first column is a host or an address, and the others are about it."""

    path: Path
    sections: tuple[str, ...] | None
    file: str
    section: str


@dataclass(frozen=True)
class Mask:
    """Columns, `fields.NAME` among them, whose values are masked, and the file of the key."""

    columns: tuple[str, ...]
    key: Path
    sections: tuple[str, ...] | None
    file: str
    section: str


@dataclass(frozen=True)
class Enrichment:
    """All that a config says of enrichment; false if it says nothing."""

    geoip: GeoIP | None = None
    lists: tuple[ListFile, ...] = ()
    assets: Assets | None = None
    mask: Mask | None = None

    def __bool__(self) -> bool:
        return bool(self.geoip or self.lists or self.assets or self.mask)

    def of_section(self, name: str) -> Enrichment:
        """What of it is for a kind of log."""
        return Enrichment(
            _for(name, self.geoip),
            tuple(item for item in self.lists if _for(name, item) is not None),
            _for(name, self.assets),
            _for(name, self.mask),
        )


NOTHING = Enrichment()


def mistake(item: GeoIP | ListFile | Assets | Mask, key: str, problem: str) -> ConfigError:
    """The error that what a key names cannot be used."""
    return ConfigError(problem, file=item.file, section=item.section, key=key)


def is_enrichment(ini: configparser.RawConfigParser, section: str) -> bool:
    """Whether a section is about enrichment, and no kind of log: that one has a table."""
    name = section.lower()
    if name.startswith(LIST):
        return True
    return name in (GEOIP, ASSETS, MASK) and not ini.has_option(section, "table")


def read_enrichment(
    path: Path, ini: configparser.RawConfigParser, sections: Iterable[str]
) -> Enrichment:
    """What a config whose kinds of log are `sections` says of enrichment.

    Raises:
        ConfigError: a key is missing, unknown or wrong, or a section is there twice; says which.

    """
    known = set(sections)
    found = Enrichment()
    for name in ini.sections():
        if not is_enrichment(ini, name):
            continue
        keys = keys_of(ini, path, name)
        if name.lower().startswith(LIST):
            found = replace(found, lists=(*found.lists, _list(keys, known)))
        elif name.lower() == GEOIP:
            found = replace(found, geoip=_geoip(keys, known))
        elif name.lower() == ASSETS:
            found = replace(found, assets=_assets(keys, known))
        else:
            found = replace(found, mask=_mask(keys, known))
    names = [item.name for item in found.lists]
    for item in found.lists:
        if names.count(item.name) > 1:
            raise ConfigError("another list has this name", file=path, section=item.section)
    return found


def _for(name: str, item: Item | None) -> Item | None:
    if item is None or item.sections is None or name in item.sections:
        return item
    return None


def _geoip(keys: Keys, sections: AbstractSet[str]) -> GeoIP:
    chosen = _sections(keys, GEOIP_KEYS, sections)
    database, asn = keys.path("database"), keys.path("asn")
    if database is None and asn is None:
        raise keys.mistake("database", "is missing, and so is `asn`")
    fields = names_in(keys.get("fields")) or USUAL_GEO_FIELDS
    for name in fields:
        if name not in GEO_FIELDS:
            known = ", ".join(GEO_FIELDS)
            raise keys.mistake("fields", f"there is no {name!r}; there are: {known}")
    return GeoIP(database, asn, fields, chosen, str(keys.file), str(keys.section))


def _list(keys: Keys, sections: AbstractSet[str]) -> ListFile:
    chosen = _sections(keys, LIST_KEYS, sections)
    name = str(keys.section)[len(LIST) :].strip()
    if not _NAME.match(name):
        raise ConfigError(
            "a list's name must be letters, digits, `_`, `-` and `.`",
            file=keys.file,
            section=keys.section,
        )
    kind = keys.get("kind").lower() or "auto"
    if kind not in KINDS:
        raise keys.mistake("kind", f"must be one of {', '.join(KINDS)}")
    columns = tuple(_columns(keys)) or None
    place = str(keys.file), str(keys.section)
    return ListFile(name, _file(keys), kind, keys.get("field"), columns, chosen, *place)


def _assets(keys: Keys, sections: AbstractSet[str]) -> Assets:
    chosen = _sections(keys, ASSETS_KEYS, sections)
    return Assets(_file(keys), chosen, str(keys.file), str(keys.section))


def _mask(keys: Keys, sections: AbstractSet[str]) -> Mask:
    chosen = _sections(keys, MASK_KEYS, sections)
    columns = tuple(dict.fromkeys(_columns(keys)))
    if not columns:
        raise keys.mistake("columns", "is missing")
    key = keys.path("key")
    if key is None:
        raise keys.mistake("key", "is missing: the file of the key")
    return Mask(columns, key, chosen, str(keys.file), str(keys.section))


def _file(keys: Keys) -> Path:
    path = keys.path("file")
    if path is None:
        raise keys.mistake("file", "is missing")
    return path


def _sections(
    keys: Keys, known: AbstractSet[str], sections: AbstractSet[str]
) -> tuple[str, ...] | None:
    """The kinds of log that a section with these keys is for."""
    unknown = sorted(set(keys.values) - known)
    if unknown:
        raise keys.mistake(unknown[0], f"no such key; there are: {', '.join(sorted(known))}")
    wanted = names_in(keys.get("sections"))
    strange = [name for name in wanted if name not in sections]
    if strange:
        names = ", ".join(sorted(sections))
        raise keys.mistake("sections", f"no such section: {strange[0]}; there are: {names}")
    return wanted or None


def _columns(keys: Keys) -> Iterator[str]:
    """The columns that `columns` names, in any of their spellings."""
    for name in names_in(keys.get("columns")):
        if name.startswith(FIELDS) and len(name) > len(FIELDS):
            yield name
            continue
        column = column_name(name)
        if column is None or column not in _LOOKED_AT:
            known = ", ".join(_LOOKED_AT)
            raise keys.mistake("columns", f"{name!r} cannot be; there are: {known}, fields.NAME")
        yield column
