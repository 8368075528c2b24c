"""Expressions of the house dialect as MariaDB understands them, or not at all.

Only what is known to mean the same is translated. Every value has a kind; only values of one kind
are compared, since the two differ in what they turn into what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlglot import exp

from siemstress.store.mariadb import translate_text as texts
from siemstress.store.mariadb.translate_values import (
    WHOLE,
    Untranslated,
    Value,
    lower,
    same_kind,
    text,
)
from siemstress.store.mariadb.translated import Sql, build, joined, moment, value

Find = Callable[[str, str], Value]
"""The value of a column, by the name of its table ('' where none is said) and its own."""

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "<=>",
}
COMPARABLE = frozenset({"int", "bigint", "text", "time", "bool", "null"})
_STAMP = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{1,6})?)?")
_LARGEST = 2**63 - 1


class Expressions:
    """Translates the expressions of one SELECT, whose columns `find` knows."""

    def __init__(self, find: Find) -> None:
        from siemstress.store.mariadb.translate_functions import TRANSLATIONS

        self._find = find
        self._translations = {**_TRANSLATIONS, **TRANSLATIONS}

    def value(self, node: exp.Expr) -> Value:
        """An expression.

        Raises:
            Untranslated: it holds something that is not known to mean the same.

        """
        if isinstance(node, exp.Paren):
            inner = self.value(node.this)
            return Value(
                build("({})", inner.sql), inner.kind, inner.folded, inner.never_null, inner.text
            )
        translate = self._translations.get(type(node))
        if translate is None:
            raise Untranslated(node.sql_name() if isinstance(node, exp.Func) else node.key)
        _only_known(node)
        return translate(self, node)

    def condition(self, node: exp.Expr) -> Sql:
        """An expression that is true, false or null."""
        return self.of(node, "bool").sql

    def of(self, node: exp.Expr, *kinds: str) -> Value:
        """An expression of one of these kinds, or null."""
        found = self.value(node)
        if found.kind not in (*kinds, "null"):
            raise Untranslated(f"{found.kind} for {kinds[0]}")
        return found

    # Names and literals -----------------------------------------------------------------------

    def _column(self, node: exp.Column) -> Value:
        return self._find(node.table, node.name)

    def _literal(self, node: exp.Literal) -> Value:
        if node.is_string:
            return text(node.this)
        if not node.this.isdecimal() or int(node.this) > _LARGEST:
            raise Untranslated("a number with a fraction")
        number = int(node.this)
        return Value(Sql(str(number)), "int" if number < 2**31 else "bigint", never_null=True)

    def _boolean(self, node: exp.Boolean) -> Value:
        return Value(Sql("TRUE" if node.this else "FALSE"), "bool", never_null=True)

    def _null(self, _node: exp.Null) -> Value:
        return Value(Sql("NULL"), "null")

    def _negative(self, node: exp.Neg) -> Value:
        if not isinstance(node.this, exp.Literal):
            raise Untranslated("minus")
        number = self.of(node.this, *WHOLE)
        return Value(build("-{}", number.sql), number.kind, never_null=True)

    def _cast(self, node: exp.Cast) -> Value:
        inner = self.value(node.this)
        target = node.to.sql("duckdb").upper()
        if target == "TIMESTAMP" and inner.text is not None:
            return _stamp(inner.text)
        if target in ("TEXT", "VARCHAR") and inner.kind in WHOLE:
            return Value(build("CAST({} AS CHAR)", inner.sql), "text", never_null=inner.never_null)
        kind = _CASTS.get(target)
        if (kind is not None and kind == inner.kind) or (kind == "bigint" and inner.kind == "int"):
            return Value(inner.sql, kind, inner.folded, inner.never_null, inner.text)
        if inner.kind == "null" and kind is not None:
            return Value(inner.sql, kind)
        if kind == "bigint" and inner.kind in ("bool", "double"):
            return Value(build("CAST({} AS SIGNED)", inner.sql), kind)
        raise Untranslated(f"CAST of {inner.kind} AS {target}")

    # Conditions -------------------------------------------------------------------------------

    def _logic(self, node: exp.Expr) -> Value:
        word = "AND" if isinstance(node, exp.And) else "OR"
        # Long chains are flat: a rule may have hundreds of values.
        conditions = [self.condition(part) for part in node.flatten()]
        return _truth(joined((build("({})", c) for c in conditions), f" {word} "))

    def _not(self, node: exp.Not) -> Value:
        return _truth(build("NOT ({})", self.condition(node.this)))

    def _is(self, node: exp.Is) -> Value:
        if not isinstance(node.expression, exp.Null):
            raise Untranslated("IS")
        inner = node.this
        while isinstance(inner, exp.Lower | exp.Paren):
            inner = inner.this
        found = self.value(inner)
        return Value(build("({}) IS NULL", found.sql), "bool", never_null=True)

    def _comparison(self, node: exp.Expr) -> Value:
        sign = _COMPARISONS[type(node)]
        if (folded := self._folded_pair(node.this, node.expression)) is not None:
            return _truth(build(f"{{}} {sign} {{}}", *folded))
        if isinstance(node, exp.EQ) and (subject := self.lowered(node.this)) is not None:
            other = self.value(node.expression)
            if other.text is not None:
                return _truth(texts.lower_is(subject, [other.text]))
        left, right = self._alike([node.this, node.expression])
        if left.folded and sign == "=" and right.text is not None:
            return _truth(
                build("({} = {}) AND ({} = {})", left.sql, right.sql, left.exact, right.sql)
            )
        return _truth(build(f"({{}}) {sign} ({{}})", left.exact, right.exact))

    def _alike(self, nodes: Sequence[exp.Expr]) -> list[Value]:
        """Values that can be compared with each other."""
        values = [self.value(node) for node in nodes]
        if any(v.kind == "time" for v in values):
            values = [_stamp(v.text) if v.text is not None else v for v in values]
        if same_kind(values) not in COMPARABLE:
            raise Untranslated(f"a comparison of {same_kind(values)}")
        return values

    def _between(self, node: exp.Between) -> Value:
        subject, low, high = self._alike([node.this, node.args["low"], node.args["high"]])
        return _truth(build("({}) BETWEEN ({}) AND ({})", subject.exact, low.exact, high.exact))

    def _in(self, node: exp.In) -> Value:
        if not node.expressions:
            raise Untranslated("IN")
        literals = [e.this for e in node.expressions if isinstance(e, exp.Literal) and e.is_string]
        all_literal = len(literals) == len(node.expressions)
        if all_literal and (subject := self.lowered(node.this)) is not None:
            return _truth(texts.lower_is(subject, literals))
        if (folded := self._folded(node.this)) is not None and folded[1]:
            return _truth(texts.is_one_of(folded[0], [_unfolded(e) for e in node.expressions]))
        subject, *others = self._alike([node.this, *node.expressions])
        if subject.folded and all_literal:
            wider, exact = (texts.is_one_of(s, literals) for s in (subject.sql, subject.exact))
            return _truth(build("({}) AND ({})", wider, exact))
        return _truth(build("({}) IN ({})", subject.exact, joined((o.exact for o in others), ", ")))

    def _like(self, node: exp.Expr) -> Value:
        return self._pattern(node, "")

    def _escaped(self, node: exp.Escape) -> Value:
        escape = self.value(node.expression).text
        if escape is None or len(escape) != 1 or not isinstance(node.this, exp.Like | exp.ILike):
            raise Untranslated("ESCAPE")
        _only_known(node.this)
        return self._pattern(node.this, escape)

    def _pattern(self, node: exp.Expr, escape: str) -> Value:
        folded = None if isinstance(node, exp.ILike) else self._folded(node.this)
        if folded is not None:
            pattern = texts.parts(_unfolded(node.expression), escape)
            found = build("{} LIKE {}", folded[0], texts.written(pattern))
            return _truth(build("NOT ({})", found) if node.args.get("negate") else found)
        literal = self.of(node.expression, "text").text
        if literal is None:
            raise Untranslated("a pattern that is no literal")
        pattern_parts = texts.parts(literal, escape)
        if isinstance(node, exp.ILike):
            found = texts.ilike(self.of(node.this, "text"), pattern_parts)
        elif (subject := self.lowered(node.this)) is not None:
            if any(lower(c) != c for c, _ in pattern_parts):
                raise Untranslated("a pattern in upper case")
            found = texts.ilike(subject, pattern_parts)
        else:
            found = texts.like(self.of(node.this, "text"), pattern_parts)
        negated = build("NOT ({})", found) if node.args.get("negate") else found
        return _truth(negated)

    def _part_of(self, node: exp.Expr) -> Value:
        subject, wanted = self.of(node.this, "text"), self.value(node.expression).text
        if wanted is None:
            raise Untranslated("a part that is no literal")
        before = [("%", True)] if isinstance(node, exp.Contains) else []
        return _truth(texts.like(subject, [*before, *((c, False) for c in wanted), ("%", True)]))

    def lowered(self, node: exp.Expr) -> Value | None:
        """What is put in lower case, where a text is; None otherwise."""
        node = node.unnest()
        if not isinstance(node, exp.Lower) or isinstance(node.this.unnest(), exp.Literal):
            return None
        return None if self._folded(node) is not None else self.of(node.this, "text")

    def _literal_lower(self, node: exp.Lower) -> Value:
        inner = node.this.unnest()
        if isinstance(inner, exp.Literal) and inner.is_string:
            return text(lower(inner.this))
        raise Untranslated("LOWER")

    # What old rules overlook: case, accents, trailing blanks ----------------------------------

    def _folded_pair(self, left: exp.Expr, right: exp.Expr) -> tuple[Sql, Sql] | None:
        """Both sides, where what MariaDB's collation overlooks is taken from a side."""
        found = [self._folded(side) for side in (left, right)]
        if found == [None, None]:
            return None
        sides = []
        for side, folded in zip((left, right), found, strict=True):
            if folded is not None and not folded[1]:
                raise Untranslated("text without accents that keeps its blanks")
            literal = None if folded is not None else self.value(side).text
            if folded is None and literal is None:
                raise Untranslated("text without accents with other text")
            sides.append(folded[0] if folded is not None else value(literal))
        return sides[0], sides[1]

    def _folded(self, node: exp.Expr) -> tuple[Sql, bool] | None:
        """What `lower(strip_accents(x))` is of, compared so, and whether blanks are trimmed."""
        node = node.unnest()
        if isinstance(node, exp.Trim) and node.args.get("position") == "TRAILING":
            blank = node.args.get("expression")
            inner = self._folded(node.this)
            is_blank = isinstance(blank, exp.Literal) and blank.is_string and blank.this == " "
            return (inner[0], True) if inner is not None and is_blank else None
        if not isinstance(node, exp.Lower):
            return None
        stripped = node.this.unnest()
        if not isinstance(stripped, exp.Anonymous) or stripped.name.lower() != "strip_accents":
            return None
        subject = self.of(stripped.expressions[0], "text")
        return subject.overlooking, False


