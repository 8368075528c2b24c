"""MySQL's expressions in the house dialect: names, comparisons, and what turns into what.

Every rewritten node carries its kind (text, number, time, date, bool, or unknown) in its `meta`;
where MariaDB would convert between kinds by itself, the rewritten tree says how.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from sqlglot import exp

from siemstress.errors import QueryError
from siemstress.query.mysql_nodes import Node, Scope, call, fold, kind, tag

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)
_ARITHMETIC = (
    exp.Mul,
    exp.BitwiseAnd,
    exp.BitwiseOr,
    exp.BitwiseXor,
    exp.BitwiseLeftShift,
    exp.BitwiseRightShift,
)
_DIVISIONS = (exp.Div, exp.IntDiv, exp.Mod)
_UNITS = frozenset(
    {"MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
)
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


class Expressions:
    """Rewrites the expressions of one statement; `query` rewrites the SELECTs inside of them."""

    def __init__(self, scope: Scope, query: Callable[[exp.Expr], exp.Query]) -> None:
        from siemstress.query.mysql_functions import Functions

        self._scope = scope
        self._query = query
        self._functions = Functions(self)

    def expression(self, node: exp.Expr) -> Node:
        """The node in the house dialect.

        Raises:
            QueryError: it holds something that is not translated.

        """
        if isinstance(node, _COMPARISONS):
            return self._comparison(node)
        if isinstance(node, exp.Select | exp.SetOperation):
            return self._query(node)
        for type_, rewrite in _REWRITES.items():
            if isinstance(node, type_):
                return rewrite(self, node)
        return self._functions.rewrite(node)

    # What a place in an expression wants ------------------------------------------------------

    def truth(self, node: Node) -> Node:
        """A condition: a number is true unless 0, text is the number that it starts with."""
        if kind(node) in ("number", "text"):
            return tag(exp.NEQ(this=self.number(node), expression=exp.Literal.number(0)), "bool")
        return node

    def number(self, node: Node) -> Node:
        """A number: of text, the number that it starts with, or 0."""
        if kind(node) == "bool":
            return tag(exp.cast(node, "bigint"), "number")
        if kind(node) in ("time", "date"):
            raise QueryError("a time as a number is not translated")
        if kind(node) != "text":
            return node
        if isinstance(node, exp.Literal):
            found = _NUMBER.match(node.this)
            return tag(exp.Literal.number(found[1] if found else "0"), "number")
        digits = call("regexp_extract", node, f"^{_NUMBER.pattern}", 1, kind_="text")
        value = exp.Coalesce(
            this=exp.TryCast(this=digits, to=exp.DataType.build("double")),
            expressions=[exp.Literal.number(0)],
        )
        null = exp.Is(this=node.copy(), expression=exp.Null())
        return tag(exp.Case(ifs=[exp.If(this=null, true=exp.Null())], default=value), "number")

    def text(self, node: Node) -> Node:
        """Text: numbers in decimal, times as `2017-08-23 06:15:38`."""
        if kind(node) == "text":
            return node
        if kind(node) == "time":
            return call("strftime", node, _TIME_FORMAT, kind_="text")
        return tag(exp.cast(self.number(node) if kind(node) == "bool" else node, "text"), "text")

    def time(self, node: Node) -> Node:
        """A time: of text and numbers, the moment that they spell."""
        if kind(node) in ("time", "unknown"):
            return node
        if kind(node) == "date":
            return tag(exp.cast(node, "timestamp"), "time")
        if isinstance(node, exp.Literal):
            from siemstress.query.mysql import timestamp

            return timestamp(_moment(node.this))
        return tag(exp.TryCast(this=self.text(node), to=exp.DataType.build("timestamp")), "time")

    def pair(self, left: Node, right: Node) -> tuple[Node, Node]:
        """Two operands made alike as MariaDB does before it compares them."""
        exact = _is_exact(left) or _is_exact(right)
        left, right = _bare(left), _bare(right)
        kinds = {kind(left), kind(right)}
        if kinds & {"time", "date"}:
            return self.time(left), self.time(right)
        if kinds <= {"text", "unknown"} and "text" in kinds:
            if exact:
                return left, right
            return fold(self.text(left), trim=True), fold(self.text(right), trim=True)
        if kinds & {"number", "bool"}:
            return self.number(left), self.number(right)
        return left, right

    # Syntax -----------------------------------------------------------------------------------

    def _comparison(self, node: exp.Expr) -> Node:
        left, right = self.pair(self.expression(node.this), self.expression(node.expression))
        return tag(type(node)(this=left, expression=right), "bool")

    def _literal(self, node: exp.Expr) -> Node:
        return tag(node.copy(), "text" if node.args["is_string"] else "number")

    def _column(self, node: exp.Expr) -> Node:
        assert isinstance(node, exp.Column)  # noqa: S101 - by the table of rewrites
        return self._scope.column(node)

    def _wrapped(self, node: exp.Expr) -> Node:
        inner = self.expression(node.this)
        return tag(type(node)(**{**node.args, "this": inner}), kind(inner))

    def _logic(self, node: exp.Expr) -> Node:
        left, right = (self.truth(self.expression(n)) for n in (node.this, node.expression))
        return tag(type(node)(this=left, expression=right), "bool")

    def _not(self, node: exp.Expr) -> Node:
        return tag(exp.Not(this=self.truth(self.expression(node.this))), "bool")

    def _is(self, node: exp.Expr) -> Node:
        left = self.expression(node.this)
        if isinstance(node.expression, exp.Boolean):
            left = self.truth(left)
        elif not isinstance(node.expression, exp.Null):
            raise QueryError("IS is translated before NULL, TRUE and FALSE only")
        return tag(exp.Is(this=left, expression=node.expression.copy()), "bool")

    def _arithmetic(self, node: exp.Expr) -> Node:
        left, right = (self.number(self.expression(n)) for n in (node.this, node.expression))
        if isinstance(node, _DIVISIONS):
            right = exp.Nullif(this=right, expression=exp.Literal.number(0))
        return tag(type(node)(this=left, expression=right), "number")

    def _sum(self, node: exp.Expr) -> Node:
        left, right = node.this, node.expression
        if isinstance(left, exp.Interval) and isinstance(node, exp.Add):
            left, right = right, left
        if isinstance(right, exp.Interval):
            return self.shifted(self.expression(left), right, type(node))
        return self._arithmetic(node)

    def shifted(self, moment: Node, interval: exp.Expr, way: type[exp.Expr]) -> Node:
        """A moment plus (`exp.Add`) or minus (`exp.Sub`) an interval as MySQL writes it."""
        unit = str(interval.args.get("unit") or "").upper()
        amount = interval.this
        sign = -1 if isinstance(amount, exp.Neg) else 1
        literal = amount.this if sign < 0 else amount
        if unit not in _UNITS:
            raise QueryError(f"INTERVAL … {unit or '?'} is not translated")
        if not isinstance(literal, exp.Literal) or not re.fullmatch(
            r"\s*[-+]?\d{1,12}\s*", literal.this
        ):
            raise QueryError("INTERVAL is translated with a whole number only")
        length = exp.Interval(
            this=exp.Literal.string(str(sign * int(literal.this))), unit=exp.Var(this=unit)
        )
        return tag(way(this=self.time(moment), expression=length), "time")

    def _negative(self, node: exp.Expr) -> Node:
        return tag(exp.Neg(this=self.number(self.expression(node.this))), "number")

    def _between(self, node: exp.Expr) -> Node:
        low = exp.GTE(this=node.this.copy(), expression=node.args["low"])
        high = exp.LTE(this=node.this, expression=node.args["high"])
        both = exp.And(this=self.expression(low), expression=self.expression(high))
        return tag(exp.Paren(this=both), "bool")

    def _in(self, node: exp.Expr) -> Node:
        left = self.expression(node.this)
        if query := node.args.get("query"):
            return self._in_query(left, query)
        if not node.expressions:
            raise QueryError("this form of IN is not translated")
        pairs = [self.pair(left.copy(), self.expression(e)) for e in node.expressions]
        if all(first == pairs[0][0] for first, _ in pairs):
            return tag(exp.In(this=pairs[0][0], expressions=[b for _, b in pairs]), "bool")
        same = [exp.EQ(this=a, expression=b) for a, b in pairs]
        return tag(exp.Paren(this=exp.or_(*same)), "bool")

    def _in_query(self, left: Node, query: exp.Expr) -> Node:
        inner = self._query(query.this if isinstance(query, exp.Subquery) else query)
        if isinstance(inner, exp.Select) and len(inner.expressions) == 1:
            left, right = self.pair(left, inner.expressions[0].unalias())
            inner.set("expressions", [right])
        return tag(exp.In(this=left, query=exp.Subquery(this=inner)), "bool")

    def _exists(self, node: exp.Expr) -> Node:
        return tag(exp.Exists(this=self._query(node.this)), "bool")

    def _subquery(self, node: exp.Expr) -> Node:
        inner = self._query(node.this)
        kind_ = kind(inner.selects[0].unalias()) if len(inner.selects) == 1 else "unknown"
        return tag(exp.Subquery(this=inner), kind_)

    def _like(self, node: exp.Expr, escape: str = "\\") -> Node:
        left, pattern = self.expression(node.this), self.expression(node.expression)
        exact = _is_exact(left) or _is_exact(pattern)
        left, pattern = self.text(_bare(left)), self.text(_bare(pattern))
        # Text without letters reads the same folded; DuckDB is faster without folding.
        plain = isinstance(pattern, exp.Literal) and not any(c.isalpha() for c in pattern.this)
        if not (exact or plain):
            left, pattern = fold(left), fold(pattern)
        like = exp.Escape(
            this=exp.Like(this=left, expression=pattern), expression=exp.Literal.string(escape)
        )
        return tag(exp.Not(this=like) if node.args.get("negate") else like, "bool")

    def _escaped_like(self, node: exp.Expr) -> Node:
        escape = node.expression
        if not (isinstance(escape, exp.Literal) and len(escape.this) == 1):
            raise QueryError("LIKE … ESCAPE wants one character")
        return self._like(node.this, escape.this)

    def _regexp(self, node: exp.Expr) -> Node:
        left, pattern = self.expression(node.this), self.expression(node.expression)
        flag = "c" if _is_exact(left) or _is_exact(pattern) else "i"
        pattern = _bare(pattern)
        if not isinstance(pattern, exp.Literal):
            raise QueryError("REGEXP is translated with a literal pattern only")
        words = exp.Literal.string(re.sub(r"\[\[:[<>]:\]\]", r"\\b", pattern.this))
        subject = self.text(_bare(left))
        return call("regexp_matches", subject, words, flag, kind_="bool")

    def _collate(self, node: exp.Expr) -> Node:
        inner = self.expression(node.this)
        if str(node.expression).lower().rsplit("_", 1)[-1] in ("bin", "binary", "cs"):
            inner = tag(exp.Paren(this=inner), kind(inner))
            inner.meta["exact"] = True
        return inner

    def _constant(self, node: exp.Expr) -> Node:
        return tag(node.copy(), "bool" if isinstance(node, exp.Boolean) else "unknown")

    def _alias(self, node: exp.Expr) -> Node:
        inner = self.expression(node.this)
        return tag(exp.alias_(inner, node.alias, quoted=True), kind(inner))


def _is_exact(node: Node) -> bool:
    return bool(node.meta.get("exact"))


def _bare(node: Node) -> Node:
    inner = node.this if _is_exact(node) and isinstance(node, exp.Paren) else node
    assert isinstance(inner, exp.Expr)  # noqa: S101 - a Paren holds an expression
    return inner


def _moment(text: str) -> datetime:
    """The moment that a literal spells as MySQL reads it."""
    digits = re.fullmatch(r"\s*(\d{8})(\d{6})?\s*", text)
    if digits:
        text = f"{digits[1]}T{digits[2] or '000000'}"
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            return moment
    except ValueError:
        pass
    raise QueryError(f"{text!r} is not a time; right is 2017-08-23 06:15:38")


_REWRITES: dict[type[exp.Expr], Callable[[Expressions, exp.Expr], Node]] = {
    exp.Literal: Expressions._literal,
    exp.Column: Expressions._column,
    exp.Paren: Expressions._wrapped,
    exp.And: Expressions._logic,
    exp.Or: Expressions._logic,
    exp.Xor: Expressions._logic,
    exp.Not: Expressions._not,
    exp.Is: Expressions._is,
    exp.Neg: Expressions._negative,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Exists: Expressions._exists,
    exp.Subquery: Expressions._subquery,
    exp.Escape: Expressions._escaped_like,
    exp.Like: Expressions._like,
    exp.RegexpLike: Expressions._regexp,
    exp.Collate: Expressions._collate,
    exp.Alias: Expressions._alias,
    exp.Add: Expressions._sum,
    exp.Sub: Expressions._sum,
    **dict.fromkeys(_ARITHMETIC, Expressions._arithmetic),
    **dict.fromkeys(_DIVISIONS, Expressions._arithmetic),
    **dict.fromkeys((exp.Null, exp.Boolean, exp.Star), Expressions._constant),
}
