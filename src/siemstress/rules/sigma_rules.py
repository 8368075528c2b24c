"""Sigma rules and correlations as rules of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from siemstress.errors import RuleError
from siemstress.rules.alerts import MESSAGE_NAMES, PLACEHOLDER
from siemstress.rules.episodes.model import (
    Each,
    First,
    Number,
    Rare,
    Silent,
    Spike,
    Window,
)
from siemstress.rules.feeds import Feed, Part, Windowed, feeds_of
from siemstress.rules.model import MICROSECOND, Rule
from siemstress.rules.sigma.rule import Correlation, Loaded, Own, Sigma
from siemstress.rules.sigma.taxonomy import Places, place

# What a level is as a severity of syslog, and as a weight.
LEVELS: Mapping[str, tuple[int, int]] = {
    "critical": (2, 90), "high": (3, 70), "medium": (4, 40), "low": (5, 20),
    "informational": (6, 10),
}  # fmt: skip
_OUT_TABLE = "UserAuth"
_MINUTE = 60_000_000
# Matches of one event are one episode as long as each is so near to the one before.
_GAP = 10 * _MINUTE
_HOST = "host|parsed_on"
_DEEPEST = 20
_MOST_RULES = 1000


@dataclass(frozen=True)
class Tables:
    """Names of sections and tables, in lower case, and their tables; `logs` are those of events."""

    names: Mapping[str, str]
    logs: tuple[str, ...]


def rules_of(
    loaded: Loaded, tables: Tables, places: Places | None = None, *, every: bool = False
) -> tuple[list[Rule], list[RuleError]]:
    """The rules that raise alerts, and what is wrong with others.

    A rule that a correlation is about raises alerts of its own only if the correlation says
    `generate: true`, or with `every`.
    """
    return _Maker(loaded, tables, places).made(every=every)


class _Mistake(ValueError):
    """Something that a rule says does not fit what others say."""


class _Maker:
    def __init__(self, loaded: Loaded, tables: Tables, places: Places | None) -> None:
        self._loaded = loaded
        self._tables = tables
        self._places = places
        self._by_name: dict[str, Sigma | Correlation] = {}
        everything: list[Sigma | Correlation] = [*loaded.rules, *loaded.correlations]
        for rule in everything:
            for name in rule.about.names:
                self._by_name.setdefault(name, rule)
        self._keep: dict[str, dict[str, None]] = {}

    def made(self, *, every: bool = False) -> tuple[list[Rule], list[RuleError]]:
        problems: list[RuleError] = []
        silenced: set[int] = set()
        fine = []
        for correlation in self._loaded.correlations:
            try:
                self._measure(correlation, 0, {})
                self._gather(correlation)
            except _Mistake as e:
                problems.append(RuleError(str(e), file=correlation.about.file))
                continue
            fine.append(correlation)
            if not correlation.generate:
                silenced |= {id(self._by_name[name]) for name in correlation.rules}
        found: list[Rule] = []
        usable: list[Sigma | Correlation] = [*self._loaded.rules, *fine]
        for rule in usable:
            if id(rule) in silenced and not every:
                continue
            try:
                windowed = self._windowed(rule)
                if windowed is not None:
                    found.append(self._rule(rule, windowed))
            except _Mistake as e:
                problems.append(RuleError(str(e), file=rule.about.file))
        return _distinct(found), problems

    # What is kept of each rule's events -----------------------------------------------------

    def _measure(self, rule: Sigma | Correlation, depth: int, known: dict[int, int]) -> int:
        """How many rules a rule is about, through others."""
        if depth > _DEEPEST:
            raise _Mistake(
                f"correlation: rules are about each other in a circle, or {_DEEPEST} levels deep"
            )
        if isinstance(rule, Sigma):
            return 1
        if id(rule) not in known:
            bases = [self._base(name) for name in rule.rules]
            known[id(rule)] = sum(self._measure(base, depth + 1, known) for base in bases) or 1
        if known[id(rule)] > _MOST_RULES:
            raise _Mistake(f"correlation: it is about more than {_MOST_RULES} rules")
        return known[id(rule)]

    def _base(self, name: str) -> Sigma | Correlation:
        base = self._by_name.get(name)
        if base is None:
            raise _Mistake(f"correlation: there is no rule {name!r}, or it cannot be used")
        return base

    def _gather(self, correlation: Correlation) -> None:
        """Note which fields of which rules' events a correlation needs."""
        for name in correlation.rules:
            base = self._base(name)
            wanted = [
                _meant(correlation, f, name) for f in (*correlation.group_by, *correlation.fields)
            ]
            if isinstance(base, Sigma):
                kept = self._keep.setdefault(base.about.file + base.title, {})
                kept |= dict.fromkeys(place(field, base.source, self._places) for field in wanted)
                continue
            lacking = sorted(set(wanted) - set(_names(base)))
            if lacking:
                raise _Mistake(f"correlation: {name!r} has no {lacking[0]!r} in its group-by")
            self._gather(base)

    def _feed(self, rule: Sigma, more: Sequence[str] = (), roll: int | None = None) -> Feed:
        kept = dict.fromkeys(_places_of(rule, self._places).values())
        if roll is None:
            kept |= self._keep.get(rule.about.file + rule.title, {})
            kept |= dict.fromkeys(more)
        else:
            kept = dict.fromkeys(more)
        return Feed(self._watched(rule.own), rule.condition, tuple(kept), roll)

    def _watched(self, own: Own) -> tuple[str, ...]:
        found: list[str] = []
        for name in own.section:
            if name == "*":
                found += self._tables.logs
            elif name.lower() in self._tables.names:
                found.append(self._tables.names[name.lower()])
            else:
                there = ", ".join(sorted(set(self._tables.names)))
                raise _Mistake(f"siemstress: there is no section {name!r}; there are: {there}")
        return tuple(dict.fromkeys(found)) or self._tables.logs

    # Windows ----------------------------------------------------------------------------------

    def _windowed(self, rule: Sigma | Correlation) -> Windowed | None:
        """The windows of a rule; None where none of its events can be read."""
        if isinstance(rule, Correlation):
            return self._correlated(rule)
        if not rule.fires:
            return None
        of = _places_of(rule, self._places)
        feed = self._feed(rule)
        window = Window(Each(), 0, _GAP, rule.own.suppress)
        return Windowed((Part(rule.title, feed, tuple(of.values())),), window, tuple(of))

    def _correlated(self, rule: Correlation) -> Windowed | None:
        roll = _roll(rule)
        parts: list[Part] = []
        bases = [(name, self._by_name[name]) for name in rule.rules]
        if rule.among is not None and not bases:
            bases = [("", rule.among)]
        for name, base in bases:
            group = tuple(_meant(rule, field, name) for field in rule.group_by)
            value = tuple(_meant(rule, field, name) for field in rule.fields)
            if isinstance(base, Correlation):
                inner = self._correlated(base)
                if inner is None:
                    return None
                parts.append(Part(name, inner, group, value))
                continue
            if not base.fires:
                return None
            group, value = (
                tuple(_place(field, base, self._places) for field in some)
                for some in (group, value)
            )
            if isinstance(rule.kind, Silent):
                # The machine that parses lines says nothing of its own.
                group = tuple("host" if where == _HOST else where for where in group)
            feed = self._feed(base, (*group, *value), roll)
            parts.append(Part(name, feed, group, value))
        gap = rule.span if not isinstance(rule.kind, First | Rare | Silent) else 0
        if isinstance(rule.kind, Spike):
            gap = rule.kind.bucket
        window = Window(rule.kind, rule.span, gap, rule.own.suppress)
        return Windowed(tuple(parts), window, _names(rule))

    # Rules ------------------------------------------------------------------------------------

    def _rule(self, rule: Sigma | Correlation, windowed: Windowed) -> Rule:
        about, own = rule.about, rule.own
        severity, magnitude = LEVELS.get(about.level, LEVELS["medium"])
        interval = windowed.window.span or _GAP
        _checked(own.message, windowed.group_by)
        out_table = own.out_table or _OUT_TABLE
        out_table = self._tables.names.get(out_table.lower(), out_table)
        tables = dict.fromkeys(t for feed in feeds_of(windowed) for t in feed.tables)
        return Rule(
            name=about.title,
            file=Path(about.file),
            tables=tuple(tables),
            match=windowed,
            interval=interval * MICROSECOND,
            limit=_limit(windowed.window),
            out_table=out_table,
            message=own.message,
            severity=severity if own.severity is None else own.severity,
            magnitude=magnitude if own.magnitude is None else own.magnitude,
            id=about.id,
            tags=about.tags,
            title=about.title,
            suppress=timedelta(microseconds=own.suppress),
            level=about.level,
            samples=own.samples,
        )


