"""`[notify NAME]` sections of siemtrigger.conf: who is told, of which alerts, how often."""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from siemstress.config import Keys
from siemstress.config.extraction import names_in
from siemstress.config.notify import PREFIX
from siemstress.config.server import rights_warnings
from siemstress.errors import ConfigError, QueryError
from siemstress.notify.base import Kind, Notifier, Options, kinds
from siemstress.notify.message import OPEN, UNSAID
from siemstress.query.filters import parse_flags
from siemstress.query.times import parse_span
from siemstress.rules.alert_log import CHANGES

SHARED_KEYS = frozenset(
    {"kind", "severity", "min_severity", "rules", "tags", "on", "rate", "max_age", "retries",
     "timeout"}
)  # fmt: skip
GROUP = "group."
"""What keys begin with that are about the group of an alert: `group.source_host`."""
ON = (OPEN, *CHANGES)
MAX_AGE, RETRIES, TIMEOUT = "1h", 20, 30
SECRET_VARIABLE = "SIEMSTRESS_NOTIFY_"  # noqa: S105 - the beginning of a variable's name
LEVELS = {"critical": 2, "high": 3, "medium": 4, "low": 5, "informational": 6}
"""Sigma's levels as severities; as `siemtrigger alerts` knows them."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


@dataclass(frozen=True)
class Receiver:
    """Somebody who is told of alerts that are wanted, and how.

    `severities` (None: any), `rules`, `tags` and `groups` (names with patterns) say which; of
    `on`, what must have become of them. Of alerts that had ended more than `max_age` ago nothing
    is told. No more than `rate` messages are sent within so many seconds. `retries` is how often
    a message is tried again, `timeout` how many seconds sending may take. `make` makes what sends.
    """

    name: str
    kind: Kind
    make: Callable[[], Notifier] = field(repr=False)
    severities: frozenset[int] | None = None
    rules: Sequence[re.Pattern[str]] = ()
    tags: Sequence[re.Pattern[str]] = ()
    groups: Mapping[str, Sequence[re.Pattern[str]]] = field(default_factory=dict)
    on: frozenset[str] = frozenset({OPEN})
    max_age: timedelta = timedelta(hours=1)
    rate: tuple[int, float] | None = None
    retries: int = RETRIES
    timeout: float = TIMEOUT
    warnings: Sequence[str] = ()

    def wants(self, alert: Mapping[str, Any]) -> bool:
        """Whether an alert, by its row, is one that it wants to be told of."""
        if self.severities is not None:
            severity = alert.get("severity")
            if (UNSAID if severity is None else severity) not in self.severities:
                return False
        if self.rules and not _any(self.rules, alert.get("source_rule"), alert.get("rule_id")):
            return False
        if self.tags and not _any(self.tags, *_listed(alert.get("tags"))):
            return False
        if not self.groups:
            return True
        group = _object(alert.get("group_key"))
        return all(_any(some, group.get(name)) for name, some in self.groups.items())


def read_receivers(sections: Sequence[Keys]) -> list[Receiver]:
    """The receivers that a config names.

    Raises:
        ConfigError: something in a section is wrong; says where.

    """
    found: dict[str, Receiver] = {}
    for keys in sections:
        receiver = read_receiver(keys)
        if receiver.name.lower() in found:
            raise ConfigError("is there twice", file=keys.file, section=keys.section)
        found[receiver.name.lower()] = receiver
    return list(found.values())


def read_receiver(keys: Keys) -> Receiver:
    """The receiver of one section.

    Raises:
        ConfigError: something in it is wrong; says what.

    """
    name = str(keys.section)[len(PREFIX) :].strip()
    if not _NAME.match(name):
        problem = "must be [notify NAME], NAME of letters, digits, `_`, `.` and `-`"
        raise ConfigError(problem, file=keys.file, section=keys.section)
    kind = _kind(keys)
    secrets, warnings = _secrets(keys, name, kind)
    timeout = Options(name, keys, 0.0).number("timeout", TIMEOUT, 300, 1)
    options = Options(name, keys, float(timeout), secrets)
    # Made once now, so that what is wrong is told now.
    kind.make(options).close()
    return Receiver(
        name=name,
        kind=kind,
        make=lambda: kind.make(options),
        severities=_severities(keys),
        rules=_patterns(keys.get("rules")),
        tags=_patterns(keys.get("tags")),
        groups={
            key[len(GROUP) :]: _patterns(value)
            for key, value in keys.values.items()
            if key.startswith(GROUP)
        },
        on=_on(keys),
        max_age=_span(keys, "max_age", MAX_AGE),
        rate=_rate(keys, kind),
        retries=options.number("retries", RETRIES, 1000),
        timeout=options.timeout,
        warnings=warnings,
    )


def _kind(keys: Keys) -> Kind:
    there = ", ".join(sorted(kinds()))
    name = keys.get("kind").lower()
    if name not in kinds():
        problem = "is missing" if not name else "is unknown"
        raise keys.mistake("kind", f"{problem}; there are: {there}")
    kind = kinds()[name]
    known = SHARED_KEYS | kind.keys | {f"{secret}_file" for secret in kind.secrets}
    unknown = sorted(k for k in keys.values if k not in known and not k.startswith(GROUP))
    if unknown:
        listed = ", ".join(sorted(known))
        raise keys.mistake(unknown[0], f"no such key for kind {name}; there are: {listed}")
    return kind


def _secrets(keys: Keys, name: str, kind: Kind) -> tuple[dict[str, str], tuple[str, ...]]:
    """The values that nobody may see, and warnings where others can."""
    found: dict[str, str] = {}
    warnings: list[str] = []
    for key in sorted(kind.secrets):
        variable = SECRET_VARIABLE + re.sub(r"[^A-Z0-9]", "_", f"{name}_{key}".upper())
        path = keys.path(f"{key}_file")
        if given := os.environ.get(variable):
            found[key] = given.strip()
        elif path is not None:
            if keys.get(key):
                raise keys.mistake(f"{key}_file", f"and `{key}` are both there; take one out")
            try:
                found[key] = path.read_bytes().decode().strip()
            except (OSError, UnicodeDecodeError):
                raise keys.mistake(f"{key}_file", f"{path} cannot be read as text") from None
            warnings += rights_warnings(path)
        elif keys.get(key):
            found[key] = keys.get(key)
            warnings += rights_warnings(keys.folder / keys.file)
        if re.search(r"[\0\r\n]", found.get(key, "")):
            raise keys.mistake(key, "must be one line")
    return {key: value for key, value in found.items() if value}, tuple(warnings)


def _severities(keys: Keys) -> frozenset[int] | None:
    least = keys.get("min_severity").lower()
    if keys.get("severity"):
        if least:
            raise keys.mistake("min_severity", "and `severity` are both there; take one out")
        return _parsed(keys, "severity", keys.get("severity"))
    if not least:
        return None
    worst = min(_parsed(keys, "min_severity", least))
    return frozenset(range(worst + 1))


def _parsed(keys: Keys, key: str, text: str) -> frozenset[int]:
    named = re.sub(r"[a-z]+", lambda m: str(LEVELS.get(m[0], m[0])), text.lower())
    try:
        chosen = parse_flags({"severity": [named]}).include["severity"]
    except QueryError:
        names = ", ".join(LEVELS)
        problem = f"must be 0 (worst) to 7, a range like 0-3, or of {names}"
        raise keys.mistake(key, problem) from None
    return frozenset(int(number) for number in chosen)


def _patterns(text: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(fnmatch.translate(name), re.IGNORECASE) for name in names_in(text))


def _on(keys: Keys) -> frozenset[str]:
    wanted = names_in(keys.get("on").lower())
    for name in wanted:
        if name not in ON:
            raise keys.mistake("on", f"must be of: {', '.join(ON)}")
    return frozenset(wanted) or frozenset({OPEN})


def _span(keys: Keys, key: str, usual: str) -> timedelta:
    try:
        return parse_span(keys.get(key) or usual, key)
    except QueryError as e:
        raise keys.mistake(key, e.message) from None


def _rate(keys: Keys, kind: Kind) -> tuple[int, float] | None:
    text = keys.get("rate").lower()
    if not text:
        return kind.rate
    if text == "none":
        return None
    found = re.fullmatch(r"([0-9]{1,6})\s*/\s*([0-9a-z ]{1,9})", text)
    if found is None or int(found[1]) < 1:
        raise keys.mistake("rate", "must be messages and a span, like 20/10m, or none")
    try:
        return int(found[1]), parse_span(found[2], "rate").total_seconds()
    except QueryError as e:
        raise keys.mistake("rate", e.message) from None


def _any(patterns: Sequence[re.Pattern[str]], *texts: object) -> bool:
    return any(p.match(t) is not None for t in texts if isinstance(t, str) for p in patterns)


def _listed(text: object) -> list[Any]:
    found = _json(text)
    return found if isinstance(found, list) else []


def _object(text: object) -> dict[str, Any]:
    found = _json(text)
    return found if isinstance(found, dict) else {}


def _json(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
