"""Queries in the house dialect as queries of MariaDB's that give the same rows, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from siemstress.store.mariadb.relation import Relation
from siemstress.store.mariadb.tables import FOLDED_COLUMNS
from siemstress.store.mariadb.translate_expressions import Expressions
from siemstress.store.mariadb.translate_values import (
    KINDS,
    Untranslated,
    Value,
    check_is_short,
)
from siemstress.store.mariadb.translated import Sql, build, every, in_ranges, joined, name

_SELECT = {"expressions", "from_", "where", "group", "having", "order", "limit", "offset"}
_SELECT |= {"distinct"}


@dataclass(frozen=True)
class Source:
    """What a SELECT reads: its columns by their names in lower case, in order.

    `derived` are columns that are worked out, to be translated when they are asked for.
    """

    name: str
    sql: Sql
    columns: Mapping[str, Value]
    derived: Mapping[str, exp.Expr] = field(default_factory=dict)
    conditions: Sequence[Sql] = ()

    def find(self, table: str, column: str) -> Value:
        """The value of a column.

        Raises:
            Untranslated: it has no such column.

        """
        low = column.lower()
        if table and table.lower() != self.name.lower():
            raise Untranslated(f"table {table}")
        if low in self.derived:
            return Expressions(self.stored).value(self.derived[low])
        return self.stored(table, column)

    def stored(self, _table: str, column: str) -> Value:
        """The value of a column that is not worked out."""
        found = self.columns.get(column.lower())
        if found is None:
            raise Untranslated(f"column {column}")
        return found

    def names(self) -> Iterator[str]:
        """All columns' names."""
        yield from self.columns
        yield from (low for low in self.derived if low not in self.columns)


@dataclass(frozen=True)
class Translated:
    """A query: its SQL, and the names (None: it has none that counts) and values of its columns."""

    sql: Sql
    names: Sequence[str | None]
    columns: Sequence[Value]


def translate(query: exp.Query, relations: Mapping[str, Relation]) -> Translated:
    """A query whose tables are the relations.

    Raises:
        Untranslated: it holds something that is not known to mean the same.

    """
    try:
        return Translation(relations).query(query)
    except RecursionError:
        raise Untranslated("deep nesting") from None


def source_of(relation: Relation, called: str, alias: str, *, whole: bool = True) -> Source:
    """A relation as a SELECT's source; if not `whole`, without the conditions on its rows.

    Raises:
        Untranslated: there is no table, or its condition is not translated.

    """
    if relation.table is None:
        raise Untranslated("no table")
    columns = {}
    for column, kind in relation.types.items():
        sql = name(column) if not alias else build("{}.{}", name(alias), name(column))
        folded = column in FOLDED_COLUMNS
        columns[column.lower()] = Value(sql, KINDS[kind], folded, never_null=column == "id")
    table = name(relation.table)
    named = build("{} AS {}", table, name(alias)) if alias else table
    derived = {column.lower(): node for column, node in relation.derived.items()}
    source = Source(called, named, columns, derived)
    conditions = list(in_ranges(relation)) if whole else []
    if whole and relation.where is not None:
        conditions.append(Expressions(source.stored).condition(relation.where))
    return replace(source, conditions=conditions)


class Translation:
    """The queries within one query."""

    def __init__(self, relations: Mapping[str, Relation]) -> None:
        self._relations = {called.lower(): relation for called, relation in relations.items()}
        self._sources = 0

    def query(self, node: exp.Expr, *, exact: bool = False) -> Translated:
        """A SELECT, or several with UNION ALL between them; `exact`: its texts compare so."""
        if isinstance(node, exp.Subquery):
            _only(node, {"this"})
            return self.query(node.this, exact=exact)
        if isinstance(node, exp.Union):
            return self._union(node)
        if not isinstance(node, exp.Select):
            raise Untranslated(node.key)
        return self._select(node, exact=exact)

    def _union(self, node: exp.Union) -> Translated:
        _only(node, {"this", "expression"})
        if node.args.get("distinct") is not False:
            raise Untranslated("UNION")
        # Texts of both sides must compare alike.
        left, right = (self.query(n, exact=True) for n in (node.this, node.expression))
        if len(left.columns) != len(right.columns):
            raise Untranslated("UNION of different widths")
        columns = []
        for n, (a, b) in enumerate(zip(left.columns, right.columns, strict=True)):
            if a.kind != b.kind and "null" not in (a.kind, b.kind):
                raise Untranslated(f"UNION of {a.kind} and {b.kind}")
            kind = b.kind if a.kind == "null" else a.kind
            columns.append(Value(Sql(f"c{n}"), kind, never_null=a.never_null and b.never_null))
        sql = build("({}) UNION ALL ({})", left.sql, right.sql)
        return Translated(sql, left.names, columns)

    def _select(self, node: exp.Select, *, exact: bool) -> Translated:
        _only(node, _SELECT)
        source = self._source(node)
        expressions = Expressions(source.find)
        names, columns = self._projections(node, source, expressions)
        distinct = node.args.get("distinct")
        if distinct is not None:
            _only(distinct, set())
            for column in columns:
                check_is_short(column)
        if exact:
            columns = [column.exactly() for column in columns]
        selected = joined(
            (build(f"{{}} AS c{n}", column.sql) for n, column in enumerate(columns)), ", "
        )
        sql = build("SELECT {}{}", Sql("DISTINCT " if distinct else ""), selected)
        sql = build("{} FROM {}", sql, source.sql)
        conditions = list(source.conditions)
        if where := node.args.get("where"):
            conditions.append(expressions.condition(where.this))
        if conditions:
            sql = build("{} WHERE {}", sql, every(conditions))
        clauses = Clauses(node, expressions, names, columns)
        sql = joined([sql, *clauses.all()], " ")
        known = [Value(Sql(f"c{n}"), c.kind, c.folded, c.never_null) for n, c in enumerate(columns)]
        return Translated(sql, names, known)

    def _source(self, node: exp.Select) -> Source:
        clause = node.args.get("from_")
        if clause is None:
            raise Untranslated("no table")
        table = clause.this
        self._sources += 1
        alias = f"q{self._sources}"
        if isinstance(table, exp.Subquery):
            _only(table, {"this", "alias"})
            inner = self.query(table.this)
            return self._named(inner, _alias(table), alias)
        if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
            raise Untranslated(table.key)
        _only(table, {"this", "alias"})
        relation = self._relations.get(table.name.lower())
        if relation is None:
            raise Untranslated(f"table {table.name}")
        return source_of(relation, _alias(table) or table.name, alias)

    def _named(self, inner: Translated, called: str, alias: str) -> Source:
        columns: dict[str, Value] = {}
        for n, (column, known) in enumerate(zip(inner.names, inner.columns, strict=True)):
            low = column.lower() if column is not None else f"\0{n}"
            if low in columns:
                raise Untranslated("two columns of one name")
            sql = build("{}.{}", name(alias), name(f"c{n}"))
            columns[low] = Value(sql, known.kind, known.folded, known.never_null)
        return Source(called, build("({}) AS {}", inner.sql, name(alias)), columns)

    def _projections(
        self, node: exp.Select, source: Source, expressions: Expressions
    ) -> tuple[list[str | None], list[Value]]:
        names: list[str | None] = []
        columns: list[Value] = []
        for projection in node.expressions:
            if isinstance(projection, exp.Star):
                _only(projection, set())
                names += source.names()
                columns += [source.find("", low) for low in source.names()]
                continue
            named = isinstance(projection, exp.Alias | exp.Column)
            names.append(projection.alias_or_name if named else None)
            columns.append(expressions.value(projection.unalias()))
        return names, columns


