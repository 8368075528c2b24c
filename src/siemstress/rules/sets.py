"""The members of sets whose position is kept as one, in a table of their own.

A set never changes: rules that are added or taken out make another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from sqlglot import exp

from siemstress.query import times
from siemstress.rules.tables import RULE_SETS
from siemstress.store.base import Scan, Store, add, rows


class Sets:
    """The sets of members of one kind, which is part of their names."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._kind = kind
        self._known: dict[str, frozenset[str]] = {}

    def members(self, digest: str) -> frozenset[str]:
        """The members of a set; none where it is unknown."""
        if digest not in self._known:
            self._known[digest] = self._read(digest)
        return self._known[digest]

    def save(self, members: Iterable[str]) -> None:
        """Store a set, if it is not stored yet.

        Raises:
            StoreError: it cannot be stored.

        """
        some = frozenset(members)
        digest = digest_of(some)
        if self.members(digest) == some:
            return
        self._write(digest, some)
        self._known[digest] = some

    def _read(self, digest: str) -> frozenset[str]:
        if "members" not in self._store.columns(RULE_SETS):
            return frozenset()
        name = exp.Literal.string(f"{self._kind}_{digest}")
        query = exp.select(exp.column("members", quoted=True)).from_(exp.to_table("sets"))
        query = query.where(exp.column("name", quoted=True).eq(name))
        found: frozenset[str] = frozenset()
        for row in rows(self._store.select(query, {"sets": Scan(RULE_SETS)})):
            try:
                names = json.loads(row["members"] or "")
            except ValueError:
                continue
            if isinstance(names, list):
                found |= {name for name in names if isinstance(name, str)}
        return found

    def _write(self, digest: str, members: frozenset[str]) -> None:
        import polars as pl

        now = times.now()
        frame = pl.DataFrame(
            {
                "id": [self._store.take_ids(1)],
                "time": [now],
                "received": [now],
                "name": [f"{self._kind}_{digest}"],
                "members": [json.dumps(sorted(members))],
            },
            schema_overrides={"time": pl.Datetime("us"), "received": pl.Datetime("us")},
        )
        add(self._store, RULE_SETS, frame)


def digest_of(members: frozenset[str]) -> str:
    """Names a set."""
    return hashlib.sha256(json.dumps(sorted(members)).encode()).hexdigest()[:16]
