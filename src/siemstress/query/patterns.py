"""Text filters: a pattern with SQL's `%` and `_` becomes the cheapest condition that says the same.

A backslash takes its meaning from a `%`, a `_` or another backslash after it; before anything else
it is a backslash, so that a Windows path can be typed as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

_PART = re.compile(r"\\([%_\\])|([%_])|(.)", re.DOTALL)

# A run of characters without upper and lower case, long enough to be worth looking for first.
_CASELESS_RUN = re.compile(r"[\x01-@\[-`{-\x7f]{3,}")

Part = tuple[str, bool]
"""A character, and whether it is a wildcard."""


def parse(pattern: str) -> list[Part]:
    """The characters of a pattern, each with whether it is a wildcard."""
    return [
        (escaped or wild or plain, bool(wild)) for escaped, wild, plain in _PART.findall(pattern)
    ]


def matches(value: exp.Expr, patterns: Iterable[str], *, anywhere: bool = False) -> exp.Expr:
    """The condition that a text matches one of the patterns, without regard to case.

    `anywhere`: a pattern may match a part of the text. The condition is null for a null.
    """
    exact: list[str] = []
    conditions: list[exp.Expr] = []
    for pattern in patterns:
        parts = parse(pattern)
        if anywhere:
            parts = [("%", True), *parts, ("%", True)]
        if any(wild for _, wild in parts):
            conditions.append(_like(value, parts))
        else:
            exact.append("".join(character for character, _ in parts))
    return exp.or_(*_equal(value, exact), *conditions)


def is_caseless(text: str) -> bool:
    """Whether a text is the same in upper and in lower case, whatever folds it."""
    return text.isascii() and text.upper() == text.lower()


def _equal(value: exp.Expr, texts: Sequence[str]) -> Iterator[exp.Expr]:
    # Without folding, Parquet's statistics and dictionaries can rule out whole row groups.
    caseless = [exp.Literal.string(text) for text in texts if is_caseless(text)]
    cased = [_lower(text) for text in texts if not is_caseless(text)]
    if caseless:
        yield _one_of(value.copy(), caseless)
    if cased:
        yield _one_of(exp.Lower(this=value.copy()), cased)


def _lower(text: str) -> exp.Expr:
    # Beyond ASCII the engine must fold both sides itself: not all fold alike.
    if text.isascii():
        return exp.Literal.string(text.lower())
    return exp.Lower(this=exp.Literal.string(text))


def _one_of(value: exp.Expr, literals: Sequence[exp.Expr]) -> exp.Expr:
    if len(literals) == 1:
        return exp.EQ(this=value, expression=literals[0])
    return exp.In(this=value, expressions=list(literals))


def _like(value: exp.Expr, parts: Sequence[Part]) -> exp.Expr:
    literals = [character for character, wild in parts if not wild]
    if is_caseless("".join(literals)):
        return _written(exp.Like, value, parts)
    folded = _written(exp.ILike, value, parts)
    runs = _CASELESS_RUN.findall("".join("\0" if wild else c for c, wild in parts))
    if not runs:
        return folded
    # Folding a long text costs as much as searching it: first look for what needs no folding.
    first = [("%", True), *((c, False) for c in max(runs, key=len)), ("%", True)]
    return exp.and_(_written(exp.Like, value, first), folded)


def _written(like: type[exp.Like | exp.ILike], value: exp.Expr, parts: Sequence[Part]) -> exp.Expr:
    text = "".join(c if wild or c not in "%_\\" else f"\\{c}" for c, wild in parts)
    condition = like(this=value.copy(), expression=exp.Literal.string(text))
    if "\\" not in text:
        return condition
    return exp.Escape(this=condition, expression=exp.Literal.string("\\"))
