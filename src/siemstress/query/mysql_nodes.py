"""What the translation of MySQL is made of: nodes that know their kind, names, folded text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sqlglot import exp

from siemstress import schema
from siemstress.errors import QueryError

Node: TypeAlias = exp.Expr

NOW = "now"
# What sqlglot puts around the argument of a function of a day or a moment.
DATE_WRAPPERS = (exp.TsOrDsToDate, exp.TsOrDsToTimestamp)
_KINDS = {
    "int64": "number",
    "int32": "number",
    "int8": "number",
    "time": "time",
    "text": "text",
    "bool": "bool",
}


def kind(node: exp.Expr) -> str:
    """What kind of value a rewritten node gives."""
    found = node.meta.get("kind")
    return str(found) if found else "unknown"


def tag(node: Node, kind_: str) -> Node:
    """The node, marked as giving that kind of value."""
    node.meta["kind"] = kind_
    return node


def call(name: str, *arguments: exp.Expr | str | int, kind_: str) -> Node:
    """A call of one of DuckDB's functions by its name there."""
    nodes = [a if isinstance(a, exp.Expr) else exp.convert(a) for a in arguments]
    return tag(exp.Anonymous(this=name, expressions=nodes), kind_)


def is_now(node: exp.Expr) -> bool:
    """Whether the node stands for the instant at which the query is asked."""
    return isinstance(node, exp.Placeholder) and node.name == NOW


def now() -> Node:
    """The instant at which the query is asked."""
    return tag(exp.Placeholder(this=NOW), "time")


def fold(node: Node, *, trim: bool = False) -> Node:
    """Text without what MariaDB overlooks: case, accents and, with `trim`, trailing blanks."""
    if isinstance(node, exp.Literal) and node.this.isascii():
        value = node.this.lower()
        return tag(exp.Literal.string(value.rstrip(" ") if trim else value), "text")
    folded = tag(exp.Lower(this=call("strip_accents", node, kind_="text")), "text")
    return call("rtrim", folded, " ", kind_="text") if trim else folded


class Scope:
    """The tables and names that a statement can speak of."""

    def __init__(self, tables: Mapping[str, str]) -> None:
        self._tables = tables
        self._derived: dict[str, str] = {}
        self._derived_columns: set[str] = set()

    def add_derived(self, node: exp.Expr) -> None:
        """Make the columns of a subquery or a CTE known by the names it gives them."""
        inner = node.this
        self._derived[node.alias.lower()] = node.alias
        if isinstance(inner, exp.Query):
            self._derived_columns |= {name.lower() for name in inner.named_selects}
        _quote_alias(node)

    def table(self, node: exp.Table) -> exp.Table:
        """The table under its own name, with the alias that the statement gave it."""
        name = node.name
        alias = node.alias
        if name.lower() in self._derived:
            table = exp.to_table(self._derived[name.lower()])
        elif name.lower() in self._tables:
            table = exp.Table(this=exp.to_identifier(self._tables[name.lower()], quoted=True))
            table.meta["stored"] = True
        else:
            known = ", ".join(sorted(set(self._tables.values())))
            raise QueryError(f"there is no table {name!r}; there are: {known}")
        table.this.set("quoted", True)
        if alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        return table

    def column_identifier(self, spelling: str) -> exp.Identifier:
        """The quoted name of a column written in any known spelling."""
        return exp.to_identifier(self._name(spelling)[0], quoted=True)

    def column(self, node: exp.Column) -> Node:
        """The column under its own name, with its kind."""
        table = self._tables.get(node.table.lower(), node.table) if node.table else None
        if isinstance(node.this, exp.Star):
            return exp.Column(
                this=exp.Star(), table=exp.to_identifier(table, quoted=True) if table else None
            )
        name, kind_ = self._name(node.name)
        return tag(exp.column(name, table=table, quoted=True), kind_)

    def _name(self, spelling: str) -> tuple[str, str]:
        if spelling.lower() in self._derived_columns:
            return spelling, "unknown"
        name = schema.column_name(spelling)
        if name is None:
            raise QueryError(f"there is no column {spelling!r}")
        return name, _KINDS.get(schema.ALL[name].kind, "unknown")


def _quote_alias(node: exp.Expr) -> None:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias) and isinstance(alias.this, exp.Identifier):
        alias.this.set("quoted", True)
