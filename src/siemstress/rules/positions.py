"""How far rules have seen tables, kept where their results go, in one commit with these.

Thousands of rules move together, so their position is kept for a *set* of them: its digest names
the consumer, and `rules.sets` knows the members. When a rule is added, changed or taken out
there is another set, and each of its members goes on from the furthest position of any set that
had it. A commit also takes a *ticket*, a number that counts the commits of all siemtriggers to a
table: of two that evaluate at once, one is refused and looks again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from siemstress.errors import Failure
from siemstress.rules.sets import Sets, digest_of
from siemstress.store.base import Advance, Staged, Store

TICKET = "siemtrigger"
_PREFIX = "siemtrigger:"
# Positions are kept in memory between commits that hold results; seconds until they are saved.
_SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Source:
    """A table that is watched: which one it is, and its newest version."""

    table: str
    identity: str
    version: int


@dataclass
class _Known:
    """What is known of the positions in the target; `key` tells whether somebody moved them."""

    key: tuple[str | None, int | None]
    stored: dict[str, int | None] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    worth: bool = False
    saved: float = field(default_factory=time.monotonic)
    names: list[str] | None = None


class Positions:
    """The positions in one table of results, `target`, of whoever adds to it."""

    def __init__(self, store: Store, target: str, kind: str) -> None:
        """`kind` is what the members are."""
        self._store = store
        self._sets = Sets(store, kind)
        self.target = target
        self._known: _Known | None = None

    def sync(self) -> None:
        """Look at the target again where somebody else has moved it."""
        key = (self._store.identity(self.target), self._store.position(self.target, TICKET))
        if self._known is None or self._known.key != key:
            self._known = _Known(key)

    def forget(self) -> None:
        """What is known may be wrong: the next `sync` looks again."""
        self._known = None

    def single(self, consumer: str) -> int | None:
        """The position of a consumer of its own."""
        known = self._now
        if consumer not in known.stored:
            stored = self._store.position(self.target, consumer)
            known.stored[consumer] = stored
            if stored is not None:
                known.seen[consumer] = stored
        return known.seen.get(consumer)

    def of(self, source: Source, members: Iterable[str]) -> dict[str, int | None]:
        """How far each of the members has seen the source; None: nothing of it."""
        best: dict[str, int | None] = dict.fromkeys(members)
        wanted = frozenset(best)
        for digest, at in self._others(source):
            for member in self._sets.members(digest) & wanted:
                before = best[member]
                best[member] = at if before is None else max(before, at)
        return best

    def consumer(self, source: Source, members: Iterable[str]) -> str:
        """The consumer that stands for these members, who are stored."""
        some = frozenset(members)
        self._sets.save(some)
        return self._consumer(source, some)

    def commit(
        self, staged: Sequence[Staged], reached: Mapping[str, int], *, save: bool, worth: bool
    ) -> bool:
        """Store results and positions, or, where there are only positions, remember them.

        `worth` says that there was anything between the old and the new positions; such are
        stored with `save`, or once a minute. Tells whether anything was committed.

        Raises:
            Conflict: somebody else has moved the target; nothing was written.

        """
        known = self._now
        known.worth = known.worth or worth
        overdue = time.monotonic() - known.saved > _SAVE_SECONDS
        known.seen.update(reached)
        if not staged and not (known.worth and (save or overdue)):
            return False
        ticket = known.key[1]
        taken = 0 if ticket is None else ticket + 1
        advances = [Advance(TICKET, ticket, taken)]
        for name, to in known.seen.items():
            stored = known.stored.get(name)
            if stored != to:
                advances.append(Advance(name, stored, to))
        self._store.commit(self.target, staged, advances)
        known.key = (self._store.identity(self.target), taken)
        known.stored.update(known.seen)
        known.worth = False
        known.saved = time.monotonic()
        return True

    def save(self) -> None:
        """Store the positions reached, so that the next start need not look again."""
        if self._known is None or not self._known.worth:
            return
        try:
            self.commit([], {}, save=True, worth=False)
        except Failure:
            self.forget()  # Nothing is lost: the next start looks again.

    @property
    def _now(self) -> _Known:
        if self._known is None:
            self.sync()
        assert self._known is not None  # noqa: S101 - sync has just set it
        return self._known

    def _consumer(self, source: Source, members: frozenset[str]) -> str:
        return f"{_PREFIX}{digest_of(members)}:{source.table}@{source.identity}"

    def _others(self, source: Source) -> Iterable[tuple[str, int]]:
        """The sets that have seen some of the source, and how far."""
        known = self._now
        if known.names is None:
            status = self._store.status(self.target)
            known.names = [] if status is None else list(status.consumers)
        end = f":{source.table}@{source.identity}"
        for name in {*known.names, *known.seen}:
            if name.startswith(_PREFIX) and name.endswith(end):
                at = self.single(name)
                if at is not None:
                    yield name.removeprefix(_PREFIX).removesuffix(end), at


def source_of(store: Store, table: str) -> Source | None:
    """A table as it is now; None without one."""
    identity, version = store.identity(table), store.version(table)
    return None if identity is None or version is None else Source(table, identity, version)