class Clauses:
    """What stands behind a SELECT's conditions."""

    def __init__(
        self,
        node: exp.Select,
        expressions: Expressions,
        names: Sequence[str | None],
        columns: Sequence[Value],
    ) -> None:
        self._node = node
        self._expressions = expressions
        self._columns = columns
        self._named = {n.lower(): c for n, c in zip(names, columns, strict=True) if n is not None}

    def all(self) -> Iterator[Sql]:
        """The clauses, in order."""
        if group := self._node.args.get("group"):
            _only(group, {"expressions"})
            keys = [self._group_key(key) for key in group.expressions]
            yield build("GROUP BY {}", joined(keys, ", "))
        if having := self._node.args.get("having"):
            yield build("HAVING {}", self._expressions.condition(having.this))
        yield from self.order()
        for clause in ("limit", "offset"):
            if found := self._node.args.get(clause):
                yield Sql(f"{clause.upper()} {number(found.expression)}")
            elif clause == "limit" and self._node.args.get("offset"):
                yield Sql(f"LIMIT {2**63 - 1}")

    def order(self) -> Iterator[Sql]:
        """The clause that sorts, if there is one."""
        if order := self._node.args.get("order"):
            _only(order, {"expressions"})
            yield build("ORDER BY {}", joined(map(self._ordered, order.expressions), ", "))

    def _group_key(self, node: exp.Expr) -> Sql:
        if isinstance(node, exp.Literal):
            return _short(self._at(node))
        if isinstance(node, exp.Column) and not node.table:
            known = self._named.get(node.name.lower())
            if known is not None and known != self._expressions.value(node):
                raise Untranslated("a name of two things to group by")
        return _short(self._expressions.value(node))

    def _at(self, node: exp.Literal) -> Value:
        place = number(node)
        if not 0 < place <= len(self._columns):
            raise Untranslated(f"column {place}")
        return self._columns[place - 1]

    def _ordered(self, node: exp.Expr) -> Sql:
        if not isinstance(node, exp.Ordered):
            raise Untranslated("ORDER BY")
        _only(node, {"this", "desc", "nulls_first"})
        key = node.this
        if isinstance(key, exp.Literal):
            found = self._at(key)
        elif isinstance(key, exp.Column) and not key.table and key.name.lower() in self._named:
            found = self._named[key.name.lower()]
        else:
            found = self._expressions.value(key)
        descending, nulls_first = bool(node.args.get("desc")), bool(node.args.get("nulls_first"))
        order = build("{} DESC" if descending else "{}", _short(found))
        # Null is the least value to MariaDB.
        if found.never_null or nulls_first != descending:
            return order
        return build("({}) IS NULL{}, {}", found.sql, Sql(" DESC" if nulls_first else ""), order)


def _short(found: Value) -> Sql:
    check_is_short(found)
    return found.sql


def number(node: exp.Expr) -> int:
    """A literal whole number.

    Raises:
        Untranslated: it is none.

    """
    if not isinstance(node, exp.Literal) or node.is_string or not node.this.isdecimal():
        raise Untranslated("a number that is none")
    return int(node.this)


def _alias(node: exp.Expr) -> str:
    alias = node.args.get("alias")
    if alias is not None:
        _only(alias, {"this"})
    return node.alias


def _only(node: exp.Expr, known: set[str]) -> None:
    """Raise Untranslated for any argument of a node that is set and not known."""
    for key, given in node.args.items():
        if given and key not in known and key not in ("distinct",):
            raise Untranslated(f"{node.key} with {key}")
