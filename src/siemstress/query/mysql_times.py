"""MySQL's functions of times in the house dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from siemstress.errors import QueryError
from siemstress.query.mysql_nodes import DATE_WRAPPERS, Node, call, now, tag

if TYPE_CHECKING:
    from siemstress.query.mysql_functions import Functions, Rewrite

_FULL_UNITS = {"MICROSECOND": 1, "SECOND": 10**6, "MINUTE": 6 * 10**7, "HOUR": 36 * 10**8}
_FULL_UNITS |= {"DAY": 24 * _FULL_UNITS["HOUR"], "WEEK": 7 * 24 * _FULL_UNITS["HOUR"]}


def _now(_f: Functions, _node: exp.Expr) -> Node:
    return now()


def _today(_f: Functions, _node: exp.Expr) -> Node:
    return tag(exp.cast(now(), "date"), "date")


def _timestamp(f: Functions, node: exp.Expr) -> Node:
    if node.args.get("expression"):
        raise QueryError("TIMESTAMP() with two arguments is not translated")
    return f.value("time", node.this)


def _date(f: Functions, node: exp.Expr) -> Node:
    return tag(exp.cast(f.value("time", node.this), "date"), "date")


def _shift(f: Functions, node: exp.Expr) -> Node:
    way = exp.Sub if isinstance(node, exp.DateSub | exp.TimestampSub) else exp.Add
    interval = exp.Interval(this=node.expression, unit=node.args.get("unit"))
    return f.x.shifted(f.x.expression(node.this), interval, way)


def _named_shift(f: Functions, node: exp.Expr) -> Node:
    moment, amount = f.arguments(node, 2, 2)
    way = exp.Sub if node.name.lower() == "subdate" else exp.Add
    interval = (
        amount
        if isinstance(amount, exp.Interval)
        else exp.Interval(this=amount, unit=exp.Var(this="DAY"))
    )
    return f.x.shifted(f.x.expression(moment), interval, way)


def _unix_timestamp(f: Functions, node: exp.Expr) -> Node:
    arguments = f.arguments(node, 0, 1)
    moment = f.value("time", arguments[0]) if arguments else now()
    microseconds = call("epoch_us", moment, kind_="number")
    seconds = exp.Div(this=microseconds, expression=exp.Literal.number(10**6))
    return tag(exp.cast(exp.Floor(this=seconds), "bigint"), "number")


def _from_unixtime(f: Functions, node: exp.Expr) -> Node:
    if node.args.get("format"):
        raise QueryError("FROM_UNIXTIME() with a format is not translated")
    number = f.value("number", node.this)
    scaled = exp.Mul(this=number, expression=exp.Literal.number(10**6))
    return call("make_timestamp", exp.cast(scaled, "bigint"), kind_="time")


def _time_to_str(f: Functions, node: exp.Expr) -> Node:
    inner = node.this.this if isinstance(node.this, DATE_WRAPPERS) else node.this
    return call("strftime", f.value("time", inner), node.args["format"].copy(), kind_="text")


def _timestamp_diff(f: Functions, node: exp.Expr) -> Node:
    unit = str(node.args.get("unit") or "").upper()
    if unit not in _FULL_UNITS:
        raise QueryError(f"TIMESTAMPDIFF in {unit} is not translated")
    later, earlier = (
        call("epoch_us", f.value("time", n), kind_="number") for n in (node.this, node.expression)
    )
    apart = exp.Paren(this=exp.Sub(this=later, expression=earlier))
    return tag(exp.IntDiv(this=apart, expression=exp.Literal.number(_FULL_UNITS[unit])), "number")


def _date_diff(f: Functions, node: exp.Expr) -> Node:
    if node.args.get("unit"):
        raise QueryError("this form of DATEDIFF is not translated")
    later, earlier = (exp.cast(f.value("time", n), "date") for n in (node.this, node.expression))
    return call("date_diff", "day", earlier, later, kind_="number")


def _day_of_week(f: Functions, node: exp.Expr) -> Node:
    inner = node.this.this if isinstance(node.this, DATE_WRAPPERS) else node.this
    sunday0 = call("dayofweek", f.value("time", inner), kind_="number")
    return tag(exp.Paren(this=exp.Add(this=sunday0, expression=exp.Literal.number(1))), "number")


def _weekday(f: Functions, node: exp.Expr) -> Node:
    (day,) = f.arguments(node, 1, 1)
    monday1 = call("isodow", f.value("time", day), kind_="number")
    return tag(exp.Paren(this=exp.Sub(this=monday1, expression=exp.Literal.number(1))), "number")


def _extract(f: Functions, node: exp.Expr) -> Node:
    unit = node.this.name.upper()
    if unit not in ("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"):
        raise QueryError(f"EXTRACT({unit}) is not translated")
    moment = f.value("time", node.expression)
    return tag(exp.Extract(this=exp.Var(this=unit), expression=moment), "number")


TYPED: dict[type[exp.Expr], Rewrite] = {
    exp.CurrentTimestamp: _now,
    exp.Localtime: _now,
    exp.Localtimestamp: _now,
    exp.UtcTimestamp: _now,
    exp.CurrentDate: _today,
    exp.UtcDate: _today,
    exp.Timestamp: _timestamp,
    exp.TsOrDsToDate: _date,
    exp.DateAdd: _shift,
    exp.DateSub: _shift,
    exp.TimestampAdd: _shift,
    exp.TimestampSub: _shift,
    exp.UnixToTime: _from_unixtime,
    exp.TimeToStr: _time_to_str,
    exp.TimestampDiff: _timestamp_diff,
    exp.DateDiff: _date_diff,
    exp.DayOfWeek: _day_of_week,
    exp.Extract: _extract,
}
NAMED: dict[str, Rewrite] = {
    "now": _now,
    "sysdate": _now,
    "adddate": _named_shift,
    "subdate": _named_shift,
    "unix_timestamp": _unix_timestamp,
    "weekday": _weekday,
}
