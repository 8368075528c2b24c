"""Functions, sums, choices and aggregates of the house dialect as MariaDB understands them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from siemstress.store.mariadb.translate_expressions import COMPARABLE, Expressions
from siemstress.store.mariadb.translate_text import in_lower_case
from siemstress.store.mariadb.translate_values import (
    EXACT,
    WHOLE,
    Untranslated,
    Value,
    check_is_short,
    lower,
    same_kind,
)
from siemstress.store.mariadb.translated import Sql, build, joined, value

# Patterns that all engines of regular expressions read alike: words, one of which is found.
_WORDS = re.compile(r"[A-Za-z0-9 _@:/=,;<>\"'%&#!~|-]+")
# A key of `fields` that needs no care in a JSON path.
_PLAIN_KEY = re.compile(r"[^\x00-\x1f\"\\*?\[\]{}$]+")
_TRUNCATED = {
    "SECOND": "%Y-%m-%d %H:%i:%s",
    "MINUTE": "%Y-%m-%d %H:%i:00",
    "HOUR": "%Y-%m-%d %H:00:00",
    "DAY": "%Y-%m-%d 00:00:00",
    "MONTH": "%Y-%m-01 00:00:00",
    "YEAR": "%Y-01-01 00:00:00",
}
_EPOCH = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {})"


def _sum(x: Expressions, node: exp.Expr) -> Value:
    left, right = (x.of(side, *WHOLE) for side in (node.this, node.expression))
    # What overflows 32 bits is an error in DuckDB.
    if "bigint" not in (left.kind, right.kind):
        raise Untranslated("a sum of small numbers")
    sign = "+" if isinstance(node, exp.Add) else "-"
    return Value(build(f"({{}} {sign} {{}})", left.sql, right.sql), "bigint")


def _division(x: Expressions, node: exp.Expr) -> Value:
    left, right = x.of(node.this, *WHOLE), node.expression.unnest()
    # Division by zero is an error in DuckDB, and null in MariaDB.
    if not isinstance(right, exp.Literal) or x.value(right).sql.text == "0":
        raise Untranslated("a division")
    divisor = x.of(right, *WHOLE).sql
    if isinstance(node, exp.Div):
        return Value(build("({} + 0e0) / ({} + 0e0)", left.sql, divisor), "double")
    sign = "DIV" if isinstance(node, exp.IntDiv) else "%%"
    return Value(build(f"({{}} {sign} {{}})", left.sql, divisor), left.kind)


def _rounded(x: Expressions, node: exp.Expr) -> Value:
    inner = x.of(node.this, "double")
    name = "CEIL" if isinstance(node, exp.Ceil) else "FLOOR"
    return Value(build(f"{name}({{}})", inner.sql), "double")


def _anonymous(x: Expressions, node: exp.Anonymous) -> Value:
    if node.name.lower() == "epoch_us" and len(node.expressions) == 1:
        return Value(build(_EPOCH, x.of(node.expressions[0], "time").sql), "bigint")
    if node.name.lower() == "strlen" and len(node.expressions) == 1:
        inner = x.of(node.expressions[0], "text")
        return Value(build("LENGTH({})", inner.sql), "bigint")
    raise Untranslated(f"{node.name}()")


def _regexp(x: Expressions, node: exp.RegexpLike) -> Value:
    subject = x.of(node.this, "text")
    pattern, flag = node.expression, node.args.get("flag")
    if not isinstance(pattern, exp.Literal) or not _WORDS.fullmatch(pattern.this):
        raise Untranslated("a regular expression")
    if flag is not None and (not isinstance(flag, exp.Literal) or flag.this not in ("i", "c")):
        raise Untranslated("flags of a regular expression")
    caseless = flag is not None and flag.this == "i"
    text = subject.overlooking if caseless else subject.exact
    return Value(build("({}) REGEXP {}", text, value(pattern.this)), "bool")


def _position(x: Expressions, node: exp.StrPosition) -> Value:
    wanted = x.value(node.args["substr"]).text
    subject = x.lowered(node.this)
    if wanted is None or subject is None or lower(wanted) != wanted:
        raise Untranslated("STRPOS")
    return Value(build("LOCATE({}, {})", value(wanted), in_lower_case(subject)), "bigint")


def _length(x: Expressions, node: exp.Length) -> Value:
    return Value(build("CHAR_LENGTH({})", x.of(node.this, "text").sql), "bigint")


def _truncated(x: Expressions, node: exp.TimestampTrunc) -> Value:
    layout = _TRUNCATED.get(str(node.unit and node.unit.name).upper())
    if layout is None:
        raise Untranslated("DATE_TRUNC")
    inner = x.of(node.this, "time")
    stamp = build("DATE_FORMAT({}, {})", inner.sql, value(layout))
    return Value(build("CAST({} AS DATETIME(6))", stamp), "time")


def _case(x: Expressions, node: exp.Case) -> Value:
    if node.this is not None:
        raise Untranslated("CASE of a value")
    default = node.args.get("default") or exp.Null()
    values = [x.value(n) for n in (*(b.args["true"] for b in node.args["ifs"]), default)]
    kind = same_kind(values)
    branches = [
        build("WHEN {} THEN {}", x.condition(branch.this), v.exact)
        for branch, v in zip(node.args["ifs"], values, strict=False)
    ]
    return Value(build("CASE {} ELSE {} END", joined(branches, " "), values[-1].exact), kind)


def _coalesce(x: Expressions, node: exp.Coalesce) -> Value:
    values = [x.value(n) for n in (node.this, *node.expressions)]
    listed = joined((v.exact for v in values), ", ")
    never_null = any(v.never_null for v in values)
    return Value(build("COALESCE({})", listed), same_kind(values), never_null=never_null)


def _extreme(x: Expressions, node: exp.Expr) -> Value:
    """The least or largest of two, of which a null is none."""
    values = [x.value(n) for n in (node.this, *node.expressions)]
    if len(values) != 2 or not values[1].never_null or same_kind(values) != "time":
        raise Untranslated(node.sql_name() if isinstance(node, exp.Func) else node.key)
    name = "GREATEST" if isinstance(node, exp.Greatest) else "LEAST"
    either = build(f"{name}({{}}, {{}})", values[0].sql, values[1].sql)
    return Value(build("COALESCE({}, {})", either, values[1].sql), "time", never_null=True)


def _field(x: Expressions, node: exp.Bracket) -> Value:
    subject = x.of(node.this, "map")
    key = node.expressions[0] if len(node.expressions) == 1 else None
    if not (isinstance(key, exp.Literal) and key.is_string and _PLAIN_KEY.fullmatch(key.this)):
        raise Untranslated("a field by a name that needs care")
    found = build("JSON_VALUE({}, {})", subject.sql, value(f'$."{key.this}"'))
    return Value(build(f"{{}} COLLATE {EXACT}", found), "text")


def _count(x: Expressions, node: exp.Count) -> Value:
    if isinstance(node.this, exp.Star):
        return Value(Sql("COUNT(*)"), "bigint", never_null=True)
    if isinstance(node.this, exp.Distinct):
        if len(node.this.expressions) != 1:
            raise Untranslated("COUNT(DISTINCT a, b)")
        inner = x.value(node.this.expressions[0])
        check_is_short(inner)
        return Value(build("COUNT(DISTINCT {})", inner.sql), "bigint", never_null=True)
    return Value(build("COUNT({})", x.value(node.this).sql), "bigint", never_null=True)


def _extremum(x: Expressions, node: exp.Expr) -> Value:
    inner = x.value(node.this)
    if inner.kind not in COMPARABLE:
        raise Untranslated(f"the least or largest {inner.kind}")
    name = "MAX" if isinstance(node, exp.Max) else "MIN"
    return Value(build(f"{name}({{}})", inner.exact), inner.kind)


def _without_nulls(x: Expressions, node: exp.IgnoreNulls) -> Value:
    if not isinstance(node.this, exp.AnyValue):
        raise Untranslated("IGNORE NULLS")
    return _extremum(x, node.this)


def _total(x: Expressions, node: exp.Sum) -> Value:
    return Value(build("SUM({})", x.of(node.this, *WHOLE).sql), "bigint")


TRANSLATIONS: dict[type[exp.Expr], Callable[[Expressions, Any], Value]] = {
    exp.Add: _sum,
    exp.Sub: _sum,
    exp.Div: _division,
    exp.IntDiv: _division,
    exp.Mod: _division,
    exp.Ceil: _rounded,
    exp.Floor: _rounded,
    exp.Anonymous: _anonymous,
    exp.RegexpLike: _regexp,
    exp.StrPosition: _position,
    exp.Length: _length,
    exp.TimestampTrunc: _truncated,
    exp.Case: _case,
    exp.Coalesce: _coalesce,
    exp.Greatest: _extreme,
    exp.Least: _extreme,
    exp.Bracket: _field,
    exp.Count: _count,
    exp.Min: _extremum,
    exp.Max: _extremum,
    exp.AnyValue: _extremum,
    exp.Sum: _total,
    exp.IgnoreNulls: _without_nulls,
}
