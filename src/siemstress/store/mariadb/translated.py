"""Pieces of SQL as MariaDB reads it, with the values that belong to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from siemstress.store.mariadb.connection import quoted
from siemstress.store.mariadb.relation import Relation

# More ranges than these are not asked for one by one.
_FEW = 16


@dataclass(frozen=True)
class Sql:
    """Text with a `%s` for each value, where a `%` of its own is written twice."""

    text: str
    values: tuple[object, ...] = ()

    def statement(self) -> tuple[str, tuple[object, ...]]:
        """Text and values as the driver takes them: without values a `%` stands for itself."""
        return (self.text if self.values else self.text.replace("%%", "%")), self.values


NOTHING = Sql("")


def name(text: str) -> Sql:
    """A name, quoted."""
    return Sql(quoted(text, beside_values=True))


def value(given: object) -> Sql:
    """A value that goes beside the statement."""
    return Sql("%s", (given,))


def build(template: str, *parts: Sql) -> Sql:
    """A piece with others in place of each `{}`."""
    return Sql(
        template.format(*(part.text for part in parts)),
        tuple(v for part in parts for v in part.values),
    )


def joined(parts: Iterable[Sql], between: str) -> Sql:
    """Pieces one after the other."""
    some = list(parts)
    return Sql(between.join(p.text for p in some), tuple(v for p in some for v in p.values))


def every(conditions: Iterable[Sql]) -> Sql:
    """The condition that all of some hold."""
    some = [build("({})", condition) for condition in conditions]
    return joined(some, " AND ") if some else Sql("true")


def in_ranges(relation: Relation) -> Iterator[Sql]:
    """The condition that a row's id is in the relation's ranges; nothing where all rows are."""
    if relation.ranges is None:
        return
    ids, ranges = name("id"), relation.ranges
    if len(ranges) > _FEW:
        yield build("{} BETWEEN {} AND {}", ids, value(ranges[0][0]), value(ranges[-1][1]))
        # Between how many of the edges: the server finds out by halves.
        edges = ", ".join(f"{first}, {last + 1}" for first, last in ranges)
        yield build("INTERVAL({}, {}) %% 2 = 1", ids, Sql(edges))
        return
    parts = [build("{} BETWEEN {} AND {}", ids, value(a), value(b)) for a, b in ranges]
    yield joined(parts, " OR ") if parts else Sql("false")


def in_bounds(relation: Relation) -> Iterator[Sql]:
    """Conditions that leave out rows beyond the relation's bounds, but none without a time."""
    bounds = relation.bounds
    for column, low, high in (
        ("id", bounds.id_min, bounds.id_max),
        ("time", moment(bounds.time_min), moment(bounds.time_max)),
    ):
        if column not in relation.types:
            continue
        limits = [build("{} >= {}", name(column), value(low))] if low is not None else []
        limits += [build("{} <= {}", name(column), value(high))] if high is not None else []
        if limits and column == "time":
            yield build("({}) OR {} IS NULL", every(limits), name(column))
        elif limits:
            yield every(limits)


def moment(time: datetime | None) -> str | None:
    """A time in UTC as the server writes it; None stays None."""
    if time is None:
        return None
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return time.isoformat(sep=" ", timespec="microseconds")
