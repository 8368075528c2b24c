"""siemtrigger.conf: which store, which rule files.

`[siemstress]` holds the store's keys as in siemstress.conf, `confdir`, the folder of rule files
(relative to the file), `sigma`, more Sigma rules (files, folders, .zip), `pipelines` and `mappings`
for these, `config`, the siemstress.conf whose kinds of log the rules speak of, and
`poll`, the seconds between looks at the store. `[notify NAME]` says whom alerts are told. Without
any file: the shipped rules on the default store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from siemstress import config
from siemstress.config import MAIN_KEYS, MAIN_SECTION, SECTION_KEYS, Choice, Config, Keys
from siemstress.errors import ConfigError
from siemstress.rules.sigma.files import is_rule_file

FILE_NAME = "siemtrigger.conf"
SHIPPED = Path(__file__).parent / "shipped"
POLL_SECONDS = 0.25
TRIGGER_KEYS = frozenset({"confdir", "config", "poll", "sigma", "pipelines", "mappings"})


@dataclass(frozen=True)
class Settings:
    """What siemtrigger works with: the store and kinds of log, the rule files, the poll time.

    `sigma` are files, folders and .zip archives of Sigma rules, `pipelines` pySigma's, `mappings`
    files that say where fields stand. `poll` is in seconds. `warnings` are lines for the user.
    `notifiers` are the keys of each `[notify NAME]`, as they stand.
    """

    path: Path | None
    config: Config
    rule_files: tuple[Path, ...]
    sigma: tuple[Path, ...] = ()
    pipelines: tuple[Path, ...] = ()
    mappings: tuple[Path, ...] = ()
    poll: float = POLL_SECONDS
    warnings: tuple[str, ...] = ()
    notifiers: tuple[Keys, ...] = ()


def load(path: str | Path | None = None) -> Settings:
    """The settings at `path`, or in the first siemtrigger.conf found, or the built-in ones.

    Raises:
        ConfigError: the file is missing or something in it is wrong; says where.

    """
    found = Path(path) if path is not None else config.find(FILE_NAME)
    if found is None:
        plain = config.load()
        return Settings(
            None,
            plain,
            _rule_files(SHIPPED),
            _sigma_files(SHIPPED),
            warnings=plain.warnings,
        )
    ini = config.read_ini(found)
    keys = config.keys_of(ini, found)
    # Its own store first: the other file's may be none of this user's business.
    own = config.choose(keys)
    has_sections = any(
        name != MAIN_SECTION and not config.is_notifier(name) for name in ini.sections()
    )
    base = _base(keys, own if own.named else None, has_sections=has_sections)
    unknown = sorted(set(keys.values) - MAIN_KEYS - TRIGGER_KEYS)
    warnings = [*base.warnings, *own.warnings]
    warnings += [f"{found} [{MAIN_SECTION}] {key}: no such key, ignored" for key in unknown]
    return Settings(
        path=found,
        config=base,
        rule_files=_rule_files(_confdir(keys)),
        sigma=(*_sigma_files(_confdir(keys)), *_paths(keys, "sigma")),
        pipelines=_paths(keys, "pipelines"),
        mappings=_paths(keys, "mappings"),
        poll=_poll(keys),
        warnings=tuple(dict.fromkeys(warnings)),
        notifiers=config.read_notifiers(found, ini),
    )


def _base(keys: Keys, store: Choice | None, *, has_sections: bool) -> Config:
    """The siemstress.conf that says which kinds of log there are, with the store given, if any.

    It is the one that `config` names, the file itself where it has such sections, the one beside
    it, or the one in the usual places.
    """
    path = Path(keys.file)
    if named := keys.path("config"):
        return config.load(named, store=store)
    if has_sections:
        ini = config.read_ini(path)
        wrong = [
            name
            for name in ini.sections()
            if name != MAIN_SECTION
            and not config.is_helper(name)
            and not config.is_notifier(name)
            and not SECTION_KEYS.issuperset(ini[name])
        ]
        if wrong:
            raise ConfigError(
                "is no kind of log; rules have files of their own, in the folder `confdir`",
                file=path,
                section=wrong[0],
            )
        return replace(config.load(path, store=store), warnings=())
    beside = path.parent / "siemstress.conf"
    return config.load(beside if beside.is_file() else None, store=store)


def _confdir(keys: Keys) -> Path:
    folder = keys.path("confdir")
    if folder is None:
        return SHIPPED
    if not folder.is_dir():
        raise keys.mistake("confdir", f"there is no folder {keys.get('confdir')}")
    return folder


def _rule_files(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob("*.conf")))


def _sigma_files(folder: Path) -> tuple[Path, ...]:
    return tuple(p for p in sorted(folder.iterdir()) if p.is_file() and is_rule_file(p.name))


def _paths(keys: Keys, key: str) -> tuple[Path, ...]:
    """Paths separated by commas or line breaks, relative to the config file."""
    names = (name.strip() for name in (keys.get(key) or "").replace("\n", ",").split(","))
    found = []
    for name in filter(None, names):
        path = keys.resolved(key, name)
        if not path.exists():
            raise keys.mistake(key, f"there is no {name}")
        found.append(path)
    return tuple(found)


def _poll(keys: Keys) -> float:
    value = keys.get("poll")
    if not value:
        return POLL_SECONDS
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value) or float(value) <= 0:
        raise keys.mistake("poll", "must be seconds, more than 0")
    return float(value)
