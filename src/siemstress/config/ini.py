"""INI files: where they are looked for, how they are read, and where in one a mistake is."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from siemstress.errors import ConfigError

MAIN_SECTION = "siemstress"


@dataclass(frozen=True)
class Keys:
    """Keys with their values, and where they stand, so that a mistake can name the place.

    `file` is a file's path or an environment variable's name. `folder` is what paths are relative
    to. `key` is the one key whose value holds all of these, as a URL's parameters.
    """

    values: Mapping[str, str]
    file: str | Path
    folder: Path
    section: str | None = MAIN_SECTION
    key: str | None = None

    def get(self, name: str) -> str:
        """A key's value without blanks around it; empty where it is not there."""
        return self.values.get(name, "").strip()

    def mistake(self, name: str, problem: str) -> ConfigError:
        """The error that a key's value is wrong; the problem is told without the value."""
        if self.key is not None:
            problem = f"`{name}` {problem}"
        # A variable of the environment has no sections and no keys.
        key = (self.key or name) if self.section is not None else None
        return ConfigError(problem, file=self.file, section=self.section, key=key)

    def path(self, name: str) -> Path | None:
        """The path that a key names; None where the key is not there."""
        value = self.get(name)
        return self.resolved(name, value) if value else None

    def resolved(self, name: str, value: str) -> Path:
        """The path that is a key's value, relative to the folder.

        Raises:
            ConfigError: it is none.

        """
        try:
            if "\0" not in value:
                return self.folder / Path(value).expanduser()
        except RuntimeError:
            pass  # A home of nobody.
        raise self.mistake(name, "must be a path")


def keys_of(ini: configparser.RawConfigParser, path: Path, section: str = MAIN_SECTION) -> Keys:
    """The keys of a section of a file; none where the section is not there."""
    values = dict(ini[section]) if ini.has_section(section) else {}
    return Keys(values, path, path.parent.absolute(), section)


def xdg(variable: str, fallback: str) -> Path:
    """A base folder of the XDG specification: the variable's value, or `~/fallback`."""
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / fallback


def find(name: str) -> Path | None:
    """The first `name` in the places where config files are looked for."""
    places = (
        Path("/etc") / name,
        Path("/etc/siemstress") / name,
        xdg("XDG_CONFIG_HOME", ".config") / "siemstress" / name,
    )
    return next((p for p in places if p.is_file()), None)


def read_ini(path: Path) -> configparser.RawConfigParser:
    """Read an INI file as UTF-8, with its `%` signs left alone.

    Raises:
        ConfigError: it is missing, unreadable, not text, or not INI; names the line where known.

    """
    ini = configparser.RawConfigParser(interpolation=None, strict=True, default_section="\0")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        ini.read_string(text, source=str(path))
    except OSError as e:
        raise ConfigError(f"cannot be read: {e.strerror}", file=path) from e
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise ConfigError(f"line {line} is not UTF-8 text", file=path) from e
    except configparser.MissingSectionHeaderError as e:
        message = f"line {e.lineno}: a [section] must come first"
        raise ConfigError(message, file=path) from e
    except configparser.ParsingError as e:
        lines = ", ".join(str(number) for number, _ in e.errors)
        raise ConfigError(f"line {lines}: neither [section] nor key=value", file=path) from e
    except configparser.DuplicateSectionError as e:
        message = f"line {e.lineno}: the section is there twice"
        raise ConfigError(message, file=path, section=e.section) from e
    except configparser.DuplicateOptionError as e:
        message = f"line {e.lineno}: the key is there twice"
        raise ConfigError(message, file=path, section=e.section, key=e.option) from e
    return ini
