"""What a table's entries say, one after the other: which files it has now, and what they hold."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

REASON = "reason"
"""The key in a commit's note that says why it takes files out."""
MERGE, EXPIRE, REPARSE = "merge", "expire", "reparse"

_SHA256 = 64


class Refused(Exception):
    """An entry that siemstress would not have written; the message is the end of a sentence."""


@dataclass(frozen=True)
class Stored:
    """A data file as the entry that added it describes it; `sha256` in hexadecimal."""

    version: int
    path: str
    size: int
    sha256: str
    rows: int | None
    statistics: dict[str, Any] = field(compare=False)


@dataclass
class Account:
    """The state of a table after the entries that were applied.

    `whole` says that the entries are all there are since the table was made. `columns` are the
    names of its columns. `older` are files from before the first entry that were taken out.
    `expired` is how many events retention has deleted, `merges` how many commits merged files,
    `reparsed` how many events were in files that were written anew by a reparse. `unnamed` are
    files of which it is to be found out whether an entry names them: those that none does are
    left in it.
    """

    whole: bool
    files: dict[str, Stored] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    older: set[str] = field(default_factory=set)
    expired: int = 0
    merges: int = 0
    reparsed: int = 0
    unnamed: set[str] = field(default_factory=set)

    def apply(self, version: int, entry: bytes) -> dict[str, Any]:
        """Take in an entry; gives its commit's note.

        Raises:
            Refused: it is not as siemstress writes entries, or does not fit those before it.

        """
        try:
            actions = [json.loads(line) for line in entry.splitlines() if line.strip()]
            note: dict[str, Any] = next((a["commitInfo"] for a in actions if "commitInfo" in a), {})
            if not isinstance(note, dict):
                raise Refused("has no commit's note")
            added = [self._stored(version, a["add"], note) for a in actions if "add" in a]
            removed = [a["remove"]["path"] for a in actions if "remove" in a]
            self._define([a["metaData"] for a in actions if "metaData" in a])
            moves = {a["txn"]["appId"]: a["txn"]["version"] for a in actions if "txn" in a}
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise Refused("is no entry of a log, or is torn") from e
        if not actions:
            raise Refused("is empty, as after a power cut: run siemmanage repair")
        self._take_out(removed, added, note)
        self.unnamed.difference_update(removed, (file.path for file in added))
        self.files.update((file.path, file) for file in added)
        self.positions.update(moves)
        return note

    def _define(self, definitions: list[dict[str, Any]]) -> None:
        for definition in definitions:
            fields = json.loads(definition["schemaString"])["fields"]
            self.columns = {field["name"] for field in fields}

    def _stored(self, version: int, add: dict[str, Any], note: dict[str, Any]) -> Stored:
        path = add["path"]
        sha256 = note.get("sha256", {}).get(path)
        if not isinstance(sha256, str) or len(sha256) != _SHA256:
            raise Refused(f"adds {path} without its SHA-256: siemstress has not written it")
        statistics = json.loads(add["stats"]) if add.get("stats") else {}
        return Stored(version, path, add["size"], sha256, statistics.get("numRecords"), statistics)

    def _take_out(self, paths: list[str], added: list[Stored], note: dict[str, Any]) -> None:
        if not paths:
            return
        if "commit" not in note:
            raise Refused("takes files out, and siemstress has not written it")
        rows: list[int | None] = []
        for path in paths:
            file = self.files.pop(path, None)
            if file is None and (self.whole or path in self.older):
                raise Refused(f"takes out {path}, which is not there")
            if file is None:
                self.older.add(path)
            rows.append(file.rows if file else None)
        before, after = _total(rows), _total([file.rows for file in added])
        if before is None or after is None:
            return
        reason = note.get(REASON)
        if after > before or (after < before and reason in (MERGE, REPARSE)):
            raise Refused(f"puts {after:,} events in the place of {before:,}")
        self.expired += before - after
        self.merges += reason == MERGE
        self.reparsed += after if reason == REPARSE else 0


def _total(rows: list[int | None]) -> int | None:
    known = [n for n in rows if n is not None]
    return sum(known) if len(known) == len(rows) else None