_CASTS = {
    "BIGINT": "bigint",
    "INT": "int",
    "INTEGER": "int",
    "TIMESTAMP": "time",
    "TEXT": "text",
    "VARCHAR": "text",
    "BLOB": "blob",
    "BOOLEAN": "bool",
    "MAP(TEXT, TEXT)": "map",
}


def _unfolded(node: exp.Expr) -> str:
    """The literal text, of which what MariaDB's collation overlooks may have been taken."""
    node = node.unnest()
    while isinstance(node, exp.Trim | exp.Lower | exp.Anonymous):
        if isinstance(node, exp.Anonymous) and node.name.lower() != "strip_accents":
            break
        node = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    if not isinstance(node, exp.Literal) or not node.is_string:
        raise Untranslated("text without accents with other text")
    return str(node.this)


def _truth(sql: Sql) -> Value:
    return Value(sql, "bool")


def _stamp(literal: str) -> Value:
    """A literal time."""
    if not _STAMP.fullmatch(literal):
        raise Untranslated("a time that is written otherwise")
    try:
        written = moment(datetime.fromisoformat(literal))
    except ValueError:
        raise Untranslated("a time that is none") from None
    return Value(build("TIMESTAMP{}", value(written)), "time", never_null=True)


# Arguments of nodes that are understood; any other that is set makes it another thing.
_ARGUMENTS = {
    "this", "expression", "expressions", "table", "is_string", "to", "low", "high", "negate",
    "ifs", "default", "unit", "true", "position", "big_int", "quoted", "ignore_nulls", "flag",
    "substr",
}  # fmt: skip


def _only_known(node: exp.Expr) -> None:
    for key, given in node.args.items():
        if given and key not in _ARGUMENTS:
            raise Untranslated(f"{node.key} with {key}")


Translation = Callable[..., Value]
_TRANSLATIONS: dict[type[exp.Expr], Translation] = {
    exp.Column: Expressions._column,
    exp.Literal: Expressions._literal,
    exp.Boolean: Expressions._boolean,
    exp.Null: Expressions._null,
    exp.Neg: Expressions._negative,
    exp.Cast: Expressions._cast,
    exp.And: Expressions._logic,
    exp.Or: Expressions._logic,
    exp.Not: Expressions._not,
    exp.Is: Expressions._is,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Like: Expressions._like,
    exp.ILike: Expressions._like,
    exp.Escape: Expressions._escaped,
    exp.Contains: Expressions._part_of,
    exp.StartsWith: Expressions._part_of,
    exp.Lower: Expressions._literal_lower,
    **dict.fromkeys(_COMPARISONS, Expressions._comparison),
}
