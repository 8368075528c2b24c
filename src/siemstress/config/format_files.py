"""TOML files of formats and message tables of the user's own: where they are, what is in them.

What their keys mean is told by `formats.own` and `fields.own`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siemstress.config.ini import xdg
from siemstress.errors import ConfigError

FORMATS_VARIABLE = "SIEMSTRESS_FORMATS"
"""The variable that names other folders (or files) than the usual ones, with `:` between."""

# Larger files are none that somebody wrote.
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Document:
    """A TOML file, or a table in one (`section`), and what its keys hold."""

    path: Path
    keys: Mapping[str, Any]
    section: str | None = None

    def mistake(self, key: str | None, problem: str) -> ConfigError:
        """The error that a key's value is wrong."""
        return ConfigError(problem, file=self.path, section=self.section, key=key)

    def only(self, known: Iterable[str]) -> None:
        """Check that there are no other keys.

        Raises:
            ConfigError: there is one; says which there may be.

        """
        names = sorted(known)
        for key in self.keys:
            if key not in names:
                raise self.mistake(key, f"no such key; there are: {', '.join(names)}")

    def text(self, key: str) -> str | None:
        """A key's text; None where the key is not there.

        Raises:
            ConfigError: it is no text, or empty.

        """
        value = self.keys.get(key)
        if value is not None and not (isinstance(value, str) and value):
            raise self.mistake(key, "must be a text in quotes")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A key's texts, one or a list of them; none where the key is not there.

        Raises:
            ConfigError: there is something else.

        """
        value = self.keys.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(t, str) and t for t in listed):
            raise self.mistake(key, "must be a text in quotes, or a list of them")
        return tuple(listed)

    def table(self, key: str) -> Document:
        """The table that a key holds; an empty one where the key is not there.

        Raises:
            ConfigError: it holds something else.

        """
        value = self.keys.get(key, {})
        if not isinstance(value, dict):
            raise self.mistake(key, f"must be a table: write [{self._within(key)}]")
        return Document(self.path, value, self._within(key))

    def tables(self, key: str) -> list[Document]:
        """The tables of a list of them; none where the key is not there.

        Raises:
            ConfigError: the key holds something else.

        """
        value = self.keys.get(key, [])
        name = self._within(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.mistake(key, f"must be tables: write [[{name}]]")
        return [Document(self.path, item, f"{name} {n}") for n, item in enumerate(value, 1)]

    def _within(self, key: str) -> str:
        return key if self.section is None else f"{self.section}.{key}"


def places() -> list[Path]:
    """The folders (or files) that are looked through, the first before the others."""
    named = os.environ.get(FORMATS_VARIABLE, "")
    if named:
        return [Path(name).expanduser() for name in named.split(":") if name]
    users = xdg("XDG_CONFIG_HOME", ".config") / "siemstress" / "formats.d"
    return [users, Path("/etc/siemstress/formats.d")]


def read_all(
    paths: Sequence[Path] | None = None,
) -> tuple[list[Document], list[ConfigError]]:
    """The documents in files and folders (None: the usual ones), and why others are none."""
    found: list[Document] = []
    problems: list[ConfigError] = []
    for place in places() if paths is None else paths:
        try:
            files = list(_files(place, must_exist=paths is not None))
        except ConfigError as e:
            problems.append(e)
            continue
        for file in files:
            try:
                found.append(_read(file))
            except ConfigError as e:
                problems.append(e)
    return found, problems


def _files(place: Path, *, must_exist: bool) -> Iterator[Path]:
    try:
        if place.is_dir():
            yield from sorted(p for p in place.iterdir() if p.suffix == ".toml")
        elif place.exists():
            yield place
        elif must_exist:
            raise ConfigError("is not there", file=place)
    except OSError as e:
        raise ConfigError(f"cannot be read: {e.strerror}", file=place) from e


def _read(path: Path) -> Document:
    try:
        if not path.is_file():
            raise ConfigError("is no file", file=path)
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ConfigError("is larger than 1 MB", file=path)
        return Document(path, tomllib.loads(data.decode("utf-8-sig")))
    except OSError as e:
        raise ConfigError(f"cannot be read: {e.strerror}", file=path) from e
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise ConfigError(f"line {line} is not UTF-8 text", file=path) from e
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigError(f"is not TOML: {e}", file=path) from e
