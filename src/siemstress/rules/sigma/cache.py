"""What was read of rule files, kept as JSON, so that a start without changes reads no YAML.

An entry is found by a file's name and content; what changes the meaning of all rules (this code,
pipelines, mappings) is part of the cache's own name. Whatever is wrong with the cache, it is as if
there were none.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any as Anything

import siemstress
from siemstress.rules.sigma.pool import Writer, built
from siemstress.rules.sigma.rule import Correlation, Sigma

if TYPE_CHECKING:
    from siemstress.rules.sigma.load import OfFile

_CODE = ("schema.py", "rules/sigma/*.py", "formats/*.py", "formats/builtin/*.py")
# Caches that no start has used for so long (s) are removed.
_STALE = 30 * 86400


class Cache:
    """The entries for one reading of rules; without a folder there are none."""

    def __init__(self, folder: Path | None, context: str) -> None:
        """`context` names the reading, and what changes the meaning of all rules."""
        name = "" if folder is None else _digest(f"{_code()} {context}".encode())
        self._path = None if folder is None else folder / f"rules-{name}.json"
        self._entries: dict[str, Anything] = {}
        self._values: list[Anything] = []
        self._load()
        self._used: dict[str, OfFile] = {}
        self._new = False
        self._under = ""

    def of(self, name: str, text: bytes) -> OfFile | None:
        """What a file says, but for its rules; None where it must be read."""
        from siemstress.rules.sigma.load import OfFile

        entry = self._entries.get(_key(name, text))
        return None if entry is None else OfFile([], entry["problems"], entry["filters"])

    def filtered_by(self, filters: Sequence[Anything]) -> None:
        """State the filters, of all files, under which rules are wanted."""
        self._under = _digest(json.dumps(filters, default=str, sort_keys=True).encode())

    def under_filters(self, name: str, text: bytes) -> OfFile | None:
        """All that a file says under these filters; None where it must be read."""
        from siemstress.rules.sigma.load import OfFile

        key = _key(name, text)
        entry = self._entries.get(key)
        if entry is None or entry["under"] != self._under:
            return None
        rules = [self._values[place] for place in entry["rules"]]
        of = self._used[key] = OfFile(rules, entry["problems"], entry["filters"])
        return of

    def keep(self, name: str, text: bytes, of: OfFile) -> None:
        """Keep what a file says."""
        self._used[_key(name, text)] = of
        self._new = True

    def save(self) -> None:
        """Write the entries that were of use, in place of all, all or nothing."""
        if self._path is None or not (self._new or len(self._used) < len(self._entries)):
            return
        with contextlib.suppress(OSError, ValueError):
            text = json.dumps(self._written())
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            number, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".rules-")
            try:
                with os.fdopen(number, "w", encoding="utf-8") as stream:
                    stream.write(text)
                Path(temporary).replace(self._path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            _tidy(self._path.parent)

    def _written(self) -> dict[str, Anything]:
        writer = Writer()
        entries = {}
        for key, of in self._used.items():
            # Samples may be of any kind, and as deep as they like.
            with contextlib.suppress(TypeError, RecursionError):
                json.dumps(of.filters)
                entries[key] = {
                    "under": self._under,
                    "rules": [writer.add(rule) for rule in of.rules],
                    "problems": of.problems,
                    "filters": of.filters,
                }
        return {"values": writer.entries, "files": entries}

    def _load(self) -> None:
        if self._path is None:
            return
        gc.disable()  # There is nothing to collect among what is built, however much it is.
        try:
            found = json.loads(self._path.read_bytes())
            values = built(found["values"])
            entries = found["files"]
            for entry in entries.values():
                if set(entry) != {"under", "rules", "problems", "filters"}:
                    return
                for place in entry["rules"]:
                    if not isinstance(values[place], Sigma | Correlation):
                        return
            os.utime(self._path)
        except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
            return
        finally:
            gc.enable()
        self._entries, self._values = entries, values


def folder() -> Path | None:
    """The user's folder for such files; None where there is none."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    if Path(home).is_absolute():
        return Path(home) / "siemstress"
    with contextlib.suppress(RuntimeError):
        return Path.home() / ".cache" / "siemstress"
    return None


def _tidy(where: Path) -> None:
    """Remove caches, and what was left of writing some, that nobody uses any more."""
    for pattern in ("rules-*.json", ".rules-*"):
        for file in where.glob(pattern):
            with contextlib.suppress(OSError):
                if file.stat().st_mtime < time.time() - _STALE:
                    file.unlink()


def _code() -> str:
    """Names the code by which rules are read, and by which formats tell where values stand."""
    found = hashlib.sha256(sys.version.encode())
    ours = Path(siemstress.__file__).parent
    for pattern in _CODE:
        for file in sorted(ours.glob(pattern)):
            found.update(file.read_bytes())
    with contextlib.suppress(PackageNotFoundError):
        found.update(version("pySigma").encode())
    return found.hexdigest()


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def _key(name: str, text: bytes) -> str:
    return hashlib.sha256(name.encode(errors="replace") + b"\0" + text).hexdigest()[:32]
