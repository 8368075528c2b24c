"""Limit rules, the original's and ours, as windows over feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from siemstress.rules.episodes.model import Followed, Number, Threshold
from siemstress.rules.episodes.model import Window as Episodes
from siemstress.rules.feeds import Feed, Part, Windowed
from siemstress.rules.model import MICROSECOND
from siemstress.rules.sql_feeds import group_value

if TYPE_CHECKING:
    from siemstress.rules.model import Rule, Window


def windowed(rule: Rule, match: Window) -> Windowed:
    """The windows in which more events than a rule's limit are too many."""
    names = tuple(key.name for key in match.group_by)
    span = match.span // MICROSECOND
    suppress = rule.suppress // MICROSECOND

    def part(condition: exp.Expr | None, name: str) -> Part:
        feed = Feed(rule.tables, _counted(rule, match, condition), names)
        return Part(name, feed, names)

    if match.then is None:
        threshold = Threshold(((">", rule.limit),))
        window = Episodes(Number("events", threshold), span, span, suppress)
        return Windowed((part(match.condition, ""),), window, names)
    window = Episodes(Followed(rule.limit), span, span, suppress)
    parts = (part(match.condition, "counted"), part(match.then, "then"))
    return Windowed(parts, window, names)


def _counted(rule: Rule, match: Window, condition: exp.Expr | None) -> exp.Expr | None:
    """What holds for an event that counts: it has a group, and is no alert of the rule itself."""
    values = [group_value(key) for key in match.group_by]
    parts: list[exp.Expr] = [exp.Not(this=exp.Is(this=v, expression=exp.null())) for v in values]
    if condition is not None:
        parts.append(exp.paren(condition.copy()))
    if rule.out_table in rule.tables:
        own = exp.NullSafeEQ(
            this=exp.column("source_rule", quoted=True), expression=exp.Literal.string(rule.name)
        )
        parts.append(exp.Not(this=own))
    return exp.and_(*parts) if parts else None
