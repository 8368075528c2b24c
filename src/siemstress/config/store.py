"""Which store a config names: a MariaDB server, or the lake and its folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from siemstress.config.ini import Keys, xdg
from siemstress.config.server import (
    SCHEME,
    SERVER_KEYS,
    Server,
    password_is_shown,
    read_server,
    read_url,
    rights_warnings,
)

STORE_VARIABLE = "SIEMSTRESS_STORE"
STORE_KEYS = SERVER_KEYS | {"store", "lake"}


@dataclass(frozen=True)
class Choice:
    """A store: a server, or without one the lake at `lake`.

    `named` tells whether anything names it, or it is what there is by default. `warnings` are
    lines for the user.
    """

    lake: Path
    server: Server | None = None
    named: bool = False
    warnings: tuple[str, ...] = ()


def default_lake() -> Path:
    """Where the lake is when nothing says otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/siemstress")
    return xdg("XDG_DATA_HOME", ".local/share") / "siemstress"


def choose(keys: Keys) -> Choice:
    """The store that the environment names, or else the keys of a file.

    Raises:
        ConfigError: a key, or the variable, is wrong; says which.

    """
    if given := os.environ.get(STORE_VARIABLE, "").strip():
        return _read(Keys({"store": given}, STORE_VARIABLE, Path.cwd(), None, None))
    choice = _read(keys)
    if password_is_shown(keys):
        warnings = (*rights_warnings(Path(keys.file)), *choice.warnings)
        return Choice(choice.lake, choice.server, choice.named, warnings)
    return choice


def _read(keys: Keys) -> Choice:
    store = keys.get("store")
    lake = keys.path("lake")
    if store.lower().startswith(SCHEME):
        server, warnings = read_url(keys, "store")
    elif store:
        others = [name for name in sorted(SERVER_KEYS) if keys.get(name)]
        if others:
            raise keys.mistake(others[0], "is for a server, but `store` names the lake")
        return Choice(_folder(keys, store, lake), named=True)
    else:
        found, warnings = read_server(keys)
        if found is None:
            unused = [name for name in sorted(SERVER_KEYS) if keys.get(name)]
            warnings += tuple(
                str(keys.mistake(name, "is of no use without `server`")) for name in unused
            )
            return Choice(lake or default_lake(), named=lake is not None, warnings=warnings)
        server = found
    if lake is not None:
        warnings += (str(keys.mistake("lake", "is not used: the store is a server")),)
    return Choice(lake or default_lake(), server, named=True, warnings=warnings)


def _folder(keys: Keys, store: str, lake: Path | None) -> Path:
    """The lake's folder: `store` is the word `lake`, or a path that no `lake` contradicts."""
    if store.lower() == "lake":
        return lake or default_lake()
    if "/" not in store or "://" in store:
        raise keys.mistake(
            "store", f"must be lake, the path of its folder, or {SCHEME}USER@HOST/DATABASE"
        )
    folder = keys.resolved("store", store)
    if lake is not None and lake != folder:
        raise keys.mistake("lake", "names another folder than `store`")
    return folder
