"""What is collected for a kind of log: the keys of its section that name sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from siemstress.errors import ConfigError, UserError

LIMIT_KEYS = ("max_line", "max_connections", "idle")
SOURCE_KEYS = frozenset(
    {"follow", "listen", "journal", "kernel", "tls_certificate", "tls_key", "tls_ca", "zone"}
) | frozenset(LIMIT_KEYS)
FLUSH = 1.0
"""Within so many seconds a line that was collected can be queried, unless the file says more."""

_SHORTEST, _LONGEST = 0.2, 3600.0
_YES = {"yes": True, "on": True, "true": True, "1": True}
_NO = {"no": False, "off": False, "false": False, "0": False, "": False}


@dataclass(frozen=True)
class ListenLimits:
    """What peers may take.

    A line of more than `line` bytes comes in parts. Of `connections` that are open none may be
    silent for longer than `idle` seconds, or say nothing in its first `first` seconds.
    """

    line: int = 256 << 10
    connections: int = 4096
    idle: float = 3600.0
    first: float = 60.0


_LIMITS = ListenLimits()
# The least and the most that each may be set to.
_BETWEEN = {"max_line": (480, 1 << 22), "max_connections": (1, 1 << 20), "idle": (1, 10**7)}


@dataclass(frozen=True)
class Sources:
    """What is to be collected for one table.

    `follow` are files and patterns, `listen` addresses, `journal` arguments for journalctl (None:
    no journal); `kernel` says whether the kernel's messages are wanted. `certificate`, `key` and
    `ca` are for listening with TLS; with a `ca` every peer must have a certificate of its own.
    `zone` is that of stamps which name none; empty: the machine's. `limits` are for listening.
    """

    follow: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    journal: tuple[str, ...] | None = None
    kernel: bool = False
    zone: str = ""
    limits: ListenLimits = _LIMITS

    def __bool__(self) -> bool:
        """Whether there is anything to collect."""
        return bool(self.follow or self.listen or self.journal is not None or self.kernel)


def read_sources(path: Path, section: str, keys: Mapping[str, str]) -> Sources:
    """The sources that a section names.

    Raises:
        ConfigError: a key has a value that it cannot have.

    """
    folder = path.parent.absolute()

    def file(key: str) -> Path | None:
        value = keys.get(key, "").strip()
        return folder / Path(value).expanduser() if value else None

    def wanted(key: str) -> bool:
        value = keys.get(key, "").strip().lower()
        if value not in _YES and value not in _NO:
            raise ConfigError("must be yes or no", file=path, section=section, key=key)
        return value in _YES

    try:
        limits = read_limits(keys)
    except UserError as e:
        raise ConfigError(e.message, file=path, section=section, key=e.key) from e
    return Sources(
        follow=tuple(str(folder / Path(name).expanduser()) for name in _list(keys, "follow")),
        listen=_list(keys, "listen"),
        certificate=file("tls_certificate"),
        key=file("tls_key"),
        ca=file("tls_ca"),
        journal=() if wanted("journal") else None,
        kernel=wanted("kernel"),
        zone=keys.get("zone", "").strip(),
        limits=limits,
    )


def read_limits(keys: Mapping[str, str]) -> ListenLimits:
    """The limits that are given by `LIMIT_KEYS`, whole numbers: bytes, connections and seconds.

    Raises:
        UserError: one is not, or is out of bounds.

    """
    found: dict[str, int] = {}
    for key in LIMIT_KEYS:
        text = keys.get(key, "").strip()
        if not text:
            continue
        least, most = _BETWEEN[key]
        if re.fullmatch("[0-9]{1,9}", text) is None or not least <= int(text) <= most:
            raise UserError(f"must be a whole number from {least} to {most}", key=key)
        found[key] = int(text)
    idle = float(found.get("idle", _LIMITS.idle))
    return ListenLimits(
        found.get("max_line", _LIMITS.line),
        found.get("max_connections", _LIMITS.connections),
        idle,
        min(idle, _LIMITS.first),
    )


def _list(keys: Mapping[str, str], key: str) -> tuple[str, ...]:
    """What stands between commas and line ends."""
    return tuple(part.strip() for part in re.split(r"[,\n]", keys.get(key, "")) if part.strip())


def read_flush(path: Path, section: str, text: str) -> float:
    """`flush`, in seconds.

    Raises:
        ConfigError: it is no number of seconds.

    """
    if not text.strip():
        return FLUSH
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*s?", text.strip())
    if match is None or not _SHORTEST <= float(match[1]) <= _LONGEST:
        raise ConfigError(
            f"must be seconds, from {_SHORTEST} to {_LONGEST:.0f}",
            file=path,
            section=section,
            key="flush",
        )
    return float(match[1])
