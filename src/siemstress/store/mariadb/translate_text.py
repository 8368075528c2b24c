"""Conditions on texts: LIKE and ILIKE, and comparisons that overlook case."""

from __future__ import annotations

from collections.abc import Sequence

from siemstress.store.mariadb.translate_values import EXACT, Untranslated, Value, lower
from siemstress.store.mariadb.translated import Sql, build, every, joined, value

# A character of a pattern, and whether it stands for others.
Part = tuple[str, bool]


def parts(pattern: str, escape: str) -> list[Part]:
    """The characters of a LIKE pattern, each with whether it is a wildcard.

    Raises:
        Untranslated: it ends in the escape character.

    """
    found: list[Part] = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            following = next(characters, None)
            if following is None:
                raise Untranslated("a pattern that ends in its escape character")
            found.append((following, False))
        else:
            found.append((character, character in "%_"))
    return found


def written(pattern: Sequence[Part]) -> Sql:
    """A pattern as MariaDB takes it, with a backslash as the escape character."""
    text = "".join(c if wild or c not in "%_\\" else f"\\{c}" for c, wild in pattern)
    return value(text)


def like(subject: Value, pattern: Sequence[Part]) -> Sql:
    """The condition that a text is like a pattern."""
    exact = build("{} LIKE {}", subject.exact, written(pattern))
    return _by_key(subject, build("{} LIKE {}", subject.sql, written(pattern)), exact)


def ilike(subject: Value, pattern: Sequence[Part]) -> Sql:
    """The condition that a text is like a pattern, whatever the case.

    Raises:
        Untranslated: MariaDB and DuckDB do not agree on the case of a character.

    """
    folded = [(lower(c), wild) for c, wild in pattern]
    if is_caseless("".join(c for c, _ in folded)):
        return like(subject, folded)
    exact = build("{} LIKE {}", _lowered(subject), written(folded))
    return _by_key(subject, build("{} LIKE {}", subject.sql, written(folded)), exact)


def lower_is(subject: Value, literals: Sequence[str]) -> Sql:
    """The condition that a text in lower case is one of some.

    Raises:
        Untranslated: MariaDB and DuckDB do not agree on the case of a character.

    """
    for literal in literals:
        lower(literal)
    wider, exact = (is_one_of(s, literals) for s in (subject.sql, _lowered(subject)))
    return _by_key(subject, wider, exact)


def is_one_of(subject: Sql, texts: Sequence[str]) -> Sql:
    """The condition that a value is one of some texts."""
    if len(texts) == 1:
        return build("{} = {}", subject, value(texts[0]))
    return build("{} IN ({})", subject, joined(map(value, texts), ", "))


def is_caseless(text: str) -> bool:
    """Whether a text is the same in upper and in lower case, whatever folds it."""
    return text.isascii() and text.upper() == text.lower()


def _lowered(subject: Value) -> Sql:
    return build(f"LOWER({{}}) COLLATE {EXACT}" if subject.folded else "LOWER({})", subject.sql)


def _by_key(subject: Value, overlooking: Sql, exact: Sql) -> Sql:
    """An exact condition, behind one that is wider and can use the key, where there is one."""
    return every([overlooking, exact]) if subject.folded else exact
