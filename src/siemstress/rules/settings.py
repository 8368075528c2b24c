"""siemtrigger.conf: which store, which rule files.

`[siemstress]` holds the store's keys as in siemstress.conf, `confdir`, the folder of rule files
(relative to the file), `config`, the siemstress.conf whose kinds of log the rules speak of, and
`poll`, the seconds between looks at the store. Without any file: the shipped rules on the default
store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from siemstress import config
from siemstress.config import MAIN_KEYS, MAIN_SECTION, SECTION_KEYS, Config
from siemstress.errors import ConfigError

FILE_NAME = "siemtrigger.conf"
SHIPPED = Path(__file__).parent / "shipped"
POLL_SECONDS = 5.0
TRIGGER_KEYS = frozenset({"confdir", "config", "poll"})


@dataclass(frozen=True)
class Settings:
    """What siemtrigger works with: the store and kinds of log, the rule files, the poll time.

    `poll` is in seconds. `warnings` are lines for the user.
    """

    path: Path | None
    config: Config
    rule_files: tuple[Path, ...]
    poll: float = POLL_SECONDS
    warnings: tuple[str, ...] = ()


def load(path: str | Path | None = None) -> Settings:
    """The settings at `path`, or in the first siemtrigger.conf found, or the built-in ones.

    Raises:
        ConfigError: the file is missing or something in it is wrong; says where.

    """
    found = Path(path) if path is not None else config.find(FILE_NAME)
    if found is None:
        plain = config.load()
        return Settings(None, plain, _rule_files(SHIPPED), warnings=plain.warnings)
    ini = config.read_ini(found)
    keys = dict(ini[MAIN_SECTION]) if ini.has_section(MAIN_SECTION) else {}
    base = _base(found, keys, has_sections=any(s != MAIN_SECTION for s in ini.sections()))
    unknown = sorted(set(keys) - MAIN_KEYS - TRIGGER_KEYS)
    warnings = [*base.warnings, *config.rights_warnings(found, keys)]
    warnings += [f"{found} [{MAIN_SECTION}] {key}: no such key, ignored" for key in unknown]
    return Settings(
        path=found,
        config=_with_store(found, keys, base),
        rule_files=_rule_files(_confdir(found, keys)),
        poll=_poll(found, keys.get("poll", "")),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _base(path: Path, keys: dict[str, str], *, has_sections: bool) -> Config:
    """The siemstress.conf that says which kinds of log there are.

    It is the one that `config` names, the file itself where it has such sections, the one beside
    it, or the one in the usual places.
    """
    if named := keys.get("config", "").strip():
        return config.load(_beside(path, "config", named))
    if has_sections:
        ini = config.read_ini(path)
        wrong = [
            (name, key)
            for name in ini.sections()
            if name != MAIN_SECTION
            for key in ini[name]
            if key not in SECTION_KEYS
        ]
        if wrong:
            raise ConfigError(
                "is no kind of log; rules have files of their own, in the folder `confdir`",
                file=path,
                section=wrong[0][0],
            )
        return replace(config.load(path), warnings=())
    beside = path.parent / "siemstress.conf"
    return config.load(beside if beside.is_file() else None)


def _with_store(path: Path, keys: dict[str, str], base: Config) -> Config:
    server = config.read_server(path, keys)
    if server is not None:
        return replace(base, path=path, server=server)
    if keys.get("lake", "").strip():
        return replace(base, path=path, server=None, lake=config.read_lake(path, keys))
    return base


def _confdir(path: Path, keys: dict[str, str]) -> Path:
    value = keys.get("confdir", "").strip()
    if not value:
        return SHIPPED
    folder = _beside(path, "confdir", value)
    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {value}", file=path, section=MAIN_SECTION, key="confdir"
        )
    return folder


def _beside(path: Path, key: str, value: str) -> Path:
    """The path that a key names, relative to the file that holds the key."""
    try:
        if "\0" not in value:
            return path.parent / Path(value).expanduser()
    except RuntimeError:
        pass  # A home of nobody.
    raise ConfigError("must be a path", file=path, section=MAIN_SECTION, key=key)


def _rule_files(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob("*.conf")))


def _poll(path: Path, value: str) -> float:
    if not value.strip():
        return POLL_SECONDS
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value.strip()) or float(value) <= 0:
        raise ConfigError(
            "must be seconds, more than 0", file=path, section=MAIN_SECTION, key="poll"
        )
    return float(value)
