"""MySQL's functions of text and addresses in the house dialect."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from sqlglot import exp

from siemstress.errors import QueryError
from siemstress.query.mysql_nodes import Node, call, fold, tag

if TYPE_CHECKING:
    from siemstress.query.mysql_functions import Functions, Rewrite


def _length(f: Functions, node: exp.Expr) -> Node:
    name = "strlen" if node.args.get("binary") else "length"
    return call(name, f.value("text", node.this), kind_="number")


def _substring(f: Functions, node: exp.Expr) -> Node:
    numbers = [f.value("number", node.args[k]) for k in ("start", "length") if k in node.args]
    return call("substring", f.value("text", node.this), *numbers, kind_="text")


def _mid(f: Functions, node: exp.Expr) -> Node:
    text, start, length = f.arguments(node, 3, 3)
    return _substring(f, exp.Substring(this=text, start=start, length=length))


def _end(f: Functions, node: exp.Expr) -> Node:
    length = exp.Greatest(
        this=f.value("number", node.expression), expressions=[exp.Literal.number(0)]
    )
    name = "left" if isinstance(node, exp.Left) else "right"
    return call(name, f.value("text", node.this), length, kind_="text")


def _trim(f: Functions, node: exp.Expr) -> Node:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(
        str(node.args.get("position") or "").upper(), "trim"
    )
    characters = node.args.get("expression") or exp.Literal.string(" ")
    if not isinstance(characters, exp.Literal) or len(characters.this) != 1:
        raise QueryError("TRIM is translated with one character only")
    return call(name, f.value("text", node.this), characters.copy(), kind_="text")


def _position(f: Functions, node: exp.Expr) -> Node:
    # MariaDB looks for the bytes here: case does not matter, accents do.
    text = exp.Lower(this=f.value("text", node.this))
    wanted = exp.Lower(this=f.value("text", node.args["substr"]))
    start = node.args.get("position")
    if start is None:
        return call("strpos", text, wanted, kind_="number")
    if not (isinstance(start, exp.Literal) and start.this.isdecimal() and int(start.this)):
        raise QueryError("LOCATE is translated with a literal start only")
    before = int(start.this) - 1
    found = call("strpos", call("substring", text, before + 1, kind_="text"), wanted, kind_="")
    none = exp.EQ(this=found, expression=exp.Literal.number(0))
    where = exp.Add(this=found.copy(), expression=exp.Literal.number(before))
    case = exp.Case(ifs=[exp.If(this=none, true=exp.Literal.number(0))], default=where)
    return tag(case, "number")


def _find_in_set(f: Functions, node: exp.Expr) -> Node:
    wanted, members = (fold(f.value("text", a)) for a in f.arguments(node, 2, 2))
    parts = call("string_split", members, ",", kind_="unknown")
    place = call("list_position", parts, wanted, kind_="number")
    null = exp.or_(
        exp.Is(this=wanted.copy(), expression=exp.Null()),
        exp.Is(this=members.copy(), expression=exp.Null()),
    )
    found = exp.Coalesce(this=place, expressions=[exp.Literal.number(0)])
    return tag(exp.Case(ifs=[exp.If(this=null, true=exp.Null())], default=found), "number")


def _substring_index(f: Functions, node: exp.Expr) -> Node:
    count = node.args["count"]
    sign = -1 if isinstance(count, exp.Neg) else 1
    literal = count.this if sign < 0 else count
    if not (isinstance(literal, exp.Literal) and literal.this.isdecimal()):
        raise QueryError("SUBSTRING_INDEX is translated with a literal count only")
    number = sign * int(literal.this)
    if number == 0:
        return tag(exp.Literal.string(""), "text")
    delimiter = f.value("text", node.args["delimiter"])
    parts = call("string_split", f.value("text", node.this), delimiter, kind_="unknown")
    ends = (1, number) if number > 0 else (number, -1)
    some = call("list_slice", parts, *ends, kind_="unknown")
    return call("array_to_string", some, delimiter.copy(), kind_="text")


def _strcmp(f: Functions, node: exp.Expr) -> Node:
    left, right = f.arguments(node, 2, 2)
    a, b = f.x.pair(f.value("text", left), f.value("text", right))
    less = exp.If(this=exp.LT(this=a, expression=b), true=exp.Literal.number(-1))
    same = exp.If(this=exp.EQ(this=a.copy(), expression=b.copy()), true=exp.Literal.number(0))
    more = exp.If(this=exp.GT(this=a.copy(), expression=b.copy()), true=exp.Literal.number(1))
    return tag(exp.Case(ifs=[less, same, more]), "number")


def _inet_aton(f: Functions, node: exp.Expr) -> Node:
    (argument,) = f.arguments(node, 1, 1)
    address = f.value("text", argument)
    if isinstance(address, exp.Literal):
        try:
            return tag(exp.Literal.number(int(ipaddress.IPv4Address(address.this))), "number")
        except ValueError:
            raise QueryError(f"INET_ATON of {address.this!r}, no IPv4 address") from None
    pattern = r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$"
    valid = call("regexp_matches", address, pattern, kind_="bool")
    total: exp.Expr = exp.Literal.number(0)
    for place, weight in enumerate((2**24, 2**16, 2**8, 1), start=1):
        part = call("split_part", address.copy(), ".", place, kind_="text")
        value = exp.TryCast(this=part, to=exp.DataType.build("bigint"))
        total = exp.Add(
            this=total, expression=exp.Mul(this=value, expression=exp.Literal.number(weight))
        )
    return tag(exp.Case(ifs=[exp.If(this=valid, true=total)]), "number")


TYPED: dict[type[exp.Expr], Rewrite] = {
    exp.Length: _length,
    exp.Substring: _substring,
    exp.Left: _end,
    exp.Right: _end,
    exp.Trim: _trim,
    exp.StrPosition: _position,
    exp.SubstringIndex: _substring_index,
}
NAMED: dict[str, Rewrite] = {
    "mid": _mid,
    "find_in_set": _find_in_set,
    "strcmp": _strcmp,
    "inet_aton": _inet_aton,
}
