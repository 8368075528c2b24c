"""MySQL's functions in the house dialect: a table of the plain ones, a method for each other.

A function that is not here is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

from siemstress.errors import QueryError
from siemstress.query import mysql_text, mysql_times
from siemstress.query.mysql_nodes import DATE_WRAPPERS, Node, call, fold, kind, tag

if TYPE_CHECKING:
    from siemstress.query.mysql_expressions import Expressions

# Functions that mean the same in DuckDB once their arguments are of the right kind:
# what the arguments must be, and what comes out.
_SIMPLE: dict[type[exp.Expr], tuple[str, str]] = {
    exp.Lower: ("text", "text"),
    exp.Upper: ("text", "text"),
    exp.Reverse: ("text", "text"),
    exp.MD5: ("text", "text"),
    exp.Concat: ("text", "text"),
    exp.ConcatWs: ("text", "text"),
    exp.Replace: ("text", "text"),
    exp.Ascii: ("text", "number"),
    exp.Abs: ("number", "number"),
    exp.Ceil: ("number", "number"),
    exp.Floor: ("number", "number"),
    exp.Sqrt: ("number", "number"),
    exp.Pow: ("number", "number"),
    exp.Sign: ("number", "number"),
    exp.Sum: ("number", "number"),
    exp.Avg: ("number", "number"),
    exp.Variance: ("number", "number"),
    exp.StddevPop: ("number", "number"),
    exp.StddevSamp: ("number", "number"),
    exp.Hour: ("time", "number"),
    exp.Minute: ("time", "number"),
    exp.Second: ("time", "number"),
    exp.Day: ("time", "number"),
    exp.DayOfMonth: ("time", "number"),
    exp.DayOfYear: ("time", "number"),
    exp.Month: ("time", "number"),
    exp.Quarter: ("time", "number"),
    exp.Year: ("time", "number"),
    exp.Dayname: ("time", "text"),
    exp.LastDay: ("time", "date"),
}
_CASTS = {
    exp.DType.UBIGINT: "number",
    exp.DType.BIGINT: "number",
    exp.DType.INT: "number",
    exp.DType.DOUBLE: "number",
    exp.DType.DECIMAL: "number",
    exp.DType.CHAR: "text",
    exp.DType.VARCHAR: "text",
    exp.DType.CHARACTER_SET: "text",
    exp.DType.DATETIME: "time",
    exp.DType.TIMESTAMP: "time",
    exp.DType.TIMESTAMPTZ: "time",
    exp.DType.DATE: "date",
    exp.DType.BINARY: "binary",
}


class Functions:
    """Rewrites function calls; `expressions` rewrites their arguments."""

    def __init__(self, expressions: Expressions) -> None:
        self.x = expressions

    def rewrite(self, node: exp.Expr) -> Node:
        """The call in the house dialect.

        Raises:
            QueryError: the function is not translated; the message names it.

        """
        if simple := _SIMPLE.get(type(node)):
            return self._simple(node, *simple)
        name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
        rewrite = _NAMED.get(name) if name else _TYPED.get(type(node))
        if rewrite is None:
            raise QueryError(f"{_name(node)} is not translated")
        return rewrite(self, node)

    # Arguments --------------------------------------------------------------------------------

    def value(self, wanted: str, node: exp.Expr) -> Node:
        """An argument, rewritten and made text, number or time as wanted."""
        rewritten = self.x.expression(node)
        if wanted == "text":
            return self.x.text(rewritten)
        return self.x.number(rewritten) if wanted == "number" else self.x.time(rewritten)

    def arguments(self, node: exp.Expr, least: int, most: int) -> list[exp.Expr]:
        """A call's arguments, if there are as many as there may be."""
        arguments = list(node.expressions)
        if not least <= len(arguments) <= most:
            raise QueryError(f"{_name(node)} is not called so")
        return arguments

    def _simple(self, node: exp.Expr, wanted: str, result: str) -> Node:
        changed: dict[str, object] = {}
        for key, value in node.args.items():
            if isinstance(value, exp.Distinct):
                items = [self.value(wanted, e) for e in value.expressions]
                changed[key] = exp.Distinct(expressions=items)
            elif isinstance(value, exp.Expr):
                inner = value.this if isinstance(value, DATE_WRAPPERS) else value
                changed[key] = self.value(wanted, inner)
            elif isinstance(value, list):
                changed[key] = [self.value(wanted, v) for v in value]
            else:
                changed[key] = value
        return tag(type(node)(**changed), result)

    # Choices ----------------------------------------------------------------------------------

    def _coalesce(self, node: exp.Expr) -> Node:
        values = self._alike([node.this, *node.expressions])
        return tag(exp.Coalesce(this=values[0], expressions=values[1:]), kind(values[0]))

    def _alike(self, nodes: list[exp.Expr]) -> list[Node]:
        """The values, all of one kind: text wherever one of them is."""
        values = [self.x.expression(n) for n in nodes]
        kinds = {kind(v) for v in values} - {"unknown"}
        if len(kinds) < 2:
            return values
        if "text" in kinds:
            return [self.x.text(v) for v in values]
        if kinds <= {"number", "bool"}:
            return [self.x.number(v) for v in values]
        return [self.x.time(v) for v in values]

    def _if(self, node: exp.Expr) -> Node:
        condition = self.x.truth(self.x.expression(node.this))
        yes, no = self._alike([node.args["true"], node.args.get("false") or exp.Null()])
        both = {kind(yes), kind(no)} - {"unknown"}
        case = exp.Case(ifs=[exp.If(this=condition, true=yes)], default=no)
        return tag(case, both.pop() if both else "unknown")

    def _case(self, node: exp.Expr) -> Node:
        branches = node.args["ifs"]
        default = node.args.get("default") or exp.Null()
        values = self._alike([*(b.args["true"] for b in branches), default])
        ifs = []
        for branch, value in zip(branches, values, strict=False):
            condition: exp.Expr = branch.this
            if node.this is not None:
                condition = exp.EQ(this=node.this.copy(), expression=condition)
            truth = self.x.truth(self.x.expression(condition))
            ifs.append(exp.If(this=truth, true=value))
        both = {kind(v) for v in values} - {"unknown"}
        return tag(exp.Case(ifs=ifs, default=values[-1]), both.pop() if both else "unknown")

    def _nullif(self, node: exp.Expr) -> Node:
        value = self.x.expression(node.this)
        same = self.x.expression(exp.EQ(this=node.this, expression=node.expression))
        return tag(exp.Case(ifs=[exp.If(this=same, true=exp.Null())], default=value), kind(value))

    def _extreme(self, node: exp.Expr) -> Node:
        values = self._alike([node.this, *node.expressions])
        if any(kind(v) == "text" for v in values):
            raise QueryError(f"{_name(node)} of text is not translated")
        null = exp.or_(*(exp.Is(this=v.copy(), expression=exp.Null()) for v in values))
        largest = type(node)(this=values[0], expressions=values[1:], ignore_nulls=True)
        return tag(
            exp.Case(ifs=[exp.If(this=null, true=exp.Null())], default=largest), kind(values[0])
        )

    # Aggregates -------------------------------------------------------------------------------

    def _count(self, node: exp.Expr) -> Node:
        inner = node.this
        if isinstance(inner, exp.Distinct):
            values = [self.x.expression(e) for e in inner.expressions]
            if len(values) > 1:
                raise QueryError("COUNT(DISTINCT a, b) is not translated")
            keys = [fold(v, trim=True) if kind(v) == "text" else v for v in values]
            return tag(exp.Count(this=exp.Distinct(expressions=keys)), "number")
        return tag(exp.Count(this=self.x.expression(inner)), "number")

    def _least_or_largest(self, node: exp.Expr) -> Node:
        value = self.x.expression(node.this)
        return tag(type(node)(this=value), kind(value))

    def _group_concat(self, node: exp.Expr) -> Node:
        inner = node.this
        if isinstance(inner, exp.Order):
            inner = inner.this
        distinct = isinstance(inner, exp.Distinct)
        parts = list(inner.expressions) if distinct else [inner]
        value = self.value("text", parts[0]) if len(parts) == 1 else None
        separator = node.args.get("separator") or exp.Literal.string(",")
        if value is None or not isinstance(separator, exp.Literal):
            raise QueryError("GROUP_CONCAT is translated with one value only")
        joined = exp.Distinct(expressions=[value]) if distinct else value
        return tag(exp.GroupConcat(this=joined, separator=separator.copy()), "text")

    # Conversions ------------------------------------------------------------------------------

    def _cast(self, node: exp.Expr) -> Node:
        inner = self.x.expression(node.this)
        target = node.args["to"]
        result = _CASTS.get(target.this)
        if result is None:
            raise QueryError(f"CAST AS {target.sql('mysql')} is not translated")
        if result == "binary":
            exact = tag(exp.Paren(this=inner), kind(inner))
            exact.meta["exact"] = True
            return exact
        if result == "text":
            return self.x.text(inner)
        if result == "time":
            return self.x.time(inner)
        if result == "date":
            return tag(exp.cast(self.x.time(inner), "date"), "date")
        number = self.x.number(inner)
        if target.this in (exp.DType.UBIGINT, exp.DType.BIGINT, exp.DType.INT):
            return tag(exp.cast(exp.func("trunc", number), "bigint"), "number")
        return tag(exp.cast(number, "double"), "number")

    def _round(self, node: exp.Expr) -> Node:
        digits = [self.value("number", d) for d in [node.args.get("decimals")] if d]
        return call("round", self.value("number", node.this), *digits, kind_="number")


def _name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"{node.name.upper()}()"
    if isinstance(node, exp.Func):
        return f"{node.sql_name()}()"
    return node.key.upper()


Rewrite: TypeAlias = Callable[[Functions, exp.Expr], Node]
_TYPED: dict[type[exp.Expr], Rewrite] = {
    exp.Coalesce: Functions._coalesce,
    exp.If: Functions._if,
    exp.Case: Functions._case,
    exp.Nullif: Functions._nullif,
    exp.Greatest: Functions._extreme,
    exp.Least: Functions._extreme,
    exp.Count: Functions._count,
    exp.Min: Functions._least_or_largest,
    exp.Max: Functions._least_or_largest,
    exp.GroupConcat: Functions._group_concat,
    exp.Cast: Functions._cast,
    exp.Round: Functions._round,
    **mysql_text.TYPED,
    **mysql_times.TYPED,
}
_NAMED: dict[str, Rewrite] = {**mysql_text.NAMED, **mysql_times.NAMED}
