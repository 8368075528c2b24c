"""MySQL as old rules speak it, translated into the house dialect so that it means the same.

MariaDB compares text without regard to case, accents and trailing blanks, and turns text into
numbers and times where it meets them; DuckDB does none of that. The translation says it aloud in
the tree. Only what is known to give the same rows passes: any other function or syntax is refused
by name. `now()` becomes the placeholder `now`, which `at` replaces by an instant, so that a query
can be asked about any moment.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from siemstress.errors import QueryError
from siemstress.query.mysql_expressions import Expressions
from siemstress.query.mysql_nodes import Node, Scope, fold, is_now, kind, tag

# Parts of a SELECT that are carried over, and those that change nothing about its rows.
_CARRIED = frozenset(
    {"with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "order"}
    | {"limit", "offset"}
)
_IGNORED = frozenset({"operation_modifiers", "kind"})
_MODIFIERS = frozenset({"SQL_NO_CACHE", "SQL_CACHE", "HIGH_PRIORITY", "STRAIGHT_JOIN"})
_FIXED_UNITS = {
    "MICROSECOND": timedelta(microseconds=1),
    "SECOND": timedelta(seconds=1),
    "MINUTE": timedelta(minutes=1),
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    "WEEK": timedelta(weeks=1),
}
_CALENDAR_UNITS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def translate(sql: str, tables: Mapping[str, str]) -> exp.Query:
    """One MySQL SELECT in the house dialect, names quoted, `now()` a placeholder.

    `tables` maps each name that a table may be called by to the table; case does not matter.

    Raises:
        QueryError: it is not one SELECT, names what is not there, or uses what is not translated;
            the message names it.

    """
    try:
        return _Statement(tables).query(_parse(sql))
    except RecursionError:
        raise QueryError("is nested too deeply") from None


def at(query: exp.Query, now: datetime) -> exp.Query:
    """The query as it is to be asked at the instant `now` (UTC, without a zone)."""

    def bind(node: Node) -> Node:
        for key, value in list(node.args.items()):
            if isinstance(value, exp.Expr):
                node.set(key, bind(value))
            elif isinstance(value, list):
                node.set(key, [bind(v) if isinstance(v, exp.Expr) else v for v in value])
        if is_now(node):
            return timestamp(now)
        if isinstance(node, exp.Add | exp.Sub):
            return _shifted(node)
        return node

    bound = bind(query.copy())
    assert isinstance(bound, exp.Query)  # noqa: S101 - a query holds no placeholder at its root
    return bound


def tables_of(query: exp.Query) -> tuple[str, ...]:
    """Names of the stored tables that a translated query reads, each once, in order."""
    ours = (t.name for t in query.find_all(exp.Table) if t.meta.get("stored"))
    return tuple(dict.fromkeys(ours))


def timestamp(moment: datetime) -> Node:
    """A UTC instant as a literal of the house dialect."""
    text = moment.isoformat(sep=" ", timespec="microseconds")
    return tag(exp.cast(exp.Literal.string(text), "timestamp"), "time")


def fixed_interval(node: exp.Expr | None) -> timedelta | None:
    """An interval literal's length; None if it has none (months) or is not a literal."""
    if not isinstance(node, exp.Interval) or not isinstance(node.this, exp.Literal):
        return None
    unit = _FIXED_UNITS.get(str(node.args["unit"]).upper())
    return None if unit is None else int(node.this.this) * unit


def _shifted(node: Node) -> Node:
    """A literal instant plus or minus a literal interval, worked out."""
    left, right = node.this, node.expression
    if not (isinstance(left, exp.Cast) and left.is_type("timestamp")):
        return node
    if not (isinstance(left.this, exp.Literal) and isinstance(right, exp.Interval)):
        return node
    moment = datetime.fromisoformat(left.this.this)
    sign = 1 if isinstance(node, exp.Add) else -1
    try:
        length = fixed_interval(right)
        if length is not None:
            return timestamp(moment + sign * length)
        months = int(right.this.this) * _CALENDAR_UNITS[str(right.args["unit"]).upper()]
        return timestamp(_months_later(moment, sign * months))
    except (OverflowError, ValueError):
        raise QueryError("an interval reaches beyond the years 1 to 9999") from None


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _parse(sql: str) -> exp.Query:
    try:
        statements = [s for s in sqlglot.parse(sql, read="mysql") if s is not None]
    except SqlglotError as e:
        errors = getattr(e, "errors", None)
        detail = f"{errors[0]['description']} near {errors[0]['highlight']!r}" if errors else str(e)
        raise QueryError(f"is not MySQL that can be read: {detail}") from e
    except Exception as e:
        # Some texts make the parser itself fail, in one way or another.
        raise QueryError("is not MySQL that can be read") from e
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QueryError("must be one SELECT statement")
    return statements[0]


