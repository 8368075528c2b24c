"""siemquery --templates and --clock: looks at events as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from siemstress.commands.siemquery import sections_of

if TYPE_CHECKING:
    from siemstress.commands.siemquery import Question
    from siemstress.query.events import Events


def templates(question: Question) -> None:
    """Show what messages have in common, how many of each kind there are, when and where."""
    from siemstress.query import templates as mining

    events = _events(question)
    query = mining.statement(events)
    question.explain(query)
    limit, rarest = question.limit(), question.options.reverse
    answer = mining.templates(events, query, limit, rarest=rarest)
    question.show(answer, mining.COLUMNS, None, "no events")


def clock(question: Question) -> None:
    """Show how far the clock of each host is from ours, those that are off most first."""
    from siemstress.query import clock as clocks

    events = clocks.by_arrival(_events(question))
    query = clocks.statement(events, question.limit(), reverse=question.options.reverse)
    question.explain(query)
    question.show(clocks.clocks(events, query), clocks.COLUMNS, None, "no events")


def _events(question: Question) -> Events:
    return question.events(sections_of(question.options, question.config, question.store))