def _meant(correlation: Correlation, field: str, rule: str) -> str:
    """What a rule calls the field that a correlation names."""
    return correlation.aliases.get(field, {}).get(rule, field)


def _place(field: str, rule: Sigma, places: Places | None) -> str:
    return _HOST if field == "host" else place(field, rule.source, places)


def _names(rule: Correlation) -> tuple[str, ...]:
    """What a correlation's alerts are told apart by."""
    of_values = isinstance(rule.kind, First | Rare)
    return (*rule.group_by, *rule.fields) if of_values else rule.group_by


def _places_of(rule: Sigma, places: Places | None) -> dict[str, str]:
    """The names of what a rule's events are grouped by, and where it stands."""
    names = ("host",) if rule.own.group_by is None else rule.own.group_by
    return {name: _place(name, rule, places) for name in names}


def _roll(rule: Correlation) -> int | None:
    """Into pieces of which length matches are put together: where only their times count."""
    match rule.kind:
        case First() | Rare():
            return min(10 * _MINUTE, max(1_000_000, rule.span // 100))
        case Silent():
            return min(10 * _MINUTE, max(1_000_000, rule.span // 10))
        case Spike():
            return 5 * _MINUTE
    return None


def _limit(window: Window) -> int:
    """The limit as the original meant it: more than so many."""
    if isinstance(window.kind, Number) and window.kind.of in ("events", "values"):
        for op, bound in window.kind.threshold.bounds:
            if op in (">", ">="):
                return max(0, int(bound) - (op == ">="))
    return 0


def _checked(message: str, names: Sequence[str]) -> None:
    known = MESSAGE_NAMES | set(names)
    for found in PLACEHOLDER.finditer(message):
        if found[1] not in known:
            there = ", ".join(sorted(known))
            raise _Mistake(f"siemstress: message: {found[0]} has no value; there are: {there}")


def _distinct(rules: Sequence[Rule]) -> list[Rule]:
    """The rules, those with one name told apart by their ids."""
    seen: dict[str, int] = {}
    for rule in rules:
        seen[rule.name] = seen.get(rule.name, 0) + 1
    found = []
    taken: set[str] = set()
    for rule in rules:
        name = (
            rule.name if seen[rule.name] == 1 else f"{rule.name} ({rule.id[:8] or rule.file.stem})"
        )
        number = 2
        while name in taken:
            name, number = f"{rule.name} ({number})", number + 1
        taken.add(name)
        found.append(replace(rule, name=name))
    return found