class _Statement:
    """The SELECTs of one statement: tables, grouping, and the clauses around expressions."""

    def __init__(self, tables: Mapping[str, str]) -> None:
        self._tables = {name.lower(): table for name, table in tables.items()}
        self._scope = Scope(self._tables)
        self._expressions = Expressions(self._scope, self.query)

    def query(self, node: exp.Expr) -> exp.Query:
        if isinstance(node, exp.SetOperation):
            self._only(node, {"with_", "this", "expression", "distinct", "order", "limit"})
            self._with(node)
            node.set("this", self.query(node.this))
            node.set("expression", self.query(node.expression))
            self._order(node)
            return node
        if isinstance(node, exp.Subquery):
            self._only(node, {"this", "alias"})
            node.set("this", self.query(node.this))
            return node
        if not isinstance(node, exp.Select):
            raise QueryError("must be one SELECT statement")
        return self._select(node)

    def _select(self, node: exp.Select) -> exp.Select:
        self._only(node, _CARRIED | _IGNORED)
        for modifier in node.args.get("operation_modifiers") or ():
            if str(modifier).upper() not in _MODIFIERS:
                raise QueryError(f"{modifier} is not translated")
        node.set("operation_modifiers", None)
        self._with(node)
        self._from(node)
        _name_projections(node)
        _resolve_aliases(node)
        x = self._expressions
        node.set("expressions", [x.expression(e) for e in node.expressions])
        for clause in ("where", "having"):
            if found := node.args.get(clause):
                found.set("this", x.truth(x.expression(found.this)))
        if group := node.args.get("group"):
            self._only(group, {"expressions"})
            group.set("expressions", [x.expression(e) for e in group.expressions])
        self._order(node)
        return _grouped(node)

    def _only(self, node: exp.Expr, carried: set[str] | frozenset[str]) -> None:
        for key, value in node.args.items():
            if value and key not in carried:
                raise QueryError(f"{key.rstrip('_').upper()} is not translated")

    def _with(self, node: exp.Expr) -> None:
        clause = node.args.get("with_")
        if not clause:
            return
        if clause.args.get("recursive"):
            raise QueryError("WITH RECURSIVE is not translated")
        for cte in clause.expressions:
            cte.set("this", self.query(cte.this))
            self._scope.add_derived(cte)

    def _from(self, node: exp.Select) -> None:
        clause = node.args.get("from_")
        sources = [clause, *node.args.get("joins", [])] if clause else []
        for source in sources:
            source.set("this", self._source(source.this))
        for join in node.args.get("joins", []):
            self._only(join, {"this", "on", "using", "side", "kind"})
            if on := join.args.get("on"):
                join.set("on", self._expressions.truth(self._expressions.expression(on)))
            if using := join.args.get("using"):
                join.set("using", [self._scope.column_identifier(c.name) for c in using])

    def _source(self, node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Subquery):
            query = self.query(node)
            self._scope.add_derived(query)
            return query
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise QueryError(f"{node.sql('mysql')} is not a table")
        return self._scope.table(node)

    def _order(self, node: exp.Expr) -> None:
        x = self._expressions
        if order := node.args.get("order"):
            for ordered in order.expressions:
                if not (isinstance(ordered.this, exp.Literal) and not ordered.this.is_string):
                    value = x.expression(ordered.this)
                    ordered.set("this", fold(value) if kind(value) == "text" else value)
        for clause in ("limit", "offset"):
            found = node.args.get(clause)
            if found and not (isinstance(found.expression, exp.Literal)):
                raise QueryError(f"{clause.upper()} must be a number")


