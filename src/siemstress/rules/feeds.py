"""What a rule watches: which single events count, and what is kept of each for its windows.

A feed's matches are stored once, for all rules that look at the same events in the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from siemstress.rules.episodes.model import Window

if TYPE_CHECKING:
    from sqlglot import exp

    from siemstress.rules.sigma.condition import Condition


@dataclass(frozen=True, eq=False)
class Feed:
    """Events of some tables for which a condition holds; None: all events.

    The condition is one of Sigma's (`rules.sigma.condition`), whose fields are places, or one in
    SQL over the columns of one event, in the house dialect. `keep` names the places, as conditions
    do, whose values are kept with each match, in lower case. With `roll` (µs) events with the same
    kept values within such a piece of time (counted from 1970) are kept as one row with a count.
    """

    tables: tuple[str, ...]
    condition: Condition | exp.Expr | None
    keep: tuple[str, ...] = ()
    roll: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Feed) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[tuple[str, ...], str]:
        """What is compared: conditions can be large."""
        return self.tables, self.digest

    @property
    def of_sigma(self) -> Condition | None:
        """The condition, if it is one of Sigma's; None: it is in SQL, or there is none."""
        from sqlglot import exp

        return None if isinstance(self.condition, exp.Expr) else self.condition

    @cached_property
    def digest(self) -> str:
        """Names what the feed's matches are."""
        from sqlglot import exp

        is_sql = isinstance(self.condition, exp.Expr)
        condition = self.condition.sql("duckdb") if is_sql else repr(self.condition)  # type: ignore[union-attr] # SQL has it
        text = repr((condition, self.keep, self.roll))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Part:
    """One of the kinds of match that a window is about.

    `source` is a feed, or windows whose episodes are the matches. `group` are the kept places (of
    windows: their group's names) that give the values of the group, in the order of the window's
    own names; `value` are those whose values, together, are counted. `name` is what the rule's
    file calls it.
    """

    name: str
    source: Feed | Windowed
    group: tuple[str, ...] = ()
    value: tuple[str, ...] = ()


@dataclass(frozen=True)
class Windowed:
    """A window over the matches of its parts, by groups. `group_by` are the names of the group's
    values in alerts and messages."""

    parts: tuple[Part, ...]
    window: Window
    group_by: tuple[str, ...] = ()


def feeds_of(windowed: Windowed) -> Iterator[Feed]:
    """All feeds that windows are about, each once."""
    found: list[Feed] = []
    for part in windowed.parts:
        found += [part.source] if isinstance(part.source, Feed) else feeds_of(part.source)
    if len(found) < 2:
        # Digests of thousands of rules would take longer than all else at a start.
        yield from found
        return
    by_digest: dict[str, Feed] = {}
    for feed in found:
        by_digest.setdefault(feed.digest, feed)
    yield from by_digest.values()


def meaning_of(windowed: Windowed) -> tuple[object, ...]:
    """What windows find, without how anything is called."""
    parts = tuple(
        (
            part.source.digest if isinstance(part.source, Feed) else meaning_of(part.source),
            part.group,
            part.value,
        )
        for part in windowed.parts
    )
    return (parts, windowed.window, windowed.group_by)
