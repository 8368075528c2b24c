"""Conditions on texts: LIKE and ILIKE, and comparisons that overlook case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from siemstress.store.mariadb.translate_values import EXACT, Untranslated, Value, lower
from siemstress.store.mariadb.translated import Sql, build, every, joined, value

# Letters of one lower case that the collation of columns with keys takes for two: the signs of
# Kelvin, Ohm and Angstrom.
_ALONE = {"k": "\u212a", "\u03c9": "\u2126", "\u00e5": "\u212b"}
_MOST_CHOICES = 4

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
    wider = build("{} LIKE {}", subject.sql, written(pattern))
    return every([wider, exact]) if subject.folded else exact


def ilike(subject: Value, pattern: Sequence[Part]) -> Sql:
    """The condition that a text is like a pattern, whatever the case.

    Raises:
        Untranslated: MariaDB and DuckDB do not agree on the case of a character.

    """
    folded = [(lower(c), wild) for c, wild in pattern]
    if is_caseless("".join(c for c, _ in folded)):
        return like(subject, folded)
    exact = build("{} LIKE {}", in_lower_case(subject), written(folded))
    if not subject.folded or not (some := list(_variants(folded))):
        return exact
    wider = (build("{} LIKE {}", subject.sql, written(variant)) for variant in some)
    return every([joined(wider, " OR "), exact])


def lower_is(subject: Value, literals: Sequence[str]) -> Sql:
    """The condition that a text in lower case is one of some.

    Raises:
        Untranslated: MariaDB and DuckDB do not agree on the case of a character.

    """
    for literal in literals:
        lower(literal)
    exact = is_one_of(in_lower_case(subject), literals)
    each = [list(_variants([(c, False) for c in literal])) for literal in literals]
    if not subject.folded or not all(each):
        return exact
    wider = ["".join(c for c, _ in variant) for some in each for variant in some]
    return every([is_one_of(subject.sql, wider), exact])


def _variants(pattern: Sequence[Part]) -> Iterator[Sequence[Part]]:
    """Patterns of which any text that matches one in lower case matches one by the collation.

    None where these would be many.
    """
    choices = [(c, _ALONE[c]) if c in _ALONE else (c,) for c, _ in pattern]
    if sum(len(choice) > 1 for choice in choices) <= _MOST_CHOICES:
        for characters in product(*choices):
            yield [(c, wild) for c, (_, wild) in zip(characters, pattern, strict=True)]


def is_one_of(subject: Sql, texts: Sequence[str]) -> Sql:
    """The condition that a value is one of some texts."""
    if len(texts) == 1:
        return build("{} = {}", subject, value(texts[0]))
    return build("{} IN ({})", subject, joined(map(value, texts), ", "))


def is_caseless(text: str) -> bool:
    """Whether a text is the same in upper and in lower case, whatever folds it."""
    return text.isascii() and text.upper() == text.lower()


def in_lower_case(subject: Value) -> Sql:
    """A text in lower case, compared byte by byte."""
    return build(f"LOWER({{}}) COLLATE {EXACT}" if subject.folded else "LOWER({})", subject.sql)
