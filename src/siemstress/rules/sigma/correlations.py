"""Correlation rules: Sigma's (correlation rules specification 2.1) and types of our own.

Our own are `first_seen`, `rare`, `spike` and `absence`. They are about the events of other rules
or, without `rules`, of a `logsource` or of a `section` (under `siemstress`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any as Anything

from siemstress.rules.episodes.model import (
    Each,
    First,
    Kind,
    Number,
    Operator,
    Ordered,
    Rare,
    Silent,
    Spike,
    Threshold,
    Together,
)
from siemstress.rules.episodes.parts import alternatives
from siemstress.rules.sigma.needs import named, need_of, need_of_count
from siemstress.rules.sigma.own import own
from siemstress.rules.sigma.reading import (
    Wrong,
    day,
    known,
    mapping,
    number,
    span,
    text,
    texts,
    whole,
)
from siemstress.rules.sigma.rule import About, Correlation, Sigma

_OPERATORS: Mapping[str, Operator] = {
    "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "!=",
}  # fmt: skip
_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge,
    "eq": operator.eq, "neq": operator.ne,
}  # fmt: skip
_NUMBERS: Mapping[str, tuple[str, float]] = {
    "event_count": ("events", 50),
    "value_count": ("values", 50),
    "value_sum": ("sum", 50),
    "value_avg": ("avg", 50),
    "value_percentile": ("percentile", 50),
    "value_median": ("percentile", 50),
}
LEVELS = ("", "informational", "low", "medium", "high", "critical")
"""How serious rules say that it is; the first is for those that do not say."""
_SHARED = {"type", "rules", "group-by", "timespan", "generate", "aliases"}
# Besides these: of Sigma's types a condition.
_OWN_KEYS = {
    "first_seen": {"field", "learn"},
    "rare": {"field", "learn", "at-most"},
    "spike": {"factor", "at-least", "days", "at-least-days"},
    "absence": {"factor", "learn", "at-least", "expected", "since"},
}
_WEEK = 7 * 86400 * 1_000_000
_LARGEST = 2**53
_LARGEST_LIST = 1 << 24


def correlation(document: Mapping[str, Anything], about: About, among: Sigma | None) -> Correlation:
    """A correlation of a document. `among` is what its own `logsource` is about, if it has one.

    Raises:
        Wrong: something is not as it must be.

    """
    given = mapping(document["correlation"], "correlation")
    name = _type(given)
    if about.level not in LEVELS:
        raise Wrong(f"there is no level {about.level[:60]!r}; there are: {', '.join(LEVELS[1:])}")
    known(given, _SHARED | _OWN_KEYS.get(name, {"condition"}), "correlation")
    rules = texts(given.get("rules"), "correlation: rules")
    is_ours = name in _OURS
    condition = given.get("condition")
    if isinstance(condition, str) and not rules:
        rules = named(condition)
    if not rules and not is_ours:
        raise Wrong("correlation: rules is missing: the names or ids of those that it is about")
    read = Correlation(
        about=about,
        kind=Each(),
        rules=rules,
        group_by=texts(given.get("group-by"), "correlation: group-by"),
        span=span(given.get("timespan", "7d" if is_ours else None), "correlation: timespan"),
        aliases=_aliases(given.get("aliases"), rules),
        generate=_flag(given.get("generate", False)),
        among=among,
        list_file=_list_file(given.get("expected")),
        own=own(document.get("siemstress")),
    )
    kind, fields = _READERS[name](given, read)
    return replace(read, kind=kind, fields=fields)


def _type(given: Mapping[str, Anything]) -> str:
    name = text(given.get("type", ""), "correlation: type")
    if name not in _READERS:
        raise Wrong(
            f"correlation: there is no type {name[:60]!r}; there are: {', '.join(_READERS)}"
        )
    return name


def _aliases(value: Anything, rules: tuple[str, ...]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for alias, fields in mapping(value or {}, "correlation: aliases").items():
        of = mapping(fields, f"correlation: aliases: {alias}")
        known(of, rules, f"correlation: aliases: {alias}")
        found[alias] = {rule: text(name, f"aliases: {alias}") for rule, name in of.items()}
    return found


def _flag(value: Anything) -> bool:
    if not isinstance(value, bool):
        raise Wrong("correlation: generate must be true or false")
    return value


# Sigma's types ---------------------------------------------------------------------------------


def _counted(given: Mapping[str, Anything], _read: Correlation) -> tuple[Kind, tuple[str, ...]]:
    name = _type(given)
    of, percentile = _NUMBERS[name]
    condition = mapping(given.get("condition"), "correlation: condition")
    known(condition, {*_OPERATORS, "field", "percentile"}, "correlation: condition")
    bounds = tuple(
        (_OPERATORS[key], number(value, f"condition: {key}", -_LARGEST, _LARGEST))
        for key, value in condition.items()
        if key in _OPERATORS
    )
    if not bounds:
        raise Wrong(f"correlation: condition has no bound; there are: {', '.join(_OPERATORS)}")
    if name == "value_percentile":
        percentile = number(condition.get("percentile"), "condition: percentile", 0, 100)
    elif "percentile" in condition:
        raise Wrong("correlation: condition: percentile is for value_percentile")
    fields = texts(condition.get("field"), "condition: field")
    if name == "event_count" and fields:
        raise Wrong("correlation: condition: field is for types that count values")
    if name != "event_count" and not fields:
        raise Wrong("correlation: condition: field is missing: whose values are counted")
    if len(fields) > 1 and name != "value_count":
        raise Wrong("correlation: condition: only one field can be a number")
    kind = Number(of, Threshold(bounds), percentile)  # type: ignore[arg-type] # the table's names
    return kind, fields


def _temporal(given: Mapping[str, Anything], read: Correlation) -> tuple[Kind, tuple[str, ...]]:
    condition = given.get("condition")
    count = len(read.rules)
    need = need_of_count(range(count, count + 1), count)
    if isinstance(condition, str):
        need = need_of(condition, read.rules)
    elif condition is not None:
        bounds = mapping(condition, "correlation: condition")
        known(bounds, _OPERATORS, "correlation: condition")
        limits = [
            (_COMPARE[key], whole(n, f"condition: {key}", 0, count)) for key, n in bounds.items()
        ]
        allowed = [n for n in range(1, count + 1) if all(holds(n, m) for holds, m in limits)]
        need = need_of_count(allowed, count)
    if _type(given) == "temporal":
        return Together(need), ()
    everything = frozenset(range(count)), frozenset[int]()
    in_order = not isinstance(condition, str) or named(condition) == read.rules
    if alternatives(need) != [everything] or not in_order:
        raise Wrong(
            "correlation: condition of temporal_ordered must be all rules in order, with and"
        )
    return Ordered(count), ()


# Our own types ---------------------------------------------------------------------------------


def _learn(given: Mapping[str, Anything], read: Correlation) -> int:
    return span(given["learn"], "correlation: learn") if "learn" in given else min(read.span, _WEEK)


def _field(given: Mapping[str, Anything]) -> tuple[str, ...]:
    fields = texts(given.get("field"), "correlation: field")
    if not fields:
        raise Wrong("correlation: field is missing: whose values are new or rare")
    return fields


def _first(given: Mapping[str, Anything], read: Correlation) -> tuple[Kind, tuple[str, ...]]:
    return First(_learn(given, read)), _field(given)


def _rare(given: Mapping[str, Anything], read: Correlation) -> tuple[Kind, tuple[str, ...]]:
    most = whole(given.get("at-most", 1), "correlation: at-most", 1, 10**9)
    return Rare(most, _learn(given, read)), _field(given)


def _spike(given: Mapping[str, Anything], _read: Correlation) -> tuple[Kind, tuple[str, ...]]:
    kind = Spike(
        factor=number(given.get("factor", 3), "correlation: factor", 1, 1e6),
        least=whole(given.get("at-least", 10), "correlation: at-least", 1, 10**9),
        days=whole(given.get("days", 7), "correlation: days", 1, 90),
        least_days=whole(given.get("at-least-days", 3), "correlation: at-least-days", 1, 90),
    )
    return kind, ()


def _absence(given: Mapping[str, Anything], read: Correlation) -> tuple[Kind, tuple[str, ...]]:
    since = None
    if "expected" in given:
        if len(read.group_by) != 1:
            raise Wrong("correlation: expected is for one field in group-by")
        since = day(given.get("since", read.about.date), "correlation: since (or the rule's date)")
    elif "since" in given:
        raise Wrong("correlation: since is for expected")
    kind = Silent(
        factor=number(given.get("factor", 2), "correlation: factor", 1, 1e6),
        learn=_learn(given, read) if "learn" in given else _WEEK,
        least=whole(given.get("at-least", 10), "correlation: at-least", 1, 10**9),
        listed=_listed(given.get("expected")),
        since=since,
    )
    return kind, ()


def _listed(value: Anything) -> tuple[str, ...]:
    """Names that are expected, where they do not stand in a file."""
    if isinstance(value, dict):
        return ()
    return tuple(name.lower() for name in texts(value, "correlation: expected"))


def _list_file(value: Anything) -> str:
    """The file that lists names, if one does."""
    if not isinstance(value, dict):
        return ""
    known(mapping(value, "correlation: expected"), ("file",), "correlation: expected")
    name = text(value.get("file", ""), "correlation: expected: file")
    if not name:
        raise Wrong("correlation: expected: file is missing")
    return name


def with_list(rule: Correlation) -> Correlation:
    """A correlation with the names that its file lists, one in each line, as it is now.

    Raises:
        Wrong: it cannot be read.

    """
    if not rule.list_file or not isinstance(rule.kind, Silent):
        return rule
    path = Path(rule.about.file).parent / rule.list_file
    try:
        with path.open(errors="replace") as stream:
            lines = stream.read(_LARGEST_LIST).splitlines()
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else str(e)
        raise Wrong(f"correlation: expected: {rule.list_file} cannot be read: {reason}") from None
    names = (line.split("#", 1)[0].strip().lower() for line in lines)
    listed = tuple(dict.fromkeys(name for name in names if name))
    return replace(rule, kind=replace(rule.kind, listed=listed))


_Reader = Callable[[Mapping[str, Anything], Correlation], tuple[Kind, tuple[str, ...]]]
_OURS: Mapping[str, _Reader] = {
    "first_seen": _first, "rare": _rare, "spike": _spike, "absence": _absence,
}  # fmt: skip
_READERS: Mapping[str, _Reader] = {
    **dict.fromkeys(_NUMBERS, _counted),
    "temporal": _temporal,
    "temporal_ordered": _temporal,
    **_OURS,
}
TYPES = tuple(_READERS)
"""All types of correlation."""
KEYS = frozenset({"condition"}).union(_SHARED - {"type"}, *_OWN_KEYS.values())
"""All that may stand beside the type."""
