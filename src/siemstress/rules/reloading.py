"""Rules that have changed while siemtrigger runs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from siemstress.errors import UserError
from siemstress.rules import kept, settings
from siemstress.rules.gather import Gathered, gather
from siemstress.rules.settings import Settings
from siemstress.rules.sigma.files import is_rule_file
from siemstress.store.base import Store

# Seconds between looks at the files.
_OFTEN = 5.0


class Reloader:
    """Looks whether the rules, in files or in the store, are others than before."""

    def __init__(
        self, path: str | None, store: Store, found: Settings, say: Callable[[str], None]
    ) -> None:
        """`path` is the config file's as the user named it, `found` what stood there."""
        self._path = path
        self._store = store
        self._say = say
        self._known = self._signature(found)
        self._settings = found
        self._looked = time.monotonic()

    def look(self) -> Gathered | None:
        """The rules as they are now, where they have changed since the last look.

        A mistake in the config file leaves the rules as they were, and is told.

        Raises:
            Failure: the store cannot be read.

        """
        if time.monotonic() - self._looked < _OFTEN:
            return None
        self._looked = time.monotonic()
        try:
            found = settings.load(self._path)
            signature = self._signature(found)
            if signature == self._known:
                return None
            self._known = signature
            self._settings = found
            return gather(found, self._store)
        except UserError as e:
            signature = f"{self._signature(self._settings)} {e}"
            if signature != self._known:
                self._known = signature
                self._say(f"the rules stay as they were: {e}")
            return None

    def _signature(self, found: Settings) -> str:
        digest = hashlib.sha256()
        for file in _files(found):
            try:
                status = file.stat()
            except OSError:
                continue
            digest.update(
                f"{file} {status.st_mtime_ns} {status.st_size}\n".encode(errors="replace")
            )
        for name in (kept.NAME, "rules_state", "rules_sigma"):
            digest.update((self._store.load_text(name) or "").encode())
        return digest.hexdigest()


def _files(found: Settings) -> Iterator[Path]:
    """All files that say something of rules."""
    yield from found.rule_files
    for path in (*found.sigma, *found.pipelines, *found.mappings):
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if is_rule_file(p.name))
        else:
            yield path
    if found.path is not None:
        yield found.path
