"""Which rows of its tables a query can want, so that no others are pulled from the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from siemstress.store.mariadb.relation import Relation
from siemstress.store.mariadb.translate import Clauses, number, source_of
from siemstress.store.mariadb.translate_expressions import Expressions
from siemstress.store.mariadb.translate_values import Untranslated
from siemstress.store.mariadb.translated import NOTHING, Sql, every, in_bounds, in_ranges, joined

# What a SELECT may have for its LIMIT to be one on the rows of its table.
_PLAIN = {"expressions", "from_", "where", "order", "limit", "offset"}
_PARTS = {"expressions", "from_", "where"}
# What a column of its result may be made of, so that every row gives one.
_SIMPLE = (exp.Star, exp.Column, exp.Alias, exp.Identifier, exp.Literal, exp.Bracket, exp.Null,
           exp.Cast, exp.DataType)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """The rows that can be wanted: a condition, and what stands behind it."""

    condition: Sql
    rest: Sql = NOTHING


def everything(relation: Relation) -> Wanted:
    """All rows of a relation."""
    return Wanted(every(_always(relation)))


def narrowed(query: exp.Query | None, relations: Mapping[str, Relation]) -> dict[str, Wanted]:
    """The rows that a query can want of each relation; without a query all of them."""
    found = {called: everything(relation) for called, relation in relations.items()}
    if query is None:
        return found
    for called, relation in relations.items():
        tables = [t for t in query.find_all(exp.Table) if t.name.lower() == called.lower()]
        select = tables[0].parent_select if len(tables) == 1 else None
        if select is not None and relation.table is not None and _reads(select, tables[0]):
            found[called] = _of(select, tables[0], relation)
    return found


def limited_inside(query: exp.Query) -> exp.Query:
    """The query with the limit on a UNION ALL in each of its parts as well; the tree is changed."""
    for union in list(query.find_all(exp.Union)):
        subquery = union.parent
        select = subquery.parent_select if isinstance(subquery, exp.Subquery) else None
        if subquery is None or select is None or not _reads(select, subquery):
            continue
        if not _is_limited(select):
            continue
        parts = list(_parts(union))
        keys = [o.this for o in select.args["order"].expressions]
        names = parts[0].named_selects if isinstance(parts[0], exp.Select) else []
        if all(_can_be_limited(part, names, keys) for part in parts):
            for part in parts:
                order = select.args["order"].copy()
                for key in order.find_all(exp.Column):
                    key.set("table", None)
                part.set("order", order)
                part.set("limit", exp.Limit(expression=exp.Literal.number(_count(select))))
    return query


def _parts(union: exp.Expr) -> Iterator[exp.Expr]:
    """The queries with UNION ALL between them, those in parentheses bare."""
    if isinstance(union, exp.Union) and union.args.get("distinct") is False:
        yield from _parts(union.this)
        yield from _parts(union.expression)
    elif isinstance(union, exp.Subquery) and not union.alias:
        yield from _parts(union.this)
    else:
        yield union


def _is_limited(select: exp.Select) -> bool:
    if any(value and key not in _PLAIN for key, value in select.args.items()):
        return False
    limits = (select.args.get(clause) for clause in ("limit", "offset"))
    literal = all(n is None or isinstance(n.expression, exp.Literal) for n in limits)
    return literal and all(map(select.args.get, ("order", "limit"))) and _is_simple(select)


def _can_be_limited(part: exp.Expr, names: Sequence[str], keys: Sequence[exp.Expr]) -> bool:
    """Whether a SELECT has no order of its own, and its columns for the keys where `names` are."""
    if not isinstance(part, exp.Select) or any(v and k not in _PARTS for k, v in part.args.items()):
        return False
    own = part.named_selects
    return len(own) == len(names) and all(
        isinstance(key, exp.Column)
        and names.count(key.name) == own.count(key.name) == 1
        and names.index(key.name) == own.index(key.name)
        for key in keys
    )


def _count(select: exp.Select) -> int:
    offset = select.args.get("offset")
    return number(select.args["limit"].expression) + (number(offset.expression) if offset else 0)


def row_by_row(query: exp.Query | None) -> str | None:
    """The only table of a query whose answer is made of each row by itself; None otherwise."""
    if not isinstance(query, exp.Select) or len(list(query.find_all(exp.Query))) != 1:
        return None
    clause = query.args.get("from_")
    table = clause.this if clause is not None else None
    if not isinstance(table, exp.Table) or not _reads(query, table):
        return None
    if any(value and key not in _PARTS for key, value in query.args.items()):
        return None
    return table.name if _is_simple(query) else None


def _is_simple(select: exp.Select) -> bool:
    return all(isinstance(n, _SIMPLE) for e in select.expressions for n in e.walk())


def _reads(select: exp.Select, table: exp.Expr) -> bool:
    """Whether a SELECT reads this table or subquery, and nothing else, as it is."""
    clause = select.args.get("from_")
    if clause is None or clause.this is not table or select.args.get("joins"):
        return False
    return not any(value for key, value in table.args.items() if key not in ("this", "alias"))


def _of(select: exp.Select, table: exp.Table, relation: Relation) -> Wanted:
    always = every(_always(relation))
    try:
        source = source_of(relation, table.alias_or_name, "", whole=False)
    except Untranslated:
        return Wanted(always)
    expressions = Expressions(source.find)
    conditions, all_of_them = [always], True
    for part in _conjuncts(select):
        try:
            conditions.append(expressions.condition(part))
        except Untranslated:
            all_of_them = False
    if relation.where is not None:
        try:
            conditions.append(Expressions(source.stored).condition(relation.where))
        except Untranslated:
            all_of_them = False
    try:
        rest = _first(select, expressions) if all_of_them else NOTHING
    except Untranslated:
        rest = NOTHING
    return Wanted(every(conditions), rest)


def _always(relation: Relation) -> Iterator[Sql]:
    yield from in_ranges(relation)
    yield from in_bounds(relation)


def _conjuncts(select: exp.Select) -> Iterator[exp.Expr]:
    where = select.args.get("where")
    if where is not None:
        condition = where.this.unnest()
        yield from condition.flatten() if isinstance(condition, exp.And) else [condition]


def _first(select: exp.Select, expressions: Expressions) -> Sql:
    """The order and number of rows that are wanted, where no more than some are."""
    if select.args.get("limit") is None or any(
        value and key not in _PLAIN for key, value in select.args.items()
    ):
        return NOTHING
    if not _is_simple(select):
        return NOTHING
    order = Clauses(select, expressions, [], []).order()
    return joined([*order, Sql(f"LIMIT {_count(select)}")], " ")
