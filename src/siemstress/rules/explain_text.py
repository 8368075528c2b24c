"""Clauses as lines: those that an event meets, or those that fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from siemstress.rules.explain import ALL, NOT, ONE, TEST, Clause
from siemstress.rules.explain_words import quoted

Lines = Iterator[tuple[int, str]]
"""Lines, and how far each is to be indented."""

# Of the tests of one thing so many are named.
_NAMED = 8


def met(clause: Clause, depth: int = 0) -> Lines:
    """The clauses by which an event meets a condition."""
    if clause.name:
        yield depth, f"is {clause.name}"
    elif clause.kind == TEST:
        yield depth, _line(clause)
    elif clause.kind == NOT:
        (part,) = clause.parts
        if part.kind == TEST:
            yield depth, f"not: {_line(part)}"
        else:
            yield depth, "not:"
            yield from failed(part, depth + 1)
    else:
        for part in clause.parts:
            if part.met:
                yield from met(part, depth)


def failed(clause: Clause, depth: int = 0) -> Lines:
    """The clauses for which an event does not meet a condition."""
    if clause.name:
        yield depth, f"is not {clause.name}:"
        depth += 1
    if clause.kind == TEST:
        yield depth, _line(clause)
    elif clause.kind == NOT:
        yield depth, "must not be:"
        yield from met(clause.parts[0], depth + 1)
    elif clause.kind == ALL:
        for part in clause.parts:
            if not part.met:
                yield from failed(part, depth)
    else:
        yield from _none_of(list(_choices(clause)), depth)


def _none_of(choices: Sequence[Clause], depth: int) -> Lines:
    """That none of some clauses holds: the tests of one thing in one line."""
    tests: dict[str, list[Clause]] = {}
    others: list[Clause] = []
    for choice in choices:
        if choice.kind == TEST and not choice.name:
            tests.setdefault(choice.about, []).append(choice)
        else:
            others.append(choice)
    count = len(tests) + len(others)
    if not count:
        yield depth, "never holds"
    if count > 1:
        yield depth, "none of these holds:"
        depth += 1
    for about, some in tests.items():
        yield depth, _line(some[0]) if len(some) == 1 else _lines(about, some)
    for number, other in enumerate(others):
        if len(others) > 1:
            yield depth, f"{number + 1}:"
        yield from failed(other, depth + (len(others) > 1))


def _choices(clause: Clause) -> Iterator[Clause]:
    for part in clause.parts:
        if part.kind == ONE and not part.name:
            yield from _choices(part)
        else:
            yield part


def _lines(about: str, tests: Sequence[Clause]) -> str:
    """Several tests of one thing in one line, what the event has there first."""
    texts = [test.text.removeprefix(f"{about} ") for test in tests[:_NAMED]]
    more = len(tests) - len(texts)
    listed = ", or ".join(texts) + (f", or {more} more" if more else "")
    return f"{about} {listed}: {_value(tests[0])}"


def _line(test: Clause) -> str:
    return f"{test.text}: {_value(test)}" if test.about else test.text


def _value(test: Clause) -> str:
    return f"there is no {test.about}" if test.value is None else quoted(test.value)
