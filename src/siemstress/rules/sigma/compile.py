"""From Sigma's detections, as pySigma reads them, to conditions.

Sigma rules specification 2.1; its modifiers appendix says what each value means.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any as Anything
from typing import Literal, cast

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from siemstress.rules.sigma.condition import (
    Absent,
    All,
    Any,
    Atom,
    Compare,
    Condition,
    Network,
    Not,
    Present,
    Regex,
    SameAs,
    Test,
    Text,
    TimePart,
    Wild,
)

_WILD = {SpecialChars.WILDCARD_MULTI: Wild.ANY, SpecialChars.WILDCARD_SINGLE: Wild.ONE}
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_Operator = Literal["<", "<=", ">", ">=", "=", "!="]
_OPERATORS: Mapping[CompareOperators, _Operator] = {
    CompareOperators.LT: "<", CompareOperators.LTE: "<=", CompareOperators.GT: ">",
    CompareOperators.GTE: ">=", CompareOperators.NEQ: "!=",
}  # fmt: skip
_HOLDS: Mapping[_Operator, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "!=": operator.ne,
}  # fmt: skip
_Part = Literal["minute", "hour", "day", "week", "month", "year"]
_PARTS: Mapping[str, range] = {
    "minute": range(60), "hour": range(24), "day": range(1, 32), "week": range(1, 54),
    "month": range(1, 13), "year": range(1970, 2263),
}  # fmt: skip
"""The parts of a time, and the values that they can have."""


class Unsupported(ValueError):
    """A rule says something that cannot be evaluated; the message says what."""


def compiled(rule: SigmaRule) -> Condition:
    """What a rule says of one event; of several conditions one must hold.

    Raises:
        Unsupported: it says something that cannot be evaluated.
        sigma.exceptions.SigmaError: it is no valid rule.

    """
    found = [_condition(parsed.parsed) for parsed in rule.detection.parsed_condition]
    return found[0] if len(found) == 1 else Any(tuple(found))


def _condition(node: Anything) -> Condition:
    match node:
        case ConditionAND():
            return All(tuple(_condition(arg) for arg in node.args))
        case ConditionOR():
            return Any(tuple(_condition(arg) for arg in node.args))
        case ConditionNOT():
            return Not(_condition(node.args[0]))
        case ConditionFieldEqualsValueExpression():
            return _test(node.field, node.value)
        case ConditionValueExpression():
            return _keyword(node.value)
    raise Unsupported("the condition is empty")


def _test(field: str, value: Anything) -> Condition:
    """A test of a field, or what stands for it."""
    match value:
        case SigmaExpansion():
            return Any(tuple(_test(field, one) for one in value.values))
        case SigmaExists():
            return Atom(field, Present()) if value else Not(Atom(field, Present()))
        case SigmaString() if value == "":
            return Atom(field, Absent())
        case SigmaCompareExpression() if isinstance(value.number, SigmaTimestampPart):
            return _parts(field, value.number, _OPERATORS[value.op])
        case SigmaFieldReference() if value.starts_with and value.ends_with:
            return Atom(field, SameAs(value.field, "within"))
    return Atom(field, _plain_test(value))


def _plain_test(value: Anything) -> Test:
    for kind, made in _TESTS:
        if isinstance(value, kind):
            return made(value)
    raise Unsupported(f"a value of kind {type(value).__name__} has no meaning for a field")


def _keyword(value: Anything) -> Condition:
    """A test of the whole text: a keyword stands somewhere in it."""
    match value:
        case SigmaExpansion():
            return Any(tuple(_keyword(one) for one in value.values))
        case SigmaNumber() if not isinstance(value, SigmaTimestampPart):
            return Atom(None, Text((Wild.ANY, str(value), Wild.ANY)))
        case SigmaString():
            text = _text(value)
            return Atom(None, Text(_joined((Wild.ANY, *text.parts, Wild.ANY)), text.cased))
        case SigmaRegularExpression():
            return Atom(None, _regex(value))
    raise Unsupported(f"a value of kind {type(value).__name__} is no keyword")


def _text(value: SigmaString) -> Text:
    cased = isinstance(value, SigmaCasedString)
    parts: list[str | Wild] = []
    for part in value.s:
        if isinstance(part, Placeholder):
            raise Unsupported(f"the placeholder %{part.name}% has no values")
        if isinstance(part, str):
            parts.append(part if cased else part.lower())
        else:
            parts.append(_WILD[part])
    return Text(_joined(tuple(parts)), cased)


def _joined(parts: tuple[str | Wild, ...]) -> tuple[str | Wild, ...]:
    """Parts without empty texts; of several wildcards for any text in a row one is enough."""
    kept: list[str | Wild] = []
    for part in parts:
        if part == "" or (part is Wild.ANY and kept and kept[-1] is Wild.ANY):
            continue
        kept.append(part)
    return tuple(kept)


def _regex(value: SigmaRegularExpression) -> Regex:
    if value.regexp is None:
        raise Unsupported("an expression is missing")
    for part in value.regexp.s:
        if isinstance(part, Placeholder):
            raise Unsupported(f"the placeholder %{part.name}% has no values")
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    return Regex(value.regexp.to_plain(regex=True), flags)


def _number(value: SigmaNumber) -> Test:
    return Compare("=", float(value.number))


def _part(value: SigmaTimestampPart) -> TimePart:
    return TimePart(_part_name(value), int(value.number))


def _part_name(value: SigmaTimestampPart) -> _Part:
    name = value.timestamp_part.name.lower()
    if name not in _PARTS:
        raise Unsupported(f"a time has no part {name!r}")
    return cast(_Part, name)


def _parts(field: str, value: SigmaTimestampPart, compares: _Operator) -> Condition:
    """A part of a time that compares so with a number: all of its values that do."""
    name = _part_name(value)
    holds = _HOLDS[compares]
    found = (n for n in _PARTS[name] if holds(n, value.number))
    return Any(tuple(Atom(field, TimePart(name, n)) for n in found))


def _comparison(value: SigmaCompareExpression) -> Test:
    return Compare(_OPERATORS[value.op], float(value.number.number))


def _reference(value: SigmaFieldReference) -> SameAs:
    how: Literal["is", "begins", "ends"] = "is"
    if value.starts_with:
        how = "begins"
    elif value.ends_with:
        how = "ends"
    return SameAs(value.field, how)


def _boolean(value: SigmaBool) -> Text:
    return Text((str(value).lower(),))


# The first kind that a value is of counts: some are kinds of others.
_TESTS: tuple[tuple[type, Callable[[Anything], Test]], ...] = (
    (SigmaNull, lambda _: Absent()),
    (SigmaTimestampPart, _part),
    (SigmaNumber, _number),
    (SigmaBool, _boolean),
    (SigmaString, _text),
    (SigmaRegularExpression, _regex),
    (SigmaCIDRExpression, lambda value: Network(str(value.network))),
    (SigmaCompareExpression, _comparison),
    (SigmaFieldReference, _reference),
)