def _name_projections(node: exp.Select) -> None:
    """Keep a column's own spelling as the name of the result's column."""
    named = []
    for projection in node.expressions:
        if isinstance(projection, exp.Column) and not isinstance(projection.this, exp.Star):
            named.append(exp.alias_(projection, projection.name, quoted=True))
        else:
            named.append(projection)
    node.set("expressions", named)


def _resolve_aliases(node: exp.Select) -> None:
    """Put the expression in place of a select list's alias or number in the later clauses."""
    aliases = {
        e.alias.lower(): e.this for e in node.expressions if isinstance(e, exp.Alias) and e.alias
    }

    def resolved(part: Node) -> Node:
        if isinstance(part, exp.Column) and not part.table and part.name.lower() in aliases:
            target = aliases[part.name.lower()]
            return target.copy() if isinstance(target, exp.Column) else exp.paren(target.copy())
        return part

    def numbered(part: Node) -> Node:
        if not isinstance(part, exp.Literal) or part.is_string:
            return resolved_all(part)
        number = int(part.this) if part.this.isdecimal() else 0
        if not 0 < number <= len(node.expressions):
            raise QueryError(f"there is no column {part.this} to group or order by")
        projection: Node = node.expressions[number - 1]
        return projection.unalias().copy()

    def resolved_all(part: Node) -> Node:
        return part.transform(resolved)

    if having := node.args.get("having"):
        having.set("this", resolved_all(having.this))
    if group := node.args.get("group"):
        group.set("expressions", [numbered(e) for e in group.expressions])
    if order := node.args.get("order"):
        for ordered in order.expressions:
            ordered.set("this", numbered(ordered.this))


def _grouped(node: exp.Select) -> exp.Select:
    """Group text as MariaDB does, and take any value of what is outside of the group."""
    group = node.args.get("group")
    having = node.args.get("having")
    if node.args.get("distinct") and not group and not _aggregates(node):
        return _distinct(node)
    if group is None and not _aggregates(node):
        if having:
            node.set("having", None)
            node.where(having.this, copy=False)
        return node
    keys = list(group.expressions) if group else []
    if any(e.is_star for e in node.expressions):
        raise QueryError("SELECT * with GROUP BY is not translated")
    node.set("expressions", [_outside(e, keys) for e in node.expressions])
    if having:
        having.set("this", _outside(having.this, keys))
    if order := node.args.get("order"):
        for ordered in order.expressions:
            ordered.set("this", _outside(ordered.this, keys))
    if group:
        group.set("expressions", [_key(k) for k in keys])
    return node


def _distinct(node: exp.Select) -> exp.Select:
    projections = [e.unalias() for e in node.expressions]
    if not any(kind(p) == "text" for p in projections):
        return node
    node.set("distinct", None)
    keys = [_key(p.copy()) for p in projections]
    node.set("group", exp.Group(expressions=keys))
    plain = [p for p in projections if kind(p) != "text"]
    node.set("expressions", [_outside(e, plain) for e in node.expressions])
    if order := node.args.get("order"):
        for ordered in order.expressions:
            ordered.set("this", _outside(ordered.this, plain))
    return node


def _key(node: Node) -> Node:
    return fold(node, trim=True) if kind(node) == "text" else node


def _aggregates(node: exp.Select) -> bool:
    parts: list[Node] = [*node.expressions]
    parts += [node.args[k] for k in ("having", "order") if node.args.get(k)]
    return any(isinstance(n, exp.AggFunc) for part in parts for n in _own(part))


def _own(node: Node) -> Iterator[Node]:
    """The nodes below, without those of inner SELECTs."""
    yield from node.walk(prune=lambda n: isinstance(n, exp.Query))


def _outside(node: Node, keys: list[Node]) -> Node:
    """The expression with any_value around columns that are neither grouped nor aggregated."""
    if isinstance(node, exp.AggFunc | exp.Query):
        return node
    if node in keys and kind(node) != "text":
        return node
    if isinstance(node, exp.Column) or (node in keys and not isinstance(node, exp.Literal)):
        return tag(exp.AnyValue(this=node.copy()), kind(node))
    for key, value in list(node.args.items()):
        if isinstance(value, exp.Expr):
            node.set(key, _outside(value, keys))
        elif isinstance(value, list):
            node.set(key, [_outside(v, keys) if isinstance(v, exp.Expr) else v for v in value])
    return node
